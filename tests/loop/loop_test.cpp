#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>
#include <weft/context.hpp>
#include <weft/loop.hpp>
#include <weft/run.hpp>
#include <weft/sleep.hpp>

#include "support/runtime_fixture.hpp"
#include "support/text_of.hpp"
#include "task/counted.hpp"

namespace weft::test {
namespace {

using std::chrono::hours;
using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::nanoseconds;
using std::chrono::steady_clock;

// CPython: test_base_events.BaseEventLoopTests.test_call_soon, test_call_later
// Goal: the order of asyncio.md rules 1 and 2, also when all was posted before the loop ran.
TEST(Loop, OrderOfCallbacks) {
    Loop loop;
    std::string trace;
    loop.call_soon([&] {
        trace += "a ";
        loop.call_soon([&] {
            trace += "a2 ";
            loop.stop();
        });
    });
    loop.call_soon([&] { trace += "b "; });
    loop.call_later(nanoseconds(0), [&] { trace += "t "; });
    loop.run_forever();
    EXPECT_EQ(trace, "a b t a2 ");
}

/// Uses the loop's deadlines at its own end, as the last of a context may.
class CallsLaterAtItsEnd {
public:
    explicit CallsLaterAtItsEnd(int& ended) : ended_(ended) {}
    CallsLaterAtItsEnd(const CallsLaterAtItsEnd&) = delete;
    CallsLaterAtItsEnd& operator=(const CallsLaterAtItsEnd&) = delete;
    ~CallsLaterAtItsEnd() {
        get_running_loop().call_later(hours(1), [] {}).cancel();
        ++ended_;
    }

private:
    int& ended_;
};

// Goal: what a cancelled deadline still holds, its context, is given up where user code may run: no lock is
// held, the loop's own included.
TEST_P(OnEveryRuntime, ContextsOfCancelledDeadlinesMayUseTheLoop) {
    run([] {
        static const ContextVar<std::shared_ptr<CallsLaterAtItsEnd>> variable("variable");
        constexpr int kTimers = 1'000;
        int ended = 0;
        for (int i = 0; i < kTimers; ++i) {
            copy_context().run([&ended] {
                variable.set(std::make_shared<CallsLaterAtItsEnd>(ended));
                get_running_loop().call_later(hours(1), [] {}).cancel();
            });
        }
        EXPECT_GT(ended, kTimers / 2);
        // The rest while the loop is still there.
        while (ended < kTimers) {
            get_running_loop().call_later(hours(1), [] {}).cancel();
        }
    });
}

// CPython: test_events.EventLoopTestsMixin.test_call_later; asyncio.md rule 3 (weft adds FIFO)
// Goal: timers fire in the order of their times, those of one time in the order they were made.
TEST(Loop, TimersKeepTheirOrder) {
    Loop loop;
    std::vector<int> order;
    const auto base = loop.time() + milliseconds(1);
    for (int i = 0; i < 100; ++i) {
        loop.call_at(base + microseconds(i / 10 * 10), [&order, i] { order.push_back(i); });
    }
    for (int i = 100; i < 110; ++i) {  // late ones with early times
        loop.call_at(base - microseconds(200 - i), [&order, i] { order.push_back(i); });
    }
    loop.call_at(base + milliseconds(2), [&] { loop.stop(); });
    loop.run_forever();
    ASSERT_EQ(order.size(), 110U);
    for (int i = 0; i < 10; ++i) {
        EXPECT_EQ(order[static_cast<std::size_t>(i)], 100 + i);
    }
    EXPECT_TRUE(std::is_sorted(order.begin() + 10, order.end()));
}

// CPython: test_events.EventLoopTestsMixin.test_timeout_rounding
// Goal: a timer never comes early, neither does a sleeper, and a timer knows its time.
TEST_P(OnEveryRuntime, NothingIsEarly) {
    run([] {
        auto random = random_engine();
        std::vector<Task<void>> sleepers;
        for (int i = 0; i < 50; ++i) {
            const auto length = microseconds(random() % 3000);
            const auto body = [length] {
                const auto start = steady_clock::now();
                sleep(length);
                EXPECT_GE(steady_clock::now() - start, length);
            };
            sleepers.push_back(i % 2 == 0 ? create_task(body) : spawn(body));
            const auto when = get_running_loop().time() + length;
            const auto handle =
                get_running_loop().call_at(when, [when] { EXPECT_GE(steady_clock::now(), when); });
            EXPECT_EQ(handle.when(), when);
        }
        for (const auto& task : sleepers) {
            await(task);
        }
        sleep(milliseconds(4));  // the timers' turn
    });
}

// Goal: times far away, negative and not a number do what they say and nothing worse.
TEST_P(OnEveryRuntime, StrangeTimes) {
    run([] {
        sleep(nanoseconds(-5));
        sleep(nanoseconds::min());
        sleep(std::chrono::duration<double>(0.0005));
        EXPECT_THROW(sleep(std::chrono::duration<double>(std::nan(""))), ValueError);
        auto forever = spawn([] { sleep(hours(24 * 365 * 10)); });
        auto longer = spawn([] { sleep(std::chrono::duration<double>(1e300)); });
        auto longest = spawn([] { sleep(nanoseconds::max()); });
        bool ran = false;
        get_running_loop().call_later(nanoseconds(-1), [&] { ran = true; });
        auto never = get_running_loop().call_later(hours(24 * 365), [] { FAIL(); });
        sleep(milliseconds(1));
        EXPECT_TRUE(ran);
        EXPECT_FALSE(forever.done() || longer.done() || longest.done());
        for (const auto& task : {forever, longer, longest}) {
            task.cancel();
        }
        never.cancel();
    });
}

// CPython: test_events.HandleTests.test_handle, test_cancel
// Goal: a cancelled callback does not come and drops what it holds at once.
TEST_P(OnEveryRuntime, CancelledCallbacksDoNotCome) {
    run([] {
        Counted::Count alive{0};
        Loop& loop = get_running_loop();
        const auto fail = [held = Counted(alive)] { FAIL(); };
        std::vector<Handle> handles;
        handles.push_back(loop.call_soon(fail));
        handles.push_back(loop.call_soon_threadsafe(fail));
        handles.push_back(loop.call_later(milliseconds(1), fail));
        handles.push_back(loop.call_later(hours(1), fail));
        EXPECT_EQ(alive.load(), 5);
        for (Handle& handle : handles) {
            EXPECT_FALSE(handle.cancelled());
            handle.cancel();
            handle.cancel();
            EXPECT_TRUE(handle.cancelled());
        }
        EXPECT_EQ(alive.load(), 1);
        auto ran = loop.call_soon([] {});
        sleep(milliseconds(2));
        EXPECT_FALSE(ran.cancelled());
        ran.cancel();  // too late, but said
        EXPECT_TRUE(ran.cancelled());
    });
}

// Goal: timers that are mostly cancelled do not pile up, and the others still come.
TEST(Loop, ManyCancelledTimersAreForgotten) {
    weft::run([] {
        Counted::Count alive{0};
        Loop& loop = get_running_loop();
        int fired = 0;
        for (int i = 0; i < scaled(20'000); ++i) {
            loop.call_later(hours(1), [held = Counted(alive)] { FAIL(); }).cancel();
            if (i % 100 == 0) {
                loop.call_later(microseconds(i % 7), [&] { ++fired; });
            }
        }
        EXPECT_EQ(alive.load(), 0);
        sleep(milliseconds(1));
        EXPECT_EQ(fired, (scaled(20'000) + 99) / 100);
    });
}

// CPython: test_events.EventLoopTestsMixin.test_call_soon_threadsafe
// Goal: what one thread posts keeps its order; what many post all comes.
TEST_P(OnEveryRuntime, ThreadsafeCallsKeepTheOrderOfEachThread) {
    Runtime runtime(options());
    runtime.start();
    constexpr int kThreads = 4;
    const int calls = scaled(5000);
    for (int i = 0; i < runtime.workers(); ++i) {
        Loop& loop = runtime.loop(i);
        std::vector<std::vector<int>> came(kThreads);
        const Future<void> all;
        int total = 0;  // only the loop's own thread counts
        std::vector<std::thread> threads;
        for (std::size_t who = 0; who < kThreads; ++who) {
            threads.emplace_back([&, who] {
                for (int call = 0; call < calls; ++call) {
                    loop.call_soon_threadsafe([&, who, call] {
                        came[who].push_back(call);
                        if (++total == kThreads * calls) {
                            all.set_result();
                        }
                    });
                }
            });
        }
        all.wait();
        for (std::thread& thread : threads) {
            thread.join();
        }
        for (const auto& order : came) {
            EXPECT_EQ(order.size(), static_cast<std::size_t>(calls));
            EXPECT_TRUE(std::is_sorted(order.begin(), order.end()));
        }
    }
}

// CPython: BaseEventLoop._check_thread (debug mode; weft always)
// Goal: call_soon() and call_later() from a thread that is not the running loop's are refused.
TEST(Loop, CallSoonFromAnotherThreadIsRefused) {
    weft::run([] {
        Loop& loop = get_running_loop();
        std::thread other([&] {
            EXPECT_NE(
                text_of<RuntimeError>([&] { loop.call_soon([] {}); }
                ).find("call_soon_threadsafe()"),
                std::string::npos
            );
            EXPECT_THROW(loop.call_later(nanoseconds(1), [] {}), RuntimeError);
        });
        other.join();
    });
}

// CPython: test_base_events.BaseEventLoopTests.test_run_forever_pre_stopped; asyncio.md 1.2
// Goal: stop() ends the loop after the turn: what is ready runs, what that adds waits.
TEST(Loop, StopEndsTheTurn) {
    Loop loop;
    std::string trace;
    loop.call_soon([&] {
        loop.stop();
        loop.call_soon([&] { trace += "late "; });
    });
    loop.call_soon([&] { trace += "same "; });
    loop.run_forever();
    EXPECT_EQ(trace, "same ");
    EXPECT_FALSE(loop.is_running());
    loop.call_soon([&] { loop.stop(); });
    loop.run_forever();
    EXPECT_EQ(trace, "same late ");
}

// CPython: test_base_events.BaseEventLoopTests.test_run_forever_pre_stopped
// Goal: a loop that was stopped before it ran does one turn, also when nothing is there to do.
TEST(Loop, StoppedBeforeItRunsOneTurn) {
    Loop loop;
    loop.stop();
    loop.run_forever();

    std::string trace;
    loop.call_soon([&] {
        trace += "a ";
        loop.call_soon([&] { trace += "a2 "; });
    });
    auto task = loop.create_task([&] {
        trace += "t1 ";
        yield();
        trace += "t2 ";
    });
    loop.stop();
    loop.run_forever();
    EXPECT_EQ(trace, "a t1 ");
    loop.stop();
    loop.run_forever();
    EXPECT_EQ(trace, "a t1 a2 t2 ");
    EXPECT_TRUE(task.done());
}

// Goal: stop() from another thread ends a loop that sleeps, time after time.
TEST(Loop, StopFromAnotherThread) {
    Loop loop;
    for (int i = 0; i < scaled(2000); ++i) {
        const Future<void> runs;
        loop.call_soon([&] { runs.set_result(); });
        std::thread stopper([&] {
            runs.wait();
            loop.stop();
        });
        loop.run_forever();
        stopper.join();
    }
}

// CPython: test_base_events.BaseEventLoopTests.test_run_until_complete
// Goal: it returns the result of a function or of a future, and passes errors on.
TEST(Loop, RunUntilComplete) {
    Loop loop;
    EXPECT_EQ(loop.run_until_complete([] { return 10; }), 10);
    const auto future = loop.create_future<std::string>();
    loop.call_later(microseconds(10), [&] { future.set_result("later"); });
    EXPECT_EQ(loop.run_until_complete(future), "later");
    EXPECT_EQ(loop.run_until_complete(future), "later");  // done already
    EXPECT_THROW(
        loop.run_until_complete([] { throw std::out_of_range("passed on"); }), std::out_of_range
    );
    EXPECT_THROW(
        loop.run_until_complete([] {
            current_task().cancel();
            yield();
        }),
        CancelledError
    );
    const Future<int> by_thread;
    std::thread setter([&] { by_thread.set_result(1); });
    EXPECT_EQ(loop.run_until_complete(by_thread), 1);
    setter.join();
}

// CPython: test_base_events.BaseEventLoopTests.test_run_until_complete_loop_stopped...
// Goal: a loop stopped first says so; the future may still be done later, to nobody's harm.
TEST(Loop, RunUntilCompleteThatIsStoppedFirst) {
    Loop loop;
    const auto future = loop.create_future<int>();
    loop.call_soon([&] { loop.stop(); });
    EXPECT_EQ(
        text_of<RuntimeError>([&] { loop.run_until_complete(future); }),
        "the event loop stopped before the future completed"
    );
    future.set_result(1);
    // It does not stop the next run either.
    int turns = 0;
    auto task = loop.create_task([&] {
        for (; turns < 10; ++turns) {
            yield();
        }
    });
    loop.run_until_complete(task);
    EXPECT_EQ(turns, 10);
}

// Goal: the same for a task, which goes on in the next run.
TEST(Loop, TaskGoesOnAfterALoopThatWasStopped) {
    Loop loop;
    auto task = loop.create_task([&] {
        loop.stop();
        yield();
        yield();
        return 3;
    });
    EXPECT_THROW(loop.run_until_complete(task), RuntimeError);
    EXPECT_FALSE(task.done());
    EXPECT_EQ(loop.run_until_complete(task), 3);
}

// CPython: test_base_events.BaseEventLoopTests.test_running_loop_within_a_loop
// Goal: a loop inside a running loop is refused, its own or another, in a task and in a callback.
TEST_P(OnEveryRuntime, RunInsideARunningLoopIsRefused) {
    run([] {
        EXPECT_NE(
            text_of<RuntimeError>([] { weft::run([] {}); }).find("running event loop"),
            std::string::npos
        );
        EXPECT_THROW(get_running_loop().run_forever(), RuntimeError);
        Loop other;
        EXPECT_THROW(other.run_forever(), RuntimeError);
        EXPECT_THROW(other.run_until_complete([] {}), RuntimeError);
        const Future<void> tried;
        get_running_loop().call_soon([&] {
            EXPECT_THROW(weft::run([] {}), RuntimeError);
            tried.set_result();
        });
        await(tried);
    });
}

// Goal: two threads cannot drive one loop.
TEST(Loop, SecondDriverIsRefused) {
    Loop loop;
    loop.call_soon([&] {
        std::thread([&] {
            EXPECT_EQ(
                text_of<RuntimeError>([&] { loop.run_forever(); }),
                "this event loop is already running"
            );
            EXPECT_THROW(loop.close(), RuntimeError);
        }).join();
        EXPECT_THROW(loop.close(), RuntimeError);
        loop.stop();
    });
    loop.run_forever();
}

// CPython: test_base_events.BaseEventLoopTests.test_close
// Goal: a closed loop takes nothing more, and closing again is nothing.
TEST(Loop, Close) {
    Loop loop;
    Counted::Count alive{0};
    loop.call_soon([held = Counted(alive)] { FAIL(); });
    loop.call_later(hours(1), [held = Counted(alive)] { FAIL(); });
    EXPECT_FALSE(loop.is_closed());
    loop.close();
    loop.close();
    EXPECT_TRUE(loop.is_closed());
    EXPECT_EQ(alive.load(), 0);
    EXPECT_THROW(loop.call_soon([] {}), RuntimeError);
    EXPECT_THROW(loop.call_soon_threadsafe([] {}), RuntimeError);
    EXPECT_THROW(loop.call_later(hours(1), [] {}), RuntimeError);
    EXPECT_THROW(loop.create_task([] {}), RuntimeError);
    EXPECT_THROW(loop.run_forever(), RuntimeError);
    EXPECT_THROW(loop.run_until_complete([] {}), RuntimeError);
}

// Goal: closing a loop cancels the tasks it still has, and waits for them.
TEST(Loop, CloseCancelsItsTasks) {
    Loop loop;
    std::string trace;
    auto task = loop.create_task([&] {
        try {
            sleep(hours(1));
        } catch (const CancelledError&) {
            yield();
            trace += "cleaned";
            throw;
        }
    });
    loop.stop();
    loop.run_forever();
    loop.close();
    EXPECT_TRUE(task.cancelled());
    EXPECT_EQ(trace, "cleaned");
}

// CPython: test_base_events.BaseEventLoopTests.test_default_exc_handler_callback
// Goal: what a callback throws is logged; the loop goes on with the next.
TEST_P(OnEveryRuntime, CallbackThatThrowsIsLogged) {
    const LogCapture log;
    run([] {
        std::string trace;
        Loop& loop = get_running_loop();
        loop.call_soon([] { throw std::out_of_range("first"); });
        loop.call_soon([&] { trace += "a"; });
        loop.call_soon([] { throw 5; });
        loop.call_later(nanoseconds(0), [] { throw CancelledError(); });
        loop.call_soon([&] { trace += "b"; });
        settle();
        EXPECT_EQ(trace, "ab");
    });
    EXPECT_EQ(log.count("exception in a callback: std::out_of_range: first"), 1);
    EXPECT_EQ(log.count("exception in a callback: an exception of type int"), 1);
    EXPECT_EQ(log.count("exception in a callback: CancelledError"), 1);
}

// CPython: test_base_events.RunningLoopTests.test_get_running_loop
// Goal: a loop is found where it runs and nowhere else.
TEST_P(OnEveryRuntime, RunningLoop) {
    EXPECT_EQ(
        text_of<RuntimeError>([] { static_cast<void>(get_running_loop()); }),
        "no running event loop"
    );
    Runtime runtime(options());
    runtime.run([&] {
        for (int i = 0; i < runtime.workers(); ++i) {
            auto task = runtime.loop(i).create_task([&, i] {
                EXPECT_EQ(&get_running_loop(), &runtime.loop(i));
                EXPECT_EQ(get_running_loop().index(), i);
                EXPECT_TRUE(get_running_loop().is_running());
            });
            await(task);
        }
    });
    EXPECT_THROW(static_cast<void>(get_running_loop()), RuntimeError);
}

}  // namespace
}  // namespace weft::test
