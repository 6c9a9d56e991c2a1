#include "allocation_sweep.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <cinttypes>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <map>
#include <ostream>
#include <string>

#include "allocation_scenario.hpp"

// Goal: whichever request for memory is refused, an operation fails as its comment says or does
// without; nothing is lost, nothing is left, and with memory the same works again.
//
// What is found is printed with the command that runs that point again, which also prints where it was
// refused. Every point in every mode, which takes twice as long:
//   WEFT_ALLOCATION_ALL=1 faults_test --gtest_filter='*AllocationSweep*'

namespace weft::test {

void PrintTo(const Scenario& scenario, std::ostream* out) {
    *out << scenario.name;
}

namespace {

constexpr std::size_t kFewestScenarios = 60;
constexpr std::uint64_t kFewestPoints = 20'000;

std::string filter_of_this_test() {
    const ::testing::TestInfo& test = *::testing::UnitTest::GetInstance()->current_test_info();
    return std::string(test.test_suite_name()) + "." + test.name();
}

class AllocationSweep : public ::testing::TestWithParam<Scenario> {
protected:
    static void TearDownTestSuite() {
        if (swept_ == 0) {
            return;  // a process of one's own
        }
        std::printf(
            "allocation sweep: %zu scenarios, every %" PRIu64 ". point, %s; %zu findings\n",
            swept_,
            sweep_stride(),
            totals_.text().c_str(),
            found_
        );
        if (swept_ == all_scenarios().size()) {
            EXPECT_GE(swept_, kFewestScenarios);
            EXPECT_GE(totals_.points * sweep_stride(), kFewestPoints);
        }
    }

    static inline std::size_t swept_ = 0;
    static inline std::size_t found_ = 0;
    static inline SweepTotals totals_;
};

TEST_P(AllocationSweep, EveryRequestIsRefused) {
    if (run_as_child(GetParam())) {
        return;
    }
    const std::string filter = filter_of_this_test();
    const SweepReport report = sweep(GetParam(), filter);
    for (const Finding& finding : report.findings) {
        ADD_FAILURE() << (finding.kind == Finding::Kind::Crash  ? "crash: "
                          : finding.kind == Finding::Kind::Hang ? "hang: "
                                                                : "")
                      << finding.text << "\n  again: " << command_of(finding.point, filter);
    }
    EXPECT_GT(report.totals.points, 0U) << "nothing was refused";
    ++swept_;
    found_ += report.findings.size();
    totals_.add(report.totals);
}

INSTANTIATE_TEST_SUITE_P(
    Each,
    AllocationSweep,
    ::testing::ValuesIn(all_scenarios()),
    [](const auto& each) { return std::string(each.param.name); }
);

// ---------------------------------------------------------------------------------------------
// The sweep finds what it is there for

class AllocationPlanted : public ::testing::TestWithParam<Scenario> {};

/// What the sweep has to say about a planted fault.
struct Expected {
    Finding::Kind kind;
    const char* text;
};
Expected expected_of(const std::string& planted) {
    const std::map<std::string, Expected> all{
        {"memory", {Finding::Kind::Wrong, "leaked"}},
        {"descriptor", {Finding::Kind::Wrong, "left behind descriptors"}},
        {"hang", {Finding::Kind::Hang, "did not end before its deadline"}},
        {"task", {Finding::Kind::Wrong, "a task was left"}},
        {"item", {Finding::Kind::Wrong, "an item is lost"}},
        {"crash", {Finding::Kind::Crash, "killed by signal 6"}},
        {"error", {Finding::Kind::Wrong, "something else"}},
        {"broken", {Finding::Kind::Wrong, "it was broken before"}},
    };
    return all.at(planted);
}

TEST_P(AllocationPlanted, IsFound) {
    if (run_as_child(GetParam())) {
        return;
    }
    const Expected expected = expected_of(GetParam().name);
    const std::chrono::seconds limit(expected.kind == Finding::Kind::Hang ? 1 : 5);
    constexpr std::size_t kAtLeast = 2;  // once for each number of loops
    SweepReport report = sweep(GetParam(), filter_of_this_test(), limit, 1);
    // On two loops a point may be another request each time, and a leak counts when it comes three times.
    for (int tries = 1; tries < 4 && report.findings.size() < kAtLeast; ++tries) {
        report = sweep(GetParam(), filter_of_this_test(), limit, 1);
    }
    // And the first and the last request do no harm.
    EXPECT_GE(report.findings.size(), kAtLeast);
    EXPECT_GT(report.totals.ends[static_cast<std::size_t>(TrialEnd::Threw)], 0U);
    for (const Finding& finding : report.findings) {
        EXPECT_EQ(finding.kind, expected.kind) << finding.text;
        EXPECT_NE(finding.text.find(expected.text), std::string::npos) << finding.text;
    }
}

INSTANTIATE_TEST_SUITE_P(
    Each,
    AllocationPlanted,
    ::testing::ValuesIn(planted_scenarios()),
    [](const auto& each) { return std::string(each.param.name); }
);

}  // namespace
}  // namespace weft::test
