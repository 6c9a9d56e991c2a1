#include <cstddef>
#include <vector>
#include <weft/weft.hpp>

#include "support/workload.hpp"

namespace weft::perf {
namespace {

void yield_tasks(WorkloadRun& run) {
    const auto tasks = static_cast<std::size_t>(run.size("tasks"));
    const std::int64_t each = run.size("yields") / run.size("tasks");
    run.in_runtime([&] {
        const auto round = [&](std::int64_t yields) {
            std::vector<Task<void>> all;
            all.reserve(tasks);
            for (std::size_t i = 0; i < tasks; ++i) {
                all.push_back(create_task([yields] {
                    for (std::int64_t j = 0; j < yields; ++j) {
                        yield();
                    }
                }));
            }
            for (const Task<void>& task : all) {
                await(task);
            }
        };
        round(1 + each / 10);
        const double time = nanoseconds_of([&] { round(each); });
        run.report("time", time / static_cast<double>(run.size("yields")), "ns");
    });
}

const bool added = add_workload("yield", &yield_tasks);

}  // namespace
}  // namespace weft::perf
