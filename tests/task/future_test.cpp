#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>
#include <weft/future.hpp>
#include <weft/sleep.hpp>
#include <weft/task.hpp>

#include "support/runtime_fixture.hpp"
#include "support/text_of.hpp"
#include "task/counted.hpp"

namespace weft::test {
namespace {

using std::chrono::milliseconds;

std::exception_ptr broken() {
    return std::make_exception_ptr(std::out_of_range("broken"));
}

// CPython: test_futures.BaseFutureTests.test_initial_state, test_state
// Goal: pending, finished and cancelled answer as asyncio's do.
TEST(Future, States) {
    const Future<int> pending;
    EXPECT_FALSE(pending.done());
    EXPECT_FALSE(pending.cancelled());

    const Future<int> finished;
    finished.set_result(42);
    EXPECT_TRUE(finished.done());
    EXPECT_FALSE(finished.cancelled());
    EXPECT_EQ(finished.result(), 42);
    EXPECT_EQ(finished.exception(), nullptr);
    EXPECT_FALSE(finished.cancel());

    const Future<int> failed;
    failed.set_exception(broken());
    EXPECT_TRUE(failed.done());
    EXPECT_THROW(static_cast<void>(failed.result()), std::out_of_range);
    EXPECT_NE(failed.exception(), nullptr);

    const Future<int> cancelled;
    EXPECT_TRUE(cancelled.cancel());
    EXPECT_TRUE(cancelled.done());
    EXPECT_TRUE(cancelled.cancelled());
    EXPECT_FALSE(cancelled.cancel());
    EXPECT_THROW(static_cast<void>(cancelled.result()), CancelledError);
    EXPECT_THROW(static_cast<void>(cancelled.exception()), CancelledError);
}

// CPython: test_futures.BaseFutureTests.test_result, test_exception, test_set_result_twice
// Goal: InvalidStateError says which call met which state.
TEST(Future, InvalidStateErrorsSayWhatIsWrong) {
    const Future<int> future;
    EXPECT_EQ(
        text_of<InvalidStateError>([&] { static_cast<void>(future.result()); }),
        "result(): the future is not done"
    );
    EXPECT_EQ(
        text_of<InvalidStateError>([&] { static_cast<void>(future.exception()); }),
        "exception(): the future is not done"
    );
    future.set_result(1);
    EXPECT_EQ(
        text_of<InvalidStateError>([&] { future.set_result(2); }),
        "set_result(): the future is finished already"
    );
    EXPECT_EQ(
        text_of<InvalidStateError>([&] { future.set_exception(broken()); }),
        "set_exception(): the future is finished already"
    );
    EXPECT_EQ(future.result(), 1);

    const Future<void> cancelled;
    cancelled.cancel();
    EXPECT_EQ(
        text_of<InvalidStateError>([&] { cancelled.set_result(); }),
        "set_result(): the future is cancelled already"
    );
    EXPECT_THROW(future.set_exception(nullptr), ValueError);
}

// CPython: test_futures.BaseFutureTests.test_cancel_message_getter (the message survives)
// Goal: what was given to cancel() reaches everyone who looks.
TEST(Future, CancelMessageIsKept) {
    const Future<int> future;
    future.cancel("enough");
    for (int i = 0; i < 2; ++i) {
        try {
            static_cast<void>(future.result());
            FAIL();
        } catch (const CancelledError& error) {
            EXPECT_EQ(error.message(), "enough");
        }
    }
}

// Goal: a result set by a plain thread or by another loop reaches a task that waits.
TEST_P(OnEveryRuntime, FutureIsSetFromElsewhere) {
    Runtime runtime(options());
    runtime.run([&] {
        const Future<std::string> by_thread;
        std::thread setter([&] { by_thread.set_result("thread"); });
        EXPECT_EQ(await(by_thread), "thread");
        setter.join();

        for (int i = 0; i < runtime.workers(); ++i) {
            const Future<int> by_loop;
            runtime.loop(i).create_task([by_loop, i] { by_loop.set_result(i); });
            EXPECT_EQ(await(by_loop), i);
            const Future<int> by_callback;
            runtime.loop(i).call_soon_threadsafe([by_callback, i] { by_callback.set_result(i); });
            EXPECT_EQ(await(by_callback), i);
        }
    });
}

// CPython: test_futures.BaseFutureTests.test_exception
// Goal: any type of exception comes out as it went in, however often one looks, from any loop.
TEST_P(OnEveryRuntime, FutureRethrowsWhateverItWasGiven) {
    run([] {
        const Future<int> number;
        number.set_exception(std::make_exception_ptr(7));
        for (int i = 0; i < 2; ++i) {
            try {
                await(number);
                FAIL();
            } catch (int value) {
                EXPECT_EQ(value, 7);
            }
        }
        auto thrower = spawn([]() -> int { throw std::out_of_range("from a task"); });
        EXPECT_EQ(text_of<std::out_of_range>([&] { await(thrower); }), "from a task");
        EXPECT_EQ(
            text_of<std::out_of_range>([&] { static_cast<void>(thrower.result()); }), "from a task"
        );
    });
}

// CPython: test_futures.BaseFutureTests.test_tb_logger_exception_unretrieved
// Goal: an error that nobody looked at is logged once, when the last handle goes, not before.
TEST(Future, ErrorNeverRetrievedIsLoggedOnce) {
    const LogCapture log;
    expect_unseen(1);
    {
        const Future<int> future;
        future.set_exception(broken());
        const Future<int> copy = future;
        EXPECT_EQ(log.count("never retrieved"), 0);
    }
    EXPECT_EQ(log.count("exception of a future was never retrieved: std::out_of_range: broken"), 1);
    EXPECT_EQ(log.lines().size(), 1U);
}

// CPython: test_futures.BaseFutureTests.test_tb_logger_result_retrieved, ..._exception_retrieved
// Goal: result(), exception(), an await and cancel() count as having looked.
TEST(Future, ErrorThatWasLookedAtIsNotLogged) {
    const LogCapture log;
    weft::run([] {
        for (int how = 0; how < 4; ++how) {
            const Future<int> future;
            future.set_exception(broken());
            switch (how) {
                case 0:
                    EXPECT_THROW(static_cast<void>(future.result()), std::out_of_range);
                    break;
                case 1:
                    EXPECT_NE(future.exception(), nullptr);
                    break;
                case 2:
                    EXPECT_THROW(await(future), std::out_of_range);
                    break;
                default:
                    EXPECT_FALSE(future.cancel());
            }
        }
    });
    EXPECT_EQ(log.lines().size(), 0U);
}

// CPython: test_tasks.BaseTaskTests.test_log_traceback ("Task exception was never retrieved")
// Goal: a task that fails with nobody awaiting it is named in one line.
TEST_P(OnEveryRuntime, TaskErrorNeverRetrievedIsLoggedByName) {
    const LogCapture log;
    expect_unseen(2);
    run([] {
        create_task([] { throw std::out_of_range("pinned"); }, "careless");
        spawn([] { throw std::out_of_range("stealable"); }, "roaming");
        settle();
    });
    EXPECT_EQ(log.count("task 'careless' was never retrieved: std::out_of_range: pinned"), 1);
    EXPECT_EQ(log.count("task 'roaming' was never retrieved: std::out_of_range: stealable"), 1);
    EXPECT_EQ(log.count("never retrieved"), 2);
}

// Goal: a result that can only be moved is handed to the first who asks; later ones are told.
TEST_P(OnEveryRuntime, MoveOnlyResultIsTakenOnce) {
    run([] {
        const auto task = spawn([] { return std::make_unique<int>(5); }, "once");
        task.wait();
        EXPECT_EQ(*task.result(), 5);  // looking takes nothing
        const std::unique_ptr<int> taken = await(task);
        EXPECT_EQ(*taken, 5);
        EXPECT_EQ(
            text_of<InvalidStateError>([&] { await(task); }),
            "the result of task 'once' can only be moved, and somebody has taken it"
        );
        EXPECT_THROW(static_cast<void>(task.result()), InvalidStateError);

        const Future<std::unique_ptr<int>> future;
        future.set_result(std::make_unique<int>(6));
        EXPECT_EQ(*await(future), 6);
    });
}

// Goal: of many who await a result that can only be moved, exactly one gets it.
TEST_P(OnEveryRuntime, MoveOnlyResultHasOneWinner) {
    run([] {
        for (int round = 0; round < scaled(200); ++round) {
            const Future<std::unique_ptr<int>> future;
            std::atomic<int> winners{0};
            std::vector<Task<void>> tasks;
            for (int i = 0; i < 4; ++i) {
                tasks.push_back(spawn([&] {
                    try {
                        EXPECT_EQ(*await(future), 1);
                        winners.fetch_add(1);
                    } catch (const InvalidStateError&) {
                    }
                }));
            }
            yield();
            future.set_result(std::make_unique<int>(1));
            for (const auto& task : tasks) {
                await(task);
            }
            EXPECT_EQ(winners.load(), 1);
        }
    });
}

// Goal: nothing but "done" is transported where there is no value.
TEST_P(OnEveryRuntime, VoidResult) {
    run([] {
        const Future<void> future;
        auto setter = spawn([&] { future.set_result(); });
        await(future);
        await(setter);
        future.result();
        EXPECT_TRUE(future.done());
    });
}

struct Fragile {
    Fragile() = default;
    Fragile(const Fragile& other) : copies_until_throw(other.copies_until_throw) {
        if (copies_until_throw != nullptr && --*copies_until_throw < 0) {
            throw std::bad_alloc();
        }
    }
    Fragile& operator=(const Fragile&) = delete;
    int* copies_until_throw = nullptr;
};

// Goal: a result whose copy throws on the way in leaves the future pending and usable.
TEST(Future, ThrowingCopyOnTheWayInLeavesItPending) {
    int copies = 0;
    Fragile fragile;
    fragile.copies_until_throw = &copies;
    const Future<Fragile> future;
    EXPECT_THROW(future.set_result(fragile), std::bad_alloc);
    EXPECT_FALSE(future.done());
    future.set_result(Fragile{});
    EXPECT_TRUE(future.done());
}

// Goal: a result whose copy throws on the way out fails that one await; the next gets it.
TEST_P(OnEveryRuntime, ThrowingCopyOnTheWayOutFailsThatAwaitOnly) {
    run([] {
        int copies = 0;
        const Future<Fragile> future;
        Fragile fragile;
        future.set_result(fragile);
        const_cast<Fragile&>(future.result()).copies_until_throw = &copies;
        EXPECT_THROW(await(future), std::bad_alloc);
        copies = 1;
        EXPECT_NO_THROW(await(future));
    });
}

// CPython: test_futures.BaseFutureDoneCallbackTests.test_callbacks_invoked_on_set_result,
//          test_callbacks_run_in_order
// Goal: callbacks come in their order, by call_soon: never from within set_result().
TEST_P(OnEveryRuntime, DoneCallbacksComeInOrderAndNeverInline) {
    run([] {
        std::string trace;
        const Future<int> future;
        for (const char name : {'a', 'b', 'c'}) {
            future.add_done_callback([&trace, name](const Future<int>& done) {
                EXPECT_EQ(done.result(), 1);
                trace += name;
            });
        }
        get_running_loop().call_soon([&] { trace += '1'; });
        future.set_result(1);
        get_running_loop().call_soon([&] { trace += '2'; });
        EXPECT_EQ(trace, "");
        settle();
        EXPECT_EQ(trace, "1abc2");

        future.add_done_callback([&](const Future<int>&) { trace += 'd'; });  // done already
        EXPECT_EQ(trace, "1abc2");
        settle();
        EXPECT_EQ(trace, "1abc2d");
    });
}

// CPython: test_futures.BaseFutureDoneCallbackTests.test_remove_done_callback
// Goal: a removed callback does not come, and drops what it holds at once.
TEST_P(OnEveryRuntime, RemovedDoneCallbackDoesNotCome) {
    run([] {
        std::string trace;
        Counted::Count alive{0};
        const Future<int> future;
        auto removed = future.add_done_callback([&, held = Counted(alive)](const Future<int>&) {
            trace += 'x';
        });
        future.add_done_callback([&](const Future<int>&) { trace += 'a'; });
        auto late = future.add_done_callback([&](const Future<int>&) { trace += 'y'; });
        auto cancelled = future.add_done_callback([&](const Future<int>&) { trace += 'z'; });
        EXPECT_EQ(alive.load(), 1);
        EXPECT_TRUE(future.remove_done_callback(removed));
        EXPECT_FALSE(future.remove_done_callback(removed));
        EXPECT_EQ(alive.load(), 0);
        future.set_result(1);
        EXPECT_FALSE(future.remove_done_callback(late)) << "its turn has come";
        cancelled.cancel();
        settle();
        EXPECT_EQ(trace, "ay");
    });
}

// Goal: callbacks run on the loop of the future, whoever sets it.
TEST_P(OnEveryRuntime, DoneCallbackRunsOnTheFuturesLoop) {
    Runtime runtime(options());
    runtime.run([&] {
        for (int i = 0; i < runtime.workers(); ++i) {
            const auto future = runtime.loop(i).create_future<int>();
            EXPECT_EQ(future.get_loop(), &runtime.loop(i));
            const Future<int> seen;
            future.add_done_callback([&](const Future<int>&) {
                seen.set_result(get_running_loop().index());
            });
            std::thread setter([&] { future.set_result(1); });
            EXPECT_EQ(await(seen), i);
            setter.join();
        }
    });
}

// Goal: a callback whose loop has ended is dropped, with what it holds, and nothing else happens.
TEST(Future, DoneCallbackOfALoopThatIsGoneIsDropped) {
    Counted::Count alive{0};
    bool called = false;
    Future<int> future;
    weft::run([&] {
        future = get_running_loop().create_future<int>();
        future.add_done_callback([&called, held = Counted(alive)](const Future<int>&) {
            called = true;
        });
    });
    EXPECT_EQ(alive.load(), 1);
    future.set_result(1);
    EXPECT_FALSE(called);
    EXPECT_EQ(alive.load(), 0);
}

// Goal: a future that nobody will ever set goes with its last handle, and its callbacks with it.
// Goal: a handle of a future whose runtime is gone is good for all that needs no loop.
TEST(Future, HandleOutlivesItsRuntime) {
    std::optional<Future<int>> pending;
    std::optional<Future<int>> finished;
    {
        Runtime runtime;
        runtime.run([&] {
            pending.emplace();
            finished = create_task([] { return 7; });
            await(*finished);
        });
    }
    EXPECT_EQ(pending->get_loop(), nullptr);
    EXPECT_THROW(pending->add_done_callback([](const Future<int>&) {}), RuntimeError);
    pending->set_result(1);
    EXPECT_EQ(pending->get(), 1);
    EXPECT_EQ(finished->get_loop(), nullptr);
    EXPECT_EQ(finished->result(), 7);
    EXPECT_FALSE(finished->cancel());
}

TEST(Future, CallbacksDoNotKeepAnAbandonedFutureAlive) {
    Counted::Count alive{0};
    weft::run([&] {
        const Future<int> abandoned;
        abandoned.add_done_callback([held = Counted(alive)](const Future<int>&) {});
        EXPECT_EQ(alive.load(), 1);
    });
    EXPECT_EQ(alive.load(), 0);
}

// Goal: outside of every loop there is nowhere to run a callback.
TEST(Future, DoneCallbackWithoutAnyLoopIsRefused) {
    const Future<int> future;
    EXPECT_EQ(future.get_loop(), nullptr);
    EXPECT_THROW(future.add_done_callback([](const Future<int>&) {}), RuntimeError);
}

// Goal: one result reaches everybody who awaits it, pinned or not, on whichever loop.
TEST_P(OnEveryRuntime, FutureIsAwaitedByManyOnSeveralLoops) {
    Runtime runtime(options());
    runtime.run([&] {
        const Future<std::string> future;
        std::vector<Task<std::string>> tasks;
        for (int i = 0; i < 40; ++i) {
            tasks.push_back(
                i % 2 == 0
                    ? spawn([&] { return await(future); })
                    : runtime.loop(i % runtime.workers()).create_task([&] { return await(future); })
            );
        }
        settle();
        future.set_result("same for all");
        for (const auto& task : tasks) {
            EXPECT_EQ(await(task), "same for all");
        }
    });
}

// Goal: a plain thread waits for a task, with and without a deadline, and takes its result.
TEST_P(OnEveryRuntime, PlainThreadsWait) {
    Runtime runtime(options());
    runtime.start();
    const Future<int> gate;
    auto task = runtime.spawn([&] { return await(gate) + 1; });
    EXPECT_FALSE(task.wait_for(milliseconds(1)));
    EXPECT_FALSE(task.wait_for(milliseconds(-1)));
    std::vector<std::thread> threads;
    std::atomic<int> sum{0};
    for (int i = 0; i < 4; ++i) {
        threads.emplace_back([&] { sum.fetch_add(task.get()); });
    }
    gate.set_result(10);
    for (std::thread& thread : threads) {
        thread.join();
    }
    EXPECT_EQ(sum.load(), 44);
    EXPECT_TRUE(task.wait_for(milliseconds(0)));
    EXPECT_EQ(await(task), 11);
    task.wait();
    EXPECT_THROW(runtime.run([] { throw std::out_of_range("out"); }), std::out_of_range);
}

// Goal: a thread that gave up waiting, and is gone, is not looked for when the result comes.
TEST(Future, ThreadThatGaveUpIsNotMissed) {
    const Future<int> future;
    for (int i = 0; i < 100; ++i) {
        EXPECT_FALSE(future.wait_for(std::chrono::microseconds(10)));
    }
    future.set_result(1);
    EXPECT_TRUE(future.wait_for(milliseconds(0)));
}

// Goal: waiting inside a callback, or with a deadline inside a task, is refused.
TEST_P(OnEveryRuntime, WaitingWhereNobodyMayWaitIsRefused) {
    run([] {
        const Future<int> future;
        const Future<std::string> said;
        get_running_loop().call_soon([&] {
            said.set_result(text_of<RuntimeError>([&] { await(future); }));
        });
        EXPECT_NE(await(said).find("outside of a task"), std::string::npos);
        EXPECT_THROW(static_cast<void>(future.wait_for(milliseconds(1))), RuntimeError);
    });
}

// CPython: test_tasks.BaseTaskTests.test_task_awaits_on_itself
// Goal: a task that awaits itself is told so instead of sleeping for ever.
TEST_P(OnEveryRuntime, AwaitingOneselfIsRefused) {
    run([] {
        const Future<Task<void>> handle;
        auto task = spawn(
            [&] {
                const Task<void> self = await(handle);
                EXPECT_EQ(
                    text_of<RuntimeError>([&] { await(self); }),
                    "task 'narcissus' cannot await itself"
                );
            },
            "narcissus"
        );
        handle.set_result(task);
        await(task);
    });
}

// Goal: who finds a future done may drop the last handle, though the one who set it is not out yet.
TEST_P(OnEveryRuntime, HandleMayGoAsSoonAsItIsDone) {
    Runtime runtime(options());
    runtime.start();
    for (int round = 0; round < scaled(2000); ++round) {
        std::optional<Future<int>> future(std::in_place);
        auto setter = runtime.spawn([&] { future->set_result(round); });
        if (round % 2 == 0) {
            while (!future->done()) {
            }
        }
        EXPECT_EQ(future->get(), round);
        future.reset();
        setter.wait();
    }
}

// CPython: Future.__await__ of a done future (asyncio.md, rule 5)
// Goal: awaiting something done does not yield.
TEST_P(OnEveryRuntime, AwaitOfADoneFutureDoesNotYield) {
    run([] {
        bool other_ran = false;
        auto other = create_task([&] { other_ran = true; });
        const Future<int> done;
        done.set_result(1);
        EXPECT_EQ(await(done), 1);
        EXPECT_FALSE(other_ran);
        await(other);
        EXPECT_TRUE(other_ran);
    });
}

// CPython: test_tasks.BaseTaskTests (a Task refuses set_result and set_exception)
// Goal: only its function gives a task its result.
TEST_P(OnEveryRuntime, TaskCannotBeSet) {
    run([] {
        const auto task = create_task([] { return 1; });
        EXPECT_THROW(task.set_result(2), RuntimeError);
        EXPECT_THROW(task.set_exception(broken()), RuntimeError);
        EXPECT_EQ(await(task), 1);
    });
}

// Goal: set_result() and cancel() at once from many threads: one wins, everybody sees the same.
TEST(Future, SettersAndCancellersRaceForOneOutcome) {
    for (int round = 0; round < scaled(500); ++round) {
        const Future<int> future;
        std::atomic<int> won{0};
        std::vector<std::thread> threads;
        for (int i = 0; i < 3; ++i) {
            threads.emplace_back([&, i] {
                try {
                    if (i == 0) {
                        won.fetch_add(future.cancel() ? 1 : 0);
                        return;
                    }
                    future.set_result(i);
                    won.fetch_add(1);
                } catch (const InvalidStateError&) {
                }
            });
        }
        future.wait();
        for (std::thread& thread : threads) {
            thread.join();
        }
        EXPECT_EQ(won.load(), 1);
    }
}

// Goal: more handles than a future's word counts, copied and dropped on several threads: the result is there
// as long as there is one, and is ended once.
TEST(Future, ManyHandles) {
    constexpr std::size_t kEach = 150'000;
    Counted::Count alive{0};
    {
        const Future<Counted> future;
        std::vector<std::thread> threads;
        for (int i = 0; i < 3; ++i) {
            threads.emplace_back([copy = future] {
                std::vector<Future<Counted>> handles(kEach, copy);
                handles.resize(kEach / 2, copy);
                handles.resize(kEach, copy);
                handles.front().wait();
            });
        }
        future.set_result(Counted(alive));
        for (std::thread& thread : threads) {
            thread.join();
        }
        EXPECT_EQ(alive.load(), 1);
    }
    EXPECT_EQ(alive.load(), 0);
}

// Goal: the same of a task, which ends while they are there.
TEST_P(OnEveryRuntime, TaskOfManyHandles) {
    constexpr std::size_t kHandles = 200'000;
    Counted::Count alive{0};
    run([&] {
        const Future<void> go;
        std::vector<Task<Counted>> handles;
        {
            const auto task = spawn([&] {
                await(go);
                return Counted(alive);
            });
            handles.assign(kHandles, task);
        }
        go.set_result();
        await(handles.back());
        EXPECT_EQ(alive.load(), 1);
        while (handles.size() > 1) {
            handles.pop_back();
        }
        EXPECT_EQ(alive.load(), 1);
    });
    EXPECT_EQ(alive.load(), 0);
}

// Goal: references that are taken without having one, as those of snapshots of all tasks are, may be as many.
TEST_P(OnEveryRuntime, TaskInManySnapshots) {
    constexpr int kSnapshots = 200'000;
    run([&] {
        const Future<void> go;
        const auto task = spawn([&] { await(go); });
        detail::FutureState& state = *task.state();
        for (int i = 0; i < kSnapshots; ++i) {
            ASSERT_TRUE(state.try_add_ref());
        }
        EXPECT_FALSE(task.done());
        go.set_result();
        await(task);
        EXPECT_TRUE(task.done());
        for (int i = 0; i < kSnapshots; ++i) {
            state.release();
        }
        EXPECT_TRUE(state.sole_owner());
    });
}

}  // namespace
}  // namespace weft::test
