#include <boost/fiber/all.hpp>
#include <cstdint>

#include "fibers.hpp"

namespace weft::perf {
namespace {

namespace bf = boost::fibers;

void spawn_and_join(Run& run) {
    const std::int64_t tasks = run.size("tasks");
    with_fibers(run, [&] {
        const auto round = [](std::int64_t count) {
            for (std::int64_t i = 0; i < count; ++i) {
                start_fiber([] {}).join();
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
