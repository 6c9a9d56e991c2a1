#pragma once

#include <boost/fiber/all.hpp>
#include <functional>
#include <utility>

#include "peer.hpp"

namespace weft::perf {

/// Runs `body` on a thread of its own with `run.workers` - 1 others that take fibers from it: in turn on one,
/// work stealing on several.
void with_fibers(const Run& run, const std::function<void()>& body);

/// Starts a fiber with a stack of 16 KiB: from the thread's own pool where there is one worker, else
/// from malloc(), as a fiber may end on another thread than it began on.
[[nodiscard]] boost::fibers::fiber start_fiber(std::function<void()> body);

}  // namespace weft::perf
