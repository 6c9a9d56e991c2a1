#include "reactor/descriptor_table.hpp"

#include <new>
#include <optional>

namespace weft::rt {

struct DescriptorTable::Chunk {
    std::array<std::optional<Descriptor>, kPerChunk> slots;
};

DescriptorTable::~DescriptorTable() {
    for (auto& chunk : chunks_) {
        delete chunk.load(relaxed);
    }
}

bool DescriptorTable::grow() noexcept {
    if (chunk_count_ == kChunks) {
        return false;
    }
    auto* const chunk = new (std::nothrow) Chunk;
    if (chunk == nullptr) {
        return false;
    }
    for (std::size_t i = kPerChunk; i-- > 0;) {
        Descriptor& slot = chunk->slots[i].emplace(home_);
        slot.index_ = static_cast<std::uint32_t>(chunk_count_ * kPerChunk + i);
        slot.next_free_ = free_;
        free_ = &slot;
    }
    chunks_[chunk_count_++].store(chunk, release);
    return true;
}

Descriptor* DescriptorTable::give_out(int fd, bool ready) noexcept {
    const std::lock_guard lock(mutex_);
    if (free_ == nullptr && !grow()) {
        return nullptr;
    }
    Descriptor& slot = *free_;
    free_ = slot.next_free_;
    slot.fd_ = fd;
    slot.read_.reopen(ready);
    slot.write_.reopen(ready);
    slot.set_urgent(false);
    slot.generation_.fetch_add(1, acq_rel);
    slot.users_.store(0, release);
    return &slot;
}

void DescriptorTable::take_back(Descriptor& descriptor) noexcept {
    const std::lock_guard lock(mutex_);
    descriptor.fd_ = -1;
    descriptor.generation_.fetch_add(1, acq_rel);
    descriptor.next_free_ = free_;
    free_ = &descriptor;
}

std::uint64_t DescriptorTable::tag(const Descriptor& descriptor) noexcept {
    return std::uint64_t{descriptor.generation_.load(relaxed)} << 32 | descriptor.index_;
}

Descriptor* DescriptorTable::find(std::uint64_t tag) const noexcept {
    const auto index = static_cast<std::uint32_t>(tag);
    // acquire: grow's release
    Chunk* const chunk = chunks_[index / kPerChunk].load(acquire);
    if (chunk == nullptr) {
        return nullptr;
    }
    Descriptor& slot = *chunk->slots[index % kPerChunk];
    // acquire: give_out's and take_back's RMW
    return slot.generation_.load(acquire) == generation(tag) ? &slot : nullptr;
}

}  // namespace weft::rt
