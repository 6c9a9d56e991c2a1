#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <vector>
#include <weft/testing/virtual_time.hpp>
#include <weft/weft.hpp>

#include "support/runtime_fixture.hpp"

namespace weft::test {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::nanoseconds;
using std::chrono::seconds;
using std::chrono::steady_clock;

struct VirtualTime : OnEveryRuntime {
    template <class F>
    static auto run(F&& function) {
        return testing::run_in_virtual_time(std::forward<F>(function), options());
    }
};

nanoseconds since(steady_clock::time_point start) {
    return get_running_loop().time() - start;
}

// Goal: what takes hours takes no time, and each deadline comes exactly when it is due.
TEST_P(VirtualTime, JumpsToTheNextDeadline) {
    const auto real = steady_clock::now();
    run([] {
        const auto start = get_running_loop().time();
        sleep(hours(1));
        EXPECT_EQ(since(start), hours(1));
        EXPECT_THROW(timeout(minutes(1), [] { sleep(hours(1)); }), TimeoutError);
        EXPECT_EQ(since(start), hours(1) + minutes(1));
        const Future<int> never;
        EXPECT_THROW(wait_for(never, minutes(2)), TimeoutError);
        EXPECT_EQ(since(start), hours(1) + minutes(3));
    });
    EXPECT_LT(steady_clock::now() - real, seconds(60)) << "it waited for real";
}

// Goal: time stands still while anything is ready, on whatever loop.
TEST_P(VirtualTime, StandsStillWhileThereIsWork) {
    run([] {
        const auto start = get_running_loop().time();
        std::vector<Task<void>> tasks;
        for (int i = 0; i < 100; ++i) {
            tasks.push_back(spawn([] {
                for (int turn = 0; turn < 100; ++turn) {
                    yield();
                }
            }));
        }
        auto sleeper = spawn([] { sleep(seconds(1)); });
        for (const auto& task : tasks) {
            await(task);
        }
        EXPECT_EQ(since(start), seconds(0));
        await(sleeper);
        EXPECT_EQ(since(start), seconds(1));
    });
}

// Goal: deadlines of all loops come in the order of time, and the hand-over of a message between
// loops takes none.
TEST_P(VirtualTime, IsOneForAllLoops) {
    run([] {
        constexpr int kTasks = 50;
        const auto start = get_running_loop().time();
        Queue<int> order;
        std::vector<Task<void>> tasks;
        for (int i = kTasks; i > 0; --i) {
            tasks.push_back(spawn([&order, start, i] {
                sleep(seconds(i));
                EXPECT_EQ(since(start), seconds(i));
                order.put(i);
            }));
        }
        for (int i = 1; i <= kTasks; ++i) {
            EXPECT_EQ(order.get(), i);
            EXPECT_EQ(since(start), seconds(i));
        }
        for (const auto& task : tasks) {
            await(task);
        }
    });
}

// Goal: a cancelled deadline does not hold the clock, nor does one that is moved.
TEST_P(VirtualTime, TimeoutsNestAndMove) {
    run([] {
        const auto start = get_running_loop().time();
        std::string trace;
        try {
            timeout(seconds(10), [&] {
                EXPECT_THROW(timeout(seconds(1), [] { sleep(seconds(5)); }), TimeoutError);
                EXPECT_EQ(since(start), seconds(1));
                timeout(seconds(1), [&](Timeout& scope) {
                    scope.reschedule(*scope.when() + seconds(3));
                    sleep(seconds(2));
                });
                EXPECT_EQ(since(start), seconds(3));
                sleep(seconds(100));
            });
        } catch (const TimeoutError&) {
            trace = "late";
        }
        EXPECT_EQ(trace, "late");
        EXPECT_EQ(since(start), seconds(10));
    });
}

// Goal: a loop's own clock is told by get_running_loop().time() only: two runtimes know nothing of
// each other's.
TEST_P(VirtualTime, BelongsToItsRuntime) {
    run([] { sleep(hours(100)); });
    const auto real = steady_clock::now();
    OnEveryRuntime::run([&] {
        sleep(milliseconds(1));
        EXPECT_GE(get_running_loop().time(), real + milliseconds(1));
        EXPECT_LT(get_running_loop().time(), real + hours(1));
    });
}

WEFT_ON_EVERY_RUNTIME(VirtualTime);

}  // namespace
}  // namespace weft::test
