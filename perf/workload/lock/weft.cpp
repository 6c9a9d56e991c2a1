#include <cstdint>
#include <mutex>
#include <vector>
#include <weft/weft.hpp>

#include "support/workload.hpp"

namespace weft::perf {
namespace {

void take_turns(WorkloadRun& run) {
    const std::int64_t tasks = run.size("tasks");
    const bool yields = run.size("yields") != 0;
    run.in_stealable_task([&] {
        const auto round = [&](std::int64_t each) {
            Lock lock;
            std::int64_t turns = 0;
            std::vector<Task<void>> all;
            for (std::int64_t i = 0; i < tasks; ++i) {
                all.push_back(spawn([&, each] {
                    for (std::int64_t j = 0; j < each; ++j) {
                        const std::scoped_lock held(lock);
                        ++turns;
                        if (yields) {
                            yield();
                        }
                    }
                }));
            }
            for (const Task<void>& task : all) {
                await(task);
            }
            expect_equal(turns, tasks * each, "the number of turns");
        };
        const std::int64_t each = run.size("turns") / tasks;
        round(1 + each / 10);
        const double time = nanoseconds_of([&] { round(each); });
        run.report("time", time / static_cast<double>(each * tasks), "ns");
    });
}

const bool added = add_workload("lock", &take_turns);

}  // namespace
}  // namespace weft::perf
