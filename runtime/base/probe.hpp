#pragma once

#include <cstdint>

#include "base/atomic.hpp"

namespace weft::rt {

/// A count with one writer: a plain load and a plain store (0.3 ns), readable by any thread.
class Counter {
public:
    void add(std::uint64_t amount = 1) noexcept {
        value_.store(value_.load(relaxed) + amount, relaxed);
    }
    [[nodiscard]] std::uint64_t get() const noexcept { return value_.load(relaxed); }

private:
    // relaxed: a reader wants a recent number and orders nothing by it
    Atomic<std::uint64_t> value_{0};
};

/// What one worker counts, always on. Only the worker's own thread writes, but for the rescuer's.
struct alignas(kCacheLine) WorkerCounters {
    Counter tasks_spawned;   ///< tasks made by code that ran on this worker
    Counter tasks_run;       ///< times a task was started or resumed here
    Counter tasks_finished;  ///< tasks that ended here
    Counter callbacks_run;   ///< call_soon, timers, done-callbacks
    Counter steals;          ///< stealable tasks taken from another worker
    Counter steal_searches;  ///< times this worker went looking
    Counter spins;           ///< times it went on looking for a while before it slept
    Counter spins_in_vain;   ///< of these, the ones that brought nothing
    Counter injected;        ///< stealable tasks taken from the injection queue
    Counter mail_received;   ///< runnables that came through the mailbox
    Counter parks;           ///< times the worker slept in its reactor
    Counter wakes_sent;      ///< parked workers this one woke (eventfd writes)
    Counter wakes_received;  ///< times another thread ended a sleep of this worker
    Counter polls;           ///< visits to the reactor, sleeping or not
    Counter events;          ///< I/O events those brought
    Counter timers_fired;    ///< deadlines that came and were still wanted
    Counter turns;           ///< iterations of the loop
    Counter ring_overflows;  ///< ready tasks that went behind the newest 256, into the chain
    Counter stacks_refused;  ///< times a stack could not be had
    Counter rescued_timers;  ///< of the rescuer: deadlines of this worker that it fired
    Counter rescued_events;  ///< of the rescuer: I/O events of this worker that it saw to
    Counter
        rescued_tasks;  ///< of the rescuer: stealable tasks that it took from this worker's backlog
};

}  // namespace weft::rt
