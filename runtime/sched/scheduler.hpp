#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

#include "base/birthplace.hpp"
#include "base/clock.hpp"
#include "sched/door.hpp"
#include "sched/idle.hpp"
#include "sched/inbox.hpp"
#include "sched/pinning.hpp"
#include "sched/place.hpp"
#include "sched/policy.hpp"
#include "sched/rescuer.hpp"
#include "sched/sharing.hpp"
#include "sched/simulation.hpp"
#include "sched/virtual_clock.hpp"
#include "sched/worker.hpp"
#include "task/record_pool.hpp"

namespace weft::rt {

struct SchedulerOptions {
    int workers = 0;                   ///< 0: as many as the machine and its quota give
    std::optional<PinPolicy> pinning;  ///< unset: WEFT_PIN, else Auto
    std::size_t stack_bytes = 0;       ///< 0: the default of the stack pool
    bool hop = false;                  ///< testing: move stealable tasks at each suspension
    bool in_place = true;              ///< call a fresh child instead of waiting for it
    bool virtual_time = false;         ///< testing: time jumps to the next deadline
    std::string name = "weft";         ///< of the threads
};

/// The workers of one runtime and what they share.
class Scheduler {
public:
    /// Throws std::system_error when the system refuses a reactor, std::bad_alloc without memory.
    /// `make_loop` gives each worker its public face.
    Scheduler(const SchedulerOptions& options, const std::function<Loop*(int)>& make_loop);
    Scheduler(const Scheduler&) = delete;
    Scheduler& operator=(const Scheduler&) = delete;
    ~Scheduler();

    [[nodiscard]] int width() const noexcept { return static_cast<int>(workers_.size()); }
    [[nodiscard]] Worker& worker(int index) noexcept {
        return *workers_[static_cast<std::size_t>(index)];
    }

    /// What width() will be; known before the workers are made.
    [[nodiscard]] int width_planned() const noexcept { return width_; }

    /// Gives worker `first` and those after it threads of their own, where they have none.
    void start_threads(int first);
    [[nodiscard]] bool has_thread(int index) const noexcept;
    /// Binds the calling thread as planned for worker `index`.
    void bind_thread(int index);
    /// Ends the rescuer, and the loops of the threads that start_threads made, and waits for them until `deadline`
    /// of thread_time().
    /// Returns those that did not leave their loop: their threads are left to themselves.
    [[nodiscard]] const std::vector<int>& stop_threads(Nanos deadline);

    /// Where threads outside come in with new tasks.
    [[nodiscard]] Door<>& door() noexcept { return door_; }
    /// Shuts it, and returns when nobody is inside.
    void shut_door() noexcept;

    /// Not in a child of fork(): none of its threads and locks can be relied on there.
    [[nodiscard]] bool is_here() const noexcept { return birthplace_.is_here(); }

    // ---- when nothing happens

    /// How much the loops have run, if all have slept for Worker::kQuiet and nothing is on its way to any:
    /// equal answers mean that nothing has run in between.
    [[nodiscard]] std::optional<std::uint64_t> stillness() noexcept;
    [[nodiscard]] int loops_driven() const noexcept;
    /// Called by each loop that has run nothing for Worker::kQuiet, on its thread, where it still counts as
    /// asleep; again, but later and later, when that is true. Set before any loop runs.
    void set_on_quiet(std::function<bool()> on_quiet) { on_quiet_ = std::move(on_quiet); }
    [[nodiscard]] bool asks_why_quiet() const noexcept {
        return on_quiet_ != nullptr && simulation_ == nullptr;
    }
    [[nodiscard]] bool tell_quiet() noexcept { return on_quiet_(); }

    /// Where each worker's thread may run.
    [[nodiscard]] const std::vector<Place>& places() const noexcept { return places_; }

    // ---- for the workers

    [[nodiscard]] const Policy& policy() const noexcept { return policy_; }

    /// How the workers make stealable work known to one another.
    [[nodiscard]] Sharing sharing() const noexcept { return sharing_; }
    /// For how long a worker may go on looking for work before it sleeps, us.
    [[nodiscard]] int spin_us() const noexcept { return may_spin_ ? policy_.spin_us : 0; }

