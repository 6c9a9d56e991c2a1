#pragma once

#include "base/clock.hpp"
#include "task/carrier.hpp"
#include "task/sleep_word.hpp"

namespace weft::rt {

/// A sleep about to begin: what the commit needs to make it known. Lives on the sleeper's stack.
struct Sleep {
    TaskState& task;
    std::uint64_t epoch;
    SleepWord<>::Options options;
    /// Runs after the sleep can be won; publishes the sleeper or drops the lock of the queue it is
    /// linked in. Null where the sleeper was published before (a deadline).
    void (*publish)(void* argument) noexcept;
    void* argument;
};

void park_commit(void* sleep) noexcept;

/// Sleeps as below, with a commit of the caller's own in place of park_commit.
[[gnu::always_inline]] inline WakeReason park(
    Carrier& carrier, Commit commit, void* argument, const char* what, const void* object
) noexcept {
    TaskState& self = *carrier.current;
    self.wait_what.store(what, release);
    self.wait_object.store(object, release);
    suspend(carrier, commit, argument);
    self.wait_what.store(nullptr, relaxed);
    return self.sleep.reason();
}

/// Sleeps until somebody wins the sleep; says why it ended. `what` and `object` are for a dump.
///
///   sleeper's thread                          waker
///   1. leaves the stack                       1. finds {task, epoch} where it was published
///   2. commit: open() the sleep word          2. claim(): CAS of the same word
///   3. commit: publish()                      3. the winner submits the task
///
/// A waker can find the sleeper only after 3, or holds a lock that 3 drops; then the word is open
/// and the stack complete (R4). Where the sleeper was published earlier (a deadline), the waker is the
/// loop itself, on this thread and after the commit; or a rescuer, which wins nothing before open() and
/// leaves the deadline where it is then. If open() says that a cancellation
/// was marked meanwhile, the commit races for the sleep like any waker.
[[gnu::always_inline]] inline WakeReason park(
    Carrier& carrier, const Sleep& sleep, const char* what, const void* object
) noexcept {
    return park(carrier, &park_commit, const_cast<Sleep*>(&sleep), what, object);
}

/// Whether a cancellation must not be thrown here: the task is unwinding (R7).
[[nodiscard]] inline bool cancellation_masked(const Carrier& carrier) noexcept {
    return carrier.exceptions->uncaught != 0;
}

/// Suspends for one turn, then throws if the task was cancelled: asyncio's sleep(0).
void yield_now();

/// Sleeps until `when`; throws if the task is cancelled first.
void sleep_until(Nanos when);

[[noreturn]] void throw_no_task(const char* what);

/// The carrier of a thread on which a task runs; throws RuntimeError in a callback or elsewhere.
[[nodiscard]] inline Carrier& require_task(const char* what) {
    Carrier* const carrier = current_carrier();
    if (carrier == nullptr || carrier->current == nullptr) [[unlikely]] {
        throw_no_task(what);
    }
    return *carrier;
}

}  // namespace weft::rt
