#include <gtest/gtest.h>

#include <chrono>
#include <cstdlib>
#include <string>
#include <thread>
#include <weft/loop.hpp>
#include <weft/sleep.hpp>
#include <weft/task.hpp>

#include "support/runtime_fixture.hpp"

namespace weft::test {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

/// Blocks the thread until the log says something, for as long as the test may take.
void block_until_said(const LogCapture& log, const std::string& text) {
    while (log.count(text) == 0) {
        std::this_thread::yield();
    }
}

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
