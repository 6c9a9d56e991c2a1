#pragma once

#include <sched.h>

#include <weft/detail/spin_lock.hpp>

#include "base/clock.hpp"

namespace weft::rt {

using detail::SpinLock;

/// Waits a little longer each time it is asked; gives the core away when that does not help.
class Backoff {
public:
    void pause() noexcept {
        if (rounds_ < kSpinRounds) {
            ++rounds_;
            cpu_relax();
        } else {
            ::sched_yield();
        }
    }

private:
    static constexpr int kSpinRounds = 128;
    int rounds_ = 0;
};

}  // namespace weft::rt
