#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "base/check.hpp"
#include "fiber/overflow.hpp"
#include "loop/dump.hpp"
#include "loop/exception_handler.hpp"
#include "loop/interrupt.hpp"
#include "loop/runtime_state.hpp"
#include "sched/affinity.hpp"
#include "sched/environment.hpp"
#include "sched/pinning.hpp"
#include "sched/width.hpp"

namespace weft {
namespace {

using rt::Scheduler;

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
    if (options.workers < 0) {
        throw ValueError(
            "RuntimeOptions.workers is " + std::to_string(options.workers) +
            "; a number of loops was expected, or 0 for one per core"
        );
    }
    rt::SchedulerOptions result;
    result.workers =
        options.workers > 0 ? options.workers : rt::workers_from_environment().value_or(0);
    result.pinning = policy_of(options.pin);
    result.stack_bytes = options.stack_bytes;
    result.hop = options.hop || rt::environment("WEFT_HOP") == "1";
    result.in_place = rt::environment("WEFT_IN_PLACE") != "0";
    result.virtual_time = options.virtual_time;
    result.name = options.name;
    return result;
}

OnDeadlock deadlock_choice(const RuntimeOptions& options) {
    const std::string word = rt::environment("WEFT_DEADLOCK").value_or("auto");
    OnDeadlock from_environment = OnDeadlock::Auto;
    if (word == "ignore") {
        from_environment = OnDeadlock::Ignore;
    } else if (word == "report") {
        from_environment = OnDeadlock::Report;
    } else if (word == "end") {
        from_environment = OnDeadlock::End;
    } else if (word != "auto") {
        rt::warn_ignored("WEFT_DEADLOCK", word, "auto, ignore, report or end");
    }
    return options.on_deadlock != OnDeadlock::Auto ? options.on_deadlock : from_environment;
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

}  // namespace

Runtime::State::State(const RuntimeOptions& given)
    : options(given),
      scheduler(std::make_unique<Scheduler>(
          scheduler_options(given),
          [this](int) {
              loops.push_back(std::unique_ptr<Loop>(new Loop(Loop::OfRuntime{})));
              return loops.back().get();
          }
      )),
      identity(scheduler.get()) {
    for (int i = 0; i < scheduler->width(); ++i) {
        loops[static_cast<std::size_t>(i)]->sink_ = &scheduler->worker(i);
    }
    deadlock_watch = std::make_unique<rt::DeadlockWatch>(*scheduler, deadlock_choice(given));
    if (deadlock_watch->is_wanted()) {
        scheduler->set_on_quiet([watch = deadlock_watch.get()] { return watch->look_at_all(); });
    }
}

Runtime::Runtime(RuntimeOptions options) {
    constexpr std::size_t kMostStackBytes = std::size_t{1} << 30;
    if (options.stack_bytes > kMostStackBytes) {
        throw ValueError(
            "RuntimeOptions::stack_bytes is " + std::to_string(options.stack_bytes) + ", at most " +
            std::to_string(kMostStackBytes) + " were expected"
        );
    }
    rt::set_describe_current(&describe_current_task);
    rt::install_error_reporter();
    rt::set_stack_owner_describer([](const rt::Stack&, char* out, std::size_t size) {
        describe_current_task(out, size);
    });
    state_ = std::make_unique<State>(options);
    for (const auto& loop : state_->loops) {
        loop->runtime_ = this;
    }
    if (state_->options.debug || rt::environment("WEFT_DEBUG") == "1") {
        state_->set_debug(true);
    }
}

Runtime::~Runtime() {
    if (!state_->is_here()) {
        static_cast<void>(state_.release());  // its threads are the parent's
        return;
    }
    WEFT_CHECK(
        detail::running_sink() == nullptr ||
            detail::running_sink()->runtime() != state_->scheduler.get(),
        "a runtime was destroyed by one of its own tasks"
    );
    shutdown();
}

Loop& Runtime::loop(int index) {
    if (state_->loops.empty()) {
        throw RuntimeError("loop(" + std::to_string(index) + "): the runtime is shut down");
    }
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
    state_->check_is_here("run()");
    if (!state_->takes_tasks()) {
        throw RuntimeError("run(): the runtime is shut down");
    }
}

void Runtime::start() {
    state_->check_is_here("start()");
    rt::install_overflow_handler();
    if (!state_->start_threads(0)) {
        throw RuntimeError("start(): the runtime is shut down");
    }
}

void Runtime::run_until_done(detail::FutureState& state) {
    rt::install_overflow_handler();
    try {
        static_cast<void>(state_->start_threads(1));  // a shutdown sees to the task by itself
        if (!state_->options.handle_sigint) {
            drive_or_wait(state);
            return;
        }
        const rt::Interrupt interrupt(state_->scheduler->worker(0), state);
        drive_or_wait(state);
        if (interrupt.ended_task()) {
            throw KeyboardInterrupt();
        }
    } catch (...) {
        state.cancel({});  // whoever runs the loop next must not call what the caller has given up
        throw;
    }
}

void Runtime::drive_or_wait(detail::FutureState& state) {
    if (!state_->take_loop0()) {
        state.wait();
        return;
    }
    struct Leave {
        State& state;
        ~Leave() { state.leave_loop0(); }
    } const leave{*state_};
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

void Runtime::set_exception_handler(const ExceptionHandler& handler) {
    for (const auto& loop : state_->loops) {
        loop->set_exception_handler(handler);
    }
}

std::vector<AnyTask> Runtime::all_tasks() const {
    auto states = state_->live_tasks();
    std::vector<AnyTask> tasks;
    tasks.reserve(states.size());
    for (auto& state : states) {
        tasks.emplace_back(std::move(state));
    }
    return tasks;
}

std::vector<AnyTask> all_tasks() {
    return get_running_loop().runtime().all_tasks();
}

std::string Runtime::dump_tasks() const {
    return rt::dump_tasks(state_->identity);
}

std::string dump_all_tasks() {
    return rt::dump_tasks(nullptr);
}

}  // namespace weft
