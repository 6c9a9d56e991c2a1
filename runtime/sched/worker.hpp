#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "base/clock.hpp"
#include "base/intrusive_list.hpp"
#include "base/probe.hpp"
#include "base/rng.hpp"
#include "reactor/reactor.hpp"
#include "sched/inbox.hpp"
#include "sched/loop_timers.hpp"
#include "sched/mailbox.hpp"
#include "sched/next_slot.hpp"
#include "sched/owner_lock.hpp"
#include "sched/policy.hpp"
#include "sched/public_ring.hpp"
#include "sched/reserve.hpp"
#include "sched/simulation.hpp"
#include "sched/spin_budget.hpp"
#include "sched/victims.hpp"
#include "task/carrier.hpp"
#include "task/task_state.hpp"

namespace weft::rt {

class Scheduler;

using detail::Callback;
using detail::Runnable;

/// A loop: one thread at a time drives it. It takes what is ready, runs it, and sleeps in its
/// reactor when there is nothing.
///
/// A turn (asyncio's _run_once): take what other threads left, visit the reactor, fire what is due;
/// then run the pinned work that is ready at this moment, in its order, then a quantum of stealable
/// work. What becomes ready meanwhile waits for the next turn.
///
/// It is also the Sink of the floors below: what they have for this loop to run comes in here.
class alignas(kCacheLine) Worker final : public Carrier, public Sink {
public:
    struct Setup {
        Scheduler& scheduler;
        int index;
        Loop* loop;
        std::unique_ptr<Reactor> reactor;
        Clock& clock;
    };
    explicit Worker(Setup setup);
    Worker(const Worker&) = delete;
    Worker& operator=(const Worker&) = delete;
    ~Worker();

    // ---- the thread that drives the loop

    /// Runs the loop on the calling thread until stop(); at least one turn.
    void drive();
    /// The same for one turn, sleeping for up to `timeout` when there is nothing to do. Afterwards
    /// the loop counts as asleep: what comes for it makes reactor().fd() readable.
    void drive_once(Nanos timeout);
    /// How long a host may wait for that before the next drive_once().
    [[nodiscard]] Nanos longest_wait() noexcept;
    /// Drops what was to be called: nobody will drive the loop again.
    void drop_callbacks() noexcept;
    void post_at(Nanos when, Callback& callback);  ///< takes one reference

    // ---- any thread

    /// Ends drive() after the turn that is under way, or the next drive() after one turn.
    void stop() noexcept;
    [[nodiscard]] bool stop_is_due() const noexcept { return stopping_.load(acquire); }
    /// Gets the loop out of its sleep, to look around once.
    void unpark() noexcept;
    /// Has a callback called, from a signal handler: takes one reference.
    void post_from_signal(Callback& callback) noexcept {
        static_cast<void>(mail_and_tell(callback));
    }
    [[nodiscard]] bool driven() const noexcept { return driven_.load(acquire); }
    /// Whether it sleeps and has not been told to wake up; or nobody drives it, nor has a reason to.
    [[nodiscard]] bool sleeps_undisturbed() const noexcept {
        return mailbox_.looks_asleep() || (!driven() && mailbox_.looks_empty());
    }
    /// How much it has run, if it has slept for kQuiet and nothing is on its way to it; nothing otherwise.
    /// Equal answers mean that it has run nothing in between.
    [[nodiscard]] std::optional<std::uint64_t> run_before_quiet() noexcept;
    /// From when on a loop that runs nothing counts as quiet.
    static constexpr Nanos kQuiet = 500'000'000;
    /// Whether a deadline is armed that somebody still wants. On another thread only where there are several
    /// loops.
    [[nodiscard]] bool has_live_deadline() noexcept;
    /// The kernel's number of the thread that drives it, or drove it last; 0 in a simulation.
    [[nodiscard]] pid_t thread_id() const noexcept { return thread_id_; }
    [[nodiscard]] int index() const noexcept { return index_; }
    /// How many stealable tasks it has taken from worker `victim`.
    [[nodiscard]] std::uint64_t steals_from(int victim) const noexcept {
        return steals_from_[static_cast<std::size_t>(victim)].get();
    }
    [[nodiscard]] Reactor& reactor() noexcept { return *reactor_; }
    [[nodiscard]] Scheduler& scheduler() noexcept { return scheduler_; }

    // ---- the rescuer

    /// Does for this loop, which does not come round, what others may do: see rescuer.hpp. Safe at any
    /// moment, on a thread that runs no loop; one at a time.
    void rescue() noexcept;
    /// Whether the loop sleeps, as RMWs see it: see Doze.
    [[nodiscard]] bool sleeps_for_sure() noexcept {
        return !driven() || mailbox_.look_closely_whether_asleep();
    }

    // ---- Sink

    void submit(TaskState& task) noexcept override;
    void submit_here(TaskState& task) noexcept override;
    void requeue(TaskState& task) noexcept override;
    void post(Callback& callback) noexcept override;
    [[nodiscard]] TaskState* take_next() noexcept override;
    [[nodiscard]] bool take_for_call(TaskState& task, bool may_call) noexcept override;
    void run_next(TaskState& task) noexcept override;
    void arm(TaskState& task, std::uint64_t epoch, Nanos when) override;
    [[nodiscard]] Nanos now() noexcept override { return clock_.now(); }
    [[nodiscard]] bool can_start() noexcept override;

