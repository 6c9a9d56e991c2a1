#pragma once

#include <atomic>

namespace weft::detail {

/// A lock of one byte, for sections of a few instructions that call no user code.
///
/// It may be taken on one stack and dropped by the commit of that suspension, on the next stack of
/// the same thread: that is how a sleeper becomes visible to its wakers only after it has left its
/// stack (R4). A mutex may not do that.
///
/// Edge: unlock's release store -> lock's acquire exchange.
class SpinLock {
public:
    void lock() noexcept {
        if (locked_.exchange(true, std::memory_order_acquire)) [[unlikely]] {
            lock_slow();
        }
    }
    [[nodiscard]] bool try_lock() noexcept {
        return !locked_.exchange(true, std::memory_order_acquire);
    }
    void unlock() noexcept { locked_.store(false, std::memory_order_release); }

private:
    /// Stays away for longer each time, then gives the core away.
    void lock_slow() noexcept;

    std::atomic<bool> locked_{false};
};

}  // namespace weft::detail
