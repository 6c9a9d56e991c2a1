#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

namespace weft::tool {

/// Counts durations in buckets that grow with them: each is at most 1/32 of its values wide.
class Histogram {
public:
    void add(std::uint64_t value) noexcept {
        ++buckets_[bucket_of(value)];
        ++count_;
        max_ = std::max(max_, value);
    }

    [[nodiscard]] std::uint64_t count() const noexcept { return count_; }
    [[nodiscard]] std::uint64_t max() const noexcept { return max_; }

    /// Returns a value that the given share (0..1) of all values do not exceed: the largest of the
    /// bucket in which that is so. 0 when there is none.
    [[nodiscard]] std::uint64_t quantile(double share) const noexcept {
        const double wanted = share * static_cast<double>(count_);
        std::uint64_t seen = 0;
        for (std::size_t i = 0; i < buckets_.size(); ++i) {
            seen += buckets_[i];
            if (seen > 0 && static_cast<double>(seen) >= wanted) {
                return std::min(last_of(i), max_);
            }
        }
        return max_;
    }

private:
    static constexpr unsigned kBits = 5;
    static constexpr std::size_t kPerOctave = std::size_t{1} << kBits;

    // The first two octaves' worth of buckets hold one value each; an octave of values 2^e..2^(e+1)
    // has kPerOctave buckets, chosen by the kBits bits below the highest one.
    static std::size_t bucket_of(std::uint64_t value) noexcept {
        if (value < kPerOctave) {
            return static_cast<std::size_t>(value);
        }
        const auto shift = static_cast<unsigned>(std::bit_width(value)) - kBits - 1;
        return shift * kPerOctave + static_cast<std::size_t>(value >> shift);
    }
    static std::uint64_t last_of(std::size_t bucket) noexcept {
        if (bucket < 2 * kPerOctave) {
            return bucket;
        }
        const std::size_t shift = bucket / kPerOctave - 1;
        const std::uint64_t first = bucket - shift * kPerOctave;
        return (first << shift) + ((std::uint64_t{1} << shift) - 1);
    }

    std::array<std::uint64_t, (64 - kBits + 1) * kPerOctave> buckets_{};
    std::uint64_t count_ = 0;
    std::uint64_t max_ = 0;
};

}  // namespace weft::tool
