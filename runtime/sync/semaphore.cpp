#include <string>
#include <weft/errors.hpp>
#include <weft/semaphore.hpp>

#include "task/wait_inline.hpp"

namespace weft {

Semaphore::Semaphore(std::ptrdiff_t value, std::ptrdiff_t bound) : value_(value), bound_(bound) {
    if (value < 0) {
        throw ValueError(
            "a Semaphore begins with 0 permits or more, not with " + std::to_string(value)
        );
    }
}

[[gnu::always_inline]] inline void Semaphore::wait_for_permit() {
    waiters_.lock();
    std::ptrdiff_t value = value_.load(std::memory_order_relaxed);
    while (value != kContended) {
        const std::ptrdiff_t next = value == 0 ? kContended : value - 1;
        // acquire: release()'s release, when there is a permit
        if (value_.compare_exchange_weak(
                value, next, std::memory_order_acquire, std::memory_order_relaxed
            )) {
            if (next != kContended) {
                waiters_.unlock();
                return;
            }
            break;
        }
    }
    const detail::WaitOutcome outcome = waiters_.wait_inline("Semaphore.acquire", this);
    if (outcome.ok()) {
        return;
    }
    if (outcome.granted()) {
        give_back(1);
    }
    detail::throw_cancelled();
}

void Semaphore::acquire_slow() {
    wait_for_permit();
    if (detail::holders_are_watched()) {
        detail::note_taken(this);
    }
}

void Semaphore::release_slow(std::ptrdiff_t count) {
    if (count < 0) {
        throw ValueError("release() of 0 permits or more, not of " + std::to_string(count));
    }
    detail::WokenList woken;  // let run when the other permits are there
    do {
        waiters_.lock();
        const bool contended = value_.load(std::memory_order_relaxed) == kContended;
        if (count > bound_ - value()) {
            waiters_.unlock();
            if (bound_ == kNoBound) {
                throw ValueError("a Semaphore was given more permits than can be counted");
            }
            throw ValueError(
                "a BoundedSemaphore of " + std::to_string(bound_) +
                " permits was released more often than it was acquired"
            );
        }
        while (contended && count > 0 && waiters_.wake_inline(woken)) {
            --count;
        }
        if (contended && count > 0) {
            value_.store(0, std::memory_order_relaxed);  // nobody is queued
        }
        waiters_.unlock();
    } while (count > 0 && !try_release(count));
}

}  // namespace weft
