#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>
#include <weft/delay.hpp>
#include <weft/detail/loop_api.hpp>
#include <weft/errors.hpp>

namespace weft {

/// A scope with a deadline, as timeout() hands it to its function.
///
/// Threads   the task that is in the scope.
/// asyncio   Timeout
class Timeout {
public:
    using TimePoint = std::chrono::steady_clock::time_point;

    Timeout(const Timeout&) = delete;
    Timeout& operator=(const Timeout&) = delete;

    /// Returns when the scope ends; nothing when it has no deadline.
    ///
    /// asyncio   Timeout.when
    [[nodiscard]] std::optional<TimePoint> when() const noexcept { return when_; }

    /// Moves the deadline; one that has passed ends the scope at its next suspension.
    ///
    /// Errors    RuntimeError when the scope has expired or was left.
    /// asyncio   Timeout.reschedule
    void reschedule(std::optional<TimePoint> when);

    /// Returns whether the deadline has passed within the scope.
    ///
    /// asyncio   Timeout.expired
    [[nodiscard]] bool expired() const noexcept;

    /// For timeout(): the scope begins and ends with the object's life.
    explicit Timeout(std::optional<TimePoint> when);
    /// Leaves the scope without looking at how.
    ~Timeout();
    /// Leaves the scope. True when its deadline was the only thing that cancelled the task.
    [[nodiscard]] bool leave() noexcept;

private:
    struct State;

    std::shared_ptr<State> state_;
    std::optional<TimePoint> when_;
};

namespace detail {

template <class F>
decltype(auto) call_with_timeout(F& function, Timeout& scope) {
    if constexpr (std::is_invocable_v<F&, Timeout&>) {
        return function(scope);
    } else {
        return function();
    }
}

template <class F>
auto run_with_timeout(std::optional<Timeout::TimePoint> when, F& function)
    -> std::decay_t<decltype(call_with_timeout(function, std::declval<Timeout&>()))> {
    Timeout scope(when);
    try {
        return call_with_timeout(function, scope);
    } catch (const CancelledError&) {
        if (!scope.leave()) {
            throw;
        }
    }
    throw TimeoutError();
}

}  // namespace detail

/// Runs `function()` or `function(Timeout&)`, and cancels it when it takes longer than `delay`.
///
/// The task itself runs it. When the deadline comes first, the task is cancelled where it waits,
/// and what comes out of the scope as CancelledError becomes TimeoutError, unless somebody else
/// cancelled the task as well. Scopes nest. With zero and less the function still runs up to its
/// first suspension. std::nullopt: no deadline, until reschedule() gives one.
///
/// Suspends      where `function` does.
/// Cancellation  goes through.
/// Errors        TimeoutError; what `function` throws; RuntimeError outside of a task.
/// Threads       any loop.
/// Returns       what `function` returns.
/// asyncio       timeout
template <class F>
auto timeout(std::optional<Delay> delay, F&& function) {
    return detail::run_with_timeout(
        delay ? std::optional(detail::deadline_after(*delay)) : std::nullopt, function
    );
}

/// The same with a point in time.
///
/// asyncio   timeout_at
template <class F>
auto timeout_at(std::optional<std::chrono::steady_clock::time_point> when, F&& function) {
    return detail::run_with_timeout(when, function);
}

/// Runs `function()` or `function(Timeout&)` for no longer than `delay`, and goes on: being late is no
/// error.
///
/// Suspends      as timeout().
/// Cancellation  goes through.
/// Errors        what `function` throws, also a TimeoutError of its own; RuntimeError outside of a
///               task.
/// Threads       any loop.
/// Returns       whether `function` returned in time.
/// asyncio       none; trio's move_on_after
template <class F>
bool move_on_after(std::optional<Delay> delay, F&& function) {
    Timeout scope(delay ? std::optional(detail::deadline_after(*delay)) : std::nullopt);
    try {
        detail::call_with_timeout(function, scope);
        return true;
    } catch (const CancelledError&) {
        if (!scope.leave()) {
            throw;
        }
    }
    return false;
}

}  // namespace weft
