#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "base/check.hpp"
#include "fiber/overflow.hpp"
#include "loop/dump.hpp"
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
}

void Runtime::start() {
    rt::install_overflow_handler();
    if (!state_->start_threads(0)) {
        throw RuntimeError("start(): the runtime is shut down");
    }
}

void Runtime::run_until_done(detail::FutureState& state) {
    rt::install_overflow_handler();
    static_cast<void>(state_->start_threads(1));  // a shutdown sees to the task by itself
    drive_or_wait(state);
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

std::string Runtime::dump_tasks() const {
    return rt::dump_tasks(state_->identity);
}

std::string dump_all_tasks() {
    return rt::dump_tasks(nullptr);
}

}  // namespace weft
