#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>
#include <weft/loop.hpp>
#include <weft/sleep.hpp>
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

std::exception_ptr error_of(const char* text) {
    return std::make_exception_ptr(std::runtime_error(text));
}

/// Which of `all` stand in `some`, as their places.
template <class Handle>
std::string places(const std::vector<Handle>& some, const std::vector<Handle>& all) {
    std::string text;
    for (const Handle& one : some) {
        for (std::size_t i = 0; i < all.size(); ++i) {
            if (all[i].state().get() == one.state().get()) {
                text += std::to_string(i);
                break;
            }
        }
    }
    return text;
}

// --- wait ----------------------------------------------------------------------------------------

// CPython: test_tasks.BaseTaskTests.test_wait_first_completed
// Goal: FirstCompleted returns with the first, be it a result, an error or a cancellation.
TEST_P(OnEveryRuntime, WaitForTheFirst) {
    run([] {
        for (const int how : {0, 1, 2}) {
            const std::vector<Future<int>> futures(3);
            auto waiter = create_task([&] {
                return wait(futures, std::nullopt, ReturnWhen::FirstCompleted);
            });
            settle();
            EXPECT_FALSE(waiter.done());
            if (how == 0) {
                futures[1].set_result(1);
            } else if (how == 1) {
                futures[1].set_exception(error_of("one"));
            } else {
                futures[1].cancel();
            }
            const auto result = await(waiter);
            EXPECT_EQ(places(result.done, futures), "1");
            EXPECT_EQ(places(result.pending, futures), "02");
            EXPECT_EQ(end_of(futures[1]), how == 0 ? "ok" : how == 1 ? "one" : "cancelled");
        }
    });
}

// CPython: test_tasks.BaseTaskTests.test_wait_first_exception, _in_wait; asyncio.md 1.4
// Goal: FirstException returns with the first error; a result and a cancellation are none.
TEST_P(OnEveryRuntime, WaitForTheFirstException) {
    run([] {
        const std::vector<Future<int>> futures(4);
        auto waiter =
            create_task([&] { return wait(futures, std::nullopt, ReturnWhen::FirstException); });
        settle();
        futures[0].set_result(0);
        futures[3].cancel();
        settle();
        EXPECT_FALSE(waiter.done());
        futures[2].set_exception(error_of("two"));
        const auto result = await(waiter);
        EXPECT_EQ(places(result.done, futures), "023");
        EXPECT_EQ(places(result.pending, futures), "1");
        EXPECT_EQ(end_of(futures[2]), "two");

        // Without any error: when all are done.
        const std::vector<Future<int>> good(2);
        auto other =
            create_task([&] { return wait(good, std::nullopt, ReturnWhen::FirstException); });
        settle();
        good[1].cancel();
        settle();
        EXPECT_FALSE(other.done());
        good[0].set_result(1);
        EXPECT_EQ(await(other).done.size(), 2U);

        // CPython: test_wait_first_exception_in_wait: one that has failed before.
        const std::vector<Future<int>> failed(2);
        failed[1].set_exception(error_of("before"));
        EXPECT_EQ(places(wait(failed, std::nullopt, ReturnWhen::FirstException).done, failed), "1");
    });
}

// CPython: test_tasks.BaseTaskTests.test_wait
// Goal: AllCompleted returns when all are done, whatever has become of them.
TEST_P(OnEveryRuntime, WaitForAll) {
    run([] {
        const std::vector<Future<int>> futures(3);
        auto waiter = create_task([&] { return wait(futures); });
        settle();
        futures[0].set_exception(error_of("zero"));
        futures[2].cancel();
        settle();
        EXPECT_FALSE(waiter.done());
        futures[1].set_result(1);
        const auto result = await(waiter);
        EXPECT_EQ(places(result.done, futures), "012");
        EXPECT_TRUE(result.pending.empty());
        EXPECT_EQ(end_of(futures[0]), "zero");
    });
}

