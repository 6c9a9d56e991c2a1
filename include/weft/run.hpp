#pragma once

#include <type_traits>
#include <utility>
#include <weft/detail/site.hpp>
#include <weft/runtime.hpp>

namespace weft {

/// Runs `main` as a task of loop 0, with one loop per core, and returns its result when it has
/// ended and every other task has been cancelled and waited for.
///
/// Errors    what `main` throws; KeyboardInterrupt when SIGINT has cancelled it; RuntimeError when this thread runs a loop already.
/// Threads   any; loop 0 runs on the calling thread.
/// asyncio   run
template <class F>
auto run(F&& main, RuntimeOptions options = {}, detail::Site site = detail::Site::current())
    -> std::invoke_result_t<std::decay_t<F>&> {
    Runtime runtime(std::move(options));
    return runtime.run(std::forward<F>(main), site);
}

}  // namespace weft
