#pragma once

#include <type_traits>
#include <utility>
#include <weft/run.hpp>
#include <weft/runtime.hpp>

namespace weft::testing {

/// Runs `function` as weft::run() does, on one loop unless `options` say otherwise, with a clock that
/// stands still while there is something to do and jumps to the next deadline when there is not: a
/// test of an hour takes no time, and the same things happen in the same order each time.
///
/// sleep(), timeouts and call_later() go by that clock, and Loop::time() reads it;
/// std::chrono::steady_clock knows nothing of it. Threads, executors and sockets take no time by it.
///
/// Errors    as weft::run().
/// Threads   one that runs no loop.
/// Returns   what `function` returns.
/// asyncio   none; looptime and others do it by a selector of their own
template <class F>
auto run_in_virtual_time(F&& function, RuntimeOptions options = {}) {
    options.virtual_time = true;
    if (options.workers == 0) {
        options.workers = 1;
        options.pin = Pin::None;
    }
    return weft::run(std::forward<F>(function), std::move(options));
}

}  // namespace weft::testing
