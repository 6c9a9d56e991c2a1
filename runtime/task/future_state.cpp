#include <cstddef>
#include <memory>
#include <mutex>
#include <optional>
#include <weft/detail/future_state.hpp>
#include <weft/detail/wait_queue.hpp>

#include "base/check.hpp"
#include "base/log.hpp"
#include "task/park.hpp"
#include "task/report.hpp"
#include "task/task_state.hpp"
#include "task/thread_parker.hpp"

namespace weft::detail {
namespace {

using rt::acq_rel;
using rt::acquire;
using rt::relaxed;

std::mutex messages_mutex;

// What a task that is called in place finds of the stack at least.
constexpr std::ptrdiff_t kHeadroomBytes = 96 * 1024;

/// A task that waits for a future. Only the future ends this sleep: a cancellation goes to the
/// future, which then ends.
struct TaskListener : Listener {
    TaskState& task;
    std::uint64_t epoch;
    FutureState& future;

    static void on_done(Listener& self, FutureState&) noexcept {
        auto& listener = static_cast<TaskListener&>(self);
        // A copy: the listener's frame may be gone once the sleep is won.
        TaskState& task = listener.task;
        if (task.sleep.claim(listener.epoch, rt::WakeReason::Granted)) {
            task.loop()->submit(task);
            return;
        }
        // Held still by a canceller who waits, further up on this stack, for the future to be told:
        // let go here, so that those who wait for one future go on in the order they came.
        rt::Carrier* const carrier = rt::current_carrier();
        if (carrier != nullptr && carrier->forwarding == &task) {
            carrier->forwarding = nullptr;
            if (task.sleep.end_forward(false)) {
                task.loop()->submit(task);
            }
        }
    }
    /// After the sleep is open (park): lets the future know of it.
    static void publish(void* argument) noexcept {
        auto& listener = *static_cast<TaskListener*>(argument);
        TaskState& task = listener.task;
        const std::uint64_t epoch = listener.epoch;
        if (!listener.future.subscribe(listener)) {
            if (task.sleep.claim(epoch, rt::WakeReason::Granted)) {
                task.loop()->submit(task);
            }
        }
    }
};

/// A plain thread that waits for a future, perhaps not to the end: shared, so that the one who is
/// told in vain finds it.
struct ThreadListener : Listener {
    ThreadParker parker;
    std::shared_ptr<ThreadListener> self_until_told;

