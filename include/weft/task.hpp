#pragma once

#include <concepts>
#include <cstdint>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>
#include <weft/context.hpp>
#include <weft/detail/loop_api.hpp>
#include <weft/detail/site.hpp>
#include <weft/detail/task_body.hpp>
#include <weft/future.hpp>

namespace weft {

/// A function that runs beside others and may wait; a handle of it. The runtime keeps the task
/// itself until it ends, also when no handle is left.
///
/// Threads   any.
/// asyncio   Task
template <class T>
class Task : public Future<T> {
public:
    /// Returns its name: the one it was given, or "Task-N".
    ///
    /// asyncio   Task.get_name
    [[nodiscard]] std::string name() const { return detail::task_name(*this->state()); }

    /// Renames it.
    ///
    /// Threads   the task itself.
    /// asyncio   Task.set_name
    void set_name(std::string name) const {
        detail::set_task_name(*this->state(), std::move(name));
    }

    /// Returns what the task is in the middle of: AnyTask::get_stack().
    ///
    /// Threads   any; not from a signal handler.
    /// asyncio   Task.get_stack
    [[nodiscard]] std::vector<std::string> get_stack() const {
        return detail::task_stack(*this->state());
    }

    /// Returns how many requests to cancel it are open.
    ///
    /// asyncio   Task.cancelling
    [[nodiscard]] std::uint32_t cancelling() const noexcept {
        return detail::task_cancelling(*this->state());
    }

    /// Takes one request to cancel back; at the last one, also one that was not delivered yet.
    ///
    /// Returns   how many are left.
    /// asyncio   Task.uncancel
    std::uint32_t uncancel() const noexcept { return detail::task_uncancel(*this->state()); }

    /// Returns the task as a future, for those who only want the result.
    [[nodiscard]] Future<T> future() const { return *this; }

    /// For weft's own templates.
    explicit Task(detail::Ref<detail::FutureState> state) noexcept : Future<T>(std::move(state)) {}
};

/// What can be chosen about a task.
///
/// asyncio   the keywords of create_task
struct TaskOptions {
    /// For dumps; "Task-N" when empty.
    std::string name = {};
    /// The context to run in, which it shares with whoever else has it; none: a copy of its maker's.
    std::optional<Context> context = {};
    /// Runs it at once, within the call, up to its first suspension; in its turn where there is no
    /// task to make it, or for another loop.
    bool eager_start = false;
};

namespace detail {
[[nodiscard]] inline TaskChoices choices_of(TaskOptions&& options) {
    return {
        std::move(options.name),
        options.context ? options.context->state() : Ref<ContextState>(),
        options.eager_start};
}
}  // namespace detail

/// Makes a task that stays on the running loop: it starts there in its turn, runs alone among the
/// loop's tasks, and only a suspension gives up the loop.
///
/// `function` is moved into the task and destroyed there when it ends. `name` is for dumps.
///
/// Suspends  never.
/// Errors    RuntimeError without a running loop; std::bad_alloc when there is no memory for the
///           task or its stack: then nothing has happened.
/// Threads   any that runs a loop; elsewhere see Loop::create_task.
/// asyncio   create_task
template <class F>
auto create_task(F&& function, detail::Site site = detail::Site::current())
    -> Task<std::invoke_result_t<std::decay_t<F>&>> {
    return Task<std::invoke_result_t<std::decay_t<F>&>>(detail::Ref<detail::FutureState>::adopt(
        detail::make_task(std::forward<F>(function), detail::TaskKind::Pinned, nullptr, site)
    ));
}
template <class F>
auto create_task(F&& function, TaskOptions options, detail::Site site = detail::Site::current())
    -> Task<std::invoke_result_t<std::decay_t<F>&>> {
    return Task<std::invoke_result_t<std::decay_t<F>&>>(
        detail::Ref<detail::FutureState>::adopt(detail::make_task(
            std::forward<F>(function),
            detail::TaskKind::Pinned,
            nullptr,
            site,
            detail::choices_of(std::move(options))
        ))
    );
}
template <class F, std::convertible_to<std::string> Name>
auto create_task(F&& function, Name&& name, detail::Site site = detail::Site::current()) {
    return create_task(
        std::forward<F>(function), TaskOptions{.name = std::forward<Name>(name)}, site
    );
}

/// Makes a task that any idle loop of the runtime may take: it may run in parallel with everything,
/// and go on on another thread after each suspension.
///
/// Suspends  never.
/// Errors    as create_task().
/// Threads   any that runs a loop; elsewhere see Runtime::spawn.
/// asyncio   none: create_task, on every core
template <class F>
auto spawn(F&& function, detail::Site site = detail::Site::current())
    -> Task<std::invoke_result_t<std::decay_t<F>&>> {
    return Task<std::invoke_result_t<std::decay_t<F>&>>(detail::Ref<detail::FutureState>::adopt(
        detail::make_task(std::forward<F>(function), detail::TaskKind::Stealable, nullptr, site)
    ));
}
template <class F>
auto spawn(F&& function, TaskOptions options, detail::Site site = detail::Site::current())
    -> Task<std::invoke_result_t<std::decay_t<F>&>> {
    return Task<std::invoke_result_t<std::decay_t<F>&>>(
        detail::Ref<detail::FutureState>::adopt(detail::make_task(
            std::forward<F>(function),
            detail::TaskKind::Stealable,
            nullptr,
            site,
            detail::choices_of(std::move(options))
        ))
    );
}
template <class F, std::convertible_to<std::string> Name>
auto spawn(F&& function, Name&& name, detail::Site site = detail::Site::current()) {
    return spawn(std::forward<F>(function), TaskOptions{.name = std::forward<Name>(name)}, site);
}

/// A task of whatever result.
///
/// Threads   any.
/// asyncio   Task
class AnyTask {
public:
    explicit AnyTask(detail::Ref<detail::FutureState> state) noexcept : state_(std::move(state)) {}
    template <class T>
    AnyTask(const Task<T>& task) noexcept : state_(task.state()) {}  // NOLINT: a view of it

    [[nodiscard]] std::string name() const { return detail::task_name(*state_); }
    /// Renames it.
    ///
    /// Threads   the task itself.
    /// asyncio   Task.set_name
    void set_name(std::string name) { detail::set_task_name(*state_, std::move(name)); }
    [[nodiscard]] bool done() const noexcept { return state_->done(); }
    [[nodiscard]] bool cancelled() const noexcept {
        return state_->status() == detail::Status::Cancelled;
    }
    bool cancel(const std::string& message = {}) const noexcept { return state_->cancel(message); }
    [[nodiscard]] std::uint32_t cancelling() const noexcept {
        return detail::task_cancelling(*state_);
    }
    std::uint32_t uncancel() const noexcept { return detail::task_uncancel(*state_); }
    void wait() const { state_->wait(); }

    /// Returns what the task is in the middle of, innermost first: functions where the program tells
    /// their names (-rdynamic), else addresses for addr2line. Empty when it is ready or runs
    /// elsewhere. A sleeping task is held still for it.
    ///
    /// Threads   any; not from a signal handler.
    /// asyncio   Task.get_stack
    [[nodiscard]] std::vector<std::string> get_stack() const { return detail::task_stack(*state_); }

    friend bool operator==(const AnyTask& left, const AnyTask& right) noexcept {
        return left.state_.get() == right.state_.get();
    }

private:
    detail::Ref<detail::FutureState> state_;
};

/// Returns the running task.
///
/// Errors    RuntimeError outside of a task.
/// asyncio   current_task
[[nodiscard]] inline AnyTask current_task() {
    return AnyTask(detail::running_task());
}

}  // namespace weft
