#include <weft/errors.hpp>
#include <weft/lock.hpp>

#include "task/wait_inline.hpp"

namespace weft {

/// Gives the lock to the first live waiter. False when there is none: it is Held then, so that
/// release() can end without the queue.
[[gnu::always_inline]] inline bool Lock::hand_over(detail::WokenList& woken) noexcept {
    waiters_.lock();
    const bool taken = waiters_.wake_inline(woken);
    state_.store(taken ? State::HandedOver : State::Held, std::memory_order_relaxed);
    waiters_.unlock();
    return taken;
}

[[gnu::always_inline]] inline void Lock::wait_for_turn() {
    waiters_.lock();
    State state = state_.load(std::memory_order_relaxed);
    while (state == State::Free || state == State::Held) {
        const State next = state == State::Free ? State::Held : State::Contended;
        // acquire: release()'s release, when it was free
        if (state_.compare_exchange_weak(
                state, next, std::memory_order_acquire, std::memory_order_relaxed
            )) {
            if (next == State::Held) {
                waiters_.unlock();
                return;
            }
            break;
        }
    }
    const detail::WaitOutcome outcome = waiters_.wait_inline("Lock.acquire", this);
    if (outcome.ok()) {
        // Only the one it was handed to may do this, so no RMW is needed. Others may have queued.
        state_.store(State::Contended, std::memory_order_relaxed);
        return;
    }
    detail::WokenList woken;
    if (outcome.granted() && !hand_over(woken)) {
        give_back();
    }
    woken.submit();
    detail::throw_cancelled();
}

void Lock::acquire_slow() {
    wait_for_turn();
    if (detail::holders_are_watched()) {
        detail::note_owned(this);
    }
}

void Lock::release_slow() {
    detail::WokenList woken;
    release_to(woken);
    woken.submit_inline();
}

void Lock::release_to(detail::WokenList& woken) {
    if (!locked()) {
        throw RuntimeError("release() of a Lock that is not acquired");
    }
    while (!hand_over(woken)) {
        State expected = State::Held;
        if (state_.compare_exchange_strong(
                expected, State::Free, std::memory_order_release, std::memory_order_relaxed
            )) {
            return;
        }
        // Somebody has queued since.
    }
}

}  // namespace weft
