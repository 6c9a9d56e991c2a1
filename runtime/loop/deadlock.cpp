#include "loop/deadlock.hpp"

#include <dirent.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <exception>
#include <string_view>
#include <utility>
#include <vector>
#include <weft/detail/job.hpp>

#include "base/helper_thread.hpp"
#include "base/log.hpp"
#include "task/holders.hpp"

// A deadlock is seen by a loop that has slept for a while and is the last to do so. At that moment
//
//   1. every loop sleeps, and nothing is on its way to one     (Scheduler::stillness)
//   2. every task sleeps in a wait that only a task, a callback or a thread ends
//   3. no deadline is armed, and no job of an executor is on its way
//   4. and 1. is as it was: no loop has slept anew since
//
// By 4. nothing has run between 1. and 3., so they hold together. What is left is a thread of the
// program, which may set a future at any time: nobody can know that it will not, but that there is none.

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
        return INT32_MAX;
    }
    int count = 0;
    while (const dirent* const entry = ::readdir(directory)) {  // NOLINT(concurrency-mt-unsafe)
        count += entry->d_name[0] != '.' ? 1 : 0;
    }
    ::closedir(directory);
    return count;
}

}  // namespace

std::string describe_cycles(const WaitGraph& graph) {
    std::string text;
    for (const WaitGraph::Cycle& cycle : graph.cycles()) {
        text += "  these wait for one another:\n" + graph.describe(cycle);
    }
    return text;
}

namespace {

std::string describe_deadlock(const WaitGraph& graph) {
    std::string text = describe_cycles(graph);
    text += "  " + std::to_string(graph.size()) + " tasks:\n" + graph.describe();
    if (graph.lacks_holders()) {
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

void DeadlockWatch::look_at_all() noexcept {
    if (on_deadlock_ == OnDeadlock::Ignore) {
        return;
    }
    try {
        look_at_all_or_throw();
    } catch (const std::bad_alloc&) {
        log_warning("all tasks may be waiting for one another; there is no memory to see whether");
    }
}

bool DeadlockWatch::nothing_is_armed() noexcept {
    for (int index = 0; index < scheduler_.width(); ++index) {
        if (scheduler_.worker(index).has_live_deadline()) {
            return false;
        }
    }
    return !detail::jobs_are_under_way();
}

void DeadlockWatch::look_at_all_or_throw() {
    const auto stillness = scheduler_.stillness();
    if (!stillness) {
        return;
    }
    bool any = false;
    TaskWalk walk(&scheduler_);
    while (const auto task = walk.next()) {
        if (!waits_for_tasks(static_cast<const TaskState&>(*task))) {
            return;
        }
        any = true;
    }
    if (!any || !nothing_is_armed()) {
        return;
    }
    const WaitGraph graph(&scheduler_);
    const bool others = threads_of_process() > HelperThread::count() + scheduler_.loops_driven();
    if (others && on_deadlock_ == OnDeadlock::Auto) {
        return;
    }
    if (scheduler_.stillness() != stillness || !graph.holds()) {
        return;
    }
    {
        const std::lock_guard lock(mutex_);
        if (std::exchange(told_, graph.signature()) == graph.signature()) {
            return;
        }
    }
    log_error(
        std::string("deadlock: all tasks wait, and ") +
        (others ? "only another thread of the program can wake one\n" : "nobody can wake one\n") +
        describe_deadlock(graph)
    );
    if (on_deadlock_ == OnDeadlock::End) {
        std::abort();
    }
}

void DeadlockWatch::look_for_cycles() noexcept {
    try {
        const WaitGraph graph(&scheduler_);
        for (const WaitGraph::Cycle& cycle : graph.cycles()) {
            // They slept before the holders were asked, and do now: what was said holds for all.
            if (!graph.holds(cycle)) {
                continue;
            }
            {
                const std::lock_guard lock(mutex_);
                if (!cycles_told_.insert(graph.signature(cycle)).second) {
                    continue;
                }
            }
            log_warning("deadlock: tasks wait for one another\n" + graph.describe(cycle));
        }
    } catch (const std::bad_alloc&) {
        // The next look may have some.
    }
}

}  // namespace weft::rt
