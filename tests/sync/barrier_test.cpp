#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <thread>
#include <vector>
#include <weft/barrier.hpp>
#include <weft/weft.hpp>

#include "support/runtime_fixture.hpp"

namespace weft::test {
namespace {

TEST(BarrierTest, OfNobodyIsRefused) {
    EXPECT_THROW(Barrier(0), ValueError);
}

TEST(BarrierTest, OfOneDoesNotWait) {
    Barrier barrier(1);
    EXPECT_EQ(barrier.parties(), 1U);
    EXPECT_EQ(barrier.wait(), 0U);
    EXPECT_EQ(barrier.wait(), 0U);
    EXPECT_EQ(barrier.n_waiting(), 0U);
    EXPECT_FALSE(barrier.broken());
}

// Goal: nobody passes before all are there, over many rounds, from all loops and a plain thread;
// the numbers of a round are all different.
TEST_P(OnEveryRuntime, BarrierLetsAllGoTogether) {
    constexpr std::size_t kParties = 5;
    const int rounds = scaled(300);
    Runtime runtime(options());
    runtime.run([&] {
        Barrier barrier(kParties);
        std::vector<std::array<std::atomic<int>, kParties>> seen(static_cast<std::size_t>(rounds));
        std::atomic<int> arrived{0};
        const auto body = [&] {
            for (int round = 0; round < rounds; ++round) {
                arrived.fetch_add(1);
                const std::size_t index = barrier.wait();
                EXPECT_GE(arrived.load(), (round + 1) * static_cast<int>(kParties));
                seen[static_cast<std::size_t>(round)].at(index).fetch_add(1);
            }
        };
        std::vector<Task<void>> tasks;
        for (std::size_t i = 0; i + 1 < kParties; ++i) {
            tasks.push_back(
                i % 2 == 0 ? spawn(body)
                           : runtime.loop(static_cast<int>(i) % workers()).create_task(body)
            );
        }
        std::thread last(body);
        for (auto& task : tasks) {
            await(task);
        }
        last.join();
        for (auto& round : seen) {
            for (auto& times : round) {
                EXPECT_EQ(times.load(), 1);
            }
        }
        EXPECT_EQ(barrier.n_waiting(), 0U);
    });
}

// CPython: test_locks.BarrierTests.test_reset_barrier
// Goal: reset() sends those away who wait, and only them.
TEST_P(OnEveryRuntime, BarrierResetSendsTheWaitersAway) {
    run([] {
        Barrier barrier(3);
        std::vector<Task<std::size_t>> tasks;
        for (int i = 0; i < 2; ++i) {
            tasks.push_back(create_task([&] { return barrier.wait(); }));
        }
        settle();
        EXPECT_EQ(barrier.n_waiting(), 2U);
        barrier.reset();
        EXPECT_EQ(barrier.n_waiting(), 0U);
        for (auto& task : tasks) {
            EXPECT_THROW(await(task), BrokenBarrierError);
        }
        EXPECT_FALSE(barrier.broken());
        std::vector<Task<std::size_t>> again;
        for (int i = 0; i < 3; ++i) {
            again.push_back(create_task([&] { return barrier.wait(); }));
        }
        std::vector<std::size_t> numbers;
        for (auto& task : again) {
            numbers.push_back(await(task));
        }
        std::sort(numbers.begin(), numbers.end());
        EXPECT_EQ(numbers, (std::vector<std::size_t>{0, 1, 2}));
    });
}

// Goal: one who comes after reset(), before those it sent away have left, is of the next round.
TEST_P(OnEveryRuntime, BarrierResetKeepsRoundsApart) {
    run([] {
        Barrier barrier(3);
        const auto wait = [&] { return barrier.wait(); };
        std::vector<Task<std::size_t>> sent_away;
        std::vector<Task<std::size_t>> mates;
        for (int i = 0; i < 2; ++i) {
            sent_away.push_back(create_task(wait));
        }
        settle();
        barrier.reset();
        for (int i = 0; i < 2; ++i) {
            mates.push_back(create_task(wait));
        }
        std::vector<std::size_t> numbers{barrier.wait()};
        for (auto& task : sent_away) {
            EXPECT_THROW(await(task), BrokenBarrierError);
        }
        for (auto& task : mates) {
            numbers.push_back(await(task));
        }
        std::sort(numbers.begin(), numbers.end());
        EXPECT_EQ(numbers, (std::vector<std::size_t>{0, 1, 2}));
    });
}

// CPython: test_locks.BarrierTests.test_abort_barrier
TEST_P(OnEveryRuntime, BarrierAbortBreaksItUntilReset) {
    run([] {
        Barrier barrier(2);
        auto waiter = create_task([&] { barrier.wait(); });
        settle();
        barrier.abort();
        EXPECT_TRUE(barrier.broken());
        EXPECT_THROW(await(waiter), BrokenBarrierError);
        EXPECT_THROW(barrier.wait(), BrokenBarrierError);
        barrier.reset();
        EXPECT_FALSE(barrier.broken());
        auto other = create_task([&] { barrier.wait(); });
        barrier.wait();
        await(other);
    });
}

// CPython: test_locks.BarrierTests.test_cancel_...
// Goal: one who is cancelled is not counted, and its place is free.
TEST_P(OnEveryRuntime, BarrierForgetsTheCancelled) {
    run([] {
        Barrier barrier(2);
        auto cancelled = create_task([&] { barrier.wait(); });
        settle();
        cancelled.cancel();
        EXPECT_THROW(await(cancelled), CancelledError);
        EXPECT_EQ(barrier.n_waiting(), 0U);
        auto first = create_task([&] { barrier.wait(); });
        settle();
        EXPECT_FALSE(first.done()) << "the cancelled one was counted";
        barrier.wait();
        await(first);
    });
}

// Goal: one who comes while a round goes away belongs to the next round.
TEST_P(OnEveryRuntime, BarrierKeepsRoundsApart) {
    run([] {
        Barrier barrier(2);
        int passed = 0;
        std::vector<Task<void>> tasks;
        for (int i = 0; i < 3; ++i) {
            tasks.push_back(create_task([&] {
                barrier.wait();
                ++passed;
            }));
        }
        settle();
        EXPECT_EQ(passed, 2);
        EXPECT_EQ(barrier.n_waiting(), 1U);
        barrier.wait();
        for (auto& task : tasks) {
            await(task);
        }
        EXPECT_EQ(passed, 3);
    });
}

}  // namespace
}  // namespace weft::test
