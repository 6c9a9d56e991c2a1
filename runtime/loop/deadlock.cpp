#include "loop/deadlock.hpp"

#include <dirent.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdlib>
#include <limits>
#include <mutex>
#include <new>
#include <string_view>

#include "base/errand.hpp"
#include "base/helper_thread.hpp"
#include "base/log.hpp"
#include "task/holders.hpp"

// A deadlock is seen by a loop that has run nothing for half a second. At that moment
//
//   1. no thread of the program is left, as far as that is asked for
//   2. every task sleeps in a wait that only a task, a callback or a thread ends
//   3. no errand is under way, and no deadline is armed
//   4. every loop sleeps, has run nothing for as long, and nothing is on its way to it; and has run nothing
//      since the same was asked before 1.         (Scheduler::stillness)
//
// By 4. no loop has run anything between its two questions, so 2. and 3. hold together. A thread that was a
// helper in 1. may have been told to go on since: then by a task, which did not run, or by another thread,
// which was there in 1.; and what it did meanwhile shows in 3. and 4., or in holds(). Where other threads are
// not asked for, one of them may set a future at any time, and nobody can know that it will not.

namespace weft::rt {
namespace {

// Those that I/O, a child or a deadline may end are not in here.
constexpr std::array<std::string_view, 10> kEndedByTasks{
    "future",
    "Lock.acquire",
    "Semaphore.acquire",
    "Condition.wait",
    "Barrier.wait",
    "Event.wait",
    "Queue.get",
    "Queue.put",
    "Queue.join",
    "TaskGroup",
};

/// Whether only a task, a callback or a thread can end what it waits for.
bool waits_for_tasks(const TaskState& task) noexcept {
    const char* const what = task.wait_what.load(relaxed);
    return what != nullptr && task.sleep.asleep() &&
           std::find(kEndedByTasks.begin(), kEndedByTasks.end(), what) != kEndedByTasks.end();
}

/// How many threads the process has; without /proc, more than there can be.
int threads_of_process() noexcept {
    DIR* const directory = ::opendir("/proc/self/task");
    if (directory == nullptr) {
        return std::numeric_limits<int>::max();
    }
    int count = 0;
    while (const dirent* const entry = ::readdir(directory)) {  // NOLINT(concurrency-mt-unsafe)
        count += entry->d_name[0] != '.' ? 1 : 0;
    }
    ::closedir(directory);
    return count;
}

std::string describe_deadlock(const WaitGraph& graph) {
    std::string text = graph.describe_cycles();
    text += "  " + std::to_string(graph.size()) + " tasks:\n" + graph.describe();
    if (graph.lacks_holders() && !detail::holders_are_watched()) {
        text +=
            "  who has the locks and permits is known where RuntimeOptions::on_deadlock or "
            "WEFT_DEADLOCK is report or end, or WEFT_DEBUG=1\n";
    }
    return text;
}

}  // namespace

DeadlockWatch::DeadlockWatch(Scheduler& scheduler, OnDeadlock on_deadlock)
    : scheduler_(scheduler), on_deadlock_(on_deadlock) {
    if (on_deadlock == OnDeadlock::Report || on_deadlock == OnDeadlock::End) {
        watch_holders();
    }
}

bool DeadlockWatch::look_at_all() noexcept {
    try {
        return look_at_all_or_throw();
    } catch (const std::bad_alloc&) {
        log_error("deadlock: all tasks seem to wait; there is no memory to say for whom");
        if (on_deadlock_ == OnDeadlock::End) {
            std::abort();
        }
    }
    return false;
}

bool DeadlockWatch::a_deadline_is_armed() noexcept {
    for (int index = 0; index < scheduler_.width(); ++index) {
        if (scheduler_.worker(index).has_live_deadline()) {
            return true;
        }
    }
    return false;
}

bool DeadlockWatch::all_wait_for_tasks() noexcept {
    bool any = false;
    TaskWalk walk(&scheduler_);
    while (const auto task = walk.next()) {
        if (!waits_for_tasks(static_cast<const TaskState&>(*task))) {
            return false;
        }
        any = true;
    }
    return any;
}

bool DeadlockWatch::look_at_all_or_throw() {
    const auto stillness = scheduler_.stillness();
    if (!stillness) {
        return true;  // another loop may be awake for nothing
    }
    if (scheduler_.door().looks_shut()) {  // a shutdown names those who do not end
        return false;
    }
    const int threads =
        threads_of_process();  // first: a helper that is told to go on is none any more
    const bool others = threads > HelperThread::count() + scheduler_.loops_driven();
    if ((others && on_deadlock_ == OnDeadlock::Auto) || !all_wait_for_tasks()) {
        return false;
    }
    if (Errand::any()) {
        return true;
    }
    if (a_deadline_is_armed()) {
        return false;
    }
    const WaitGraph graph(&scheduler_);
    const std::lock_guard lock(mutex_);
    if (Errand::any() || a_deadline_is_armed() || !graph.holds() ||
        scheduler_.stillness() != stillness || told_ == graph.signature()) {
        return false;
    }
    log_error(
        std::string("deadlock: all tasks wait, and ") +
        (others ? "only another thread of the program can wake one\n"
                : "no thread is left to wake one\n") +
        describe_deadlock(graph)
    );
    told_ = graph.signature();
    if (on_deadlock_ == OnDeadlock::End) {
        std::abort();
    }
    return false;
}

void DeadlockWatch::look_for_cycles() noexcept {
    constexpr std::size_t kMostKept = 1'000;
    try {
        const WaitGraph graph(&scheduler_);
        for (const WaitGraph::Cycle& cycle : graph.cycles(true)) {
            // They slept before the holders were asked, and do now: what was said holds for all.
            if (!graph.holds(cycle)) {
                continue;
            }
            {
                const std::lock_guard lock(mutex_);
                if (cycles_told_.size() == kMostKept) {
                    cycles_told_.clear();
                }
                if (!cycles_told_.insert(graph.signature(cycle)).second) {
                    continue;
                }
            }
            log_warning(
                "deadlock: tasks wait for one another, unless a timeout or somebody else ends "
                "it\n" +
                graph.describe(cycle)
            );
        }
    } catch (const std::bad_alloc&) {
        // The next look may have some.
    }
}

}  // namespace weft::rt
