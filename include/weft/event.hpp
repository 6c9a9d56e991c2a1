#pragma once

#include <atomic>
#include <cstdint>
#include <weft/detail/wait_queue.hpp>

namespace weft {

/// A flag that tasks wait for.
///
/// An Event starts unset. set() wakes everybody in wait(); clear() makes later calls of wait()
/// suspend again. Whoever was woken by set() returns from wait() even if clear() ran in between. It
/// may be destroyed as soon as the last wait() has returned.
///
/// Threads   any loop and any thread: tasks of several loops and plain threads may wait for one.
/// asyncio   Event
class Event {
public:
    Event() = default;
    Event(const Event&) = delete;
    Event& operator=(const Event&) = delete;
    ~Event() = default;  ///< Nobody may be waiting.

    /// Returns whether the flag is set. Never suspends.
    ///
    /// Threads   any.
    /// asyncio   Event.is_set
    [[nodiscard]] bool is_set() const noexcept {
        return state_.load(std::memory_order_acquire) == State::Set;  // try_set
    }

    /// Sets the flag and wakes all who wait, in the order they came. Never suspends.
    ///
    /// What was done before set() is seen by whoever wait() lets go on.
    ///
    /// Threads   any.
    /// asyncio   Event.set
    void set() noexcept {
        if (!try_set()) [[unlikely]] {
            set_slow();
        }
    }

    /// Takes the flag away. Those who were waiting when it was set go on all the same.
    ///
    /// Threads   any.
    /// asyncio   Event.clear
    void clear() noexcept {
        State expected = State::Set;
        state_.compare_exchange_strong(
            expected, State::Unset, std::memory_order_acq_rel, std::memory_order_relaxed
        );
    }

    /// Waits until the flag is set.
    ///
    /// Suspends      while it is not set.
    /// Cancellation  safe: there is nothing to lose.
    /// Errors        CancelledError; RuntimeError when it would have to wait in a callback.
    /// Threads       any; a plain thread blocks.
    /// asyncio       Event.wait
    void wait() {
        if (!is_set()) {
            wait_slow();
        }
    }

private:
    //   Unset ── wait_slow ──► Waited ── set_slow ──► Unset ── try_set ──► Set
    //
    // Waited is left under the lock of waiters_ only. Set is always reached with nothing locked:
    // whoever then passes wait() may destroy the event, so that must be the last access.
    //
    // Edge: release of try_set -> acquire of is_set, wait_slow: what was done before set().
    enum class State : std::uint8_t {
        Unset,   ///< and nobody is queued
        Waited,  ///< unset; somebody may be queued
        Set,
    };

    /// False when somebody may be queued.
    bool try_set() noexcept {
        State state = state_.load(std::memory_order_relaxed);
        while (state != State::Waited) {
            // An RMW also when it is set: a waiter sees what every one of several setters did.
            if (state_.compare_exchange_weak(
                    state, State::Set, std::memory_order_release, std::memory_order_relaxed
                )) {
                return true;
            }
        }
        return false;
    }
    void set_slow() noexcept;
    void wait_slow();

    detail::WaitQueue waiters_;
    std::atomic<State> state_{State::Unset};
};

}  // namespace weft
