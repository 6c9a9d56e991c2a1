#pragma once

#include <optional>
#include <string>
#include <vector>

#include "bench_results.hpp"

namespace weft::tool {

enum class Verdict {
    Same,         ///< nothing is shown
    WithinLimit,  ///< there is a difference, and it is too small to matter
    Faster,
    Slower,
    TooFew,  ///< not even values all apart would show anything
    OnlyInA,
    OnlyInB,
};

/// One metric of one case in two reports.
struct ComparedResult {
    std::string name;  ///< "yield/2"
    int workers = 0;
    std::string metric;
    std::string unit;
    double a = 0;  ///< medians
    double b = 0;
    double ratio = 0;  ///< b to a; 0 where a is 0
    double p = 1;      ///< of the U test
    Verdict verdict = Verdict::Same;
};

/// Below it a difference counts: one of twenty comparisons of equals comes out there by chance.
inline constexpr double kSignificantP = 0.05;

/// `limit`: how much of a difference matters; 0.05 for 5 %.
[[nodiscard]] std::vector<ComparedResult> compare_reports(
    const BenchReport& a, const BenchReport& b, double limit
);

[[nodiscard]] std::string comparison_table(const std::vector<ComparedResult>& compared);

/// What makes the two hard to compare, a line each.
[[nodiscard]] std::vector<std::string> comparison_warnings(
    const BenchReport& a, const BenchReport& b
);

/// Reads "5%" or "5" as 0.05; nothing for what is not from 0 to 1000.
[[nodiscard]] std::optional<double> parse_percent(const std::string& text);

}  // namespace weft::tool
