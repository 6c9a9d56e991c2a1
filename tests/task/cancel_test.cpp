#include <gtest/gtest.h>

#include <atomic>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>
#include <weft/sleep.hpp>
#include <weft/task.hpp>

#include "support/runtime_fixture.hpp"

namespace weft::test {
namespace {

using std::chrono::hours;

void sleep_long() {
    sleep(hours(1));
}

/// The message of the CancelledError that `f` throws.
template <class F>
std::string message_of(F&& f) {
    try {
        f();
    } catch (const CancelledError& error) {
        return error.message();
    }
    return "nothing was thrown";
}

// CPython: test_tasks.BaseTaskTests.test_cancel_task_before_it_runs (asyncio.md, rule 8)
// Goal: a task that is cancelled before it started never runs its body.
TEST_P(OnEveryRuntime, CancelBeforeStart) {
    run([] {
        bool ran = false;
        auto task = create_task([&] { ran = true; });
        EXPECT_TRUE(task.cancel());
        EXPECT_FALSE(task.cancelled());  // only asked for so far
        EXPECT_EQ(task.cancelling(), 1U);
        EXPECT_THROW(await(task), CancelledError);
        EXPECT_TRUE(task.cancelled());
        EXPECT_FALSE(task.cancel());
        EXPECT_FALSE(ran);
    });
}

// CPython: test_tasks.BaseTaskTests.test_cancel
// Goal: a sleeper is woken by the cancellation, and is cancelled when it has ended.
TEST_P(OnEveryRuntime, CancelOfASleeper) {
    run([] {
        for (const bool pinned : {true, false}) {
            auto task = pinned ? create_task(sleep_long) : spawn(sleep_long);
            settle();
            EXPECT_TRUE(task.cancel());
            EXPECT_THROW(await(task), CancelledError);
            EXPECT_TRUE(task.cancelled());
        }
    });
}

// Goal: the same from a plain thread and from every loop.
TEST_P(OnEveryRuntime, CancelFromElsewhere) {
    Runtime runtime(options());
    runtime.run([&] {
        for (int from = 0; from <= runtime.workers(); ++from) {
            std::vector<Task<void>> sleepers;
            for (int i = 0; i < runtime.workers(); ++i) {
                sleepers.push_back(runtime.loop(i).create_task(sleep_long));
                sleepers.push_back(spawn(sleep_long));
            }
            settle();
            const auto cancel_all = [&] {
                for (const auto& task : sleepers) {
                    EXPECT_TRUE(task.cancel("from afar"));
                }
            };
            if (from == runtime.workers()) {
                std::thread(cancel_all).join();
            } else {
                await(runtime.loop(from).create_task(cancel_all));
            }
            for (const auto& task : sleepers) {
                EXPECT_EQ(message_of([&] { await(task); }), "from afar");
            }
        }
    });
}

// CPython: test_tasks.BaseTaskTests.test_cancel_inner_future
// Goal: what a cancelled task waits for is cancelled with it.
TEST_P(OnEveryRuntime, CancelIsForwardedToTheFuture) {
    run([] {
        const Future<int> future;
        auto task = spawn([&] { return await(future); });
        settle();
        task.cancel("why");
        EXPECT_TRUE(future.cancelled());
        EXPECT_EQ(message_of([&] { await(task); }), "why");
        EXPECT_EQ(message_of([&] { static_cast<void>(future.result()); }), "why");
    });
}

// CPython: test_tasks.BaseTaskTests.test_cancel_with_message_then_future_exception, and _chained
// Goal: the child sees the cancellation first, and the parent goes on only when the child is done.
TEST_P(OnEveryRuntime, CancelIsForwardedToTheChildAndWaitsForIt) {
    run([] {
        std::string trace;
        auto child = create_task([&] {
            try {
                sleep_long();
            } catch (const CancelledError& error) {
                trace += "child:" + error.message() + " ";
                yield();
                yield();
                trace += "cleaned ";
                throw;
            }
        });
        auto parent = create_task([&] {
            try {
                await(child);
            } catch (const CancelledError& error) {
                trace += "parent:" + error.message();
                throw;
            }
        });
        settle();
        parent.cancel("down");
        EXPECT_FALSE(child.done());
        EXPECT_THROW(await(parent), CancelledError);
        EXPECT_TRUE(child.cancelled());
        EXPECT_EQ(trace, "child:down cleaned parent:down");
    });
}

// CPython: test_tasks.BaseTaskTests.test_cancel_catch, test_cancel_inner... (a child may refuse)
// Goal: if the child swallows the cancellation, the parent goes on with its result.
TEST_P(OnEveryRuntime, CancelSwallowedByTheChild) {
    run([] {
        auto child = spawn([] {
            try {
                sleep_long();
            } catch (const CancelledError&) {
            }
            return 42;
        });
        auto parent = spawn([&] { return await(child) + 1; });
        settle();
        EXPECT_TRUE(parent.cancel());
        EXPECT_EQ(await(parent), 43);
        EXPECT_FALSE(parent.cancelled());
        EXPECT_EQ(parent.cancelling(), 1U);
        EXPECT_EQ(child.cancelling(), 1U);
    });
}

// CPython: asyncio.md rule 7, observed
// Goal: a cancellation that comes after the result but before its delivery wins.
TEST_P(OnEveryRuntime, CancelBeatsAResultThatIsNotDelivered) {
    run([] {
        const Future<int> future;
        auto task = create_task([&] { return await(future); });
        settle();
        future.set_result(1);
        EXPECT_TRUE(task.cancel());
        EXPECT_THROW(await(task), CancelledError);
        EXPECT_EQ(future.result(), 1);

        auto sleeper = create_task([] { yield(); });
        yield();  // it is in the middle of its yield now
        EXPECT_TRUE(sleeper.cancel());
        EXPECT_THROW(await(sleeper), CancelledError);
    });
}

// CPython: test_tasks.BaseTaskTests.test_cancel_at_end
// Goal: a task cancelled in its last step becomes cancelled; its result is dropped.
TEST_P(OnEveryRuntime, CancelAtEnd) {
    run([] {
        auto task = spawn([] {
            current_task().cancel("late");
            return std::string("result");
        });
        EXPECT_EQ(message_of([&] { await(task); }), "late");
        EXPECT_TRUE(task.cancelled());
    });
}

// CPython: BaseTask.__step (an exception beats a cancellation that was not delivered)
// Goal: a task cancelled in its last step that throws has failed.
TEST_P(OnEveryRuntime, ErrorAtEndBeatsCancel) {
    run([] {
        auto task = spawn([] {
            current_task().cancel();
            throw std::out_of_range("worse");
        });
        EXPECT_THROW(await(task), std::out_of_range);
        EXPECT_FALSE(task.cancelled());
    });
}

// CPython: test_tasks.BaseTaskTests.test_cancel_current_task
// Goal: a task that cancels itself goes on to its next wait.
TEST_P(OnEveryRuntime, SelfCancelIsThrownAtTheNextWait) {
    run([] {
        for (int how = 0; how < 4; ++how) {
            bool before = false;
            bool after = false;
            auto task = spawn([&] {
                current_task().cancel("self");
                before = true;
                const Future<void> never;
                switch (how) {
                    case 0:
                        yield();
                        break;
                    case 1:
                        sleep_long();
                        break;
                    case 2:
                        await(never);
                        break;
                    default:
                        await(spawn(sleep_long));
                }
                after = true;
            });
            EXPECT_EQ(message_of([&] { await(task); }), "self") << how;
            EXPECT_TRUE(before);
            EXPECT_FALSE(after) << how;
        }
    });
}

// CPython: asyncio.md rules 5 and 6
// Goal: awaiting something done is no wait: the cancellation stays for the next one.
TEST_P(OnEveryRuntime, CancelIsNotThrownByAnAwaitThatDoesNotWait) {
    run([] {
        auto task = create_task([] {
            const Future<int> done;
            done.set_result(1);
            current_task().cancel();
            EXPECT_EQ(await(done), 1);
            EXPECT_THROW(yield(), CancelledError);
        });
        await(task);
    });
}

// CPython: test_tasks.BaseTaskTests.test_uncancel_basic, test_uncancel_structured_blocks
// Goal: cancelling() counts requests and uncancel() takes them back, never below 0.
TEST_P(OnEveryRuntime, CancellingCountsAndUncancelTakesBack) {
    run([] {
        auto task = create_task([] {
            try {
                sleep_long();
            } catch (const CancelledError&) {
            }
            EXPECT_EQ(current_task().cancelling(), 2U);
            EXPECT_EQ(current_task().uncancel(), 1U);
            EXPECT_EQ(current_task().uncancel(), 0U);
            EXPECT_EQ(current_task().uncancel(), 0U);
            EXPECT_EQ(current_task().cancelling(), 0U);
            yield();
            return 10;
        });
        EXPECT_EQ(task.uncancel(), 0U);
        settle();
        EXPECT_TRUE(task.cancel());
        EXPECT_TRUE(task.cancel());
        EXPECT_EQ(task.cancelling(), 2U);
        EXPECT_EQ(await(task), 10);
        EXPECT_FALSE(task.cancelled());
    });
}

// CPython: test_tasks.BaseTaskTests.test_uncancel_resets_must_cancel (3.13, gh-117407)
// Goal: the last request taken back takes back a cancellation that was not thrown yet; not before.
TEST_P(OnEveryRuntime, UncancelToZeroTakesBackWhatWasNotThrown) {
    run([] {
        auto task = create_task([] {
            current_task().cancel();
            EXPECT_EQ(current_task().uncancel(), 0U);
            yield();
            sleep(std::chrono::nanoseconds(1));

            current_task().cancel();
            current_task().cancel();
            EXPECT_EQ(current_task().uncancel(), 1U);
            EXPECT_THROW(yield(), CancelledError);
            yield();  // one was thrown, none is left
        });
        await(task);
    });
}

// CPython: asyncio.md 1.4, observed
// Goal: of several requests one is thrown, with the first message; later ones have their own.
TEST_P(OnEveryRuntime, FirstMessageWins) {
    run([] {
        auto task = create_task([] {
            EXPECT_EQ(message_of(sleep_long), "m1");
            EXPECT_EQ(current_task().cancelling(), 2U);
            yield();
            current_task().cancel("m3");
            EXPECT_EQ(message_of(yield), "m3");
            // One that was taken back takes its message along.
            current_task().cancel("m4");
            while (current_task().uncancel() != 0) {
            }
            current_task().cancel("m5");
            EXPECT_EQ(message_of(yield), "m5");
        });
        settle();
        task.cancel("m1");
        task.cancel("m2");
        await(task);
    });
}

// CPython: test_tasks.BaseTaskTests.test_cancel_catch, test_cancel_twice...
// Goal: who swallows a cancellation can be cancelled again.
TEST_P(OnEveryRuntime, CancelAgainAfterItWasSwallowed) {
    run([] {
        std::atomic<int> swallowed{0};
        auto task = spawn([&] {
            for (int i = 0; i < 3; ++i) {
                try {
                    sleep_long();
                } catch (const CancelledError&) {
                    swallowed.fetch_add(1);
                }
            }
            sleep_long();
        });
        for (int i = 0; i < 4; ++i) {
            settle();
            EXPECT_EQ(swallowed.load(), i);
            task.cancel();
        }
        EXPECT_THROW(await(task), CancelledError);
    });
}

// CPython: CancelledError is a BaseException (asyncio.md, rule 10)
// Goal: a handler for errors does not swallow a cancellation.
TEST_P(OnEveryRuntime, CancelPassesHandlersOfErrors) {
    run([] {
        bool handled = false;
        auto task = spawn([&] {
            try {
                sleep_long();
            } catch (const std::exception&) {
                handled = true;
            }
        });
        settle();
        task.cancel();
        EXPECT_THROW(await(task), CancelledError);
        EXPECT_FALSE(handled);
    });
}

struct WaitsInItsDestructor {
    const Future<int>& gate;
    std::string& trace;
    std::atomic<bool>& unwinding;
    ~WaitsInItsDestructor() {
        trace += "in ";
        unwinding.store(true);
        yield();
        sleep(std::chrono::microseconds(1));
        trace += std::to_string(await(gate)) + " ";
    }
};

// Goal: a task that unwinds may wait; a cancellation that comes then is not thrown there (R7), and
// does not cancel what the destructor waits for.
TEST_P(OnEveryRuntime, CancelIsNotThrownWhileUnwinding) {
    run([] {
        for (const bool go_on : {false, true}) {
            std::string trace;
            std::atomic<bool> unwinding{false};
            const Future<int> gate;
            auto task = spawn([&] {
                try {
                    const WaitsInItsDestructor waits{gate, trace, unwinding};
                    throw std::out_of_range("first");
                } catch (const std::out_of_range& error) {
                    trace += error.what();
                    if (go_on) {
                        EXPECT_THROW(yield(), CancelledError);  // here it is
                        trace += " thrown";
                    }
                    throw;
                }
            });
            while (!unwinding.load()) {
                yield();
            }
            task.cancel();
            settle();
            EXPECT_FALSE(gate.done());
            gate.set_result(5);
            EXPECT_THROW(await(task), std::out_of_range);
            EXPECT_EQ(trace, go_on ? "in 5 first thrown" : "in 5 first");
        }
    });
}

// Goal: a child that cancels the parent which awaits it is cancelled itself, and then the parent.
TEST_P(OnEveryRuntime, ChildCancelsItsParent) {
    run([] {
        const Future<Task<void>> handle;
        auto parent = spawn([&] {
            await(spawn([&] {
                await(handle).cancel("by the child");
                yield();
                ADD_FAILURE() << "the child went on";
            }));
        });
        settle();  // the parent waits for the child now
        handle.set_result(parent);
        EXPECT_EQ(message_of([&] { await(parent); }), "by the child");
    });
}

// Goal: a long chain of tasks, each awaiting the next, is cancelled from its far end.
TEST_P(OnEveryRuntime, DeepChainIsCancelled) {
    const int depth = scaled_tasks(2000);
    Runtime runtime(options());
    runtime.run([&] {
        for (const bool from_thread : {true, false}) {
            std::vector<Task<void>> chain;
            chain.push_back(create_task(sleep_long));
            for (int i = 1; i < depth; ++i) {
                const auto body = [inner = chain.back()] { await(inner); };
                chain.push_back(i % 3 == 0 ? create_task(body) : spawn(body));
            }
            settle();
            if (from_thread) {
                std::thread([&] { chain.back().cancel("deep"); }).join();
            } else {
                chain.back().cancel("deep");
            }
            EXPECT_EQ(message_of([&] { await(chain.back()); }), "deep");
            for (const auto& task : chain) {
                EXPECT_TRUE(task.cancelled());
            }
        }
    });
}

// Goal: a cancellation races with the task's end: one outcome, and cancel() told the truth.
TEST_P(OnEveryRuntime, CancelRacesWithCompletion) {
    Runtime runtime(options());
    runtime.start();
    const int rounds = scaled(10'000);
    int values = 0;
    int cancelled = 0;
    std::atomic<int> bodies_ended{0};
    auto random = random_engine();
    for (int round = 0; round < rounds; ++round) {
        const auto steps = random() % 4;
        const auto body = [&bodies_ended, steps] {
            for (std::size_t i = 0; i < steps; ++i) {
                yield();
            }
            bodies_ended.fetch_add(1);
            return 1;
        };
        auto task = round % 2 == 0 ? runtime.spawn(body)
                                   : runtime.loop(round % runtime.workers()).create_task(body);
        for (auto spins = random() % 200; spins > 0 && !task.done(); --spins) {
        }
        const bool asked = task.cancel();
        try {
            values += await(task);
            EXPECT_FALSE(asked);
        } catch (const CancelledError&) {
            ++cancelled;
            EXPECT_TRUE(asked);
        }
    }
    EXPECT_EQ(values + cancelled, rounds);
    EXPECT_LE(values, bodies_ended.load());
}

// Goal: a task that is cancelled while its callable ends, in its very last step, is cancelled; who
// asked was told so.
TEST_P(OnEveryRuntime, CancelWhileTheCallableEnds) {
    struct Ending {
        std::atomic<bool>& ends;
        std::atomic<bool>& asked;
        bool counts = true;
        Ending(std::atomic<bool>& ends_, std::atomic<bool>& asked_) : ends(ends_), asked(asked_) {}
        Ending(Ending&& other) noexcept
            : ends(other.ends), asked(other.asked), counts(std::exchange(other.counts, false)) {}
        Ending& operator=(Ending&&) = delete;
        ~Ending() {
            if (counts) {
                ends = true;
                ends.notify_all();
                asked.wait(false);
            }
        }
        int operator()() const { return 1; }
    };
    Runtime runtime(options());
    runtime.start();
    std::atomic<bool> ends{false};
    std::atomic<bool> asked{false};
    auto task = runtime.spawn(Ending(ends, asked));
    ends.wait(false);
    EXPECT_TRUE(task.cancel());
    asked = true;
    asked.notify_all();
    EXPECT_THROW(await(task), CancelledError);
}

// Goal: cancellers who come as the task ends bring their messages while others read the one it ended with.
TEST_P(OnEveryRuntime, LateMessagesAgainstReaders) {
    Runtime runtime(options());
    runtime.start();
    const std::string message(100, 'm');
    for (int round = 0; round < scaled(3000); ++round) {
        auto task = runtime.spawn([] { sleep_long(); });
        std::thread canceller([&] {
            for (int i = 0; i < 20 && task.cancel(message); ++i) {
            }
        });
        EXPECT_EQ(message_of([&] { await(task); }), message);
        EXPECT_EQ(message_of([&] { await(task); }), message);
        canceller.join();
    }
}

// Goal: A sets the result, C cancels the waiter on B: one outcome, nothing hangs.
TEST_P(OnEveryRuntime, CancelRacesWithSetResultOfTheAwaitedFuture) {
    Runtime runtime(options());
    runtime.run([&] {
        const int rounds = scaled(10'000);
        std::atomic<int> values{0};
        std::atomic<int> cancellations{0};
        std::atomic<int> sets{0};
        for (int round = 0; round < rounds; ++round) {
            const Future<int> future;
            auto waiter =
                runtime.loop(round % runtime.workers()).create_task([&] { return await(future); });
            if (round % 3 != 0) {
                yield();
            }
            auto setter = spawn([&] {
                try {
                    future.set_result(1);
                    sets.fetch_add(1);
                } catch (const InvalidStateError&) {
                }
            });
            auto canceller = spawn([&] { waiter.cancel(); });
            try {
                values.fetch_add(await(waiter));
            } catch (const CancelledError&) {
                cancellations.fetch_add(1);
            }
            await(canceller);
            await(setter);
            EXPECT_TRUE(future.done());
        }
        EXPECT_EQ(values.load() + cancellations.load(), rounds);
        EXPECT_LE(values.load(), sets.load());
    });
}

// Goal: many cancel one at once: the requests are all counted, one CancelledError is thrown.
TEST_P(OnEveryRuntime, ManyCancelOneAtOnce) {
    Runtime runtime(options());
    runtime.run([&] {
        for (int round = 0; round < scaled(500); ++round) {
            int thrown = 0;
            const Future<void> never;
            auto child = spawn([&] { await(never); });
            auto task = spawn([&] {
                try {
                    await(child);
                } catch (const CancelledError&) {
                    ++thrown;
                }
                return current_task().cancelling();
            });
            settle();
            std::vector<Task<void>> cancellers;
            for (int i = 0; i < 4; ++i) {
                cancellers.push_back(spawn([&] { task.cancel(); }));
            }
            for (const auto& canceller : cancellers) {
                await(canceller);
            }
            try {
                EXPECT_GE(await(task), 1U);
            } catch (const CancelledError&) {
                // A request that came after the first was thrown is thrown at the end.
            }
            EXPECT_EQ(thrown, 1);
            EXPECT_TRUE(never.cancelled());
        }
    });
}

}  // namespace
}  // namespace weft::test
