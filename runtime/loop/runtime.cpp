#include <algorithm>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>
#include <weft/runtime.hpp>
#include <weft/sleep.hpp>

#include "base/check.hpp"
#include "base/log.hpp"
#include "fiber/overflow.hpp"
#include "loop/dump.hpp"
#include "sched/affinity.hpp"
#include "sched/environment.hpp"
#include "sched/pinning.hpp"
#include "sched/scheduler.hpp"
#include "sched/width.hpp"
#include "task/park.hpp"
#include "task/record_pool.hpp"

namespace weft {
namespace {

using rt::Scheduler;
using rt::TaskState;

std::optional<rt::PinPolicy> policy_of(Pin pin) {
    switch (pin) {
        case Pin::Core:
            return rt::PinPolicy::Core;
        case Pin::Group:
            return rt::PinPolicy::Group;
        case Pin::Numa:
            return rt::PinPolicy::Numa;
        case Pin::None:
            return rt::PinPolicy::None;
        case Pin::Auto:
            break;
    }
    return rt::pin_policy_from_environment();
}

rt::SchedulerOptions scheduler_options(const RuntimeOptions& options) {
    rt::SchedulerOptions result;
    result.workers =
        options.workers > 0 ? options.workers : rt::workers_from_environment().value_or(0);
    result.pinning = policy_of(options.pin);
    result.stack_bytes = options.stack_bytes;
    result.hop = options.hop || rt::environment("WEFT_HOP") == "1";
    result.in_place = rt::environment("WEFT_IN_PLACE") != "0";
    result.name = options.name;
    return result;
}

/// For the report of an overflow and of a failed check: on the thread that is in trouble, perhaps
/// in its signal handler, so no memory is asked for.
void describe_current_task(char* out, unsigned long size) {
    const rt::Carrier* const carrier = rt::current_carrier();
    if (carrier == nullptr || carrier->current == nullptr) {
        return;
    }
    carrier->current->write_name(out, size);
}

/// Stops the loop that waits for it when the future is done. Shared by the two: the loop may be
/// stopped first, and the future be done when nobody waits any more.
struct StopWhenDone : detail::Listener {
    std::mutex mutex;
    rt::Worker* worker = nullptr;  // under the mutex; null once the loop has left
    std::shared_ptr<StopWhenDone> self_until_told;

    static void on_done(detail::Listener& self, detail::FutureState&) noexcept {
        const std::shared_ptr<StopWhenDone> keep =
            std::move(static_cast<StopWhenDone&>(self).self_until_told);
        const std::lock_guard lock(keep->mutex);  // the loop cannot go while it is being stopped
        if (keep->worker != nullptr) {
            keep->worker->stop();
        }
    }
};

LoopMetrics read(const rt::WorkerCounters& counters) {
    return {
        .tasks_spawned = counters.tasks_spawned.get(),
        .tasks_run = counters.tasks_run.get(),
        .tasks_finished = counters.tasks_finished.get(),
        .callbacks_run = counters.callbacks_run.get(),
        .suspensions = counters.tasks_run.get() - counters.tasks_finished.get(),
        .steals = counters.steals.get(),
        .steal_searches = counters.steal_searches.get(),
        .injected = counters.injected.get(),
        .mail_received = counters.mail_received.get(),
        .parks = counters.parks.get(),
        .wakes_sent = counters.wakes_sent.get(),
        .wakes_received = counters.wakes_received.get(),
        .polls = counters.polls.get(),
        .events = counters.events.get(),
        .timers_fired = counters.timers_fired.get(),
        .turns = counters.turns.get(),
        .ring_overflows = counters.ring_overflows.get(),
        .stacks_refused = counters.stacks_refused.get(),
    };
}

}  // namespace

struct Runtime::State {
    explicit State(const RuntimeOptions& given)
        : options(given),
          scheduler(std::make_unique<Scheduler>(scheduler_options(given), [this](int) {
              return make_loop();
          })) {
        for (int i = 0; i < scheduler->width(); ++i) {
            loops[static_cast<std::size_t>(i)]->sink_ = &scheduler->worker(i);
        }
    }

    Loop* make_loop() {
        loops.push_back(std::unique_ptr<Loop>(new Loop(Loop::OfRuntime{})));
        return loops.back().get();
    }

    void begin(int first_thread) {
        rt::install_overflow_handler();
        if (!threads_running) {
            scheduler->start_threads(first_thread);
            threads_running = true;
            loop0_has_thread = first_thread == 0;
        }
    }

    [[nodiscard]] std::vector<detail::Ref<detail::FutureState>> live_tasks(
        const detail::FutureState* but
    ) const {
        std::vector<detail::Ref<detail::FutureState>> tasks;
        rt::RecordPool::shared().for_each([&](TaskState& task) {
            if (task.loop()->runtime() == scheduler.get() && &task != but) {
                tasks.push_back(detail::Ref<detail::FutureState>::share(&task));
            }
        });
        return tasks;
    }

    bool cancel_everything();

