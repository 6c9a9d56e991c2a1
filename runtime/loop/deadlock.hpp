#pragma once

#include <cstdint>
#include <mutex>
#include <set>
#include <weft/runtime.hpp>

#include "loop/wait_graph.hpp"
#include "sched/scheduler.hpp"

namespace weft::rt {

/// Says when the tasks of a runtime wait for one another and for nothing else.
///
/// Threads   any.
class DeadlockWatch {
public:
    DeadlockWatch(Scheduler& scheduler, OnDeadlock on_deadlock);
    DeadlockWatch(const DeadlockWatch&) = delete;
    DeadlockWatch& operator=(const DeadlockWatch&) = delete;
    ~DeadlockWatch() = default;

    /// Whether all of them do, from a loop that has run nothing for a while: then it says so and, if that was
    /// chosen, ends the process. Never says the same twice. True when it is to look again: what is in the way
    /// may end without a word, an errand or a loop that is awake for nothing.
    bool look_at_all() noexcept;
    [[nodiscard]] bool is_wanted() const noexcept { return on_deadlock_ != OnDeadlock::Ignore; }
    /// Whether some of them do, while others go on: in debug mode.
    void look_for_cycles() noexcept;

private:
    bool look_at_all_or_throw();
    [[nodiscard]] bool a_deadline_is_armed() noexcept;
    [[nodiscard]] bool all_wait_for_tasks() noexcept;

    Scheduler& scheduler_;
    const OnDeadlock on_deadlock_;
    std::mutex mutex_;        // for what follows
    std::uint64_t told_ = 0;  // signature of the last report
    std::set<std::uint64_t> cycles_told_;
};

}  // namespace weft::rt
