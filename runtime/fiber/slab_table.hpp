#pragma once

#include <cstddef>

#include "fiber/stack.hpp"

namespace weft::rt {

// Which addresses are stacks. The table answers in a signal handler, on a thread that may hold any
// lock, so it only ever grows, and readers take no lock.

/// A slab as the table knows it.
struct SlabRange {
    std::byte* begin;
    std::size_t stride;  ///< of its stacks
    std::size_t stacks;
};

/// Where the header of a stack lies, by its number in the slab alone, so that it can be found from
/// an address.
[[nodiscard]] inline std::byte* stack_header(
    std::byte* slab, std::size_t stride, std::size_t number
) noexcept {
    const std::size_t colour = number % Stack::kColours * kCacheLineBytes;
    return slab + (number + 1) * stride - colour - sizeof(Stack);
}

/// Returns  false when memory is refused.
[[nodiscard]] bool publish_slab(const SlabRange& range) noexcept;

/// Takes the slab out. Its entry serves a later one.
void retire_slab(std::byte* begin) noexcept;

/// The stack whose region, guard included, has this address in it; nullptr when there is none or it
/// was not made yet.
///
/// Threads  any, also from a signal handler: no locks.
[[nodiscard]] const Stack* find_stack(const void* address) noexcept;

/// Whether the address lies in the guard of a stack, which goes to `*stack` (nullptr when that one
/// was not made yet).
///
/// Threads  as find_stack().
[[nodiscard]] bool in_guard(const void* address, const Stack** stack) noexcept;

}  // namespace weft::rt
