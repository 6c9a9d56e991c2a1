#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <thread>
#include <weft/queue.hpp>
#include <weft/runtime.hpp>
#include <weft/sleep.hpp>
#include <weft/task.hpp>

#include "sched/cpu_quota.hpp"
#include "sched/process_state.hpp"
#include "sched/spin_budget.hpp"
#include "sched/topology.hpp"
#include "support/runtime_fixture.hpp"

// Goal: a loop that finds nothing goes on looking for a moment, where that saves sleeps; and only there.

namespace weft::test {
namespace {

using rt::testing::ScopedEnvironment;

bool each_loop_has_a_cpu(std::size_t loops) {
    return rt::Topology::detect().cpus.size() >= loops && !rt::cpu_quota();
}

/// Two loops send each other a letter at a time; returns what they did for that.
LoopMetrics play_between_loops(int trips, int workers) {
    const WithoutHops without_hops;
    RuntimeOptions options;
    options.workers = workers;
    Runtime runtime(options);
    runtime.start();
    runtime.spawn([] {}).wait();  // from now on there is stealable work
    Queue<int> there(1);
    Queue<int> back(1);
    const auto first = runtime.loop(0).create_task([&] {
        for (int i = 0; i < trips; ++i) {
            there.put(i);
            EXPECT_EQ(back.get(), i);
        }
    });
    const auto second = runtime.loop(1).create_task([&] {
        for (int i = 0; i < trips; ++i) {
            back.put(there.get());
        }
    });
    first.wait();
    second.wait();
    return runtime.metrics().total();
}

TEST(Spin, SavesSleepsWhereAnswersComeSoon) {
    const ScopedEnvironment policy{"WEFT_POLICY", "spin_us=1000000"};
    constexpr int kTrips = 2'000;
    const LoopMetrics did = play_between_loops(kTrips, 2);
    if (each_loop_has_a_cpu(2)) {
        EXPECT_GT(did.spins, kTrips / 2U);
        EXPECT_LT(did.spins_in_vain, did.spins / 2);
        EXPECT_LT(did.parks, kTrips / 2U);
    } else {
        EXPECT_EQ(did.spins, 0U);
    }
}

TEST(Spin, CanBeTurnedOff) {
    const ScopedEnvironment policy{"WEFT_POLICY", "spin_us=0"};
    EXPECT_EQ(play_between_loops(200, 2).spins, 0U);
}

TEST(Spin, IsNotForLoopsThatShareCpus) {
    const auto cpus = static_cast<int>(rt::Topology::detect().cpus.size());
    EXPECT_EQ(play_between_loops(200, cpus + 1).spins, 0U);
}

TEST(Spin, FindsWorkOfOthers) {
    if (!each_loop_has_a_cpu(2)) {
        return;
    }
    const ScopedEnvironment policy{"WEFT_POLICY", "spin_us=1000000"};
    const WithoutHops without_hops;
    RuntimeOptions options;
    options.workers = 2;
    Runtime runtime(options);
    runtime.start();
    // Each round one loop is kept, so that the other runs what it makes: two tasks, one of which is in the ring.
    constexpr int kRounds = 500;
    runtime.loop(0)
        .create_task([] {
            for (int round = 0; round < kRounds; ++round) {
                std::atomic<bool> ran{false};
                const auto first = spawn([&ran] { ran.store(true); });
                const auto second = spawn([] {});
                while (!ran.load()) {
                    std::this_thread::yield();
                }
                await(first);
                await(second);
            }
        })
        .wait();
    const LoopMetrics other = runtime.metrics().loops.at(1);
    EXPECT_LT(other.parks, kRounds / 2U);
    EXPECT_GE(other.steals, kRounds / 1U);
}

// Goal: a deadline is not late for a spin, and a stop does not wait for its end. The rescuer keeps out.
TEST(Spin, EndsForADeadlineAndForAStop) {
    using std::chrono::milliseconds;
    const ScopedEnvironment policy{
        "WEFT_POLICY", "spin_us=1000000,rescue_every_us=1000000,stuck_after_us=1000000"};
    auto shortest = std::chrono::steady_clock::duration::max();
    for (int tries = 0; tries < 20 && shortest > milliseconds(50); ++tries) {
        const auto begun = std::chrono::steady_clock::now();
        {
            RuntimeOptions options;
            options.workers = 2;
            Runtime runtime(options);
            runtime.start();
            runtime.spawn([] { sleep(milliseconds(1)); }).wait();
        }
        shortest = std::min(shortest, std::chrono::steady_clock::now() - begun);
    }
    EXPECT_LE(shortest, milliseconds(50));
}

TEST(SpinBudget, IsSpentInVainAndComesBack) {
    rt::SpinBudget budget;
    int wanted = 0;
    while (budget.wants()) {
        budget.was_in_vain();
        ASSERT_LT(++wanted, 100);
    }
    EXPECT_GE(wanted, 1);
    int tried = 0;
    for (int i = 0; i < 640; ++i) {
        if (budget.wants()) {
            ++tried;
            budget.was_in_vain();
        }
    }
    EXPECT_GE(tried, 5);
    EXPECT_LE(tried, 20);
    budget.would_have_paid();
    EXPECT_TRUE(budget.wants());
}

TEST(SpinBudget, OneInThreePays) {
    rt::SpinBudget budget;
    for (int i = 0; i < 1'000; ++i) {
        ASSERT_TRUE(budget.wants()) << i;
        i % 3 == 0 ? budget.paid() : budget.was_in_vain();
    }
    int refused = 0;
    for (int i = 0; i < 1'000; ++i) {
        if (!budget.wants()) {
            ++refused;
            continue;
        }
        i % 8 == 0 ? budget.paid() : budget.was_in_vain();
    }
    EXPECT_GT(refused, 300);
}

// Goal: wake-ups that always come a little after the spin do not keep it going.
TEST(SpinBudget, AShortSleepBuysOneTry) {
    rt::SpinBudget budget;
    while (budget.wants()) {
        budget.was_in_vain();
    }
    budget.would_have_paid();
    EXPECT_TRUE(budget.wants());
    budget.was_in_vain();
    EXPECT_FALSE(budget.wants());
    for (int i = 0; i < 100; ++i) {
        budget.would_have_paid();
    }
    budget.was_in_vain();
    EXPECT_FALSE(budget.wants()) << "it is not saved up";
}

}  // namespace
}  // namespace weft::test
