#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <string>
#include <thread>
#include <vector>
#include <weft/event.hpp>
#include <weft/sleep.hpp>
#include <weft/task.hpp>

#include "support/runtime_fixture.hpp"

namespace weft::test {

// Not in an anonymous namespace: the program tells their names.
[[gnu::noinline]] void innermost_function(Event& event) {
    event.wait();
    asm volatile("");  // not a tail call
}
[[gnu::noinline]] void outer_function(Event& event) {
    innermost_function(event);
    asm volatile("");
}

namespace {

bool names(const std::vector<std::string>& stack, const std::string& function) {
    return std::any_of(stack.begin(), stack.end(), [&](const std::string& frame) {
        return frame.find(function) != std::string::npos;
    });
}

// Goal: a sleeping task's stack can be read from a task, a callback and a plain thread, again and again,
// and the task goes on as if nothing had been.
TEST_P(OnEveryRuntime, StackOfASleepingTask) {
    run([] {
        for (const bool stealable : {false, true}) {
            Event event;
            bool went_on = false;
            const auto body = [&] {
                outer_function(event);
                went_on = true;
            };
            const AnyTask task = stealable ? AnyTask(spawn(body)) : AnyTask(create_task(body));
            const auto look = [&] {
                const auto stack = task.get_stack();
                return names(stack, "innermost_function") && names(stack, "outer_function");
            };
            while (!look()) {
                yield();
            }
            for (int i = 0; i < 100; ++i) {
                EXPECT_TRUE(look());
            }
            const Future<bool> from_callback;
            get_running_loop().call_soon([&] { from_callback.set_result(look()); });
            EXPECT_TRUE(await(from_callback));
            bool from_thread = false;
            std::thread([&] { from_thread = look(); }).join();
            EXPECT_TRUE(from_thread);
            event.set();
            task.wait();
            EXPECT_TRUE(went_on);
            EXPECT_TRUE(task.get_stack().empty());
        }
    });
}

// Goal: a task sees its own; one that has not begun has none.
TEST_P(OnEveryRuntime, StackOfTheRunningTask) {
    run([] {
        EXPECT_GT(current_task().get_stack().size(), 1U);
        auto fresh = create_task([] {});
        EXPECT_TRUE(AnyTask(fresh).get_stack().empty());
        await(fresh);
    });
}

// Goal: nothing is lost when tasks are woken while somebody looks at them.
TEST_P(OnEveryRuntime, StackWhileTasksAreWoken) {
    run([] {
        std::vector<AnyTask> tasks;
        for (int i = 0; i < 8; ++i) {
            tasks.emplace_back(spawn([] {
                for (int turn = 0; turn < 200; ++turn) {
                    sleep(std::chrono::microseconds(turn % 7));
                }
            }));
        }
        for (bool running = true; running;) {
            running = false;
            for (const AnyTask& task : tasks) {
                static_cast<void>(task.get_stack());
                running = running || !task.done();
            }
            yield();
        }
        for (const AnyTask& task : tasks) {
            task.wait();
        }
    });
}

// Goal: a cancellation that comes while somebody looks at the sleeper's stack is not lost.
TEST_P(OnEveryRuntime, CancelledWhileSomebodyLooks) {
    Runtime runtime(options());
    runtime.start();
    for (int round = 0; round < scaled(300); ++round) {
        std::vector<Task<void>> sleepers;
        for (int i = 0; i < 4; ++i) {
            sleepers.push_back(runtime.spawn([i] {
                if (i % 2 == 0) {
                    sleep(std::chrono::hours(1));
                } else {
                    await(Future<void>());
                }
            }));
        }
        std::atomic<bool> stop{false};
        std::thread looker([&] {
            while (!stop) {
                for (const auto& sleeper : sleepers) {
                    static_cast<void>(sleeper.get_stack());
                }
            }
        });
        while (sleepers[0].get_stack().empty()) {
            std::this_thread::yield();
        }
        for (const auto& sleeper : sleepers) {
            EXPECT_TRUE(sleeper.cancel());
        }
        for (const auto& sleeper : sleepers) {
            EXPECT_THROW(await(sleeper), CancelledError);
        }
        stop = true;
        looker.join();
    }
}

}  // namespace
}  // namespace weft::test
