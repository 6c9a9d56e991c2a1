#pragma once

#include <boost/context/fixedsize_stack.hpp>
#include <boost/context/pooled_fixedsize_stack.hpp>
#include <boost/fiber/all.hpp>
#include <cstddef>
#include <functional>
#include <memory>
#include <utility>

#include "peer.hpp"

namespace weft::perf {

/// Runs `body` on this thread, with `run.workers` - 1 others that take fibers from it: in turn where
/// there is one, by work stealing where there are several.
void with_fibers(const Run& run, const std::function<void()>& body);

inline constexpr std::size_t kFiberStackBytes = 16 * 1024;

/// The stacks of the only worker; null where there are several, as a fiber may end on another thread
/// than it began on.
[[nodiscard]] boost::context::pooled_fixedsize_stack* own_stacks();

/// Starts a fiber that is ready when those before it have run.
template <class Body>
[[nodiscard]] boost::fibers::fiber start_fiber(Body&& body) {
    if (auto* const stacks = own_stacks(); stacks != nullptr) {
        return {std::allocator_arg, *stacks, std::forward<Body>(body)};
    }
    return {
        std::allocator_arg,
        boost::context::fixedsize_stack(kFiberStackBytes),
        std::forward<Body>(body)};
}

}  // namespace weft::perf
