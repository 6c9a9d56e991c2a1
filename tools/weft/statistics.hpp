#pragma once

#include <cstddef>
#include <vector>

namespace weft::tool {

/// What the values of several runs have in common. Medians, as a disturbed run must not count.
struct Summary {
    std::size_t count = 0;
    double median = 0;
    double least = 0;
    double most = 0;
    double mad = 0;  ///< the median of the distances from the median
};

/// Of nothing: zeros.
[[nodiscard]] Summary summarize(const std::vector<double>& values);

/// The middle value, or the mean of the two in the middle. Of nothing: 0.
[[nodiscard]] double median(std::vector<double> values);

/// Mann and Whitney's U test, two-sided: how likely two samples of one distribution are to be at
/// least as far apart as these. It asks for no normal distribution, and counts ranks only, so that
/// one disturbed run moves it little.
///
/// Exact, with ties, up to 40 values; the normal approximation with the correction for ties beyond.
/// Of an empty sample: 1.
[[nodiscard]] double mann_whitney_p(const std::vector<double>& a, const std::vector<double>& b);

/// The least p that samples of these sizes can have.
[[nodiscard]] double mann_whitney_least_p(std::size_t a, std::size_t b);

}  // namespace weft::tool
