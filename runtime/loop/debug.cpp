#include <string>
#include <utility>
#include <weft/errors.hpp>
#include <weft/loop.hpp>

#include "base/thread_frames.hpp"
#include "loop/runtime_state.hpp"
#include "task/holders.hpp"

// asyncio's debug mode: what of it is not always on.

namespace weft {

void Runtime::State::set_debug(bool enabled) {
    std::unique_ptr<rt::StallMonitor> ended;  // after the lock is free: it waits for its thread
    const std::lock_guard lock(mutex_);
    if (!enabled) {
        ended = std::move(monitor_);
    } else if (monitor_ == nullptr && phase_ == Phase::Open) {
        rt::watch_holders();
        rt::install_frames_handler();
        monitor_ = std::make_unique<rt::StallMonitor>(*scheduler, *deadlock_watch, slow_);
    }
}

bool Runtime::State::get_debug() const {
    const std::lock_guard lock(mutex_);
    return monitor_ != nullptr;
}

void Runtime::State::set_slow(std::chrono::nanoseconds slow) {
    const std::lock_guard lock(mutex_);
    slow_ = slow;
    if (monitor_ != nullptr) {
        monitor_->set_slow(slow);
    }
}

std::chrono::nanoseconds Runtime::State::slow() const {
    const std::lock_guard lock(mutex_);
    return slow_;
}

void Loop::set_debug(bool enabled) {
    check_open("set_debug()");
    runtime_->state_->set_debug(enabled);
}

bool Loop::get_debug() const {
    return runtime_->state_->get_debug();
}

void Loop::set_slow_callback_duration(Delay duration) {
    if (duration.nanos().count() <= 0) {
        throw ValueError(
            "set_slow_callback_duration(" + std::to_string(duration.nanos().count()) +
            " ns): more than nothing was expected"
        );
    }
    runtime_->state_->set_slow(duration.nanos());
}

std::chrono::nanoseconds Loop::slow_callback_duration() const {
    return runtime_->state_->slow();
}

}  // namespace weft