    // ---- other workers

    using Ring = PublicRing<TaskState>;
    using Slot = NextSlot<TaskState>;
    [[nodiscard]] const Ring& ring() const noexcept { return ring_; }
    /// For who wants to take what this loop keeps to itself: for tests, which need another name than every worker's
    /// and the rescuer's.
    [[nodiscard]] OwnerLock<>& kept() noexcept { return kept_; }

    void set_victims(std::vector<VictimGroup> victims) { victims_ = std::move(victims); }
    [[nodiscard]] const std::vector<VictimGroup>& victims() const noexcept { return victims_; }

private:
    [[noreturn]] static void run_loop_entry();
    void run_callback(Callback& callback) noexcept;
    [[noreturn]] void leave() noexcept;

    // queues (worker_queues.cpp)
    void push_pinned(Runnable& runnable) noexcept;
    void push_stealable(TaskState& task) noexcept;
    [[nodiscard]] Worker* where_it_hops(const TaskState& task) noexcept;
    void push_back(TaskState& task) noexcept;
    void push_back_held(TaskState& task) noexcept;
    void put_into_slot(TaskState& task) noexcept;
    void publish() noexcept;
    void publish_held() noexcept;
    [[nodiscard]] bool take_from_slot(TaskState& task) noexcept;
    [[nodiscard]] bool give_reserve_away() noexcept;
    /// How one who claims what a loop keeps is called.
    static constexpr std::uint32_t kRescuer = 2;
    [[nodiscard]] std::uint32_t own_name() const noexcept {
        return kRescuer + 1 + static_cast<std::uint32_t>(index_);
    }
    [[nodiscard]] bool take_waiting(TaskState& task) noexcept;
    void take_ring_back() noexcept;
    [[nodiscard]] bool turn_can_wait() noexcept;
    void leave_something() noexcept;
    void publish_batch() noexcept;
    void submit_from_outside(TaskState& task) noexcept;
    void give_stealable_away() noexcept;
    void mail(Runnable& runnable) noexcept;
    /// The same; true when the loop had to be woken for it.
    bool mail_and_tell(Runnable& runnable) noexcept;
    void drain_mailbox() noexcept;
    [[nodiscard]] TaskState* take_stealable() noexcept;
    [[nodiscard]] TaskState* take_inbox() noexcept;
    [[nodiscard]] bool has_stealable() const noexcept {
        return !ring_.looks_empty() || keeps_any();
    }
    /// Whether there is stealable work that thieves have to claim.
    [[nodiscard]] bool keeps_any() const noexcept {
        return !slot_.looks_empty() || !reserve_.looks_empty();
    }
    [[nodiscard]] bool has_ready() const noexcept {
        return !pinned_.empty() || next_up_ != nullptr || has_stealable();
    }
    [[nodiscard]] bool from_here() const noexcept;

    // the turn (worker.cpp)
    [[nodiscard]] Runnable* next() noexcept;
    void turn() noexcept;
    [[nodiscard]] bool cheap_turn() noexcept;
    void begin_turn() noexcept;
    [[nodiscard]] int runs_per_turn() noexcept;
    void poll(Nanos timeout) noexcept;
    void dispatch() noexcept;
    void fire_timers() noexcept;
    void add_deadline(Nanos when, const Deadline& deadline);
    [[nodiscard]] bool set_aside_without_stack(Runnable& runnable) noexcept;

    // nothing to do (worker_idle.cpp)
    void idle() noexcept;
    [[nodiscard]] TaskState* search() noexcept;
    [[nodiscard]] TaskState* find() noexcept;
    [[nodiscard]] TaskState* find_in_public() noexcept;
    [[nodiscard]] TaskState* steal_from(Worker& victim) noexcept;
    [[nodiscard]] TaskState* spin() noexcept;
    [[nodiscard]] TaskState* steal_kept() noexcept;
    [[nodiscard]] TaskState* take_kept(Worker& victim) noexcept;
    void count_steals(const Worker& victim, std::uint32_t count) noexcept;
    void park() noexcept;
    void nap() noexcept;
    void sleep_in_reactor(Nanos longest) noexcept;
    [[nodiscard]] bool has_stacks_to_tidy() const noexcept;
    void tidy_stacks() noexcept;
    void sleep_in_virtual_time(Nanos longest) noexcept;
    [[nodiscard]] int wait_in_reactor(Nanos longest) noexcept;
    void note_quiet() noexcept;
    [[nodiscard]] Nanos quiet_for() const noexcept;
    [[nodiscard]] std::uint64_t runs() const noexcept {
        return counters.tasks_run.get() + counters.callbacks_run.get();
    }
    enum class Sight { Nothing, Kept, Work };
    [[nodiscard]] Sight last_look(bool alone) noexcept;
    void end_search() noexcept;
    void hand_search_on() noexcept;
    [[nodiscard]] std::uint32_t traffic() noexcept;
    [[nodiscard]] std::uint64_t ticks_to_deadline() noexcept;
    [[nodiscard]] bool deadline_is_due() noexcept {
        return !timers_.none() && timers_.next() <= clock_.now();
    }
    void nap_longer() noexcept;
    /// In a simulation another thread may go on here.
    void point() noexcept {
        if (simulation_ != nullptr) [[unlikely]] {
            simulation_->point();
        }
    }
    [[nodiscard]] std::uint64_t ticks_of(int microseconds) const noexcept {
        return static_cast<std::uint64_t>(microseconds) * ticks_per_microsecond_;
    }
    [[nodiscard]] std::uint64_t ticks_now() const noexcept {
        return simulation_ == nullptr ? ticks() : simulation_->ticks();
    }

