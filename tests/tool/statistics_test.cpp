#include "statistics.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <vector>

namespace weft::tool {
namespace {

using Values = std::vector<double>;

TEST(Statistics, MedianIsInTheMiddle) {
    EXPECT_EQ(median({}), 0);
    EXPECT_EQ(median({7}), 7);
    EXPECT_EQ(median({9, 1, 5}), 5);
    EXPECT_EQ(median({4, 1, 3, 2}), 2.5);
}

TEST(Statistics, SummaryOfAllAndOfNothing) {
    const Summary all = summarize({1, 1, 2, 2, 4, 6, 9});
    EXPECT_EQ(all.count, 7U);
    EXPECT_EQ(all.median, 2);
    EXPECT_EQ(all.least, 1);
    EXPECT_EQ(all.most, 9);
    EXPECT_EQ(all.mad, 1);  // of 1 1 0 0 2 4 7
    EXPECT_EQ(summarize({}).count, 0U);
}

// Goal: one disturbed run moves neither median nor MAD far.
TEST(Statistics, OneDisturbedRunCountsLittle) {
    const Summary quiet = summarize({10, 11, 12, 13, 14});
    const Summary disturbed = summarize({10, 11, 12, 13, 1400});
    EXPECT_EQ(quiet.median, disturbed.median);
    EXPECT_EQ(quiet.mad, disturbed.mad);
}

// Peer: scipy.stats.mannwhitneyu(method="exact"), and the published tables of U.
TEST(MannWhitney, IsExactForFewValues) {
    EXPECT_NEAR(mann_whitney_p({1, 2, 3}, {4, 5, 6}), 0.1, 1e-12);
    EXPECT_NEAR(mann_whitney_p({1, 2, 3, 4}, {5, 6, 7, 8}), 2.0 / 70, 1e-12);
    EXPECT_NEAR(mann_whitney_p({1, 2, 3, 4, 5}, {6, 7, 8, 9, 10}), 2.0 / 252, 1e-12);
    // U = 3 and 2.
    EXPECT_NEAR(mann_whitney_p({1, 2, 3, 4, 8}, {5, 6, 7, 9, 10}), 0.0556, 5e-5);
    EXPECT_NEAR(mann_whitney_p({1, 2, 3, 4, 7}, {5, 6, 8, 9, 10}), 0.0317, 5e-5);
    EXPECT_NEAR(mann_whitney_p({1, 3, 5, 7}, {2, 4, 6, 8}), 0.6857, 5e-5);
}

TEST(MannWhitney, DoesNotDependOnTheOrder) {
    const Values a{3.1, 2.7, 8.2, 4.4, 4.4};
    const Values b{4.4, 9.1, 9.9, 7.3};
    const double p = mann_whitney_p(a, b);
    EXPECT_NEAR(mann_whitney_p(b, a), p, 1e-12);
    EXPECT_NEAR(mann_whitney_p({4.4, 8.2, 2.7, 4.4, 3.1}, b), p, 1e-12);
}

// Goal: equal values share their ranks, in the exact count, too.
TEST(MannWhitney, TiesShareTheirRanks) {
    EXPECT_EQ(mann_whitney_p({5, 5, 5}, {5, 5, 5, 5}), 1);
    // Ranks 1.5 1.5 | 3 4: the least sum of the 6 choices, and the most.
    EXPECT_NEAR(mann_whitney_p({1, 1}, {2, 3}), 2.0 / 6, 1e-12);
    // 1 | 2 2 2: the sums are 1, and 3 three times, around a mean of 2.5: only the 1 is so far.
    EXPECT_NEAR(mann_whitney_p({1}, {2, 2, 2}), 0.25, 1e-12);
}

TEST(MannWhitney, OfNothingSaysNothing) {
    EXPECT_EQ(mann_whitney_p({}, {1, 2}), 1);
    EXPECT_EQ(mann_whitney_p({1}, {}), 1);
    EXPECT_EQ(mann_whitney_p({1}, {2}), 1);
}

// Goal: where both ways of counting can be used they agree.
TEST(MannWhitney, ApproximationContinuesTheExactCount) {
    std::mt19937 random(7);
    std::normal_distribution<double> one(10, 1);
    std::normal_distribution<double> other(10.6, 1);
    Values a(20);
    Values b(20);
    std::ranges::generate(a, [&] { return one(random); });
    std::ranges::generate(b, [&] { return other(random); });
    const double exact = mann_whitney_p(a, b);
    // One more value in the middle of all makes it 41, which are approximated.
    Values more(a);
    more.push_back(10.3);
    EXPECT_NEAR(mann_whitney_p(more, b), exact, 0.05);
    EXPECT_EQ(mann_whitney_p(Values(30, 1), Values(30, 1)), 1);
    EXPECT_LT(mann_whitney_p(Values(30, 1), Values(30, 2)), 1e-9);
}

// Goal: of equal distributions one of twenty comparisons comes out below 0.05, or fewer.
TEST(MannWhitney, SeldomFindsWhatIsNotThere) {
    std::mt19937 random(11);
    std::lognormal_distribution<double> any(0, 1);
    int found = 0;
    constexpr int kTries = 1000;
    for (int i = 0; i < kTries; ++i) {
        Values a(6);
        Values b(7);
        std::ranges::generate(a, [&] { return any(random); });
        std::ranges::generate(b, [&] { return any(random); });
        found += mann_whitney_p(a, b) < 0.05 ? 1 : 0;
    }
    EXPECT_LT(found, kTries / 20 + 20);
}

TEST(MannWhitney, KnowsHowFewAreTooFew) {
    EXPECT_NEAR(mann_whitney_least_p(3, 3), 0.1, 1e-12);
    EXPECT_NEAR(mann_whitney_least_p(4, 4), 2.0 / 70, 1e-12);
    EXPECT_EQ(mann_whitney_least_p(1, 1), 1);
    EXPECT_EQ(mann_whitney_least_p(0, 5), 1);
}

}  // namespace
}  // namespace weft::tool
