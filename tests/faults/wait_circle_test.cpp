#include <gtest/gtest.h>

#include <chrono>
#include <mutex>
#include <string>
#include <thread>
#include <vector>
#include <weft/as_completed.hpp>
#include <weft/event.hpp>
#include <weft/gather.hpp>
#include <weft/lock.hpp>
#include <weft/semaphore.hpp>
#include <weft/shield_scope.hpp>
#include <weft/sleep.hpp>
#include <weft/task.hpp>
#include <weft/task_group.hpp>
#include <weft/testing/simulate.hpp>
#include <weft/wait.hpp>

#include "faults/deadlock.hpp"
#include "loop/wait_graph.hpp"
#include "support/runtime_fixture.hpp"
#include "task/holders.hpp"

// Goal: circles of tasks are seen where there are some: while others go on, in a shutdown not, in a
// simulation too; and what is noted for that is right, and forgotten.

namespace weft::test {
namespace {

using namespace std::chrono_literals;

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
            Lock turn;
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
                // A lock that one takes and another gives back: it is known by the first time.
                group.create_task([&] {
                    for (int i = 0; i < 3; ++i) {
                        turn.acquire();
                    }
                });
                yield();
                turn.release();
                sleep(kTwoLooks);
                turn.release();
                slots.release();
            });
        },
        options
    );
    EXPECT_EQ(log.count("deadlock"), 0) << ::testing::PrintToString(log.lines());
}

// Goal: a circle that was seen is known to be over when it is.
TEST(DeadlockDebug, KnowsThatACircleIsOver) {
    rt::watch_holders();
    weft::run(
        [] {
            const auto circle = create_task([] {
                take_crosswise([](TaskGroup& group, const char* name, auto function) {
                    group.create_task(function, name);
                });
            });
            std::optional<rt::WaitGraph> graph;
            do {
                yield();
                graph.emplace(nullptr);
            } while (graph->cycles(true).empty());
            const auto seen = graph->cycles(true).front();
            EXPECT_TRUE(graph->holds(seen));
            circle.cancel();
            wait(std::vector{circle});
            EXPECT_FALSE(graph->holds(seen));
            EXPECT_TRUE(rt::WaitGraph(nullptr).cycles(true).empty());
        },
        options_of(1, OnDeadlock::Ignore)
    );
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
}  // namespace weft::test
