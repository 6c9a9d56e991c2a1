#include <gtest/gtest.h>

#include <chrono>
#include <stdexcept>
#include <string>
#include <weft/context.hpp>
#include <weft/lock.hpp>
#include <weft/shield_scope.hpp>
#include <weft/sleep.hpp>
#include <weft/task_group.hpp>
#include <weft/testing/virtual_time.hpp>
#include <weft/timeout.hpp>

#include "support/runtime_fixture.hpp"

namespace weft::test {
namespace {

using std::chrono::hours;
using std::chrono::seconds;

struct ShieldScope : OnEveryRuntime {
    template <class F>
    static auto run(F&& function) {
        return weft::testing::run_in_virtual_time(std::forward<F>(function), options());
    }
};

// Goal: a cancellation does not reach into the scope, is not lost, and comes at the next suspension.
TEST_P(ShieldScope, HoldsACancellationBack) {
    run([] {
        for (const bool stealable : {false, true}) {
            std::string trace;
            const auto body = [&trace] {
                const int value = shield_scope([&] {
                    sleep(seconds(2));
                    trace += "whole ";
                    return 5;
                });
                trace += std::to_string(value) + " ";
                try {
                    sleep(seconds(1));
                } catch (const CancelledError& error) {
                    trace += "cancelled " + error.message();
                    throw;
                }
            };
            auto task = stealable ? spawn(body) : create_task(body);
            sleep(seconds(1));
            EXPECT_TRUE(task.cancel("first"));
            EXPECT_TRUE(task.cancel("second"));
            EXPECT_THROW(await(task), CancelledError);
            EXPECT_EQ(trace, "whole 5 cancelled second");
        }
    });
}

// Goal: deadlines and groups inside work; one around it waits for the scope.
TEST_P(ShieldScope, DeadlinesNest) {
    run([] {
        const auto start = get_running_loop().time();
        const auto now = [start] { return get_running_loop().time() - start; };
        EXPECT_THROW(
            timeout(
                seconds(1),
                [&] {
                    shield_scope([&] {
                        EXPECT_FALSE(move_on_after(seconds(2), [] { sleep(hours(1)); }));
                        EXPECT_EQ(now(), seconds(2));
                        task_group([](TaskGroup& group) {
                            group.create_task([] { sleep(seconds(1)); });
                        });
                        EXPECT_THROW(
                            task_group([](TaskGroup& group) {
                                group.spawn([]() -> void { throw std::runtime_error("no"); });
                                sleep(hours(1));
                            }),
                            ExceptionGroup
                        );
                    });
                    EXPECT_EQ(now(), seconds(3));
                    sleep(hours(1));
                }
            ),
            TimeoutError
        );
        EXPECT_EQ(now(), seconds(3));
    });
}

// Goal: errors come out of the scope, and scopes nest; context variables are the task's.
TEST_P(ShieldScope, IsTransparent) {
    static ContextVar<int> variable("variable", 0);
    run([] {
        EXPECT_THROW(
            shield_scope([]() -> void { throw std::logic_error("mine"); }), std::logic_error
        );
        variable.set(1);
        shield_scope([] {
            EXPECT_EQ(variable.get(), 1);
            shield_scope([] { variable.set(2); });
        });
        EXPECT_EQ(variable.get(), 2);
    });
}

// Goal: the scope of a pinned task is on its loop, and stays there.
TEST_P(ShieldScope, OfAPinnedTaskIsPinned) {
    OnEveryRuntime::run([] {
        const Loop* const loop = &get_running_loop();
        for (int i = 0; i < scaled(1000); ++i) {
            ASSERT_TRUE(shield_scope([&] {
                const bool began_here = &get_running_loop() == loop;
                yield();
                return began_here && &get_running_loop() == loop;
            }));
        }
    });
}

// Goal: what must be given back is, although the task was cancelled before.
TEST_P(ShieldScope, InAHandlerOfACancellation) {
    run([] {
        bool given_back = false;
        auto task = create_task([&] {
            try {
                sleep(hours(1));
            } catch (const CancelledError&) {
                shield_scope([&] {
                    sleep(seconds(1));
                    given_back = true;
                });
                throw;
            }
        });
        sleep(seconds(1));
        task.cancel();
        yield();
        yield();
        task.cancel();  // impatient
        EXPECT_THROW(await(task), CancelledError);
        EXPECT_TRUE(given_back);
    });
}

// Goal: move_on_after() tells its own deadline from others.
TEST_P(ShieldScope, MoveOnAfter) {
    run([] {
        EXPECT_TRUE(move_on_after(seconds(2), [] { sleep(seconds(1)); }));
        EXPECT_FALSE(move_on_after(seconds(1), [] { sleep(seconds(2)); }));
        EXPECT_TRUE(move_on_after(std::nullopt, [] {}));
        EXPECT_FALSE(move_on_after(seconds(1), [] {
            static_cast<void>(move_on_after(seconds(5), [] { sleep(hours(1)); }));
            ADD_FAILURE() << "the deadline of the outer scope was taken for the inner one's";
        }));
        EXPECT_THROW(
            static_cast<void>(move_on_after(seconds(1), []() -> void { throw TimeoutError(); })),
            TimeoutError
        );
        auto task = create_task([] {
            static_cast<void>(move_on_after(seconds(100), [] { sleep(hours(1)); }));
        });
        sleep(seconds(1));
        task.cancel();
        EXPECT_THROW(await(task), CancelledError);
    });
}

WEFT_ON_EVERY_RUNTIME(ShieldScope);

}  // namespace
}  // namespace weft::test
