#include <boost/context/detail/fcontext.hpp>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "peer.hpp"

namespace weft::perf {
namespace {

namespace context = boost::context::detail;

void echo(context::transfer_t from) {
    for (;;) {
        ++*static_cast<std::int64_t*>(from.data);
        from = context::jump_fcontext(from.fctx, from.data);
    }
}

// Two switches a trip, and the number in a variable.
void switch_there_and_back(Run& run) {
    const std::int64_t trips = run.size("trips");
    constexpr std::size_t kStackBytes = 16 * 1024;
    std::vector<char> stack(kStackBytes);
    context::fcontext_t other =
        context::make_fcontext(stack.data() + kStackBytes, kStackBytes, &echo);
    std::int64_t ball = 0;
    const auto round = [&](std::int64_t count) {
        for (std::int64_t i = 0; i < count; ++i) {
            other = context::jump_fcontext(other, &ball).fctx;
        }
    };
    round(trips / 10);
    ball = 0;
    const double time = nanoseconds_of([&] { round(trips); });
    expect_equal(ball, trips, "the number of trips");
    run.report("time", time / static_cast<double>(trips), "ns");
}

const bool added = add_peer("ping_pong", &switch_there_and_back);

}  // namespace
}  // namespace weft::perf
