#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

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

/// Some stacks that were mapped and guarded in one go. The stacks of a slab are made as they are needed,
/// and may be unmade: one that is not made takes no memory but its part of the page tables.
struct Slab {
    Slab* next = nullptr;        ///< of all slabs of the pool
    Slab* next_fresh = nullptr;  ///< of those with stacks that are not made
    std::byte* begin = nullptr;
    std::uint64_t made = 0;  ///< bit i: stack i has a header
    GuardKind guard_kind = GuardKind::Canary;
};

/// Maps a slab, guards it, and publishes it (slab_table.hpp).
///
/// Returns  nullptr when memory is refused; nothing is left behind then.
[[nodiscard]] Slab* map_slab(const StackLayout& layout, GuardKinds allowed) noexcept;

/// Undoes map_slab(). No stack of the slab may be in use.
void unmap_slab(Slab* slab, const StackLayout& layout) noexcept;

/// Makes the stacks whose bits are in `which`, and links them through `next`. Their top pages are made
/// resident by one call, which costs a fraction of as many page faults.
///
/// Returns  the first of them.
[[nodiscard]] Stack* make_stacks(
    Slab& slab, const StackLayout& layout, StackPool& pool, std::uint64_t which
) noexcept;

/// How many stacks trim_stacks() and unmake_stacks() take.
inline constexpr std::size_t kTrimmedTogether = 64;

/// Gives the memory of free stacks back to the system, by one call: all but the page of each that has
/// its header, and of one with a canary the page of that. Where the system refuses, it stays.
void trim_stacks(std::span<Stack* const> stacks) noexcept;

/// The same, with the header: only the slab's `made`, which is the caller's to change, knows of them now.
void unmake_stacks(std::span<Stack* const> stacks) noexcept;

/// Whether a sanitizer must be told of each task that a stack serves.
inline constexpr bool kServiceIsTraced = WEFT_ASAN != 0 || WEFT_TSAN != 0;

/// Tells the sanitizers that the stack serves a new task.
///
/// Returns  false if one of them can follow no more stacks (TSan ends the process at 8,128 fibers).
[[nodiscard]] bool enter_service(Stack& stack) noexcept;

/// The opposite: what is left on the stack is nobody's, so a leak held only there is a leak.
void leave_service(Stack& stack) noexcept;

}  // namespace weft::rt
