#include "sched/worker.hpp"

#include <unistd.h>

#include <algorithm>
#include <new>

#include "base/check.hpp"
#include "fiber/sanitizer.hpp"
#include "fiber/thread_stack.hpp"
#include "sched/scheduler.hpp"
#include "task/report.hpp"

namespace weft::rt {
namespace {

Atomic<std::uint64_t> next_life{1};  // relaxed: numbers need only differ

}  // namespace

Worker::Worker(Setup setup)
    : Carrier(setup.scheduler.stacks()),
      scheduler_(setup.scheduler),
      simulation_(setup.scheduler.simulation()),
      index_(setup.index),
      clock_(setup.clock),
      reactor_(std::move(setup.reactor)),
      policy_(setup.scheduler.policy()),
      steals_from_(
          std::make_unique<Counter[]>(static_cast<std::size_t>(setup.scheduler.width_planned()))
      ),
      rng_(
          simulation_ == nullptr ? static_cast<std::uint64_t>(setup.index) + 1
                                 : simulation_->below(UINT32_MAX)
      ),
      sharing_(setup.scheduler.sharing()),
      shared_(sharing_ != Sharing::None),
      in_place_(setup.scheduler.in_place()),
      hop_(setup.scheduler.hop() && shared_),
      moves_(hop_ || simulation_ != nullptr),
      ticks_per_microsecond_(
          simulation_ == nullptr ? ticks_per_microsecond() : simulation_->ticks_per_microsecond()
      ),
      poll_every_(ticks_of(policy_.poll_every_us)),
      slot_hesitation_(ticks_of(policy_.slot_hesitation_us)),
      slot_pass_every_(ticks_of(policy_.slot_pass_every_us)),
      spin_(ticks_of(shared_ ? setup.scheduler.spin_us() : 0)),
      timers_(shared_),
      inbox_token_(setup.scheduler.inbox().make_token()),
      kept_(sharing_) {
    sink = this;
    run_loop = &Worker::run_loop_entry;
    loop_ = setup.loop;
    runtime_ = &scheduler_;
    life_ = next_life.fetch_add(1, relaxed);
}

Worker::~Worker() {
    drop_callbacks();
}

void Worker::drop_callbacks() noexcept {
    const auto drop = [](Runnable* runnable) {
        if (runnable->kind == Runnable::Kind::Callback) {
            static_cast<Callback&>(*runnable).release();
        }
    };
    drain_mailbox();
    while (Runnable* const runnable = pinned_.pop()) {
        drop(runnable);
    }
    while (const auto deadline = timers_.take_any()) {
        drop(deadline->target);
    }
}

void Worker::drive() {
    WEFT_CHECK(current_carrier() == nullptr, "a thread drives two loops");
    Stack* const first = stacks.take();
    if (first == nullptr) {
        throw std::bad_alloc();
    }
    if (simulation_ == nullptr) {
        describe_thread_stack(own_thread_stack_);
        thread_id_ = ::gettid();
    } else {
        thread_stack_ = &simulation_->base_stack();
    }
    exceptions = exception_state_of_thread();
    set_current_carrier(this);
    driven_.store(true, release);
    scheduler_.rescuer().wake();  // by a lock, as nothing else orders this with its look at driven_
    if (VirtualClock* const clock = scheduler_.virtual_clock(); clock != nullptr) {
        clock->end_sleep(index_);
    }
    turns_driven_ = 0;
    stack = first;
    // What is in flight on this thread stays with it: the tasks start with nothing.
    const ExceptionState in_flight = *exceptions;
    *exceptions = {};
    switch_stack(
        &thread_context_, *thread_stack_, nullptr, *first, &nothing_to_commit, nullptr, run_loop
    );
    *exceptions = in_flight;
    if (simulation_ == nullptr) {
        forget_thread_stack(own_thread_stack_);
    }
    stopping_.store(false, relaxed);
    driven_.store(false, release);
    if (VirtualClock* const clock = scheduler_.virtual_clock(); clock != nullptr) {
        static_cast<void>(clock->begin_sleep(index_, kNever));
    }
    set_current_carrier(nullptr);
}

void Worker::drive_once(Nanos timeout) {
    struct Once {
        Worker& worker;
        Once(Worker& driven, Nanos longest) : worker(driven) {
            worker.once_ = true;
            worker.longest_sleep_ = longest;
            worker.mailbox_.unpark();
        }
        Once(const Once&) = delete;
        Once& operator=(const Once&) = delete;
        ~Once() {
            worker.once_ = false;
            worker.longest_sleep_ = kNever;
        }
    } const once(*this, timeout);
    drive();
    static_cast<void>(mailbox_.try_park());
}

Nanos Worker::longest_wait() noexcept {
    if (has_ready() || !mailbox_.looks_asleep() || !scheduler_.inbox().looks_empty()) {
        return 0;
    }
    return timers_.none() ? kNever : std::max<Nanos>(timers_.next() - clock_.now(), 0);
}

WEFT_NO_INSTRUMENT void Worker::leave() noexcept {
    struct Leaving {
        Worker* worker;
        Stack* stack;
    } leaving{this, stack};
    abandon_stack(
        thread_context_,
        *thread_stack_,
        [](void* argument) noexcept {
            const Leaving self = *static_cast<Leaving*>(argument);
            self.worker->stacks.give(self.stack);
            self.worker->stack = nullptr;
        },
        &leaving
    );
}

// Never left by a return: TSan would keep each entry on the shadow stack of a fiber that is used
// again and again, until that overflows.
WEFT_NO_INSTRUMENT void Worker::run_loop_entry() {
    for (;;) {
        // Asked anew each time: the task that was called may have come back on another thread.
        auto& worker = static_cast<Worker&>(*current_carrier());
        worker.current = nullptr;
        Runnable* const runnable = worker.next();
        if (runnable == nullptr) {
            worker.leave();
        }
        if (runnable->kind == Runnable::Kind::Callback) {
            worker.run_callback(static_cast<Callback&>(*runnable));
            continue;
        }
        auto& task = static_cast<TaskState&>(*runnable);
        if (task.fresh()) {
            call_fresh(worker, task);
        } else {
            resume_from_run_loop(worker, task);
        }
    }
}

void Worker::run_callback(Callback& callback) noexcept {
    counters.callbacks_run.add();
    FloatState::reset();  // R12: what ran here before may have left its own
    using detail::ContextState;
    callback_variables = detail::Ref<ContextState>(callback.context()).detach();
    try {
        callback.run();
    } catch (...) {
        report_callback_error(std::current_exception());
    }
    if (callback_variables != nullptr) {
        static_cast<ContextState*>(std::exchange(callback_variables, nullptr))->release();
    }
    callback.release();
}

Runnable* Worker::next() noexcept {
    for (;;) {
        Runnable* runnable = nullptr;
        if (next_up_ != nullptr) {
            runnable = std::exchange(next_up_, nullptr);
        } else if (pinned_popped_ != snapshot_end_) {
            ++pinned_popped_;
            runnable = pinned_.pop();
        } else if (TaskState* const task = quantum_ > 0 ? take_stealable() : nullptr) {
            --quantum_;
            runnable = task;
        }
        if (runnable != nullptr) {
            point();
            if (!set_aside_without_stack(*runnable)) {
                return runnable;
            }
            continue;
        }
        // acquire: stop's release; whoever stopped the loop wrote its reason before
        if (turns_driven_ > 0 && (once_ || stopping_.load(acquire))) {
            hand_search_on();
            give_stealable_away();
            return nullptr;
        }
        turn();
    }
}

/// A task that starts here may suspend, and then the run loop needs another stack to go on with.
bool Worker::set_aside_without_stack(Runnable& runnable) noexcept {
    if (runnable.kind != Runnable::Kind::Task || !static_cast<TaskState&>(runnable).fresh() ||
        stacks.has_spare()) [[likely]] {
        return false;
    }
    counters.stacks_refused.add();
    set_aside_.push(runnable);
    return true;
}

TaskState* Worker::take_next() noexcept {
    --runs_until_turn_;
    Runnable* runnable = nullptr;
    do {
        if (pinned_popped_ != snapshot_end_) {
            ++pinned_popped_;
            runnable = pinned_.pop();
        } else if (quantum_ > 0 && has_stealable()) {
            --quantum_;
            runnable = take_stealable();
        }
    } while (runnable == nullptr && cheap_turn());
    if (runnable == nullptr) {
        return nullptr;
    }
    if (runnable->kind == Runnable::Kind::Task && !static_cast<TaskState*>(runnable)->fresh()) {
        return static_cast<TaskState*>(runnable);
    }
    next_up_ = runnable;
    return nullptr;
}

void Worker::run_next(TaskState& task) noexcept {
    // Within this turn, before what is ready: whoever runs now has not given up its own.
    pinned_.push_front(*current);
    ++pinned_pushed_;
    ++snapshot_end_;
    next_up_ = &task;
}

/// Begins the next turn where nothing but the ready queues needs to be looked at.
bool Worker::cheap_turn() noexcept {
    if (runs_until_turn_ <= 0 || !mailbox_.looks_empty() || !timers_.none() || !has_ready()) {
        return false;
    }
    begin_turn();
    return true;
}

int Worker::runs_per_turn() noexcept {
    return simulation_ == nullptr || simulation_->machine() != nullptr
               ? policy_.runs_per_turn
               : static_cast<int>(simulation_->below(simulation_->temper().runs_per_turn + 1));
}

void Worker::begin_turn() noexcept {
    counters.turns.add();
    snapshot_end_ = pinned_pushed_;
    const auto usual = static_cast<std::uint64_t>(policy_.quantum);
    quantum_ = usual;
    if (const std::uint64_t pinned = snapshot_end_ - pinned_popped_; pinned > usual) {
        const std::uint64_t stealable = ring_.size() + reserve_.size();
        quantum_ = std::max(usual, std::min(pinned, stealable));
    }
}

void Worker::turn() noexcept {
    ++turns_driven_;
    if (simulation_ != nullptr) [[unlikely]] {
        simulation_->check_progress();
        simulation_->point();
    }
    drain_mailbox();
    if (!scheduler_.inbox().looks_empty()) {
        if (TaskState* const task = take_inbox(); task != nullptr) {
            const bool busy = has_ready();
            push_back(*task);
            if (busy && shared_) {
                scheduler_.notify(this);  // it waits here now, and whoever was woken for it is late
            }
        }
    }
    while (!set_aside_.empty() && stacks.has_spare()) {
        push_pinned(*set_aside_.pop());
    }
    if (has_ready()) {
        if (ticks_now() - last_poll_ > poll_every_) {
            poll(0);
        }
    } else {
        idle();
    }
    if (!timers_.none()) {
        fire_timers();
    }
    if ((searching_ || owes_look_) && has_ready()) [[unlikely]] {
        hand_search_on();
    }
    // What stop() told may have been drained in this turn: then none begins without a look at it.
    runs_until_turn_ = stopping_.load(relaxed) ? 0 : runs_per_turn();
    begin_turn();
}

void Worker::poll(Nanos timeout) noexcept {
    counters.polls.add();
    counters.events.add(static_cast<std::uint64_t>(reactor_->wait(timeout)));
    last_poll_ = ticks_now();
    dispatch();
}

void Worker::dispatch() noexcept {
    dispatching_ = true;
    reactor_->dispatch();
    dispatching_ = false;
    publish_batch();
}

void Worker::fire_timers() noexcept {
    const Nanos now = clock_.now();
    const auto take_what_a_rescuer_left = [this] {
        if (shared_) {
            drain_mailbox();
        }
    };
    while (const auto deadline = timers_.take_due(now, take_what_a_rescuer_left)) {
        point();
        if (deadline->target->kind == Runnable::Kind::Callback) {
            auto& callback = static_cast<Callback&>(*deadline->target);
            if (callback.cancelled()) {
                callback.release();
                continue;
            }
            counters.timers_fired.add();
            push_pinned(callback);
            continue;
        }
        auto& task = static_cast<TaskState&>(*deadline->target);
        if (task.sleep.claim(deadline->epoch, WakeReason::TimedOut)) {
            counters.timers_fired.add();
            submit(task);
        }
    }
}

void Worker::arm(TaskState& task, std::uint64_t epoch, Nanos when) {
    add_deadline(when, {&task, epoch});
}

void Worker::post_at(Nanos when, Callback& callback) {
    add_deadline(when, {&callback, 0});
}

void Worker::add_deadline(Nanos when, const Deadline& deadline) {
    struct Cancelled {
        IntrusiveFifo<Runnable> callbacks;
        ~Cancelled() {
            while (Runnable* const callback = callbacks.pop()) {
                static_cast<Callback*>(callback)->release();
            }
        }
    } cancelled;
    timers_.add(when, deadline, [&cancelled](const Deadline& other) {
        if (other.target->kind == Runnable::Kind::Task) {
            return static_cast<TaskState*>(other.target)->sleep.epoch() != other.epoch;
        }
        auto& callback = static_cast<Callback&>(*other.target);
        if (!callback.cancelled()) {
            return false;
        }
        if (!callback.context()) {
            callback.release();  // its function is gone, so this runs nobody's code
            return true;
        }
        cancelled.callbacks.push(callback);  // only the deadline has it
        return true;
    });
}

bool Worker::can_start() noexcept {
    // Another thread may not look into this worker's cache; its tasks find their stack, or wait.
    return current_carrier() != this || stacks.has_spare();
}

void Worker::stop() noexcept {
    stopping_.store(true, release);
    unpark();
}

void Worker::unpark() noexcept {
    if (mailbox_.notify()) {
        reactor_->wake();
    }
}

}  // namespace weft::rt
