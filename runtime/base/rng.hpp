#pragma once

#include <cstdint>

namespace weft::rt {

/// xorshift64*: where a search starts, and nothing that must be unpredictable. One thread.
class Rng {
public:
    explicit Rng(std::uint64_t seed) noexcept : state_(seed * kOdd + 1) {}

    [[nodiscard]] std::uint64_t next() noexcept {
        state_ ^= state_ >> 12;
        state_ ^= state_ << 25;
        state_ ^= state_ >> 27;
        return state_ * kOdd;
    }

    /// Below `bound` (> 0).
    [[nodiscard]] std::uint32_t below(std::uint32_t bound) noexcept {
        return static_cast<std::uint32_t>(((next() >> 32) * bound) >> 32);
    }

private:
    static constexpr std::uint64_t kOdd = 0x2545F4914F6CDD1DULL;
    std::uint64_t state_;
};

}  // namespace weft::rt
