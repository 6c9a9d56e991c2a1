#include <boost/fiber/all.hpp>
#include <cstdint>
#include <vector>

#include "fibers.hpp"

namespace weft::perf {
namespace {

namespace bf = boost::fibers;

void yield_tasks(Run& run) {
    const std::int64_t each = run.size("yields") / run.size("tasks");
    with_fibers(run, [&] {
        const auto round = [&](std::int64_t yields) {
            std::vector<bf::fiber> all;
            for (std::int64_t i = 0; i < run.size("tasks"); ++i) {
                all.push_back(start_fiber([yields] {
                    for (std::int64_t j = 0; j < yields; ++j) {
                        boost::this_fiber::yield();
                    }
                }));
            }
            for (bf::fiber& fiber : all) {
                fiber.join();
            }
        };
        round(1 + each / 10);
        const double time = nanoseconds_of([&] { round(each); });
        run.report("time", time / static_cast<double>(run.size("yields")), "ns");
    });
}

const bool added = add_peer("yield", &yield_tasks);

}  // namespace
}  // namespace weft::perf
