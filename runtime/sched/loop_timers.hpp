#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <optional>

#include "base/atomic.hpp"
#include "reactor/timer_heap.hpp"
#include "sched/rescue_lock.hpp"
#include "task/task_state.hpp"

namespace weft::rt {

/// A deadline: of a sleep, or of a callback (then it holds a reference).
struct Deadline {
    detail::Runnable* target;
    std::uint64_t epoch;
};

/// The deadlines of one loop. The loop adds and takes them; while it does not come round, the rescuer
/// takes those that are due. So there is a lock, and the next deadline is to be had without it.
///
/// Edge: the lock's. next() is a hint, and exact for the loop that no rescuer helps.
class LoopTimers {
public:
    explicit LoopTimers(bool shared) noexcept : lock_(shared) {}

    // ---- the loop

    /// Whether it need not look at the time. One that never comes counts as none.
    [[nodiscard]] bool none() const noexcept { return next() == kNever; }
    [[nodiscard]] Nanos next() const noexcept { return next_.load(relaxed); }

    /// Throws std::bad_alloc and adds nothing. `stale` says which are no longer wanted and puts those aside
    /// that hold something; it may end nothing itself, as that may run user code.
    ///
    /// Most deadlines are cancelled before they come; when half of them may be stale, one pass over
    /// all is paid for by the additions since the last.
    template <class Stale>
    void add(Nanos when, Deadline deadline, Stale stale) {
        const std::lock_guard lock(lock_);
        if (heap_.size() >= compact_at_) [[unlikely]] {
            heap_.compact(stale, foresee);
            compact_at_ = std::max(kCompactAt, 2 * heap_.size());
        }
        heap_.add(when, deadline);
        publish();
    }

    /// The earliest of those that are due at `now`. `before` is called first, with the lock: a rescuer has
    /// seen to earlier ones until then, and sees to later ones after it.
    template <class Before>
    [[nodiscard]] std::optional<Deadline> take_due(Nanos now, Before before) noexcept {
        if (next() > now) [[likely]] {
            return std::nullopt;
        }
        const std::lock_guard lock(lock_);
        before();
        if (heap_.empty() || heap_.next() > now) {
            return std::nullopt;
        }
        const Deadline deadline = heap_.pop();
        publish();
        return deadline;
    }

    /// Any of them, or nothing: for who wants to be rid of all.
    [[nodiscard]] std::optional<Deadline> take_any() noexcept {
        const std::lock_guard lock(lock_);
        if (heap_.empty()) {
            return std::nullopt;
        }
        const Deadline deadline = heap_.pop_any(foresee);
        publish();
        return deadline;
    }

    // ---- any thread; where there is one loop, its own

    /// Whether there is any that is still wanted.
    template <class Live>
    [[nodiscard]] bool any(Live live) noexcept {
        const std::lock_guard lock(lock_);
        return heap_.any(live);
    }

    // ---- the rescuer

    /// Shows what is due at `now` to `take`, in order, and drops what it has taken; ends at the first that it
    /// does not want, which stays. With the lock: what `take` does for a deadline comes before the loop
    /// takes a later one. Nothing when the loop is at it.
    template <class Take>
    void rescue(Nanos now, Take take) noexcept {
        for (bool more = true; more && next() <= now && lock_.try_lock();) {
            const std::lock_guard lock(lock_, std::adopt_lock);
            int count = 0;
            while (more && count < kRescuedAtOnce) {
                more = !heap_.empty() && heap_.next() <= now && take(heap_.top());
                if (more) {
                    static_cast<void>(heap_.pop());
                    ++count;
                }
            }
            publish(
            );  // only now: until then the loop sees that there is something, and comes for it
        }
    }

private:
    static constexpr std::size_t kCompactAt = 128;
    static constexpr std::size_t kHalfLine = 32;  // then it may reach into the next
    static constexpr int kRescuedAtOnce = 64;     // the loop may be waiting for the lock

    /// Whether one is stale is read there.
    static void foresee(const Deadline& deadline) noexcept {
        __builtin_prefetch(deadline.target, 1);
        __builtin_prefetch(reinterpret_cast<const std::byte*>(deadline.target) + kHalfLine, 1);
    }

    void publish() noexcept { next_.store(heap_.next(), relaxed); }

    // relaxed: written with the lock. The loop sees what it wrote itself; a rescuer's may be late.
    Atomic<Nanos> next_{kNever};
    RescueLock lock_;
    TimerHeap<Deadline> heap_;             // with the lock
    std::size_t compact_at_ = kCompactAt;  // with the lock
};

}  // namespace weft::rt
