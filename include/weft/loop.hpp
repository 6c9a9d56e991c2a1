#pragma once

#include <atomic>
#include <chrono>
#include <memory>
#include <string>
#include <type_traits>
#include <utility>
#include <weft/detail/loop_api.hpp>
#include <weft/detail/site.hpp>
#include <weft/detail/task_body.hpp>
#include <weft/future.hpp>
#include <weft/handle.hpp>
#include <weft/task.hpp>

namespace weft {

class Runtime;

/// An event loop: runs its callbacks and pinned tasks one at a time, in the order in which they
/// became ready. A Runtime has one per core; one made on its own is driven by the thread that calls
/// run_forever() or run_until_complete().
///
/// Threads   as each function says.
/// asyncio   the event loop
class Loop {
public:
    /// Makes a loop of its own, with no other beside it.
    ///
    /// Errors    std::system_error when the system refuses a descriptor; std::bad_alloc.
    /// asyncio   new_event_loop
    Loop();
    Loop(const Loop&) = delete;
    Loop& operator=(const Loop&) = delete;
    /// Closes it. Tasks that have not ended are cancelled and waited for.
    ~Loop();

    /// Has `function()` called in the next turn, after what is ready already.
    ///
    /// Errors    RuntimeError on another thread than the loop's while it runs, or when closed.
    /// Threads   the loop's own; any while it does not run.
    /// asyncio   loop.call_soon
    template <class F>
    Handle call_soon(F&& function) {
        auto callback = detail::make_callback(std::forward<F>(function));
        Handle handle(callback);
        post(std::move(callback), "call_soon()", false);
        return handle;
    }

    /// The same from any thread; wakes the loop. Calls of one thread keep their order.
    ///
    /// Errors    RuntimeError when closed.
    /// Threads   any.
    /// asyncio   loop.call_soon_threadsafe
    template <class F>
    Handle call_soon_threadsafe(F&& function) {
        auto callback = detail::make_callback(std::forward<F>(function));
        Handle handle(callback);
        post(std::move(callback), "call_soon_threadsafe()", true);
        return handle;
    }

    /// Has `function()` called after `delay`; a negative one is none. Equal times keep their order.
    ///
    /// Errors    as call_soon().
    /// Threads   the loop's own; any while it does not run.
    /// asyncio   loop.call_later
    template <class F>
    TimerHandle call_later(std::chrono::nanoseconds delay, F&& function) {
        constexpr auto kNever = std::chrono::steady_clock::time_point::max();
        const auto now = time();
        return call_at(delay < kNever - now ? now + delay : kNever, std::forward<F>(function));
    }

    /// Has `function()` called at `when`, never earlier.
    ///
    /// Errors    as call_soon().
    /// Threads   the loop's own; any while it does not run.
    /// asyncio   loop.call_at
    template <class F>
    TimerHandle call_at(std::chrono::steady_clock::time_point when, F&& function) {
        auto callback = detail::make_callback(std::forward<F>(function));
        TimerHandle handle(callback, when);
        post_at(when, std::move(callback));
        return handle;
    }

    /// Makes a task that stays on this loop.
    ///
    /// Errors    std::bad_alloc; RuntimeError when closed, and from a thread outside of the runtime
    ///           from the beginning of its shutdown on.
    /// Threads   any.
    /// asyncio   loop.create_task; run_coroutine_threadsafe from other threads
    template <class F>
    auto create_task(
        F&& function, std::string name = {}, detail::Site site = detail::Site::current()
    ) -> Task<std::invoke_result_t<std::decay_t<F>&>> {
        const detail::Entry entry(*sink_, "create_task()");
        return Task<std::invoke_result_t<std::decay_t<F>&>>(
            detail::Ref<detail::FutureState>::adopt(detail::make_task(
                std::forward<F>(function), detail::TaskKind::Pinned, sink_, std::move(name), site
            ))
        );
    }

    /// Makes a pending future of this loop.
    ///
    /// asyncio   loop.create_future
    template <class T>
    [[nodiscard]] Future<T> create_future() {
        return Future<T>(detail::Ref<detail::FutureState>::adopt(new detail::ValueState<T>(sink_)));
    }

    /// Runs the loop on this thread until stop().
    ///
    /// Errors    RuntimeError when it runs already, is closed, or this thread runs another.
    /// Threads   one at a time; only for a loop of its own.
    /// asyncio   loop.run_forever
    void run_forever();

    /// Runs the loop on this thread until `function`, as a task, has ended; returns its result.
    ///
    /// Errors    what the task throws; RuntimeError as run_forever(), and when stop() came first.
    /// asyncio   loop.run_until_complete
    template <class F>
    requires std::is_invocable_v < std::decay_t<F>
    & > auto run_until_complete(F&& function) -> std::invoke_result_t<std::decay_t<F>&> {
        check_can_run();
        auto task = create_task(std::forward<F>(function));
        run_until_done(*task.state());
        return task.take(true);
    }
    /// The same for a future or task.
    template <class T>
    T run_until_complete(const Future<T>& future) {
        check_can_run();
        run_until_done(*future.state());
        return future.take(false);
    }

    /// Has the loop stop after this turn; if it does not run, after one turn of the next run.
    ///
    /// Threads   any.
    /// asyncio   loop.stop
    void stop();

    /// Ends the loop: what was to be called is dropped.
    ///
    /// Errors    RuntimeError while it runs.
    /// asyncio   loop.close
    void close();

    [[nodiscard]] bool is_running() const noexcept;
    [[nodiscard]] bool is_closed() const noexcept {
        return closed_.load(std::memory_order_acquire);
    }

    /// Returns the loop's clock: that of std::chrono::steady_clock.
    ///
    /// asyncio   loop.time
    [[nodiscard]] std::chrono::steady_clock::time_point time() const noexcept;

    /// Returns its number within its runtime.
    [[nodiscard]] int index() const noexcept;

    /// For weft's own headers.
    [[nodiscard]] detail::Sink* sink() const noexcept { return sink_; }

private:
    friend class Runtime;
    struct OfRuntime {};
    explicit Loop(OfRuntime) noexcept;

    void post(detail::Ref<detail::Callback> callback, const char* what, bool from_any);
    void post_at(
        std::chrono::steady_clock::time_point when, detail::Ref<detail::Callback> callback
    );
    void check_open(const char* what) const;
    void check_can_run() const;
    void run_until_done(detail::FutureState& state);

    detail::Sink* sink_ = nullptr;
    std::atomic<bool> closed_{false};  // any thread may ask
    std::unique_ptr<Runtime> own_;
};

/// Returns the loop that runs on this thread. Ask again after a suspension of a stealable task.
///
/// Errors    RuntimeError when none does.
/// asyncio   get_running_loop
[[nodiscard]] Loop& get_running_loop();

}  // namespace weft
