#pragma once

#include <cstdint>
#include <limits>

namespace weft::test {

/// Which requests for memory are refused, by their numbers since it was given: 1 is the first.
struct Refusals {
    std::uint64_t first = std::numeric_limits<std::uint64_t>::max();
    std::uint64_t last = std::numeric_limits<std::uint64_t>::max();
};

/// What was asked for while refusals were in force.
struct MemoryCount {
    std::uint64_t asked = 0;
    std::uint64_t refused = 0;
};

/// Counts requests of the whole process from here on, and refuses some: every form of operator new
/// and, where no sanitizer needs them itself, mmap (stacks), aligned_alloc (large tasks) and
/// pthread_create.
void refuse_memory(Refusals refusals) noexcept;

/// There is memory again. Returns what was asked for in the meantime.
MemoryCount allow_memory() noexcept;

/// How many blocks of operator new were not given back yet.
[[nodiscard]] std::int64_t live_blocks() noexcept;

/// From here on each refusal prints where it hit.
void show_refusals() noexcept;

}  // namespace weft::test
