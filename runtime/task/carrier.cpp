#include "task/carrier.hpp"

#include <utility>

#include "base/atomic.hpp"
#include "base/birthplace.hpp"
#include "base/check.hpp"
#include "fiber/guard.hpp"
#include "fiber/overflow.hpp"

namespace weft::rt {
namespace {

/// A task that runs in place on the stack of one that waits for it is about to leave that stack:
/// from here on those who wait below it are asleep, and a cancellation of theirs comes up to it.
[[gnu::noinline]] void put_waiters_to_sleep(TaskState& self) noexcept {
    TaskState* child = &self;
    for (TaskState* waiter = self.in_place_of; waiter != nullptr && waiter->awaiting == nullptr;
         waiter = waiter->in_place_of) {
        waiter->awaiting = child;
        waiter->wait_what.store("future", release);
        waiter->wait_object.store(child, release);
        if (!waiter->sleep.open({.forwards = true, .masked = waiter->masked_in_place})) {
            // Cancelled while the child ran: the child learns of it here, where it can be told.
            waiter->sleep.take_cancel_mark();
            child->request_cancel(waiter->take_cancel_message());
        }
        child = waiter;
    }
}

Atomic<SuspensionCheck> suspension_check{nullptr};

/// All that there may be to see when the running task suspends: what `suspensions_look` is set for.
[[gnu::noinline]] void look_at_suspension(const Carrier& carrier) noexcept {
    WEFT_CHECK(
        carrier.birthplace.is_here(),
        "a task waits in a child process of fork(), where it can only exec or _exit"
    );
    if (!canary_intact(*carrier.stack)) {
        die_of_broken_canary(*carrier.stack);
    }
    // pairs with the release store in set_suspension_check
    if (const SuspensionCheck check = suspension_check.load(acquire); check != nullptr) {
        check(carrier);
    }
}

}  // namespace

void set_suspension_check(SuspensionCheck check) noexcept {
    suspension_check.store(check, release);
    suspensions_look.store(true, relaxed);
}

void StackReturn::commit(void* argument) noexcept {
    const StackReturn self = *static_cast<StackReturn*>(argument);
    self.carrier->stacks.give(self.stack);
}

void requeue_commit(void* argument) noexcept {
    auto& task = *static_cast<TaskState*>(argument);
    current_carrier()->sink->requeue(task);
}

/// Leaves the CPU to `next`; null: to the run loop.
[[gnu::always_inline]] inline void suspend_to(
    Carrier& carrier, TaskState* next, Commit commit, void* argument
) noexcept {
    TaskState& self = *carrier.current;
    Stack& from = *carrier.stack;
    self.stack = &from;
    if (carrier.exceptions->in_use()) [[unlikely]] {
        self.exceptions = *carrier.exceptions;
        *carrier.exceptions = {};
    }
    Context to = nullptr;
    void (*entry)() = nullptr;
    if (next != nullptr) {
        to = next->context;
        enter(carrier, *next);
    } else {
        // A worker starts a fresh task only while it holds a spare stack: see sched/worker.
        Stack* const spare = carrier.stacks.take();
        WEFT_CHECK(spare != nullptr, "no stack for the run loop");
        carrier.current = nullptr;  // after take(), which may be where this stack overflows
        carrier.stack = spare;
        entry = carrier.run_loop;
    }
    switch_stack(&self.context, from, to, *carrier.stack, commit, argument, entry);
}

void suspend(Carrier& carrier, Commit commit, void* argument) noexcept {
    if (suspensions_look.load(relaxed)) [[unlikely]] {
        look_at_suspension(carrier);
    }
    TaskState& self = *carrier.current;
    if (self.in_place_of != nullptr) [[unlikely]] {
        put_waiters_to_sleep(self);
    }
    TaskState* const next = carrier.sink->take_next();
    if (next == &self) {
        return;  // it had put itself at the back, and is the only one there
    }
    suspend_to(carrier, next, commit, argument);
}

void suspend_to_run_loop(Carrier& carrier) noexcept {
    if (suspensions_look.load(relaxed)) [[unlikely]] {
        look_at_suspension(carrier);
    }
    if (carrier.current->in_place_of != nullptr) {
        put_waiters_to_sleep(*carrier.current);
    }
    suspend_to(carrier, nullptr, &nothing_to_commit, nullptr);
}

void call_in_place(Carrier& carrier, TaskState& child) {
    TaskState& self = *carrier.current;
    const ExceptionState in_flight = std::exchange(*carrier.exceptions, {});
    const FloatState float_state = FloatState::now();
    self.masked_in_place = in_flight.uncaught != 0;
    child.in_place_of = &self;
    self.stack = carrier.stack;
    const std::uint64_t epoch = self.sleep.epoch();
    call_fresh(carrier, child);
    Carrier& here = *current_carrier();
    here.current = &self;
    if (&here != &carrier) {
        here.counters.tasks_run.add();  // it came over with the child, and goes on here
    }
    *here.exceptions = in_flight;
    float_state.restore();
    if (self.awaiting != nullptr) {  // the child suspended, and put this task to sleep
        self.sleep.end_own(epoch);
        self.awaiting = nullptr;
        self.wait_what.store(nullptr, relaxed);
    }
}

}  // namespace weft::rt
