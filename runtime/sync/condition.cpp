#include <exception>
#include <weft/condition.hpp>
#include <weft/errors.hpp>

namespace weft {

void Condition::wait() {
    wait_as("Condition.wait", this);
}

void Condition::wait_as(const char* what, const void* object) {
    detail::require_waitable(what);
    if (!locked()) {
        throw RuntimeError("wait() of a Condition whose lock is not acquired");
    }
    detail::WokenList next_owner;
    // Whoever gets the lock from here on and notifies has to take this lock as well, which is free
    // when the sleeper is in the queue.
    waiters_.lock();
    if (detail::holders_are_watched()) {
        detail::note_given_back(&lock_);
    }
    try {
        lock_.release_to(next_owner);
    } catch (...) {
        waiters_.unlock();
        throw;
    }
    const detail::WaitOutcome outcome = waiters_.wait(what, object, 0, &next_owner);
    std::exception_ptr error;
    if (outcome.cancelled()) {
        try {
            detail::throw_cancelled();
        } catch (const CancelledError&) {
            error = std::current_exception();
        }
    }
    for (bool have_lock = false; !have_lock;) {
        try {
            lock_.acquire();
            have_lock = true;
        } catch (const CancelledError&) {
            error = std::current_exception();  // the last one counts
        }
    }
    if (error != nullptr) {
        wake(1);  // this one may have been notified
        std::rethrow_exception(error);
    }
}

void Condition::notify(std::size_t count) {
    if (!locked()) {
        throw RuntimeError("notify() of a Condition whose lock is not acquired");
    }
    wake(count);
}

void Condition::wake(std::size_t count) noexcept {
    detail::WokenList woken;
    waiters_.lock();
    while (count > 0 && waiters_.wake_one(woken)) {
        --count;
    }
    waiters_.unlock();
}

}  // namespace weft
