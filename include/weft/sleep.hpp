#pragma once

#include <chrono>
#include <weft/delay.hpp>

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
}  // namespace detail

/// Sleeps for `delay`; never less.
///
/// Suspends      always; zero and less are yield().
/// Cancellation  safe; throws at once when the task is cancelled.
/// Errors        CancelledError; RuntimeError outside of a task; ValueError for a NaN.
/// Threads       any loop.
/// asyncio       sleep
inline void sleep(Delay delay) {
    detail::sleep_for(delay.nanos());
}

}  // namespace weft
