#include <gtest/gtest.h>

#include <atomic>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>
#include <weft/run.hpp>
#include <weft/runtime.hpp>
#include <weft/sleep.hpp>

#include "support/runtime_fixture.hpp"
#include "task/counted.hpp"

namespace weft::test {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;

// CPython: test_runners.RunTests.test_asyncio_run_return, _raises, test_asyncio_run_cancels_hanging_tasks
// Goal: run() gives the result, passes the error on, and leaves no task behind.
TEST_P(OnEveryRuntime, Run) {
    EXPECT_EQ(run([] { return std::string("result"); }), "result");
    EXPECT_THROW(run([] { throw std::out_of_range("error"); }), std::out_of_range);
    EXPECT_EQ(*run([] { return std::make_unique<int>(4); }), 4);
    std::vector<Task<void>> hanging;
    run([&] {
        for (int i = 0; i < 20; ++i) {
            hanging.push_back(i % 2 == 0 ? create_task([] { sleep(hours(1)); }) : spawn([] {
                await(Future<void>());
            }));
        }
    });
    for (const auto& task : hanging) {
        EXPECT_TRUE(task.cancelled());
    }
}

// CPython: test_runners.RunnerTests.test_run, test_run_keeps...
// Goal: a runtime runs one main task after the other.
TEST_P(OnEveryRuntime, RunAgain) {
    Runtime runtime(options());
    int sum = 0;
    for (int i = 0; i < 10; ++i) {
        sum += runtime.run([i] { return await(spawn([i] { return i; })); });
    }
    EXPECT_EQ(sum, 45);
    runtime.shutdown();
    runtime.shutdown();
    EXPECT_THROW(runtime.run([] {}), RuntimeError);
    EXPECT_THROW(runtime.spawn([] {}), RuntimeError);
    EXPECT_THROW(runtime.start(), RuntimeError);
}

// Goal: what was made before the start runs then.
TEST_P(OnEveryRuntime, WorkFromBeforeTheStart) {
    Runtime runtime(options());
    std::vector<Task<int>> tasks;
    for (int i = 0; i < 20; ++i) {
        const auto body = [i] { return i; };
        tasks.push_back(
            i % 2 == 0 ? runtime.spawn(body) : runtime.loop(i % workers()).create_task(body)
        );
    }
    runtime.start();
    int sum = 0;
    for (const auto& task : tasks) {
        sum += task.get();
    }
    EXPECT_EQ(sum, 190);
}

// Goal: what was made for a runtime that never started ends with it.
TEST_P(OnEveryRuntime, WorkOfARuntimeThatNeverStarted) {
    Counted::Count alive{0};
    const auto make = [&] {
        Runtime runtime(options());
        runtime.loop(0).call_soon([held = Counted(alive)] {});
        runtime.loop(workers() - 1).create_task([held = Counted(alive)] { sleep(hours(1)); });
        return runtime.spawn([held = Counted(alive)] { sleep(hours(1)); });
    };
    EXPECT_TRUE(make().cancelled());
    EXPECT_EQ(alive.load(), 0);
}

// Goal: start() gives loop 0 a thread also when run() was there first, and run() works after it.
TEST_P(OnEveryRuntime, StartAfterRun) {
    Runtime runtime(options());
    runtime.run([] { yield(); });
    runtime.start();
    runtime.start();
    auto task = runtime.loop(0).create_task([] { return 1; });
    ASSERT_TRUE(task.wait_for(seconds(10))) << "loop 0 has no thread";
    EXPECT_EQ(task.get(), 1);
    EXPECT_EQ(runtime.run([] { return 2; }), 2);
}

// Goal: stealable tasks left by run() go on while this thread does something else.
TEST(Runtime, StealableTasksGoOnBetweenRuns) {
    const WithoutHops without_hops;  // a loop that nobody drives keeps what hops to it
    RuntimeOptions options;
    options.workers = 2;
    Runtime runtime(options);
    constexpr int kTasks = kTsan ? 100 : 1000;
    std::vector<Task<int>> tasks;
    runtime.run([&] {
        for (int i = 0; i < kTasks; ++i) {
            tasks.push_back(spawn([] {
                yield();
                return 1;
            }));
        }
    });
    int sum = 0;
    for (const auto& task : tasks) {
        ASSERT_TRUE(task.wait_for(seconds(20))) << "it waits for a loop that nobody drives";
        sum += task.get();
    }
    EXPECT_EQ(sum, kTasks);
}

// Goal: start(), spawn() and shutdown() may come from any thread, several at once.
TEST_P(OnEveryRuntime, StartAndShutdownFromAnyThread) {
    for (int round = 0; round < scaled(100); ++round) {
        Runtime runtime(options());
        std::atomic<int> ran{0};
        std::vector<std::thread> threads;
        for (int i = 0; i < 3; ++i) {
            threads.emplace_back([&] {
                runtime.start();
                runtime.spawn([&] { ran.fetch_add(1); }).wait();
            });
        }
        for (std::thread& thread : threads) {
            thread.join();
        }
        EXPECT_EQ(ran.load(), 3);
        std::thread ender([&] { runtime.shutdown(); });
        runtime.shutdown();
        ender.join();
    }
}

// Goal: runtimes of one process await each other's tasks.
TEST_P(OnEveryRuntime, RuntimesAwaitEachOther) {
    Runtime left(options());
    Runtime right(options());
    left.start();
    right.start();
    for (int round = 0; round < scaled(200); ++round) {
        const Future<int> ball;
        auto in_right = right.spawn([&] { return await(ball) + 1; });
        auto in_left =
            left.loop(round % workers()).create_task([&] { return await(in_right) + 1; });
        auto setter = right.spawn([&] {
            yield();
            ball.set_result(round);
        });
        EXPECT_EQ(in_left.get(), round + 2);
        setter.wait();
    }
}

// Goal: a cancellation crosses from one runtime to the other.
TEST_P(OnEveryRuntime, CancellationCrossesRuntimes) {
    Runtime left(options());
    Runtime right(options());
    left.start();
    right.start();
    const Future<void> sleeps;
    auto inner = right.spawn([&] {
        sleeps.set_result();
        sleep(hours(1));
    });
    auto outer = left.spawn([&] { await(inner); });
    sleeps.wait();
    left.run([] { settle(); });  // the outer one waits for the inner one now
    right.run([&] { outer.cancel(); });
    EXPECT_THROW(outer.get(), CancelledError);
    EXPECT_THROW(inner.get(), CancelledError);
}

// Goal: a runtime may live inside a task of another.
TEST_P(OnEveryRuntime, RuntimeInsideATask) {
    run([] {
        Runtime inner(options());
        inner.start();
        EXPECT_EQ(await(inner.spawn([] { return 5; })), 5);
        auto hanging = inner.loop(0).create_task([] { sleep(hours(1)); });
        inner.shutdown();
        EXPECT_TRUE(hanging.cancelled());
    });
}

// Goal: loop() knows its loops.
TEST_P(OnEveryRuntime, LoopByNumber) {
    Runtime runtime(options());
    EXPECT_EQ(runtime.workers(), workers());
    for (int i = 0; i < workers(); ++i) {
        EXPECT_EQ(runtime.loop(i).index(), i);
    }
    EXPECT_THROW(static_cast<void>(runtime.loop(99)), ValueError);
    EXPECT_THROW(static_cast<void>(runtime.loop(-1)), ValueError);
    EXPECT_THROW(static_cast<void>(runtime.loop(workers())), ValueError);
}

// Goal: shutdown inside one of the runtime's own tasks is refused.
TEST_P(OnEveryRuntime, ShutdownFromWithinIsRefused) {
    Runtime runtime(options());
    runtime.run([&] {
        EXPECT_THROW(runtime.shutdown(), RuntimeError);
        EXPECT_THROW(await(spawn([&] { runtime.shutdown(); })), RuntimeError);
    });
}

/// Work of every sort, all in flight when the runtime ends.
void leave_in_flight(Runtime& runtime, Counted::Count& alive) {
    const Future<void> gate;
    for (int i = 0; i < 6; ++i) {
        runtime.spawn([held = Counted(alive), gate] { await(gate); });
        runtime.spawn([held = Counted(alive)] {
            for (;;) {
                yield();
            }
        });
        Loop& loop = runtime.loop(i % runtime.workers());
        loop.create_task([held = Counted(alive)] { sleep(hours(1)); });
        loop.create_task([held = Counted(alive), &alive] {
            auto child = spawn([inner = Counted(alive)] { sleep(hours(1)); });
            await(child);
        });
        loop.call_soon_threadsafe([held = Counted(alive)] {});
    }
}

// Goal: a thousand runtimes come and go with work in flight, and nothing of it stays.
TEST_P(OnEveryRuntime, StartsAndStopsWithWorkInFlight) {
    auto random = random_engine();
    for (int round = 0; round < scaled(1000); ++round) {
        Counted::Count alive{0};
        {
            Runtime runtime(options());
            const bool before = round % 3 == 0;
            if (before) {
                leave_in_flight(runtime, alive);
            }
            if (round % 2 == 0) {
                runtime.start();
            } else {
                runtime.run([&] { yield(); });
            }
            if (!before) {
                leave_in_flight(runtime, alive);
            }
            for (auto i = random() % 3; i > 0; --i) {
                std::this_thread::yield();
            }
        }
        ASSERT_EQ(alive.load(), 0) << "round " << round;
    }
}

// Goal: while a runtime shuts down, whoever spawns gets a task that ends or a RuntimeError.
TEST_P(OnEveryRuntime, SpawnRacesWithShutdown) {
    constexpr std::size_t kMostAtATime = 64;
    for (int round = 0; round < scaled(200); ++round) {
        Counted::Count alive{0};
        std::vector<Task<void>> tasks;  // the spawner's, until it is joined
        {
            Runtime runtime(options());
            runtime.start();
            std::atomic<bool> go{true};
            std::thread spawner([&] {
                try {
                    for (int i = 0; go.load(); ++i) {
                        const auto body = [held = Counted(alive)] { yield(); };
                        auto task = i % 2 == 0
                                        ? runtime.spawn(body)
                                        : runtime.loop(i % runtime.workers()).create_task(body);
                        tasks.push_back(std::move(task));
                        if (tasks.size() > kMostAtATime) {
                            tasks[tasks.size() - kMostAtATime].wait();  // not faster than they end
                        }
                    }
                } catch (const RuntimeError&) {
                }
            });
            runtime.spawn([] { yield(); }).wait();
            runtime.shutdown();
            go.store(false);
            spawner.join();
        }
        for (const auto& task : tasks) {
            ASSERT_TRUE(task.done()) << "round " << round << "\n" << dump_all_tasks();
        }
        tasks.clear();
        ASSERT_EQ(alive.load(), 0);
    }
}

// Goal: a task that swallows its cancellation is asked again.
TEST_P(OnEveryRuntime, ShutdownAsksAgain) {
    std::atomic<int> swallowed{0};
    run([&] {
        spawn([&] {
            for (int i = 0; i < 2; ++i) {
                try {
                    sleep(hours(1));
                } catch (const CancelledError&) {
                    swallowed.fetch_add(1);
                }
            }
        });
        settle();
    });
    EXPECT_EQ(swallowed.load(), 2);
}

// Goal: shutdown names the tasks that refuse to end, gives them up and returns. In a process of its
// own, since what is given up stays.
TEST(RuntimeDeathTest, ShutdownNamesThoseWhoRefuse) {
    EXPECT_EXIT(
        {
            {
                RuntimeOptions options;
                options.workers = 2;
                options.shutdown_timeout = milliseconds(50);
                Runtime runtime(options);
                runtime.start();
                runtime.spawn([] { sleep(hours(1)); }, "obedient");
                const Future<void> refuses;
                runtime.loop(1).create_task(
                    [&] {
                        refuses.set_result();
                        for (;;) {
                            try {
                                sleep(hours(1));
                            } catch (const CancelledError&) {
                            }
                        }
                    },
                    "stubborn"
                );
                refuses.wait();
                runtime.shutdown();
                if (runtime.dump_tasks().find("obedient") != std::string::npos) {
                    std::_Exit(2);
                }
            }
            std::_Exit(7);
        },
        ::testing::ExitedWithCode(7),
        "shutdown gave up on tasks that did not end when cancelled:\n.*1 tasks\n.*stubborn.*pinned "
        "to loop 1.*waiting: sleep"
    );
}

// Goal: a runtime destroyed by one of its own tasks is a bug that says so.
TEST(RuntimeDeathTest, DestroyedByItsOwnTask) {
    EXPECT_DEATH(
        {
            auto* const runtime = new Runtime(RuntimeOptions{.workers = 1});
            runtime->run([&] { delete runtime; });
        },
        "destroyed by one of its own tasks"
    );
}

}  // namespace
}  // namespace weft::test