// CPython: tasks._wait (only FIRST_EXCEPTION asks for the error, and not of the last); observed
// Goal: wait() is not the one who retrieves an error, but in the mode that looks for errors.
TEST_P(OnEveryRuntime, WaitDoesNotRetrieveErrors) {
    const LogCapture log;
    expect_unseen(1);
    run([] {
        const std::vector<Future<int>> futures(1);
        futures[0].set_exception(error_of("for nobody"));
        wait(futures);
    });
    EXPECT_EQ(log.count("for nobody"), 1);
    run([] {
        const std::vector<Future<int>> futures(2);
        futures[0].set_exception(error_of("looked for"));
        wait(futures, std::nullopt, ReturnWhen::FirstException);
    });
    EXPECT_EQ(log.count("looked for"), 0);
}

// CPython: test_tasks.BaseTaskTests.test_wait_with_timeout (no error, nothing cancelled)
// Goal: when the time is up it returns what is done by then, and cancels nothing.
TEST_P(OnEveryRuntime, WaitTimeout) {
    run([] {
        const std::vector<Future<int>> futures(3);
        futures[2].set_result(2);
        const auto start = steady_clock::now();
        const auto result = wait(futures, milliseconds(2));
        EXPECT_GE(steady_clock::now() - start, milliseconds(2));
        EXPECT_EQ(places(result.done, futures), "2");
        EXPECT_EQ(places(result.pending, futures), "01");
        EXPECT_FALSE(futures[0].done() || futures[1].done());
        for (const auto none : {nanoseconds(0), nanoseconds(-5), nanoseconds::min()}) {
            EXPECT_EQ(wait(futures, none).done.size(), 1U);
        }
        // Early enough.
        auto waiter = create_task([&] { return wait(futures, hours(1)); });
        settle();
        futures[0].set_result(0);
        futures[1].set_result(1);
        EXPECT_EQ(await(waiter).done.size(), 3U);
        EXPECT_EQ(wait(futures, nanoseconds::max()).done.size(), 3U);
    });
}

// CPython: test_tasks.BaseTaskTests.test_wait_duplicate_coroutines; asyncio.wait (a set)
// Goal: one given several times counts, and comes back, once.
TEST_P(OnEveryRuntime, WaitForDuplicates) {
    run([] {
        const Future<int> one;
        const Future<int> two;
        const std::vector<Future<int>> futures{one, two, one, one, two};
        auto waiter = create_task([&] { return wait(futures); });
        settle();
        one.set_result(1);
        settle();
        EXPECT_FALSE(waiter.done());
        two.set_result(2);
        const auto result = await(waiter);
        EXPECT_EQ(places(result.done, futures), "01");
        EXPECT_TRUE(result.pending.empty());
    });
}

// CPython: test_tasks.BaseTaskTests.test_wait_errors
// Goal: nothing to wait for is refused.
TEST_P(OnEveryRuntime, WaitForNothingIsRefused) {
    const auto check = [] {
        EXPECT_THROW(wait(std::vector<Future<int>>()), ValueError);
        EXPECT_THROW(wait(std::vector<Task<void>>(), nanoseconds(0)), ValueError);
    };
    run(check);
    check();
}

// CPython: tasks._wait (awaits a waiter also when all are done); observed
// Goal: it returns when all are done already, a turn later.
TEST_P(OnEveryRuntime, WaitForWhatIsDone) {
    run([] {
        const std::vector<Future<void>> futures(2);
        futures[0].set_result();
        futures[1].cancel();
        for (const auto when :
             {ReturnWhen::FirstCompleted, ReturnWhen::FirstException, ReturnWhen::AllCompleted}) {
            bool others_ran = false;
            auto other = create_task([&] { others_ran = true; });
            EXPECT_EQ(wait(futures, std::nullopt, when).done.size(), 2U);
            EXPECT_TRUE(others_ran);
            await(other);
        }
    });
}

