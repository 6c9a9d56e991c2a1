#include <cstdint>
#include <weft/weft.hpp>

#include "support/workload.hpp"

namespace weft::perf {
namespace {

void send_there_and_back(WorkloadRun& run) {
    const std::int64_t trips = run.size("trips");
    run.in_stealable_task([&] {
        const auto round = [](std::int64_t count) {
            Queue<std::int64_t> there(1);
            Queue<std::int64_t> back(1);
            const auto echo = spawn([&, count] {
                for (std::int64_t i = 0; i < count; ++i) {
                    back.put(there.get() + 1);
                }
            });
            std::int64_t ball = 0;
            for (std::int64_t i = 0; i < count; ++i) {
                there.put(ball);
                ball = back.get();
            }
            await(echo);
            expect_equal(ball, count, "the number of trips");
        };
        round(1 + trips / 10);
        const double time = nanoseconds_of([&] { round(trips); });
        run.report("time", time / static_cast<double>(trips), "ns");
    });
}

const bool added = add_workload("ping_pong", &send_there_and_back);

}  // namespace
}  // namespace weft::perf