    enum class Look { Reads, Writes };  // by loads, or by RMWs
    template <class Visit>
    [[nodiscard]] bool visit_victims(Look how, Visit visit) noexcept;
    void look_at(Worker& victim, Look how) noexcept {
        if (simulation_ != nullptr) [[unlikely]] {
            look_at_simulated(victim, how);
        }
    }
    void look_at_simulated(Worker& victim, Look how) noexcept;
    void push_simulated(const TaskState& task) noexcept;

    Scheduler& scheduler_;
    Simulation* const simulation_;  // null in real life
    const int index_;
    Clock& clock_;
    std::unique_ptr<Reactor> reactor_;
    std::vector<VictimGroup> victims_;
    const Policy policy_;
    const std::unique_ptr<Counter[]>
        steals_from_;  // by victim; apart from `counters`: rarely written
    Rng rng_;
    const Sharing sharing_;
    const bool shared_;    // other workers exist: stealable work is to be published
    const bool in_place_;  // a child that is next may be called by the one who waits for it
    const bool hop_;       // testing: every suspension of a stealable task moves it
    const bool moves_;     // the same, or a simulation, where some do, or have a price

    IntrusiveFifo<Runnable> pinned_;
    std::uint64_t pinned_pushed_ = 0;    // ever
    std::uint64_t pinned_popped_ = 0;    // ever
    std::uint64_t snapshot_end_ = 0;     // this turn runs those pushed before
    std::uint64_t quantum_ = 0;          // how many stealable ones
    int runs_until_turn_ = 0;            // direct switches until a turn may no longer be cut short
    int slot_streak_ = 0;                // tasks taken from the slot in a row
    Runnable* next_up_ = nullptr;        // chosen already, but the run loop has to start it
    IntrusiveFifo<Runnable> set_aside_;  // fresh tasks for which there was no stack
    IntrusiveFifo<Runnable> batch_;      // stealable tasks woken by this visit to the reactor
    std::size_t batch_size_ = 0;
    bool dispatching_ = false;
    std::uint64_t last_poll_ = 0;  // ticks()
    const std::uint64_t ticks_per_microsecond_;
    const std::uint64_t poll_every_;
    const std::uint64_t slot_hesitation_;
    const std::uint64_t slot_pass_every_;
    const std::uint64_t spin_;
    SpinBudget spin_budget_;
    bool spun_ = false;  // since it slept last
    std::uint64_t turns_driven_ = 0;
    LoopTimers timers_;
    Inbox<TaskState>::Token inbox_token_;

    bool searching_ = false;
    bool saw_kept_ = false;      // in the last look before a sleep
    bool owes_look_ = false;     // gave a search up unfinished; looks, or has another look
    bool chosen_ = false;        // awake because a submitter chose this worker
    Nanos tidying_put_off_ = 0;  // since when; 0: it is not
    Nanos tidy_at_ = 0;          // when stacks.tidy() may have something to do again
    Nanos nap_ = 0;              // > 0: chosen in vain lately; sleeps unannounced for so long
    Nanos nap_before_ = 0;       // the last one, if what is kept is still there
    std::uint32_t traffic_ = 0;  // of the others, when the nap began

    std::uint64_t runs_before_quiet_ =
        ~std::uint64_t{0};                     // runs() when it was last seen to run something
    Published<std::uint64_t> quiet_since_{0};  // ticks_now(), when it slept next
    Nanos ask_when_quiet_for_ = kQuiet;        // kNever: that has been done

    bool once_ = false;             // drive_once(): leave after a turn
    Nanos longest_sleep_ = kNever;  // the same

    Context thread_context_ = nullptr;
    Stack own_thread_stack_;
    Stack* thread_stack_ = &own_thread_stack_;  // what drive() was called on
    Atomic<bool> stopping_{false};              // release by stop -> acquire in next
    Atomic<bool> driven_{false};
    Published<pid_t> thread_id_{0};

    alignas(kCacheLine) Mailbox<Runnable> mailbox_;
    Ring ring_;
    alignas(kCacheLine) OwnerLock<> kept_;  // guards slot_ and reserve_
    Slot slot_;
    Reserve<TaskState, Runnable> reserve_;  // stealable, behind the ring
};

}  // namespace weft::rt
