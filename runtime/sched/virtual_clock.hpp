#pragma once

#include <cstddef>
#include <mutex>
#include <optional>
#include <vector>

#include "base/atomic.hpp"
#include "base/clock.hpp"

namespace weft::rt {

/// A clock for tests: it stands still while a loop has something to do, and jumps to the next deadline
/// when all of them sleep.
///
/// A loop that has been sent a wake-up counts as awake, though it may not know yet. What comes from
/// outside of the loops (threads, sockets) takes no time here: the clock does not wait for it.
///
/// Threads  any; a mutex for going to sleep, none for reading.
class VirtualClock final : public Clock {
public:
    /// `no_wake_up_is_due(index)`: whether that loop, which sleeps, has not been told to wake up.
    /// `wake(index)` ends its sleep.
    struct Loops {
        virtual ~Loops() = default;
        [[nodiscard]] virtual bool no_wake_up_is_due(int index) noexcept = 0;
        virtual void wake(int index) noexcept = 0;
    };
    VirtualClock(int count, Loops& loops);

    [[nodiscard]] Nanos now() noexcept override { return now_.load(acquire); }

    /// Loop `index` is about to sleep and has nothing to do before `deadline`. True when it must not
    /// sleep: its deadline has come.
    [[nodiscard]] bool begin_sleep(int index, Nanos deadline) noexcept;
    void end_sleep(int index) noexcept;

private:
    [[nodiscard]] std::optional<int> next_to_wake() noexcept;

    Loops& loops_;
    Atomic<Nanos> now_;  // release when it jumps -> now's acquire
    std::mutex mutex_;
    std::vector<std::optional<Nanos>> sleeping_;  // until when; one that nobody drives, for ever
};

}  // namespace weft::rt
