#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <limits>
#include <numeric>
#include <thread>
#include <vector>
#include <weft/event.hpp>
#include <weft/semaphore.hpp>
#include <weft/weft.hpp>

#include "support/runtime_fixture.hpp"
#include "sync/storm.hpp"

namespace weft::test {
namespace {

TEST(SemaphoreTest, CountsWithoutALoop) {
    Semaphore semaphore(2);
    EXPECT_EQ(semaphore.value(), 2);
    semaphore.acquire();
    EXPECT_TRUE(semaphore.try_acquire());
    EXPECT_TRUE(semaphore.locked());
    EXPECT_EQ(semaphore.value(), 0);
    EXPECT_FALSE(semaphore.try_acquire());
    semaphore.release(5);
    EXPECT_EQ(semaphore.value(), 5);
    EXPECT_FALSE(semaphore.locked());
    semaphore.release(0);
    EXPECT_EQ(semaphore.value(), 5);
    EXPECT_EQ(Semaphore().value(), 1);
}

// CPython: test_locks.SemaphoreTests.test_initial_value_zero, test_release_not_acquired
TEST(SemaphoreTest, RefusesWhatCannotBeMeant) {
    EXPECT_THROW(Semaphore(-1), ValueError);
    EXPECT_THROW(BoundedSemaphore(-1), ValueError);
    Semaphore semaphore(0);
    EXPECT_THROW(semaphore.release(-1), ValueError);
    EXPECT_EQ(semaphore.value(), 0);
    semaphore.release(std::numeric_limits<std::ptrdiff_t>::max());
    EXPECT_THROW(semaphore.release(), ValueError) << "the count would overflow";

    BoundedSemaphore bounded(2);
    EXPECT_THROW(bounded.release(), ValueError);
    bounded.acquire();
    EXPECT_THROW(bounded.release(2), ValueError);
    EXPECT_EQ(bounded.value(), 1) << "the wrong release() changed something";
    bounded.release();
    Semaphore& base = bounded;
    EXPECT_THROW(base.release(), ValueError);
}

// CPython: test_locks.SemaphoreTests.test_acquire_fifo_order
TEST_P(OnEveryRuntime, SemaphoreServesInOrderOfArrival) {
    constexpr int kWaiters = 9;
    Runtime runtime(options());
    runtime.run([&] {
        Semaphore semaphore(0);
        std::vector<int> order;  // whoever has the one permit writes
        std::vector<Task<void>> tasks;
        for (int i = 0; i < kWaiters; ++i) {
            const auto body = [&, i] {
                semaphore.acquire();
                order.push_back(i);
                semaphore.release();
            };
            tasks.push_back(
                i % 3 == 2 ? spawn(body) : runtime.loop(i % workers()).create_task(body)
            );
            settle();
        }
        semaphore.release();
        for (auto& task : tasks) {
            await(task);
        }
        std::vector<int> expected(kWaiters);
        std::iota(expected.begin(), expected.end(), 0);
        EXPECT_EQ(order, expected);
        EXPECT_EQ(semaphore.value(), 1);
    });
}

// CPython: test_locks.SemaphoreTests.test_acquire_fifo_order_2, gh-90155
// Goal: a permit goes to who waits, not to who comes by while that one has not gone on yet.
TEST_P(OnEveryRuntime, SemaphoreLetsNoNewcomerIn) {
    run([] {
        Semaphore semaphore(0);
        std::vector<int> order;
        auto first = create_task([&] {
            semaphore.acquire();
            order.push_back(1);
        });
        auto second = create_task([&] {
            semaphore.acquire();
            order.push_back(2);
        });
        settle();
        semaphore.release();
        EXPECT_EQ(semaphore.value(), 0) << "it is the first one's already";
        EXPECT_TRUE(semaphore.locked());
        EXPECT_FALSE(semaphore.try_acquire());
        auto third = create_task([&] { semaphore.release(2); });
        semaphore.acquire();
        order.push_back(3);
        await(first);
        await(second);
        await(third);
        EXPECT_EQ(order, (std::vector<int>{1, 2, 3}));
        EXPECT_EQ(semaphore.value(), 0);
    });
}

// Goal: release(n) serves the waiters first and leaves the rest to newcomers.
TEST_P(OnEveryRuntime, SemaphoreReleasesSeveral) {
    run([] {
        Semaphore semaphore(0);
        std::atomic<int> through{0};
        std::vector<Task<void>> tasks;
        for (int i = 0; i < 3; ++i) {
            tasks.push_back(spawn([&] {
                semaphore.acquire();
                through.fetch_add(1);
            }));
        }
        settle();
        semaphore.release(2);
        settle();
        EXPECT_EQ(through.load(), 2);
        semaphore.release(4);
        settle();
        EXPECT_EQ(through.load(), 3);
        EXPECT_EQ(semaphore.value(), 3);

        BoundedSemaphore bounded(1);
        bounded.acquire();
        auto waiter = create_task([&] { bounded.acquire(); });
        settle();
        EXPECT_THROW(bounded.release(2), ValueError);
        settle();
        EXPECT_FALSE(waiter.done()) << "a release() that failed let somebody in";
        bounded.release();
        await(waiter);
        for (auto& task : tasks) {
            await(task);
        }
    });
}

// CPython: test_locks.SemaphoreTests.test_acquire_cancel_before_awoken, test_acquire_hang
// Goal: with any of three waiters cancelled in any order, before or after a release of one or two
// permits, none is lost and none is made.
TEST_P(OnEveryRuntime, SemaphoreSurvivesEveryOrderOfCancellations) {
    constexpr int kWaiters = 3;
    run([] {
        std::vector<int> victims{0, 1, 2};
        do {
            for (int cancels = 0; cancels <= kWaiters; ++cancels) {
                for (int release_at = 0; release_at <= cancels; ++release_at) {
                    for (int permits = 1; permits <= 2; ++permits) {
                        Semaphore semaphore(0);
                        std::vector<int> through;
                        std::vector<Task<void>> tasks;
                        for (int i = 0; i < kWaiters; ++i) {
                            tasks.push_back(create_task([&, i] {
                                semaphore.acquire();
                                through.push_back(i);
                            }));
                        }
                        settle();
                        std::vector<int> expected{0, 1, 2};
                        for (int step = 0; step <= cancels; ++step) {
                            if (step == release_at) {
                                semaphore.release(permits);
                            }
                            if (step < cancels) {
                                const int victim = victims[static_cast<std::size_t>(step)];
                                tasks[static_cast<std::size_t>(victim)].cancel();
                                std::erase(expected, victim);
                            }
                        }
                        settle();
                        const int left = kWaiters - cancels;
                        expected.resize(static_cast<std::size_t>(std::min(left, permits)));
                        std::sort(through.begin(), through.end());
                        EXPECT_EQ(through, expected);
                        EXPECT_EQ(semaphore.value(), std::max(permits - left, 0));
                        semaphore.release(kWaiters);
                        for (auto& task : tasks) {
                            task.wait();
                        }
                    }
                }
            }
        } while (std::next_permutation(victims.begin(), victims.end()));
    });
}

// CPython: test_locks.SemaphoreTests.test_acquire_cancel_after_awoken (gh-111693)
TEST_P(OnEveryRuntime, SemaphoreCancelledAfterTheGrantGivesItBack) {
    run([] {
        Semaphore semaphore(0);
        auto cancelled = create_task([&] { semaphore.acquire(); });
        auto next = create_task([&] { semaphore.acquire(); });
        settle();
        semaphore.release();
        cancelled.cancel();
        await(next);
        EXPECT_THROW(await(cancelled), CancelledError);
        EXPECT_EQ(semaphore.value(), 0);

        auto last = create_task([&] { semaphore.acquire(); });
        settle();
        semaphore.release();
        last.cancel();
        last.wait();
        EXPECT_EQ(semaphore.value(), 1) << "nobody waited, so it is there for newcomers";
    });
}

TEST_P(OnEveryRuntime, SemaphoreRefusesToWaitInACallback) {
    run([] {
        Semaphore semaphore(1);
        Event called;
        get_running_loop().call_soon([&] {
            semaphore.acquire();
            EXPECT_THROW(semaphore.acquire(), RuntimeError);
            semaphore.release();
            called.set();
        });
        called.wait();
        EXPECT_EQ(semaphore.value(), 1);
    });
}

// Goal: never more owners than permits, and all permits are there in the end.
TEST_P(OnEveryRuntime, SemaphoreStorm) {
    constexpr int kPermits = 3;
    Runtime runtime(options());
    runtime.run([&] {
        BoundedSemaphore semaphore(kPermits);
        std::atomic<int> owners{0};
        std::atomic<std::uint64_t> acquired{0};
        const StormCount count = storm(runtime, scaled(120'000), [&](int who, auto& engine) {
            if (engine() % 8 == 0) {
                if (!semaphore.try_acquire()) {
                    return;
                }
            } else {
                semaphore.acquire();
            }
            acquired.fetch_add(1, std::memory_order_relaxed);
            struct Release {
                Semaphore& semaphore;
                std::atomic<int>& owners;
                ~Release() {
                    owners.fetch_sub(1);
                    semaphore.release();
                }
            } release{semaphore, owners};
            if (owners.fetch_add(1) >= kPermits) {
                ADD_FAILURE() << "more owners than permits";
            }
            if (who < 10 && engine() % 16 == 0) {
                yield();
            }
        });
        EXPECT_GT(count.done, 0U);
        EXPECT_EQ(owners.load(), 0);
        EXPECT_EQ(semaphore.value(), kPermits);
        EXPECT_THROW(semaphore.release(), ValueError);
    });
}

// Goal: whoever gets the permit may destroy the semaphore, however it was released.
TEST_P(OnEveryRuntime, SemaphoreMayBeDestroyedAfterTheLastAcquire) {
    Runtime runtime(options());
    runtime.run([&] {
        const int rounds = scaled(20'000);
        for (const bool from_a_thread : {true, false}) {
            std::vector<Semaphore*> semaphores;
            for (int i = 0; i < rounds; ++i) {
                semaphores.push_back(new Semaphore(0));
            }
            const auto release_all = [&] {
                for (Semaphore* const semaphore : semaphores) {
                    semaphore->release(2);
                }
            };
            const auto acquire_all = [&] {
                for (Semaphore* const semaphore : semaphores) {
                    semaphore->acquire();
                    semaphore->acquire();
                    delete semaphore;
                }
            };
            if (from_a_thread) {
                std::thread thread(release_all);
                acquire_all();
                thread.join();
            } else {
                auto releaser = runtime.loop(workers() - 1).create_task(release_all);
                auto acquirer = spawn(acquire_all);
                await(acquirer);
                await(releaser);
            }
        }
    });
}

}  // namespace
}  // namespace weft::test
