#include <gtest/gtest.h>
#include <pthread.h>
#include <sys/resource.h>

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <fstream>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <system_error>
#include <thread>
#include <weft/executor.hpp>
#include <weft/gather.hpp>
#include <weft/loop.hpp>
#include <weft/run.hpp>
#include <weft/sleep.hpp>
#include <weft/task.hpp>

#include "fiber/sanitizer.hpp"
#include "sched/worker.hpp"
#include "support/runtime_fixture.hpp"

// Goal: whatever a program does, the end of a runtime comes in time, says what is in its way, and keeps
// no error to itself.

namespace weft::test {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::nanoseconds;
using std::chrono::seconds;
using std::chrono::steady_clock;

/// Ends with 0 when shutdown names the loop that a task keeps and does not wait for it.
void give_up_on_a_loop(int loop) {
    static std::atomic<bool> begun{false};
    RuntimeOptions options;
    options.workers = 2;
    options.pin = Pin::None;
    options.shutdown_timeout = milliseconds(100);
    bool named = false;
    bool refused = false;
    {
        const LogCapture log;
        {
            Runtime runtime(options);
            runtime.start();
            runtime.loop(loop).create_task(
                [] {
                    begun = true;
                    for (;;) {
                        std::this_thread::sleep_for(milliseconds(1));
                    }
                },
                "stubborn"
            );
            while (!begun) {
                std::this_thread::yield();
            }
            runtime.shutdown();
            try {
                runtime.spawn([] {});
            } catch (const RuntimeError&) {
                refused = true;
            }
        }
        named = log.count("task 'stubborn'") == 1 && log.count("  stubborn  ") == 1;
    }
    std::_Exit(named && refused ? 0 : 1);
}

TEST(StubbornDeathTest, ALoopThatIsKeptIsLeftAlone) {
    EXPECT_EXIT(give_up_on_a_loop(0), ::testing::ExitedWithCode(0), "");
    EXPECT_EXIT(give_up_on_a_loop(1), ::testing::ExitedWithCode(0), "");
}

/// The same with a callback, which is no task.
void give_up_on_a_callback() {
    static std::atomic<bool> begun{false};
    RuntimeOptions options;
    options.workers = 1;
    options.pin = Pin::None;
    options.shutdown_timeout = milliseconds(100);
    bool named = false;
    {
        const LogCapture log;
        {
            Runtime runtime(options);
            runtime.start();
            runtime.loop(0).call_soon_threadsafe([] {
                begun = true;
                for (;;) {
                    std::this_thread::sleep_for(milliseconds(1));
                }
            });
            while (!begun) {
                std::this_thread::yield();
            }
        }
        named = log.count("gave up on loop 0, which is kept by a callback") == 1;
    }
    std::_Exit(named ? 0 : 1);
}

TEST(StubbornDeathTest, ACallbackThatDoesNotReturnIsLeftAlone) {
    EXPECT_EXIT(give_up_on_a_callback(), ::testing::ExitedWithCode(0), "");
}

#if !WEFT_ASAN && !WEFT_TSAN  // they do not live under RLIMIT_AS

rlim_t pages_in_use() {
    rlim_t pages = 0;
    std::ifstream("/proc/self/statm") >> pages;
    return pages;
}

/// All that this thread could be given, down to what was freed and is kept by its size.
void take_all_memory() {
    constexpr std::size_t kLargest = std::size_t{1} << 20;
    constexpr std::size_t kStep = 16;
    constexpr std::size_t kPage = 4096;
    const rlimit nothing_more{0, 0};
    ::setrlimit(RLIMIT_AS, &nothing_more);
    for (std::size_t bytes = kLargest; bytes != 0; bytes -= bytes > kPage ? bytes / 2 : kStep) {
        void* volatile taken = nullptr;  // or the compiler would do without
        do {
            taken = std::malloc(bytes);
        } while (taken != nullptr);
    }
}

/// Ends with 0 when every task has ended, though there is no memory left, nor a thread to be had.
void end_without_memory(bool has_thread) {
    constexpr int kSleepers = 50;
    static int ended = 0;
    RuntimeOptions options;
    options.workers = 1;
    options.pin = Pin::None;
    struct Ended {
        ~Ended() { ++ended; }
    };
    {
        Runtime runtime(options);
        if (has_thread) {
            runtime.start();
        }
        runtime.run([] {
            const Future<void> never;
            for (int i = 0; i < kSleepers; ++i) {
                spawn([i, never] {
                    const Ended at_the_end;
                    if (i % 3 == 0) {
                        sleep(hours(1));
                    } else if (i % 3 == 1) {
                        await(never);
                    } else {
                        await(gather(spawn([never] { await(never); }), never));
                    }
                });
                yield();
                yield();
            }
            take_all_memory();
        });
        take_all_memory();
    }
    std::_Exit(ended == kSleepers ? 0 : 1);
}

/// Ends with 0 when a runtime that is a local of another one's task ends though there is no memory left.
void end_within_a_task_without_memory() {
    static bool ended = false;
    struct Ended {
        ~Ended() { ended = true; }
    };
    RuntimeOptions options;
    options.workers = 1;
    options.pin = Pin::None;
    run([&] {
        {
            Runtime inner(options);
            inner.start();
            std::atomic<bool> begun{false};
            inner.spawn([&begun] {
                const Ended at_the_end;
                begun = true;
                sleep(hours(1));
            });
            while (!begun) {
                yield();
            }
            take_all_memory();
        }
        std::_Exit(ended ? 0 : 1);
    });
}

/// Ends with 0 when a task, and those it waits through, are cancelled though there is no memory for the
/// message.
void cancel_without_memory() {
    run([] {
        const std::string message(1000, 'm');
        const Future<void> never;
        bool cancelled = false;
        auto inner = create_task([&] {
            try {
                await(never);
            } catch (const CancelledError&) {
                cancelled = true;
            }
        });
        auto outer = create_task([&] { await(inner); });
        auto told_before = create_task([] { sleep(hours(1)); });
        auto gathering = create_task([&] { await(gather(never)); });
        yield();
        yield();
        told_before.cancel(message);
        take_all_memory();
        const bool asked = outer.cancel(message);
        while (!outer.done() || !told_before.done() || !gathering.done()) {
            yield();
        }
        const bool all = asked && cancelled && never.cancelled() && !outer.cancelled() &&
                         told_before.cancelled() && gathering.cancelled();
        std::_Exit(all ? 0 : 1);
    });
}

rlimit one_more_thread() {
    rlimit limit{};
    ::getrlimit(RLIMIT_AS, &limit);
    pthread_attr_t attributes;
    std::size_t stack = 0;
    ::pthread_attr_init(&attributes);
    ::pthread_attr_getstacksize(&attributes, &stack);
    limit.rlim_cur = pages_in_use() * 4096 + stack + stack / 2;
    return limit;
}

/// Ends with 0 when loop 0, whose thread is there though another loop's was refused, stays with it: in a
/// run() that follows, or to the end if none does.
void start_with_one_thread(bool has_run) {
    RuntimeOptions options;
    options.workers = 2;
    options.pin = Pin::None;
    bool refused = false;
    const auto caller = std::this_thread::get_id();
    std::atomic<int> steps{0};
    bool elsewhere = true;
    const auto step = [&] {
        elsewhere = elsewhere && std::this_thread::get_id() != caller;
        ++steps;
    };
    {
        Runtime runtime(options);
        rlimit before{};
        ::getrlimit(RLIMIT_AS, &before);
        const rlimit one_more = one_more_thread();
        ::setrlimit(RLIMIT_AS, &one_more);
        try {
            runtime.start();
        } catch (const std::system_error&) {
            refused = true;
        }
        ::setrlimit(RLIMIT_AS, &before);
        if (has_run) {
            runtime.run(step);
        } else {
            runtime.loop(0).create_task([&] {
                step();
                try {
                    sleep(hours(1));
                } catch (const CancelledError&) {
                    while (steps < 20) {
                        step();
                        sleep(milliseconds(1));
                    }
                    throw;
                }
            });
            while (steps == 0) {
                std::this_thread::yield();
            }
            const rlimit nothing_more{0, before.rlim_max};
            ::setrlimit(RLIMIT_AS, &nothing_more);  // the other one gets none at the end either
        }
    }
    std::_Exit(refused && elsewhere && steps == (has_run ? 1 : 20) ? 0 : 1);
}

TEST(StubbornDeathTest, ALoopKeepsItsThreadWhenAnotherGetsNone) {
    EXPECT_EXIT(start_with_one_thread(true), ::testing::ExitedWithCode(0), "");
    EXPECT_EXIT(start_with_one_thread(false), ::testing::ExitedWithCode(0), "");
}

/// Ends with 0 when a run() for which there are no threads says so, does not call the function then
/// or later, and the next one succeeds.
void run_without_threads() {
    RuntimeOptions options;
    options.workers = 2;
    options.pin = Pin::None;
    bool refused = false;
    int called = 0;
    {
        Runtime runtime(options);
        rlimit before{};
        ::getrlimit(RLIMIT_AS, &before);
        const rlimit nothing_more{0, before.rlim_max};
        ::setrlimit(RLIMIT_AS, &nothing_more);
        try {
            runtime.run([&] { called = 1; });
        } catch (const std::system_error&) {
            refused = true;
        }
        ::setrlimit(RLIMIT_AS, &before);
        runtime.run([&] {
            yield();
            called += 10;
        });
    }
    std::_Exit(refused && called == 10 ? 0 : 1);
}

TEST(StubbornDeathTest, ARunWithoutThreadsIsRefused) {
    EXPECT_EXIT(run_without_threads(), ::testing::ExitedWithCode(0), "");
}

TEST(StubbornDeathTest, ARuntimeEndsWithoutMemory) {
    EXPECT_EXIT(end_without_memory(true), ::testing::ExitedWithCode(0), "");
    EXPECT_EXIT(end_without_memory(false), ::testing::ExitedWithCode(0), "");
    EXPECT_EXIT(end_within_a_task_without_memory(), ::testing::ExitedWithCode(0), "");
}

TEST(StubbornDeathTest, ACancellationNeedsNoMemory) {
    EXPECT_EXIT(cancel_without_memory(), ::testing::ExitedWithCode(0), "");
}

#endif

// Goal: a task that a callback makes when shutdown has seen the last one end is not left.
TEST(StubbornTest, ATaskThatACallbackMakesAtTheEnd) {
    RuntimeOptions options;
    options.workers = 1;
    options.pin = Pin::None;
    Runtime runtime(options);
    runtime.start();
    std::atomic<bool> begun{false};
    std::optional<Task<void>> late;
    runtime.loop(0).call_soon_threadsafe([&] {
        const auto& worker = static_cast<const rt::Worker&>(*detail::running_sink());
        begun = true;
        while (!worker.stop_is_due()) {
            std::this_thread::yield();
        }
        late = create_task([] { sleep(hours(1)); });
    });
    while (!begun) {
        std::this_thread::yield();
    }
    runtime.shutdown();
    ASSERT_TRUE(late.has_value());
    EXPECT_TRUE(late->cancelled());
}

// Goal: a runtime that is a local of another runtime's task ends like any other, also when that task is
// cancelled meanwhile, again and again.
TEST_P(OnEveryRuntime, ARuntimeWithinATaskOfAnother) {
    run([] {
        bool ended = false;
        std::atomic<bool> inner_cancelled{false};
        auto outer = create_task([&] {
            {
                RuntimeOptions options = OnEveryRuntime::options();
                options.workers = 1;
                Runtime inner(options);
                inner.start();
                const auto begun = inner.loop(0).create_future<void>();
                inner.spawn([&inner_cancelled, begun] {
                    try {
                        begun.set_result();
                        sleep(hours(1));
                    } catch (const CancelledError&) {
                        inner_cancelled = true;
                        sleep(milliseconds(20));
                        throw;
                    }
                });
                await(begun);
            }
            ended = true;
            yield();
            ADD_FAILURE() << "the cancellation was lost";
        });
        while (!inner_cancelled && !outer.done()) {
            yield();
        }
        outer.cancel("first");
        sleep(milliseconds(1));
        outer.cancel("second");
        EXPECT_THROW(await(outer), CancelledError);
        EXPECT_TRUE(ended);
    });
}

// Goal: the longest times there are mean for ever.
TEST_P(OnEveryRuntime, TheLongestTimesDoNotOverflow) {
    RuntimeOptions patient = options();
    patient.shutdown_timeout = nanoseconds::max();
    patient.executor_shutdown_timeout = nanoseconds::max();
    const LogCapture log;
    bool cleaned_up = false;
    weft::run(
        [&] {
            to_thread([] {});
            create_task([&] {
                try {
                    sleep(hours(1));
                } catch (const CancelledError&) {
                    sleep(milliseconds(5));
                    cleaned_up = true;
                    throw;
                }
            });
            yield();
            yield();
        },
        patient
    );
    EXPECT_TRUE(cleaned_up);
    EXPECT_EQ(log.count("gave up"), 0);
}

// Goal: a loop of a runtime cannot be stopped, which nobody could start again; it says so.
TEST_P(OnEveryRuntime, ALoopOfARuntimeIsNotStopped) {
    run([] {
        EXPECT_THROW(get_running_loop().stop(), RuntimeError);
        sleep(milliseconds(1));
    });
}

// Goal: tasks that wait for each other in a circle can be cancelled, all of them.
TEST_P(OnEveryRuntime, ACircleOfTasksCanBeCancelled) {
    run([] {
        for (const int length : {2, 3, 10}) {
            std::vector<Task<int>> tasks;
            const Future<void> all_made;
            for (int i = 0; i < length; ++i) {
                const auto body = [&tasks, &all_made, i, length] {
                    await(all_made);
                    return await(tasks[static_cast<std::size_t>((i + 1) % length)]);
                };
                tasks.push_back(i % 2 == 0 ? create_task(body) : spawn(body));
            }
            all_made.set_result();
            settle();
            EXPECT_TRUE(tasks[0].cancel("around"));
            for (const Task<int>& task : tasks) {
                EXPECT_THROW(await(task), CancelledError);
            }
        }
    });
}

// Goal: a task that is cancelled and whose cancellation is taken back while it is about to sleep goes on
// on whatever loop it is.
TEST_P(OnEveryRuntime, UncancelledWhileItFallsAsleep) {
    Runtime runtime(options());
    runtime.start();
    std::atomic<bool> stop{false};
    std::vector<Task<void>> sleepers;
    for (int i = 0; i < 4; ++i) {
        sleepers.push_back(runtime.spawn([&stop] {
            while (!stop) {
                try {
                    sleep(std::chrono::microseconds(1));
                } catch (const CancelledError&) {
                }
            }
        }));
    }
    std::vector<std::thread> threads;
    for (int i = 0; i < 2; ++i) {
        threads.emplace_back([&] {
            for (int round = 0; round < scaled(20'000); ++round) {
                for (const auto& sleeper : sleepers) {
                    sleeper.cancel();
                    sleeper.uncancel();
                }
            }
        });
    }
    for (std::thread& thread : threads) {
        thread.join();
    }
    stop = true;
    for (const auto& sleeper : sleepers) {
        sleeper.wait();
    }
}

// Goal: a dump looks at tasks of runtimes that end meanwhile, and at no loop that is gone.
TEST_P(OnEveryRuntime, DumpsWhileRuntimesComeAndGo) {
    std::atomic<bool> stop{false};
    std::thread dumper([&] {
        while (!stop) {
            static_cast<void>(dump_all_tasks());
        }
    });
    for (int round = 0; round < scaled(200); ++round) {
        run([] {
            for (int i = 0; i < 4; ++i) {
                spawn([] { yield(); });
                create_task([] { sleep(hours(1)); });
            }
            yield();
        });
    }
    stop = true;
    dumper.join();
}

// Goal: what cannot be meant is said at once.
TEST(StubbornTest, AStackThatCannotBe) {
    for (const std::size_t bytes :
         {std::size_t{1} << 46, std::size_t{1} << 62, std::numeric_limits<std::size_t>::max()}) {
        RuntimeOptions options;
        options.workers = 1;
        options.stack_bytes = bytes;
        EXPECT_THROW(Runtime{options}, ValueError);
    }
}

}  // namespace
}  // namespace weft::test
