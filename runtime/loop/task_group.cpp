#include <cstddef>
#include <cstdint>
#include <exception>
#include <map>
#include <mutex>
#include <utility>
#include <vector>
#include <weft/detail/holders.hpp>
#include <weft/detail/loop_api.hpp>
#include <weft/detail/wait_queue.hpp>
#include <weft/errors.hpp>
#include <weft/task_group.hpp>

namespace weft {
namespace {

using detail::FutureState;
using detail::Ref;

bool is_cancellation(const std::exception_ptr& error) {
    if (error == nullptr) {
        return false;
    }
    try {
        std::rethrow_exception(error);
    } catch (const CancelledError&) {
        return true;
    } catch (...) {
        return false;
    }
}

}  // namespace

/// Its tasks tell it on the loop of whoever added them, one turn after they are done, as asyncio's
/// do. Everything is under the mutex, also where tasks are cancelled: that runs no code of users.
/// Memory is asked for only where a task may still be refused, before it is made.
struct TaskGroup::State : std::enable_shared_from_this<TaskGroup::State> {
    std::mutex mutex;
    Ref<FutureState> parent;                          // null: it has not been entered
    std::map<std::uint64_t, Ref<FutureState>> tasks;  // in this order; null: it is being made
    std::uint64_t next_number = 0;
    std::vector<std::exception_ptr> errors;  // with room for one of each task, and of the function
    detail::WaitQueue all_ended;             // the parent waits there
    bool exiting = false;
    bool aborting = false;
    bool parent_cancelled = false;  // by this group: to be taken back

    State() = default;
    State(const State&) = delete;
    State& operator=(const State&) = delete;
    ~State() {
        if (detail::holders_are_watched()) {
            detail::forget_holders(this);
        }
    }

    [[nodiscard]] bool busy() const noexcept { return !tasks.empty(); }

    void abort() noexcept {
        aborting = true;
        for (const auto& [number, task] : tasks) {
            if (task) {
                task->cancel({});
            }
        }
    }
    void cancel_parent() noexcept {
        abort();
        if (!parent_cancelled) {
            parent_cancelled = true;
            parent->cancel({});
        }
    }
    void tell_if_ended() noexcept {
        if (!busy()) {
            detail::WokenList woken;
            const std::lock_guard lock(all_ended);
            all_ended.wake_all(woken);
        }
    }
    /// Waits until no task is left, with the mutex dropped meanwhile; returns what came of a
    /// cancellation of the parent.
    [[nodiscard]] std::exception_ptr wait_for_the_end(std::unique_lock<std::mutex>& lock) {
        all_ended.lock();
        lock.unlock();
        const detail::WaitOutcome outcome = all_ended.wait("TaskGroup", this);
        std::exception_ptr interrupted;
        if (outcome.cancelled()) {
            try {
                detail::throw_cancelled();
            } catch (...) {
                interrupted = std::current_exception();
            }
        }
        lock.lock();
        return interrupted;
    }
    void make_room_for_an_error() {
        const std::size_t wanted = errors.size() + tasks.size() + 2;
        if (errors.capacity() < wanted) {
            errors.reserve(2 * wanted);
        }
    }
    void child_done(std::uint64_t number, FutureState& child) noexcept {
        const std::lock_guard lock(mutex);
        tasks.erase(number);
        if (detail::holders_are_watched()) {
            detail::forget_awaited(this, child);
        }
        tell_if_ended();
        if (child.status() != detail::Status::Error) {
            return;
        }
        errors.push_back(child.take_error());
        if (!aborting) {
            cancel_parent();
        }
    }
    [[nodiscard]] std::uint64_t number_of_next() noexcept {
        const std::lock_guard lock(mutex);
        return next_number++;
    }
};

TaskGroup::TaskGroup() : state_(std::make_shared<State>()) {
    state_->make_room_for_an_error();
}

TaskGroup::~TaskGroup() = default;

void TaskGroup::enter() {
    state_->parent = detail::running_task("task_group()");
}

TaskGroup::Entry::Entry(TaskGroup& group)
    : state_(group.state_),
      number_(state_->number_of_next()),
      tell_(detail::make_done_callback([state = state_,
                                        number = number_](const Ref<FutureState>& done) {
          state->child_done(number, *done);
      })) {
    const std::lock_guard lock(state_->mutex);
    if (!state_->parent) {
        throw RuntimeError("a task cannot be added to a TaskGroup that has not been entered");
    }
    if (state_->exiting && !state_->busy()) {
        throw RuntimeError("a task cannot be added to a TaskGroup that is finished");
    }
    if (state_->aborting) {
        throw RuntimeError("a task cannot be added to a TaskGroup that is shutting down");
    }
    state_->make_room_for_an_error();
    state_->tasks.emplace(number_, Ref<FutureState>());
}

TaskGroup::Entry::~Entry() {
    const std::lock_guard lock(state_->mutex);
    if (const auto place = state_->tasks.find(number_);
        place != state_->tasks.end() && !place->second) {
        state_->tasks.erase(place);
        state_->tell_if_ended();
    }
}

void TaskGroup::Entry::add(FutureState& task) noexcept {
    {
        const std::lock_guard lock(state_->mutex);
        state_->tasks.find(number_)->second = Ref<FutureState>::share(&task);
        if (detail::holders_are_watched()) {
            detail::note_awaited(state_.get(), task, false);
        }
        if (state_->aborting) {
            task.cancel({});
        }
    }
    tell_.tell_when_done(task);
}

void TaskGroup::cancel() {
    const std::lock_guard lock(state_->mutex);
    if (state_->parent && !state_->aborting && !(state_->exiting && !state_->busy())) {
        state_->cancel_parent();
    }
}

void TaskGroup::leave(std::exception_ptr error) {
    State& state = *state_;
    std::exception_ptr cancellation = is_cancellation(error) ? error : nullptr;
    std::unique_lock lock(state.mutex);
    state.exiting = true;
    if (error != nullptr && !state.aborting) {
        state.abort();
    }
    // Again and again, as the parent may be cancelled while it waits.
    while (state.busy()) {
        std::exception_ptr interrupted = state.wait_for_the_end(lock);
        if (interrupted != nullptr) {
            if (!state.aborting) {
                cancellation = std::move(interrupted);
                state.abort();
            } else if (state.parent_cancelled) {
                cancellation = std::move(interrupted);  // perhaps not this group's own, or not only
            }
        }
    }
    if (state.parent_cancelled && detail::task_uncancel(*state.parent) == 0) {
        cancellation = nullptr;  // it was this group's own
    }
    if (error != nullptr && !is_cancellation(error)) {
        state.errors.push_back(std::move(error));
    }
    std::vector<std::exception_ptr> errors = std::move(state.errors);
    lock.unlock();
    if (!errors.empty()) {
        if (detail::task_cancelling(*state.parent) != 0) {
            // Somebody else has cancelled the parent, which these errors keep from being thrown: it
            // is at the next suspension.
            detail::task_uncancel(*state.parent);
            state.parent->cancel({});
        }
        throw ExceptionGroup("unhandled errors in a TaskGroup", std::move(errors));
    }
    if (cancellation != nullptr) {
        std::rethrow_exception(cancellation);
    }
}

}  // namespace weft