// CPython: tasks._wait (removes its callbacks)
// Goal: a cancelled waiter leaves the futures alone, and keeps nothing of itself with them.
TEST_P(OnEveryRuntime, WaitIsCancelled) {
    run([] {
        const Future<int> future;
        auto task = create_task([] {
            sleep_long();
            return 1;
        });
        const std::vector<Future<int>> all{future, task};
        auto waiter = create_task([&] { wait(all, hours(1)); });
        settle();
        EXPECT_TRUE(waiter.cancel("enough"));
        EXPECT_EQ(end_of(waiter), "cancelled: enough");
        EXPECT_FALSE(future.done() || task.done());
        EXPECT_EQ(task.cancelling(), 0U);
        future.set_result(1);  // told in vain
        task.cancel();
        EXPECT_EQ(end_of(task), "cancelled");
    });
}

// Goal: cancelled, timed out and satisfied waits in their thousands leave the future as it was.
TEST_P(OnEveryRuntime, WaitAgainAndAgain) {
    run([] {
        const std::vector<Future<int>> futures(2);
        futures[1].set_result(1);
        for (int i = 0; i < scaled(2000); ++i) {
            EXPECT_EQ(wait(futures, std::nullopt, ReturnWhen::FirstCompleted).pending.size(), 1U);
            EXPECT_EQ(wait(futures, nanoseconds(0)).pending.size(), 1U);
        }
        futures[0].set_result(0);
        EXPECT_EQ(wait(futures).done.size(), 2U);
    });
}

// Goal: tasks of every loop and of both kinds in one wait, until none is left.
TEST_P(OnEveryRuntime, WaitForTasksOfEveryLoop) {
    Runtime runtime(options());
    runtime.run([&] {
        for (int round = 0; round < scaled(100); ++round) {
            std::vector<Task<int>> left;
            for (int i = 0; i < 10; ++i) {
                const auto body = [i] {
                    yield_times(i % 3);
                    return i;
                };
                left.push_back(
                    i % 2 == 0 ? runtime.loop(i / 2 % runtime.workers()).create_task(body)
                               : spawn(body)
                );
            }
            int sum = 0;
            while (!left.empty()) {
                auto result = wait(left, std::nullopt, ReturnWhen::FirstCompleted);
                EXPECT_FALSE(result.done.empty());
                for (const auto& task : result.done) {
                    sum += task.result();
                }
                left = std::move(result.pending);
            }
            EXPECT_EQ(sum, 45);
        }
    });
}

// Goal: a plain thread waits, too, in every mode and with a timeout.
TEST_P(OnEveryRuntime, WaitOnAPlainThread) {
    Runtime runtime(options());
    runtime.start();
    const Future<int> never;
    for (int round = 0; round < scaled(200); ++round) {
        const std::vector<Future<int>> all{
            runtime.spawn([] { return 1; }),
            runtime.loop(round % runtime.workers()).create_task([] {
                yield();
                return 2;
            }),
        };
        EXPECT_EQ(wait(all).done.size(), 2U);
        const auto first =
            wait(std::vector<Future<int>>{never, all[0]}, std::nullopt, ReturnWhen::FirstCompleted);
        EXPECT_EQ(first.pending.size(), 1U);
    }
    const auto start = steady_clock::now();
    EXPECT_EQ(wait(std::vector{never}, milliseconds(2)).pending.size(), 1U);
    EXPECT_GE(steady_clock::now() - start, milliseconds(2));
    EXPECT_EQ(wait(std::vector{never}, nanoseconds(-1)).pending.size(), 1U);
}

// Goal: the longest of all times is not a short one.
TEST_P(OnEveryRuntime, WaitOnAPlainThreadForAVeryLongTime) {
    Runtime runtime(options());
    runtime.start();
    const Future<void> gate;
    auto slow = runtime.spawn([&] { await(gate); });
    std::thread opener([&] {
        std::this_thread::sleep_for(milliseconds(2));
        gate.set_result();
    });
    EXPECT_EQ(wait(std::vector{slow}, nanoseconds::max()).done.size(), 1U);
    opener.join();
    slow.wait();
}

