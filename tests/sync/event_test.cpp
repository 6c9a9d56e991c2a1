#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <numeric>
#include <thread>
#include <vector>
#include <weft/event.hpp>
#include <weft/weft.hpp>

#include "support/runtime_fixture.hpp"
#include "sync/storm.hpp"

namespace weft::test {
namespace {

TEST(EventTest, IsAFlagWithoutALoop) {
    Event event;
    EXPECT_FALSE(event.is_set());
    event.set();
    event.set();
    EXPECT_TRUE(event.is_set());
    event.wait();  // does not block
    event.clear();
    event.clear();
    EXPECT_FALSE(event.is_set());
}

// CPython: test_locks.EventTests.test_wait
// Goal: set() wakes all, those of one loop in the order in which they came.
TEST_P(OnEveryRuntime, EventWakesAllInOrder) {
    constexpr int kWaiters = 9;
    Runtime runtime(options());
    runtime.run([&] {
        Event event;
        std::vector<int> order;  // of this loop's
        std::atomic<int> others{0};
        std::vector<Task<void>> tasks;
        for (int i = 0; i < kWaiters; ++i) {
            tasks.push_back(create_task([&, i] {
                event.wait();
                order.push_back(i);
            }));
            tasks.push_back(runtime.loop(i % workers()).create_task([&] {
                event.wait();
                others.fetch_add(1);
            }));
        }
        settle();
        EXPECT_TRUE(order.empty());
        EXPECT_EQ(others.load(), 0);
        event.set();
        for (auto& task : tasks) {
            await(task);
        }
        std::vector<int> expected(kWaiters);
        std::iota(expected.begin(), expected.end(), 0);
        EXPECT_EQ(order, expected);
        EXPECT_EQ(others.load(), kWaiters);
        event.wait();  // does not suspend
    });
}

// CPython: test_locks.EventTests.test_clear_with_waiters
// Goal: set() and clear() at once still wake everybody who was waiting, and nobody who comes later.
TEST_P(OnEveryRuntime, EventSetThenClearWakesThoseWhoWaited) {
    run([] {
        Event event;
        std::atomic<int> awake{0};
        const auto body = [&] {
            event.wait();
            awake.fetch_add(1);
        };
        std::vector<Task<void>> tasks;
        for (int i = 0; i < 4; ++i) {
            tasks.push_back(i % 2 == 0 ? create_task(body) : spawn(body));
        }
        settle();
        event.set();
        event.clear();
        auto late = create_task(body);
        for (auto& task : tasks) {
            await(task);
        }
        settle();
        EXPECT_EQ(awake.load(), 4);
        EXPECT_FALSE(late.done());
        EXPECT_FALSE(event.is_set());
        event.set();
        await(late);
    });
}

// Goal: a cancelled waiter leaves no trace, before and after set(); the others are woken.
TEST_P(OnEveryRuntime, EventWaitersMayBeCancelled) {
    run([] {
        for (const bool set_first : {false, true}) {
            for (std::size_t victim = 0; victim < 3; ++victim) {
                Event event;
                std::vector<Task<void>> tasks;
                for (int i = 0; i < 3; ++i) {
                    tasks.push_back(create_task([&] { event.wait(); }));
                }
                settle();
                if (set_first) {
                    event.set();
                    tasks[victim].cancel();
                } else {
                    tasks[victim].cancel();
                    event.set();
                }
                for (std::size_t i = 0; i < 3; ++i) {
                    tasks[i].wait();
                    EXPECT_EQ(tasks[i].cancelled(), i == victim) << "cancel beats the result";
                }
            }
        }
        Event event;
        auto only = create_task([&] { event.wait(); });
        settle();
        only.cancel();
        only.wait();
        event.set();  // nobody is there any more
        EXPECT_TRUE(event.is_set());
        event.wait();
    });
}

TEST_P(OnEveryRuntime, EventRefusesToWaitInACallback) {
    run([] {
        Event event;
        Event called;
        get_running_loop().call_soon([&] {
            EXPECT_THROW(event.wait(), RuntimeError);
            event.set();
            event.wait();  // set: no need to wait
            called.set();
        });
        called.wait();
        EXPECT_TRUE(event.is_set());
    });
}

// Goal: threads and tasks wait for each other; what was done before set() is seen after wait().
TEST_P(OnEveryRuntime, EventIsSharedWithPlainThreads) {
    run([] {
        const int rounds = scaled(2'000);
        std::vector<Event> there(static_cast<std::size_t>(rounds));
        std::vector<Event> back(static_cast<std::size_t>(rounds));
        int passed = 0;  // not atomic
        std::thread thread([&] {
            for (std::size_t i = 0; i < there.size(); ++i) {
                there[i].wait();
                ++passed;
                back[i].set();
            }
        });
        for (std::size_t i = 0; i < there.size(); ++i) {
            ++passed;
            there[i].set();
            back[i].wait();
        }
        EXPECT_EQ(passed, 2 * rounds);
        thread.join();
    });
}

// Goal: with waiters, setters, clearers and cancellations at random, no wait() that a set() found
// is forgotten.
TEST_P(OnEveryRuntime, EventStorm) {
    Runtime runtime(options());
    runtime.run([&] {
        Event gate;
        std::atomic<bool> stop{false};
        // A wake-up that the gate loses may be made up for by its next set(); an answer comes once.
        auto opener = runtime.loop(workers() - 1).create_task([&] {
            while (!stop.load()) {
                gate.set();
                yield();
                gate.clear();
                yield();
            }
        });
        const StormCount count = storm(runtime, scaled(100'000), [&](int, auto& engine) {
            if (engine() % 64 == 0) {
                gate.wait();
                return;
            }
            if (engine() % 4 == 0) {
                const auto answer = std::make_shared<Event>();
                (void)runtime.spawn([answer] { answer->set(); });
                answer->wait();
            } else {
                engine() % 2 == 0 ? gate.clear() : gate.set();
            }
        });
        stop.store(true);
        await(opener);
        EXPECT_GT(count.done, 0U);
    });
}

// Goal: whoever comes out of wait() may destroy the event, however set() was called.
TEST_P(OnEveryRuntime, EventMayBeDestroyedAfterTheLastWait) {
    Runtime runtime(options());
    runtime.run([&] {
        const int rounds = scaled(20'000);
        for (const bool from_a_thread : {true, false}) {
            std::vector<Event*> events;
            for (int i = 0; i < rounds; ++i) {
                events.push_back(new Event);
            }
            const auto set_all = [&] {
                for (Event* const event : events) {
                    event->set();
                }
            };
            const auto wait_for_all = [&] {
                for (Event* const event : events) {
                    event->wait();
                    delete event;
                }
            };
            if (from_a_thread) {
                std::thread thread(set_all);
                wait_for_all();
                thread.join();
            } else {
                auto setter = runtime.loop(workers() - 1).create_task(set_all);
                auto waiter = spawn(wait_for_all);
                await(waiter);
                await(setter);
            }
        }
    });
}

}  // namespace
}  // namespace weft::test
