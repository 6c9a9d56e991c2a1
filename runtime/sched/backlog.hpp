#pragma once

#include <algorithm>
#include <cstddef>
#include <mutex>
#include <utility>

#include "base/atomic.hpp"
#include "base/intrusive_list.hpp"
#include "sched/rescue_lock.hpp"

namespace weft::rt {

/// Stealable tasks for which the public ring of a loop has no room: for when it has, or for the rescuer
/// when the loop does not come round.
///
/// Edge: the lock's.
template <class T>
class Backlog {
public:
    explicit Backlog(bool shared) noexcept : lock_(shared) {}

    // relaxed: written with the lock. The loop sees what it put in; what a rescuer took it may miss.
    [[nodiscard]] bool looks_empty() const noexcept { return size() == 0; }
    [[nodiscard]] std::size_t size() const noexcept { return size_.load(relaxed); }

    void push(T& element) noexcept {
        const std::lock_guard lock(lock_);
        chain_.push(element);
        size_.store(size_.load(relaxed) + 1, relaxed);
    }

    /// Calls `use(count, take)`, with which it takes the oldest ones out, at most `most`, with as many
    /// calls of `take()`.
    template <class Use>
    void take(std::size_t most, Use use) noexcept {
        const std::lock_guard lock(lock_);
        const std::size_t size = size_.load(relaxed);
        const std::size_t count = std::min(most, size);
        size_.store(size - count, relaxed);
        use(count, [this]() noexcept { return chain_.pop(); });
    }

    // ---- the rescuer

    [[nodiscard]] IntrusiveFifo<T> take_all() noexcept {
        const std::lock_guard lock(lock_);
        size_.store(0, relaxed);
        return std::exchange(chain_, {});
    }

private:
    Atomic<std::size_t> size_{0};
    RescueLock lock_;
    IntrusiveFifo<T> chain_;  // with the lock
};

}  // namespace weft::rt
