#pragma once

#include <concepts>
#include <cstdint>
#include <exception>
#include <memory>
#include <string>
#include <type_traits>
#include <utility>
#include <weft/detail/loop_api.hpp>
#include <weft/detail/site.hpp>
#include <weft/task.hpp>

namespace weft {

/// The tasks of a scope, as task_group() hands it to its function.
///
/// Threads   any task that knows it may add to it while the scope lasts, on any loop.
/// asyncio   TaskGroup
class TaskGroup {
public:
    TaskGroup(const TaskGroup&) = delete;
    TaskGroup& operator=(const TaskGroup&) = delete;

    /// Makes a task of this group that stays on the running loop.
    ///
    /// Errors    RuntimeError when the group is finished or shutting down, or is none of
    ///           task_group(); as weft::create_task().
    /// asyncio   TaskGroup.create_task
    template <class F, std::convertible_to<std::string> Name>
    auto create_task(F&& function, Name&& name, detail::Site site = detail::Site::current()) {
        return create_task(
            std::forward<F>(function), TaskOptions{.name = std::forward<Name>(name)}, site
        );
    }
    template <class F>
    auto create_task(
        F&& function, TaskOptions options = {}, detail::Site site = detail::Site::current()
    ) {
        Entry entry(*this);
        auto task = weft::create_task(std::forward<F>(function), std::move(options), site);
        entry.add(*task.state());
        return task;
    }

    /// Makes a task of this group that any loop may take.
    ///
    /// Errors    as create_task().
    template <class F, std::convertible_to<std::string> Name>
    auto spawn(F&& function, Name&& name, detail::Site site = detail::Site::current()) {
        return spawn(
            std::forward<F>(function), TaskOptions{.name = std::forward<Name>(name)}, site
        );
    }
    template <class F>
    auto spawn(
        F&& function, TaskOptions options = {}, detail::Site site = detail::Site::current()
    ) {
        Entry entry(*this);
        auto task = weft::spawn(std::forward<F>(function), std::move(options), site);
        entry.add(*task.state());
        return task;
    }

    /// Ends the scope early and without an error: its tasks are cancelled, and so is its function
    /// where it waits. Again: nothing.
    ///
    /// Threads   any, while the scope lasts.
    /// asyncio   TaskGroup.cancel, of 3.15
    void cancel();

    // For task_group(), in this order.
    TaskGroup();
    ~TaskGroup();
    /// From here on the group takes tasks; it is the running task's.
    void enter();
    /// Leaves the scope: waits for the tasks and throws what came of it. `error` is what the
    /// function threw; null when it returned.
    void leave(std::exception_ptr error);

private:
    struct State;

    /// The right to add a task: an abort that comes meanwhile cancels it, too. Its place is made
    /// before the task, so that none runs that the group does not know.
    class Entry {
    public:
        explicit Entry(TaskGroup& group);
        Entry(const Entry&) = delete;
        Entry& operator=(const Entry&) = delete;
        ~Entry();
        void add(detail::FutureState& task) noexcept;

    private:
        std::shared_ptr<State> state_;
        std::uint64_t number_;
        detail::PreparedTell tell_;
    };

    std::shared_ptr<State> state_;
};

/// Runs `function(TaskGroup&)` and then waits for all tasks that it and they have added.
///
/// When a task or the function throws, the others are cancelled, and when all have ended an
/// ExceptionGroup with every error is thrown. A task that was cancelled is no error.
///
/// Suspends      where `function` does, and at the end while tasks run.
/// Cancellation  goes on to the tasks; thrown when they have ended, unless there are errors.
/// Errors        ExceptionGroup; CancelledError; RuntimeError outside of a task.
/// Threads       any loop.
/// asyncio       async with TaskGroup() as group
template <class F>
void task_group(F&& function) {
    static_assert(
        std::is_void_v<std::invoke_result_t<F&, TaskGroup&>>,
        "a scope that is left early has no result: let the function return nothing"
    );
    TaskGroup group;
    group.enter();
    std::exception_ptr error;
    try {
        function(group);
    } catch (...) {
        error = std::current_exception();
    }
    group.leave(std::move(error));
}

}  // namespace weft
