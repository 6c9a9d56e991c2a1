#include "sched/width.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <optional>
#include <string>

#include "sched/process_state.hpp"

namespace weft::rt {
namespace {

using testing::CapturedLog;
using testing::ScopedEnvironment;

Topology with_cpus(int count) {
    CpuList cpus;
    for (int cpu = 0; cpu < count; ++cpu) {
        cpus.push_back(cpu);
    }
    return Topology::from_affinity(cpus);
}

TEST(Width, IsTheLesserOfCpusAndQuota) {
    EXPECT_EQ(choose_width(with_cpus(8), std::nullopt, 0), 8);
    EXPECT_EQ(choose_width(with_cpus(8), 3.0, 0), 3);
    EXPECT_EQ(choose_width(with_cpus(2), 3.0, 0), 2);
    EXPECT_EQ(choose_width(with_cpus(2), 1e18, 0), 2);
}

TEST(Width, RoundsTheQuotaUpToOneAtLeast) {
    EXPECT_EQ(choose_width(with_cpus(8), 0.01, 0), 1);
    EXPECT_EQ(choose_width(with_cpus(8), 0.5, 0), 1);
    EXPECT_EQ(choose_width(with_cpus(8), 1.5, 0), 2);
    EXPECT_EQ(choose_width(with_cpus(8), 2.0, 0), 2);
}

TEST(Width, RequestWithinTheMachineIsTaken) {
    const CapturedLog log;
    EXPECT_EQ(choose_width(with_cpus(8), std::nullopt, 3), 3);
    EXPECT_EQ(choose_width(with_cpus(8), 4.0, 4), 4);
    EXPECT_TRUE(CapturedLog::lines().empty());
}

TEST(Width, FirstRequestAboveTheMachineIsWarnedOf) {
    ::testing::FLAGS_gtest_death_test_style = "threadsafe";
    const auto take_more = [] {
        const CapturedLog log;
        const bool is_taken = choose_width(with_cpus(2), 0.5, 2) == 2 &&
                              choose_width(with_cpus(2), std::nullopt, 64) == 64;
        return is_taken && CapturedLog::is_one_with("2 workers were asked for");
    };
    EXPECT_EXIT(std::_Exit(take_more() ? 0 : 1), ::testing::ExitedWithCode(0), "");
}

TEST(WeftWorkers, IsRead) {
    const ScopedEnvironment workers{"WEFT_WORKERS", "12"};
    EXPECT_EQ(workers_from_environment(), 12);
    const ScopedEnvironment empty{"WEFT_WORKERS", ""};
    EXPECT_EQ(workers_from_environment(), std::nullopt);
    const ScopedEnvironment unset{"WEFT_WORKERS"};
    EXPECT_EQ(workers_from_environment(), std::nullopt);
}

TEST(WeftWorkers, GarbageIsIgnoredWithAWarning) {
    for (const char* const text : {"0", "-1", "two", "2x", " 2", "4097", "99999999999999"}) {
        const ScopedEnvironment workers{"WEFT_WORKERS", text};
        const CapturedLog log;
        EXPECT_EQ(workers_from_environment(), std::nullopt) << text;
        EXPECT_TRUE(CapturedLog::is_one_with("a whole number from 1 to 4096")) << text;
        EXPECT_TRUE(CapturedLog::is_one_with(std::string{"WEFT_WORKERS="} + text)) << text;
    }
}

}  // namespace
}  // namespace weft::rt
