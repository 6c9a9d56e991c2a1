#include "sched/policy.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>
#include <weft/run.hpp>
#include <weft/runtime.hpp>
#include <weft/sleep.hpp>
#include <weft/task.hpp>

#include "sched/process_state.hpp"

// Goal: each number of the scheduler can be changed from outside, what cannot be read is named and changes
// nothing, and a runtime goes by it.

namespace weft::rt {
namespace {

using testing::CapturedLog;
using testing::ScopedEnvironment;

TEST(WeftPolicy, EachNumberIsReadByItsName) {
    const ScopedEnvironment text{
        "WEFT_POLICY",
        "quantum=1,runs_per_turn=2,poll_every_us=3,slot_streak=4,slot_hesitation_us=5,"
        "slot_pass_every_us=55,public_at_least=6,public_at_most=7,shortest_nap_us=8,"
        "longest_nap_us=9,rescue_every_us=110,stuck_after_us=111,spin_us=112"};
    const CapturedLog log;
    const Policy policy = Policy::from_environment();
    EXPECT_TRUE(CapturedLog::lines().empty());
    EXPECT_EQ(policy.quantum, 1);
    EXPECT_EQ(policy.runs_per_turn, 2);
    EXPECT_EQ(policy.poll_every_us, 3);
    EXPECT_EQ(policy.slot_streak, 4);
    EXPECT_EQ(policy.slot_hesitation_us, 5);
    EXPECT_EQ(policy.slot_pass_every_us, 55);
    EXPECT_EQ(policy.public_at_least, 6);
    EXPECT_EQ(policy.public_at_most, 7);
    EXPECT_EQ(policy.shortest_nap_us, 8);
    EXPECT_EQ(policy.longest_nap_us, 9);
    EXPECT_EQ(policy.rescue_every_us, 110);
    EXPECT_EQ(policy.stuck_after_us, 111);
    EXPECT_EQ(policy.spin_us, 112);
}

TEST(WeftPolicy, WhatIsNotUnderstoodIsNamedAndTheRestCounts) {
    for (const char* const wrong :
         {"quantum=0", "quantum=", "quantum", "quantum=-1", "quantum=3x", "Quantum=3", "=3", ""}) {
        const ScopedEnvironment text{
            "WEFT_POLICY", (std::string(wrong) + ",slot_streak=9").c_str()};
        const CapturedLog log;
        const Policy policy = Policy::from_environment();
        EXPECT_TRUE(
            CapturedLog::is_one_with("WEFT_POLICY=" + std::string(wrong) + " is ignored: expected ")
        ) << wrong;
        EXPECT_EQ(policy.quantum, Policy{}.quantum) << wrong;
        EXPECT_EQ(policy.slot_streak, 9) << wrong;
    }
}

TEST(WeftPolicy, NoLowerBoundIsAboveItsUpperOne) {
    const ScopedEnvironment text{
        "WEFT_POLICY", "public_at_least=100,public_at_most=3,shortest_nap_us=90000"};
    const Policy policy = Policy::from_environment();
    EXPECT_GE(policy.public_at_most, policy.public_at_least);
    EXPECT_GE(policy.longest_nap_us, policy.shortest_nap_us);
}

TEST(WeftPolicy, ARuntimeGoesByIt) {
    for (const int quantum : {3, 17}) {
        const ScopedEnvironment text{"WEFT_POLICY", ("quantum=" + std::to_string(quantum)).c_str()};
        RuntimeOptions options;
        options.workers = 1;
        Runtime runtime(options);
        int ran_in_a_turn = 0;
        runtime.run([&] {
            int ran = 0;
            std::vector<Task<void>> tasks;
            for (int i = 0; i < 100; ++i) {
                tasks.push_back(spawn([&ran] { ++ran; }));
            }
            yield();  // those that the first turn still has
            const int before = ran;
            yield();
            ran_in_a_turn = ran - before;
            for (auto& task : tasks) {
                task.wait();
            }
        });
        EXPECT_EQ(ran_in_a_turn, quantum);
    }
}

}  // namespace
}  // namespace weft::rt
