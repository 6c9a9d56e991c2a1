#pragma once

#include <atomic>
#include <cstdint>
#include <weft/detail/holders.hpp>
#include <weft/detail/wait_queue.hpp>

namespace weft {

/// A mutual exclusion that a task may hold while it waits for other things.
///
/// Belongs to nobody in particular: who acquires it need not be who releases it, and it is not
/// reentrant. Served in the order of arrival: release() hands the lock to the first waiter, and a
/// newcomer queues behind whoever waits. std::scoped_lock and std::unique_lock work with it. It may
/// be destroyed as soon as the last acquire() has returned and the last release() was called.
///
/// Threads   any loop and any thread: tasks of several loops and plain threads may share one.
/// asyncio   Lock
class Lock {
public:
    Lock() = default;
    Lock(const Lock&) = delete;
    Lock& operator=(const Lock&) = delete;
    /// Nobody may be waiting.
    ~Lock() {
        if (detail::holders_are_watched()) [[unlikely]] {
            detail::forget_holders(this);
        }
    }

    /// Takes the lock, waiting while somebody has it.
    ///
    /// Suspends      while it is locked. Waiters are served in the order they came.
    /// Cancellation  safe: a cancelled acquire() has not got it, and its turn went to the next.
    /// Errors        CancelledError; RuntimeError when it would have to wait in a callback.
    /// Threads       any; a plain thread blocks.
    /// asyncio       Lock.acquire
    void acquire() {
        if (!try_lock()) [[unlikely]] {
            acquire_slow();
        }
    }

    /// Takes the lock if nobody has it or waits for it. Never suspends.
    ///
    /// Threads   any.
    /// Returns   whether the caller has it now.
    [[nodiscard]] bool try_lock() noexcept {
        State expected = State::Free;
        // A look first: an exchange that fails costs as much as one that does not.
        const bool taken =
            state_.load(std::memory_order_relaxed) == State::Free &&
            state_.compare_exchange_strong(
                expected, State::Held, std::memory_order_acquire, std::memory_order_relaxed
            );  // release
        if (detail::holders_are_watched() && taken) [[unlikely]] {
            detail::note_owned(this);
        }
        return taken;
    }

    /// Gives the lock back, to the first waiter if there is one. Never suspends.
    ///
    /// Errors    RuntimeError when it is not locked, or on its way to a waiter already.
    /// Threads   any.
    /// asyncio   Lock.release
    void release() {
        if (detail::holders_are_watched()) [[unlikely]] {
            detail::note_given_back(this);
        }
        give_back();
    }

    /// Returns whether somebody has the lock. As in asyncio, not while it is on its way from
    /// release() to a waiter that has not gone on yet; nobody else can take it then all the same.
    ///
    /// Threads   any.
    /// asyncio   Lock.locked
    [[nodiscard]] bool locked() const noexcept {
        const State state = state_.load(std::memory_order_relaxed);
        return state == State::Held || state == State::Contended;
    }

    /// acquire(), for std::scoped_lock.
    void lock() { acquire(); }
    /// release(), for std::scoped_lock.
    void unlock() { release(); }

private:
    //   Free ── try_lock ──► Held ── acquire_slow ──► Contended ── hand_over ──► HandedOver
    //
    // Free means that no live waiter is queued: hence try_lock may look at this word alone.
    // Contended and HandedOver are left under the lock of waiters_ only, but that the waiter that
    // was chosen turns HandedOver into Contended when it goes on. Free is always reached from Held,
    // with nothing locked: whoever then takes the lock may destroy it, so that must be the last
    // access.
    //
    // Edge: release() -> acquire of try_lock, acquire_slow: what the last owner did. A waiter that
    // was chosen has it from the queue it became ready in.
    enum class State : std::uint8_t {
        Free,
        Held,        ///< and nobody has queued since
        Contended,   ///< held; somebody may be queued
        HandedOver,  ///< released to a waiter that has not gone on yet
    };

    friend class Condition;

    void give_back() {
        State expected = State::Held;
        if (state_.load(std::memory_order_relaxed) != State::Held ||
            !state_.compare_exchange_strong(
                expected, State::Free, std::memory_order_release, std::memory_order_relaxed
            )) [[unlikely]] {
            release_slow();
        }
    }
    void acquire_slow();
    void wait_for_turn();
    void release_slow();
    /// release(), where the next owner is let run by the caller.
    void release_to(detail::WokenList& woken);
    [[nodiscard]] bool hand_over(detail::WokenList& woken) noexcept;

    detail::WaitQueue waiters_;
    std::atomic<State> state_{State::Free};
};

}  // namespace weft
