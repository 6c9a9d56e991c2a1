#include <algorithm>
#include <weft/detail/loop_api.hpp>
#include <weft/shield_scope.hpp>
#include <weft/sleep.hpp>

#include "base/clock.hpp"
#include "sched/scheduler.hpp"
#include "task/park.hpp"
#include "task/task_state.hpp"

namespace weft::detail {
namespace {

/// A done-callback: posts itself to its loop when the future is done, or runs where it has none. On
/// the heap; told once.
struct CallbackListener : Listener {
    Ref<DoneCallback> callback;
    Sink* loop;
    std::uint64_t life;

    [[nodiscard]] static CallbackListener* make(
        Ref<DoneCallback> callback, Sink* loop, std::uint64_t life
    ) {
        return new CallbackListener{
            {nullptr, &CallbackListener::on_done}, std::move(callback), loop, life};
    }
    static void add(
        FutureState& state, Ref<DoneCallback> callback, Sink* loop, std::uint64_t life
    ) {
        subscribe(state, *make(std::move(callback), loop, life));
    }
    static void subscribe(FutureState& state, Listener& listener) noexcept {
        if (!state.subscribe(listener)) {
            on_done(listener, state);
        }
    }

    static void on_done(Listener& self, FutureState& future) noexcept {
        auto* const listener = static_cast<CallbackListener*>(&self);
        if (future.done()) {
            listener->callback->set_argument(Ref<FutureState>::share(&future));
            listener->post();
        } else {
            listener->callback->cancel();  // abandoned: what it holds may hold it
        }
        delete listener;
    }
    void post() noexcept {
        if (loop == nullptr) {
            callback->run();
        } else if (running_sink() == loop) {
            loop->post(*callback.detach());
        } else {
            // From elsewhere the loop may be long gone.
            rt::post_if_alive(loop, life, *callback.detach());
        }
    }
};

TaskState& as_task(FutureState& state) {
    return static_cast<TaskState&>(state);
}
const TaskState& as_task(const FutureState& state) {
    return static_cast<const TaskState&>(state);
}

rt::Door<>& door_of(Sink& loop) noexcept {
    return static_cast<rt::Worker&>(loop).scheduler().door();
}

/// The life of a loop that may be gone, or be null; 0 then.
std::uint64_t life_here_or_elsewhere(Sink* loop) noexcept {
    return loop != nullptr && loop == running_sink() ? loop->life() : rt::life_of(loop);
}

std::string subject(const FutureState& state) {
    return state.is_task() ? "task '" + as_task(state).display_name() + "'" : "the future";
}

}  // namespace

Sink* running_sink() noexcept {
    const rt::Carrier* const carrier = rt::current_carrier();
    return carrier != nullptr ? carrier->sink : nullptr;
}

Entry::Entry(Sink& loop, const char* what) : entered_(nullptr) {
    const Sink* const here = running_sink();
    if (here != nullptr && here->runtime() == loop.runtime()) {
        return;
    }
    if (!static_cast<rt::Worker&>(loop).scheduler().is_here()) {
        throw RuntimeError(std::string(what) + ": the event loop belongs to the parent process");
    }
    if (!door_of(loop).enter()) {
        throw RuntimeError(std::string(what) + ": the event loop is closed");
    }
    entered_ = &loop;
}

Entry::~Entry() {
    if (entered_ != nullptr) {
        door_of(*entered_).leave();
    }
}

Loop* loop_of(Sink* sink) noexcept {
    // A handle may outlive the runtime that its future was made in.
    return life_here_or_elsewhere(sink) != 0 ? sink->loop() : nullptr;
}

Ref<FutureState> running_task(const char* what) {
    return Ref<FutureState>::share(rt::require_task(what).current);
}

const char* status_name(Status status) noexcept {
    switch (status) {
        case Status::Pending:
            return "pending";
        case Status::Value:
        case Status::Error:
            return "finished";
        case Status::Cancelled:
            return "cancelled";
    }
    return "";
}

void throw_not_done(const FutureState& state, const char* what) {
    throw InvalidStateError(std::string(what) + ": " + subject(state) + " is not done");
}

void throw_already_done(const FutureState& state, const char* what) {
    throw InvalidStateError(
        std::string(what) +
        (state.done() ? std::string(": the future is ") + status_name(state.status()) + " already"
                      : ": another thread is setting the future")
    );
}

void throw_taken(const FutureState& state) {
    throw InvalidStateError(
        "the result of " + subject(state) + " can only be moved, and somebody has taken it"
    );
}

void throw_task_is_not_settable(const char* what) {
    throw RuntimeError(std::string(what) + ": a task gets its result from its function");
}

void add_done_callback(FutureState& state, Ref<DoneCallback> callback) {
    Sink* const loop = state.loop() != nullptr ? state.loop() : running_sink();
    if (loop == nullptr) {
        throw RuntimeError("add_done_callback(): the future has no loop and none runs here");
    }
    const std::uint64_t life = life_here_or_elsewhere(loop);
    if (life == 0) {
        throw RuntimeError("add_done_callback(): the future's event loop is closed");
    }
    CallbackListener::add(state, std::move(callback), loop, life);
}

void tell_when_done(FutureState& state, Ref<DoneCallback> callback) {
    Sink* const here = running_sink();
    CallbackListener::add(state, std::move(callback), here, here != nullptr ? here->life() : 0);
}

PreparedTell::PreparedTell(Ref<DoneCallback> callback) {
    Sink* const here = running_sink();
    listener_ =
        CallbackListener::make(std::move(callback), here, here != nullptr ? here->life() : 0);
}

PreparedTell::~PreparedTell() {
    delete static_cast<CallbackListener*>(listener_);
}

void PreparedTell::tell_when_done(FutureState& state) noexcept {
    CallbackListener::subscribe(state, *std::exchange(listener_, nullptr));
}

void wait_shielded(FutureState& state) {
    state.wait_shielded();
}

TaskKind running_kind() {
    return rt::require_task("shield_scope()").current->kind;
}

std::string task_name(const FutureState& task) {
    return as_task(task).display_name();
}

void set_task_name(FutureState& task, std::string name) {
    as_task(task).rename(std::move(name));
}

std::uint32_t task_cancelling(const FutureState& task) noexcept {
    return as_task(task).cancel_requests.load(rt::relaxed);
}

std::uint32_t task_uncancel(FutureState& task) noexcept {
    return as_task(task).uncancel();
}

CancelReceipt task_cancel(FutureState& task) {
    const TaskState& its = as_task(task);
    const bool alone = !its.sleep.cancel_marked();
    const std::uint32_t delivered = its.cancels_delivered.load(rt::relaxed);
    task.cancel({});
    return {delivered, alone ? task_cancelling(task) : 0};
}

void task_withdraw_cancel(FutureState& task, const CancelReceipt& receipt) noexcept {
    TaskState& its = as_task(task);
    if (receipt.requests != 0 && receipt.delivered == its.cancels_delivered.load(rt::relaxed)) {
        its.withdraw_cancel(receipt.requests);
    }
}

std::chrono::steady_clock::time_point deadline_after(Delay delay) noexcept {
    Sink* const loop = running_sink();
    const rt::Nanos now = loop != nullptr ? loop->now() : rt::monotonic_now();
    const rt::Nanos length = delay.nanos().count();
    return std::chrono::steady_clock::time_point(
        std::chrono::nanoseconds(length < rt::kNever - now ? now + length : rt::kNever)
    );
}

}  // namespace weft::detail

namespace weft {

void yield() {
    rt::yield_now();
}

void detail::sleep_for(std::chrono::nanoseconds duration) {
    if (duration.count() <= 0) {
        rt::yield_now();
        return;
    }
    rt::sleep_until(deadline_after(duration).time_since_epoch().count());
}

}  // namespace weft
