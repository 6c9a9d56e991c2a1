#include <boost/fiber/all.hpp>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <vector>

#include "fibers.hpp"

namespace weft::perf {
namespace {

namespace bf = boost::fibers;

void spawn_a_batch(Run& run) {
    const std::int64_t tasks = run.size("tasks");
    with_fibers(run, [&] {
        const auto round = [tasks] {
            std::vector<std::int64_t> results(static_cast<std::size_t>(tasks));
            std::vector<bf::fiber> all;
            all.reserve(results.size());
            for (std::int64_t i = 0; i < tasks; ++i) {
                all.push_back(start_fiber([&result = results[static_cast<std::size_t>(i)], i] {
                    result = i;
                }));
            }
            for (bf::fiber& fiber : all) {
                fiber.join();
            }
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
