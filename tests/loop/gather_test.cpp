#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <tuple>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>
#include <weft/gather.hpp>
#include <weft/loop.hpp>
#include <weft/sleep.hpp>
#include <weft/wait.hpp>

#include "loop/endings.hpp"
#include "support/runtime_fixture.hpp"
#include "task/counted.hpp"

namespace weft::test {
namespace {

using std::chrono::hours;

/// A task that fails with `text` after so many turns.
Task<int> failing(int turns, std::string text) {
    return create_task([turns, text = std::move(text)]() -> int {
        yield_times(turns);
        throw std::runtime_error(text);
    });
}
/// A task that is not to be cancelled: it then returns `result`.
Task<int> stubborn(int result) {
    return create_task([result] {
        try {
            sleep_long();
        } catch (const CancelledError&) {
        }
        return result;
    });
}

// CPython: test_tasks.FutureGatherTests.test_constructor_homogenous_futures, _check_success
// Goal: the results stand in the order of the arguments, whatever the order in which they came.
TEST_P(OnEveryRuntime, GatherKeepsTheOrderOfItsArguments) {
    run([] {
        const Future<int> first;
        const Future<std::string> second;
        const Future<double> third;
        const auto all = gather(first, second, third);
        third.set_result(3.0);
        settle();
        first.set_result(1);
        settle();
        EXPECT_FALSE(all.done());
        second.set_result("2");
        EXPECT_EQ(await(all), std::make_tuple(1, std::string("2"), 3.0));

        const std::vector<Future<int>> many(5);
        const auto vector = gather(many);
        for (const int i : {4, 0, 3, 1, 2}) {
            many[static_cast<std::size_t>(i)].set_result(i * i);
        }
        EXPECT_EQ(await(vector), (std::vector{0, 1, 4, 9, 16}));
    });
}

// CPython: test_tasks.FutureGatherTests.test_one_exception
// Goal: the first error is the result at once, and the siblings run on.
TEST_P(OnEveryRuntime, GatherFailsAtOnceAndTheSiblingsRunOn) {
    run([] {
        const Future<void> gate;
        bool went_on = false;
        auto sibling = create_task([&] {
            await(gate);
            went_on = true;
            return 7;
        });
        const auto all = gather(sibling, failing(2, "first"));
        EXPECT_EQ(end_of(all), "first");
        EXPECT_FALSE(sibling.done());
        EXPECT_EQ(sibling.cancelling(), 0U);
        gate.set_result();
        EXPECT_EQ(await(sibling), 7);
        EXPECT_TRUE(went_on);
    });
}

// CPython: test_tasks.FutureGatherTests.test_one_exception; tasks.gather ("Mark exception retrieved")
// Goal: the errors that come after the first are not reported.
TEST_P(OnEveryRuntime, GatherLaterErrorsAreNotReported) {
    const LogCapture log;
    run([] {
        const auto all = gather(failing(1, "first"), failing(5, "second"), failing(5, "third"));
        EXPECT_EQ(end_of(all), "first");
        settle();
    });
    EXPECT_EQ(log.count("retrieved"), 0);
}

// CPython: observed (the children's callbacks hold the outer future)
// Goal: the same where the caller has no handle of the whole any more, as in await(gather(...)).
TEST_P(OnEveryRuntime, GatherLaterErrorsAreNotReportedWithoutAHandle) {
    const LogCapture log;
    run([] {
        EXPECT_EQ(
            end_of([] { await(gather(failing(1, "first"), failing(5, "second"))); }), "first"
        );
        settle();
    });
    EXPECT_EQ(log.count("second"), 0);
}

// CPython: observed: "_GatheringFuture exception was never retrieved", once
// Goal: an error that nobody asks for is reported once, also when the handle of the whole has gone.
TEST_P(OnEveryRuntime, GatherErrorOfAGatherThatNobodyHoldsIsReportedOnce) {
    const LogCapture log;
    expect_unseen(1);
    run([] {
        static_cast<void>(gather(failing(1, "unheard"), create_task([] {})));
        settle();
    });
    EXPECT_EQ(log.count("unheard"), 1);
}

// CPython: observed
// Goal: a callback of a gather comes although nobody holds the gather.
TEST_P(OnEveryRuntime, GatherCallsBackAlsoWhenNobodyHoldsIt) {
    run([] {
        std::vector<int> results;
        const Future<void> gate;
        const auto body = [&] {
            await(gate);
            return 1;
        };
        gather(create_task(body), create_task(body)).add_done_callback([&](const auto& all) {
            results.push_back(std::get<0>(all.result()) + std::get<1>(all.result()));
        });
        gate.set_result();
        settle();
        EXPECT_EQ(results, std::vector{2});
    });
}

// CPython: test_tasks.FutureGatherTests.test_one_cancellation; observed: outer.cancelled() is False
// Goal: a cancelled child is an error like any other: the whole has failed and is not cancelled.
TEST_P(OnEveryRuntime, GatherWithACancelledChild) {
    run([] {
        auto victim = create_task(sleep_long);
        auto sibling = create_task(sleep_long);
        const auto all = gather(victim, sibling);
        settle();
        victim.cancel("why");
        EXPECT_EQ(end_of(all), "cancelled: why");
        EXPECT_TRUE(all.done());
        EXPECT_FALSE(all.cancelled());
        EXPECT_NE(all.exception(), nullptr);
        EXPECT_TRUE(victim.cancelled());
        EXPECT_FALSE(sibling.done());
        EXPECT_EQ(sibling.cancelling(), 0U);
        sibling.cancel();
    });
}

// CPython: test_tasks.FutureGatherTests.test_return_exceptions, _result_exception_one_cancellation
// Goal: with return_exceptions errors and cancellations stand where the results would.
TEST_P(OnEveryRuntime, GatherReturnsExceptions) {
    run([] {
        auto victim = create_task(sleep_long);
        const Future<int> failed;
        const auto all = gather(
            return_exceptions, failing(1, "one"), victim, [] { return 3; }, failed, [] {}
        );
        settle();
        EXPECT_FALSE(all.done());
        victim.cancel("gone");
        settle();
        EXPECT_FALSE(all.done());
        failed.set_exception(std::make_exception_ptr(std::runtime_error("four")));
        const auto [one, two, three, four, five] = await(all);
        EXPECT_EQ(end_of(one), "one");
        EXPECT_FALSE(one.has_value());
        EXPECT_NE(one.error(), nullptr);
        EXPECT_EQ(end_of(two), "cancelled: gone");
        EXPECT_EQ(three.value(), 3);
        EXPECT_EQ(three.error(), nullptr);
        EXPECT_EQ(end_of(four), "four");
        EXPECT_TRUE(five.has_value());

        const std::vector<Task<int>> tasks{failing(0, "a"), create_task([] { return 2; })};
        const auto outcomes = await(gather(return_exceptions, tasks));
        ASSERT_EQ(outcomes.size(), 2U);
        EXPECT_EQ(end_of(outcomes[0]), "a");
        EXPECT_EQ(outcomes[1].value(), 2);
    });
}

// CPython: test_tasks.GatherTestsBase, test_one_cancellation; tasks._GatheringFuture.cancel
// Goal: cancelling the whole cancels all children; it ends when the last of them has.
TEST_P(OnEveryRuntime, GatherCancelEndsAfterTheChildren) {
    run([] {
        const Future<void> gate;
        int cleaned = 0;
        const auto body = [&] {
            try {
                sleep_long();
            } catch (const CancelledError&) {
                await(gate);
                ++cleaned;
                throw;
            }
        };
        const auto keep = gather(return_exceptions, create_task(body), create_task(sleep_long));
        settle();
        EXPECT_TRUE(keep.cancel("stop"));
        EXPECT_FALSE(keep.done());
        settle();
        EXPECT_FALSE(keep.done()) << "a child has not ended";
        gate.set_result();
        EXPECT_EQ(end_of(keep), "cancelled: stop");
        EXPECT_EQ(cleaned, 1);
        EXPECT_FALSE(keep.cancelled());  // as in asyncio: it has failed with a CancelledError

        auto first = create_task(body);
        auto second = create_task(body);
        const auto all = gather(first, second);
        settle();
        EXPECT_TRUE(all.cancel("again"));
        EXPECT_EQ(end_of(all), "cancelled: again");
        await(gather(return_exceptions, first, second));
        EXPECT_EQ(cleaned, 3);
    });
}

// CPython: bpo-32684; observed
// Goal: who cancels the whole gets CancelledError, also when every child refuses to be cancelled.
TEST_P(OnEveryRuntime, GatherCancelOfChildrenThatRefuse) {
    run([] {
        const auto keep = gather(return_exceptions, stubborn(1), stubborn(2));
        const auto all = gather(stubborn(1), stubborn(2));
        settle();
        EXPECT_TRUE(keep.cancel("why"));
        EXPECT_TRUE(all.cancel("why"));
        EXPECT_EQ(end_of(keep), "cancelled");
        EXPECT_EQ(end_of(all), "cancelled");
        EXPECT_FALSE(all.cancelled() || keep.cancelled());
    });
}

// CPython: test_tasks.FutureGatherTests (cancel() of a done gather does nothing); observed
// Goal: once the whole is done, its cancel() reaches no child.
TEST_P(OnEveryRuntime, GatherCancelAfterItIsDone) {
    run([] {
        auto sibling = create_task(sleep_long);
        const auto all = gather(sibling, failing(1, "over"));
        EXPECT_EQ(end_of(all), "over");
        EXPECT_FALSE(all.cancel());
        EXPECT_EQ(sibling.cancelling(), 0U);
        sibling.cancel();

        // All children are done, but the whole has not heard of it: nothing is left to cancel.
        const Future<int> last;
        const auto late = gather(last);
        last.set_result(5);
        EXPECT_FALSE(late.cancel());
        EXPECT_EQ(await(late), std::make_tuple(5));
    });
}

// CPython: test_tasks.CoroutineGatherTests.test_duplicate_coroutines, FutureGatherTests
// Goal: one that is given several times is waited for once, and its result stands at each place.
TEST_P(OnEveryRuntime, GatherOfDuplicates) {
    run([] {
        int ran = 0;
        auto task = create_task([&] { return ++ran; });
        const Future<int> other;
        const auto all = gather(task, other, task, task.future(), other);
        settle();
        EXPECT_FALSE(all.done());
        other.set_result(9);
        EXPECT_EQ(await(all), std::make_tuple(1, 9, 1, 1, 9));
        EXPECT_EQ(await(gather(std::vector{task, task})), (std::vector{1, 1}));

        auto victim = create_task(sleep_long);
        const auto both = gather(return_exceptions, victim, victim);
        settle();
        EXPECT_TRUE(both.cancel());
        EXPECT_EQ(end_of(both), "cancelled");
        EXPECT_EQ(victim.cancelling(), 2U);  // once for each place, as in asyncio
    });
}

// CPython: test_tasks.GatherTestsBase.test_constructor_empty_sequence
// Goal: nothing to wait for is done at once, in a task and on a plain thread.
TEST_P(OnEveryRuntime, GatherOfNothing) {
    const auto check = [] {
        EXPECT_TRUE(gather().done());
        EXPECT_TRUE(gather(return_exceptions).done());
        EXPECT_EQ(await(gather()), std::tuple<>());
        EXPECT_TRUE(await(gather(std::vector<Task<int>>())).empty());
        EXPECT_TRUE(await(gather(return_exceptions, std::vector<Future<void>>())).empty());
        EXPECT_FALSE(gather().cancel());
    };
    run(check);
    check();
}

// CPython: tasks.gather ("in the special case that all futures finished eagerly"), of 3.12
// Goal: of children that are all done the whole is done at once; of some, it waits for the others.
TEST_P(OnEveryRuntime, GatherOfWhatIsDone) {
    run([] {
        const Future<int> one;
        one.set_result(1);
        const Future<int> two;
        two.set_result(2);
        const auto all = gather(one, two);
        EXPECT_TRUE(all.done());
        EXPECT_EQ(await(all), std::make_tuple(1, 2));

        const Future<int> failed;
        failed.set_exception(std::make_exception_ptr(std::runtime_error("failed")));
        const Future<int> cancelled;
        cancelled.cancel("cancelled");
        const Future<int> pending;
        const auto at_once = gather(one, pending, failed, cancelled);
        EXPECT_TRUE(at_once.done());
        EXPECT_EQ(end_of(at_once), "failed");  // the first of them
        EXPECT_EQ(end_of(gather(cancelled, failed, pending)), "cancelled: cancelled");

        const auto some = gather(return_exceptions, failed, pending, cancelled);
        EXPECT_FALSE(some.done());
        pending.set_result(3);
        const auto [first, second, third] = await(some);
        EXPECT_EQ(end_of(first), "failed");
        EXPECT_EQ(second.value(), 3);
        EXPECT_EQ(end_of(third), "cancelled: cancelled");
    });
}

// Goal: children without a result, alone and among others.
TEST_P(OnEveryRuntime, GatherOfVoid) {
    run([] {
        const Future<void> future;
        int ran = 0;
        const auto all = gather([&] { ++ran; }, future, create_task([] { return 2; }));
        future.set_result();
        const auto results = await(all);
        EXPECT_EQ(std::get<2>(results), 2);
        static_assert(std::is_same_v<
                      decltype(results),
                      const std::tuple<std::monostate, std::monostate, int>>);
        EXPECT_EQ(ran, 1);
        const auto many = await(gather(std::vector{create_task([] {}), spawn([] {})}));
        EXPECT_EQ(many.size(), 2U);
        const auto kept = await(gather(
            return_exceptions, [] {}, [] { throw 1; }
        ));
        EXPECT_TRUE(std::get<0>(kept).has_value());
        EXPECT_FALSE(std::get<1>(kept).has_value());
        EXPECT_THROW(static_cast<void>(std::get<1>(kept).value()), int);
    });
}

// Goal: results that can only be moved go into the result of the whole, and out of it.
TEST_P(OnEveryRuntime, GatherOfResultsThatCanOnlyBeMoved) {
    run([] {
        const auto make = [](int value) {
            return [value] {
                yield();
                return std::make_unique<int>(value);
            };
        };
        auto [one, two, three] = await(gather(make(1), spawn(make(2)), [] { return 3; }));
        EXPECT_EQ(*one + *two + three, 6);

        auto task = create_task(make(4));
        auto vector = await(gather(std::vector{task, create_task(make(5))}));
        EXPECT_EQ(*vector[0] + *vector[1], 9);
        EXPECT_THROW(await(task), InvalidStateError) << "the gather has its result";

        auto kept = await(gather(return_exceptions, make(6), [] { throw std::logic_error("no"); }));
        EXPECT_EQ(*std::get<0>(std::move(kept)).value(), 6);

        // Given twice, there is one result for two places.
        auto twice = create_task(make(7));
        EXPECT_THROW(await(gather(twice, twice)), InvalidStateError);
    });
}

// Goal: a result whose copy throws is an error of the whole, not the end of the program.
TEST_P(OnEveryRuntime, GatherOfAResultWhoseCopyThrows) {
    struct Fragile {
        Fragile() = default;
        Fragile(const Fragile&) { throw std::runtime_error("copied"); }
        Fragile(Fragile&&) noexcept {}
        Fragile& operator=(const Fragile&) = delete;
        Fragile& operator=(Fragile&&) = delete;
        ~Fragile() = default;
    };
    run([] {
        auto child = create_task([] { return Fragile(); });
        EXPECT_EQ(end_of([&] { await(gather(child, [] {})); }), "copied");
        EXPECT_EQ(end_of([&] { await(gather(std::vector{child})); }), "copied");
    });
}

// Goal: what the children held is destroyed once, and nothing of it stays.
TEST_P(OnEveryRuntime, GatherLeavesNothingAlive) {
    Counted::Count alive{0};
    const auto make = [&] {
        yield();
        return Counted(alive);
    };
    run([&] {
        const auto results = await(gather(make, make, spawn(make)));
        EXPECT_GE(alive.load(), 3);
    });
    EXPECT_EQ(alive.load(), 0);
    run([&] {
        const auto all = gather(return_exceptions, make, failing(1, "failed"), spawn(make));
        const auto outcomes = await(all);
        EXPECT_GE(alive.load(), 4);
    });
    EXPECT_EQ(alive.load(), 0);
    run([&] {
        EXPECT_EQ(end_of([&] { await(gather(make, failing(0, "early"), spawn(make))); }), "early");
        settle();
    });
    EXPECT_EQ(alive.load(), 0);
}

// Goal: futures that nobody will ever set go with their handles, and so does the gather of them.
TEST_P(OnEveryRuntime, GatherOfAbandonedFuturesLeaksNothing) {
    Counted::Count alive{0};
    const auto abandon = [&] {
        const Future<int> pending;
        const auto inner = gather(pending, Future<int>());
        const auto outer = gather(return_exceptions, inner, pending);
        outer.add_done_callback([held = Counted(alive)](const auto&) { ADD_FAILURE(); });
        EXPECT_EQ(alive.load(), 1);
    };
    run([&] {
        abandon();
        settle();
        EXPECT_EQ(alive.load(), 0);
        // The same with one child that is kept: what was waiting for it goes all the same, or at
        // the latest with it.
        {
            const Future<int> kept;
            {
                const auto all = gather(kept, Future<int>());
                all.add_done_callback([held = Counted(alive)](const auto&) { ADD_FAILURE(); });
            }
            settle();
        }
        EXPECT_EQ(alive.load(), 0);
    });
}

// Goal: functions are made tasks of this loop, in the order of the arguments.
TEST_P(OnEveryRuntime, GatherMakesTasksOfFunctions) {
    run([] {
        std::string trace;
        Loop* const here = &get_running_loop();
        const auto note = [&](const char* text) {
            return [&trace, here, text] {
                trace += text;
                EXPECT_EQ(&get_running_loop(), here);
                yield();
                trace += text;
                return trace.size();
            };
        };
        const auto all = gather(note("a"), note("b"), note("c"));
        EXPECT_EQ(trace, "") << "nothing starts within the call";
        await(all);
        EXPECT_EQ(trace, "abcabc");
        const auto lvalue = note("d");
        await(gather(lvalue, lvalue));  // two tasks, not one
        EXPECT_EQ(trace, "abcabcdddd");
        EXPECT_EQ(
            end_of([] { await(gather([] { throw std::runtime_error("thrown"); })); }), "thrown"
        );
    });
}

// Goal: a function has nowhere to run on a plain thread, and is refused there.
TEST(GatherTest, FunctionOutsideOfALoopIsRefused) {
    EXPECT_THROW(static_cast<void>(gather([] {})), RuntimeError);
    const Future<int> future;
    EXPECT_THROW(static_cast<void>(gather(future, [] { return 1; })), RuntimeError);
    future.set_result(1);
}

// Goal: children of every loop and of both kinds, and futures set by threads, in one gather.
TEST_P(OnEveryRuntime, GatherOfChildrenOfEveryLoop) {
    Runtime runtime(options());
    runtime.run([&] {
        for (int round = 0; round < scaled(200); ++round) {
            std::vector<Future<int>> children;
            std::vector<int> expected;
            const auto body = [&](int result) {
                return [result] {
                    yield_times(result % 4);
                    return result;
                };
            };
            for (int i = 0; i < 4 * runtime.workers(); ++i) {
                children.push_back(
                    i % 2 == 0 ? runtime.loop(i / 2 % runtime.workers()).create_task(body(i))
                               : spawn(body(i))
                );
                expected.push_back(i);
            }
            const Future<int> by_thread;
            children.push_back(by_thread);
            expected.push_back(100);
            const auto all = gather(children);
            std::thread setter([&] { by_thread.set_result(100); });
            EXPECT_EQ(await(all), expected);
            setter.join();
        }
    });
}

// Goal: a plain thread gathers and blocks for the result.
TEST_P(OnEveryRuntime, GatherFromAPlainThread) {
    Runtime runtime(options());
    runtime.start();
    for (int round = 0; round < scaled(300); ++round) {
        auto one = runtime.spawn([] {
            yield();
            return 1;
        });
        auto two = runtime.loop(round % runtime.workers()).create_task([] { return 2; });
        auto bad = runtime.spawn([]() -> int { throw std::runtime_error("bad"); });
        const auto kept = gather(return_exceptions, one, bad, two).get();
        EXPECT_EQ(std::get<0>(kept).value() + std::get<2>(kept).value(), 3);
        EXPECT_EQ(end_of(std::get<1>(kept)), "bad");
        EXPECT_EQ(end_of(gather(one, two, bad)), "bad");
        EXPECT_EQ(await(gather(one, two)), std::make_tuple(1, 2));
    }
    // Cancelled from here, too.
    auto sleeper = runtime.spawn(sleep_long);
    auto other = runtime.loop(0).create_task(sleep_long);
    const auto all = gather(return_exceptions, sleeper, other);
    EXPECT_TRUE(all.cancel("from the thread"));
    EXPECT_EQ(end_of(all), "cancelled: from the thread");
    EXPECT_TRUE(sleeper.cancelled() && other.cancelled());
}

// CPython: test_tasks.CoroutineGatherTests.test_cancellation_broadcast
// Goal: cancelling who awaits the whole cancels the children, and he goes on when they have ended.
TEST_P(OnEveryRuntime, GatherIsCancelledWithItsParent) {
    run([] {
        for (const bool keep : {true, false}) {
            const Future<void> gate;
            std::atomic<int> cleaned{0};
            const auto body = [&] {
                try {
                    sleep_long();
                } catch (const CancelledError&) {
                    await(gate);
                    ++cleaned;
                    throw;
                }
            };
            auto pinned = create_task(body);
            auto stealable = spawn(body);
            auto parent = create_task([&] {
                if (keep) {
                    await(gather(return_exceptions, pinned, stealable));
                } else {
                    await(gather(pinned, stealable));
                }
            });
            settle();
            EXPECT_TRUE(parent.cancel("down"));
            settle();
            EXPECT_FALSE(parent.done());
            gate.set_result();
            EXPECT_EQ(end_of(parent), "cancelled: down");
            EXPECT_TRUE(parent.cancelled());
            settle();
            EXPECT_TRUE(pinned.cancelled() && stealable.cancelled());
            EXPECT_EQ(cleaned.load(), 2);
        }
    });
}

// CPython: rule 7 of asyncio.md
// Goal: a parent cancelled when the children are done but it has not gone on is cancelled.
TEST_P(OnEveryRuntime, GatherResultLosesAgainstACancellation) {
    run([] {
        const Future<int> one;
        const auto all = gather(one);
        auto parent = create_task([&] { await(all); });
        settle();
        one.set_result(1);
        while (!all.done()) {
            yield();
        }
        if (!parent.done()) {
            parent.cancel();
            EXPECT_EQ(end_of(parent), "cancelled");
        }
        EXPECT_EQ(await(all), std::make_tuple(1));
    });
}

// CPython: test_tasks.CoroutineGatherTests.test_exception_marking and nested use
// Goal: a gather is a child like any other: results, errors and cancellations go through.
TEST_P(OnEveryRuntime, GatherOfGathers) {
    run([] {
        const auto one = [] { return 1; };
        const auto nested = await(gather(gather(one, one), gather(std::vector{create_task(one)})));
        EXPECT_EQ(nested, std::make_tuple(std::make_tuple(1, 1), std::vector{1}));
        EXPECT_EQ(end_of([&] { await(gather(one, gather(one, failing(2, "deep")))); }), "deep");

        auto leaf = create_task(sleep_long);
        const auto all = gather(return_exceptions, gather(leaf), gather(return_exceptions, leaf));
        settle();
        EXPECT_TRUE(all.cancel("all"));
        EXPECT_EQ(end_of(all), "cancelled");  // a gather is not cancelled: it has no message
        EXPECT_TRUE(leaf.cancelled());
    });
}

// CPython: observed
// Goal: a shield keeps a gather that nobody else holds.
TEST_P(OnEveryRuntime, GatherWithinAShield) {
    run([] {
        const Future<void> gate;
        auto one = create_task([&] {
            await(gate);
            return 1;
        });
        const auto shielded = shield(gather(one, [] { return 2; }));
        settle();
        gate.set_result();
        settle();
        ASSERT_TRUE(shielded.done()) << "the gather within was lost";
        EXPECT_EQ(await(shielded), std::make_tuple(1, 2));
    });
}

// Goal: a runtime that ends ends its gathers, those in a task and one that outlives it.
TEST_P(OnEveryRuntime, GatherAtTheEndOfTheRuntime) {
    std::vector<Task<void>> parents;
    std::vector<Future<std::vector<std::monostate>>> gathers;
    run([&] {
        for (int i = 0; i < 10; ++i) {
            const auto body = [] { await(gather(sleep_long, spawn(sleep_long))); };
            parents.push_back(i % 2 == 0 ? create_task(body) : spawn(body));
            gathers.push_back(gather(std::vector{create_task(sleep_long), spawn(sleep_long)}));
        }
        yield_times(3);
    });
    for (const auto& parent : parents) {
        EXPECT_TRUE(parent.cancelled());
    }
    for (const auto& all : gathers) {
        ASSERT_TRUE(all.done());
        EXPECT_EQ(end_of(all), "cancelled");
    }
}

// Goal: two who cancel one gather at once both count: whoever was told that it is cancelled gets
// CancelledError out of it.
TEST_P(OnEveryRuntime, GatherIsCancelledByTwoThreadsAtOnce) {
    run([] {
        const int rounds = scaled(2000);
        using All = decltype(gather(return_exceptions, Future<int>(), Future<int>()));
        std::atomic<const All*> shared{nullptr};
        std::atomic<int> round_of_thread{0};
        std::atomic<bool> thread_cancelled{false};
        std::thread other([&] {
            for (int round = 1; round <= rounds; ++round) {
                const All* all = nullptr;
                while ((all = shared.load()) == nullptr) {
                    std::this_thread::yield();
                }
                thread_cancelled = all->cancel();
                shared = nullptr;
                round_of_thread = round;
            }
        });
        int lost = 0;
        for (int round = 1; round <= rounds; ++round) {
            const Future<int> done;
            done.set_result(1);
            const auto all = gather(return_exceptions, done, Future<int>());
            shared = &all;
            const bool mine = all.cancel();
            while (round_of_thread.load() != round) {
                std::this_thread::yield();
            }
            EXPECT_NE(mine, thread_cancelled.load()) << "one cancelled it";
            lost += end_of(all) == "ok" ? 1 : 0;
        }
        other.join();
        EXPECT_EQ(lost, 0) << "a cancellation was forgotten";
    });
}

// Goal: children of all loops end while their parent is cancelled: there is one outcome, one that
// keeps the errors ends after its children, and no error goes unseen.
TEST_P(OnEveryRuntime, GatherStorm) {
    Runtime runtime(options());
    runtime.run([&] {
        auto random = random_engine();
        constexpr int kChildren = 6;
        for (int round = 0; round < scaled(3000); ++round) {
            const bool keep = random() % 2 == 0;
            const bool fails = random() % 4 == 0;
            const auto failing_child = static_cast<int>(random() % kChildren);
            std::vector<Future<int>> children;
            for (int i = 0; i < kChildren; ++i) {
                const auto turns = static_cast<int>(random() % 6);
                const bool fail = fails && i == failing_child;
                const auto body = [i, turns, fail] {
                    yield_times(turns);
                    if (fail) {
                        throw std::runtime_error("storm");
                    }
                    return i;
                };
                children.push_back(
                    i % 2 == 0 ? runtime.loop(i % runtime.workers()).create_task(body) : spawn(body)
                );
            }
            const auto all_done = [&] {
                for (const auto& child : children) {
                    if (!child.done()) {
                        return false;
                    }
                }
                return true;
            };
            // Made here, so that an error which the parent's own cancellation beats is looked at.
            const auto kept = keep ? gather(return_exceptions, children)
                                   : gather(return_exceptions, std::vector<Future<int>>());
            const auto all = gather(keep ? std::vector<Future<int>>() : children);
            std::atomic<bool> started{false};  // one that is cancelled before cancels nothing
            const auto body = [&, keep] {
                started = true;
                if (!keep) {
                    EXPECT_EQ(await(all), (std::vector{0, 1, 2, 3, 4, 5}));
                    return;
                }
                const auto outcomes = await(kept);
                EXPECT_TRUE(all_done());
                for (int i = 0; i < kChildren; ++i) {
                    const auto& outcome = outcomes[static_cast<std::size_t>(i)];
                    EXPECT_EQ(end_of(outcome), fails && i == failing_child ? "storm" : "ok");
                }
            };
            auto parent = random() % 2 == 0 ? create_task(body) : spawn(body);
            yield_times(static_cast<int>(random() % 8));
            parent.cancel("parent");
            const std::string end = end_of(parent);
            const bool cancelled = end.compare(0, 9, "cancelled") == 0;
            EXPECT_TRUE(end == "ok" || cancelled || (end == "storm" && fails && !keep)) << end;
            if (started.load()) {
                EXPECT_TRUE(all.done() && kept.done());
                EXPECT_TRUE(all_done() || !keep) << "it ended before its children";
            }
            for (const auto& child : children) {
                child.cancel();
                static_cast<void>(end_of(child));
            }
            static_cast<void>(end_of(all));
            static_cast<void>(end_of(kept));
        }
    });
}

}  // namespace
}  // namespace weft::test
