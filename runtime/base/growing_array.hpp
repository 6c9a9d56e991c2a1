#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <memory>
#include <new>
#include <type_traits>

#include "base/large_block.hpp"

namespace weft::rt {

/// An array that is never copied to grow: each block has twice the places of the one before, and stays where
/// it is. What is far too much can be given back.
///
/// Four elements from a multiple of four on lie side by side in one block, on 4 * sizeof(T) aligned bytes.
///
/// Threads  one at a time.
template <class T>
class GrowingArray {
    static_assert(std::is_trivially_copyable_v<T>, "places are not constructed");

public:
    GrowingArray() = default;
    GrowingArray(const GrowingArray&) = delete;
    GrowingArray& operator=(const GrowingArray&) = delete;
    ~GrowingArray() { free_blocks(0); }

    /// Of a place below the capacity.
    [[nodiscard]] T& operator[](std::size_t index) noexcept { return *place(index); }
    [[nodiscard]] const T& operator[](std::size_t index) const noexcept { return *place(index); }

    [[nodiscard]] std::size_t capacity() const noexcept { return capacity_of(blocks_used_); }

    /// Has room for at least `size`, which is at most one more than the capacity. Throws std::bad_alloc and
    /// leaves everything as it was.
    void reserve(std::size_t size) {
        if (size > capacity()) [[unlikely]] {
            grow();
        }
    }

    /// Gives back what `size` elements, and as many more, would not need; the first few places stay.
    void shrink(std::size_t size) noexcept {
        std::size_t keep = blocks_used_;
        while (keep > kAlwaysKept && 2 * size <= capacity_of(keep - 1)) {
            --keep;
        }
        free_blocks(keep);
    }

private:
    static constexpr std::size_t kFirst = 64;
    static constexpr std::size_t kBlocks = 40;
    static constexpr std::size_t kAlwaysKept = 2;  // blocks
    // From here on on huge pages: by then a page that is not used up is little beside the others.
    static constexpr std::size_t kHugeFrom = 2 * kHugePageBytes;

    [[nodiscard]] static constexpr std::size_t capacity_of(std::size_t blocks) noexcept {
        return (kFirst << blocks) - kFirst;
    }
    [[nodiscard]] static constexpr std::size_t bytes_of(std::size_t block) noexcept {
        return (kFirst << block) * sizeof(T);
    }
    [[nodiscard]] static constexpr bool is_huge(std::size_t block) noexcept {
        return bytes_of(block) >= kHugeFrom && bytes_of(block) % kHugePageBytes == 0;
    }

    [[nodiscard]] T* place(std::size_t index) const noexcept {
        const std::size_t biased = index + kFirst;  // block b has those from kFirst << b on
        const auto block = static_cast<std::size_t>(std::bit_width(biased / kFirst)) - 1;
        return blocks_[block] + (biased - (kFirst << block));
    }

    void grow() {
        void* const block = allocate_block(bytes_of(blocks_used_), is_huge(blocks_used_));
        if (block == nullptr) {
            throw std::bad_alloc();
        }
        blocks_[blocks_used_++] = static_cast<T*>(block);
    }

    void free_blocks(std::size_t keep) noexcept {
        while (blocks_used_ > keep) {
            --blocks_used_;
            free_block(blocks_[blocks_used_], is_huge(blocks_used_));
        }
    }

    std::array<T*, kBlocks> blocks_{};
    std::size_t blocks_used_ = 0;
};

}  // namespace weft::rt
