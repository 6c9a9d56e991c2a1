#include <cstdint>
#include <vector>
#include <weft/weft.hpp>

#include "support/workload.hpp"

namespace weft::perf {
namespace {

void hand_over_items(WorkloadRun& run) {
    const std::int64_t producers = run.size("producers");
    const std::int64_t consumers = run.size("consumers");
    run.in_stealable_task([&] {
        const auto round = [&](std::int64_t items) {
            Queue<std::int64_t> queue(run.size("capacity"));
            std::vector<Task<void>> putting;
            std::vector<Task<std::int64_t>> getting;
            for (std::int64_t i = 0; i < consumers; ++i) {
                getting.push_back(spawn([&queue, count = items / consumers] {
                    std::int64_t sum = 0;
                    for (std::int64_t j = 0; j < count; ++j) {
                        sum += queue.get();
                    }
                    return sum;
                }));
            }
            for (std::int64_t i = 0; i < producers; ++i) {
                putting.push_back(spawn([&queue, count = items / producers] {
                    for (std::int64_t j = 0; j < count; ++j) {
                        queue.put(j);
                    }
                }));
            }
            std::int64_t sum = 0;
            for (const auto& task : getting) {
                sum += await(task);
            }
            for (const auto& task : putting) {
                await(task);
            }
            const std::int64_t each = items / producers;
            expect_equal(sum, producers * (each * (each - 1) / 2), "the sum");
        };
        const std::int64_t items = run.size("items");
        constexpr std::int64_t kShare = 10;
        const std::int64_t step = producers * consumers;
        round(((items / kShare / step) + 1) * step);
        const double time = nanoseconds_of([&] { round(items); });
        run.report("time", time / static_cast<double>(items), "ns");
    });
}

const bool added = add_workload("queue", &hand_over_items);

}  // namespace
}  // namespace weft::perf
