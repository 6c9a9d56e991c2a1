#include <gtest/gtest.h>

#include <chrono>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>
#include <weft/as_completed.hpp>
#include <weft/sleep.hpp>
#include <weft/task.hpp>
#include <weft/testing/virtual_time.hpp>

#include "support/runtime_fixture.hpp"

namespace weft::test {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;

struct AsCompletedTest : OnEveryRuntime {
    template <class F>
    static auto run(F&& function) {
        return weft::testing::run_in_virtual_time(std::forward<F>(function), options());
    }
};

// Goal: the futures come in the order in which they are done, and are those that were given.
TEST_P(AsCompletedTest, GivesYourFuturesInTheirOrder) {
    run([] {
        std::vector<Task<int>> tasks;
        for (const int i : {3, 1, 2}) {
            tasks.push_back(spawn([i] {
                sleep(seconds(i));
                return i;
            }));
        }
        std::vector<int> order;
        for (const Task<int>& task : as_completed(tasks)) {
            EXPECT_TRUE(task.done());
            EXPECT_EQ(
                task.state().get(), tasks[static_cast<std::size_t>(task.result() % 3)].state().get()
            );
            order.push_back(task.result());
        }
        EXPECT_EQ(order, (std::vector{1, 2, 3}));
    });
}

// Goal: duplicates collapse; what is done already comes, too; nothing gives nothing.
TEST_P(AsCompletedTest, DuplicatesAndWhatIsDone) {
    run([] {
        auto slow = create_task([] { sleep(seconds(1)); });
        const Future<void> done;
        done.set_result();
        int count = 0;
        for (const auto& future :
             as_completed(std::vector<Future<void>>{slow.future(), done, slow.future(), done})) {
            EXPECT_EQ(future.state().get() == done.state().get(), count == 0);
            ++count;
        }
        EXPECT_EQ(count, 2);
        for ([[maybe_unused]] const auto& none : as_completed(std::vector<Future<int>>())) {
            ADD_FAILURE();
        }
    });
}

// Goal: when the time is up the range throws, and nothing is cancelled.
TEST_P(AsCompletedTest, Timeout) {
    run([] {
        auto fast = create_task([] { sleep(seconds(1)); });
        auto slow = create_task([] { sleep(hours(1)); });
        auto range = as_completed(std::vector{slow, fast}, seconds(2));
        EXPECT_EQ(range.next()->state().get(), fast.state().get());
        EXPECT_THROW(static_cast<void>(range.next()), TimeoutError);
        EXPECT_FALSE(range.next().has_value());
        EXPECT_FALSE(slow.done());
        slow.cancel();
    });
}

// Goal: what is done after the time was up comes too late, also for one who has not asked since.
TEST_P(AsCompletedTest, WhatComesAfterTheTimeout) {
    run([] {
        const Future<int> future;
        auto range = as_completed(std::vector{future}, seconds(1));
        sleep(seconds(2));
        future.set_result(1);
        sleep(seconds(1));
        EXPECT_THROW(static_cast<void>(range.next()), TimeoutError);
        EXPECT_FALSE(range.next().has_value());
    });
}

// Goal: a cancellation while it waits leaves the futures alone, and the range goes on after it.
TEST_P(AsCompletedTest, Cancellation) {
    run([] {
        const Future<int> future;
        auto waiter = create_task([&] {
            auto range = as_completed(std::vector{future});
            try {
                static_cast<void>(range.next());
            } catch (const CancelledError&) {
                EXPECT_FALSE(future.done());
                return range.next()->result();
            }
            return 0;
        });
        while (!waiter.done() && waiter.cancelling() == 0) {
            yield();
            waiter.cancel();
        }
        yield();
        yield();
        future.set_result(7);
        try {
            EXPECT_EQ(await(waiter), 7);
        } catch (const CancelledError&) {
            // It had not begun.
        }
    });
}

// Goal: errors come as futures, and the loop over them decides what to do.
TEST_P(AsCompletedTest, Errors) {
    run([] {
        auto failed = spawn([]() -> int { throw std::runtime_error("no"); });
        for (const auto& future : as_completed(std::vector{failed})) {
            EXPECT_THROW(static_cast<void>(future.result()), std::runtime_error);
        }
    });
}

// Goal: a plain thread goes through it, too.
TEST_P(AsCompletedTest, OnAPlainThread) {
    Runtime runtime(options());
    runtime.start();
    std::vector<Task<int>> tasks;
    const Future<void> gate;
    for (int i = 0; i < 3; ++i) {
        tasks.push_back(runtime.spawn([&gate, i] {
            await(gate);
            return i;
        }));
    }
    auto range = as_completed(tasks, milliseconds(1));
    EXPECT_THROW(static_cast<void>(range.next()), TimeoutError);
    auto patient = as_completed(tasks);
    gate.set_result();
    int sum = 0;
    for (const auto& task : patient) {
        sum += task.result();
    }
    EXPECT_EQ(sum, 3);
}

WEFT_ON_EVERY_RUNTIME(AsCompletedTest);

}  // namespace
}  // namespace weft::test
