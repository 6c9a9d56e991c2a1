#pragma once

#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <vector>
#include <weft/executor.hpp>
#include <weft/runtime.hpp>

#include "loop/deadlock.hpp"
#include "loop/stall_monitor.hpp"
#include "sched/scheduler.hpp"

namespace weft {

/// What a Runtime is made of. Its threads and its end are in shutdown.cpp.
struct Runtime::State {
    explicit State(const RuntimeOptions& given);

    // ---- which thread drives which loop

    /// Gives the loops from `first` on their threads; false when the runtime ends or has ended.
    /// Loop 0, while a run() drives it, gets its own after that.
    [[nodiscard]] bool start_threads(int first, bool to_shut_down = false);
    /// Whether the caller is to drive loop 0. Otherwise a thread does, or will when it is free.
    [[nodiscard]] bool take_loop0();
    void leave_loop0() noexcept;

    /// Whether this is the process that made it, not a child of fork().
    [[nodiscard]] bool is_here() const noexcept;
    /// Throws RuntimeError where it is not; `what` was called.
    void check_is_here(const char* what) const;

    // ---- the end

    /// Whether the caller is to end the runtime; false when that has been done. Waits for one who
    /// is at it.
    [[nodiscard]] bool begin_shutdown();
    void end_shutdown() noexcept;
    [[nodiscard]] bool stop_threads(rt::Nanos deadline);
    void give_up() noexcept;
    /// The tasks that have not ended, oldest first.
    [[nodiscard]] std::vector<detail::Ref<detail::FutureState>> live_tasks() const;
    /// Whether there is any. Needs no memory.
    [[nodiscard]] bool has_tasks() const noexcept;
    /// Until a shutdown begins.
    [[nodiscard]] bool takes_tasks() const;
    void cancel_each_task() const;
    [[nodiscard]] bool cancel_tasks(rt::Nanos deadline);

    // ---- what blocks

    [[nodiscard]] ThreadPoolExecutor& default_executor();
    /// Cancels what is queued and waits for what runs, for as long as `limit`.
    void end_executor(std::chrono::nanoseconds limit) noexcept;

    // ---- debug mode

    void set_debug(bool enabled);
    [[nodiscard]] bool get_debug() const;
    void set_slow(std::chrono::nanoseconds slow);
    [[nodiscard]] std::chrono::nanoseconds slow() const;

    RuntimeOptions options;
    std::vector<std::unique_ptr<Loop>> loops;
    std::unique_ptr<rt::Scheduler> scheduler;  // null when it was given up
    const void* const identity;                // what its tasks' Sink::runtime() says
    std::unique_ptr<rt::DeadlockWatch> deadlock_watch;

private:
    enum class Phase { Open, Ending, Ended };

    void give_every_loop_a_thread() noexcept;
    [[nodiscard]] bool drive_loop0_for(rt::Nanos limit);

    mutable std::mutex mutex_;  // for what follows
    std::condition_variable loop0_is_free_;
    bool loop0_has_thread_ = false;
    bool loop0_is_driven_ = false;  // by a run()
    bool loop0_wants_thread_ = false;
    Phase phase_ = Phase::Open;
    std::condition_variable has_ended_;
    std::unique_ptr<ThreadPoolExecutor> executor_;
    bool executor_ended_ = false;
    std::chrono::nanoseconds slow_ = std::chrono::milliseconds(100);
    std::unique_ptr<rt::StallMonitor> monitor_;  // in debug mode
};

}  // namespace weft
