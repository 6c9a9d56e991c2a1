#include "histogram.hpp"

#include <gtest/gtest.h>

#include <cstdint>
#include <limits>

namespace weft::tool {
namespace {

TEST(Histogram, OfNothing) {
    const Histogram histogram;
    EXPECT_EQ(histogram.count(), 0U);
    EXPECT_EQ(histogram.quantile(0.5), 0U);
    EXPECT_EQ(histogram.max(), 0U);
}

TEST(Histogram, SmallValuesAreExact) {
    Histogram histogram;
    for (std::uint64_t value = 1; value <= 50; ++value) {
        histogram.add(value);
    }
    EXPECT_EQ(histogram.quantile(0.0), 1U);
    EXPECT_EQ(histogram.quantile(0.5), 25U);
    EXPECT_EQ(histogram.quantile(0.98), 49U);
    EXPECT_EQ(histogram.quantile(1.0), 50U);
}

// A quantile is never less than the value it stands for, and at most 1/32 more.
TEST(Histogram, LargeValuesAreWithinTheirBucket) {
    for (unsigned shift = 0; shift < 64; ++shift) {
        for (const std::uint64_t below : {0U, 1U}) {
            const std::uint64_t value = (std::uint64_t{1} << shift) - below;
            Histogram histogram;
            histogram.add(value);
            histogram.add(std::numeric_limits<std::uint64_t>::max());
            const std::uint64_t seen = histogram.quantile(0.5);
            EXPECT_GE(seen, value);
            EXPECT_LE(seen - value, value / 32);
        }
    }
}

TEST(Histogram, TheLargestIsExact) {
    Histogram histogram;
    histogram.add(1'000'003);
    histogram.add(7);
    EXPECT_EQ(histogram.max(), 1'000'003U);
    EXPECT_EQ(histogram.quantile(1.0), 1'000'003U);
}

}  // namespace
}  // namespace weft::tool
