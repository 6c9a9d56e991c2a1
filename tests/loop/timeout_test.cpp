#include <gtest/gtest.h>

#include <atomic>
#include <cmath>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <type_traits>
#include <vector>
#include <weft/lock.hpp>
#include <weft/loop.hpp>
#include <weft/sleep.hpp>
#include <weft/task.hpp>
#include <weft/timeout.hpp>
#include <weft/wait.hpp>

#include "loop/endings.hpp"
#include "support/runtime_fixture.hpp"
#include "task/counted.hpp"

namespace weft::test {
namespace {

using std::chrono::hours;
using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::nanoseconds;
using std::chrono::steady_clock;

// CPython: test_timeouts.TimeoutTests.test_timeout_basic, test_timeout_at_basic
// Goal: what takes too long is cancelled where it waits and becomes TimeoutError, never early.
TEST_P(OnEveryRuntime, TimeoutComes) {
    run([] {
        for (const bool at : {false, true}) {
            std::string trace;
            const auto start = steady_clock::now();
            const auto body = [&](Timeout& scope) {
                EXPECT_FALSE(scope.expired());
                EXPECT_GE(scope.when().value(), start + milliseconds(2));
                try {
                    sleep_long();
                } catch (const CancelledError&) {
                    EXPECT_TRUE(scope.expired());
                    EXPECT_EQ(cancelling(), 1U);
                    trace += "cancelled ";
                    throw;
                }
                trace += "went on ";
            };
            if (at) {
                EXPECT_THROW(
                    timeout_at(get_running_loop().time() + milliseconds(2), body), TimeoutError
                );
            } else {
                EXPECT_THROW(timeout(milliseconds(2), body), TimeoutError);
            }
            EXPECT_GE(steady_clock::now() - start, milliseconds(2));
            EXPECT_EQ(trace, "cancelled ");
            EXPECT_EQ(cancelling(), 0U);
            yield();  // nothing is left of it
        }
    });
}

// CPython: test_timeouts.TimeoutTests.test_timeout_not_called
// Goal: what is in time is left alone, gives its result, and is not disturbed later.
TEST_P(OnEveryRuntime, TimeoutDoesNotCome) {
    run([] {
        EXPECT_EQ(timeout(hours(1), [] { return 1; }), 1);
        EXPECT_EQ(*timeout(hours(1), [](Timeout&) { return std::make_unique<int>(2); }), 2);
        timeout(hours(1), [](Timeout& scope) {
            yield();
            EXPECT_FALSE(scope.expired());
        });
        const std::string text = "copied";
        static_assert(std::is_same_v<
                      decltype(timeout(hours(1), [&]() -> const std::string& { return text; })),
                      std::string>);
        timeout(microseconds(300), [] {});
        sleep(milliseconds(1));  // past the deadline of a scope that was left
        EXPECT_EQ(cancelling(), 0U);
        const AnyTask me = current_task();
        timeout(hours(1), [&] { EXPECT_EQ(current_task(), me); });
        // What is moved into the call is there, and is not copied.
        auto owned = std::make_unique<int>(3);
        EXPECT_EQ(timeout(hours(1), [owned = std::move(owned)] { return *owned; }), 3);
    });
}

// CPython: test_timeouts.TimeoutTests.test_timeout_disabled, test_timeout_at_disabled
// Goal: without a deadline nothing comes.
TEST_P(OnEveryRuntime, TimeoutOfNothing) {
    run([] {
        const auto body = [](Timeout& scope) {
            EXPECT_FALSE(scope.when().has_value());
            sleep(microseconds(10));
            EXPECT_FALSE(scope.expired());
            return 1;
        };
        EXPECT_EQ(timeout(std::nullopt, body), 1);
        EXPECT_EQ(timeout_at(std::nullopt, body), 1);
    });
}

// CPython: test_timeouts.TimeoutTests.test_timeout_zero, _zero_sleep_zero, test_timeout_in_the_past
// Goal: with no time the function still runs to its first suspension; without one it just returns.
TEST_P(OnEveryRuntime, TimeoutWithoutTime) {
    run([] {
        for (const auto none : {nanoseconds(0), nanoseconds(-1), nanoseconds::min()}) {
            std::string trace;
            EXPECT_THROW(
                timeout(
                    none,
                    [&](Timeout& scope) {
                        trace += "began ";
                        EXPECT_FALSE(scope.expired());
                        yield();
                        trace += "went on ";
                    }
                ),
                TimeoutError
            );
            EXPECT_EQ(trace, "began ");
            EXPECT_EQ(
                timeout(
                    none,
                    [](Timeout& scope) {
                        EXPECT_FALSE(scope.expired());
                        return 5;
                    }
                ),
                5
            );
            yield();
            EXPECT_EQ(cancelling(), 0U);
        }
        EXPECT_THROW(timeout_at(steady_clock::now() - hours(1), sleep_long), TimeoutError);
        EXPECT_THROW(timeout_at(steady_clock::time_point::min(), sleep_long), TimeoutError);
    });
}

// Goal: the longest times are far away.
TEST_P(OnEveryRuntime, TimeoutFarAway) {
    run([] {
        EXPECT_EQ(
            timeout(
                nanoseconds::max(),
                [] {
                    yield();
                    return 1;
                }
            ),
            1
        );
        EXPECT_EQ(
            timeout_at(
                steady_clock::time_point::max(),
                [] {
                    yield();
                    return 2;
                }
            ),
            2
        );
    });
}

// CPython: test_timeouts.TimeoutTests.test_foreign_exception_passed, _on_timeout
// Goal: another error than the cancellation passes, before the deadline and after it.
TEST_P(OnEveryRuntime, TimeoutLetsOtherErrorsPass) {
    run([] {
        EXPECT_EQ(
            end_of([] { timeout(hours(1), [] { throw std::runtime_error("own"); }); }), "own"
        );
        EXPECT_EQ(
            end_of([] {
                timeout(nanoseconds(0), [] {
                    try {
                        sleep_long();
                    } catch (const CancelledError&) {
                        throw std::runtime_error("while cleaning");
                    }
                });
            }),
            "while cleaning"
        );
        EXPECT_EQ(cancelling(), 0U);
        EXPECT_THROW(timeout(hours(1), [] { throw 5; }), int);
        yield();
    });
}

// CPython: observed
// Goal: who swallows the cancellation and returns is let go on: no error, and nothing is left.
TEST_P(OnEveryRuntime, TimeoutThatIsSwallowed) {
    run([] {
        const int result = timeout(nanoseconds(0), [](Timeout& scope) {
            try {
                sleep_long();
            } catch (const CancelledError&) {
            }
            EXPECT_TRUE(scope.expired());
            EXPECT_EQ(cancelling(), 1U);
            yield();  // once is enough
            return 3;
        });
        EXPECT_EQ(result, 3);
        EXPECT_EQ(cancelling(), 0U);
        yield();
    });
}

// CPython: observed (3.13: TimeoutError; the body's own CancelledError without a deadline passes)
// Goal: a CancelledError that nobody asked for passes, and becomes TimeoutError in a late scope.
TEST_P(OnEveryRuntime, TimeoutAndACancelledErrorOfItsOwn) {
    run([] {
        EXPECT_EQ(
            end_of([] { timeout(hours(1), [] { throw CancelledError("own"); }); }), "cancelled: own"
        );
        const Future<void> cancelled;
        cancelled.cancel("before");
        EXPECT_EQ(
            end_of([&] { timeout(hours(1), [&] { await(cancelled); }); }), "cancelled: before"
        );
        const auto late = [] {
            static_cast<void>(end_of(sleep_long));
            throw CancelledError("own");
        };
        EXPECT_THROW(timeout(nanoseconds(0), late), TimeoutError);
        EXPECT_EQ(cancelling(), 0U);
    });
}

// CPython: test_timeouts.TimeoutTests.test_foreign_cancel_doesnt_timeout_if_not_expired
// Goal: a cancellation from outside is not a timeout.
TEST_P(OnEveryRuntime, TimeoutAndACancellationFromOutside) {
    run([] {
        for (const bool pinned : {true, false}) {
            const auto body = [] {
                timeout(hours(1), [](Timeout& scope) {
                    try {
                        sleep_long();
                    } catch (const CancelledError&) {
                        EXPECT_FALSE(scope.expired());
                        throw;
                    }
                });
            };
            auto task = pinned ? create_task(body) : spawn(body);
            settle();
            task.cancel("outside");
            EXPECT_EQ(end_of(task), "cancelled: outside");
            EXPECT_EQ(task.cancelling(), 1U);
        }
    });
}

// CPython: observed: CancelledError('foreign'), expired() True, cancelling() 1
// Goal: where both came, the cancellation from outside wins, whichever was first.
TEST_P(OnEveryRuntime, TimeoutAndACancellationAtOnce) {
    run([] {
        auto outside_first = create_task([&] {
            timeout(hours(1), [&](Timeout& scope) {
                try {
                    sleep_long();
                } catch (const CancelledError&) {
                    scope.reschedule(steady_clock::now());
                    EXPECT_EQ(end_of(sleep_long), "cancelled");
                    EXPECT_TRUE(scope.expired());
                    EXPECT_EQ(cancelling(), 2U);
                    throw;
                }
            });
        });
        settle();
        outside_first.cancel("outside");
        EXPECT_EQ(end_of(outside_first), "cancelled: outside");
        EXPECT_EQ(outside_first.cancelling(), 1U);

        auto deadline_first = create_task([&] {
            timeout(nanoseconds(0), [] {
                try {
                    sleep_long();
                } catch (const CancelledError&) {
                    current_task().cancel("outside");
                    EXPECT_EQ(cancelling(), 2U);
                    throw;
                }
            });
        });
        EXPECT_EQ(end_of(deadline_first).compare(0, 9, "cancelled"), 0);
        EXPECT_TRUE(deadline_first.cancelled());
        EXPECT_EQ(deadline_first.cancelling(), 1U);
    });
}

// CPython: observed: TimeoutError, cancelling() 1
// Goal: the count at the entry is what counts: a cancellation that was dealt with before is none.
TEST_P(OnEveryRuntime, TimeoutOfATaskThatWasCancelledBefore) {
    run([] {
        auto task = create_task([] {
            EXPECT_EQ(end_of(sleep_long), "cancelled");
            EXPECT_EQ(cancelling(), 1U);
            EXPECT_THROW(timeout(nanoseconds(0), sleep_long), TimeoutError);
            EXPECT_EQ(cancelling(), 1U);
            EXPECT_EQ(timeout(nanoseconds(0), [] { return 1; }), 1);
            yield();
        });
        settle();
        task.cancel();
        EXPECT_EQ(end_of(task), "ok");
    });
}

// CPython: test_timeouts.TimeoutTests.test_nested_timeouts, _concurrent_, _loop_busy; observed
// Goal: nested: the inner, the outer, and both at once.
TEST_P(OnEveryRuntime, TimeoutsNest) {
    run([] {
        std::string trace;
        timeout(hours(1), [&] {
            EXPECT_THROW(timeout(microseconds(10), sleep_long), TimeoutError);
            EXPECT_EQ(cancelling(), 0U);
            yield();
            trace += "inner ";
        });
        const auto outer_is_late = [&] {
            timeout(microseconds(10), [&] {
                const std::string end = end_of([&] { timeout(hours(1), sleep_long); });
                EXPECT_EQ(end, "cancelled");
                trace += "outer ";
                throw CancelledError();
            });
        };
        EXPECT_THROW(outer_is_late(), TimeoutError);
        const auto both_are_late = [&] {
            timeout(nanoseconds(0), [&](Timeout& outer) {
                const auto inner_body = [&](Timeout& inner) {
                    try {
                        sleep_long();
                    } catch (const CancelledError&) {
                        EXPECT_TRUE(inner.expired() && outer.expired());
                        EXPECT_EQ(cancelling(), 2U);
                        throw;
                    }
                };
                try {
                    timeout(nanoseconds(0), inner_body);
                } catch (const TimeoutError&) {
                    ADD_FAILURE() << "the outer one has come as well";
                } catch (const CancelledError&) {
                    EXPECT_EQ(cancelling(), 1U);
                    trace += "both";
                    throw;
                }
            });
        };
        EXPECT_THROW(both_are_late(), TimeoutError);
        EXPECT_EQ(trace, "inner outer both");
        EXPECT_EQ(cancelling(), 0U);
        yield();
    });
}

// CPython: test_timeouts.TimeoutTests.test_reschedule
// Goal: a deadline is moved to earlier, to later, to never, and back.
TEST_P(OnEveryRuntime, TimeoutIsRescheduled) {
    run([] {
        // Earlier.
        EXPECT_THROW(
            timeout(
                hours(1),
                [](Timeout& scope) {
                    const auto when = steady_clock::now() + microseconds(100);
                    scope.reschedule(when);
                    EXPECT_EQ(scope.when(), when);
                    sleep_long();
                }
            ),
            TimeoutError
        );
        // Into the past: at the next suspension.
        std::string trace;
        EXPECT_THROW(
            timeout(
                std::nullopt,
                [&](Timeout& scope) {
                    scope.reschedule(steady_clock::now() - hours(1));
                    EXPECT_FALSE(scope.expired());
                    trace += "a";
                    yield();
                    trace += "b";
                }
            ),
            TimeoutError
        );
        EXPECT_EQ(trace, "a");
        // Later, and away.
        timeout(milliseconds(1), [](Timeout& scope) {
            scope.reschedule(steady_clock::now() + hours(1));
            sleep(milliseconds(2));
            scope.reschedule(steady_clock::now() + milliseconds(1));
            scope.reschedule(std::nullopt);
            EXPECT_FALSE(scope.when().has_value());
            sleep(milliseconds(2));
            EXPECT_FALSE(scope.expired());
        });
        // One that is due is taken back before the task suspends.
        timeout(nanoseconds(0), [](Timeout& scope) {
            scope.reschedule(std::nullopt);
            yield_times(3);
        });
        // Again and again, each time a little later.
        timeout(microseconds(500), [](Timeout& scope) {
            for (int i = 0; i < 20; ++i) {
                scope.reschedule(steady_clock::now() + hours(1 + i));
                sleep(microseconds(100));
            }
        });
        EXPECT_EQ(cancelling(), 0U);
    });
}

// CPython: observed: "Cannot change state of expiring Timeout"
// Goal: one that has expired or was left is not moved.
TEST_P(OnEveryRuntime, TimeoutIsNotRescheduledAfterItsEnd) {
    run([] {
        EXPECT_THROW(
            timeout(
                nanoseconds(0),
                [](Timeout& scope) {
                    const auto when = scope.when();
                    try {
                        sleep_long();
                    } catch (const CancelledError&) {
                        EXPECT_THROW(scope.reschedule(std::nullopt), RuntimeError);
                        EXPECT_THROW(
                            scope.reschedule(steady_clock::now() + hours(1)), RuntimeError
                        );
                        EXPECT_EQ(scope.when(), when);
                        EXPECT_TRUE(scope.expired());
                        throw;
                    }
                }
            ),
            TimeoutError
        );
        Timeout scope(std::nullopt);
        EXPECT_FALSE(scope.leave());
        EXPECT_FALSE(scope.expired());
        EXPECT_THROW(scope.reschedule(steady_clock::now()), RuntimeError);
        yield();
    });
}

// CPython: timeouts.Timeout.__aenter__ (RuntimeError)
// Goal: there must be a task to cancel.
TEST(TimeoutTest, OutsideOfATaskIsRefused) {
    bool ran = false;
    EXPECT_THROW(timeout(hours(1), [&] { ran = true; }), RuntimeError);
    EXPECT_THROW(timeout(std::nullopt, [&] { ran = true; }), RuntimeError);
    weft::run([&] {
        const Future<void> tried;
        get_running_loop().call_soon([&] {
            EXPECT_THROW(timeout(hours(1), [&] { ran = true; }), RuntimeError);
            tried.set_result();
        });
        await(tried);
    });
    EXPECT_FALSE(ran);
}

// Goal: a stealable task that moves within the scope is found by its deadline, and one that was in
// time is not, wherever it has gone.
TEST_P(OnEveryRuntime, TimeoutOfATaskThatMoves) {
    run([] {
        std::vector<Task<void>> tasks;
        for (int i = 0; i < 16; ++i) {
            tasks.push_back(spawn([i] {
                for (int round = 0; round < scaled(20); ++round) {
                    EXPECT_EQ(
                        timeout(
                            hours(1),
                            [&] {
                                yield_times(i);
                                return i;
                            }
                        ),
                        i
                    );
                    const auto late = [&] {
                        timeout(microseconds(50), [&] {
                            for (;;) {
                                yield();
                            }
                        });
                    };
                    EXPECT_THROW(late(), TimeoutError);
                    const auto moved = [&] {
                        timeout(hours(1), [&](Timeout& scope) {
                            yield_times(i);
                            scope.reschedule(steady_clock::now() + microseconds(20));
                            yield_times(2);
                            try {
                                scope.reschedule(steady_clock::now());
                            } catch (const RuntimeError&) {
                                EXPECT_TRUE(scope.expired());  // on the loop it came from
                            }
                            sleep_long();
                        });
                    };
                    EXPECT_EQ(end_of(moved), "timed out");
                    EXPECT_EQ(cancelling(), 0U);
                }
            }));
        }
        for (const auto& task : tasks) {
            EXPECT_EQ(end_of(task), "ok");
        }
    });
}

/// In a task that has moved, a deadline may come while it runs, which CPython's cannot.
void leave_a_scope_that_expires_while_the_task_runs() {
    timeout(microseconds(100), [](Timeout& scope) {
        yield();  // in hop mode the timer stays behind
        const auto limit = steady_clock::now() + milliseconds(2);
        while (!scope.expired() && steady_clock::now() < limit) {
        }
    });
}

// Goal: a deadline that comes while the task runs on another loop, and is not noticed before the
// scope is left, does not come after it.
TEST_P(OnEveryRuntime, TimeoutThatComesWhileTheTaskRuns) {
    run([] {
        for (int i = 0; i < scaled(20); ++i) {
            EXPECT_EQ(
                end_of(spawn([] {
                    static_cast<void>(end_of(leave_a_scope_that_expires_while_the_task_runs));
                    EXPECT_EQ(cancelling(), 0U);
                    yield();
                })),
                "ok"
            );
        }
    });
}

// Goal: the same in a task that was cancelled before and has dealt with it.
TEST_P(OnEveryRuntime, TimeoutThatComesWhileATaskRunsThatWasCancelledBefore) {
    run([] {
        for (int i = 0; i < scaled(20); ++i) {
            EXPECT_EQ(
                end_of(spawn([] {
                    current_task().cancel();
                    EXPECT_EQ(end_of([] { yield(); }), "cancelled");
                    static_cast<void>(end_of(leave_a_scope_that_expires_while_the_task_runs));
                    EXPECT_EQ(cancelling(), 1U);
                    EXPECT_EQ(end_of([] { yield(); }), "ok") << "the deadline came after its scope";
                })),
                "ok"
            );
        }
    });
}

// Goal: a deadline takes back its own cancellation, and not the one that came after it, with its
// message, while the task ran.
TEST(TimeoutTest, TakesBackNoCancellationButItsOwn) {
    const auto body = [] {
        AnyTask self = current_task();
        std::atomic<bool> moved{false};
        timeout(std::nullopt, [&](Timeout& scope) {
            // The timer's loop is held until the task is on the other one.
            get_running_loop().call_soon([&] {
                while (!moved) {
                    std::this_thread::yield();
                }
            });
            scope.reschedule(steady_clock::now());
            yield();
            moved = true;
            while (!scope.expired()) {
                std::this_thread::yield();
            }
            std::thread([&] { self.cancel("outside"); }).join();
        });
        EXPECT_EQ(cancelling(), 1U);
        EXPECT_EQ(end_of([] { yield(); }), "cancelled: outside");
    };
    RuntimeOptions options;
    options.workers = 2;
    options.hop = true;
    options.pin = Pin::None;
    weft::run([&] { EXPECT_EQ(end_of(spawn(body)), "ok"); }, options);
}

// Goal: a runtime that ends cancels who is in a scope; nothing is left, and it is no timeout.
TEST_P(OnEveryRuntime, TimeoutAtTheEndOfTheRuntime) {
    std::vector<Task<void>> tasks;
    run([&] {
        for (int i = 0; i < 10; ++i) {
            const auto body = [] { timeout(hours(1), sleep_long); };
            tasks.push_back(i % 2 == 0 ? create_task(body) : spawn(body));
        }
        yield_times(2);
    });
    for (const auto& task : tasks) {
        EXPECT_TRUE(task.cancelled());
    }
}

// Goal: whatever a task waits for in the scope is cancelled: a future, a child, a lock.
TEST_P(OnEveryRuntime, TimeoutOfEveryKindOfWait) {
    run([] {
        const Future<int> future;
        EXPECT_THROW(timeout(microseconds(10), [&] { return await(future); }), TimeoutError);
        EXPECT_TRUE(future.cancelled());
        auto child = spawn(sleep_long);
        EXPECT_THROW(timeout(microseconds(10), [&] { await(child); }), TimeoutError);
        EXPECT_TRUE(child.cancelled());
        Lock lock;
        lock.acquire();
        EXPECT_THROW(timeout(microseconds(10), [&] { lock.acquire(); }), TimeoutError);
        lock.release();
        EXPECT_FALSE(lock.locked());
        EXPECT_EQ(cancelling(), 0U);
    });
}

// Goal: scopes in their thousands leave no timer and nothing of the function behind.
TEST_P(OnEveryRuntime, TimeoutsLeaveNothingBehind) {
    Counted::Count alive{0};
    run([&] {
        for (int i = 0; i < scaled(5000); ++i) {
            timeout(hours(1), [held = Counted(alive)](Timeout&) {});
            EXPECT_EQ(alive.load(), 0);
        }
        EXPECT_THROW(timeout(nanoseconds(0), [held = Counted(alive)] { yield(); }), TimeoutError);
        EXPECT_EQ(alive.load(), 0);
    });
}

// Goal: deadlines, results and cancellations from outside that meet: there is one outcome, and the
// count is what those outside have asked for.
TEST_P(OnEveryRuntime, TimeoutStorm) {
    Runtime runtime(options());
    runtime.run([&] {
        auto random = random_engine();
        for (int round = 0; round < scaled(3000); ++round) {
            const auto outer_time = microseconds(random() % 12);
            const auto inner_time = microseconds(random() % 12);
            const auto turns = static_cast<int>(random() % 8);
            std::atomic<int> requests{0};
            std::atomic<bool> ended{false};
            const auto body = [&] {
                std::string inner_end;
                const auto scopes = [&] {
                    timeout(outer_time, [&] {
                        inner_end =
                            end_of([&] { timeout(inner_time, [&] { yield_times(turns); }); });
                        if (inner_end == "cancelled") {
                            throw CancelledError();
                        }
                        yield_times(2);
                    });
                };
                const std::string end = end_of(scopes);
                EXPECT_TRUE(end == "ok" || end == "cancelled" || end == "timed out") << end;
                if (end == "cancelled") {
                    EXPECT_EQ(requests.load(), 1) << "nobody outside has cancelled it";
                    EXPECT_EQ(cancelling(), 1U);
                }
                const std::uint32_t open = cancelling();  // first: the other may be at it now
                EXPECT_LE(open, static_cast<std::uint32_t>(requests.load()));
                ended = true;
            };
            auto task = round % 2 == 0
                            ? spawn(body)
                            : runtime.loop(round / 2 % runtime.workers()).create_task(body);
            const bool cancel = random() % 2 == 0;
            yield_times(static_cast<int>(random() % 6));
            if (cancel) {
                requests = 1;
                task.cancel();
            }
            const std::string end = end_of(task);
            EXPECT_TRUE(end == "ok" || (cancel && end == "cancelled")) << end;
        }
    });
}

// Goal: a length of time may be given in any unit, whole or not, and be as long as can be said.
TEST_P(OnEveryRuntime, DelaysOfEveryKind) {
    using namespace std::chrono_literals;  // NOLINT: as users write them
    EXPECT_EQ(Delay(0.5s).nanos(), 500ms);
    EXPECT_EQ(Delay(std::chrono::duration<float>(0.25F)).nanos(), 250ms);
    EXPECT_EQ(Delay(std::chrono::duration<long, std::pico>(1)).nanos(), 1ns) << "never less";
    EXPECT_EQ(Delay(-1h).nanos(), -1h);
    EXPECT_EQ(Delay(std::chrono::hours::max()).nanos(), std::chrono::nanoseconds::max());
    EXPECT_EQ(Delay(std::chrono::years(300)).nanos(), std::chrono::nanoseconds::max());
    EXPECT_LT(Delay(std::chrono::hours::min()).nanos(), -24h * 365 * 200);
    EXPECT_THROW(Delay(std::chrono::duration<double>(std::nan(""))), ValueError);
    run([] {
        EXPECT_THROW(timeout(0.001s, [] { sleep(1h); }), TimeoutError);
        EXPECT_THROW(wait_for([] { sleep(1h); }, 0.001s), TimeoutError);
        EXPECT_EQ(
            timeout(
                std::chrono::years(300),
                [] {
                    yield();
                    return 1;
                }
            ),
            1
        );
        EXPECT_EQ(
            wait_for(
                [] {
                    yield();
                    return 2;
                },
                std::chrono::hours::max()
            ),
            2
        );
        bool called = false;
        auto handle =
            get_running_loop().call_later(std::chrono::hours::max(), [&] { called = true; });
        sleep(0.001s);
        EXPECT_FALSE(called);
        handle.cancel();
        const Future<void> never;
        EXPECT_EQ(wait(std::vector{never}, 0.001s).pending.size(), 1U);
        EXPECT_TRUE(move_on_after(std::nullopt, [] { yield(); }));
    });
}

}  // namespace
}  // namespace weft::test
