#include <algorithm>
#include <array>
#include <cstdint>

#include "base/check.hpp"
#include "sched/scheduler.hpp"
#include "sched/worker.hpp"

// The ready queues of a worker: who puts a runnable where.

namespace weft::rt {
namespace {

constexpr std::size_t kInboxBatch = 32;

}  // namespace

bool Worker::from_here() const noexcept {
    return current_carrier() == this;
}

void Worker::push_pinned(Runnable& runnable) noexcept {
    pinned_.push(runnable);
    ++pinned_pushed_;
}

/// Behind all that is ready here.
void Worker::push_back(TaskState& task) noexcept {
    kept_.hold([&] { push_back_held(task); });
}

void Worker::push_back_held(TaskState& task) noexcept {
    if (shared_ && reserve_.looks_empty() &&
        ring_.size() < static_cast<std::size_t>(policy_.public_at_least)) {
        static_cast<void>(ring_.push(task, sharing_));
        return;
    }
    if (const std::size_t spilled = reserve_.push(task); spilled != 0) [[unlikely]] {
        counters.ring_overflows.add(spilled);
    }
    if (shared_) {
        publish_held();
    }
}

inline void Worker::put_into_slot(TaskState& task) noexcept {
    kept_.hold([&] {
        if (TaskState* const displaced = slot_.put(task); displaced != nullptr) {
            push_back_held(*displaced);
        }
    });
}

void Worker::publish() noexcept {
    kept_.hold([&] { publish_held(); });
}

/// Keeps as much in the ring as behind it, and the older part: that is where thieves find work. More than
/// some is of no use to them.
void Worker::publish_held() noexcept {
    const std::size_t kept = reserve_.size();
    if (kept == 0) {
        return;
    }
    const std::size_t open = ring_.size();
    const std::size_t wanted = std::clamp(
        (open + kept) / 2,
        static_cast<std::size_t>(policy_.public_at_least),
        static_cast<std::size_t>(policy_.public_at_most)
    );
    if (open >= wanted) {
        return;
    }
    reserve_.take(wanted - open, [this](std::size_t count, auto take) {
        ring_.push_batch(static_cast<std::uint32_t>(count), take, sharing_);
    });
}

/// For tests: the loop that a stealable task which became ready here moves to; null where it stays.
Worker* Worker::where_it_hops(const TaskState& task) noexcept {
    if (hop_) {
        return &scheduler_.worker((index_ + 1) % scheduler_.width());
    }
    if (simulation_->machine() != nullptr) {
        push_simulated(task);
        return nullptr;
    }
    if (!simulation_->chance(simulation_->temper().hop_percent)) {
        return nullptr;
    }
    const auto width = static_cast<std::uint32_t>(scheduler_.width());
    return &scheduler_.worker(static_cast<int>(simulation_->below(width)));
}

/// A stealable task became ready on this thread.
void Worker::push_stealable(TaskState& task) noexcept {
    if (moves_) [[unlikely]] {
        if (Worker* const other = where_it_hops(task); other != nullptr) {
            other->mail(task);
            return;
        }
    }
    scheduler_.saw_stealable();
    if (current != nullptr) {
        put_into_slot(task);
    } else if (dispatching_) {
        batch_.push(task);
        ++batch_size_;
        return;
    } else {
        push_back(task);
    }
    if (shared_) {
        scheduler_.notify(this);
    }
}

/// The tasks that one visit to the reactor woke become stealable together, before the owner runs
/// the first of them.
void Worker::publish_batch() noexcept {
    if (batch_size_ == 0) {
        return;
    }
    scheduler_.saw_stealable();
    const auto count = static_cast<std::uint32_t>(
        std::min<std::size_t>(batch_size_, shared_ && reserve_.looks_empty() ? ring_.room() : 0)
    );
    if (count > 0) {
        ring_.push_batch(
            count, [this] { return static_cast<TaskState*>(batch_.pop()); }, sharing_
        );
    }
    while (Runnable* const rest = batch_.pop()) {
        push_back(static_cast<TaskState&>(*rest));
    }
    // The owner runs one of them itself. Those that went behind others may have moved others into the ring.
    if (shared_ && (batch_size_ > 1 || count == 0)) {
        scheduler_.notify(this);
    }
    batch_size_ = 0;
}

void Worker::requeue(TaskState& task) noexcept {
    if (task.pinned()) {
        push_pinned(task);
        return;
    }
    if (hop_) [[unlikely]] {
        push_stealable(task);
        return;
    }
    scheduler_.saw_stealable();
    push_back(task);
    if (shared_) {
        scheduler_.notify(this);
    }
}

void Worker::submit(TaskState& task) noexcept {
    Carrier* const carrier = current_carrier();
    if (carrier == nullptr || carrier->sink->runtime() != runtime()) {
        submit_from_outside(task);
        return;
    }
    auto& here = static_cast<Worker&>(*carrier);
    if (!task.pinned()) {
        here.push_stealable(task);
    } else if (&here == this) {
        push_pinned(task);
    } else {
        here.counters.wakes_sent.add(mail_and_tell(task) ? 1 : 0);
    }
}

void Worker::submit_here(TaskState& task) noexcept {
    if (task.pinned()) {
        push_pinned(task);
    } else {
        push_stealable(task);
    }
}

void Worker::submit_from_outside(TaskState& task) noexcept {
    const Scheduler::Visit visit(scheduler_);
    if (!task.pinned()) {
        scheduler_.saw_stealable();
        if (scheduler_.inbox().put(task)) {
            scheduler_.notify(nullptr);
            return;
        }
    }
    mail(task);
}

void Worker::post(Callback& callback) noexcept {
    if (from_here()) {
        push_pinned(callback);
        return;
    }
    Carrier* const carrier = current_carrier();
    if (carrier != nullptr && carrier->sink->runtime() == runtime()) {
        carrier->counters.wakes_sent.add(mail_and_tell(callback) ? 1 : 0);
        return;
    }
    const Scheduler::Visit visit(scheduler_);
    mail(callback);
}

void Worker::mail(Runnable& runnable) noexcept {
    static_cast<void>(mail_and_tell(runnable));
}

bool Worker::mail_and_tell(Runnable& runnable) noexcept {
    const bool asleep = mailbox_.push(runnable);
    if (asleep) {
        reactor_->wake();
    }
    return asleep;
}

void Worker::drain_mailbox() noexcept {
    bool shares = false;
    Runnable* runnable = mailbox_.drain();
    while (runnable != nullptr) {
        Runnable* const next = runnable->next;
        counters.mail_received.add();
        if (runnable->kind == Runnable::Kind::Task &&
            !static_cast<TaskState*>(runnable)->pinned() && !hop_) {
            push_back(static_cast<TaskState&>(*runnable));
            shares = shared_;
        } else {
            push_pinned(*runnable);
        }
        runnable = next;
    }
    if (shares) {
        scheduler_.notify(this);
    }
}

TaskState* Worker::take_stealable() noexcept {
    if (slot_streak_ < policy_.slot_streak && !slot_.looks_empty()) {
        TaskState* const task = kept_.hold([&] { return slot_.take(); });
        if (task != nullptr) [[likely]] {
            ++slot_streak_;
            return task;
        }
    }
    slot_streak_ = 0;
    if (TaskState* const task = shared_ ? ring_.pop(sharing_) : nullptr; task != nullptr) {
        return task;
    }
    if (!keeps_any()) {
        return nullptr;
    }
    bool published = false;
    TaskState* const task = kept_.hold([&] {
        TaskState* const oldest = reserve_.pop();
        if (oldest == nullptr) {
            return slot_.take();
        }
        if (shared_ && !reserve_.looks_empty()) {
            publish_held();
            published = true;
        }
        return oldest;
    });
    if (published) {
        scheduler_.notify(this);
    }
    return task;
}

/// Whether nothing waits for this loop to come round but more of the same.
bool Worker::turn_can_wait() noexcept {
    const bool by_chance = simulation_ != nullptr && simulation_->machine() == nullptr;
    if (by_chance || pinned_popped_ != pinned_pushed_ || !mailbox_.looks_empty() ||
        deadline_is_due() || !scheduler_.inbox().looks_empty() || stopping_.load(relaxed) ||
        ticks_now() - last_poll_ > poll_every_) {
        return false;
    }
    runs_until_turn_ = policy_.runs_per_turn;
    return true;
}

/// What thieves have left becomes this loop's own again, before what it has kept.
void Worker::take_ring_back() noexcept {
    kept_.hold([&] {
        reserve_.put_first([this](TaskState** places, std::size_t room) {
            return ring_.take_all(places, room);
        });
    });
}

inline bool Worker::take_from_slot(TaskState& task) noexcept {
    return slot_.may_be(task) && kept_.hold([&] { return slot_.take_this(task); });
}

/// Takes a task out of where it waits on this loop, if it does.
bool Worker::take_waiting(TaskState& task) noexcept {
    const auto take_kept = [this, &task] {
        return kept_.hold([&] {
            return slot_.take_this(task) || (!reserve_.looks_empty() && reserve_.take_this(task));
        });
    };
    if (keeps_any() && take_kept()) {
        return true;
    }
    if (!shared_ || ring_.looks_empty()) {
        return false;
    }
    if (ring_.pop_this(task)) {
        return true;
    }
    if (!reserve_.looks_empty()) {
        return false;  // it is older than those, and not the oldest: it will have been stolen
    }
    take_ring_back();
    const bool found = take_kept();
    if (!reserve_.looks_empty()) {
        publish();  // what was there for others is so again, before this loop is kept by something
        scheduler_.notify(this);
    }
    return found;
}

/// Thieves may have been here, and one who awaits child after child comes by nowhere else.
inline void Worker::leave_something() noexcept {
    if (!reserve_.looks_empty() && shared_ &&
        2 * ring_.size() < static_cast<std::size_t>(policy_.public_at_least)) [[unlikely]] {
        publish();
        scheduler_.notify(this);
    }
}

bool Worker::take_for_call(TaskState& task, bool may_call) noexcept {
    if (in_place_ && may_call && runs_until_turn_ > 0 && take_from_slot(task)) [[likely]] {
        --runs_until_turn_;
        leave_something();
        if (task.fresh()) [[likely]] {
            return true;
        }
        put_into_slot(task);
        return false;
    }
    if (!in_place_ || task.pinned() || task.loop()->runtime() != runtime()) {
        return false;
    }
    if (runs_until_turn_ <= 0 && !turn_can_wait()) {
        quantum_ = 0;  // one who awaits child after child lets the loop turn now
        may_call = false;
    }
    if (!take_waiting(task)) {
        return false;
    }
    leave_something();
    --runs_until_turn_;
    if (may_call && task.fresh()) [[likely]] {  // only now is it this worker's to look at
        return true;
    }
    put_into_slot(task);
    return false;
}

/// Nobody may drive this loop for a while: what the other workers may run goes where they find it.
void Worker::give_stealable_away() noexcept {
    if (!shared_ || !has_stealable()) {
        return;
    }
    const auto take_oldest = [this] {
        if (TaskState* const task = ring_.pop(sharing_); task != nullptr) {
            return task;
        }
        return kept_.hold([&] {
            TaskState* const task = reserve_.pop();
            return task != nullptr ? task : slot_.take();
        });
    };
    while (TaskState* const task = take_oldest()) {
        if (!scheduler_.inbox().put(*task)) {
            push_back(*task);  // without memory it waits here
            break;
        }
    }
    scheduler_.notify(this);
}

/// For the rescuer: some of what the loop keeps goes to all. False when there is no more, or nobody can take it.
bool Worker::give_reserve_away() noexcept {
    constexpr int kAtOnce = 64;  // the loop may be waiting for it
    if (reserve_.looks_empty() || !kept_.claim(kRescuer)) {
        return false;
    }
    int given = 0;
    bool refused = false;
    while (given < kAtOnce && !refused) {
        TaskState* const task = reserve_.pop();
        if (task == nullptr) {
            break;
        }
        refused = !scheduler_.inbox().put(*task);
        if (refused) {
            reserve_.push(*task);  // without memory it waits here, also for the next look
        } else {
            ++given;
        }
    }
    kept_.release_claim();
    counters.rescued_tasks.add(static_cast<std::uint64_t>(given));
    if (refused) {
        unpark();
    }
    return given == kAtOnce;
}

void Worker::rescue() noexcept {
    WEFT_CHECK(shared_, "the only loop of a runtime is rescued");
    counters.rescued_events.add(static_cast<std::uint64_t>(reactor_->rescue()));
    point();
    IntrusiveFifo<Runnable> stealable;
    timers_.rescue(clock_.now(), [this, &stealable](const Deadline& deadline) {
        if (deadline.target->kind == Runnable::Kind::Callback) {
            mail(*deadline.target);
            counters.rescued_timers.add();
            return true;
        }
        using Step = SleepWord<>::ClaimStep;
        auto& task = static_cast<TaskState&>(*deadline.target);
        const Step step = task.sleep.claim_early(deadline.epoch, WakeReason::TimedOut);
        if (step == Step::Claimed) {
            counters.rescued_timers.add();
            if (task.pinned()) {
                mail(task);
            } else {
                stealable.push(task);
            }
        }
        return step != Step::NotAsleep;
    });
    while (Runnable* const task = stealable.pop()) {
        submit_from_outside(static_cast<TaskState&>(*task));
    }
    point();
    while (give_reserve_away()) {
        point();
    }
    if (!scheduler_.inbox().looks_empty() || !ring_.looks_empty() || !slot_.looks_empty()) {
        scheduler_.notify_anyway();
    }
}

/// Takes a share of what came from outside: one to run, the rest into the ring.
TaskState* Worker::take_inbox() noexcept {
    Inbox<TaskState>& inbox = scheduler_.inbox();
    if (inbox.looks_empty()) {
        return nullptr;
    }
    std::array<TaskState*, kInboxBatch> taken;  // NOLINT: filled by take
    const std::size_t share =
        std::min(kInboxBatch, inbox.size() / static_cast<std::size_t>(scheduler_.width()) + 1);
    const std::size_t count = inbox.take(inbox_token_, taken.data(), share);
    if (count == 0) {
        return nullptr;
    }
    counters.injected.add(count);
    for (std::size_t i = 1; i < count; ++i) {
        push_back(*taken[i]);
    }
    if (count > 1 && shared_) {
        scheduler_.notify(this);  // who looked into the inbox meanwhile has seen nothing
    }
    return taken[0];
}

}  // namespace weft::rt
