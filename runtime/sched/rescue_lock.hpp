#pragma once

#include "base/birthplace.hpp"
#include "base/check.hpp"
#include "base/spin_lock.hpp"

namespace weft::rt {

/// Keeps a loop and its rescuer from each other; nothing at all where there is no rescuer, since a runtime
/// of one loop has nobody to help it: there its 3 ns would be for nothing.
class RescueLock {
public:
    explicit RescueLock(bool shared) noexcept : shared_(shared) {}

    void lock() noexcept {
        if (shared_ && !lock_.try_lock()) [[unlikely]] {
            lock_slow();
        }
    }
    [[nodiscard]] bool try_lock() noexcept { return !shared_ || lock_.try_lock(); }
    void unlock() noexcept {
        if (shared_) {
            lock_.unlock();
        }
    }

private:
    void lock_slow() noexcept {
        Backoff backoff;
        do {
            // Whoever held it when the process was forked holds it for ever.
            WEFT_CHECK(
                birthplace_.is_here(),
                "a loop goes on in a child process of fork(), where its thread can only exec or "
                "_exit"
            );
            backoff.pause();
        } while (!lock_.try_lock());
    }

    const bool shared_;
    SpinLock lock_;
    const Birthplace birthplace_;
};

}  // namespace weft::rt
