#include "sched/scheduler.hpp"

#include <sys/prctl.h>

#include <cstdio>
#include <mutex>
#include <new>
#include <unordered_map>
#include <utility>

#include "base/check.hpp"
#include "base/disable.hpp"
#include "base/heavy_barrier.hpp"
#include "base/log.hpp"
#include "base/never_destroyed.hpp"
#include "base/spin_lock.hpp"
#include "fiber/overflow.hpp"
#include "sched/cpu_quota.hpp"
#include "sched/topology.hpp"
#include "sched/width.hpp"

namespace weft::rt {
namespace {

/// The loops that are alive, for those who come back to one later.
struct LiveLoops {
    std::mutex mutex;
    std::unordered_map<const Sink*, std::uint64_t> lives;
};

LiveLoops& live_loops() {
    static NeverDestroyed<LiveLoops> loops;  // a late callback may ask
    return loops.get();
}

}  // namespace

void for_each_task(const std::function<void(TaskState&)>& visit) {
    LiveLoops& loops = live_loops();
    RecordWalk records;
    // Each is dropped when the lock is free: it may be the last handle, of an error that is reported.
    while (const auto reference = records.next()) {
        auto& task = static_cast<TaskState&>(*reference);
        const std::lock_guard lock(loops.mutex);
        if (loops.lives.find(task.loop()) != loops.lives.end()) {
            visit(task);
        }
    }
}

detail::Ref<detail::FutureState> TaskWalk::next() noexcept {
    LiveLoops& loops = live_loops();
    for (;;) {
        auto reference = records_.next();
        if (!reference) {
            return {};
        }
        const Sink* const loop = static_cast<TaskState&>(*reference).loop();
        const std::lock_guard lock(loops.mutex);
        if (loops.lives.find(loop) != loops.lives.end() &&
            (runtime_ == nullptr || loop->runtime() == runtime_)) {
            return reference;
        }
    }
}

void post_if_alive(Sink* loop, std::uint64_t life, Callback& callback) noexcept {
    LiveLoops& loops = live_loops();
    {
        const std::lock_guard lock(loops.mutex);
        const auto found = loops.lives.find(loop);
        if (found != loops.lives.end() && found->second == life) {
            loop->post(callback);
            return;
        }
    }
    callback.release();
}

std::uint64_t life_of(const Sink* loop) noexcept {
    LiveLoops& loops = live_loops();
    const std::lock_guard lock(loops.mutex);
    const auto found = loops.lives.find(loop);
    return found != loops.lives.end() ? found->second : 0;
}

struct Scheduler::SleepingLoops final : VirtualClock::Loops {
    explicit SleepingLoops(Scheduler& all) : scheduler(all) {}
    bool no_wake_up_is_due(int index) noexcept override {
        return scheduler.worker(index).sleeps_undisturbed();
    }
    void wake(int index) noexcept override { scheduler.worker(index).reactor().wake(); }

