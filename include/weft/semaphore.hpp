#pragma once

#include <atomic>
#include <cstddef>
#include <limits>
#include <weft/detail/holders.hpp>
#include <weft/detail/wait_queue.hpp>

namespace weft {

/// A number of permits: acquire() takes one, release() gives some back.
///
/// Served in the order of arrival: a permit goes straight to the first waiter, and a newcomer
/// queues behind whoever waits. It may be destroyed as soon as the last acquire() has returned and
/// the last release() was called.
///
/// Threads   any loop and any thread: tasks of several loops and plain threads may share one.
/// asyncio   Semaphore
class Semaphore {
public:
    /// Errors    ValueError when `value` is negative.
    explicit Semaphore(std::ptrdiff_t value = 1) : Semaphore(value, kNoBound) {}
    Semaphore(const Semaphore&) = delete;
    Semaphore& operator=(const Semaphore&) = delete;
    /// Nobody may be waiting.
    ~Semaphore() {
        if (detail::holders_are_watched()) [[unlikely]] {
            detail::forget_holders(this);
        }
    }

    /// Takes a permit, waiting while there is none.
    ///
    /// Suspends      while there is none. Waiters are served in the order they came.
    /// Cancellation  safe: a cancelled acquire() has no permit, and its turn went to the next.
    /// Errors        CancelledError; RuntimeError when it would have to wait in a callback.
    /// Threads       any; a plain thread blocks.
    /// asyncio       Semaphore.acquire
    void acquire() {
        if (!try_acquire()) [[unlikely]] {
            acquire_slow();
        }
    }

    /// Takes a permit if there is one that nobody waits for. Never suspends.
    ///
    /// Threads   any.
    /// Returns   whether the caller has it now.
    [[nodiscard]] bool try_acquire() noexcept {
        std::ptrdiff_t value = value_.load(std::memory_order_relaxed);
        while (value > 0) {
            if (value_.compare_exchange_weak(
                    value, value - 1, std::memory_order_acquire, std::memory_order_relaxed
                )) {  // release
                if (detail::holders_are_watched()) [[unlikely]] {
                    detail::note_taken(this);
                }
                return true;
            }
        }
        return false;
    }

    /// Gives `count` permits back, to those who wait first. Never suspends.
    ///
    /// Errors    ValueError when `count` is negative, or there would be more permits than a
    ///           BoundedSemaphore began with; then nothing has changed.
    /// Threads   any.
    /// asyncio   Semaphore.release
    void release(std::ptrdiff_t count = 1) {
        if (detail::holders_are_watched() && count > 0) [[unlikely]] {
            detail::note_given_back(this, static_cast<std::size_t>(count));
        }
        give_back(count);
    }

    /// acquire(), for std::scoped_lock.
    void lock() { acquire(); }
    /// release(), for std::scoped_lock.
    void unlock() { release(); }

    /// Returns whether acquire() would have to wait.
    ///
    /// Threads   any.
    /// asyncio   Semaphore.locked
    [[nodiscard]] bool locked() const noexcept { return value() == 0; }

    /// Returns how many permits there are for newcomers.
    ///
    /// Threads   any.
    [[nodiscard]] std::ptrdiff_t value() const noexcept {
        const std::ptrdiff_t value = value_.load(std::memory_order_relaxed);
        return value > 0 ? value : 0;
    }

protected:
    static constexpr std::ptrdiff_t kNoBound = std::numeric_limits<std::ptrdiff_t>::max();

    Semaphore(std::ptrdiff_t value, std::ptrdiff_t bound);

private:
    // No permit, and somebody may be queued. Left under the lock of waiters_ only, for 0. Any other
    // value means that no live waiter is queued: hence try_acquire may look at this word alone.
    // Permits appear with nothing locked: whoever then takes one may destroy the semaphore, so that
    // must be the last access.
    static constexpr std::ptrdiff_t kContended = -1;

    bool try_release(std::ptrdiff_t count) noexcept {
        std::ptrdiff_t value = value_.load(std::memory_order_relaxed);
        while (value >= 0 && count >= 0 && count <= bound_ - value) {
            if (value_.compare_exchange_weak(
                    value, value + count, std::memory_order_release, std::memory_order_relaxed
                )) {
                return true;
            }
        }
        return false;
    }
    void give_back(std::ptrdiff_t count) {
        if (!try_release(count)) [[unlikely]] {
            release_slow(count);
        }
    }
    void acquire_slow();
    void wait_for_permit();
    void release_slow(std::ptrdiff_t count);

    detail::WaitQueue waiters_;
    // Edge: release of try_release -> acquire of try_acquire, acquire_slow: what the last owners of
    // the permits did. A waiter that was chosen has it from the queue it became ready in.
    std::atomic<std::ptrdiff_t> value_;
    std::ptrdiff_t bound_;
};

/// A Semaphore that never has more permits than it began with.
///
/// Threads   as Semaphore.
/// asyncio   BoundedSemaphore
class BoundedSemaphore : public Semaphore {
public:
    /// Errors    ValueError when `value` is negative.
    explicit BoundedSemaphore(std::ptrdiff_t value = 1) : Semaphore(value, value) {}
};

}  // namespace weft
