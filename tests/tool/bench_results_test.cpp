#include "bench_results.hpp"

#include <gtest/gtest.h>

#include <stdexcept>
#include <string>

namespace weft::tool {
namespace {

BenchReport made_up() {
    BenchReport report;
    report.fingerprint = {{"cpu", "Made up"}, {"threads", 8}};
    report.is_quick = true;
    report.results = {
        {"yield", "2", 1, "time", "ns", 10.0, {15.25, 1.0 / 3, 1e-300}},
        {"echo", "sixty \"four\"\n", 4, "p99", "us", std::nullopt, {1, 2, 3}},
    };
    report.failures = {{"yield/2, 1 worker, run 3", "was ended by signal 11"}};
    return report;
}

// Goal: what is written is read again, each value to its last bit.
TEST(BenchReports, SurviveJson) {
    const BenchReport before = made_up();
    const BenchReport after = report_from_json(Json::parse(to_json(before).dump(2)));
    EXPECT_EQ(after.fingerprint, before.fingerprint);
    EXPECT_EQ(after.is_quick, before.is_quick);
    ASSERT_EQ(after.results.size(), before.results.size());
    for (std::size_t i = 0; i < after.results.size(); ++i) {
        EXPECT_TRUE(after.results[i].is_same_as(before.results[i]));
        EXPECT_EQ(after.results[i].goal, before.results[i].goal);
        EXPECT_EQ(after.results[i].values, before.results[i].values);
    }
    ASSERT_EQ(after.failures.size(), 1U);
    EXPECT_EQ(after.failures[0].what, before.failures[0].what);
    EXPECT_EQ(after.failures[0].why, before.failures[0].why);
}

TEST(BenchReports, OthersAreRefused) {
    for (const char* other :
         {"[]",
          "{}",
          "3",
          R"({"format": "weft bench 0"})",
          R"({"format": 1})",
          R"({"format": "weft bench 1"})",
          R"({"format": "weft bench 1", "fingerprint": {}, "results": [{"workload": "x"}]})"}) {
        EXPECT_THROW(static_cast<void>(report_from_json(Json::parse(other))), std::runtime_error)
            << other;
    }
}

TEST(BenchReports, NumbersHaveFourDigits) {
    EXPECT_EQ(short_number(0), "0.000");
    EXPECT_EQ(short_number(1.23456), "1.235");
    EXPECT_EQ(short_number(9.9996), "10.00");
    EXPECT_EQ(short_number(15.2149), "15.21");
    EXPECT_EQ(short_number(123.456), "123.5");
    EXPECT_EQ(short_number(123456.7), "123457");
    EXPECT_EQ(short_number(-15.2149), "-15.21");
}

TEST(BenchReports, TableTellsWhetherGoalsAreMet) {
    BenchReport report = made_up();
    report.results.push_back({"yield", "1000", 1, "time", "ns", 20.0, {15}});
    report.results.push_back({"echo", "one", 1, "rate", "requests/s", 100.0, {150}});
    const std::string table = results_table(report.results);
    EXPECT_NE(table.find("10.00 met"), std::string::npos) << table;
    EXPECT_NE(table.find("20.00 met"), std::string::npos) << table;
    EXPECT_NE(table.find("100.0 met"), std::string::npos) << table;
    report.results[0].values = {15, 16, 17};
    EXPECT_NE(results_table(report.results).find("10.00 missed"), std::string::npos);
}

}  // namespace
}  // namespace weft::tool
