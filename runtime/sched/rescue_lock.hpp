#pragma once

#include <mutex>
#include <weft/detail/spin_lock.hpp>

namespace weft::rt {

/// Keeps a loop and its rescuer from each other; nothing at all where there is no rescuer, since a runtime
/// of one loop has nobody to help it: there its 3 ns would be for nothing.
class RescueLock {
public:
    explicit RescueLock(bool shared) noexcept : shared_(shared) {}

    void lock() noexcept {
        if (shared_) {
            lock_.lock();
        }
    }
    [[nodiscard]] bool try_lock() noexcept { return !shared_ || lock_.try_lock(); }
    void unlock() noexcept {
        if (shared_) {
            lock_.unlock();
        }
    }

private:
    const bool shared_;
    detail::SpinLock lock_;
};

}  // namespace weft::rt