    static void on_done(Listener& self, FutureState&) noexcept {
        const std::shared_ptr<ThreadListener> keep =
            std::move(static_cast<ThreadListener&>(self).self_until_told);
        keep->parker.signal();
    }
};

bool wait_as_thread(
    FutureState& future, std::optional<std::chrono::steady_clock::time_point> deadline
) {
    auto listener = std::make_shared<ThreadListener>();
    listener->fire = &ThreadListener::on_done;
    listener->self_until_told = listener;
    if (!future.subscribe(*listener)) {
        listener->self_until_told.reset();
        return true;
    }
    if (!deadline) {
        listener->parker.wait();
        return true;
    }
    return listener->parker.wait_until(*deadline);
}

/// A child that nobody has started, that is ready here, and that may go wherever the waiting task may,
/// is called instead of waited for. Where the stack has no room for that it runs next, on another one: a
/// tree of tasks is walked in depth either way, but for what fairness to others begins beside it.
bool may_call_in_place(rt::Carrier& carrier, TaskState& self, FutureState& future) noexcept {
    if (!future.is_task() || self.pinned() || self.sleep.cancel_marked()) {
        return false;
    }
    // A frame's own address: how much of the stack is left.
    const auto* const here = static_cast<const std::byte*>(__builtin_frame_address(0));
    const std::ptrdiff_t left = here - carrier.stack->low;
    return carrier.sink->take_for_call(static_cast<TaskState&>(future), left > kHeadroomBytes);
}

/// A cancellation that came after the result but before the task went on beats the result; but
/// if that is a CancelledError, the one which is thrown, as in asyncio.
[[gnu::noinline]] void deliver_cancel(TaskState& self, FutureState& future) {
    if (!self.sleep.take_cancel_mark()) {
        return;
    }
    if (future.ended_cancelled()) {
        static_cast<void>(self.take_cancel_message());
        return;
    }
    throw_cancelled();
}

[[gnu::noinline]] void wait_as_task(rt::Carrier& carrier, FutureState& future, bool shielded) {
    TaskState& self = *carrier.current;
    if (&self == &future) {
        throw RuntimeError("task '" + self.display_name() + "' cannot await itself");
    }
    const bool masked = shielded || rt::cancellation_masked(carrier);
    rt::Carrier* here = &carrier;
    bool slept = false;
    while (!future.done()) {
        self.awaiting = &future;
        if (!masked && self.sleep.cancel_marked()) [[unlikely]] {
            self.forward_cancel();
        }
        TaskListener listener{{nullptr, &TaskListener::on_done}, self, self.sleep.epoch(), future};
        const rt::Sleep sleep{
            self,
            listener.epoch,
            {.forwards = true, .masked = masked},
            &TaskListener::publish,
            &listener};
        const rt::WakeReason reason = rt::park(*here, sleep, "future", &future);
        here = rt::current_carrier();
        self.awaiting = nullptr;
        slept = true;
        if (reason == rt::WakeReason::Cancelled) [[unlikely]] {  // one of a circle
            self.sleep.take_cancel_mark();
            throw_cancelled();
        }
    }
    if (slept && !masked && self.sleep.cancel_marked()) [[unlikely]] {
        deliver_cancel(self, future);
    }
}

}  // namespace

void FutureState::finish(Status status) noexcept {
    const auto finished = word_.finish(status);
    if (finished.kept) {
        tell(finished.waiting);
        release();
    }
}

void FutureState::tell(std::uintptr_t chain) noexcept {
    // SAFETY: subscribe() made the word of a Listener's address.
    auto* newest = reinterpret_cast<Listener*>(chain);
    Listener* oldest = nullptr;
    while (newest != nullptr) {
        Listener* const next = newest->next;
        newest->next = oldest;
        oldest = newest;
        newest = next;
    }
    while (oldest != nullptr) {
        Listener* const next = oldest->next;  // before fire: it may be gone after
        oldest->fire(*oldest, *this);
        oldest = next;
    }
}

bool FutureState::subscribe(Listener& listener) noexcept {
    return word_.subscribe(
        reinterpret_cast<std::uintptr_t>(&listener),
        // SAFETY: what is linked there came from here.
        [this, &listener](std::uintptr_t older) {
            listener.next = reinterpret_cast<Listener*>(older);
            newest_listener_.store(&listener, relaxed);
        }
    );
}

void FutureState::forget_waiter(const TaskState& task) noexcept {
    for (;;) {
        // Others may subscribe meanwhile, which changes the first only.
        const std::uintptr_t newest = word_.waiting();
        Listener* before = nullptr;
        auto* listener = reinterpret_cast<Listener*>(newest);
        while (listener != nullptr && (listener->fire != &TaskListener::on_done ||
                                       &static_cast<TaskListener*>(listener)->task != &task)) {
            before = listener;
            listener = listener->next;
        }
        if (listener == nullptr) {
            return;
        }
        if (before != nullptr) {
            before->next = listener->next;
            return;
        }
        if (word_.replace_newest(newest, reinterpret_cast<std::uintptr_t>(listener->next))) {
            return;
        }
    }
}

void FutureState::wait() {
    if (done()) {
        return;
    }
    rt::Carrier* const carrier = rt::current_carrier();
    if (carrier == nullptr) {
        wait_as_thread(*this, std::nullopt);
        return;
    }
    TaskState* const self = carrier->current;
    if (self == nullptr) [[unlikely]] {
        rt::throw_no_task("waiting for a future");
    }
    if (!may_call_in_place(*carrier, *self, *this)) {
        wait_as_task(*carrier, *this, false);
        return;
    }
    const bool masked = rt::cancellation_masked(*carrier);
    rt::call_in_place(*carrier, static_cast<TaskState&>(*this));
    if (!masked && self->sleep.cancel_marked()) [[unlikely]] {
        deliver_cancel(*self, *this);
    }
}

void FutureState::wait_shielded() {
    rt::Carrier& carrier = rt::require_task("waiting for a future");
    if (!done()) {
        wait_as_task(carrier, *this, true);
    }
}

bool FutureState::wait_until(std::chrono::steady_clock::time_point deadline) {
    if (done()) {
        return true;
    }
    if (rt::current_carrier() != nullptr) {
        throw RuntimeError("a wait with a deadline is for plain threads; in a task use a timeout");
    }
    return wait_as_thread(*this, deadline);
}

bool FutureState::cancel(const std::string& message) noexcept {
    if (done()) {
        mark_error_seen();  // as in asyncio: who cancels does not care for the error
        return false;
    }
    if (is_task_) {
        return static_cast<TaskState&>(*this).request_cancel(message);
    }
    if (operations_->cancel != nullptr) {
        return operations_->cancel(*this, message);
    }
    if (!try_begin_finish()) {
        return false;
    }
    finish_cancelled(message);
    return true;
}

std::unique_ptr<std::string> FutureState::copy_of_message(const std::string& message) noexcept {
    try {
        return message.empty() ? nullptr : std::make_unique<std::string>(message);
    } catch (const std::bad_alloc&) {
        return nullptr;
    }
}

void FutureState::finish_cancelled(const std::string& message) noexcept {
    // relaxed: finish's CAS hands it over
    cancel_message_.store(copy_of_message(message).release(), relaxed);
    finish(Status::Cancelled);
}

/// A task's message may be replaced by a canceller that is late, while others read it: both hold the
/// mutex, unless there is no message. acq_rel: hands the string over.
void FutureState::replace_message(std::unique_ptr<std::string> message) noexcept {
    if (message == nullptr && cancel_message_.load(relaxed) == nullptr) {
        return;
    }
    const std::lock_guard lock(messages_mutex);
    message.reset(cancel_message_.exchange(message.release(), acq_rel));
}

/// Without memory there is none.
std::string FutureState::cancel_message() const noexcept {
    if (cancel_message_.load(relaxed) == nullptr) {
        return {};
    }
    const std::lock_guard lock(messages_mutex);
    try {
        return *cancel_message_.load(acquire);  // replace_message's RMW
    } catch (const std::bad_alloc&) {
        return {};
    }
}

void FutureState::rethrow_failure() {
    if (status() == Status::Cancelled || has_cancelled_error()) {
        throw CancelledError(cancel_message());
    }
    if (status() == Status::Error) {
        mark_error_seen();
        std::rethrow_exception(error_);
    }
}

void FutureState::finish_with_cancelled_error(const std::string& message) noexcept {
    // relaxed: finish's CAS hands it over
    cancel_message_.store(copy_of_message(message).release(), relaxed);
    finish(Status::Error);
}

void FutureState::finish_as(FutureState& other) noexcept {
    try {
        other.rethrow_failure();
    } catch (const CancelledError& error) {
        finish_with_cancelled_error(error.message());
    } catch (...) {
        set_error(std::current_exception());
        finish(Status::Error);
    }
}

bool FutureState::ended_cancelled() const noexcept {
    if (status() != Status::Error || error_ == nullptr) {
        return status() != Status::Value && done();
    }
    try {
        std::rethrow_exception(error_);
    } catch (const CancelledError&) {
        return true;
    } catch (...) {
        return false;
    }
}

std::exception_ptr FutureState::take_error() {
    if (status() == Status::Cancelled) {
        rethrow_failure();
    }
    if (has_cancelled_error()) {
        return std::make_exception_ptr(CancelledError(cancel_message()));
    }
    mark_error_seen();
    return error_;
}

/// The last owner, so nobody else looks.
void FutureState::end_without_value() noexcept {
    // Only done-callbacks can be left: who waits holds a reference.
    tell(word_.waiting());
    if (error_is_unseen()) {
        rt::report_unseen_error(*this, error_);
    }
    error_ = nullptr;
    delete cancel_message_.exchange(nullptr, relaxed);
}

}  // namespace weft::detail
