#include <gtest/gtest.h>

#include <regex>
#include <sstream>
#include <string>
#include <thread>
#include <vector>
#include <weft/run.hpp>
#include <weft/runtime.hpp>
#include <weft/sleep.hpp>

#include "fiber/stack_pool.hpp"
#include "support/runtime_fixture.hpp"

namespace weft::test {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;

// Goal: the numbers add up when everything has ended. The main task is made by no loop.
TEST_P(OnEveryRuntime, MetricsAddUp) {
    Runtime runtime(options());
    runtime.run([] {
        std::vector<Task<void>> tasks;
        for (int i = 0; i < 50; ++i) {
            const auto body = [] {
                for (int step = 0; step < 5; ++step) {
                    yield();
                }
                await(spawn([] {}));
            };
            tasks.push_back(i % 2 == 0 ? create_task(body) : spawn(body));
        }
        for (const auto& task : tasks) {
            await(task);
        }
    });
    const Metrics metrics = runtime.metrics();
    ASSERT_EQ(metrics.loops.size(), static_cast<std::size_t>(workers()));
    const LoopMetrics total = metrics.total();
    EXPECT_EQ(total.tasks_spawned, 100U);
    EXPECT_EQ(total.tasks_finished, 101U);
    EXPECT_EQ(total.tasks_run, total.tasks_finished + total.suspensions);
    EXPECT_EQ(total.stacks_refused, 0U);
    EXPECT_GE(total.turns, 1U);
    EXPECT_GE(total.parks, total.wakes_received);
    EXPECT_GE(total.polls, total.parks);
}

/// How much the sum over the loops has grown, by what `f` does as the main task.
template <class F>
LoopMetrics change(Runtime& runtime, F&& f) {
    const LoopMetrics before = runtime.metrics().total();
    runtime.run(std::forward<F>(f));
    LoopMetrics after = runtime.metrics().total();
    after.callbacks_run -= before.callbacks_run;
    after.timers_fired -= before.timers_fired;
    after.mail_received -= before.mail_received;
    after.injected -= before.injected;
    after.tasks_spawned -= before.tasks_spawned;
    after.parks -= before.parks;
    return after;
}

// Goal: each counter moves when what it counts happens, and by as much.
TEST_P(OnEveryRuntime, CountersCount) {
    Runtime runtime(options());
    runtime.start();
    const LoopMetrics callbacks = change(runtime, [] {
        for (int i = 0; i < 7; ++i) {
            get_running_loop().call_soon([] {});
        }
        get_running_loop().call_soon([] {}).cancel();
        yield();  // after them in the loop's order
    });
    EXPECT_GE(callbacks.callbacks_run, 7U);
    EXPECT_LE(callbacks.callbacks_run, 8U);

    const LoopMetrics timers = change(runtime, [] {
        for (int i = 0; i < 3; ++i) {
            sleep(milliseconds(1));
        }
        get_running_loop().call_later(milliseconds(1), [] {}).cancel();
        sleep(milliseconds(2));
    });
    EXPECT_EQ(timers.timers_fired, 4U);
    EXPECT_GE(timers.parks, 1U);

    const LoopMetrics mail = change(runtime, [] {
        Loop& loop = get_running_loop();
        const Future<void> done;
        std::thread other([&] {
            loop.call_soon_threadsafe([] {});
            loop.call_soon_threadsafe([&] { done.set_result(); });
        });
        await(done);
        other.join();
    });
    EXPECT_GE(mail.mail_received, 3U);  // and the main task itself

    const LoopMetrics injected = change(runtime, [&] {
        const Future<void> ran;
        std::thread other([&] { runtime.spawn([&] { ran.set_result(); }); });
        await(ran);
        other.join();
    });
    EXPECT_EQ(injected.injected, 1U);
    EXPECT_EQ(injected.tasks_spawned, 0U);
}

// Goal: each loop has a place; of loops that are bound to one CPU each it is a different one.
TEST(Places, AreToldByTheMetrics) {
    RuntimeOptions options;
    options.workers = 1;
    options.pin = Pin::Core;
    const Metrics one = Runtime(options).metrics();
    ASSERT_EQ(one.places.size(), 1U);
    options.workers = 3 * static_cast<int>(std::thread::hardware_concurrency());
    options.pin = Pin::None;
    const Metrics many = Runtime(options).metrics();
    ASSERT_EQ(many.places.size(), many.loops.size());
    for (const LoopPlace& place : many.places) {
        // Bound to nothing: all have the same in common.
        EXPECT_EQ(place.cpu, many.places.front().cpu);
        EXPECT_EQ(place.l3, many.places.front().l3);
        EXPECT_EQ(place.node, many.places.front().node);
    }
}

// Goal: an idle runtime sleeps: at most five wake-ups a second and worker. This one measures time.
TEST_P(OnEveryRuntime, IdleRuntimeSleeps) {
    Runtime runtime(options());
    runtime.start();
    std::vector<Task<void>> tasks;
    for (int i = 0; i < 20; ++i) {
        tasks.push_back(runtime.spawn([] {
            for (int step = 0; step < 20; ++step) {
                yield();
            }
        }));
    }
    auto parked = runtime.spawn([] { sleep(hours(1)); });
    for (const auto& task : tasks) {
        task.wait();
    }
    // What other tests have left is given back first.
    while (rt::process_stack_pool().trim_at() != rt::kNever) {
        std::this_thread::sleep_for(milliseconds(10));
    }
    const auto start = std::chrono::steady_clock::now();
    const Metrics before = runtime.metrics();
    std::this_thread::sleep_for(seconds(2));
    const Metrics after = runtime.metrics();
    const double elapsed =
        std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    for (std::size_t i = 0; i < after.loops.size(); ++i) {
        const auto parks = static_cast<double>(after.loops[i].parks - before.loops[i].parks);
        // The ones that end the work above still count: a few naps to settle down.
        EXPECT_LE(parks, 5 * elapsed) << "loop " << i;
        const auto turns = static_cast<double>(after.loops[i].turns - before.loops[i].turns);
        EXPECT_LE(turns, 10 * elapsed) << "loop " << i;
    }
    parked.cancel();
}

// Goal: a dump has a line for each task: name, kind, state, what it waits for, where it was made.
TEST_P(OnEveryRuntime, DumpDescribesEachTask) {
    Runtime runtime(options());
    const std::string dump = runtime.run([&] {
        const Future<void> gate;
        auto sleeper = create_task([] { sleep(hours(1)); }, "sleeper");
        auto waiter = spawn([&] { await(gate); }, "waiter");
        auto ending = spawn(
            [&] {
                try {
                    sleep(hours(1));
                } catch (const CancelledError&) {
                    await(gate);
                }
            },
            "ending"
        );
        settle();
        ending.cancel();
        settle();
        auto fresh = create_task([] {}, "fresh");
        const std::string text = runtime.dump_tasks();
        EXPECT_NE(dump_all_tasks().find("sleeper"), std::string::npos);
        gate.set_result();
        await(waiter);
        sleeper.cancel();
        await(ending);
        await(fresh);
        settle();
        return text;
    });
    EXPECT_EQ(dump.substr(0, 8), "5 tasks\n");
    const auto expect_line = [&](const std::string& pattern) {
        EXPECT_TRUE(std::regex_search(dump, std::regex(pattern))) << pattern << "\n" << dump;
    };
    expect_line("  main  pinned to loop 0  running");
    expect_line("  sleeper  pinned to loop 0  waiting: sleep  spawned at metrics_test.cpp:[0-9]+\n"
    );
    expect_line(
        "  waiter  stealable  waiting: future @0x[0-9a-f]+  spawned at metrics_test.cpp:[0-9]+\n"
    );
    expect_line("  ending  stealable  waiting: future .*\\(cancelling\\)\n");
    expect_line("  fresh  pinned to loop 0  ready  spawned at metrics_test.cpp:[0-9]+\n");
    EXPECT_EQ(runtime.dump_tasks(), "0 tasks\n");
}

// Goal: dumps may be taken at any time, while tasks come, go and move.
TEST_P(OnEveryRuntime, DumpsWhileTasksComeAndGo) {
    Runtime runtime(options());
    runtime.start();
    std::atomic<bool> enough{false};
    std::vector<Task<void>> tasks;
    for (int i = 0; i < 4; ++i) {
        tasks.push_back(runtime.spawn([&] {
            while (!enough.load()) {
                auto named = spawn([] { yield(); }, "a name that is longer than a small string");
                auto child = create_task([] { yield(); });
                await(named);
                await(child);
            }
        }));
    }
    for (int i = 0; i < scaled(1000); ++i) {
        const std::string dump = runtime.dump_tasks();
        EXPECT_NE(dump.find(" tasks\n"), std::string::npos);
    }
    enough.store(true);
    for (const auto& task : tasks) {
        task.wait();
    }
}

}  // namespace
}  // namespace weft::test
