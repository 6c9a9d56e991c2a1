#pragma once

#include <cstdint>
#include <mutex>
#include <set>
#include <string>
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
    /// chosen, ends the process. Never says the same twice. True when it is to look again: only an errand
    /// is in the way, whose end may wake nobody.
    bool look_at_all() noexcept;
    [[nodiscard]] bool looks_at_all() const noexcept { return on_deadlock_ != OnDeadlock::Ignore; }
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

/// Who waits for whom in a circle; empty when nobody does.
[[nodiscard]] std::string describe_cycles(const WaitGraph& graph);

}  // namespace weft::rt