// Goal: a callback cannot wait.
TEST(WaitTest, CallbackMayNotWait) {
    weft::run([] {
        const Future<void> tried;
        get_running_loop().call_soon([&] {
            EXPECT_THROW(wait(std::vector<Future<void>>(1)), RuntimeError);
            tried.set_result();
        });
        await(tried);
    });
}

// Goal: futures that end from other threads and loops while the waiter is cancelled or timed out:
// every wait returns, and what it calls done is done.
TEST_P(OnEveryRuntime, WaitStorm) {
    Runtime runtime(options());
    runtime.run([&] {
        auto random = random_engine();
        for (int round = 0; round < scaled(2000); ++round) {
            std::vector<Future<int>> all;
            for (int i = 0; i < 5; ++i) {
                const auto body = [i, turns = static_cast<int>(random() % 5)] {
                    yield_times(turns);
                    return i;
                };
                all.push_back(
                    i % 2 == 0 ? runtime.loop(i % runtime.workers()).create_task(body) : spawn(body)
                );
            }
            const auto when = static_cast<ReturnWhen>(random() % 3);
            const std::optional<nanoseconds> timeout =
                random() % 3 == 0 ? std::optional<nanoseconds>(microseconds(random() % 20))
                                  : std::nullopt;
            const auto body = [&] {
                const auto result = wait(all, timeout, when);
                EXPECT_EQ(result.done.size() + result.pending.size(), 5U);
                if (!timeout) {
                    EXPECT_GE(result.done.size(), when == ReturnWhen::FirstCompleted ? 1U : 5U);
                }
                for (const auto& future : result.done) {
                    EXPECT_TRUE(future.done());
                }
            };
            auto waiter = random() % 2 == 0 ? create_task(body) : spawn(body);
            yield_times(static_cast<int>(random() % 6));
            if (random() % 2 == 0) {
                waiter.cancel();
            }
            const std::string end = end_of(waiter);
            EXPECT_TRUE(end == "ok" || end == "cancelled") << end;
            for (const auto& future : all) {
                EXPECT_EQ(end_of(future), "ok") << "wait() cancels nothing";
            }
        }
    });
}

// --- wait_for ------------------------------------------------------------------------------------

// CPython: test_waitfor.AsyncioWaitForTest, observed
// Goal: what is in time gives its result or its error; a function runs in the task that calls.
TEST_P(OnEveryRuntime, WaitForGivesTheResult) {
    run([] {
        EXPECT_EQ(wait_for(create_task([] { return 1; }), hours(1)), 1);
        EXPECT_EQ(wait_for(spawn([] { return 2; }), std::nullopt), 2);
        EXPECT_EQ(*wait_for(create_task([] { return std::make_unique<int>(3); }), hours(1)), 3);
        const AnyTask me = current_task();
        EXPECT_EQ(wait_for([&] { return current_task() == me; }, hours(1)), true);
        EXPECT_EQ(wait_for([&] { return current_task() == me; }, std::nullopt), true);
        wait_for([] { yield(); }, hours(1));
        EXPECT_EQ(
            end_of([] { wait_for([] { throw std::runtime_error("own"); }, hours(1)); }), "own"
        );
        const Future<void> failed;
        failed.set_exception(error_of("failed"));
        EXPECT_EQ(end_of([&] { wait_for(failed, hours(1)); }), "failed");
        const Future<void> cancelled;
        cancelled.cancel("before");
        EXPECT_EQ(end_of([&] { wait_for(cancelled, hours(1)); }), "cancelled: before");
        EXPECT_EQ(current_task().cancelling(), 0U);
    });
}

