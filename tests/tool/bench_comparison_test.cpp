#include "bench_comparison.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace weft::tool {
namespace {

using Values = std::vector<double>;

BenchReport report_of(const Values& values, const std::string& unit = "ns") {
    BenchReport report;
    report.fingerprint = {{"cpu", "one"}, {"commit", "abc"}, {"date", "today"}};
    report.results = {{"yield", "2", 1, "time", unit, std::nullopt, values}};
    return report;
}

Verdict verdict_of(const Values& a, const Values& b, const std::string& unit = "ns") {
    return compare_reports(report_of(a, unit), report_of(b, unit), 0.05).at(0).verdict;
}

const Values kTen{10.0, 10.1, 9.9, 10.2, 9.8};

TEST(Comparisons, SayWhatIsSlowerAndFaster) {
    EXPECT_EQ(verdict_of(kTen, {12.0, 12.1, 11.9, 12.2, 11.8}), Verdict::Slower);
    EXPECT_EQ(verdict_of({12.0, 12.1, 11.9, 12.2, 11.8}, kTen), Verdict::Faster);
    EXPECT_EQ(verdict_of(kTen, kTen), Verdict::Same);
}

// Goal: of a rate, more is better.
TEST(Comparisons, KnowRatesFromTimes) {
    EXPECT_EQ(verdict_of(kTen, {12.0, 12.1, 11.9, 12.2, 11.8}, "requests/s"), Verdict::Faster);
    EXPECT_EQ(verdict_of({12.0, 12.1, 11.9, 12.2, 11.8}, kTen, "requests/s"), Verdict::Slower);
}

// Goal: a large difference of the medians that the spread explains is none.
TEST(Comparisons, NoiseIsNoDifference) {
    EXPECT_EQ(verdict_of({8, 20, 9, 21, 10}, {8.5, 19, 20.5, 9.5, 13}), Verdict::Same);
}

TEST(Comparisons, SmallDifferencesDoNotMatter) {
    EXPECT_EQ(verdict_of(kTen, {10.3, 10.31, 10.32, 10.33, 10.34}), Verdict::WithinLimit);
}

// Goal: three runs against three can show nothing, whatever they came to.
TEST(Comparisons, TooFewRunsAreSaidToBe) {
    EXPECT_EQ(verdict_of({10, 10, 10}, {20, 20, 20}), Verdict::TooFew);
    EXPECT_EQ(verdict_of({10}, {20}), Verdict::TooFew);
    EXPECT_EQ(verdict_of({10, 11, 12, 13}, {20, 21, 22, 23}), Verdict::Slower);
}

TEST(Comparisons, WhatOneLacksIsSaid) {
    BenchReport a = report_of(kTen);
    BenchReport b = report_of(kTen);
    b.results[0].workers = 2;
    const auto compared = compare_reports(a, b, 0.05);
    ASSERT_EQ(compared.size(), 2U);
    EXPECT_EQ(compared[0].verdict, Verdict::OnlyInA);
    EXPECT_EQ(compared[1].verdict, Verdict::OnlyInB);
    const std::string table = comparison_table(compared);
    EXPECT_NE(table.find("only in A"), std::string::npos) << table;
    EXPECT_NE(table.find("only in B"), std::string::npos) << table;
}

// Goal: another machine is warned of, another commit and day are not.
TEST(Comparisons, WarnOfAnotherMachine) {
    const BenchReport a = report_of(kTen);
    BenchReport b = report_of(kTen);
    b.fingerprint["commit"] = "def";
    b.fingerprint["date"] = "tomorrow";
    EXPECT_TRUE(comparison_warnings(a, b).empty());

    b.fingerprint["cpu"] = "two";
    b.fingerprint["governor"] = "powersave";
    b.is_quick = true;
    b.failures = {{"yield/2, 1 worker, run 3", "was ended by signal 11"}};
    const std::vector<std::string> warnings = comparison_warnings(a, b);
    ASSERT_EQ(warnings.size(), 4U);
    EXPECT_EQ(warnings[0], "cpu differs: 'one' and 'two'");
    EXPECT_EQ(warnings[1], "governor differs: 'missing' and 'powersave'");
    EXPECT_EQ(warnings[2], "only B is of --quick");
    EXPECT_NE(warnings[3].find("signal 11"), std::string::npos);
}

TEST(Comparisons, ThresholdsArePercentages) {
    EXPECT_EQ(parse_percent("5%"), 0.05);
    EXPECT_EQ(parse_percent("12.5"), 0.125);
    EXPECT_EQ(parse_percent("0"), 0.0);
    for (const char* bad : {"", "%", "-1%", "nan", "inf", "5 percent", "5%%", "2000%"}) {
        EXPECT_EQ(parse_percent(bad), std::nullopt) << bad;
    }
}

}  // namespace
}  // namespace weft::tool
