#pragma once

#include <cstddef>

#include "fiber/guard.hpp"
#include "fiber/sanitizer.hpp"
#include "fiber/stack.hpp"

namespace weft::rt {

/// The shape of every stack of one pool. A stack's region of `stride` bytes is its guard, then the
/// bytes that may be used, the header, and the colour.
struct StackLayout {
    static constexpr std::size_t kUsableDefault = std::size_t{188} * 1024;

    /// Rounds up to whole pages, at least 16 KiB, and so that the stride is an odd number of pages:
    /// tops that are a power of two apart fall into a few sets of the TLB, and then 1000 tasks that
    /// take turns miss it at each switch (79 ns against 20, measured).
    explicit StackLayout(std::size_t usable_bytes) noexcept;

    std::size_t stride;
    std::size_t stacks_per_slab;  ///< as many as fit 16 MiB of address space, from 4 to 64

    [[nodiscard]] std::size_t slab_bytes() const noexcept { return stride * stacks_per_slab; }
};

/// Some stacks that were mapped and guarded in one go. The stacks of a slab are made one after
/// another, as they are needed: until then none of their pages is touched.
struct Slab {
    Slab* next = nullptr;
    std::byte* begin = nullptr;
    std::size_t made = 0;  ///< stacks [0, made) have headers
    GuardKind guard_kind = GuardKind::Canary;
};

/// Maps a slab, guards it, and publishes it (slab_table.hpp).
///
/// Returns  nullptr when memory is refused; nothing is left behind then.
[[nodiscard]] Slab* map_slab(const StackLayout& layout, GuardKinds allowed) noexcept;

/// Undoes map_slab(). No stack of the slab may be in use.
void unmap_slab(Slab* slab, const StackLayout& layout) noexcept;

/// Makes `count` stacks, from number `first` on, and links them through `next`. Their top pages are
/// made resident by one call, which costs a fraction of as many page faults.
///
/// Returns  the first of them.
[[nodiscard]] Stack* make_stacks(
    const Slab& slab,
    const StackLayout& layout,
    StackPool& pool,
    std::size_t first,
    std::size_t count
) noexcept;

/// Whether a sanitizer must be told of each task that a stack serves.
inline constexpr bool kServiceIsTraced = WEFT_ASAN != 0 || WEFT_TSAN != 0;

/// Tells the sanitizers that the stack serves a new task.
///
/// Returns  false if one of them can follow no more stacks (TSan ends the process at 8,128 fibers).
[[nodiscard]] bool enter_service(Stack& stack) noexcept;

/// The opposite: what is left on the stack is nobody's, so a leak held only there is a leak.
void leave_service(Stack& stack) noexcept;

}  // namespace weft::rt
