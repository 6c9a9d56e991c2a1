#pragma once

#include <cstdint>

namespace weft::storm {

/// The decisions of one actor: splitmix64, so that each of very many is cheap to begin.
class Dice {
public:
    explicit Dice(std::uint64_t seed) noexcept : state_(seed) {}

    [[nodiscard]] std::uint64_t next() noexcept {
        state_ += 0x9E3779B97F4A7C15ULL;
        std::uint64_t mixed = state_;
        mixed = (mixed ^ (mixed >> 30U)) * 0xBF58476D1CE4E5B9ULL;
        mixed = (mixed ^ (mixed >> 27U)) * 0x94D049BB133111EBULL;
        return mixed ^ (mixed >> 31U);
    }

    /// From `least` to `most`, both included.
    [[nodiscard]] int between(int least, int most) noexcept {
        const auto width = static_cast<std::uint64_t>(most - least) + 1;
        return least + static_cast<int>(next() % width);
    }
    /// True once in `times`.
    [[nodiscard]] bool one_in(int times) noexcept { return between(1, times) == 1; }

    /// Dice of their own for somebody else.
    [[nodiscard]] Dice fork() noexcept { return Dice(next()); }

private:
    std::uint64_t state_;
};

}  // namespace weft::storm
