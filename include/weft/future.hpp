#pragma once

#include <chrono>
#include <exception>
#include <memory>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <weft/context.hpp>
#include <weft/delay.hpp>
#include <weft/detail/future_state.hpp>
#include <weft/detail/loop_api.hpp>
#include <weft/errors.hpp>
#include <weft/handle.hpp>

namespace weft {

namespace detail {

/// Whether a copy of it compiles. A container says yes, whatever it holds.
template <class T>
struct IsCopyable : std::is_copy_constructible<T> {};
template <class T>
requires(std::is_copy_constructible_v<T>&& requires(T& container) {
    typename T::value_type;
    container.begin();
} && !std::is_same_v<typename T::value_type, T>) struct IsCopyable<T>
    : IsCopyable<typename T::value_type> {
};

}  // namespace detail

/// A result that is not there yet. Copies are handles of the same future.
///
/// Threads   any loop and any thread may set it, cancel it and wait for it.
/// asyncio   Future; of several loops at once, which asyncio's is not
template <class T>
class Future {
    static_assert(!std::is_reference_v<T>, "a future holds a value; use a pointer");

public:
    using value_type = T;

    /// Makes a pending future, of the running loop if there is one.
    ///
    /// Errors    std::bad_alloc.
    /// asyncio   loop.create_future
    Future()
        : state_(detail::Ref<detail::FutureState>::adopt(
              new detail::ValueState<T>(detail::running_sink())
          )) {}

    /// Returns whether it has a result, an error, or is cancelled. Never suspends.
    ///
    /// asyncio   Future.done
    [[nodiscard]] bool done() const noexcept { return state_->done(); }

    /// Returns whether it was cancelled.
    ///
    /// asyncio   Future.cancelled
    [[nodiscard]] bool cancelled() const noexcept {
        return state_->status() == detail::Status::Cancelled;
    }

    /// Cancels it: whoever waits gets CancelledError. A task is asked to end, and may refuse: it
    /// catches the error.
    ///
    /// Errors    none; where there is no memory for `message`, the error has none.
    /// Threads   any.
    /// Returns   false when it was done already. If this is true, the CancelledError reaches the task,
    ///           or what it waits for: it is not seen with a result that it had not heard of it
    ///           before, not even when it was in its last step on another loop.
    /// asyncio   Future.cancel, Task.cancel
    bool cancel(const std::string& message = {}) const noexcept { return state_->cancel(message); }

    /// Returns the result. Never suspends.
    ///
    /// Errors    InvalidStateError when it is not done, or when the result could only be moved and
    ///           somebody has it; CancelledError; the error it was given.
    /// Threads   any; the reference is good while a handle is.
    /// asyncio   Future.result
    [[nodiscard]] std::add_lvalue_reference_t<const T> result() const {
        check_done("result()");
        state_->rethrow_failure();
        if constexpr (!std::is_void_v<T>) {
            if (state_->result_taken()) {
                detail::throw_taken(*state_);
            }
            return value();
        }
    }

    /// Returns the error, or null when there is a result. Never suspends.
    ///
    /// Errors    InvalidStateError when it is not done; CancelledError.
    /// asyncio   Future.exception
    [[nodiscard]] std::exception_ptr exception() const {
        check_done("exception()");
        return state_->take_error();
    }

    /// Gives it its result and wakes who waits.
    ///
    /// Errors    InvalidStateError when it is done; RuntimeError for a task. What the value's
    ///           constructor throws leaves the future pending.
    /// Threads   any.
    /// asyncio   Future.set_result
    template <class... Arguments>
    requires(
        std::is_void_v<T> ? sizeof...(Arguments) == 0 : sizeof...(Arguments) == 1
    ) void set_result(Arguments&&... arguments) const {
        begin_finish("set_result()");
        if constexpr (!std::is_void_v<T>) {
            struct Undo {
                detail::FutureState* state;
                ~Undo() {
                    if (state != nullptr) {
                        state->abort_finish();
                    }
                }
            } undo{state_.get()};
            ::new (state_->value()) T(std::forward<Arguments>(arguments)...);
            undo.state = nullptr;
        }
        state_->finish(detail::Status::Value);
    }

    /// Gives it an error instead of a result and wakes who waits. If nobody ever looks at the
    /// error, it is logged when the last handle goes.
    ///
    /// Errors    InvalidStateError when it is done; RuntimeError for a task; ValueError for null.
    /// Threads   any.
    /// asyncio   Future.set_exception
    void set_exception(std::exception_ptr error) const {
        if (error == nullptr) {
            throw ValueError("set_exception() wants an exception, not null");
        }
        begin_finish("set_exception()");
        state_->set_error(std::move(error));
        state_->finish(detail::Status::Error);
    }

