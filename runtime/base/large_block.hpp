#pragma once

#include <cstddef>

namespace weft::rt {

// Memory for what a program may have a million of, and touches all over: on huge pages, where one page
// fault brings 2 MiB and one entry of the TLB covers them. Not for stacks, of which one page is used.

inline constexpr std::size_t kHugePageBytes = std::size_t{2} * 1024 * 1024;

/// Returns a block whose address is a multiple of 256, or with `huge` of a huge page, of which `bytes` is
/// a multiple then; nullptr when memory is refused. Without huge pages it is a block like any other.
[[nodiscard]] void* allocate_block(std::size_t bytes, bool huge) noexcept;

/// Gives it back: with what it was asked for.
void free_block(void* block, bool huge) noexcept;

/// Makes it resident before it is touched, by one call instead of a page fault for each 4 KiB. Only a
/// matter of time: failure does not count.
void populate_block(void* block, std::size_t bytes) noexcept;

}  // namespace weft::rt
