#include <boost/fiber/all.hpp>
#include <cstdint>

#include "fibers.hpp"

namespace weft::perf {
namespace {

namespace bf = boost::fibers;

void send_there_and_back(Run& run) {
    const std::int64_t trips = run.size("trips");
    with_fibers(run, [&] {
        const auto round = [](std::int64_t count) {
            // Of two places, one of which it never uses.
            bf::buffered_channel<std::int64_t> there(2);
            bf::buffered_channel<std::int64_t> back(2);
            bf::fiber echo = start_fiber([&, count] {
                for (std::int64_t i = 0; i < count; ++i) {
                    back.push(there.value_pop() + 1);
                }
            });
            std::int64_t ball = 0;
            for (std::int64_t i = 0; i < count; ++i) {
                there.push(ball);
                ball = back.value_pop();
            }
            echo.join();
            expect_equal(ball, count, "the number of trips");
        };
        round(1 + trips / 10);
        const double time = nanoseconds_of([&] { round(trips); });
        run.report("time", time / static_cast<double>(trips), "ns");
    });
}

const bool added = add_peer("ping_pong", &send_there_and_back);

}  // namespace
}  // namespace weft::perf
