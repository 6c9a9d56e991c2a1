#include <weft/weft.hpp>

#include "support/workload.hpp"

namespace weft::perf {
namespace {

void spawn_and_join(WorkloadRun& run) {
    const std::int64_t tasks = run.size("tasks");
    run.in_runtime([&] {
        const auto round = [](std::int64_t count) {
            for (std::int64_t i = 0; i < count; ++i) {
                await(spawn([] {}));
            }
        };
        // As a task that may move, as those that it spawns.
        await(spawn([&] {
            round(tasks / 10);
            const double time = nanoseconds_of([&] { round(tasks); });
            run.report("time", time / static_cast<double>(tasks), "ns");
        }));
    });
}

const bool added = add_workload("spawn_join", &spawn_and_join);

}  // namespace
}  // namespace weft::perf