// CPython: test_waitfor.AsyncioWaitForTest.test_wait_for_timeout_less_then_0_or_0_future_done
// Goal: with no time at all what is done gives its result, what is not is cancelled, and a function
// is not even called.
TEST_P(OnEveryRuntime, WaitForWithoutTime) {
    run([] {
        for (const auto none : {nanoseconds(0), nanoseconds(-1), nanoseconds::min()}) {
            const Future<int> done;
            done.set_result(1);
            EXPECT_EQ(wait_for(done, none), 1);
            const Future<int> failed;
            failed.set_exception(error_of("failed"));
            EXPECT_EQ(end_of([&] { wait_for(failed, none); }), "failed");
            const Future<int> cancelled;
            cancelled.cancel("before");
            EXPECT_EQ(end_of([&] { wait_for(cancelled, none); }), "cancelled: before");

            const Future<int> pending;
            EXPECT_THROW(wait_for(pending, none), TimeoutError);
            EXPECT_TRUE(pending.cancelled());
            bool ran = false;
            EXPECT_THROW(wait_for(create_task([&] { ran = true; }), none), TimeoutError);
            EXPECT_THROW(wait_for([&] { ran = true; }, none), TimeoutError);
            EXPECT_FALSE(ran);
            // It has ended when the error comes.
            std::string trace;
            auto slow = create_task([&] {
                try {
                    sleep_long();
                } catch (const CancelledError&) {
                    yield_times(3);
                    trace += "cleaned ";
                    throw;
                }
            });
            settle();
            EXPECT_THROW(wait_for(slow, none), TimeoutError);
            EXPECT_EQ(trace, "cleaned ");
            EXPECT_TRUE(slow.cancelled());
        }
        EXPECT_EQ(current_task().cancelling(), 0U);
    });
}

// CPython: test_waitfor.AsyncioWaitForTest, observed
// Goal: what takes too long is cancelled, and TimeoutError comes when it has ended.
TEST_P(OnEveryRuntime, WaitForTimesOut) {
    run([] {
        for (const bool pinned : {true, false}) {
            std::atomic<bool> begun{false};
            std::atomic<bool> cleaned{false};
            const auto body = [&] {
                begun = true;
                try {
                    sleep_long();
                } catch (const CancelledError&) {
                    yield_times(3);
                    cleaned = true;
                    throw;
                }
            };
            auto task = pinned ? create_task(body) : spawn(body);
            while (!begun) {
                yield();  // or it is cancelled before it begins
            }
            const auto start = steady_clock::now();
            EXPECT_THROW(wait_for(task, milliseconds(2)), TimeoutError);
            EXPECT_GE(steady_clock::now() - start, milliseconds(2));
            EXPECT_TRUE(cleaned.load());
            EXPECT_TRUE(task.cancelled());
        }
        const Future<int> future;
        EXPECT_THROW(wait_for(future, microseconds(10)), TimeoutError);
        EXPECT_TRUE(future.cancelled());
        EXPECT_THROW(wait_for(sleep_long, microseconds(10)), TimeoutError);
        EXPECT_EQ(current_task().cancelling(), 0U);
        yield();  // nothing is left of it
    });
}

// CPython: test_waitfor.AsyncioWaitForTest, observed
// Goal: what swallows the cancellation and returns gives its result; another error is that error.
TEST_P(OnEveryRuntime, WaitForWhatRefusesToBeCancelled) {
    run([] {
        const auto refuse = [] {
            try {
                sleep_long();
            } catch (const CancelledError&) {
                yield();
            }
            return 7;
        };
        const auto fail = [] {
            try {
                sleep_long();
            } catch (const CancelledError&) {
                throw std::runtime_error("while cleaning");
            }
        };
        for (const auto time : {nanoseconds(0), nanoseconds(microseconds(50))}) {
            auto task = create_task(refuse);
            auto other = spawn(fail);
            settle();
            EXPECT_EQ(wait_for(task, time), 7);
            EXPECT_EQ(end_of([&] { wait_for(other, time); }), "while cleaning");
        }
        EXPECT_EQ(wait_for(refuse, microseconds(50)), 7);
        EXPECT_EQ(end_of([&] { wait_for(fail, microseconds(50)); }), "while cleaning");
        EXPECT_EQ(current_task().cancelling(), 0U);
    });
}

