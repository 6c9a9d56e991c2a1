#pragma once

#include <atomic>
#include <chrono>
#include <concepts>
#include <memory>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <weft/context.hpp>
#include <weft/delay.hpp>
#include <weft/detail/loop_api.hpp>
#include <weft/detail/site.hpp>
#include <weft/detail/task_body.hpp>
#include <weft/exception_handler.hpp>
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

    /// Has `function()` called in the next turn, after what is ready already; in `context`, or in a
    /// copy of the caller's.
    ///
    /// Errors    RuntimeError on another thread than the loop's while it runs, or when closed.
    /// Threads   the loop's own; any while it does not run.
    /// asyncio   loop.call_soon
    template <class F>
    Handle call_soon(F&& function, const std::optional<Context>& context = {}) {
        auto callback = detail::make_callback(std::forward<F>(function));
        callback->set_context(context ? context->state() : detail::inherited_context());
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
    Handle call_soon_threadsafe(F&& function, const std::optional<Context>& context = {}) {
        auto callback = detail::make_callback(std::forward<F>(function));
        callback->set_context(context ? context->state() : detail::inherited_context());
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
    TimerHandle call_later(Delay delay, F&& function, const std::optional<Context>& context = {}) {
        constexpr auto kNever = std::chrono::steady_clock::time_point::max();
        const auto now = time();  // the caller may run on another
        return call_at(
            delay.nanos() < kNever - now ? now + delay.nanos() : kNever,
            std::forward<F>(function),
            context
        );
    }

    /// Has `function()` called at `when`, never earlier.
    ///
    /// Errors    as call_soon().
    /// Threads   the loop's own; any while it does not run.
    /// asyncio   loop.call_at
    template <class F>
    TimerHandle call_at(
        std::chrono::steady_clock::time_point when,
        F&& function,
        const std::optional<Context>& context = {}
    ) {
        auto callback = detail::make_callback(std::forward<F>(function));
        callback->set_context(context ? context->state() : detail::inherited_context());
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
    template <class F, std::convertible_to<std::string> Name>
    auto create_task(F&& function, Name&& name, detail::Site site = detail::Site::current()) {
        return create_task(
            std::forward<F>(function), TaskOptions{.name = std::forward<Name>(name)}, site
        );
    }
    template <class F>
    auto create_task(
        F&& function, TaskOptions options = {}, detail::Site site = detail::Site::current()
    ) -> Task<std::invoke_result_t<std::decay_t<F>&>> {
        const detail::Entry entry(*sink_, "create_task()");
        return Task<std::invoke_result_t<std::decay_t<F>&>>(
            detail::Ref<detail::FutureState>::adopt(detail::make_task(
                std::forward<F>(function),
                detail::TaskKind::Pinned,
                sink_,
                site,
                detail::choices_of(std::move(options))
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

    /// Runs one turn of the loop on this thread: what is ready, what is due and what I/O has come,
    /// waiting for up to `timeout` when there is nothing; nullopt: until there is. With fd() and
    /// next_timeout() a host runs this loop within its own.
    ///
    /// Errors    as run_forever().
    /// Threads   one at a time; only for a loop of its own.
    /// asyncio   none: `loop.stop(); loop.run_forever()`
    void run_once(std::optional<Delay> timeout = std::chrono::nanoseconds(0));

    /// Returns a descriptor that is readable when run_once() has something to do that did not come
    /// of time: I/O, or something from another thread. For poll() and epoll; never read from it.
    ///
    /// Threads   any; good while the loop is.
    [[nodiscard]] int fd() const noexcept;

    /// Returns how long a host may wait for fd() before it calls run_once(); nothing: for ever.
    ///
    /// Threads   the one that calls run_once().
    [[nodiscard]] std::optional<std::chrono::nanoseconds> next_timeout() const;

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
    /// Errors    RuntimeError for a loop of a runtime: that ends with its run().
    /// Threads   any.
    /// asyncio   loop.stop
    void stop();

    /// Ends the loop: what was to be called is dropped.
    ///
    /// Errors    RuntimeError while it runs.
    /// asyncio   loop.close
    void close();

    /// Has errors that nobody catches told to `handler` instead of the log: what callbacks throw, and
    /// what tasks and futures end with that nobody looks at. An empty one: the log again.
    ///
    /// Errors    RuntimeError when closed.
    /// Threads   any.
    /// asyncio   loop.set_exception_handler
    void set_exception_handler(ExceptionHandler handler);
    /// Returns the handler; an empty one when there is none.
    ///
    /// asyncio   loop.get_exception_handler
    [[nodiscard]] ExceptionHandler get_exception_handler() const;
    /// Calls the handler, or the default one. What the handler throws is logged.
    ///
    /// Threads   the loop's own.
    /// asyncio   loop.call_exception_handler
    void call_exception_handler(const ExceptionContext& context) noexcept;
    /// Logs the error; for handlers that only look at some.
    ///
    /// Threads   any.
    /// asyncio   loop.default_exception_handler
    void default_exception_handler(const ExceptionContext& context) noexcept;

    /// Has the runtime say which task or callback keeps a loop longer than is slow, while it does, and where
    /// it is; and which tasks wait for one another. Also by RuntimeOptions::debug and WEFT_DEBUG=1. A thread
    /// looks at the loops' counters, and interrupts the one that is slow (SIGURG, unless the program
    /// handles that; ::sleep() and poll() return from it): they are not slower for it. A Lock and a Semaphore are, as they note who has them,
    /// also when this is off again. What else asyncio checks in this mode weft always does.
    ///
    /// Errors    std::system_error when the system refuses a thread; RuntimeError when closed.
    /// Threads   any; concerns all loops of the runtime.
    /// asyncio   loop.set_debug
    void set_debug(bool enabled);
    /// Returns whether that is on.
    ///
    /// asyncio   loop.get_debug
    [[nodiscard]] bool get_debug() const;
    /// Sets how long is slow; 100 ms at first.
    ///
    /// Errors    ValueError when it is not more than nothing.
    /// asyncio   loop.slow_callback_duration
    void set_slow_callback_duration(Delay duration);
    [[nodiscard]] std::chrono::nanoseconds slow_callback_duration() const;

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

    /// Returns the runtime it belongs to; one made on its own has one of its own.
    [[nodiscard]] Runtime& runtime() const noexcept { return *runtime_; }

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
    Runtime* runtime_ = nullptr;
    std::atomic<bool> closed_{false};  // any thread may ask
    std::unique_ptr<Runtime> own_;
};

/// Returns the loop that runs on this thread. Ask again after a suspension of a stealable task.
///
/// Errors    RuntimeError when none does.
/// asyncio   get_running_loop
[[nodiscard]] Loop& get_running_loop();

}  // namespace weft
