#pragma once

#include <cstddef>
#include <cstdint>

namespace weft::rt {

class StackPool;
struct Slab;

/// What stops a task that runs off the end of its stack, best first.
enum class GuardKind : std::uint8_t {
    ProcessMadvise,  ///< guard markers in the page table, one call for a whole slab
    Madvise,         ///< the same markers, one call a stack
    Mprotect,        ///< an unreadable mapping: costs two of vm.max_map_count a stack
    Canary,          ///< nothing stops it; a pattern tells at the next suspension
};

inline constexpr std::size_t kCacheLineBytes = 64;
inline constexpr std::size_t kPageBytes = 4096;

/// Wide, since a frame can step over a guard: Debian's own libraries are not built to probe each
/// page of a large frame.
inline constexpr std::size_t kGuardBytes = std::size_t{64} * 1024;

/// The header of a task's stack. It lives at the top of the stack that it describes:
///
///     guard_low      low                                     top   header    colour
///     | guard ...... | usable, frames grow down <---------- | Stack | 0..14 lines |  end of region
///
/// so a parked task with small frames touches one page for everything. Equally strided tops would
/// meet in the same few sets of the caches; the colour shifts each header, and the frames under it,
/// by a number of cache lines of its own (20-45 % of a switch with 32-512 active tasks).
///
/// Threads   one owner at a time: a pool, a cache, or the task that runs on it.
struct alignas(kCacheLineBytes) Stack {
    static constexpr std::size_t kColours = 15;

    Stack* next = nullptr;           ///< the free list's, while nobody runs here
    std::byte* low = nullptr;        ///< lowest usable byte, just above the guard
    std::byte* top = nullptr;        ///< where frames begin: one past the highest usable byte
    std::byte* guard_low = nullptr;  ///< the guard is [guard_low, low)
    StackPool* pool = nullptr;       ///< where it goes back to in the end
    void* owner = nullptr;           ///< free for the task floor: whoever runs here
    void* fake_stack = nullptr;      ///< ASan's, while the task is switched out
    void* tsan_fiber = nullptr;      ///< TSan's; stays with the stack, it is dear to make
    Slab* slab = nullptr;            ///< where it was made
    // The pool's, of the first of a batch.
    Stack* newer = nullptr;
    Stack* older = nullptr;
    std::uint32_t batch_count = 0;
    std::uint32_t batch_age = 0;
    unsigned valgrind_id = 0;
    std::uint8_t number = 0;  ///< in its slab
    GuardKind guard_kind = GuardKind::Canary;

    [[nodiscard]] std::size_t usable_bytes() const noexcept {
        return static_cast<std::size_t>(top - low);
    }

    /// The size that the pool was asked for: usable bytes, header and colour.
    [[nodiscard]] std::size_t size_bytes() const noexcept {
        return (usable_bytes() + kPageBytes - 1) / kPageBytes * kPageBytes;
    }
};

static_assert(sizeof(Stack) <= 128, "the header shares a page with the frames of a parked task");
static_assert(
    sizeof(Stack) + (Stack::kColours - 1) * kCacheLineBytes <= 1024,
    "header and colour leave three quarters of the top page to the task"
);

}  // namespace weft::rt
