#include "usl_fit.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <random>
#include <tuple>
#include <vector>

namespace weft::tool {
namespace {

double planted(double alpha, double beta, double n) {
    return n / (1 + alpha * (n - 1) + beta * n * (n - 1));
}

std::vector<Capacity> curve(double alpha, double beta, int most) {
    std::vector<Capacity> points;
    for (int n = 1; n <= most; ++n) {
        points.push_back({static_cast<double>(n), planted(alpha, beta, n)});
    }
    return points;
}

class PlantedLaw : public ::testing::TestWithParam<std::tuple<double, double, int>> {};
INSTANTIATE_TEST_SUITE_P(
    Each,
    PlantedLaw,
    ::testing::Values(
        std::tuple{0.0, 0.0, 8},
        std::tuple{0.05, 0.0, 8},
        std::tuple{0.0, 0.002, 16},
        std::tuple{0.03, 0.0005, 64},
        std::tuple{0.2, 0.01, 3},
        std::tuple{1.4, 0.3, 4}  // falls from the first
    )
);

// Goal: what was planted is found again.
TEST_P(PlantedLaw, IsRecovered) {
    const auto& [alpha, beta, most] = GetParam();
    const auto fit = fit_usl(curve(alpha, beta, most));
    ASSERT_TRUE(fit.has_value());
    EXPECT_NEAR(fit->alpha, alpha, 1e-5);
    EXPECT_NEAR(fit->beta, beta, 1e-6);
    EXPECT_LT(fit->residual, 1e-5);
    EXPECT_NEAR(fit->at(2), planted(alpha, beta, 2), 1e-4);
}

// Goal: with noise the parameters are near, and the residual is the noise.
TEST(UslFit, StandsNoise) {
    std::mt19937 random(3);
    std::normal_distribution<double> noise(0, 0.1);
    std::vector<Capacity> points = curve(0.04, 0.001, 32);
    for (Capacity& point : points) {
        point.capacity += noise(random);
    }
    const auto fit = fit_usl(points);
    ASSERT_TRUE(fit.has_value());
    EXPECT_NEAR(fit->alpha, 0.04, 0.01);
    EXPECT_NEAR(fit->beta, 0.001, 0.0003);
    EXPECT_NEAR(fit->residual, 0.1, 0.03);
}

// Goal: a speed-up beyond the ideal line asks for less than 0, and gets 0.
TEST(UslFit, ParametersAreNotNegative) {
    const auto fit = fit_usl({{1, 1}, {2, 2.2}, {3, 3.4}, {4, 4.7}});
    ASSERT_TRUE(fit.has_value());
    EXPECT_EQ(fit->alpha, 0);
    EXPECT_EQ(fit->beta, 0);
    EXPECT_FALSE(fit->peak.has_value());
}

TEST(UslFit, PeakIsWhereTheLawIsLargest) {
    const auto fit = fit_usl(curve(0.02, 0.0004, 32));
    ASSERT_TRUE(fit.has_value() && fit->peak.has_value());
    EXPECT_NEAR(*fit->peak, std::sqrt(0.98 / 0.0004), 0.1);
    EXPECT_GT(fit->at(*fit->peak), fit->at(*fit->peak - 1));
    EXPECT_GT(fit->at(*fit->peak), fit->at(*fit->peak + 1));
    EXPECT_EQ(fit_usl(curve(1.4, 0.3, 4))->peak, 1);
    EXPECT_FALSE(fit_usl(curve(0.1, 0, 8))->peak.has_value());
}

TEST(UslFit, NeedsThreeNumbersOfWorkers) {
    EXPECT_FALSE(fit_usl({}).has_value());
    EXPECT_FALSE(fit_usl({{1, 1}, {2, 1.9}}).has_value());
    EXPECT_FALSE(fit_usl({{1, 1}, {2, 1.9}, {2, 1.8}, {1, 1}}).has_value());
    EXPECT_TRUE(fit_usl({{1, 1}, {2, 1.9}, {4, 3}}).has_value());
}

}  // namespace
}  // namespace weft::tool
