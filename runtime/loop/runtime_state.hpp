#pragma once

#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <vector>
#include <weft/runtime.hpp>

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

    // ---- the end

    /// Whether the caller is to end the runtime; false when that has been done. Waits for one who
    /// is at it.
    [[nodiscard]] bool begin_shutdown();
    void end_shutdown() noexcept;
    void stop_threads() noexcept;
    /// Until no run() drives loop 0.
    void wait_for_loop0() noexcept;
    void give_up() noexcept;
    /// The tasks that have not ended, but one.
    [[nodiscard]] std::vector<detail::Ref<detail::FutureState>> live_tasks(
        const detail::FutureState* but = nullptr
    ) const;
    /// Cancels rounds of tasks until none is left or the time is up; true when none is. Runs as a
    /// task.
    [[nodiscard]] bool cancel_tasks(std::chrono::steady_clock::time_point deadline) const;

    RuntimeOptions options;
    std::vector<std::unique_ptr<Loop>> loops;
    std::unique_ptr<rt::Scheduler> scheduler;  // null when it was given up
    const void* const identity;                // what its tasks' Sink::runtime() says

private:
    enum class Phase { Open, Ending, Ended };

    std::mutex mutex_;  // for what follows
    std::condition_variable loop0_is_free_;
    bool loop0_has_thread_ = false;
    bool loop0_is_driven_ = false;  // by a run()
    bool loop0_wants_thread_ = false;
    Phase phase_ = Phase::Open;
    std::condition_variable has_ended_;
};

}  // namespace weft
