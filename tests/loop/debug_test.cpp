#include <gtest/gtest.h>

#include <chrono>
#include <condition_variable>
#include <csignal>
#include <cstdlib>
#include <mutex>
#include <string>
#include <thread>
#include <weft/loop.hpp>
#include <weft/sleep.hpp>
#include <weft/task.hpp>

#include "support/runtime_fixture.hpp"

namespace weft::test {

/// Blocks the thread until the log says something, for as long as the test may take. Has a name that a
/// report can say.
[[gnu::noinline]] void block_until_said(const LogCapture& log, const std::string& text) {
    while (log.count(text) == 0) {
        std::this_thread::yield();
    }
}

namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

// Goal: a task that keeps its loop is named, with the place where it was made, while it does; once.
TEST_P(OnEveryRuntime, DebugNamesASlowTask) {
    const LogCapture log;
    run([&] {
        Loop& loop = get_running_loop();
        EXPECT_FALSE(loop.get_debug());
        EXPECT_EQ(loop.slow_callback_duration(), milliseconds(100));
        loop.set_slow_callback_duration(milliseconds(2));
        loop.set_debug(true);
        EXPECT_TRUE(loop.get_debug());
        await(create_task([&] { block_until_said(log, "'slow'"); }, "slow"));
        loop.set_debug(false);
        EXPECT_FALSE(loop.get_debug());
    });
    EXPECT_EQ(log.count("task 'slow' spawned at debug_test.cpp:"), 1);
    EXPECT_GE(log.count("has kept loop 0 for "), 1);
    if (!kTsan) {  // which holds signals back
        EXPECT_EQ(log.count("block_until_said("), 1) << ::testing::PrintToString(log.lines());
    }
}

// Goal: so is where a task is that waits in the kernel.
TEST_P(OnEveryRuntime, DebugSaysWhereATaskBlocks) {
    const LogCapture log;
    run([&] {
        Loop& loop = get_running_loop();
        std::mutex mutex;
        std::condition_variable changed;
        bool over = false;
        std::unique_lock lock(mutex);
        std::thread waker([&] {
            { const std::lock_guard waits(mutex); }  // until the task is at it
            loop.set_slow_callback_duration(milliseconds(5));
            loop.set_debug(true);
            block_until_said(log, "'main'");
            const std::lock_guard ends(mutex);
            over = true;
            changed.notify_one();
        });
        changed.wait(lock, [&] { return over; });
        lock.unlock();
        waker.join();
        loop.set_debug(false);
    });
    if (!kTsan) {
        EXPECT_GE(log.count("pthread_cond_wait") + log.count("condition_variable::wait"), 1)
            << ::testing::PrintToString(log.lines());
    }
}

// Goal: where the program handles that signal itself, it stays the program's.
TEST(DebugDeathTest, LeavesAHandledSignalAlone) {
    const auto with_a_handler = [](bool before) {
        const auto handle = [] {
            struct sigaction action {};
            action.sa_handler = [](int) { std::_Exit(1); };
            ::sigaction(SIGURG, &action, nullptr);
        };
        if (before) {
            handle();
        }
        const LogCapture log;
        RuntimeOptions options;
        options.workers = 1;
        options.debug = true;
        weft::run(
            [&] {
                if (!before) {
                    handle();
                }
                get_running_loop().set_slow_callback_duration(milliseconds(5));
                block_until_said(log, "has kept loop 0 for ");
            },
            options
        );
        std::_Exit(log.count("\n    in ") == 0 ? 0 : 2);
    };
    EXPECT_EXIT(with_a_handler(true), ::testing::ExitedWithCode(0), "");
    EXPECT_EXIT(with_a_handler(false), ::testing::ExitedWithCode(0), "");
}

// Goal: a callback is told of, too.
TEST_P(OnEveryRuntime, DebugTellsOfASlowCallback) {
    const LogCapture log;
    RuntimeOptions debug = options();
    debug.debug = true;
    weft::run(
        [&] {
            get_running_loop().set_slow_callback_duration(milliseconds(2));
            const Future<void> done;
            get_running_loop().call_soon([&] {
                block_until_said(log, "a callback has kept loop 0");
                done.set_result();
            });
            await(done);
        },
        debug
    );
}

// Goal: a loop that sleeps, or has much to do, is not slow.
TEST(DebugTest, IsSilentOtherwise) {
    // Longer than a busy machine keeps a thread from running.
    constexpr auto kSlow = milliseconds(700);
    const LogCapture log;
    ::setenv("WEFT_DEBUG", "1", 1);
    RuntimeOptions options;
    options.workers = 2;
    options.pin = Pin::None;
    weft::run(
        [&] {
            EXPECT_TRUE(get_running_loop().get_debug());
            get_running_loop().set_slow_callback_duration(kSlow);
            sleep(kSlow + milliseconds(200));
            const auto end = steady_clock::now() + kSlow + milliseconds(200);
            while (steady_clock::now() < end) {
                yield();
            }
        },
        options
    );
    ::unsetenv("WEFT_DEBUG");
    EXPECT_EQ(log.count("has kept loop"), 0);
}

// Goal: nor one that is looked at before its first turn.
TEST(DebugTest, IsSilentOfALoopThatBegins) {
    const LogCapture log;
    RuntimeOptions options;
    options.workers = 4;
    options.pin = Pin::None;
    options.debug = true;
    for (int i = 0; i < 50; ++i) {
        Runtime runtime(options);
        runtime.run([] { yield(); });
    }
    EXPECT_EQ(log.count("has kept loop"), 0);
}

TEST(DebugTest, WhatIsSlowIsMoreThanNothing) {
    Loop loop;
    EXPECT_THROW(loop.set_slow_callback_duration(milliseconds(0)), ValueError);
    EXPECT_THROW(loop.set_slow_callback_duration(milliseconds(-1)), ValueError);
    loop.close();
    EXPECT_THROW(loop.set_debug(true), RuntimeError);
}

}  // namespace
}  // namespace weft::test
