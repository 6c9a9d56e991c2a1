#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <functional>
#include <mutex>
#include <numeric>
#include <string>
#include <thread>
#include <vector>
#include <weft/event.hpp>
#include <weft/lock.hpp>
#include <weft/weft.hpp>

#include "support/runtime_fixture.hpp"
#include "sync/storm.hpp"

namespace weft::test {
namespace {

// Goal: the fast paths, and the error of asyncio's release().
TEST(LockTest, TakenAndGivenBackWithoutALoop) {
    Lock lock;
    EXPECT_FALSE(lock.locked());
    lock.acquire();
    EXPECT_TRUE(lock.locked());
    EXPECT_FALSE(lock.try_lock());
    lock.release();
    EXPECT_TRUE(lock.try_lock());
    lock.release();
    EXPECT_FALSE(lock.locked());
    try {
        lock.release();
        FAIL() << "release() of a free lock went through";
    } catch (const RuntimeError& error) {
        EXPECT_NE(std::string(error.what()).find("Lock"), std::string::npos);
    }
    EXPECT_TRUE(lock.try_lock()) << "the wrong release() changed the lock";
    lock.release();
}

TEST(LockTest, WorksWithTheStandardGuards) {
    Lock first;
    Lock second;
    {
        const std::scoped_lock both(first, second);
        EXPECT_TRUE(first.locked());
        EXPECT_TRUE(second.locked());
        std::unique_lock third(first, std::try_to_lock);
        EXPECT_FALSE(third.owns_lock());
    }
    EXPECT_FALSE(first.locked());
    EXPECT_FALSE(second.locked());
}

// CPython: test_locks.LockTests.test_acquire
// Goal: tasks of all loops are served in the order in which they came.
TEST_P(OnEveryRuntime, LockServesInOrderOfArrival) {
    constexpr int kWaiters = 12;
    Runtime runtime(options());
    runtime.run([&] {
        Lock lock;
        std::vector<int> order;  // guarded by lock
        std::vector<Task<void>> tasks;
        lock.acquire();
        for (int i = 0; i < kWaiters; ++i) {
            const auto body = [&, i] {
                const std::scoped_lock guard(lock);
                order.push_back(i);
                yield();
            };
            tasks.push_back(
                i % 3 == 2 ? spawn(body) : runtime.loop(i % workers()).create_task(body)
            );
            settle();  // it waits now
        }
        EXPECT_TRUE(order.empty());
        lock.release();
        for (auto& task : tasks) {
            await(task);
        }
        std::vector<int> expected(kWaiters);
        std::iota(expected.begin(), expected.end(), 0);
        EXPECT_EQ(order, expected);
        EXPECT_FALSE(lock.locked());
    });
}

// CPython: observed order w1, main, w2 (asyncio.md 1.6)
// Goal: nobody gets past those who wait, nor past one who was chosen and has not gone on.
TEST_P(OnEveryRuntime, LockLetsNoNewcomerIn) {
    run([] {
        Lock lock;
        std::vector<std::string> order;
        lock.acquire();
        auto first = create_task([&] {
            const std::scoped_lock guard(lock);
            order.emplace_back("first");
        });
        settle();

        lock.release();  // pinned to this loop, `first` cannot go on before we wait
        EXPECT_FALSE(lock.locked()) << "as asyncio says";
        EXPECT_FALSE(lock.try_lock());
        EXPECT_THROW(lock.release(), RuntimeError);
        auto second = create_task([&] {
            const std::scoped_lock guard(lock);
            order.emplace_back("second");
        });
        lock.acquire();
        order.emplace_back("main");
        EXPECT_TRUE(lock.locked());
        lock.release();

        await(first);
        await(second);
        EXPECT_EQ(order, (std::vector<std::string>{"first", "main", "second"}));
    });
}

// CPython: test_locks.LockTests.test_cancel_race, test_cancel_release_race
// Goal: with any of three waiters cancelled in any order, before or after a release, one release
// lets exactly one go on: the first of those left.
TEST_P(OnEveryRuntime, LockSurvivesEveryOrderOfCancellations) {
    constexpr int kWaiters = 3;
    run([] {
        std::vector<std::size_t> victims{0, 1, 2};
        do {
            for (int cancels = 0; cancels <= kWaiters; ++cancels) {
                for (int release_at = 0; release_at <= cancels; ++release_at) {
                    Lock lock;
                    Event leave;
                    std::vector<int> owners;
                    lock.acquire();
                    std::vector<Task<void>> tasks;
                    for (int i = 0; i < kWaiters; ++i) {
                        tasks.push_back(create_task([&, i] {
                            const std::scoped_lock guard(lock);
                            owners.push_back(i);
                            leave.wait();
                        }));
                    }
                    settle();
                    std::vector<bool> alive(kWaiters, true);
                    for (int step = 0; step <= cancels; ++step) {
                        if (step == release_at) {
                            lock.release();
                        }
                        if (step < cancels) {
                            const std::size_t victim = victims[static_cast<std::size_t>(step)];
                            tasks[victim].cancel();
                            alive[victim] = false;
                        }
                    }
                    settle();
                    const auto first = std::find(alive.begin(), alive.end(), true);
                    if (first == alive.end()) {
                        EXPECT_TRUE(owners.empty());
                        EXPECT_TRUE(lock.try_lock()) << "the lock was lost";
                        lock.release();
                    } else {
                        EXPECT_EQ(
                            owners, std::vector<int>{static_cast<int>(first - alive.begin())}
                        );
                    }
                    leave.set();
                    for (std::size_t i = 0; i < tasks.size(); ++i) {
                        tasks[i].wait();
                        EXPECT_EQ(tasks[i].cancelled(), !alive[i]);
                    }
                    EXPECT_FALSE(lock.locked());
                }
            }
        } while (std::next_permutation(victims.begin(), victims.end()));
    });
}

// CPython: test_locks.LockTests.test_cancel_race
// Goal: a waiter that is cancelled after release() chose it hands its turn on.
TEST_P(OnEveryRuntime, LockCancelledAfterTheGrantPassesItsTurnOn) {
    run([] {
        Lock lock;
        lock.acquire();
        auto cancelled = create_task([&] { lock.acquire(); });
        auto next = create_task([&] { lock.acquire(); });
        settle();

        lock.release();
        cancelled.cancel("too late");

        await(next);
        EXPECT_THROW(await(cancelled), CancelledError);
        EXPECT_TRUE(lock.locked());
        lock.release();
        EXPECT_FALSE(lock.locked());
    });
}

// Goal: waiters that were all cancelled, but have not gone on yet, do not keep a newcomer out.
TEST_P(OnEveryRuntime, LockForgetsCancelledWaiters) {
    run([] {
        Lock lock;
        lock.acquire();
        auto waiter = create_task([&] { lock.acquire(); });
        settle();
        waiter.cancel();
        lock.release();
        EXPECT_TRUE(lock.try_lock());
        lock.release();
        waiter.wait();
        EXPECT_TRUE(waiter.cancelled());
    });
}

// Goal: where nothing can wait, acquire() says so before it has changed anything.
TEST_P(OnEveryRuntime, LockRefusesToWaitInACallback) {
    run([] {
        Lock lock;
        Event called;
        get_running_loop().call_soon([&] {
            lock.acquire();  // free: no need to wait
            EXPECT_THROW(lock.acquire(), RuntimeError);
            EXPECT_TRUE(lock.locked());
            lock.release();
            called.set();
        });
        called.wait();
        EXPECT_TRUE(lock.try_lock());
        EXPECT_TRUE(lock.locked());
        lock.release();
        EXPECT_FALSE(lock.locked());
    });
}

// Goal: a task's lock is a plain thread's lock too, both ways.
TEST_P(OnEveryRuntime, LockIsSharedWithPlainThreads) {
    run([] {
        Lock lock;
        Event taken;
        std::atomic<bool> may_release{false};
        int guarded = 0;
        lock.acquire();
        std::thread thread([&] {
            lock.acquire();
            guarded += 1;
            taken.set();
            while (!may_release.load()) {
                std::this_thread::yield();
            }
            lock.release();
        });
        guarded += 10;
        lock.release();
        taken.wait();
        EXPECT_TRUE(lock.locked());
        auto waiter = create_task([&] { lock.acquire(); });
        settle();
        may_release.store(true);
        await(waiter);
        EXPECT_EQ(guarded, 11);
        lock.release();
        thread.join();
    });
}

// Goal: one owner at a time, and none is lost, whoever is cancelled when.
TEST_P(OnEveryRuntime, LockStorm) {
    Runtime runtime(options());
    runtime.run([&] {
        Lock lock;
        std::uint64_t inside = 0;  // not atomic: TSan and the count find two owners
        std::uint64_t counted = 0;
        std::atomic<std::uint64_t> entered{0};
        const StormCount count = storm(runtime, scaled(120'000), [&](int who, auto& engine) {
            const std::scoped_lock guard(lock);
            entered.fetch_add(1, std::memory_order_relaxed);
            ++counted;
            if (++inside != 1) {
                ADD_FAILURE() << "two owners";
            }
            struct Leave {
                std::uint64_t& inside;
                ~Leave() { --inside; }
            } leave{inside};
            if (who < 10 && engine() % 16 == 0) {
                yield();
            }
        });
        EXPECT_EQ(counted, entered.load());
        EXPECT_GE(count.done + count.cancelled, counted);
        EXPECT_TRUE(lock.try_lock()) << "an owner was lost";
        lock.release();
    });
}

// Goal: whoever releases last may destroy the lock at once, also while the others still return from
// their release().
TEST_P(OnEveryRuntime, LockMayBeDestroyedByItsLastUser) {
    struct Shared {
        Lock lock;
        int users = 4;
    };
    Runtime runtime(options());
    runtime.run([&] {
        const int rounds = scaled(8'000);
        std::vector<Shared*> shared;
        for (int i = 0; i < rounds; ++i) {
            shared.push_back(new Shared);
        }
        const auto use_all = [&] {
            for (Shared* const one : shared) {
                one->lock.acquire();
                const bool last = --one->users == 0;
                one->lock.release();
                if (last) {
                    delete one;
                }
            }
        };
        std::thread thread(use_all);
        auto stealable = spawn(use_all);
        auto pinned = runtime.loop(workers() - 1).create_task(use_all);
        auto here = create_task(use_all);
        await(stealable);
        await(pinned);
        await(here);
        thread.join();
    });
}

}  // namespace
}  // namespace weft::test
