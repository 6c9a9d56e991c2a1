#include "sched/owner_lock.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <latch>
#include <thread>
#include <vector>
#include <weft/future.hpp>
#include <weft/loop.hpp>
#include <weft/run.hpp>
#include <weft/runtime.hpp>
#include <weft/task.hpp>

#include "sched/process_state.hpp"
#include "sched/scheduler.hpp"
#include "support/runtime_fixture.hpp"
#include "support/scale.hpp"

// The lock by itself; what its owner and others may do to each other is in tests/model/.

namespace weft::test {
namespace {

using rt::OwnerLock;
using rt::Sharing;

std::vector<Sharing> ways_to_share() {
    return rt::has_heavy_barrier() ? std::vector{Sharing::Barriers, Sharing::Rmws}
                                   : std::vector{Sharing::Rmws};
}

class OwnerLockOf : public ::testing::TestWithParam<Sharing> {};

INSTANTIATE_TEST_SUITE_P(
    Each,
    OwnerLockOf,
    ::testing::ValuesIn(ways_to_share()),
    [](const auto& each) { return each.param == Sharing::Barriers ? "barriers" : "rmws"; }
);

// Goal: whoever wants what an owner guards that does not come out gives up, and the owner need not know.
TEST_P(OwnerLockOf, ACallerGivesUpWhenTheOwnerStaysInside) {
    OwnerLock<> lock(GetParam());
    lock.lock();
    std::thread([&] { EXPECT_FALSE(lock.claim(2)); }).join();
    lock.unlock();
    lock.lock();  // nobody is waited for
    lock.unlock();
    EXPECT_TRUE(lock.claim(2));
    EXPECT_FALSE(lock.claim(3)) << "one at a time";
    lock.release_claim();
    EXPECT_TRUE(lock.claim(3));
    lock.release_claim();
}

// Goal: the owner waits for who holds it, and sees what that one did.
TEST_P(OwnerLockOf, TheOwnerWaitsForTheHolder) {
    OwnerLock<> lock(GetParam());
    int guarded = 0;
    std::latch is_held{1};
    std::thread holder([&] {
        ASSERT_TRUE(lock.claim(2));
        is_held.count_down();
        guarded = 1;
        lock.release_claim();
    });
    is_held.wait();
    lock.lock();
    EXPECT_EQ(guarded, 1);
    lock.unlock();
    holder.join();
}

// Goal: nobody is inside beside another, however often they come.
TEST_P(OwnerLockOf, OneAtATime) {
    OwnerLock<> lock(GetParam());
    long guarded = 0;  // no atomic
    std::atomic<bool> over{false};
    std::atomic<long> claims{0};
    std::vector<std::thread> others;
    for (std::uint32_t who = 2; who < 4; ++who) {
        others.emplace_back([&, who] {
            while (!over.load()) {
                if (lock.claim(who)) {
                    ++guarded;
                    lock.release_claim();
                    claims.fetch_add(1);
                }
                std::this_thread::yield();
            }
        });
    }
    const int rounds = scaled(1'000'000);
    for (int i = 0; i < rounds; ++i) {
        lock.hold([&] { ++guarded; });
    }
    while (claims.load() == 0) {
        std::this_thread::yield();
    }
    over.store(true);
    for (std::thread& other : others) {
        other.join();
    }
    EXPECT_EQ(guarded, rounds + claims.load());
}

Sharing sharing_of(int workers) {
    RuntimeOptions options;
    options.workers = workers;
    Runtime runtime(options);
    return runtime.run([] {
        return static_cast<rt::Worker&>(*get_running_loop().sink()).scheduler().sharing();
    });
}

// Goal: loops share by heavy barriers where there are any and nobody wants it otherwise.
TEST(SharingOfARuntime, IsByBarriersWhereThereAreAny) {
    EXPECT_EQ(sharing_of(1), Sharing::None);
    EXPECT_EQ(sharing_of(2), rt::has_heavy_barrier() ? Sharing::Barriers : Sharing::Rmws);
    const rt::testing::ScopedEnvironment disabled{"WEFT_DISABLE", "membarrier"};
    EXPECT_EQ(sharing_of(2), Sharing::Rmws);
}

/// Whether a loop kept from what another one has, and could be looked at.
bool look_at_what_is_out_of_reach() {
    const WithoutHops without_hops;
    RuntimeOptions options;
    options.workers = 2;
    Runtime runtime(options);
    bool tested = false;
    runtime.start();
    std::atomic<bool> over{false};
    std::atomic<bool> is_kept{false};
    auto owner = runtime.loop(0).create_task([&] {
        auto kept = spawn([] {});  // in the slot, while this one keeps the loop
        is_kept.store(true);
        while (!over.load()) {
            std::this_thread::yield();
        }
        await(kept);
    });
    auto& lock = static_cast<rt::Worker&>(*runtime.loop(0).sink()).kept();
    while (!is_kept.load()) {
        std::this_thread::yield();
    }
    constexpr std::uint32_t kMe = 1'000;
    // Until it is held with the task still there: the other loop may come first.
    if (lock.claim(kMe)) {
        const std::uint64_t steals = runtime.metrics().loops.at(1).steals;
        const std::uint64_t before = runtime.metrics().loops.at(1).turns;
        std::this_thread::sleep_for(std::chrono::milliseconds(300));
        const std::uint64_t turns = runtime.metrics().loops.at(1).turns - before;
        tested = steals == 0;
        EXPECT_LT(turns, 2'000U) << "it does not sleep";  // naps of up to 2 ms, and some before
        lock.release_claim();
    }
    over.store(true);
    owner.wait();
    return tested;
}

// Goal: a loop that sees work which it cannot get at sleeps in between: an owner may be stopped where nobody gets
// past it.
TEST(SharingOfARuntime, WhatIsOutOfReachIsNotLookedAtAllTheTime) {
    // A claim before the other loop has come for the task; else the next try.
    const rt::testing::ScopedEnvironment policy{"WEFT_POLICY", "slot_hesitation_us=1000"};
    bool tested = false;
    for (int tries = 0; tries < 100 && !tested; ++tries) {
        tested = look_at_what_is_out_of_reach();
    }
    EXPECT_TRUE(tested);
}

}  // namespace
}  // namespace weft::test
