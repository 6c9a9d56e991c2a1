#pragma once

#include <cstdint>
#include <weft/detail/wait_queue.hpp>

#include "base/atomic.hpp"

namespace weft::rt {

class Reactor;

enum class Direction : std::uint8_t { Read, Write };

/// Whether one direction of a file descriptor may be tried, and who waits until it may.
///
/// `ready` is a hint that is consumed before the system call and put back after it when there may
/// be more: an edge that comes in between sets it again and is not lost.
class Readiness {
public:
    explicit Readiness(bool ready) noexcept : ready_(ready) {}

    /// Consumes the hint, sleeping until there is one. 0; -ECANCELED when the task was cancelled;
    /// -EBADF when the descriptor was closed.
    [[nodiscard]] int take(const char* what, const void* object);
    /// There may be something: wakes one sleeper, who passes it on if there is more. `for_good`:
    /// the other end has closed or failed, which no later edge will tell again, so that a short
    /// read must not be taken for an empty stream.
    void set(detail::WokenList& woken, bool for_good = false) noexcept;
    void set() noexcept {
        detail::WokenList woken;
        set(woken);
    }
    /// The same where `generation` still is `expected`: a slot's next owner begins by reopen(), after that has
    /// changed.
    void set_if(
        const Atomic<std::uint32_t>& generation,
        std::uint32_t expected,
        detail::WokenList& woken,
        bool for_good
    ) noexcept;
    /// Ends every wait, now and later, with -EBADF.
    void close(detail::WokenList& woken) noexcept;
    /// For a slot that is used again.
    void reopen(bool ready) noexcept;

private:
    void set_locked(detail::WokenList& woken, bool for_good) noexcept;

    detail::WaitQueue queue_;
    bool ready_;           // with the queue's lock
    bool ended_ = false;   // with the queue's lock: ready for good
    bool closed_ = false;  // with the queue's lock
};

/// A file descriptor that a reactor watches for life: registered once, in both directions.
///
/// Slots are type-stable; the generation tells an event for the last owner of a slot from one for
/// this one. A close while others are in a system call on the descriptor takes effect when the last
/// of them is out, so that the number cannot be reused under them.
///
/// Threads  any, except that use() must come before its unuse().
class Descriptor {
public:
    explicit Descriptor(Reactor& home) noexcept : home_(home) {}

    [[nodiscard]] int fd() const noexcept { return fd_; }
    [[nodiscard]] Reactor& home() const noexcept { return home_; }
    [[nodiscard]] Readiness& readiness(Direction direction) noexcept {
        return direction == Direction::Read ? read_ : write_;
    }

    /// Sets a direction's readiness, but not of another owner of the slot than that of `generation`.
    void set(
        std::uint32_t generation, Direction direction, detail::WokenList& woken, bool for_good
    ) noexcept {
        readiness(direction).set_if(generation_, generation, woken, for_good);
    }

    /// Whether a read may give less than there is: it stops before urgent data.
    void set_urgent(bool urgent) noexcept { urgent_.store(urgent, relaxed); }
    [[nodiscard]] bool urgent() const noexcept { return urgent_.load(relaxed); }

    /// Keeps the descriptor open until unuse(); false when it is closed.
    [[nodiscard]] bool use() noexcept;
    void unuse() noexcept;
    /// Marks it closed; true when the caller is the last one and has to end it.
    [[nodiscard]] bool begin_close() noexcept;

private:
    friend class DescriptorTable;

    static constexpr std::uint32_t kClosed = 1U << 31;

    Reactor& home_;
    int fd_ = -1;
    std::uint32_t index_ = 0;
    Atomic<std::uint32_t> generation_{0};  // release when the slot is given out and taken back
    Atomic<std::uint32_t> users_{kClosed};
    Readiness read_{true};
    Readiness write_{true};
    Atomic<bool> urgent_{false};  // relaxed: whoever sets it sets the readiness after it, by a lock
    Descriptor* next_free_ = nullptr;
};

}  // namespace weft::rt
