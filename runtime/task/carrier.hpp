#pragma once

#include "base/birthplace.hpp"
#include "base/probe.hpp"
#include "fiber/exception_state.hpp"
#include "fiber/float_state.hpp"
#include "fiber/stack_pool.hpp"
#include "fiber/switch.hpp"
#include "fiber/tls.hpp"
#include "task/record_pool.hpp"
#include "task/sink.hpp"

namespace weft::rt {

/// What a thread that runs a loop keeps for the lower floors. One thread at a time.
struct Carrier {
    explicit Carrier(StackPool& pool) : stacks(pool) {}

    Published<TaskState*> current{nullptr};  ///< the task that runs now; null in a callback
    Stack* stack = nullptr;                  ///< the stack this thread stands on now
    ExceptionState* exceptions = nullptr;    ///< the thread's own
    Sink* sink = nullptr;                    ///< the loop
    void (*run_loop)() = nullptr;            ///< the bottom of every stack
    void* callback_variables = nullptr;      ///< of the callback that runs now: a ContextState
    TaskState* forwarding = nullptr;         ///< whose wait is being cancelled here, in its stead
    std::uint64_t next_id = 0;               ///< numbers for new tasks, taken in blocks
    std::uint64_t last_id = 0;
    RecordCache records;
    StackCache stacks;
    WorkerCounters counters;
    const Birthplace birthplace;

protected:
    ~Carrier() = default;
};

/// Leaves the CPU to whatever comes next. `commit` runs when the task's stack has been left: from
/// then on the task may be resumed, here or elsewhere. After this the caller may be on another
/// thread: ask current_carrier() again.
[[gnu::noinline]] void suspend(Carrier& carrier, Commit commit, void* argument) noexcept;

/// The same, to the run loop, which knows what comes next; nothing to commit.
void suspend_to_run_loop(Carrier& carrier) noexcept;

/// Lets a higher floor look at each suspension, on the task's own stack, before anything of it is
/// done; it may end the process. A yield() after which the task goes on at once counts as well. One for the
/// process, set before the first loop runs.
using SuspensionCheck = void (*)(const Carrier& carrier) noexcept;
void set_suspension_check(SuspensionCheck check) noexcept;

/// Hands the thread to `task`: its exception state goes with it (R3, on the scheduler's side).
[[gnu::always_inline]] inline void enter(Carrier& carrier, TaskState& task) noexcept {
    carrier.current = &task;
    carrier.stack = task.stack;
    carrier.counters.tasks_run.add();
    if (task.exceptions.in_use()) [[unlikely]] {
        *carrier.exceptions = task.exceptions;
        task.exceptions = {};
    }
}

/// The stack of an idle run loop, to be given back once it has been left.
struct StackReturn {
    Carrier* carrier;
    Stack* stack;

    static void commit(void* argument) noexcept;
};

/// Goes on with a suspended task, from the run loop, whose stack goes back to the pool.
///
/// Inlined into the run loop: with no call between, what the processor has on its return stack is
/// the chain of the task that was suspended last, which is like this one's.
[[noreturn, gnu::always_inline]] inline void resume_from_run_loop(
    Carrier& carrier, TaskState& task
) noexcept {
    StackReturn give_back{&carrier, carrier.stack};
    enter(carrier, task);
    abandon_stack(task.context, *task.stack, &StackReturn::commit, &give_back);
}

/// Starts a fresh task by calling it, on the stack the run loop stands on. Returns when the task has ended, perhaps on another thread: ask current_carrier()
/// again.
[[gnu::always_inline]] inline void call_fresh(Carrier& carrier, TaskState& task) noexcept {
    carrier.current = &task;
    task.stack = carrier.stack;
    carrier.counters.tasks_run.add();
    FloatState::reset();
    task.run();
}

/// The commit of a task that goes to the back of its queue.
void requeue_commit(void* task) noexcept;

/// Suspends the task and puts it at the back of its queue.
[[gnu::always_inline]] inline void suspend_to_back(Carrier& carrier) noexcept {
    TaskState& self = *carrier.current;
    if (self.pinned()) {
        // Nobody but this thread takes from that queue, so it may be in there before it has left.
        carrier.sink->requeue(self);
        suspend(carrier, &nothing_to_commit, nullptr);
        return;
    }
    suspend(carrier, &requeue_commit, &self);
}

/// Runs `child`, which nobody has started, to its end on the stack of the running task, which waits
/// for it: a call instead of two switches. What the child does when it suspends, it does with the
/// whole stack; the waiting task goes on when it has ended, perhaps on another thread.
void call_in_place(Carrier& carrier, TaskState& child);

}  // namespace weft::rt
