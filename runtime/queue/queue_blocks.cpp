#include <algorithm>
#include <new>
#include <utility>
#include <weft/detail/queue_blocks.hpp>

namespace weft::detail {
namespace {

constexpr std::size_t kBlockBytes = 1024;
constexpr std::size_t kLeastItems = 8;
// Blocks that are kept empty are for so many items: as many as go through a queue that is filled and emptied in turn.
constexpr std::size_t kMostSpareItems = 1024;

/// Of a queue of few places, a block has no more than those: so many go in until it is empty.
std::size_t capacity_of_block(std::size_t item_bytes, std::ptrdiff_t maxsize) noexcept {
    const std::size_t most = item_bytes != 0 ? kBlockBytes / item_bytes : kLeastItems;
    return maxsize > 0 ? std::clamp(static_cast<std::size_t>(maxsize), kLeastItems, most) : most;
}

std::size_t alignment_of_block(std::size_t item_alignment) noexcept {
    return std::max(item_alignment, alignof(QueueBlocks::Block));
}

}  // namespace

QueueBlocks::QueueBlocks(
    std::size_t item_bytes, std::size_t item_alignment, std::ptrdiff_t maxsize
) noexcept
    : item_bytes_(item_bytes),
      alignment_(alignment_of_block(item_alignment)),
      offset_(std::max(sizeof(Block), alignment_)),
      capacity_(capacity_of_block(item_bytes, maxsize)) {}

QueueBlocks::~QueueBlocks() {
    while (get_block_ != nullptr) {
        Block* const next = get_block_ != put_block_ ? get_block_->next : nullptr;
        free_block(std::exchange(get_block_, next), alignment_);
    }
    while (spares_ != nullptr) {
        free_block(std::exchange(spares_, spares_->next), alignment_);
    }
}

void* QueueBlocks::place_anyhow() noexcept {
    if (put_at_ != end_of(put_block_)) {
        return put_at_;
    }
    count_to(put_at_);
    if (put_block_ != nullptr && empty()) {
        get_at_ = begin_of(put_block_);
    } else {
        if (spares_ == nullptr) {
            return nullptr;
        }
        Block* const block = std::exchange(spares_, spares_->next);
        --spare_count_;
        if (put_block_ != nullptr) {
            put_block_->next = block;
        } else {
            get_block_ = block;
            get_at_ = begin_of(block);
        }
        put_block_ = block;
    }
    put_at_ = begin_of(put_block_);
    counted_to_ = put_at_;
    return put_at_;
}

const void* QueueBlocks::item_anyhow() noexcept {
    if (empty()) {
        return nullptr;
    }
    if (get_at_ == end_of(get_block_)) {
        Block* const emptied = std::exchange(get_block_, get_block_->next);
        get_at_ = begin_of(get_block_);
        add_block(*emptied);
    }
    return get_at_;
}

void QueueBlocks::clear() noexcept {
    while (get_block_ != put_block_) {
        Block* const emptied = std::exchange(get_block_, get_block_->next);
        add_block(*emptied);
    }
    get_at_ = put_at_;
}

void QueueBlocks::count_to(std::byte* put_at) noexcept {
    if (put_at != counted_to_) {
        counted_ += static_cast<std::size_t>(put_at - counted_to_) / item_bytes_;
        counted_to_ = put_at;
    }
}

std::size_t QueueBlocks::count_new() noexcept {
    count_to(put_at_);
    return std::exchange(counted_, 0);
}

QueueBlocks::Block* QueueBlocks::make_block() const {
    void* const memory =
        ::operator new(offset_ + capacity_ * item_bytes_, std::align_val_t(alignment_));
    auto* const block = ::new (memory) Block{nullptr, nullptr};
    block->end = begin_of(block) + capacity_ * item_bytes_;
    return block;
}

void QueueBlocks::free_block(Block* block, std::size_t item_alignment) noexcept {
    ::operator delete(block, std::align_val_t(alignment_of_block(item_alignment)));
}

void QueueBlocks::add_block(Block& block) noexcept {
    block.next = spares_;
    spares_ = &block;
    ++spare_count_;
}

QueueBlocks::Block* QueueBlocks::take_surplus() noexcept {
    if (spare_count_ <= 1 + kMostSpareItems / capacity_) {
        return nullptr;
    }
    --spare_count_;
    return std::exchange(spares_, spares_->next);
}

}  // namespace weft::detail
