#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>

#include "base/helper_thread.hpp"

namespace weft::detail {

/// Where a plain thread blocks until it is woken once. Lives on that thread's stack: signal() is
/// done with it before the mutex is free, and wait() returns only after that.
class ThreadParker {
public:
    ThreadParker* next = nullptr;  // in a WokenList

    void signal() noexcept {
        const std::lock_guard lock(mutex_);
        signalled_ = true;
        if (waits_for_good_) {
            rt::HelperThread::end();  // from here on it may do anything, though it does not run yet
        }
        condition_.notify_one();
    }
    void wait() {
        std::unique_lock lock(mutex_);
        if (!signalled_) {
            waits_for_good_ = true;
            rt::HelperThread::begin();
        }
        condition_.wait(lock, [this] { return signalled_; });
    }
    /// False when the deadline came first.
    bool wait_until(std::chrono::steady_clock::time_point deadline) {
        std::unique_lock lock(mutex_);
        return condition_.wait_until(lock, deadline, [this] { return signalled_; });
    }

private:
    std::mutex mutex_;
    std::condition_variable condition_;
    bool signalled_ = false;
    bool waits_for_good_ = false;
};

}  // namespace weft::detail