// CPython: test_waitfor.AsyncioWaitForTest.test_cancel_wait_for, test_wait_for_cancellation_race_condition
// Goal: cancelling who waits cancels what he waits for, and is not a timeout.
TEST_P(OnEveryRuntime, WaitForIsCancelled) {
    run([] {
        for (const bool none : {false, true}) {
            const Future<void> gate;
            auto inner = create_task([&] {
                try {
                    sleep_long();
                } catch (const CancelledError&) {
                    await(gate);
                    throw;
                }
            });
            settle();
            auto outer = create_task([&] {
                wait_for(inner, none ? nanoseconds(0) : nanoseconds(hours(1)));
            });
            settle();
            EXPECT_TRUE(outer.cancel("outer"));
            settle();
            // Where it waits for the end of what it has cancelled itself, it waits no longer.
            EXPECT_EQ(outer.done(), none);
            gate.set_result();
            EXPECT_EQ(end_of(outer), "cancelled: outer");
            EXPECT_TRUE(outer.cancelled());
            settle();
            EXPECT_TRUE(inner.cancelled());
        }
        // A result that is there but not delivered loses, as in every await.
        const Future<int> future;
        auto outer = create_task([&] { return wait_for(future, hours(1)); });
        settle();
        future.set_result(1);
        outer.cancel();
        EXPECT_EQ(end_of(outer), "cancelled");
    });
}

// Goal: nested: the inner one that is late says so, the outer one goes on; and the other way round.
TEST_P(OnEveryRuntime, WaitForNested) {
    run([] {
        const auto inner_is_late = [] {
            try {
                wait_for(sleep_long, microseconds(10));
            } catch (const TimeoutError&) {
                return 1;
            }
            return 0;
        };
        EXPECT_EQ(wait_for(inner_is_late, hours(1)), 1);
        bool inner_timed_out = false;
        const auto outer_is_late = [&] {
            try {
                wait_for(sleep_long, hours(1));
            } catch (const TimeoutError&) {
                inner_timed_out = true;
            }
        };
        EXPECT_THROW(wait_for(outer_is_late, microseconds(10)), TimeoutError);
        EXPECT_FALSE(inner_timed_out);
    });
}

TEST(WaitTest, WaitForOutsideOfATaskIsRefused) {
    const Future<int> future;
    EXPECT_THROW(wait_for(future, milliseconds(1)), RuntimeError);
    future.cancel();
}

// Goal: results that come while the time is up and the waiter is cancelled: there is one outcome,
// the count of cancellations is what others asked for, and what was waited for has ended.
TEST_P(OnEveryRuntime, WaitForStorm) {
    Runtime runtime(options());
    runtime.run([&] {
        auto random = random_engine();
        for (int round = 0; round < scaled(3000); ++round) {
            const auto turns = static_cast<int>(random() % 8);
            const auto inner_body = [turns] {
                yield_times(turns);
                return 1;
            };
            const bool pinned = random() % 2 == 0;
            const auto time = microseconds(random() % 10);
            auto inner = pinned ? runtime.loop(round % runtime.workers()).create_task(inner_body)
                                : spawn(inner_body);
            const auto body = [&] {
                const std::string end = end_of([&] { EXPECT_EQ(wait_for(inner, time), 1); });
                EXPECT_TRUE(end == "ok" || end == "cancelled" || end == "timed out") << end;
                if (end == "timed out") {
                    EXPECT_TRUE(inner.done());
                }
                EXPECT_LE(current_task().cancelling(), 1U);
            };
            auto outer = random() % 2 == 0 ? create_task(body) : spawn(body);
            if (random() % 2 == 0) {
                yield_times(static_cast<int>(random() % 8));
                outer.cancel();
            }
            static_cast<void>(end_of(outer));
            inner.cancel();
            static_cast<void>(end_of(inner));
        }
    });
}

// --- shield --------------------------------------------------------------------------------------

