#pragma once

#include <cstddef>
#include <span>

namespace weft::rt {

/// Whole pages of this process.
struct PageRange {
    std::byte* low;
    std::size_t bytes;
};

/// Gives the kernel one advice for all ranges, by one call for each 64 of them.
///
/// Returns  false if it was refused for any, or if this kernel cannot (before Linux 6.15). Some
///          ranges may have been advised then.
[[nodiscard]] bool advise_together(std::span<const PageRange> ranges, int advice) noexcept;

/// The same by one call a range, which every kernel can.
[[nodiscard]] bool advise_each(std::span<const PageRange> ranges, int advice) noexcept;

}  // namespace weft::rt
