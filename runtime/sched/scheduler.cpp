#include "sched/scheduler.hpp"

#include <sys/prctl.h>

#include <mutex>
#include <unordered_map>

#include "base/check.hpp"
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
    static LiveLoops* const loops = new LiveLoops;  // never destroyed: a late callback may ask
    return *loops;
}

}  // namespace

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

Scheduler::Scheduler(const SchedulerOptions& options, const std::function<Loop*(int)>& make_loop)
    : options_(options) {
    const Topology topology = Topology::detect();
    const std::optional<double> quota = cpu_quota();
    width_ = std::min(choose_width(topology, quota, options.workers), Idle<>::kMostWorkers);
    idle_.set_workers(width_);
    pins_ = plan_pinning(topology, width_, quota, options.pinning.value_or(PinPolicy::Auto));
    if (options.stack_bytes != 0) {
        own_stacks_ = std::make_unique<StackPool>(options.stack_bytes);
    }
    stacks_ = own_stacks_ != nullptr ? own_stacks_.get() : &process_stack_pool();
    for (int index = 0; index < width_; ++index) {
        std::unique_ptr<Reactor> reactor;
        if (const std::error_code error = make_epoll_reactor(reactor)) {
            throw std::system_error(error, "cannot make the reactor of a loop");
        }
        workers_.push_back(std::make_unique<Worker>(Worker::Setup{
            *this, index, make_loop(index), std::move(reactor), Clock::real()}));
    }
    const auto victims = victim_order(topology, pins_);
    LiveLoops& loops = live_loops();
    const std::lock_guard lock(loops.mutex);
    for (int index = 0; index < width_; ++index) {
        worker(index).set_victims(victims[static_cast<std::size_t>(index)]);
        loops.lives[&worker(index)] = worker(index).life();
    }
}

Scheduler::~Scheduler() {
    stop_threads();
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
    // A refusal (seccomp, a mask that shrank) costs locality and nothing else.
    static_cast<void>(bind_current_thread(pins_[static_cast<std::size_t>(index)]));
}

void Scheduler::start_threads(int first) {
    threads_.resize(workers_.size());
    for (int index = first; index < width(); ++index) {
        std::thread& thread = threads_[static_cast<std::size_t>(index)];
        if (!thread.joinable()) {
            thread = std::thread([this, index] { run_thread(index); });
        }
    }
}

void Scheduler::run_thread(int index) {
    constexpr std::size_t kNameMax = 15;  // what the kernel keeps
    const std::string name = options_.name + "/w" + std::to_string(index);
    ::prctl(PR_SET_NAME, name.substr(0, kNameMax).c_str());
    bind_thread(index);
    const SignalStack signal_stack;
    worker(index).drive();
}

void Scheduler::stop_threads() noexcept {
    for (std::size_t index = 0; index < threads_.size(); ++index) {
        if (threads_[index].joinable()) {
            worker(static_cast<int>(index)).stop();
        }
    }
    for (std::thread& thread : threads_) {
        if (thread.joinable()) {
            thread.join();
        }
    }
    threads_.clear();
}

void Scheduler::notify(Worker* from) noexcept {
    while (idle_.anybody() && !idle_.somebody_searches()) {
        if (wake_one(from) != Idle<>::Choice::Again) {
            return;
        }
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
