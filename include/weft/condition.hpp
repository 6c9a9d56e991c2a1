#pragma once

#include <cstddef>
#include <limits>
#include <type_traits>
#include <utility>
#include <weft/detail/wait_queue.hpp>
#include <weft/lock.hpp>

namespace weft {

/// A queue of those who wait for something to become true that a lock guards.
///
/// wait() gives the lock back, sleeps until notify(), and takes the lock again. Several conditions
/// may share one lock. std::scoped_lock and std::unique_lock work with it.
///
///     const std::unique_lock lock(condition);
///     condition.wait_for([&] { return !items.empty(); });
///
/// Threads   any loop and any thread: tasks of several loops and plain threads may share one.
/// asyncio   Condition
class Condition {
public:
    /// Makes a condition with a lock of its own.
    Condition() noexcept : lock_(own_) {}
    /// Makes a condition of a lock that lives longer.
    explicit Condition(Lock& lock) noexcept : lock_(lock) {}
    Condition(const Condition&) = delete;
    Condition& operator=(const Condition&) = delete;
    ~Condition() = default;  ///< Nobody may be waiting.

    /// Takes the lock: Lock::acquire().
    ///
    /// asyncio   Condition.acquire
    void acquire() { lock_.acquire(); }
    /// Takes the lock if it is free: Lock::try_lock().
    [[nodiscard]] bool try_lock() noexcept { return lock_.try_lock(); }
    /// Gives the lock back: Lock::release().
    ///
    /// asyncio   Condition.release
    void release() { lock_.release(); }
    /// Returns whether somebody has the lock.
    ///
    /// asyncio   Condition.locked
    [[nodiscard]] bool locked() const noexcept { return lock_.locked(); }
    /// acquire(), for std::scoped_lock.
    void lock() { acquire(); }
    /// release(), for std::scoped_lock.
    void unlock() { release(); }

    /// Gives the lock back, waits for a notify(), and takes the lock again, in one step for whoever
    /// notifies. It may return without one: look again at what is waited for.
    ///
    /// Suspends      until notified and the lock is had. Those notified are in the order they came.
    /// Cancellation  the lock is taken again first, however often it is cancelled meanwhile; then
    ///               CancelledError, and a notification goes on to the next who waits.
    /// Errors        RuntimeError when the lock is not acquired, or in a callback; CancelledError.
    /// Threads       any; a plain thread blocks.
    /// asyncio       Condition.wait
    void wait();

    /// Waits until `predicate()` is true; it is called with the lock held.
    ///
    /// Suspends      while it is not; see wait().
    /// Cancellation  as wait().
    /// Errors        as wait(); what `predicate` throws.
    /// Threads       any.
    /// Returns       what `predicate` returned last.
    /// asyncio       Condition.wait_for
    template <class Predicate>
    auto wait_for(Predicate&& predicate) -> std::decay_t<std::invoke_result_t<Predicate&>> {
        for (;;) {
            auto result = predicate();
            if (result) {
                return result;
            }
            wait();
        }
    }

    /// Wakes up to `count` of those who wait. They go on when they have the lock, which the caller
    /// keeps. Never suspends.
    ///
    /// Errors    RuntimeError when the lock is not acquired.
    /// Threads   any.
    /// asyncio   Condition.notify
    void notify(std::size_t count = 1);

    /// Wakes all who wait.
    ///
    /// Errors    as notify().
    /// Threads   any.
    /// asyncio   Condition.notify_all
    void notify_all() { notify(std::numeric_limits<std::size_t>::max()); }

private:
    friend class Barrier;

    /// wait(), under the name of what is built on it.
    void wait_as(const char* what, const void* object);
    void wake(std::size_t count) noexcept;

    Lock own_;
    Lock& lock_;
    detail::WaitQueue waiters_;
};

}  // namespace weft
