#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <thread>
#include <vector>
#include <weft/run.hpp>
#include <weft/runtime.hpp>
#include <weft/sleep.hpp>

#include "reactor/reactor.hpp"
#include "sched/worker.hpp"
#include "support/runtime_fixture.hpp"

// Nobody who is always ready may keep the others from running.

namespace weft::test {
namespace {

using std::chrono::milliseconds;

RuntimeOptions one_worker() {
    RuntimeOptions options;
    options.workers = 1;
    options.pin = Pin::None;
    return options;
}

// Goal: two stealable tasks that keep waking each other leave their turn to a third (slot cap 3).
TEST(Fairness, PingPongPairDoesNotStarveOthers) {
    weft::run(
        [] {
            constexpr std::size_t kRounds = 4000;
            std::vector<Future<void>> there(kRounds);
            std::vector<Future<void>> back(kRounds);
            std::atomic<bool> playing{true};
            std::size_t steps = 0;
            auto ping = spawn([&] {
                for (std::size_t i = 0; i < kRounds; ++i) {
                    there[i].set_result();
                    await(back[i]);
                }
                playing.store(false);
            });
            auto pong = spawn([&] {
                for (std::size_t i = 0; i < kRounds; ++i) {
                    await(there[i]);
                    back[i].set_result();
                }
            });
            auto third = spawn([&] {
                while (playing.load()) {
                    ++steps;
                    yield();
                }
            });
            await(ping);
            await(pong);
            await(third);
            // Two tasks run per round, and after three from the slot the ring has its turn.
            EXPECT_GE(steps, kRounds / 4);
        },
        one_worker()
    );
}

// Goal: a task that awaits one child after the other, each called in its place, lets the loop turn:
// a timer, what other threads send, and pinned tasks have their turn.
TEST(Fairness, AwaitingChildrenInPlaceDoesNotStarveTheLoop) {
    weft::run(
        [] {
            std::atomic<bool> told{false};
            std::atomic<bool> timer{false};
            auto parent = spawn([&] {
                while (!told.load() || !timer.load()) {
                    await(spawn([] {}));
                }
            });
            get_running_loop().call_later(std::chrono::milliseconds(1), [&] { timer.store(true); });
            std::thread teller([&told, &loop = get_running_loop()] {
                loop.call_soon_threadsafe([&told] { told.store(true); });
            });
            await(parent);
            teller.join();
        },
        one_worker()
    );
}

// Goal: a task that spawns on and on lets what it spawned run.
TEST_P(OnEveryRuntime, SpawnerDoesNotStarveWhatItSpawned) {
    run([] {
        std::atomic<int> ran{0};
        constexpr int kMost = 5000;
        int spawned = 0;
        auto spawner = spawn([&] {
            while (ran.load() < 10 && spawned < kMost) {
                spawn([&] { ran.fetch_add(1); });
                ++spawned;
                yield();
            }
        });
        await(spawner);
        EXPECT_LT(spawned, kMost);
        settle();
        EXPECT_EQ(ran.load(), spawned);
    });
}

// Goal: what is spawned first runs, though the same task spawns again each time it goes on.
TEST(Fairness, OldestSpawnedIsNotForgotten) {
    weft::run(
        [] {
            bool first_ran = false;
            int later = 0;
            auto spawner = spawn([&] {
                spawn([&] { first_ran = true; });
                while (!first_ran && later < 1000) {
                    spawn([&] { ++later; });
                    yield();
                }
            });
            await(spawner);
            EXPECT_TRUE(first_ran);
            EXPECT_LE(later, 8);
        },
        one_worker()
    );
}

/// How often tasks that are always ready run on one loop, of each kind together, until the pinned ones
/// have had `rounds` runs each.
struct Runs {
    int pinned = 0;
    int stealable = 0;
};
Runs runs_of(int pinned, int stealable, int rounds) {
    return weft::run(
        [=] {
            Runs runs;
            bool enough = false;
            std::vector<Task<void>> tasks;
            for (int i = 0; i < pinned; ++i) {
                tasks.push_back(create_task([&] {
                    while (!enough) {
                        enough = ++runs.pinned == pinned * rounds;
                        yield();
                    }
                }));
            }
            for (int i = 0; i < stealable; ++i) {
                tasks.push_back(spawn([&] {
                    while (!enough) {
                        ++runs.stealable;
                        yield();
                    }
                }));
            }
            for (auto& task : tasks) {
                await(task);
            }
            return runs;
        },
        one_worker()
    );
}

// Goal: where many of both kinds are always ready, a stealable task runs as often as a pinned one.
TEST(Fairness, PinnedAndStealableTasksHaveTheSameShare) {
    const Runs runs = runs_of(300, 300, 50);
    EXPECT_GE(runs.stealable, runs.pinned * 9 / 10);
    EXPECT_LE(runs.stealable, runs.pinned * 11 / 10);
}

// Goal: one stealable task beside many pinned ones has a small share, not that of its kind.
TEST(Fairness, OneStealableTaskDoesNotTakeHalfOfTheLoop) {
    constexpr int kRounds = 50;
    const Runs runs = runs_of(300, 1, kRounds);
    EXPECT_GE(runs.stealable, kRounds / 2);
    EXPECT_LE(runs.stealable, runs.pinned / 4);
}

/// Tasks that are always ready, of both kinds, until `enough`.
std::vector<Task<void>> make_yielders(const std::atomic<bool>& enough) {
    std::vector<Task<void>> tasks;
    const auto body = [&enough] {
        while (!enough.load()) {
            yield();
        }
    };
    for (int i = 0; i < 6; ++i) {
        tasks.push_back(i % 2 == 0 ? create_task(body) : spawn(body));
    }
    return tasks;
}

// Goal: timers, sleeps and calls from other threads come through while everybody yields and yields.
TEST_P(OnEveryRuntime, YieldersDoNotStarveTimersAndThreads) {
    run([] {
        std::atomic<bool> enough{false};
        const auto yielders = make_yielders(enough);
        Loop& loop = get_running_loop();
        const Future<void> timer;
        loop.call_later(milliseconds(2), [&] { timer.set_result(); });
        await(timer);
        sleep(milliseconds(1));
        await(spawn([] { sleep(milliseconds(1)); }));
        const Future<void> called;
        std::thread other([&] { loop.call_soon_threadsafe([&] { called.set_result(); }); });
        await(called);
        other.join();
        const Future<void> by_thread;
        std::thread setter([&] { by_thread.set_result(); });
        await(by_thread);
        setter.join();
        enough.store(true);
        for (const auto& task : yielders) {
            await(task);
        }
    });
}

// Goal: what a plain thread spawns comes through too.
TEST_P(OnEveryRuntime, YieldersDoNotStarveTheInbox) {
    Runtime runtime(options());
    runtime.run([&] {
        std::atomic<bool> enough{false};
        const auto yielders = make_yielders(enough);
        const Future<void> ran;
        std::thread spawner([&] { runtime.spawn([&] { ran.set_result(); }); });
        await(ran);
        spawner.join();
        enough.store(true);
        for (const auto& task : yielders) {
            await(task);
        }
    });
}

// Goal: bytes that arrive reach their reader while everybody yields and yields.
TEST_P(OnEveryRuntime, YieldersDoNotStarveIo) {
    std::array<int, 2> pair{};
    ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair.data()), 0);
    run([&] {
        std::atomic<bool> enough{false};
        const auto yielders = make_yielders(enough);
        rt::Reactor& reactor = static_cast<rt::Worker&>(*get_running_loop().sink()).reactor();
        rt::Descriptor* descriptor = nullptr;
        ASSERT_FALSE(reactor.attach(pair[0], false, descriptor));
        auto reader = create_task([&] {
            std::array<char, 8> buffer{};
            rt::Operation receive{rt::Operation::Kind::Receive, *descriptor};
            receive.buffer = buffer.data();
            receive.size = buffer.size();
            return reactor.perform(receive);
        });
        for (int i = 0; i < 10; ++i) {
            yield();
        }
        EXPECT_EQ(::write(pair[1], "abc", 3), 3);
        EXPECT_EQ(await(reader), 3);
        reactor.close(*descriptor);
        enough.store(true);
        for (const auto& task : yielders) {
            await(task);
        }
    });
    ::close(pair[1]);
}

// Goal: callbacks that post themselves again and again leave turns to the rest.
TEST_P(OnEveryRuntime, CallbacksThatRepeatDoNotStarveTasks) {
    run([] {
        struct Repeat {
            std::atomic<bool>& enough;
            void operator()() const {
                if (!enough.load()) {
                    get_running_loop().call_soon(*this);
                }
            }
        };
        std::atomic<bool> enough{false};
        get_running_loop().call_soon(Repeat{enough});
        await(spawn([] {
            for (int i = 0; i < 100; ++i) {
                yield();
            }
        }));
        sleep(milliseconds(1));
        enough.store(true);
        settle();
    });
}

}  // namespace
}  // namespace weft::test
