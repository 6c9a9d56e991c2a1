#pragma once

#include <cstdint>
#include <weft/detail/callback.hpp>

#include "base/clock.hpp"

namespace weft {
class Loop;
}

namespace weft::detail {

class TaskState;

/// The one up-call of the lower floors: a loop, as those see it who have something for it to run.
/// sched/worker implements it.
class Sink {
public:
    Sink() = default;
    Sink(const Sink&) = delete;
    Sink& operator=(const Sink&) = delete;

    /// Makes a task ready that was won from its sleep, or is new. Any thread.
    virtual void submit(TaskState& task) noexcept = 0;
    /// The same, on this loop's thread, and of a task of this loop.
    virtual void submit_here(TaskState& task) noexcept = 0;
    /// Puts the task that just left the CPU at the back. Only from a commit on this loop's thread.
    virtual void requeue(TaskState& task) noexcept = 0;
    /// Runs a callback on this loop, in the order of the calls; takes one reference. Any thread.
    virtual void post(Callback& callback) noexcept = 0;
    /// The suspended task to go on with, without passing through the run loop; nullptr when the run
    /// loop has to decide. Only from this loop's thread.
    [[nodiscard]] virtual TaskState* take_next() noexcept = 0;
    /// Takes a task that is ready here and that nobody has started, for the one who waits for it to run
    /// it in place; false when it is elsewhere by now. `may_call` false: it is only to run next here, if it
    /// can be had. Only from this loop's thread.
    [[nodiscard]] virtual bool take_for_call(TaskState& task, bool may_call) noexcept = 0;
    /// Has the run loop start this one next, and then go on with the task that runs now, which is
    /// about to suspend. Only from this loop's thread.
    virtual void run_next(TaskState& task) noexcept = 0;
    /// Ends sleep `epoch` of the task at `when` with WakeReason::TimedOut. This loop's thread.
    virtual void arm(TaskState& task, std::uint64_t epoch, rt::Nanos when) = 0;
    /// The loop's clock. Any thread.
    [[nodiscard]] virtual rt::Nanos now() noexcept = 0;
    /// Whether a new task would find a stack when it needs one.
    [[nodiscard]] virtual bool can_start() noexcept = 0;

    [[nodiscard]] Loop* loop() const noexcept { return loop_; }
    /// Which runtime it belongs to; for comparison only.
    [[nodiscard]] const void* runtime() const noexcept { return runtime_; }
    /// Tells this life of the loop from an earlier one at the same address.
    [[nodiscard]] std::uint64_t life() const noexcept { return life_; }

protected:
    ~Sink() = default;

    Loop* loop_ = nullptr;
    const void* runtime_ = nullptr;
    std::uint64_t life_ = 0;
};

}  // namespace weft::detail

namespace weft::rt {
using detail::Sink;
}
