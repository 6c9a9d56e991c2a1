#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <string>
#include <type_traits>
#include <utility>
#include <weft/delay.hpp>
#include <weft/detail/context_state.hpp>
#include <weft/detail/job.hpp>
#include <weft/detail/loop_api.hpp>
#include <weft/future.hpp>
#include <weft/loop.hpp>
#include <weft/shield_scope.hpp>

namespace weft {

/// Threads for what blocks: files, name lookups, libraries that know nothing of tasks.
///
/// A job is an ordinary function on an ordinary thread: it may block, and may not wait as a task
/// does. Threads are made when there is work for them and kept until shutdown().
///
/// Threads   any.
/// asyncio   concurrent.futures.ThreadPoolExecutor
class ThreadPoolExecutor {
public:
    /// `max_workers`: 0 for min(32, CPUs + 4). Threads are named "NAME-0", "NAME-1", ...
    ///
    /// Errors    std::bad_alloc.
    explicit ThreadPoolExecutor(std::size_t max_workers = 0, std::string name = "weft-exec");
    ThreadPoolExecutor(const ThreadPoolExecutor&) = delete;
    ThreadPoolExecutor& operator=(const ThreadPoolExecutor&) = delete;
    /// Shuts down and waits for the jobs.
    ~ThreadPoolExecutor();

    /// Has `function()` called by one of the threads, in the order of the calls.
    ///
    /// Suspends      never; await() the result.
    /// Cancellation  a job that no thread has taken yet is cancelled; one that runs cannot be:
    ///               cancel() returns false, and who awaits it is cancelled when it has ended.
    /// Errors        RuntimeError after shutdown(); OsError when there is no thread and none can be
    ///               made; std::bad_alloc. Then nothing has happened.
    /// Threads       any.
    /// Returns       a future of the result, or of what the function throws.
    /// asyncio       Executor.submit
    template <class F>
    auto submit(F&& function) -> Future<std::invoke_result_t<std::decay_t<F>&>> {
        using Result = std::invoke_result_t<std::decay_t<F>&>;
        auto job = detail::Ref<detail::JobState>::adopt(new detail::JobOf<std::decay_t<F>, Result>(
            std::forward<F>(function), detail::running_sink()
        ));
        Future<Result> future{detail::Ref<detail::FutureState>(job)};
        enqueue(std::move(job));
        return future;
    }

    /// Takes no more jobs; the threads end when those there are done. `cancel_futures`: jobs that
    /// no thread has taken are cancelled. `wait`: returns when the threads have ended.
    ///
    /// Suspends  never; with `wait` it blocks the thread, so not from within one of the jobs.
    /// Threads   any.
    /// asyncio   Executor.shutdown
    void shutdown(bool wait = true, bool cancel_futures = false);

    /// Waits for the threads of an executor that was shut down, for as long as `limit`; then leaves
    /// them to themselves. Returns whether they have ended.
    bool join(Delay limit);

private:
    class Pool;

    void enqueue(detail::Ref<detail::JobState> job);

    std::shared_ptr<Pool> pool_;
};

namespace detail {
/// The executor of the runtime whose loop runs here; throws RuntimeError where none does.
[[nodiscard]] ThreadPoolExecutor& default_executor(const char* what);
}  // namespace detail

/// Runs `function()` on a thread of the runtime's default executor, in a copy of the task's context,
/// and waits for it.
///
/// Suspends      until it has returned.
/// Cancellation  before a thread has taken it, it is not called at all. One that runs is waited for,
///               as it may use what the waiting task has on its stack: then CancelledError.
/// Errors        what `function` throws; CancelledError; RuntimeError outside of a task; OsError when
///               there is no thread and none can be made.
/// Threads       any loop.
/// Returns       what `function` returns.
/// asyncio       to_thread, which does not wait for a function that runs when it is cancelled
template <class F>
auto to_thread(F&& function) -> std::invoke_result_t<std::decay_t<F>&> {
    auto call = [context = detail::inherited_context(),
                 function = std::decay_t<F>(std::forward<F>(function))]() mutable {
        const detail::InContext scope(context);
        return function();
    };
    return await(detail::default_executor("to_thread()").submit(std::move(call)));
}

/// Runs `function()`, which blocks its thread, for the running task, whose loop goes on meanwhile with
/// everything else. The function runs on a thread of the default executor, in the task's own context;
/// on a plain thread it is just called.
///
/// Suspends      until it has returned.
/// Cancellation  held back: thrown at the next suspension.
/// Errors        what `function` throws; RuntimeError in a callback; OsError when there is no thread
///               and none can be made.
/// Threads       any.
/// Returns       what `function` returns.
/// asyncio       none; Tokio's block_in_place
template <class F>
auto block_in_place(F&& function) -> std::invoke_result_t<F&> {
    if (detail::running_sink() == nullptr) {
        return function();
    }
    static_cast<void>(current_task());  // else it cannot wait
    auto call = [&function, context = detail::own_context()]() -> std::invoke_result_t<F&> {
        const detail::InContext scope(context);
        return function();
    };
    auto job = detail::default_executor("block_in_place()").submit(std::move(call));
    detail::wait_shielded(*job.state());
    return job.take(true);
}

/// Has `function()` called by the executor, or by the default one of the runtime that runs here.
///
/// Suspends      never; await() the result.
/// Errors        as ThreadPoolExecutor::submit(); RuntimeError without a running loop.
/// Threads       any; for the default executor, any that runs a loop.
/// asyncio       loop.run_in_executor
template <class F>
auto run_in_executor(ThreadPoolExecutor* executor, F&& function) {
    ThreadPoolExecutor& chosen =
        executor != nullptr ? *executor : detail::default_executor("run_in_executor()");
    return chosen.submit(std::forward<F>(function));
}

}  // namespace weft
