#pragma once

#include <tbb/global_control.h>
#include <tbb/task_arena.h>

#include <utility>

#include "peer.hpp"

namespace weft::perf {

/// Runs `body` on this thread, in an arena of `run.workers` threads.
template <class Body>
void with_workers(const Run& run, Body&& body) {
    const auto workers = static_cast<std::size_t>(run.workers);
    const tbb::global_control control(tbb::global_control::max_allowed_parallelism, workers);
    tbb::task_arena arena(run.workers);
    arena.execute(std::forward<Body>(body));
}

}  // namespace weft::perf
