#pragma once

#include <cstddef>

namespace weft::detail {

/// Plain items, first in, first out: side by side in blocks of some hundred bytes, so that a cache
/// line has several of them, and putting one touches no other line.
///
/// Each side has a gate. While it is open, the next place, or item, is found with two comparisons
/// by code that is inlined at the caller; else, and at the end of a block, there is more to do than that.
///
/// It asks for no memory: who puts gives it a block where it needs one.
///
/// Threads   one at a time.
class QueueBlocks {
public:
    struct Block {
        Block* next;
        std::byte* end;  ///< of the items
    };

    QueueBlocks(
        std::size_t item_bytes, std::size_t item_alignment, std::ptrdiff_t maxsize
    ) noexcept;
    QueueBlocks(const QueueBlocks&) = delete;
    QueueBlocks& operator=(const QueueBlocks&) = delete;
    ~QueueBlocks();

    // ---- while the gates are open

    /// The place of the next item; null when it is not simply there.
    [[nodiscard]] void* place() const noexcept { return put_at_ != put_end_ ? put_at_ : nullptr; }
    /// The item is in the place.
    void filled(std::size_t bytes) noexcept { put_at_ += bytes; }
    /// The next item; null when it is not simply there.
    [[nodiscard]] const void* item() const noexcept {
        return get_at_ != get_end_ && get_at_ != put_at_ ? get_at_ : nullptr;
    }
    /// The item has been copied.
    void taken(std::size_t bytes) noexcept { get_at_ += bytes; }

    // ---- whether they are or not

    /// The place of the next item, which filled() has to follow; null when a block is needed.
    [[nodiscard]] void* place_anyhow() noexcept;
    /// The next item; null when there is none.
    [[nodiscard]] const void* item_anyhow() noexcept;
    /// Opens the gates or shuts them. To be called again after what is done while they are shut.
    void set_gates(bool put, bool get) noexcept {
        put_end_ = put ? end_of(put_block_) : put_at_;
        get_end_ = get ? end_of(get_block_) : get_at_;
    }

    [[nodiscard]] bool empty() const noexcept { return get_at_ == put_at_; }
    /// Forgets all items.
    void clear() noexcept;
    /// How many items were put since the last call.
    [[nodiscard]] std::size_t count_new() noexcept;

    /// A block, from which more may be made of a queue. Throws std::bad_alloc.
    [[nodiscard]] Block* make_block() const;
    static void free_block(Block* block, std::size_t item_alignment) noexcept;
    void add_block(Block& block) noexcept;
    /// A block that is kept for nothing; null when none is. The caller frees it.
    [[nodiscard]] Block* take_surplus() noexcept;

private:
    [[nodiscard]] std::byte* begin_of(Block* block) const noexcept {
        return reinterpret_cast<std::byte*>(block) + offset_;
    }
    [[nodiscard]] static std::byte* end_of(const Block* block) noexcept {
        return block != nullptr ? block->end : nullptr;
    }
    void count_to(std::byte* put_at) noexcept;

    std::byte* put_at_ = nullptr;
    std::byte* put_end_ = nullptr;  // of the block; put_at_ when the gate is shut
    std::byte* get_at_ = nullptr;   // put_at_ when it is empty, and only then
    std::byte* get_end_ = nullptr;  // of the block; get_at_ when the gate is shut
    // What is above is part of a queue's first cache line.
    Block* put_block_ = nullptr;
    Block* get_block_ = nullptr;  // the first; those up to put_block_ are linked
    Block* spares_ = nullptr;
    std::size_t spare_count_ = 0;
    std::byte* counted_to_ = nullptr;  // put_at_ when count_new() or count_to() was called last
    std::size_t counted_ = 0;
    const std::size_t item_bytes_;
    const std::size_t alignment_;
    const std::size_t offset_;    // of the items in a block
    const std::size_t capacity_;  // items in a block
};

}  // namespace weft::detail
