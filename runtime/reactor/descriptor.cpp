#include "reactor/descriptor.hpp"

#include <cerrno>

#include "reactor/reactor.hpp"

namespace weft::rt {

int Readiness::take(const char* what, const void* object) {
    for (;;) {
        queue_.lock();
        if (closed_) {
            queue_.unlock();
            return -EBADF;
        }
        if (ready_ || ended_) {
            ready_ = false;
            queue_.unlock();
            return 0;
        }
        const detail::WaitOutcome outcome = queue_.wait(what, object);
        if (outcome.cancelled()) {
            if (outcome.granted()) {
                set();  // the wake-up was for somebody: let another have it
            }
            return -ECANCELED;
        }
    }
}

void Readiness::set(detail::WokenList& woken, bool for_good) noexcept {
    queue_.lock();
    set_locked(woken, for_good);
    queue_.unlock();
}

void Readiness::set_if(
    const Atomic<std::uint32_t>& generation,
    std::uint32_t expected,
    detail::WokenList& woken,
    bool for_good
) noexcept {
    queue_.lock();
    // relaxed: a reopen() that has had this lock comes after the change, and one to come forgets this.
    if (generation.load(relaxed) == expected) {
        set_locked(woken, for_good);
    }
    queue_.unlock();
}

void Readiness::set_locked(detail::WokenList& woken, bool for_good) noexcept {
    ready_ = true;
    if (for_good) {
        ended_ = true;
        queue_.wake_all(woken);
    } else {
        queue_.wake_one(woken);
    }
}

void Readiness::close(detail::WokenList& woken) noexcept {
    queue_.lock();
    closed_ = true;
    queue_.wake_all(woken);
    queue_.unlock();
}

void Readiness::reopen(bool ready) noexcept {
    queue_.lock();
    closed_ = false;
    ended_ = false;
    ready_ = ready;
    queue_.unlock();
}

bool Descriptor::use() noexcept {
    std::uint32_t users = users_.load(relaxed);
    while ((users & kClosed) == 0) {
        // acquire: give_out's release; the slot is complete
        if (users_.compare_exchange_weak(users, users + 1, acq_rel, relaxed)) {
            return true;
        }
    }
    return false;
}

void Descriptor::unuse() noexcept {
    // acq_rel: every use comes before the end
    if (users_.fetch_sub(1, acq_rel) == (kClosed | 1)) {
        home_.end(*this);
    }
}

bool Descriptor::begin_close() noexcept {
    const std::uint32_t users = users_.fetch_or(kClosed, acq_rel);
    if ((users & kClosed) != 0) {
        return false;
    }
    detail::WokenList woken;
    read_.close(woken);
    write_.close(woken);
    return users == 0;
}

}  // namespace weft::rt
