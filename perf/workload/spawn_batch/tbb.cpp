#include <tbb/task_group.h>

#include <cstddef>
#include <cstdint>
#include <numeric>
#include <vector>

#include "peer.hpp"
#include "support/fork_join.hpp"
#include "workers.hpp"

namespace weft::perf {
namespace {

void spawn_a_batch(Run& run) {
    const std::int64_t tasks = run.size("tasks");
    with_workers(run, [&] {
        const auto round = [tasks] {
            std::vector<std::int64_t> results(static_cast<std::size_t>(tasks));
            tbb::task_group group;
            for (std::int64_t i = 0; i < tasks; ++i) {
                group.run([&result = results[static_cast<std::size_t>(i)], i] { result = i; });
            }
            group.wait();
            const std::int64_t sum =
                std::accumulate(results.begin(), results.end(), std::int64_t{0});
            expect_equal(sum, tasks * (tasks - 1) / 2, "the sum");
        };
        round();  // the memory is there
        run.report("time", nanoseconds_of(round) / static_cast<double>(tasks), "ns");
    });
}

const bool added = add_peer("spawn_batch", &spawn_a_batch);

}  // namespace
}  // namespace weft::perf