// CPython: test_tasks.BaseTaskTests.test_shield_result, test_shield_exception
// Goal: results and errors come through.
TEST_P(OnEveryRuntime, ShieldGivesTheResult) {
    run([] {
        EXPECT_EQ(await(shield([] { return 1; })), 1);
        EXPECT_EQ(await(shield(spawn([] { return std::string("two"); }))), "two");
        EXPECT_EQ(*await(shield([] { return std::make_unique<int>(3); })), 3);
        await(shield(create_task([] { yield(); })));
        EXPECT_EQ(
            end_of([] { await(shield([] { throw std::runtime_error("inner"); })); }), "inner"
        );
        const Future<int> future;
        const auto outer = shield(future);
        EXPECT_FALSE(outer.done());
        future.set_result(4);
        EXPECT_EQ(await(outer), 4);
    });
}

// CPython: test_tasks.BaseTaskTests.test_shield_cancel_outer
// Goal: cancelling who awaits the shield leaves what is in it alone.
TEST_P(OnEveryRuntime, ShieldKeepsTheInnerRunning) {
    run([] {
        for (const bool pinned : {true, false}) {
            const Future<void> gate;
            const auto body = [&] {
                await(gate);
                return 5;
            };
            auto inner = pinned ? create_task(body) : spawn(body);
            auto parent = create_task([&] { await(shield(inner)); });
            settle();
            EXPECT_TRUE(parent.cancel("parent"));
            EXPECT_EQ(end_of(parent), "cancelled: parent");
            EXPECT_FALSE(inner.done());
            EXPECT_EQ(inner.cancelling(), 0U);
            gate.set_result();
            EXPECT_EQ(await(inner), 5);
        }
        // The shield itself, of a future.
        const Future<int> inner;
        const auto outer = shield(inner);
        EXPECT_TRUE(outer.cancel());
        EXPECT_TRUE(outer.cancelled());
        EXPECT_FALSE(inner.done());
        settle();
        inner.set_result(1);
        settle();
        EXPECT_TRUE(outer.cancelled());
    });
}

// CPython: test_tasks.BaseTaskTests.test_shield_cancel_inner
// Goal: what is in the shield is cancelled by somebody else: so is the shield.
TEST_P(OnEveryRuntime, ShieldIsCancelledWithTheInner) {
    run([] {
        auto inner = create_task(sleep_long);
        const auto outer = shield(inner);
        settle();
        inner.cancel();
        EXPECT_EQ(end_of(outer), "cancelled");
        EXPECT_TRUE(outer.cancelled());
        EXPECT_TRUE(inner.cancelled());
    });
}

// CPython: test_tasks.BaseTaskTests.test_shield_shortcut, test_shield_effect
// Goal: of what is done already, the shield is that itself.
TEST_P(OnEveryRuntime, ShieldOfWhatIsDone) {
    run([] {
        const Future<int> done;
        done.set_result(1);
        EXPECT_EQ(shield(done).state().get(), done.state().get());
        const Future<int> cancelled;
        cancelled.cancel("before");
        EXPECT_EQ(end_of(shield(cancelled)), "cancelled: before");
        const Future<int> failed;
        failed.set_exception(error_of("failed"));
        EXPECT_EQ(end_of(shield(failed)), "failed");
    });
}

// CPython: observed: "Task exception was never retrieved", once
// Goal: an error that comes after the shield was cancelled is reported; one that comes through the
// shield is reported for nobody but the shield.
TEST_P(OnEveryRuntime, ShieldReportsALateError) {
    const LogCapture log;
    expect_unseen(1);
    run([] {
        const Future<void> gate;
        const auto outer = shield([&] {
            await(gate);
            throw std::runtime_error("late");
        });
        settle();
        outer.cancel();
        settle();
        gate.set_result();
        settle();
    });
    EXPECT_EQ(log.count("late"), 1);
    run([] {
        EXPECT_EQ(
            end_of([] { await(shield([] { throw std::runtime_error("taken"); })); }), "taken"
        );
    });
    EXPECT_EQ(log.count("taken"), 0);
}