    /// Has `function(future)` called by the future's loop when it is done; at its next turn if it
    /// is done already. Never called from within. In `context`, or in a copy of the caller's.
    ///
    /// Errors    RuntimeError when neither the future nor the caller has a loop, or the future's is
    ///           closed.
    /// Threads   any; callbacks of one future run in the order in which they were added.
    /// Returns   what remove_done_callback() takes.
    /// asyncio   Future.add_done_callback
    template <class F>
    Handle add_done_callback(F&& function, const std::optional<Context>& context = {}) const {
        auto call = [function = std::decay_t<F>(std::forward<F>(function)
                     )](detail::Ref<detail::FutureState> done) mutable {
            Future future(std::move(done));
            function(future);
        };
        auto callback = detail::make_done_callback(std::move(call));
        callback->set_context(context ? context->state() : detail::inherited_context());
        Handle handle{detail::Ref<detail::Callback>(callback)};
        detail::add_done_callback(*state_, std::move(callback));
        return handle;
    }

    /// Keeps a callback from being called. One whose turn has come, as the future is done, is still
    /// called: Handle::cancel() keeps it from that, too.
    ///
    /// Returns   whether it was there.
    /// asyncio   Future.remove_done_callback
    bool remove_done_callback(Handle& callback) const noexcept { return callback.remove(); }

    /// Returns the loop it belongs to; null for one made outside of every loop, or when the loop is
    /// gone.
    ///
    /// asyncio   Future.get_loop
    [[nodiscard]] Loop* get_loop() const noexcept { return detail::loop_of(state_->loop()); }

    /// Waits until it is done, whatever the outcome: a task suspends, a plain thread blocks.
    ///
    /// Suspends      until done.
    /// Cancellation  cancelling the waiting task cancels the future, as awaiting does.
    /// Errors        CancelledError; RuntimeError in a callback, and in the task itself.
    /// Threads       any.
    /// asyncio       concurrent.futures.wait
    void wait() const { state_->wait(); }

    /// Blocks a plain thread until it is done, or for `timeout`.
    ///
    /// Errors    RuntimeError on a thread that runs a loop.
    /// Returns   false when the time was up first.
    /// asyncio   concurrent.futures.wait(timeout=)
    [[nodiscard]] bool wait_for(Delay timeout) const {
        return state_->wait_until(detail::deadline_after(timeout));
    }

    /// Waits and returns the result; the same as await().
    ///
    /// asyncio   concurrent.futures.Future.result
    T get() const { return take(false); }

    /// For weft's own templates.
    [[nodiscard]] const detail::Ref<detail::FutureState>& state() const noexcept { return state_; }
    explicit Future(detail::Ref<detail::FutureState> state) noexcept : state_(std::move(state)) {}

    /// Waits and takes the result; `last`: this handle is not used again.
    T take(bool last) const {
        state_->wait();
        if (state_->status() != detail::Status::Value) [[unlikely]] {
            state_->rethrow_failure();
        }
        if constexpr (!std::is_void_v<T>) {
            if constexpr (detail::IsCopyable<T>::value) {
                if (!last || !state_->sole_owner()) {
                    return value();
                }
            } else if (!state_->take_result()) {
                detail::throw_taken(*state_);
            }
            return std::move(value());
        }
    }

private:
    [[nodiscard]] std::add_lvalue_reference_t<T> value() const noexcept {
        return *std::launder(static_cast<T*>(state_->value()));
    }
    void check_done(const char* what) const {
        if (!state_->done()) [[unlikely]] {
            detail::throw_not_done(*state_, what);
        }
    }
    void begin_finish(const char* what) const {
        if (state_->is_task()) [[unlikely]] {
            detail::throw_task_is_not_settable(what);
        }
        if (!state_->try_begin_finish()) [[unlikely]] {
            detail::throw_already_done(*state_, what);
        }
    }

    detail::Ref<detail::FutureState> state_;
};

/// Waits for a future or a task and returns its result.
///
/// Suspends      until it is done; not at all when it is.
/// Cancellation  cancelling the waiting task cancels what it waits for. A cancellation that comes
///               after the result but before the task goes on wins.
/// Errors        what the future was given; CancelledError; RuntimeError when a task awaits itself.
/// Threads       any loop; a plain thread blocks.
/// Returns       a copy; the result itself when this was the last handle or it can only be moved.
/// asyncio       await future
template <class T>
T await(const Future<T>& future) {
    return future.take(false);
}
template <class T>
T await(Future<T>&& future) {
    return future.take(true);
}

}  // namespace weft
