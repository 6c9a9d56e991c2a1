#include "io/connection_count.hpp"

#include <mutex>

namespace weft::rt {

void ConnectionCount::add() noexcept {
    const std::lock_guard lock(changed_);
    ++count_;
}

void ConnectionCount::remove() noexcept {
    detail::WokenList woken;
    const std::lock_guard lock(changed_);
    ++ended_;
    if (--count_ == 0 && closed_) {
        changed_.wake_all(woken);
    }
}

void ConnectionCount::close() noexcept {
    detail::WokenList woken;
    const std::lock_guard lock(changed_);
    closed_ = true;
    changed_.wake_all(woken);
}

bool ConnectionCount::closed() noexcept {
    const std::lock_guard lock(changed_);
    return closed_;
}

std::size_t ConnectionCount::size() noexcept {
    const std::lock_guard lock(changed_);
    return count_;
}

std::uint64_t ConnectionCount::ended() noexcept {
    const std::lock_guard lock(changed_);
    return ended_;
}

void ConnectionCount::wait(const char* what, bool empty) {
    changed_.lock();
    while (!closed_ || (empty && count_ > 0)) {
        const detail::WaitOutcome outcome = changed_.wait(what, this);
        if (outcome.cancelled()) {
            detail::throw_cancelled();
        }
        changed_.lock();
    }
    changed_.unlock();
}

}  // namespace weft::rt
