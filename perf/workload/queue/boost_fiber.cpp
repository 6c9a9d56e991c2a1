#include <atomic>
#include <boost/fiber/all.hpp>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "fibers.hpp"

namespace weft::perf {
namespace {

namespace bf = boost::fibers;

void hand_over_items(Run& run) {
    const std::int64_t producers = run.size("producers");
    const std::int64_t consumers = run.size("consumers");
    with_fibers(run, [&] {
        const auto round = [&](std::int64_t items) {
            bf::buffered_channel<std::int64_t> queue(static_cast<std::size_t>(run.size("capacity"))
            );
            std::vector<bf::fiber> all;
            std::atomic<std::int64_t> sum = 0;
            for (std::int64_t i = 0; i < consumers; ++i) {
                all.push_back(start_fiber([&, count = items / consumers] {
                    std::int64_t own = 0;
                    for (std::int64_t j = 0; j < count; ++j) {
                        own += queue.value_pop();
                    }
                    sum += own;
                }));
            }
            for (std::int64_t i = 0; i < producers; ++i) {
                all.push_back(start_fiber([&, count = items / producers] {
                    for (std::int64_t j = 0; j < count; ++j) {
                        queue.push(j);
                    }
                }));
            }
            for (bf::fiber& fiber : all) {
                fiber.join();
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

const bool added = add_peer("queue", &hand_over_items);

}  // namespace
}  // namespace weft::perf
