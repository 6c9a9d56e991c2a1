#include "base/spin_lock.hpp"

namespace weft::detail {

void SpinLock::lock_slow() noexcept {
    rt::Backoff backoff;
    do {
        while (locked_.load(std::memory_order_relaxed)) {
            backoff.pause();
        }
    } while (locked_.exchange(true, std::memory_order_acquire));
}

}  // namespace weft::detail
