#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <unordered_map>
#include <vector>
#include <weft/detail/loop_api.hpp>
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
struct TaskGroup::State : std::enable_shared_from_this<TaskGroup::State> {
    std::mutex mutex;
    Ref<FutureState> parent;  // null: it has not been entered
    std::unordered_map<FutureState*, std::uint64_t>
        numbers;  // of the tasks, which are in this order
    std::map<std::uint64_t, Ref<FutureState>> tasks;
    std::uint64_t next_number = 0;
    std::size_t entering = 0;  // tasks that are being made
    std::vector<std::exception_ptr> errors;
    std::optional<Future<void>> all_ended;  // while the parent waits for it
    bool exiting = false;
    bool aborting = false;
    bool parent_cancelled = false;  // by this group: to be taken back

    [[nodiscard]] bool busy() const noexcept { return entering != 0 || !tasks.empty(); }

    void abort() {
        aborting = true;
        for (const auto& [number, task] : tasks) {
            task->cancel({});
        }
    }
    void cancel_parent() {
        abort();
        if (!parent_cancelled) {
            parent_cancelled = true;
            parent->cancel({});
        }
    }
    void tell_if_ended() {
        if (all_ended && !busy() && all_ended->state()->try_begin_finish()) {
            all_ended->state()->finish(detail::Status::Value);
        }
    }
    void child_done(FutureState& child) {
        const std::lock_guard lock(mutex);
        if (const auto found = numbers.find(&child); found != numbers.end()) {
            tasks.erase(found->second);
            numbers.erase(found);
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
};

TaskGroup::TaskGroup() : state_(std::make_shared<State>()) {}

TaskGroup::~TaskGroup() = default;

void TaskGroup::enter() {
    state_->parent = detail::running_task("task_group()");
}

TaskGroup::Entry::Entry(TaskGroup& group) : state_(group.state_) {
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
    ++state_->entering;
}

TaskGroup::Entry::~Entry() {
    const std::lock_guard lock(state_->mutex);
    --state_->entering;
    state_->tell_if_ended();
}

void TaskGroup::Entry::add(FutureState& task) const {
    {
        const std::lock_guard lock(state_->mutex);
        const std::uint64_t number = state_->next_number++;
        state_->tasks.emplace(number, Ref<FutureState>::share(&task));
        state_->numbers.emplace(&task, number);
        if (state_->aborting) {
            task.cancel({});
        }
    }
    auto tell = [state = state_](const Ref<FutureState>& done) { state->child_done(*done); };
    detail::tell_when_done(task, detail::make_done_callback(std::move(tell)));
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
        const Future<void>& all_ended = state.all_ended.emplace();
        lock.unlock();
        std::exception_ptr interrupted;
        try {
            all_ended.get();
        } catch (const CancelledError&) {
            interrupted = std::current_exception();
        }
        lock.lock();
        if (interrupted != nullptr) {
            if (!state.aborting) {
                cancellation = std::move(interrupted);
                state.abort();
            } else if (state.parent_cancelled) {
                cancellation = std::move(interrupted);  // perhaps not this group's own, or not only
            }
        }
        state.all_ended.reset();
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
