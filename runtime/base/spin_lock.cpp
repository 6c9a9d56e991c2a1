#include "base/spin_lock.hpp"

#include <sched.h>

#include <algorithm>

namespace weft::detail {

namespace {

// Of pauses: 0.15 us and 1.2 us where one takes 19 ns.
constexpr int kFirstWait = 8;
constexpr int kLongestWait = 64;
constexpr int kMostPauses = 256;

}  // namespace

/// Whoever finds the lock taken stays away from its line for longer each time. The holder is then alone with
/// what the lock guards, and a loop that does many short sections does them at the price of one thread, a
/// hundred for one transfer of the line: looked at in between, each would cost a transfer.
void SpinLock::lock_slow() noexcept {
    int wait = kFirstWait;
    int pauses = 0;
    do {
        do {
            if (pauses < kMostPauses) {
                pauses += wait;
                for (int i = 0; i < wait; ++i) {
                    rt::cpu_relax();
                }
                wait = std::min(wait * 2, kLongestWait);
            } else {
                ::sched_yield();  // the holder may have been preempted
            }
        } while (locked_.load(std::memory_order_relaxed));
    } while (locked_.exchange(true, std::memory_order_acquire));
}

}  // namespace weft::detail
