#include "base/large_block.hpp"

#include <sys/mman.h>

#include <cstdint>
#include <new>

#include "base/disable.hpp"
#include "base/posix.hpp"

namespace weft::rt {
namespace {

constexpr std::align_val_t kSmallAlignment{256};
constexpr std::align_val_t kHugeAlignment{kHugePageBytes};
constexpr std::uintptr_t kPage = 4096;

}  // namespace

// By operator new: what a leak checker knows, and finds other blocks by.
void* allocate_block(std::size_t bytes, bool huge) noexcept {
    void* const block =
        ::operator new(bytes, huge ? kHugeAlignment : kSmallAlignment, std::nothrow);
    static const bool kDisabled = is_disabled("hugepage");
    if (huge && block != nullptr && !kDisabled) {
        // A kernel without huge pages refuses the advice, and is right.
        static_cast<void>(checked(::madvise, block, bytes, MADV_HUGEPAGE));
    }
    return block;
}

void free_block(void* block, bool huge) noexcept {
    ::operator delete(block, huge ? kHugeAlignment : kSmallAlignment);
}

void populate_block(void* block, std::size_t bytes) noexcept {
    // SAFETY: only the whole pages of the block.
    const auto low = (reinterpret_cast<std::uintptr_t>(block) + kPage - 1) / kPage * kPage;
    const auto high = (reinterpret_cast<std::uintptr_t>(block) + bytes) / kPage * kPage;
    if (low < high) {
        static_cast<void>(
            checked(::madvise, reinterpret_cast<void*>(low), high - low, MADV_POPULATE_WRITE)
        );
    }
}

}  // namespace weft::rt