    /// Wakes one sleeping worker for stealable work, unless somebody is looking already. `from`:
    /// who asks; null for a thread outside.
    void notify(Worker* from) noexcept;
    /// The same for somebody who has seen work that nobody has come for: those who search may be stuck.
    void notify_anyway() noexcept;
    [[nodiscard]] Rescuer& rescuer() noexcept { return rescuer_; }
    [[nodiscard]] Idle<>& idle() noexcept { return idle_; }
    [[nodiscard]] Inbox<TaskState>& inbox() noexcept { return inbox_; }
    [[nodiscard]] bool hop() const noexcept { return options_.hop; }
    [[nodiscard]] bool in_place() const noexcept { return options_.in_place && !options_.hop; }
    [[nodiscard]] StackPool& stacks() noexcept { return *stacks_; }
    /// Null in real life.
    [[nodiscard]] Simulation* simulation() noexcept { return simulation_; }
    /// Has the calling thread, which runs no loop, wait for so long.
    void pause_thread(Nanos length) noexcept;
    /// What threads that run no loop go by: real also where that of the loops jumps.
    [[nodiscard]] Nanos thread_time() noexcept;
    /// Null where time is real.
    [[nodiscard]] VirtualClock* virtual_clock() noexcept { return virtual_clock_.get(); }

    /// Whether there has ever been stealable work: without, nobody need look for any.
    /// Called before it is made known.
    void saw_stealable() noexcept {
        if (!stealable_seen_.load(relaxed)) [[unlikely]] {
            make_stealable_known();
        }
    }
    /// Who reads false here after its announcement may leave out the barrier of its last look: the one who sets
    /// it passes a barrier before it looks for who has announced itself, and wakes somebody for all.
    [[nodiscard]] bool stealable_seen() const noexcept { return stealable_seen_.load(relaxed); }

    /// A thread outside brings work: the scheduler may not end before it is done with it.
    class Visit {
    public:
        explicit Visit(Scheduler& scheduler) noexcept : scheduler_(scheduler) {
            scheduler_.visitors_.fetch_add(1, acq_rel);
        }
        Visit(const Visit&) = delete;
        Visit& operator=(const Visit&) = delete;
        // The last access: ~Scheduler waits for it.
        ~Visit() { scheduler_.visitors_.fetch_sub(1, acq_rel); }

    private:
        Scheduler& scheduler_;
    };

private:
    struct SleepingLoops;
    void make_stealable_known() noexcept;
    [[nodiscard]] Sharing choose_sharing() const noexcept;

    void run_thread(int index);
    static void drive_when_possible(Worker& worker);
    Idle<>::Choice wake_one(Worker* from) noexcept;

    void start_thread(int index);
    void start_rescuer() noexcept;
    [[nodiscard]] bool join_thread(std::size_t index, Nanos deadline) noexcept;

    SchedulerOptions options_;
    const Birthplace birthplace_;
    Simulation* const simulation_;
    const Policy policy_ = Policy::from_environment();
    int width_ = 0;
    Sharing sharing_ = Sharing::None;
    bool may_spin_ = false;  // each worker has a CPU, and may use all of it
    std::unique_ptr<StackPool> own_stacks_;
    StackPool* stacks_ = nullptr;
    std::vector<PinPlan> pins_;
    std::vector<Place> places_;
    std::unique_ptr<SleepingLoops> sleeping_loops_;  // for the clock
    std::unique_ptr<VirtualClock> virtual_clock_;
    Door<> door_;
    Idle<> idle_;
    Inbox<TaskState> inbox_;
    Atomic<bool> stealable_seen_{false};  // relaxed: set before the work is published
    Atomic<int> visitors_{0};
    std::function<bool()> on_quiet_;  // throws nothing
    Rescuer rescuer_{*this};
    bool rescuer_refused_ = false;  // and that has been told
    std::vector<std::unique_ptr<Worker>> workers_;
    struct Thread {
        std::thread real;
        bool is_running = false;  // also of a virtual one
    };
    std::vector<Thread> threads_;  // by worker
    std::unique_ptr<Atomic<bool>[]>
        left_;                // release by a thread that is at its end -> stop_threads
    std::vector<int> stuck_;  // has room for all: there may be no memory when it is needed
};

/// Calls `visit` for each task that has not ended and whose loop is there, which it stays meanwhile:
/// neither may loops be made or ended in a visit, nor the last handle of anything be dropped.
void for_each_task(const std::function<void(TaskState&)>& visit);

/// A walk through the tasks of one runtime, or of all, that have not ended, by somebody who keeps its loops.
/// Asks for no memory.
class TaskWalk {
public:
    /// `runtime`: what its tasks' Sink::runtime() says; null: of all.
    explicit TaskWalk(const void* runtime) noexcept : runtime_(runtime) {}
    /// The next task, or null.
    [[nodiscard]] detail::Ref<detail::FutureState> next() noexcept;

private:
    RecordWalk records_;
    const void* runtime_;
};

/// Runs `callback` on the loop if that life of it goes on; drops it otherwise. Takes one reference.
/// For those who may outlive the loop they were made on.
void post_if_alive(Sink* loop, std::uint64_t life, Callback& callback) noexcept;
/// The life of a loop that may be gone; 0 then.
[[nodiscard]] std::uint64_t life_of(const Sink* loop) noexcept;

}  // namespace weft::rt
