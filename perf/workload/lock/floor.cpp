#include <atomic>
#include <cstdint>

#include "peer.hpp"

namespace weft::perf {
namespace {

// Free: one compare and swap each. Handed over: no floor.
void compare_and_swap(Run& run) {
    if (run.size("tasks") != 1) {
        return;
    }
    const std::int64_t turns = run.size("turns");
    std::atomic<bool> taken = false;
    std::int64_t count = 0;
    const double time = nanoseconds_of([&] {
        for (std::int64_t i = 0; i < turns; ++i) {
            bool expected = false;
            count += taken.compare_exchange_strong(expected, true) ? 1 : 0;
            expected = true;
            taken.compare_exchange_strong(expected, false);
        }
    });
    expect_equal(count, turns, "the number of turns");
    run.report("time", time / static_cast<double>(turns), "ns");
}

const bool added = add_peer("lock", &compare_and_swap);

}  // namespace
}  // namespace weft::perf
