#pragma once

#include <atomic>
#include <cstdint>

namespace weft::storm {

/// What the child did so far; its loops' counters are added when a runtime has ended.
struct Totals {
    std::atomic<std::uint64_t> runtimes{0};
    std::atomic<std::uint64_t> tasks{0};
    std::atomic<std::uint64_t> switches{0};  ///< times a task left the CPU without having ended
    std::atomic<std::uint64_t> parks{0};     ///< times a loop slept
    std::atomic<std::uint64_t> wakes{0};     ///< sleeps of a loop that somebody else ended
    std::atomic<std::uint64_t> steals{0};
    std::atomic<std::uint64_t> operations{0};
    std::atomic<std::uint64_t> cancelled{0};  ///< waits that ended with CancelledError
    std::atomic<std::uint64_t> late{0};       ///< waits that ended with TimeoutError
};

/// What keeper and child both see: it lies in memory that the fork shares. The child writes, but for
/// the freezes.
struct Board {
    std::atomic<std::uint64_t> progress{0};  ///< whoever gets something done counts it here
    std::atomic<std::uint64_t> round{0};
    std::atomic<std::uint64_t> seed{0};  ///< of that round
    std::atomic<bool> storming{false};   ///< freezes are welcome
    Totals totals;
    std::atomic<std::uint64_t> freezes{0};
    std::atomic<std::uint64_t> frozen_ms{0};
};

static_assert(std::atomic<std::uint64_t>::is_always_lock_free, "two processes share them");

}  // namespace weft::storm
