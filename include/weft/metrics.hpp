#pragma once

#include <cstdint>
#include <vector>

namespace weft {

/// What one loop has counted since it was made. Each number grows only.
struct LoopMetrics {
    std::uint64_t tasks_spawned = 0;   ///< tasks made by code that ran here
    std::uint64_t tasks_run = 0;       ///< times a task was started or resumed here
    std::uint64_t tasks_finished = 0;  ///< tasks that ended here
    std::uint64_t callbacks_run = 0;   ///< call_soon, timers, done-callbacks
    std::uint64_t suspensions = 0;     ///< times a task left the CPU here
    std::uint64_t steals = 0;          ///< stealable tasks taken from other loops
    std::uint64_t steal_searches = 0;  ///< times this loop went looking for some
    std::uint64_t spins = 0;           ///< times it went on looking for a while, before it slept
    std::uint64_t spins_in_vain = 0;   ///< of these, the ones that brought nothing
    std::uint64_t injected = 0;        ///< stealable tasks taken that came from plain threads
    std::uint64_t mail_received = 0;   ///< tasks and callbacks that other threads left here
    std::uint64_t parks = 0;           ///< times the loop slept
    std::uint64_t wakes_sent = 0;      ///< sleeping loops that this one woke
    std::uint64_t wakes_received = 0;  ///< sleeps of this loop that somebody else ended
    std::uint64_t polls = 0;           ///< visits to the reactor
    std::uint64_t events = 0;          ///< I/O events those brought
    std::uint64_t timers_fired = 0;    ///< deadlines that came and were still wanted
    std::uint64_t turns = 0;           ///< iterations
    std::uint64_t ring_overflows = 0;  ///< ready tasks that stood behind the 256 newest
    std::uint64_t stacks_refused = 0;  ///< times a task had to wait for a stack
    std::uint64_t rescued = 0;         ///< tasks and I/O events seen to for it while it was stuck
};

/// Where the thread of one loop may run: what all its CPUs have in common, and -1 where they differ
/// or are not known. Equal numbers mean shared hardware.
struct LoopPlace {
    int cpu = -1;   ///< the one it is bound to, as the kernel numbers it
    int l3 = -1;    ///< the last-level cache; tells apart and means nothing else
    int node = -1;  ///< the NUMA node, as the kernel numbers it
};

/// What a runtime has counted, loop by loop.
struct Metrics {
    std::vector<LoopMetrics> loops;
    std::vector<LoopPlace> places;  ///< of the loops
    /// How many stealable tasks loop `thief` has taken from loop `victim`: the element
    /// thief * loops.size() + victim. The sum of a row is that loop's `steals`.
    std::vector<std::uint64_t> steals;

    /// Returns the sum over all loops.
    [[nodiscard]] LoopMetrics total() const noexcept;
    /// Returns how many tasks `thief` has taken from `victim`.
    ///
    /// Errors    ValueError when there is no such loop.
    [[nodiscard]] std::uint64_t steals_between(int thief, int victim) const;
};

}  // namespace weft