    RuntimeOptions options;
    std::vector<std::unique_ptr<Loop>> loops;
    std::unique_ptr<Scheduler> scheduler;
    bool threads_running = false;
    bool loop0_has_thread = false;
    bool shut_down = false;
};

/// Cancels rounds of tasks until none is left or the time is up; true when none is. Runs as a task.
bool Runtime::State::cancel_everything() {
    using std::chrono::steady_clock;
    constexpr auto kShortest = std::chrono::microseconds(100);
    constexpr auto kLongest = std::chrono::milliseconds(10);
    const auto self = detail::running_task();
    const auto deadline = steady_clock::now() + options.shutdown_timeout;
    auto next_round = steady_clock::now();
    constexpr auto kBetweenRounds = std::chrono::milliseconds(500);
    std::chrono::nanoseconds pause = kShortest;
    for (;;) {
        const auto tasks = live_tasks(self.get());
        if (tasks.empty()) {
            return true;
        }
        const auto now = steady_clock::now();
        if (now >= deadline) {
            return false;
        }
        if (now >= next_round) {  // again for those who swallowed it
            for (const auto& task : tasks) {
                task->cancel({});
            }
            next_round = now + kBetweenRounds;
            weft::yield();
            continue;
        }
        weft::sleep(pause);
        pause = std::min<std::chrono::nanoseconds>(2 * pause, kLongest);
    }
}

Runtime::Runtime(RuntimeOptions options) {
    rt::set_describe_current(&describe_current_task);
    rt::set_stack_owner_describer([](const rt::Stack&, char* out, std::size_t size) {
        describe_current_task(out, size);
    });
    state_ = std::make_unique<State>(options);
}

Runtime::~Runtime() {
    WEFT_CHECK(
        detail::running_sink() == nullptr ||
            detail::running_sink()->runtime() != state_->scheduler.get(),
        "a runtime was destroyed by one of its own tasks"
    );
    shutdown();
}

Loop& Runtime::loop(int index) {
    if (index < 0 || index >= workers()) {
        throw ValueError(
            "loop(" + std::to_string(index) + "): there are " + std::to_string(workers()) +
            " loops, numbered from 0"
        );
    }
    return *state_->loops[static_cast<std::size_t>(index)];
}

int Runtime::workers() const noexcept {
    return static_cast<int>(state_->loops.size());
}

void Runtime::check_can_run() const {
    if (rt::current_carrier() != nullptr) {
        throw RuntimeError("run() cannot be called from a running event loop");
    }
    if (state_->shut_down) {
        throw RuntimeError("run(): the runtime is shut down");
    }
}

void Runtime::start() {
    if (state_->shut_down) {
        throw RuntimeError("start(): the runtime is shut down");
    }
    state_->begin(0);
}

void Runtime::run_until_done(detail::FutureState& state) {
    state_->begin(1);
    if (state_->loop0_has_thread) {
        state.wait();
        return;
    }
    drive_until_done(state);
}

void Runtime::drive_until_done(detail::FutureState& state) {
    rt::install_overflow_handler();
    const rt::SavedAffinity affinity;
    const rt::SignalStack signal_stack;
    state_->scheduler->bind_thread(0);
    rt::Worker& worker = state_->scheduler->worker(0);
    const auto listener = std::make_shared<StopWhenDone>();
    listener->fire = &StopWhenDone::on_done;
    listener->worker = &worker;
    struct Leave {
        StopWhenDone& listener;
        ~Leave() {
            const std::lock_guard lock(listener.mutex);
            listener.worker = nullptr;
        }
    } const leave{*listener};
    listener->self_until_told = listener;
    if (state.subscribe(*listener)) {
        worker.drive();
    } else {
        listener->self_until_told.reset();
    }
}

void Runtime::shutdown() {
    State& state = *state_;
    if (state.shut_down) {
        return;
    }
    if (rt::current_carrier() != nullptr &&
        detail::running_sink()->runtime() == state.scheduler.get()) {
        throw RuntimeError("shutdown() from within one of the runtime's own tasks");
    }
    bool clean = true;
    if (!state.live_tasks(nullptr).empty()) {
        auto task = loop(0).create_task([&state] { return state.cancel_everything(); }, "shutdown");
        if (rt::current_carrier() == nullptr) {
            run_until_done(*task.state());
            clean = task.result();
        } else {
            state.begin(0);
            clean = task.take(true);
        }
    }
    state.shut_down = true;
    for (const auto& loop : state.loops) {
        loop->closed_ = true;
    }
    state.scheduler->stop_threads();
    if (!clean) {
        rt::log_error(
            "shutdown gave up on tasks that did not end when cancelled:\n" + dump_tasks()
        );
        // Their stacks and the loops they belong to stay: unwinding them by force is no way out
        // (R6), and somebody may still wake them.
        static_cast<void>(state.scheduler.release());
        for (auto& loop : state.loops) {
            static_cast<void>(loop.release());
        }
        state.loops.clear();
    }
}

Metrics Runtime::metrics() const {
    Metrics metrics;
    for (int i = 0; i < workers(); ++i) {
        metrics.loops.push_back(read(state_->scheduler->worker(i).counters));
    }
    return metrics;
}

std::string Runtime::dump_tasks() const {
    return rt::dump_tasks(state_->scheduler.get());
}

std::string dump_all_tasks() {
    return rt::dump_tasks(nullptr);
}

LoopMetrics Metrics::total() const noexcept {
    LoopMetrics sum;
    for (const LoopMetrics& loop : loops) {
        sum.tasks_spawned += loop.tasks_spawned;
        sum.tasks_run += loop.tasks_run;
        sum.tasks_finished += loop.tasks_finished;
        sum.callbacks_run += loop.callbacks_run;
        sum.suspensions += loop.suspensions;
        sum.steals += loop.steals;
        sum.steal_searches += loop.steal_searches;
        sum.injected += loop.injected;
        sum.mail_received += loop.mail_received;
        sum.parks += loop.parks;
        sum.wakes_sent += loop.wakes_sent;
        sum.wakes_received += loop.wakes_received;
        sum.polls += loop.polls;
        sum.events += loop.events;
        sum.timers_fired += loop.timers_fired;
        sum.turns += loop.turns;
        sum.ring_overflows += loop.ring_overflows;
        sum.stacks_refused += loop.stacks_refused;
    }
    return sum;
}

}  // namespace weft
