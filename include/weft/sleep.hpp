#pragma once

#include <chrono>
#include <type_traits>

namespace weft {

/// Lets everything else that is ready go first, then goes on.
///
/// Suspends      for one turn of the loop.
/// Cancellation  safe; throws when the task was cancelled.
/// Errors        CancelledError; RuntimeError outside of a task.
/// Threads       any loop. A stealable task may go on on another one.
/// asyncio       sleep(0)
void yield();

namespace detail {
void sleep_for(std::chrono::nanoseconds duration);
void sleep_seconds(double seconds);
}  // namespace detail

/// Sleeps for `duration`; never less.
///
/// Suspends      always; zero and less are yield().
/// Cancellation  safe; throws at once when the task is cancelled.
/// Errors        CancelledError; RuntimeError outside of a task; ValueError for a NaN.
/// Threads       any loop.
/// asyncio       sleep
template <class Rep, class Period>
void sleep(std::chrono::duration<Rep, Period> duration) {
    if constexpr (std::is_floating_point_v<Rep>) {
        detail::sleep_seconds(std::chrono::duration<double>(duration).count());
    } else if (duration > std::chrono::hours(24 * 365)) {
        detail::sleep_seconds(std::chrono::duration<double>(duration).count());  // cannot overflow
    } else {
        detail::sleep_for(duration);
    }
}

}  // namespace weft
