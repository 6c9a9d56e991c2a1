#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>
#include <weft/condition.hpp>
#include <weft/weft.hpp>

#include "support/runtime_fixture.hpp"
#include "sync/storm.hpp"

namespace weft::test {
namespace {

// Goal: the errors of asyncio, and nothing changed by them.
TEST(ConditionTest, WithoutTheLockIsRefused) {
    Condition condition;
    EXPECT_THROW(condition.wait(), RuntimeError);
    EXPECT_THROW(condition.notify(), RuntimeError);
    EXPECT_THROW(condition.notify_all(), RuntimeError);
    EXPECT_THROW(condition.release(), RuntimeError);
    EXPECT_TRUE(condition.try_lock());
    EXPECT_TRUE(condition.locked());
    condition.notify();  // nobody waits
    condition.release();
    EXPECT_FALSE(condition.locked());
}

TEST(ConditionTest, SharesALock) {
    Lock lock;
    Condition first(lock);
    Condition second(lock);
    const std::scoped_lock guard(first);
    EXPECT_TRUE(lock.locked());
    EXPECT_TRUE(second.locked());
    EXPECT_FALSE(second.try_lock());
}

// CPython: test_locks.ConditionTests.test_notify
// Goal: notify() wakes so many as it says, those who came first. On one loop they also go on in that
// order; from several loops they race for the lock.
TEST_P(OnEveryRuntime, ConditionWakesInOrderOfArrival) {
    constexpr int kWaiters = 9;
    Runtime runtime(options());
    runtime.run([&] {
        Condition condition;
        std::vector<int> order;  // with the lock
        std::vector<Task<void>> tasks;
        for (int i = 0; i < kWaiters; ++i) {
            const auto body = [&, i] {
                const std::scoped_lock guard(condition);
                condition.wait();
                order.push_back(i);
            };
            tasks.push_back(
                i % 3 == 2 && workers() > 1 ? spawn(body)
                                            : runtime.loop(i % workers()).create_task(body)
            );
            settle();
        }
        const auto notify = [&](std::size_t count) {
            condition.acquire();
            condition.notify(count);
            condition.release();
            settle();
            const std::scoped_lock guard(condition);
            if (workers() > 1) {
                std::sort(order.begin(), order.end());
            }
            return order;
        };
        EXPECT_EQ(notify(0), std::vector<int>{});
        EXPECT_EQ(notify(1), (std::vector{0}));
        EXPECT_EQ(notify(3), (std::vector{0, 1, 2, 3}));
        EXPECT_EQ(notify(kWaiters), (std::vector{0, 1, 2, 3, 4, 5, 6, 7, 8}));
        for (auto& task : tasks) {
            await(task);
        }
    });
}

// Goal: who is notified has the lock when wait() returns, and not before its notifier gave it back.
TEST_P(OnEveryRuntime, ConditionGivesTheLockBackOnlyWhileItWaits) {
    run([] {
        Condition condition;
        bool inside = false;
        auto waiter = create_task([&] {
            const std::scoped_lock guard(condition);
            condition.wait();
            EXPECT_TRUE(condition.locked());
            EXPECT_FALSE(inside);
        });
        settle();
        ASSERT_TRUE(condition.try_lock()) << "wait() keeps the lock";
        inside = true;
        condition.notify();
        settle();
        EXPECT_FALSE(waiter.done());
        inside = false;
        condition.release();
        await(waiter);
        EXPECT_FALSE(condition.locked());
    });
}

// Goal: wait() lets in whoever waits for the lock, who then finds the waiter in the queue.
TEST_P(OnEveryRuntime, ConditionHandsTheLockOnWhenItSleeps) {
    run([] {
        Condition condition;
        bool ready = false;
        auto waiter = create_task([&] {
            const std::scoped_lock guard(condition);
            yield();  // the notifier queues for the lock
            condition.wait_for([&] { return ready; });
        });
        auto notifier = create_task([&] {
            const std::scoped_lock guard(condition);
            ready = true;
            condition.notify();
        });
        await(waiter);
        await(notifier);
    });
}

TEST_P(OnEveryRuntime, ConditionWaitForGivesWhatThePredicateGave) {
    run([] {
        Condition condition;
        int value = 0;
        auto waiter = create_task([&] {
            const std::scoped_lock guard(condition);
            return condition.wait_for([&] { return value >= 3 ? value : 0; });
        });
        while (!waiter.done()) {
            condition.acquire();
            ++value;
            condition.notify_all();
            condition.release();
            yield();
        }
        EXPECT_GE(await(waiter), 3);
        auto thrower = create_task([&] {
            const std::scoped_lock guard(condition);
            condition.wait_for([]() -> bool { throw std::runtime_error("predicate"); });
        });
        EXPECT_THROW(await(thrower), std::runtime_error);
        EXPECT_FALSE(condition.locked());
    });
}

// CPython: test_locks.ConditionTests.test_wait_cancel_contested
// Goal: one who is cancelled has the lock again before it hears of it, however often.
TEST_P(OnEveryRuntime, ConditionTakesTheLockAlsoWhenCancelled) {
    run([] {
        Condition condition;
        auto waiter = create_task([&] {
            condition.acquire();
            try {
                condition.wait();
                ADD_FAILURE() << "was not cancelled";
            } catch (const CancelledError& error) {
                EXPECT_TRUE(condition.locked());
                EXPECT_EQ(error.message(), "second");
            }
            condition.release();
        });
        settle();
        condition.acquire();
        waiter.cancel("first");
        settle();
        EXPECT_FALSE(waiter.done()) << "it went on without the lock";
        waiter.cancel("second");
        settle();
        EXPECT_FALSE(waiter.done());
        condition.release();
        await(waiter);
        EXPECT_FALSE(condition.locked());
    });
}

// CPython: gh-112202
// Goal: a notification whose receiver is cancelled before it goes on reaches the next.
TEST_P(OnEveryRuntime, ConditionPassesANotificationOn) {
    run([] {
        Condition condition;
        bool first_cancelled = false;
        bool second_woken = false;
        auto first = create_task([&] {
            const std::scoped_lock guard(condition);
            try {
                condition.wait();
            } catch (const CancelledError&) {
                first_cancelled = true;
            }
        });
        settle();
        auto second = create_task([&] {
            const std::scoped_lock guard(condition);
            condition.wait();
            second_woken = true;
        });
        settle();
        condition.acquire();
        condition.notify(1);
        first.cancel();
        condition.release();
        await(first);
        await(second);
        EXPECT_TRUE(first_cancelled);
        EXPECT_TRUE(second_woken);
    });
}

// Goal: the same where the receiver is awake already, and cancelled while it waits for the lock.
TEST_P(OnEveryRuntime, ConditionPassesANotificationOnFromItsLock) {
    run([] {
        Condition condition;
        const auto wait = [&] {
            const std::scoped_lock guard(condition);
            condition.wait();
        };
        auto first = create_task(wait);
        settle();
        auto second = create_task(wait);
        settle();
        condition.acquire();
        condition.notify(1);
        settle();
        first.cancel();
        condition.release();
        EXPECT_THROW(await(first), CancelledError);
        await(second);
    });
}

TEST_P(OnEveryRuntime, ConditionWorksBetweenTasksAndThreads) {
    Condition condition;
    int turn = 0;  // with the lock; even: the task's
    constexpr int kTurns = 400;
    const auto play = [&](int me) {
        for (int i = 0; i < kTurns / 2; ++i) {
            const std::scoped_lock guard(condition);
            condition.wait_for([&] { return turn % 2 == me; });
            ++turn;
            condition.notify_all();
        }
    };
    run([&] {
        std::thread other([&] { play(1); });
        await(spawn([&] { play(0); }));
        auto joined = create_task([&] {
            const std::scoped_lock guard(condition);
            condition.wait_for([&] { return turn == kTurns; });
        });
        await(joined);
        other.join();
    });
    EXPECT_EQ(turn, kTurns);
}

TEST(ConditionTest, CallbackMayNotWait) {
    weft::run([] {
        Condition condition;
        condition.acquire();
        const Future<void> done;
        get_running_loop().call_soon([&] {
            EXPECT_THROW(condition.wait(), RuntimeError);
            EXPECT_TRUE(condition.locked());
            done.set_result();
        });
        await(done);
        condition.release();
    });
}

// Goal: a bounded buffer of two conditions on one lock, under cancellations from everywhere, loses
// no item and no wake-up.
TEST_P(OnEveryRuntime, ConditionStorm) {
    Runtime runtime(options());
    runtime.run([&] {
        Lock lock;
        Condition not_empty(lock);
        Condition not_full(lock);
        std::deque<int> items;
        std::int64_t put = 0;
        std::int64_t taken = 0;
        const auto operation = [&](int who, std::mt19937_64& engine) {
            const std::scoped_lock guard(lock);
            // Whoever finds no partner turns to the other side, so that nobody waits for ever.
            const bool may_put = items.size() < 3;
            const bool may_take = !items.empty();
            if (may_put && (engine() % 2 == 0 || !may_take)) {
                items.push_back(who);
                ++put;
                not_empty.notify();
            } else {
                not_empty.wait_for([&] { return !items.empty(); });
                items.pop_front();
                ++taken;
                not_full.notify();
            }
            if (engine() % 4 == 0 && items.size() > 2) {
                not_full.notify_all();
            }
        };
        storm(runtime, scaled(20'000), operation);
        EXPECT_FALSE(lock.locked());
        EXPECT_EQ(put - taken, static_cast<std::int64_t>(items.size()));
    });
}

}  // namespace
}  // namespace weft::test
