#include <tbb/task_group.h>

#include <cstdint>

#include "peer.hpp"
#include "support/fork_join.hpp"
#include "workers.hpp"

namespace weft::perf {
namespace {

void spawn_and_join(Run& run) {
    const std::int64_t tasks = run.size("tasks");
    with_workers(run, [&] {
        tbb::task_group group;
        const auto round = [&](std::int64_t count) {
            for (std::int64_t i = 0; i < count; ++i) {
                group.run([] {});
                group.wait();
            }
        };
        round(tasks / 10);
        const double time = nanoseconds_of([&] { round(tasks); });
        run.report("time", time / static_cast<double>(tasks), "ns");
    });
}

const bool added = add_peer("spawn_join", &spawn_and_join);

}  // namespace
}  // namespace weft::perf