// CPython: tasks.shield (the error of a shield nobody looks at is that of a future)
// Goal: an error that has gone into a shield and is looked at by nobody is reported once.
TEST_P(OnEveryRuntime, ShieldReportsAnErrorThatNobodyLooksAt) {
    const LogCapture log;
    expect_unseen(1);
    run([] {
        const auto outer = shield([] { throw std::runtime_error("unheard"); });
        settle();
        EXPECT_TRUE(outer.done());
    });
    EXPECT_EQ(log.count("unheard"), 1);
}

// CPython: bpo-27585 and others
// Goal: wait_for of a shield cancels the shield only.
TEST_P(OnEveryRuntime, ShieldWithinWaitFor) {
    run([] {
        const Future<void> gate;
        auto inner = create_task([&] {
            await(gate);
            return 6;
        });
        EXPECT_THROW(wait_for(shield(inner), microseconds(10)), TimeoutError);
        EXPECT_THROW(wait_for(shield(inner), nanoseconds(0)), TimeoutError);
        EXPECT_FALSE(inner.done());
        EXPECT_EQ(inner.cancelling(), 0U);
        const auto twice = shield(shield(inner));
        gate.set_result();
        EXPECT_EQ(await(twice), 6);
    });
}

// Goal: a shield that nobody holds goes, with all its callbacks, when what is in it goes.
TEST_P(OnEveryRuntime, ShieldOfAnAbandonedFutureLeaksNothing) {
    Counted::Count alive{0};
    run([&] {
        {
            const Future<int> never;
            const auto outer = shield(never);
            outer.add_done_callback([held = Counted(alive)](const auto&) { ADD_FAILURE(); });
            EXPECT_EQ(alive.load(), 1);
        }
        settle();
        EXPECT_EQ(alive.load(), 0);
        {
            const Future<int> never;
            never.add_done_callback([held = Counted(alive)](const auto&) { ADD_FAILURE(); });
            static_cast<void>(shield(never));
            shield(never).cancel();
            settle();
        }
        settle();
        EXPECT_EQ(alive.load(), 0);
    });
    EXPECT_EQ(alive.load(), 0);
}

// Goal: cancelled shields do not pile up at a future that lives on.
TEST_P(OnEveryRuntime, ShieldsThatWereCancelledAreForgotten) {
    Counted::Count alive{0};
    run([&] {
        const Future<int> inner;
        for (int i = 0; i < scaled(1000); ++i) {
            const auto outer = shield(inner);
            outer.add_done_callback([held = Counted(alive)](const auto&) {});
            outer.cancel();
            if (i % 100 == 0) {
                settle();
                EXPECT_EQ(alive.load(), 0);
            }
        }
        inner.set_result(1);
        EXPECT_EQ(await(inner), 1);
    });
}

TEST(WaitTest, ShieldOutsideOfALoopIsRefused) {
    const Future<int> future;
    EXPECT_THROW(static_cast<void>(shield(future)), RuntimeError);
    EXPECT_THROW(static_cast<void>(shield([] { return 1; })), RuntimeError);
    future.set_result(1);
    EXPECT_EQ(shield(future).get(), 1);  // that is the future itself
}

// Goal: the inner ends, on every loop, while the shield is cancelled: the inner is never cancelled.
TEST_P(OnEveryRuntime, ShieldStorm) {
    Runtime runtime(options());
    runtime.run([&] {
        auto random = random_engine();
        for (int round = 0; round < scaled(3000); ++round) {
            const auto body = [turns = static_cast<int>(random() % 6), round] {
                yield_times(turns);
                return round;
            };
            auto inner = random() % 2 == 0
                             ? runtime.loop(round % runtime.workers()).create_task(body)
                             : spawn(body);
            const auto wait_for_it = [&] { return await(shield(inner)); };
            auto parent = random() % 2 == 0 ? create_task(wait_for_it) : spawn(wait_for_it);
            yield_times(static_cast<int>(random() % 6));
            parent.cancel();
            const std::string end = end_of(parent);
            EXPECT_TRUE(end == "ok" || end == "cancelled") << end;
            EXPECT_EQ(await(inner), round);
            EXPECT_EQ(inner.cancelling(), 0U);
        }
    });
}

}  // namespace
}  // namespace weft::test
