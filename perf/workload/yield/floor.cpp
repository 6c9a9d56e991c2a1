#include <boost/context/detail/fcontext.hpp>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "peer.hpp"

namespace weft::perf {
namespace {

namespace context = boost::context::detail;

void come_back(context::transfer_t from) {
    for (;;) {
        from = context::jump_fcontext(from.fctx, nullptr);
    }
}

// As many switches, each to a stack or back from it, and nothing else.
void switch_stacks(Run& run) {
    const auto count = static_cast<std::size_t>(run.size("tasks"));
    const std::int64_t switches = run.size("yields");
    // A few lines more than a power of two: their ends lie in different sets of the cache.
    constexpr std::size_t kStackBytes = (16 * 1024) + (3 * 64);
    std::vector<char> memory(count * kStackBytes);
    std::vector<context::fcontext_t> tasks(count);
    for (std::size_t i = 0; i < count; ++i) {
        char* const end = memory.data() + ((i + 1) * kStackBytes);
        tasks[i] = context::make_fcontext(end, kStackBytes, &come_back);
    }
    const auto round = [&](std::int64_t times) {
        std::size_t next = 0;
        for (std::int64_t i = 0; i < times; i += 2) {
            tasks[next] = context::jump_fcontext(tasks[next], nullptr).fctx;
            next = next + 1 == count ? 0 : next + 1;
        }
    };
    round(switches / 10);
    const double time = nanoseconds_of([&] { round(switches); });
    run.report("time", time / static_cast<double>(switches), "ns");
}

const bool added = add_peer("yield", &switch_stacks);

}  // namespace
}  // namespace weft::perf
