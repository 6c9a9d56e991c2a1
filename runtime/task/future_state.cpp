#include <cstddef>
#include <memory>
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

bool wait_as_thread(FutureState& future, std::chrono::steady_clock::time_point deadline) {
    auto listener = std::make_shared<ThreadListener>();
    listener->fire = &ThreadListener::on_done;
    listener->self_until_told = listener;
    if (!future.subscribe(*listener)) {
        listener->self_until_told.reset();
        return true;
    }
    if (deadline == WaitQueue::kNoDeadline) {
        listener->parker.wait();
        return true;
    }
    return listener->parker.wait_until(deadline);
}

/// A child that nobody has started, that would run next here, and that may go wherever the waiting
/// task may, is called instead of waited for.
bool may_call_in_place(rt::Carrier& carrier, TaskState& self, FutureState& future) noexcept {
    if (!future.is_task() || self.pinned() || self.sleep.cancel_marked()) {
        return false;
    }
    // A frame's own address: how much of the stack is left.
    const auto* const here = static_cast<const std::byte*>(__builtin_frame_address(0));
    const std::ptrdiff_t left = here - carrier.stack->low;
    return left > kHeadroomBytes && carrier.sink->take_for_call(static_cast<TaskState&>(future));
}

void wait_as_task(rt::Carrier& carrier, FutureState& future) {
    TaskState& self = *carrier.current;
    if (&self == &future) {
        throw RuntimeError("task '" + self.display_name() + "' cannot await itself");
    }
    const bool masked = rt::cancellation_masked(carrier);
    rt::Carrier* here = &carrier;
    bool slept = false;
    if (may_call_in_place(carrier, self, future)) {
        rt::call_in_place(carrier, static_cast<TaskState&>(future));
        slept = true;
    }
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
        rt::park(*here, sleep, "future", &future);
        here = rt::current_carrier();
        self.awaiting = nullptr;
        slept = true;
    }
    // A cancellation that came after the result but before the task went on beats the result.
    if (slept && !masked && self.sleep.take_cancel_mark()) [[unlikely]] {
        throw_cancelled();
    }
}

}  // namespace

bool FutureState::try_add_ref() noexcept {
    std::uint32_t references = references_.load(relaxed);
    while (references != 0) {
        if (references_.compare_exchange_weak(references, references + 1, acq_rel, relaxed)) {
            return true;
        }
    }
    return false;
}

void FutureState::finish(Status status) noexcept {
    const auto done = static_cast<std::uintptr_t>(status);
    std::uintptr_t waiting = word_.load(relaxed);
    bool kept = false;
    do {
        if (waiting != 0 && !kept && !is_task_) {  // the runtime keeps a task
            add_ref();
            kept = true;
        }
        // acq_rel: what each subscriber wrote is seen here, and the result by who finds it done.
    } while (!word_.compare_exchange_weak(waiting, done, acq_rel, relaxed));
    if (waiting != 0) {
        tell(waiting);
    }
    if (kept) {
        release();
    }
}

/// Tells a chain of listeners, in the order they came.
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
    std::uintptr_t word = word_.load(acquire);  // finish's CAS
    for (;;) {
        if (is_done(word)) {
            return false;
        }
        listener.next = reinterpret_cast<Listener*>(word);
        const auto mine = reinterpret_cast<std::uintptr_t>(&listener);
        if (word_.compare_exchange_weak(word, mine, acq_rel, acquire)) {
            return true;
        }
    }
}

void FutureState::wait() {
    if (done()) {
        return;
    }
    rt::Carrier* const carrier = rt::current_carrier();
    if (carrier == nullptr) {
        wait_as_thread(*this, WaitQueue::kNoDeadline);
        return;
    }
    wait_as_task(rt::require_task("waiting for a future"), *this);
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

bool FutureState::cancel(std::string message) {
    if (done()) {
        error_seen_.store(true, relaxed);  // as in asyncio: who cancels does not care for the error
        return false;
    }
    if (is_task_) {
        return static_cast<TaskState&>(*this).request_cancel(std::move(message));
    }
    if (operations_->cancel != nullptr) {
        return operations_->cancel(*this, message);
    }
    std::unique_ptr<std::string> text;  // first: without memory nothing has happened
    if (!message.empty()) {
        text = std::make_unique<std::string>(std::move(message));
    }
    if (!try_begin_finish()) {
        return false;
    }
    cancel_message_.store(text.release(), relaxed);  // finish's CAS hands it over
    finish(Status::Cancelled);
    return true;
}

std::string FutureState::cancel_message() const {
    // acquire: a task's may come from a canceller that was late (keep_cancel_message's CAS)
    const std::string* const message = cancel_message_.load(acquire);
    return message != nullptr ? *message : std::string();
}

void FutureState::rethrow_failure() {
    if (status() == Status::Cancelled) {
        throw CancelledError(cancel_message());
    }
    if (status() == Status::Error) {
        error_seen_.store(true, relaxed);
        std::rethrow_exception(error_);
    }
}

std::exception_ptr FutureState::take_error() {
    if (status() == Status::Cancelled) {
        rethrow_failure();
    }
    error_seen_.store(true, relaxed);
    return error_;
}

void FutureState::end() noexcept {
    // The last owner, so nobody else looks. Only done-callbacks can be left: who waits holds a
    // reference.
    if (const std::uintptr_t word = word_.load(relaxed); word != 0 && !is_done(word)) {
        tell(word);
    }
    if (error_is_unseen()) {
        rt::report_unseen_error(*this, error_);
    }
    error_ = nullptr;
    delete cancel_message_.load(relaxed);  // the last owner: nobody else looks
    operations_->destroy(*this);
}

}  // namespace weft::detail
