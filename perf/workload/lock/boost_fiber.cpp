#include <boost/fiber/all.hpp>
#include <cstdint>
#include <mutex>
#include <vector>

#include "fibers.hpp"

namespace weft::perf {
namespace {

namespace bf = boost::fibers;

void take_turns(Run& run) {
    const std::int64_t tasks = run.size("tasks");
    const bool yields = run.size("yields") != 0;
    with_fibers(run, [&] {
        const auto round = [&](std::int64_t each) {
            bf::mutex mutex;
            std::int64_t turns = 0;
            std::vector<bf::fiber> all;
            for (std::int64_t i = 0; i < tasks; ++i) {
                all.push_back(start_fiber([&, each] {
                    for (std::int64_t j = 0; j < each; ++j) {
                        const std::scoped_lock held(mutex);
                        ++turns;
                        if (yields) {
                            boost::this_fiber::yield();
                        }
                    }
                }));
            }
            for (bf::fiber& fiber : all) {
                fiber.join();
            }
            expect_equal(turns, tasks * each, "the number of turns");
        };
        const std::int64_t each = run.size("turns") / tasks;
        round(1 + each / 10);
        const double time = nanoseconds_of([&] { round(each); });
        run.report("time", time / static_cast<double>(each * tasks), "ns");
    });
}

const bool added = add_peer("lock", &take_turns);

}  // namespace
}  // namespace weft::perf
