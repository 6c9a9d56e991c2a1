#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <set>
#include <thread>
#include <vector>
#include <weft/run.hpp>
#include <weft/runtime.hpp>
#include <weft/sleep.hpp>

#include "support/runtime_fixture.hpp"

// How stealable tasks spread over the workers, and how pinned ones stay where they are.

namespace weft::test {
namespace {

/// Holds whoever comes until `expected` are here, each on a thread of its own.
class Rendezvous {
public:
    explicit Rendezvous(int expected) : expected_(expected) {}

    void meet() {
        {
            const std::lock_guard lock(mutex_);
            threads_.insert(std::this_thread::get_id());
        }
        here_.fetch_add(1);
        while (here_.load() < expected_) {
            std::this_thread::yield();  // the task keeps its worker: it is busy
        }
    }
    [[nodiscard]] std::size_t threads() {
        const std::lock_guard lock(mutex_);
        return threads_.size();
    }

private:
    const int expected_;
    std::atomic<int> here_{0};
    std::mutex mutex_;
    std::set<std::thread::id> threads_;
};

/// Tasks that hop are dealt out, not stolen.
class Stealing : public OnEveryRuntime {
    const WithoutHops without_hops_;
};
INSTANTIATE_TEST_SUITE_P(
    Each,
    Stealing,
    ::testing::Values(Shape{1, false}, Shape{2, false}, Shape{4, false}),
    [](const auto& each) { return name_of(each.param); }
);

class Hopping : public OnEveryRuntime {};
INSTANTIATE_TEST_SUITE_P(
    Each,
    Hopping,
    ::testing::Values(Shape{2, true}, Shape{4, true}),
    [](const auto& each) { return name_of(each.param); }
);

// Goal: as many busy stealable tasks as there are workers run all at once. None of them gives its
// worker up before the last has begun, so this ends only if every worker took one.
TEST_P(Stealing, BusyStealableTasksTakeEveryWorker) {
    for (int round = 0; round < scaled(50); ++round) {
        Rendezvous all(workers());
        run([&] {
            std::vector<Task<void>> tasks;
            for (int i = 0; i < workers(); ++i) {
                tasks.push_back(spawn([&] { all.meet(); }));
            }
            for (const auto& task : tasks) {
                await(task);
            }
        });
        EXPECT_EQ(all.threads(), static_cast<std::size_t>(workers()));
    }
}

// Goal: the matrix tells who was robbed: each row adds up to what that loop has stolen, each loop but
// the first has stolen one at least, and nobody steals from itself.
TEST_P(Stealing, IsCountedByVictim) {
    Runtime runtime(options());
    Rendezvous all(workers());
    runtime.run([&] {
        await(spawn([&] {
            std::vector<Task<void>> tasks;
            for (int i = 0; i < workers(); ++i) {
                tasks.push_back(spawn([&] { all.meet(); }));
            }
            for (const auto& task : tasks) {
                await(task);
            }
        }));
    });
    const Metrics metrics = runtime.metrics();
    std::uint64_t sum = 0;
    for (int thief = 0; thief < workers(); ++thief) {
        EXPECT_EQ(metrics.steals_between(thief, thief), 0U);
        std::uint64_t row = 0;
        for (int victim = 0; victim < workers(); ++victim) {
            row += metrics.steals_between(thief, victim);
        }
        EXPECT_EQ(row, metrics.loops.at(static_cast<std::size_t>(thief)).steals);
        sum += row;
    }
    EXPECT_GE(sum, static_cast<std::uint64_t>(workers() - 1));
    EXPECT_THROW(static_cast<void>(metrics.steals_between(0, workers())), ValueError);
    EXPECT_THROW(static_cast<void>(metrics.steals_between(-1, 0)), ValueError);
}

// Goal: the same for tasks that a plain thread brings while every worker sleeps.
TEST_P(Stealing, InjectedTasksTakeEveryWorker) {
    Runtime runtime(options());
    runtime.start();
    for (int round = 0; round < scaled(200); ++round) {
        Rendezvous all(workers());
        std::vector<Task<void>> tasks;
        for (int i = 0; i < workers(); ++i) {
            tasks.push_back(runtime.spawn([&] { all.meet(); }));
        }
        for (const auto& task : tasks) {
            task.wait();
        }
        EXPECT_EQ(all.threads(), static_cast<std::size_t>(workers()));
    }
    EXPECT_GE(runtime.metrics().total().injected, 1U);
}

// Goal: a task stuck in the next-run slot of a busy worker is taken by another.
TEST(Sharing, TaskBehindABusyOneIsTaken) {
    RuntimeOptions options;
    options.workers = 2;
    options.pin = Pin::None;
    for (int round = 0; round < scaled(50); ++round) {
        std::atomic<bool> ran{false};
        weft::run(
            [&] {
                await(spawn([&] {
                    spawn([&] { ran.store(true); });
                    while (!ran.load()) {
                        std::this_thread::yield();  // never suspends: somebody else must run it
                    }
                }));
            },
            options
        );
        EXPECT_TRUE(ran.load());
    }
}

/// What the pinned tasks of one loop may only touch one at a time.
struct Home {
    std::atomic<bool> busy{false};
    std::thread::id thread;
    long steps = 0;  // plain on purpose: TSan sees it if two touch it
};

// Goal: pinned tasks stay on their loop and run one at a time, amid stealable ones that roam.
TEST_P(OnEveryRuntime, PinnedTasksNeverLeaveTheirLoop) {
    Runtime runtime(options());
    constexpr int kTasksEach = 4;
    constexpr int steps = scaled(100'000) / kTasksEach;
    std::vector<std::unique_ptr<Home>> homes;
    std::atomic<bool> enough{false};
    runtime.run([&] {
        std::vector<Task<void>> noise;
        for (int i = 0; i < 8; ++i) {
            noise.push_back(spawn([&] {
                while (!enough.load()) {
                    await(spawn([] { yield(); }));
                }
            }));
        }
        std::vector<Task<void>> pinned;
        for (int index = 0; index < runtime.workers(); ++index) {
            homes.push_back(std::make_unique<Home>());
            Home& home = *homes.back();
            for (int i = 0; i < kTasksEach; ++i) {
                pinned.push_back(runtime.loop(index).create_task([&home, index] {
                    for (int step = 0; step < steps; ++step) {
                        ASSERT_FALSE(home.busy.exchange(true)) << "two at once";
                        if (home.thread == std::thread::id()) {
                            home.thread = std::this_thread::get_id();
                        }
                        ASSERT_EQ(home.thread, std::this_thread::get_id());
                        ASSERT_EQ(get_running_loop().index(), index);
                        ++home.steps;
                        home.busy.store(false);
                        yield();
                    }
                }));
            }
        }
        for (const auto& task : pinned) {
            await(task);
        }
        enough.store(true);
        for (const auto& task : noise) {
            await(task);
        }
    });
    for (const auto& home : homes) {
        EXPECT_EQ(home->steps, static_cast<long>(kTasksEach) * steps);
    }
}

// Goal: stealable tasks run on one worker at a time, however they move, and lose nothing.
TEST_P(OnEveryRuntime, StealableTaskRunsInOnePlaceAtATime) {
    run([] {
        constexpr int steps = scaled(20'000);
        std::vector<Task<int>> tasks;
        for (int i = 0; i < 16; ++i) {
            tasks.push_back(spawn([] {
                int count = 0;  // plain on purpose
                std::atomic<bool> busy{false};
                for (int step = 0; step < steps; ++step) {
                    EXPECT_FALSE(busy.exchange(true));
                    ++count;
                    busy.store(false);
                    yield();
                }
                return count;
            }));
        }
        for (const auto& task : tasks) {
            EXPECT_EQ(await(task), steps);
        }
    });
}

// Goal: with the hop, a stealable task really is on another loop after each suspension.
TEST_P(Hopping, MovesATaskAtEachSuspension) {
    run([] {
        await(spawn([] {
            for (int i = 0; i < 100; ++i) {
                const int before = get_running_loop().index();
                yield();
                EXPECT_NE(get_running_loop().index(), before);
            }
        }));
    });
}

// Goal: what plain threads spawn all runs, each once.
TEST_P(OnEveryRuntime, InboxLosesNothing) {
    Runtime runtime(options());
    runtime.start();
    constexpr int kThreads = 4;
    const int each = scaled(25'000);
    std::vector<std::atomic<int>> ran(static_cast<std::size_t>(kThreads * each));
    std::atomic<int> left{kThreads * each};
    const Future<void> all;
    std::vector<std::thread> threads;
    for (int who = 0; who < kThreads; ++who) {
        threads.emplace_back([&, who] {
            for (int i = 0; i < each; ++i) {
                const auto id = static_cast<std::size_t>(who * each + i);
                runtime.spawn([&, id] {
                    ran[id].fetch_add(1);
                    if (left.fetch_sub(1) == 1) {
                        all.set_result();
                    }
                });
            }
        });
    }
    for (std::thread& thread : threads) {
        thread.join();
    }
    all.wait();
    EXPECT_TRUE(std::all_of(ran.begin(), ran.end(), [](const auto& n) { return n.load() == 1; }));
}

// Goal: more ready tasks than the ring holds are kept, and on one worker keep their order.
TEST_P(OnEveryRuntime, RingOverflowKeepsEverythingInOrder) {
    Runtime runtime(options());
    runtime.run([&] {
        constexpr int kTasks = 3000;
        std::vector<int> order;
        std::mutex mutex;
        const Future<void> all;
        get_running_loop().call_soon([&] {  // from a callback: no task to keep a slot warm for
            for (int i = 0; i < kTasks; ++i) {
                spawn([&, i] {
                    bool last = false;
                    {
                        const std::lock_guard lock(mutex);
                        order.push_back(i);
                        last = order.size() == kTasks;
                    }
                    if (last) {  // the mutex goes as soon as this is told
                        all.set_result();
                    }
                });
            }
        });
        await(all);
        if (workers() == 1) {
            EXPECT_TRUE(std::is_sorted(order.begin(), order.end()));
            EXPECT_GE(runtime.metrics().total().ring_overflows, kTasks - 256U);
        }
        std::sort(order.begin(), order.end());
        for (int i = 0; i < kTasks; ++i) {
            ASSERT_EQ(order[static_cast<std::size_t>(i)], i);
        }
    });
}

// Goal: 10^5 times a loop sleeps and is woken by the other, and no wake-up is lost.
TEST_P(OnEveryRuntime, WakeUpStorm) {
    Runtime runtime(options());
    runtime.start();
    const int rounds = scaled(100'000);
    Loop& far = runtime.loop(runtime.workers() - 1);
    std::vector<Future<int>> there(static_cast<std::size_t>(rounds));
    std::vector<Future<int>> back(static_cast<std::size_t>(rounds));
    auto ping = runtime.loop(0).create_task([&] {
        int sum = 0;
        for (std::size_t i = 0; i < there.size(); ++i) {
            there[i].set_result(1);
            sum += await(back[i]);
        }
        return sum;
    });
    auto pong = far.create_task([&] {
        for (std::size_t i = 0; i < there.size(); ++i) {
            back[i].set_result(await(there[i]));
        }
    });
    EXPECT_EQ(ping.get(), rounds);
    pong.wait();
}

// Goal: the same between stealable tasks in bursts, with idle pauses that put every worker to sleep.
TEST_P(OnEveryRuntime, BurstsBetweenSleeps) {
    Runtime runtime(options());
    runtime.start();
    auto random = random_engine();
    const int rounds = scaled(2000);
    for (int round = 0; round < rounds; ++round) {
        std::atomic<int> left{0};
        const auto size = 1 + random() % 20;
        left.store(static_cast<int>(size));
        const Future<void> all;
        auto burst = runtime.spawn([&] {
            for (std::size_t i = 0; i < size; ++i) {
                spawn([&] {
                    yield();
                    if (left.fetch_sub(1) == 1) {
                        all.set_result();
                    }
                });
            }
        });
        all.wait();
        burst.wait();
        if (random() % 16 == 0) {
            runtime.run([] { sleep(std::chrono::microseconds(300)); });
        }
    }
}

}  // namespace
}  // namespace weft::test
