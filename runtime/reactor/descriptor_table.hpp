#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <mutex>

#include "reactor/descriptor.hpp"

namespace weft::rt {

/// The descriptors of one reactor, found by the number that an event carries.
///
/// Threads  any; a mutex for giving slots out and taking them back, none for finding.
class DescriptorTable {
public:
    explicit DescriptorTable(Reactor& home) noexcept : home_(home) {}
    DescriptorTable(const DescriptorTable&) = delete;
    DescriptorTable& operator=(const DescriptorTable&) = delete;
    ~DescriptorTable();

    /// A slot for `fd`; nullptr without memory. `ready`: whether both directions may be tried.
    [[nodiscard]] Descriptor* give_out(int fd, bool ready) noexcept;
    /// Takes a slot back whose descriptor nobody uses any more.
    void take_back(Descriptor& descriptor) noexcept;

    /// What to put into an event's data.
    [[nodiscard]] static std::uint32_t generation(std::uint64_t tag) noexcept {
        return static_cast<std::uint32_t>(tag >> 32);
    }
    [[nodiscard]] static std::uint64_t tag(const Descriptor& descriptor) noexcept;
    /// The descriptor that an event is for; nullptr when that has gone.
    [[nodiscard]] Descriptor* find(std::uint64_t tag) const noexcept;

private:
    static constexpr std::size_t kPerChunk = 256;
    static constexpr std::size_t kChunks = 4096;
    struct Chunk;

    [[nodiscard]] bool grow() noexcept;

    Reactor& home_;
    std::mutex mutex_;
    Descriptor* free_ = nullptr;                    // with the mutex
    std::uint32_t chunk_count_ = 0;                 // with the mutex
    std::array<Atomic<Chunk*>, kChunks> chunks_{};  // release when made -> find's acquire
};

}  // namespace weft::rt