    Scheduler& scheduler;
};

Scheduler::Scheduler(const SchedulerOptions& options, const std::function<Loop*(int)>& make_loop)
    : options_(options), simulation_(Simulation::of_thread()) {
    PricedMachine* const machine = simulation_ == nullptr ? nullptr : simulation_->machine();
    const Topology topology = machine != nullptr       ? machine->topology()
                              : simulation_ == nullptr ? Topology::detect()
                                                       : Topology{};
    if (simulation_ == nullptr) {
        warn_of_unknown_facilities();
        const std::optional<double> quota = is_disabled("cgroup") ? std::nullopt : cpu_quota();
        width_ = std::min(choose_width(topology, quota, options.workers), Idle<>::kMostWorkers);
        pins_ = plan_pinning(topology, width_, quota, options.pinning.value_or(PinPolicy::Auto));
        may_spin_ =
            !quota && width_ <= static_cast<int>(topology.cpus.size()) && !options.virtual_time;
    } else if (machine != nullptr) {
        width_ = machine->workers();
        pins_ =
            plan_pinning(topology, width_, std::nullopt, options.pinning.value_or(PinPolicy::Auto));
        may_spin_ = true;
    } else {
        width_ = options.workers > 0 ? options.workers : simulation_->temper().workers;
        options_.in_place = options_.in_place && simulation_->temper().in_place;
        pins_.resize(static_cast<std::size_t>(width_));
    }
    sharing_ = choose_sharing();
    places_ = find_places_anywhere(topology, pins_);
    idle_.set_workers(width_);
    if (options.stack_bytes != 0) {
        own_stacks_ = std::make_unique<StackPool>(options.stack_bytes);
    }
    stuck_.reserve(static_cast<std::size_t>(width_));
    left_ = std::make_unique<Atomic<bool>[]>(static_cast<std::size_t>(width_));
    stacks_ = own_stacks_ != nullptr ? own_stacks_.get() : &process_stack_pool();
    if (options.virtual_time && simulation_ == nullptr) {
        sleeping_loops_ = std::make_unique<SleepingLoops>(*this);
        virtual_clock_ = std::make_unique<VirtualClock>(width_, *sleeping_loops_);
    }
    Clock& clock = simulation_ != nullptr      ? static_cast<Clock&>(*simulation_)
                   : virtual_clock_ != nullptr ? static_cast<Clock&>(*virtual_clock_)
                                               : Clock::real();
    for (int index = 0; index < width_; ++index) {
        std::unique_ptr<Reactor> reactor;
        if (simulation_ != nullptr) {
            reactor = simulation_->make_reactor();
        } else if (const std::error_code error = make_epoll_reactor(reactor)) {
            throw std::system_error(error, "cannot make the reactor of a loop");
        }
        workers_.push_back(std::make_unique<Worker>(Worker::Setup{
            *this, index, make_loop(index), std::move(reactor), clock}));
    }
    const auto victims = victim_order(topology, pins_);
    if (machine != nullptr) {
        machine->place(victims);
    }
    std::unordered_map<const Sink*, std::uint64_t> lives;
    for (int index = 0; index < width_; ++index) {
        worker(index).set_victims(victims[static_cast<std::size_t>(index)]);
        lives.emplace(&worker(index), worker(index).life());
    }
    LiveLoops& loops = live_loops();
    const std::lock_guard lock(loops.mutex);
    loops.lives.reserve(loops.lives.size() + lives.size());
    loops.lives.merge(lives);  // all or none: what throws is above
}

Scheduler::~Scheduler() {
    WEFT_CHECK(threads_.empty(), "a scheduler ends with threads");
    {
        LiveLoops& loops = live_loops();
        const std::lock_guard lock(loops.mutex);
        for (const auto& worker : workers_) {
            loops.lives.erase(worker.get());
        }
    }
    // A thread outside may have brought the very task whose end let us get here, and not be out
    // yet.
    Backoff backoff;
    while (visitors_.load(acquire) != 0) {  // ~Visit's RMW
        backoff.pause();
    }
}

void Scheduler::shut_door() noexcept {
    door_.shut();
    Backoff backoff;  // they are about to leave: making a task waits for nothing
    while (!door_.empty()) {
        backoff.pause();
    }
}

void Scheduler::bind_thread(int index) {
    if (simulation_ != nullptr) {
        return;
    }
    // A refusal (seccomp, a mask that shrank, no memory) costs locality and nothing else.
    try {
        static_cast<void>(bind_current_thread(pins_[static_cast<std::size_t>(index)]));
    } catch (const std::bad_alloc&) {
    }
}

void Scheduler::start_threads(int first) {
    // Also for those that run when one of them gets no thread.
    struct Rescued {
        Scheduler& scheduler;
        ~Rescued() { scheduler.start_rescuer(); }
    } const rescued{*this};
    threads_.resize(workers_.size());
    for (int index = first; index < width(); ++index) {
        if (!has_thread(index)) {
            start_thread(index);
        }
    }
}

/// Without it the loops go on, and those that are kept wait for themselves.
void Scheduler::start_rescuer() noexcept {
    const bool is_by_chance = simulation_ != nullptr && simulation_->machine() == nullptr;
    if (width() == 1 || is_by_chance || virtual_clock_ != nullptr) {
        return;
    }
    try {
        if (simulation_ != nullptr) {
            rescuer_.start_simulated(*simulation_);
        } else {
            rescuer_.start(options_.name);
        }
    } catch (const std::exception& error) {
        if (!std::exchange(rescuer_refused_, true)) {
            log_line(
                LogLevel::Warning,
                "no thread to look after loops that one task keeps: ",
                error.what()
            );
        }
    }
}

void Scheduler::start_thread(int index) {
    const auto at = static_cast<std::size_t>(index);
    left_[at].store(false, relaxed);
    if (simulation_ != nullptr) {
        static_cast<void>(simulation_->start([this, index] {
            drive_when_possible(worker(index));
            left_[static_cast<std::size_t>(index)].store(true, release);
        }));
    } else {
        try {
            threads_[at].real = std::thread([this, index] { run_thread(index); });
        } catch (const std::system_error& error) {
            throw std::system_error(
                error.code(), "no thread for loop " + std::to_string(index) + " of the runtime"
            );
        }
    }
    threads_[at].is_running = true;
}

bool Scheduler::has_thread(int index) const noexcept {
    const auto at = static_cast<std::size_t>(index);
    return at < threads_.size() && threads_[at].is_running;
}

void Scheduler::pause_thread(Nanos length) noexcept {
    if (simulation_ != nullptr) {
        simulation_->sleep_for(length);
    } else {
        block_thread_for(length);
    }
}

Nanos Scheduler::thread_time() noexcept {
    return simulation_ != nullptr ? simulation_->now() : monotonic_now();
}

/// The run loop wants a stack of its own, for which there may be no memory yet.
void Scheduler::drive_when_possible(Worker& worker) {
    constexpr Nanos kPause = 10'000'000;
    for (;;) {
        try {
            worker.drive();
            return;
        } catch (const std::bad_alloc&) {
            if (worker.stop_is_due()) {
                return;
            }
            worker.scheduler().pause_thread(kPause);
        }
    }
}

void Scheduler::run_thread(int index) {
    char name[16];  // what the kernel keeps
    std::snprintf(name, sizeof name, "%s/w%d", options_.name.c_str(), index);
    ::prctl(PR_SET_NAME, name);
    bind_thread(index);
    {
        const SignalStack signal_stack;
        drive_when_possible(worker(index));
    }
    left_[static_cast<std::size_t>(index)].store(true, release);  // the last access
}

const std::vector<int>& Scheduler::stop_threads(Nanos deadline) {
    rescuer_.stop();
    stuck_.clear();
    for (int index = 0; index < width(); ++index) {
        if (has_thread(index)) {
            worker(index).stop();
        }
    }
    for (int index = 0; index < width(); ++index) {
        if (has_thread(index) && !join_thread(static_cast<std::size_t>(index), deadline)) {
            stuck_.push_back(index);
        }
    }
    threads_.clear();
    return stuck_;
}

/// False when it did not leave its loop in time: then it is left to itself.
bool Scheduler::join_thread(std::size_t index, Nanos deadline) noexcept {
    constexpr Nanos kPause = 50'000;
    while (!left_[index].load(acquire) && thread_time() < deadline) {
        pause_thread(kPause);
    }
    const bool has_left = left_[index].load(acquire);  // run_thread's release
    if (simulation_ != nullptr) {
        return has_left;
    }
    if (has_left) {
        threads_[index].real.join();
    } else {
        threads_[index].real.detach();
    }
    return has_left;
}

std::optional<std::uint64_t> Scheduler::stillness() noexcept {
    if (!inbox_.looks_empty()) {
        return std::nullopt;
    }
    std::uint64_t sum = 0;
    for (const auto& worker : workers_) {
        const auto runs = worker->run_before_quiet();
        if (!runs) {
            return std::nullopt;
        }
        sum += *runs;
    }
    return sum;
}

int Scheduler::loops_driven() const noexcept {
    return static_cast<int>(std::count_if(workers_.begin(), workers_.end(), [](const auto& worker) {
        return worker->driven();
    }));
}

Sharing Scheduler::choose_sharing() const noexcept {
    if (width_ == 1) {
        return Sharing::None;
    }
    const bool wanted = simulation_ == nullptr && !is_disabled("membarrier");
    return wanted && has_heavy_barrier() ? Sharing::Barriers : Sharing::Rmws;
}

void Scheduler::make_stealable_known() noexcept {
    stealable_seen_.store(true, relaxed);
    if (sharing_ == Sharing::Barriers) {
        static_cast<void>(heavy_barrier());  // refused: the rescuer sees to what is missed now
    }
}

void Scheduler::notify(Worker* from) noexcept {
    light_barrier();  // behind the publishing: last_look has the heavy one
    while (idle_.anybody() && !idle_.somebody_searches()) {
        if (wake_one(from) != Idle<>::Choice::Again) {
            return;
        }
    }
}

void Scheduler::notify_anyway() noexcept {
    while (idle_.anybody() && wake_one(nullptr) == Idle<>::Choice::Again) {
    }
}

/// Asks the nearest first; ends at the first that can be chosen, or when it has to be started anew.
Idle<>::Choice Scheduler::wake_one(Worker* from) noexcept {
    using Choice = Idle<>::Choice;
    if (from == nullptr) {
        for (int index = 0; index < width(); ++index) {
            if (const Choice choice = idle_.choose(index); choice != Choice::Awake) {
                if (choice == Choice::Chosen) {
                    worker(index).unpark();
                }
                return choice;
            }
        }
        return Choice::Awake;
    }
    for (const VictimGroup& group : from->victims()) {
        for (const int index : group.workers) {
            if (const Choice choice = idle_.choose(index); choice != Choice::Awake) {
                if (choice == Choice::Chosen) {
                    worker(index).unpark();
                    from->counters.wakes_sent.add();
                }
                return choice;
            }
        }
    }
    return Choice::Awake;
}

}  // namespace weft::rt
