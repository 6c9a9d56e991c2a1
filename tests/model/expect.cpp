#include "model/expect.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <cstdio>
#include <string>

namespace weft::model {
namespace {

std::vector<Held>* held_by_all = nullptr;

Report timed(
    const Scenario& scenario, const Limits& limits, const std::optional<Mutation>& mutation
) {
    using Clock = std::chrono::steady_clock;
    const Clock::time_point start = Clock::now();
    const Report report = explore(scenario, limits, mutation);
    const double seconds = std::chrono::duration<double>(Clock::now() - start).count();
    const char* const end = !report.failure.empty() ? "found: "
                            : report.complete       ? "complete"
                                                    : "cut";
    std::printf(
        "  %9ld executions, %10ld steps, %d preemptions, %d stale reads, %6.2f s, %s%s\n",
        report.executions,
        report.steps,
        limits.preemptions,
        limits.stale_reads,
        seconds,
        end,
        report.failure.c_str()
    );
    return report;
}

void check_found(const Report& report, const char* part) {
    EXPECT_TRUE(!report.failure.empty() && report.failure.find(part) != std::string::npos)
        << "the planted bug was not found; failure: '" << report.failure << "'\n"
        << report.story;
}

}  // namespace

void collect_held(std::vector<Held>& held) noexcept {
    held_by_all = &held;
}

void expect_holds(const Scenario& scenario, const Limits& limits) {
    if (held_by_all != nullptr) {
        const ::testing::TestInfo& test = *::testing::UnitTest::GetInstance()->current_test_info();
        held_by_all->push_back(
            {std::string(test.test_suite_name()) + "." + test.name(), scenario, limits}
        );
        return;
    }
    const Report report = timed(scenario, limits, std::nullopt);
    EXPECT_EQ(report.failure, "") << report.story;
    EXPECT_TRUE(report.complete) << "not everything within the limits was tried";
}

void expect_found(const Scenario& scenario, const char* part, const Limits& limits) {
    if (held_by_all != nullptr) {
        return;
    }
    check_found(timed(scenario, limits, std::nullopt), part);
}

void expect_found(
    const Scenario& scenario, const Mutation& mutation, const char* part, const Limits& limits
) {
    if (held_by_all != nullptr) {
        return;
    }
    const Report report = timed(scenario, limits, mutation);
    EXPECT_TRUE(report.mutated) << mutation.function << " in " << mutation.file << " never ran";
    check_found(report, part);
}

}  // namespace weft::model
