#include <sched.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <utility>

#include "base/heavy_barrier.hpp"
#include "sched/scheduler.hpp"
#include "sched/worker.hpp"

// What a worker does when it has nothing to do: look for work, announce itself, look once more,
// sleep. The protocol and its argument are in sleep_protocol.md.

namespace weft::rt {
namespace {

constexpr Nanos kMicro = 1'000;
// With fresh tasks and no stack for them: when to ask for one again.
constexpr Nanos kStackRetry = 10'000 * kMicro;
// For how long memory is given back before the loop looks at everything else: a step takes 20 us to 2 ms.
constexpr Nanos kTidying = 300 * kMicro;
constexpr Nanos kLongestStep = 2'000 * kMicro;

}  // namespace

template <class Visit>
bool Worker::visit_victims(Look how, Visit visit) noexcept {
    for (const VictimGroup& group : victims_) {
        const auto size = static_cast<std::uint32_t>(group.workers.size());
        const std::uint32_t start = rng_.below(size);
        for (std::uint32_t i = 0; i < size; ++i) {
            Worker& victim = scheduler_.worker(group.workers[(start + i) % size]);
            look_at(victim, how);
            if (visit(victim)) {
                return true;
            }
        }
    }
    return false;
}

/// A point, and on a machine what a look costs.
void Worker::look_at_simulated(Worker& victim, Look how) noexcept {
    if (PricedMachine* const machine = simulation_->machine(); machine != nullptr) {
        // Whatever the victim does to it makes another one of it.
        const std::uint32_t stamp =
            31 * victim.ring_.pushed() + 7 * victim.ring_.size() + 131 * victim.kept_.count();
        machine->look(index_, victim.index_, stamp, how == Look::Writes);
    }
    simulation_->point();
}

/// On a machine: a stealable task is about to be put where thieves find it. A point where it is a new one;
/// who wakes another may hold a primitive's lock.
void Worker::push_simulated(const TaskState& task) noexcept {
    if (shared_) {
        simulation_->machine()->write_own_line(index_);
    }
    if (task.fresh()) {
        simulation_->point();
    } else {
        simulation_->settle();
    }
}

void Worker::idle() noexcept {
    tidy_stacks();
    if (scheduler_.stealable_seen()) {
        const bool was_chosen = std::exchange(chosen_, false);
        TaskState* task = search();
        if (task == nullptr && !was_chosen && spin_ > 0 && !once_) {
            task = spin();
        }
        if (task != nullptr) {
            nap_ = 0;
            nap_before_ = 0;
            saw_kept_ = false;
            next_up_ = task;
            return;
        }
        if (has_ready() || !mailbox_.looks_empty()) {
            chosen_ = was_chosen;
            return;
        }
        if (was_chosen) {
            nap_longer();
        }
        if (!scheduler_.inbox().looks_empty()) {
            // Somebody is in the middle of putting something in, and may need this very core to go on: a
            // loop of real-time priority would never let it.
            ::sched_yield();
        }
    }
    park();
}

void Worker::nap_longer() noexcept {
    nap_ = std::clamp(2 * nap_, policy_.shortest_nap_us * kMicro, policy_.longest_nap_us * kMicro);
}

TaskState* Worker::search() noexcept {
    if (!searching_) {
        if (!shared_ || !scheduler_.idle().begin_search(scheduler_.width())) {
            return take_inbox();
        }
        searching_ = true;
    }
    counters.steal_searches.add();
    owes_look_ = false;
    TaskState* const task = find();
    if (task != nullptr) {
        end_search();
    }
    return task;
}

std::uint64_t Worker::ticks_to_deadline() noexcept {
    if (timers_.none()) {
        return UINT64_MAX;
    }
    constexpr Nanos kLongest = 1'000'000'000;  // of a spin
    const Nanos rest = std::clamp<Nanos>(timers_.next() - clock_.now(), 0, kLongest);
    return static_cast<std::uint64_t>(rest) * ticks_per_microsecond_ / 1'000;
}

/// Goes on for a while before it sleeps: what comes now is had much sooner than by a sleep and a wake-up. One
/// that searches looks for work; all look at their mailbox and reactor, and what those bring is for the turn
/// to see.
TaskState* Worker::spin() noexcept {
    if (!spin_budget_.wants()) {
        return nullptr;
    }
    const std::uint64_t length = std::min(spin_, ticks_to_deadline());
    const std::uint64_t between_looks = std::min(spin_ / 10, slot_pass_every_);
    const std::uint64_t between_polls = std::max(spin_ / 3, between_looks);
    counters.spins.add();
    spun_ = true;
    TaskState* found = nullptr;
    bool came = false;
    const std::uint64_t begun = ticks_now();
    std::uint64_t next_look = begun;
    std::uint64_t next_poll = begun + between_polls;
    for (std::uint64_t now = begun; !came && now - begun < length; now = ticks_now()) {
        cpu_relax();
        if (simulation_ != nullptr) [[unlikely]] {
            simulation_->spin();
        }
        if (now >= next_look) {
            // One that was not to search tries again: the one who did may have found something and gone.
            searching_ = searching_ || scheduler_.idle().begin_search(scheduler_.width());
            found = searching_ ? find_in_public() : nullptr;
            next_look = now + between_looks;
        }
        if (found == nullptr && now >= next_poll) {
            poll(0);
            next_poll = now + between_polls;
        }
        came =
            found != nullptr || has_ready() || !mailbox_.looks_empty() || stopping_.load(relaxed);
    }
    if (found != nullptr) {
        end_search();
    }
    if (came) {
        spin_budget_.paid();
    } else {
        counters.spins_in_vain.add();
        if (length == spin_) {  // one that a deadline cuts short says nothing
            spin_budget_.was_in_vain();
        }
    }
    return found;
}

void Worker::end_search() noexcept {
    searching_ = false;
    // The last one to look has found something: there may be more, and nobody is looking now.
    if (scheduler_.idle().end_search()) {
        scheduler_.notify(this);
    }
}

/// This worker has something else to do: if it was to look for work, another has to.
void Worker::hand_search_on() noexcept {
    chosen_ = false;  // it has what it was woken for, or something else
    if (searching_) {
        end_search();
    } else if (owes_look_) {
        scheduler_.notify(this);
    }
    owes_look_ = false;
}

TaskState* Worker::find() noexcept {
    TaskState* const task = find_in_public();
    return task != nullptr ? task : steal_kept();
}

TaskState* Worker::find_in_public() noexcept {
    TaskState* found = take_inbox();
    if (found == nullptr) {
        static_cast<void>(visit_victims(Look::Reads, [&](Worker& victim) {
            found = steal_from(victim);
            return found != nullptr;
        }));
    }
    return found;
}

TaskState* Worker::steal_from(Worker& victim) noexcept {
    std::uint32_t taken = 0;
    TaskState* const task = victim.ring_.steal_half(ring_, taken, sharing_);
    if (task != nullptr) {
        count_steals(victim, taken);
    }
    return task;
}

void Worker::count_steals(const Worker& victim, std::uint32_t count) noexcept {
    counters.steals.add(count);
    steals_from_[static_cast<std::size_t>(victim.index_)].add(count);
    if (simulation_ != nullptr) [[unlikely]] {
        if (PricedMachine* const machine = simulation_->machine(); machine != nullptr) {
            machine->steal(index_, victim.index_, count);
        }
    }
}

/// Takes from what an owner keeps to itself that has been busy with something else for a while.
TaskState* Worker::steal_kept() noexcept {
    TaskState* found = nullptr;
    static_cast<void>(visit_victims(Look::Reads, [&](Worker& victim) {
        const std::uint32_t count = victim.kept_.count();
        if (!victim.keeps_any()) {
            return false;
        }
        const std::uint64_t seen_at = ticks_now();
        std::uint64_t next_pass = seen_at + slot_pass_every_;
        for (std::uint64_t now = seen_at; now - seen_at < slot_hesitation_; now = ticks_now()) {
            if (victim.kept_.count() != count || !mailbox_.looks_empty()) {
                return false;  // its owner is at it, or this worker has its own to do
            }
            if (now >= next_pass) {
                // Whoever brings work meanwhile relies on this search.
                if (found = find_in_public(); found != nullptr) {
                    return true;
                }
                next_pass = now + slot_pass_every_;
            }
            cpu_relax();
            if (simulation_ != nullptr) [[unlikely]] {
                simulation_->spin();
            }
        }
        if (count % 2 == 0 && victim.kept_.count() == count) {
            found = take_kept(victim);
        }
        return found != nullptr;
    }));
    return found;
}

/// The older half of its reserve, or what is in its slot: one to run, the rest is for this worker to share.
TaskState* Worker::take_kept(Worker& victim) noexcept {
    std::array<TaskState*, Ring::kCapacity / 4> taken;  // NOLINT: filled below
    std::size_t count = 0;
    if (!victim.kept_.claim(own_name())) {
        return nullptr;
    }
    const std::size_t half = (victim.reserve_.size() + 1) / 2;
    victim.reserve_.take(std::min(half, taken.size()), [&](std::size_t most, auto take) {
        while (count < most) {
            taken[count++] = take();
        }
    });
    if (count == 0) {
        if (TaskState* const task = victim.slot_.take(); task != nullptr) {
            taken[count++] = task;
        }
    }
    victim.kept_.release_claim();
    if (count == 0) {
        return nullptr;
    }
    count_steals(victim, static_cast<std::uint32_t>(count));
    for (std::size_t i = 1; i < count; ++i) {
        push_back(*taken[i]);
    }
    return taken[0];
}

/// `alone`: nobody searches any more who would look after this worker has.
Worker::Sight Worker::last_look(bool alone) noexcept {
    Sight sight = Sight::Nothing;
    if (alone && sharing_ == Sharing::Barriers && scheduler_.stealable_seen() && !heavy_barrier()) {
        sight = Sight::Kept;  // it is not known what there is: a nap, and another look
    }
    if (scheduler_.inbox().look_closely()) {
        return Sight::Work;
    }
    if (!shared_) {
        return sight;
    }
    const bool work = visit_victims(Look::Writes, [&](Worker& victim) {
        victim.kept_.look_closely();
        if (victim.keeps_any()) {
            sight = Sight::Kept;
        }
        return victim.ring_.look_closely(sharing_);
    });
    return work ? Sight::Work : sight;
}

void Worker::park() noexcept {
    if (deadline_is_due()) {
        poll(0);
        return;
    }
    if (nap_ > 0) {
        nap();
        return;
    }
    const bool alone = scheduler_.idle().announce(index_, std::exchange(searching_, false));
    point();
    const Sight sight = last_look(alone);
    point();
    if (sight == Sight::Nothing) {
        sleep_in_reactor(kNever);
    }
    if (!scheduler_.idle().retract(index_)) {
        searching_ = true;  // whoever chose this worker has counted it
        chosen_ = true;
    } else if (sight == Sight::Work) {
        // Its submitter may have relied on the search that ended above.
        scheduler_.idle().begin_search_anyway();
        searching_ = true;
    }
    const Nanos nap_before = std::exchange(nap_before_, 0);
    if (sight == Sight::Kept) {
        saw_kept_ = true;
        nap_ = nap_before;
        nap_longer();
        owes_look_ = true;
    }
    dispatch();
}

void Worker::nap() noexcept {
    owes_look_ = shared_;  // somebody may have relied on the search that ends here
    if (std::exchange(searching_, false)) {
        static_cast<void>(scheduler_.idle().end_search());
    }
    const std::uint32_t before = std::exchange(traffic_, traffic());
    // What an owner keeps may be out of reach for a while, though nothing moves: no reason to look all the time.
    if (!std::exchange(saw_kept_, false) && before == traffic_) {
        // Nobody has brought anything since the last nap: from now on whoever does has to wake us.
        nap_before_ = std::exchange(nap_, 0);
        return;
    }
    sleep_in_reactor(nap_);
    nap_longer();
    dispatch();
}

std::uint32_t Worker::traffic() noexcept {
    std::uint32_t sum = static_cast<std::uint32_t>(scheduler_.inbox().size());
    static_cast<void>(visit_victims(Look::Reads, [&](Worker& victim) {
        sum += victim.ring_.pushed() + victim.kept_.count();
        return false;
    }));
    return sum;
}

void Worker::sleep_in_reactor(Nanos longest) noexcept {
    // relaxed: what came with a message that was drained in this turn is seen here by way of the
    // mailbox; what comes later makes try_park fail.
    if (stopping_.load(relaxed) || !mailbox_.try_park()) {
        return;
    }
    longest = std::min(longest, longest_sleep_);
    if (nap_ == 0 && has_stacks_to_tidy()) {  // not in a nap, behind which it would not be done
        longest = std::min(longest, std::max<Nanos>(tidy_at_ - clock_.now(), 0));
    }
    if (!set_aside_.empty()) {
        longest = std::min(longest, kStackRetry);
    }
    point();
    counters.parks.add();
    counters.polls.add();
    const std::uint64_t since = ticks_now();
    if (scheduler_.virtual_clock() != nullptr) [[unlikely]] {
        sleep_in_virtual_time(longest);
    } else {
        if (!timers_.none()) {
            longest = std::min(longest, std::max<Nanos>(timers_.next() - clock_.now(), 0));
        }
        counters.events.add(static_cast<std::uint64_t>(wait_in_reactor(longest)));
    }
    point();
    last_poll_ = ticks_now();
    const bool spun = std::exchange(spun_, false);
    if (!mailbox_.unpark()) {
        counters.wakes_received.add();
        if (!spun && last_poll_ - since < 2 * spin_) {
            spin_budget_.would_have_paid();
        }
    }
    scheduler_.rescuer().tell_awake();
}

/// Whether tasks have left memory, and time is real: a test that has its own is over before the second.
bool Worker::has_stacks_to_tidy() const noexcept {
    return stacks.is_untidy() && !once_ && scheduler_.virtual_clock() == nullptr &&
           simulation_ == nullptr;
}

/// Gives some of it back, unless it has something else to do. Where others rely on this worker to look for work that is put
/// off, but not for ever: an owner that others are never fast enough for may keep them napping.
void Worker::tidy_stacks() noexcept {
    if (!has_stacks_to_tidy()) {
        tidying_put_off_ = 0;
        return;
    }
    const Nanos begun = clock_.now();
    if (searching_ || owes_look_ || nap_ > 0) {
        if (tidying_put_off_ == 0) {
            tidying_put_off_ = begun;
        }
        if (begun - tidying_put_off_ < StackPool::kUnused) {
            tidy_at_ = begun + kLongestStep;
            return;
        }
        // It has been so for a second: a few steps are no longer than a nap.
    }
    tidying_put_off_ = 0;
    for (Nanos now = begun; now - begun < kTidying; now = clock_.now()) {
        if (!mailbox_.looks_empty() || stopping_.load(relaxed)) {
            return;
        }
        if (!timers_.none() && timers_.next() - now < kLongestStep) {
            tidy_at_ = timers_.next();
            return;
        }
        const Nanos rest = stacks.tidy(now);
        tidy_at_ = rest == kNever ? kNever : now + rest;
        if (rest > 0) {
            return;
        }
    }
}

/// What has happened by itself comes before a jump of the clock.
void Worker::sleep_in_virtual_time(Nanos longest) noexcept {
    VirtualClock& clock = *scheduler_.virtual_clock();
    int events = reactor_->wait(0);
    if (events == 0 && !clock.begin_sleep(index_, timers_.next())) {
        events = wait_in_reactor(longest);
    }
    clock.end_sleep(index_);
    counters.events.add(static_cast<std::uint64_t>(events));
}

}  // namespace weft::rt
