#include <gtest/gtest.h>
#include <netdb.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <ostream>
#include <string>
#include <string_view>
#include <thread>
#include <vector>
#include <weft/as_completed.hpp>
#include <weft/barrier.hpp>
#include <weft/condition.hpp>
#include <weft/connection.hpp>
#include <weft/event.hpp>
#include <weft/executor.hpp>
#include <weft/gather.hpp>
#include <weft/lock.hpp>
#include <weft/queue.hpp>
#include <weft/semaphore.hpp>
#include <weft/server.hpp>
#include <weft/shield_scope.hpp>
#include <weft/sleep.hpp>
#include <weft/task.hpp>
#include <weft/task_group.hpp>
#include <weft/testing/simulate.hpp>
#include <weft/timeout.hpp>
#include <weft/wait.hpp>

#include "base/log.hpp"
#include "support/runtime_fixture.hpp"
#include "task/holders.hpp"

// Goal: tasks that wait for one another and for nothing else are named, with what each waits for and
// whom; and nobody is whom a deadline, a descriptor, a job or another thread may still wake.

namespace weft::test {
namespace {

using namespace std::chrono_literals;

RuntimeOptions options_of(int workers, OnDeadlock on_deadlock) {
    RuntimeOptions options;
    options.workers = workers;
    options.pin = Pin::None;
    options.on_deadlock = on_deadlock;
    return options;
}

/// Runs `main`, which does not end by itself, and cancels it when it has been said that it will not.
/// Returns what was said.
std::string report_of(const std::function<void()>& main, RuntimeOptions options) {
    const LogCapture log;
    std::mutex mutex;
    std::optional<AnyTask> task;
    std::thread watcher([&] {
        for (;;) {
            std::this_thread::sleep_for(1ms);  // between looks: the log has no way to tell
            const std::lock_guard lock(mutex);
            if (task && log.count("deadlock: ") != 0) {
                task->cancel();
                return;
            }
        }
    });
    EXPECT_THROW(
        weft::run(
            [&] {
                {
                    const std::lock_guard lock(mutex);
                    task = current_task();
                }
                main();
            },
            options
        ),
        CancelledError
    );
    watcher.join();
    task.reset();
    EXPECT_EQ(log.count("deadlock: "), 1);
    for (const std::string& line : log.lines()) {
        if (line.find("deadlock: ") != std::string::npos) {
            return line;
        }
    }
    return "";
}

void expect_said(const std::string& report, const std::vector<std::string>& patterns) {
    for (const std::string& pattern : patterns) {
        EXPECT_TRUE(::testing::internal::RE::PartialMatch(report, pattern))
            << "not said: " << pattern << "\nin: " << report;
    }
}

// ---------------------------------------------------------------------------------------------
// Shapes

struct DeadlockShape {
    const char* name;
    int workers;
    void (*run)();
    std::vector<std::string> said;  ///< regular expressions
};
void PrintTo(const DeadlockShape& shape, std::ostream* out) {
    *out << shape.name;
}

/// Two tasks that take two locks in opposite orders, once both have their first.
template <class Start>
void take_crosswise(Start start) {
    Lock one;
    Lock other;
    Barrier both(2);
    task_group([&](TaskGroup& group) {
        start(group, "left", [&] {
            const std::scoped_lock outer(one);
            both.wait();
            const std::scoped_lock inner(other);
        });
        start(group, "right", [&] {
            const std::scoped_lock outer(other);
            both.wait();
            const std::scoped_lock inner(one);
        });
    });
}

/// Has a lock while `wait_for` waits for a task that wants it.
template <class F>
void await_one_that_wants_it(F wait_for) {
    const auto lock =
        std::make_shared<Lock>();  // the task may come to it when this has been cancelled
    const std::scoped_lock own(*lock);
    wait_for(create_task([lock] { const std::scoped_lock held(*lock); }, "inner"));
}

const std::vector<DeadlockShape>& shapes() {
    static const std::vector<DeadlockShape> kShapes = {
        {"two_locks",
         1,
         [] {
             take_crosswise([](TaskGroup& group, const char* name, auto function) {
                 group.create_task(function, name);
             });
         },
         {"these wait for one another:\n.*'left' spawned at deadlock_test.cpp:[0-9]+ waits: "
          "Lock.acquire @0x[0-9a-f]+, for task 'right'\n.*'right' spawned at "
          "deadlock_test.cpp:[0-9]+ waits: Lock.acquire @0x[0-9a-f]+, for task 'left'\n",
          "3 tasks:\n    main  pinned to loop 0  waiting: TaskGroup @.* for task 'left' and task "
          "'right'"}},
        {"two_locks_of_stealable_tasks",
         3,
         [] {
             take_crosswise([](TaskGroup& group, const char* name, auto function) {
                 group.spawn(function, name);
             });
         },
         {"'(left|right)' .* waits: Lock.acquire @.*, for task '(right|left)'\n.*waits: "
          "Lock.acquire @"}},
        {"two_locks_of_two_loops",
         3,
         [] {
             Lock one;
             Lock other;
             Barrier both(2);
             const auto take = [&both](Lock& first, Lock& second) {
                 const std::scoped_lock outer(first);
                 both.wait();
                 const std::scoped_lock inner(second);
             };
             Runtime& runtime = get_running_loop().runtime();
             const auto left = runtime.loop(1).create_task([&] { take(one, other); }, "left");
             const auto right = runtime.loop(2).create_task([&] { take(other, one); }, "right");
             try {
                 await(gather(std::vector{left, right}));
             } catch (const CancelledError&) {  // of the first of them; the other uses the locks yet
                 shield_scope([&] { wait(std::vector{left, right}); });
                 throw;
             }
         },
         {"'left' .* waits: Lock.acquire @.*, for task 'right'\n",
          "main  pinned to loop 0  waiting: future @.* for task 'left' and task 'right'"}},
        {"lock_taken_twice",
         1,
         [] {
             Lock lock;
             const std::scoped_lock outer(lock);
             const std::scoped_lock inner(lock);
         },
         {"these wait for one another:\n    task 'main' spawned at .*waits: Lock.acquire @.*, for "
          "itself\n  1 tasks"}},
        {"ring_of_three",
         3,
         [] {
             Lock locks[3];
             Barrier all(3);
             task_group([&](TaskGroup& group) {
                 for (int i = 0; i < 3; ++i) {
                     group.spawn(
                         [&, i] {
                             const std::scoped_lock own(locks[i]);
                             all.wait();
                             const std::scoped_lock next(locks[(i + 1) % 3]);
                         },
                         "philosopher" + std::to_string(i)
                     );
                 }
             });
         },
         {"(.*'philosopher[012]' .* waits: Lock.acquire.*, for task 'philosopher[012]'\n){3}"}},
        {"each_awaits_the_other",
         1,
         [] {
             std::optional<Task<void>> ping;
             std::optional<Task<void>> pong;
             task_group([&](TaskGroup& group) {
                 ping = group.create_task([&] { await(*pong); }, "ping");
                 pong = group.create_task([&] { await(*ping); }, "pong");
             });
         },
         {"'ping' .* waits: future @.*, for task 'pong'\n.*'pong' .* waits: future @.*, for task "
          "'ping'"}},
        {"parent_has_what_its_child_wants",
         1,
         [] {
             Lock lock;
             const std::scoped_lock own(lock);
             task_group([&](TaskGroup& group) {
                 group.create_task([&] { const std::scoped_lock held(lock); }, "child");
             });
         },
         {"'main' .* waits: TaskGroup @.*, for task 'child'\n.*'child' .* waits: Lock.acquire @.*, "
          "for task 'main'"}},
        {"child_called_in_place_wants_it",
         3,
         [] {
             const auto parent = [] {
                 Lock lock;
                 const std::scoped_lock own(lock);
                 await(spawn([&] { const std::scoped_lock held(lock); }, "child"));
             };
             await(spawn(parent, "parent"));
         },
         {"'parent' .* waits: future @.*, for task 'child'\n.*'child' .* waits: Lock.acquire @.*, "
          "for "
          "task 'parent'"}},
        {"gather_of_one_that_wants_it",
         1,
         [] {
             await_one_that_wants_it([](const Task<void>& inner) {
                 await(gather(std::vector{gather(std::vector{inner})}));
             });
         },
         {"'main' .* waits: future @.*, for task 'inner'\n.*'inner' .* waits: Lock.acquire @.*, "
          "for "
          "task 'main'"}},
        {"wait_for_one_that_wants_it",
         1,
         [] { await_one_that_wants_it([](const Task<void>& inner) { wait(std::vector{inner}); }); },
         {"'main' .* waits: future @.*, for task 'inner'\n"}},
        {"as_completed_of_one_that_wants_it",
         1,
         [] {
             await_one_that_wants_it([](const Task<void>& inner) {
                 for (const auto& done : as_completed(std::vector{inner})) {
                     static_cast<void>(done);
                 }
             });
         },
         {"'main' .* waits: future @.*, for task 'inner'\n"}},
        {"permits_used_up",
         3,
         [] {
             Semaphore permits(2);
             Barrier both(2);
             task_group([&](TaskGroup& group) {
                 for (const char* const name : {"left", "right"}) {
                     group.spawn(
                         [&] {
                             const std::scoped_lock first(permits);
                             both.wait();
                             const std::scoped_lock second(permits);
                         },
                         name
                     );
                 }
             });
         },
         {"waits: Semaphore.acquire @.*, for (itself|task '(left|right)')\n",
          "    left  stealable  waiting: Semaphore.acquire @.*  for task '(left|right)' and task "
          "'(left|right)'"}},
        {"lock_left_behind",
         1,
         [] {
             Lock lock;
             await(create_task([&] { lock.acquire(); }, "gone"));
             struct Release {
                 Lock& lock;
                 ~Release() { lock.release(); }
             } const release{lock};
             const std::scoped_lock held(lock);
         },
         {"main  .*waiting: Lock.acquire @.*  for task 'gone' spawned at deadlock_test.cpp:[0-9]+, "
          "which has ended"}},
        {"nobody_puts",
         3,
         [] {
             Queue<int> queue;
             task_group([&](TaskGroup& group) {
                 group.spawn([&] { static_cast<void>(queue.get()); }, "consumer");
             });
         },
         {"    consumer  stealable  waiting: Queue.get @"}},
        {"nobody_gets",
         1,
         [] {
             Queue<int> queue(1);
             queue.put(1);
             queue.put(2);
         },
         {"    main  pinned to loop 0  waiting: Queue.put @"}},
        {"nobody_says_task_done",
         1,
         [] {
             Queue<int> queue;
             queue.put(1);
             static_cast<void>(queue.get());
             queue.join();
         },
         {"waiting: Queue.join @"}},
        {"nobody_sets_the_event", 3, [] { Event().wait(); }, {"waiting: Event.wait @"}},
        {"nobody_notifies",
         1,
         [] {
             Condition condition;
             const std::scoped_lock held(condition);
             condition.wait();
         },
         {"waiting: Condition.wait @"}},
        {"one_party_is_missing",
         1,
         [] {
             Barrier barrier(3);
             task_group([&](TaskGroup& group) {
                 group.create_task([&] { barrier.wait(); }, "first");
                 group.create_task([&] { barrier.wait(); }, "second");
             });
         },
         {"    first  .*waiting: Barrier.wait @.*\n    second  .*waiting: Barrier.wait @"}},
        {"nobody_sets_the_future", 3, [] { await(Future<int>()); }, {"waiting: future @"}},
        {"deadlines_that_are_over",
         1,
         [] {
             for (int i = 0; i < 10; ++i) {
                 timeout(1h, [] { yield(); });
             }
             for (int i = 0; i < 100; ++i) {
                 timeout(i * 10ms, [] {});
             }
             Event().wait();
         },
         {"waiting: Event.wait @"}},
        {"after_a_job_that_nobody_awaits",
         1,
         [] {
             static_cast<void>(run_in_executor(nullptr, [] { std::this_thread::sleep_for(700ms); })
             );
             Event().wait();
         },
         {"waiting: Event.wait @"}},
    };
    return kShapes;
}

class Deadlock : public ::testing::TestWithParam<DeadlockShape> {};

TEST_P(Deadlock, IsNamed) {
    const DeadlockShape& shape = GetParam();
    const std::string report = report_of(shape.run, options_of(shape.workers, OnDeadlock::Report));
    expect_said(
        report, {"deadlock: all tasks wait, and only another thread of the program can wake one\n"}
    );
    expect_said(report, shape.said);
}

INSTANTIATE_TEST_SUITE_P(Each, Deadlock, ::testing::ValuesIn(shapes()), [](const auto& each) {
    return each.param.name;
});

// ---------------------------------------------------------------------------------------------
// The end, and who is asked for

// TSan has a thread of its own, so that nobody can know.
const char* const kNobody =
    kTsan ? "only another thread of the program can wake one\n" : "no thread is left to wake one\n";

void wait_for_nothing() {
    Event().wait();
}

// Goal: where that is chosen, the process ends.
TEST(DeadlockDeathTest, EndsTheProcess) {
    for (const int workers : {1, 3}) {
        EXPECT_EXIT(
            weft::run(wait_for_nothing, options_of(workers, OnDeadlock::End)),
            ::testing::KilledBySignal(SIGABRT),
            std::string("weft: error: deadlock: all tasks wait, and ") + kNobody +
                "  1 tasks:\n    main  pinned to loop 0  waiting: Event.wait @0x[0-9a-f]+  spawned "
                "at "
        );
    }
}

/// Ends the process with 3 when something is said, or with 4 when nothing is for so long.
[[noreturn]] void run_until_said(void (*main)(), OnDeadlock on_deadlock, unsigned seconds) {
    rt::set_log_sink([](rt::LogLevel /*level*/, std::string_view text) {
        std::fprintf(stderr, "%.*s\n", static_cast<int>(text.size()), text.data());
        if (text.find("deadlock: ") != std::string_view::npos) {
            std::_Exit(3);
        }
    });
    struct sigaction action {};
    action.sa_handler = [](int) { std::_Exit(4); };
    ::sigaction(SIGALRM, &action, nullptr);
    ::alarm(seconds);
    weft::run(main, options_of(1, on_deadlock));
    std::_Exit(0);
}

// Goal: by default it is said where nobody is left who could wake one, and only there; how to learn who has
// the locks, too.
TEST(DeadlockDeathTest, IsSaidByDefaultWhereNoOtherThreadIs) {
    const auto with_a_thread = [] {
        const std::thread thread([] { std::this_thread::sleep_for(1h); });
        run_until_said(wait_for_nothing, OnDeadlock::Auto, 1);
    };
    const auto with_a_lock = [] {
        run_until_said(
            [] {
                Lock lock;
                lock.acquire();
                lock.acquire();
            },
            OnDeadlock::Auto,
            kTsan ? 1 : 30
        );
    };
    const auto said = ::testing::ExitedWithCode(kTsan ? 4 : 3);
    const auto silent = ::testing::ExitedWithCode(4);
    EXPECT_EXIT(
        with_a_lock(), said, kTsan ? "^$" : "who has the locks and permits is known where "
    );
    EXPECT_EXIT(with_a_thread(), silent, "^$");
    EXPECT_EXIT(run_until_said(wait_for_nothing, OnDeadlock::Ignore, 1), silent, "^$");
}

// Goal: the environment chooses where the program has not, and a wrong word is told.
TEST(DeadlockDeathTest, TheEnvironmentMayChoose) {
    const auto with = [](const char* word, OnDeadlock chosen) {
        ::setenv("WEFT_DEADLOCK", word, 1);
        weft::run(wait_for_nothing, options_of(1, chosen));
    };
    EXPECT_EXIT(with("end", OnDeadlock::Auto), ::testing::KilledBySignal(SIGABRT), "deadlock: ");
    const auto against = [] {
        ::setenv("WEFT_DEADLOCK", "end", 1);
        run_until_said(wait_for_nothing, OnDeadlock::Ignore, 1);
    };
    EXPECT_EXIT(against(), ::testing::ExitedWithCode(4), "^$");
    EXPECT_EXIT(
        with("maybe", OnDeadlock::End),
        ::testing::KilledBySignal(SIGABRT),
        "WEFT_DEADLOCK=maybe is ignored: expected auto, ignore, report or end"
    );
}

// ---------------------------------------------------------------------------------------------
// No deadlocks

/// Longer than it takes to be sure.
constexpr auto kLongEnough = 800ms;

std::atomic<bool> slow_look_up{false};

struct Alive {
    const char* name;
    void (*run)();
};
void PrintTo(const Alive& alive, std::ostream* out) {
    *out << alive.name;
}

const Alive kAlive[] = {
    {"a_task_sleeps",
     [] {
         Event event;
         const auto setter = create_task([&] {
             sleep(kLongEnough);
             event.set();
         });
         event.wait();
     }},
    {"a_callback_is_due",
     [] {
         Event event;
         get_running_loop().call_later(kLongEnough, [&] { event.set(); });
         event.wait();
     }},
    {"a_callback_is_due_on_another_loop",
     [] {
         Event event;
         Loop& other = get_running_loop().runtime().loop(1);
         other.call_soon_threadsafe([&] { other.call_later(kLongEnough, [&] { event.set(); }); });
         event.wait();
     }},
    {"a_timeout_is_armed",
     [] { EXPECT_THROW(timeout(kLongEnough, [] { Event().wait(); }), TimeoutError); }},
    {"a_job_runs",
     [] {
         const Future<void> done;
         auto job = run_in_executor(nullptr, [&] {
             std::this_thread::sleep_for(kLongEnough);
             done.set_result();
         });
         await(done);
         await(job);
     }},
    {"a_server_listens",
     [] {
         Event event;
         const auto server = start_server(
             [&](const StreamReader&, const StreamWriter&) { event.set(); }, "127.0.0.1", 0
         );
         std::thread client([&] {
             std::this_thread::sleep_for(kLongEnough);
             weft::run(
                 [&] { static_cast<void>(open_connection("127.0.0.1", server.port())); },
                 options_of(1, OnDeadlock::Ignore)
             );
         });
         event.wait();
         to_thread([&] { client.join(); });
     }},
    // Others sleep for long, one only between two requests.
    {"a_loop_works_for_outside",
     [] {
         Runtime& runtime = get_running_loop().runtime();
         Queue<int> queue;
         const auto consumer = runtime.loop(1).create_task([&] {
             while (queue.get() != 0) {
             }
         });
         std::thread outside([&] {
             const auto end = std::chrono::steady_clock::now() + kLongEnough;
             while (std::chrono::steady_clock::now() < end) {
                 queue.put(1);
                 std::this_thread::sleep_for(1ms);
             }
             queue.put(0);
         });
         await(consumer);
         outside.join();
     }},
    {"a_name_is_looked_up",
     [] {
         slow_look_up = true;
         EXPECT_THROW(static_cast<void>(open_connection("no-such-host.invalid", 80)), OsError);
         slow_look_up = false;
     }},
    {"a_task_keeps_its_loop",
     [] {
         Event event;
         const auto keeper = get_running_loop().runtime().loop(1).create_task([&] {
             std::this_thread::sleep_for(kLongEnough);
             event.set();
         });
         event.wait();
     }},
};

class Alivedness : public ::testing::TestWithParam<Alive> {};

TEST_P(Alivedness, IsNoDeadlock) {
    const LogCapture log;
    weft::run(GetParam().run, options_of(2, OnDeadlock::Report));
    EXPECT_EQ(log.count("deadlock"), 0);
}

INSTANTIATE_TEST_SUITE_P(Each, Alivedness, ::testing::ValuesIn(kAlive), [](const auto& each) {
    return each.param.name;
});

// ---------------------------------------------------------------------------------------------
// Some of the tasks

// Goal: in debug mode a circle is told of while others go on; once.
TEST(DeadlockDebug, NamesACircleWhileOthersGoOn) {
    const LogCapture log;
    RuntimeOptions options = options_of(3, OnDeadlock::Auto);
    options.debug = true;
    weft::run(
        [&] {
            const auto circle = create_task([] {
                take_crosswise([](TaskGroup& group, const char* name, auto function) {
                    group.spawn(function, name);
                });
            });
            // The same two tasks are looked at again and again.
            while (log.count("tasks wait for one another, unless ") == 0) {
                sleep(1ms);
            }
            sleep(2200ms);  // two more looks
            circle.cancel();
            wait(std::vector{circle});
        },
        options
    );
    EXPECT_EQ(log.count("tasks wait for one another"), 1);
    EXPECT_EQ(log.count("for task 'left'\n"), 1);
    EXPECT_EQ(log.count("for task 'right'\n"), 1);
}

// Goal: locks that are taken and given back in any order by many loops make no circle.
TEST(DeadlockDebug, SeesNoCircleWhereNoneIs) {
    const LogCapture log;
    RuntimeOptions options = options_of(4, OnDeadlock::Auto);
    options.debug = true;
    weft::run(
        [&] {
            Lock locks[3];
            Semaphore permits(2);
            const auto end = std::chrono::steady_clock::now() + kLongEnough + 1s;
            task_group([&](TaskGroup& group) {
                for (int i = 0; i < 8; ++i) {
                    group.spawn([&] {
                        while (std::chrono::steady_clock::now() < end) {
                            const std::scoped_lock permit(permits);
                            for (Lock& lock : locks) {
                                const std::scoped_lock held(lock);
                                yield();
                            }
                            await(spawn([] { yield(); }));
                        }
                    });
                }
            });
        },
        options
    );
    EXPECT_EQ(log.count("deadlock"), 0);
}

// Goal: nor where who waits for himself, as it seems, waits for one of several, or for one who gives back
// what another took; nor where a circle was over before anybody looked.
TEST(DeadlockDebug, SeesNoCircleWhereSomebodyElseMayEndIt) {
    const LogCapture log;
    RuntimeOptions options = options_of(2, OnDeadlock::Auto);
    options.debug = true;
    weft::run(
        [&] {
            constexpr auto kTwoLooks = 2200ms;
            Semaphore slots(2);
            Semaphore permits(2);
            Lock lock;
            task_group([&](TaskGroup& group) {
                // Slots of a buffer: taken by who fills them, given back by who empties them.
                group.create_task([&] {
                    for (int i = 0; i < 3; ++i) {
                        slots.acquire();
                    }
                });
                // Two have a permit, and one of them waits for a lock of who wants one.
                group.create_task([&] {
                    const std::scoped_lock held(permits);
                    sleep(kTwoLooks);
                });
                group.create_task([&] {
                    const std::scoped_lock held(permits);
                    yield();
                    const std::scoped_lock inner(lock);
                });
                group.create_task([&] {
                    const std::scoped_lock held(lock);
                    const std::scoped_lock third(permits);
                });
                // The first of two that are done, of whom one wants what who waits for it has.
                const auto own = std::make_shared<Lock>();
                group.create_task([own, kTwoLooks] {
                    const std::scoped_lock held(*own);
                    const auto wants = create_task([own] { const std::scoped_lock inner(*own); });
                    const auto sleeps = create_task([kTwoLooks] { sleep(kTwoLooks); });
                    wait(std::vector{wants, sleeps}, std::nullopt, ReturnWhen::FirstCompleted);
                });
                sleep(kTwoLooks);
                slots.release();
            });
        },
        options
    );
    EXPECT_EQ(log.count("deadlock"), 0) << ::testing::PrintToString(log.lines());
}

// Goal: a shutdown that waits for a task which does not end names it, and does not call it a deadlock.
TEST(DeadlockInAShutdown, IsLeftToTheShutdown) {
    const LogCapture log;
    Event cancelled;
    Event over;
    std::thread ender;
    {
        Runtime runtime(options_of(2, OnDeadlock::Report));
        runtime.start();
        const auto stubborn = runtime.spawn([&] {
            try {
                Future<void>().get();
            } catch (const CancelledError&) {
                cancelled.set();
                shield_scope([&] { over.wait(); });
            }
        });
        ender = std::thread([&] {
            cancelled.wait();
            std::this_thread::sleep_for(kLongEnough);
            over.set();
        });
        runtime.run([] { yield(); });
    }
    ender.join();
    EXPECT_EQ(log.count("deadlock"), 0);
}

// Goal: a lock that was handed to one who was cancelled meanwhile is no stranger's.
TEST(DeadlockHolders, KnowALockAgainAfterACancelledGrant) {
    const std::string report = report_of(
        [] {
            Lock lock;
            lock.acquire();
            const auto waiter = create_task([&] { lock.acquire(); });
            yield();
            lock.release();  // to the waiter
            waiter.cancel();
            wait(std::vector{waiter});
            const std::scoped_lock outer(lock);
            const std::scoped_lock inner(lock);
        },
        options_of(1, OnDeadlock::Report)
    );
    expect_said(report, {"'main' .* waits: Lock.acquire @.*, for itself\n"});
}

// Goal: what was noted of holders is forgotten with what they held.
TEST(DeadlockHolders, LeaveNothingBehind) {
    rt::watch_holders();
    const std::size_t before = rt::held_objects();
    weft::run(
        [] {
            {
                Lock held;
                held.acquire();
                Semaphore permits(3);
                permits.acquire();
                permits.release(2);
            }
            std::vector<Task<void>> tasks;
            for (int i = 0; i < 100; ++i) {
                tasks.push_back(create_task([] { yield(); }));
            }
            for (const auto& done : as_completed(tasks)) {
                static_cast<void>(done);
            }
            wait(std::vector{create_task([] {})});
            await(gather(std::vector{create_task([] {}), create_task([] {})}));
            task_group([](TaskGroup& group) { group.create_task([] { yield(); }); });
        },
        options_of(1, OnDeadlock::Auto)
    );
    EXPECT_EQ(rt::held_objects(), before);
}

// Goal: a simulation that gets nowhere says who waits for whom, too.
TEST(DeadlockInASimulation, IsNamed) {
    std::string said;
    try {
        testing::simulate(1, {.workers = 3}, [] {
            take_crosswise([](TaskGroup& group, const char* name, auto function) {
                group.spawn(function, name);
            });
        });
    } catch (const testing::SimulationError& error) {
        said = error.what();
    }
    expect_said(said, {"these wait for one another:\n.* waits: Lock.acquire @.*, for task '"});
}

}  // namespace

/// For the getaddrinfo() below.
void look_up_slowly() {
    if (slow_look_up) {
        std::this_thread::sleep_for(kLongEnough);
    }
}

}  // namespace weft::test

/// In place of libc's: no name is known, and it takes time to find that out.
extern "C" int getaddrinfo(
    const char* /*node*/, const char* /*service*/, const addrinfo* /*hints*/, addrinfo** /*result*/
) {
    weft::test::look_up_slowly();
    return EAI_NONAME;
}
