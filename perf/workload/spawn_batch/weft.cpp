#include <cstddef>
#include <cstdint>
#include <vector>
#include <weft/weft.hpp>

#include "support/workload.hpp"

namespace weft::perf {
namespace {

void spawn_a_batch(WorkloadRun& run) {
    const std::int64_t tasks = run.size("tasks");
    run.in_stealable_task([&] {
        const auto round = [tasks] {
            std::vector<Task<std::int64_t>> all;
            all.reserve(static_cast<std::size_t>(tasks));
            for (std::int64_t i = 0; i < tasks; ++i) {
                all.push_back(spawn([i] { return i; }));
            }
            std::int64_t sum = 0;
            for (const Task<std::int64_t>& task : all) {
                sum += await(task);
            }
            expect_equal(sum, tasks * (tasks - 1) / 2, "the sum");
        };
        round();  // the memory is there
        run.report("time", nanoseconds_of(round) / static_cast<double>(tasks), "ns");
    });
}

const bool added = add_workload("spawn_batch", &spawn_a_batch);

}  // namespace
}  // namespace weft::perf
