#pragma once

#include <cstddef>
#include <span>
#include <string_view>

#include "fiber/page_advice.hpp"
#include "fiber/stack.hpp"

namespace weft::rt {

/// Which guard kinds may be tried. A canary always may.
struct GuardKinds {
    bool process_madvise = false;
    bool madvise = false;
    bool mprotect = false;

    friend bool operator==(const GuardKinds&, const GuardKinds&) = default;
};

/// Takes away what a comma list names: "process_madvise", "madvise", "guard" (both), "mprotect".
[[nodiscard]] GuardKinds without(GuardKinds kinds, std::string_view disabled) noexcept;

/// What this kernel can do, less what the environment variable WEFT_DISABLE names.
///
/// Found out once, by guarding a page of a real mapping and asking the kernel to write to it: a
/// sandbox may refuse what the kernel's version promises. Any thread.
[[nodiscard]] const GuardKinds& usable_guards() noexcept;

/// Guards all ranges in the best way that `allowed` leaves and that works for all of them.
///
/// mprotect is used only while weft holds less than half of vm.max_map_count: past the limit every
/// mmap of the process fails, also those of the program's own malloc.
///
/// Returns  the kind; Canary when nothing traps, then write_canary() belongs on each stack.
[[nodiscard]] GuardKind install_guards(
    std::span<const PageRange> ranges, GuardKinds allowed
) noexcept;

/// Says that `count` ranges with this kind of guard were unmapped.
void forget_guards(GuardKind kind, std::size_t count) noexcept;

/// Writes the pattern over the lowest usable cache line, and has suspensions look at it. It makes that
/// page resident.
void write_canary(const Stack& stack) noexcept;

/// Returns false when something wrote over the canary; always true for stacks that have none.
/// To be asked at each suspension: the task may have run on after it left its stack.
[[nodiscard]] bool canary_intact(const Stack& stack) noexcept;

}  // namespace weft::rt
