#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <set>
#include <string>
#include <thread>
#include <vector>
#include <weft/testing/simulate.hpp>
#include <weft/weft.hpp>

#include "support/leak_check.hpp"
#include "support/runtime_fixture.hpp"

namespace weft::test {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::nanoseconds;
using testing::simulate;
using testing::SimulationError;
using testing::SimulationOptions;
using testing::SimulationReport;

/// Traffic between loops; notes in which order things came.
void traffic() {
    Queue<int> queue(2);
    Lock lock;
    int sum = 0;
    std::vector<Task<void>> tasks;
    for (int i = 0; i < 3; ++i) {
        tasks.push_back(spawn([&] {
            for (int item = 1; item <= 5; ++item) {
                queue.put(item);
            }
        }));
        tasks.push_back(spawn([&, i] {
            for (int k = 0; k < 5; ++k) {
                const int item = queue.get();
                const std::lock_guard guard(lock);
                sum += item;
                testing::simulation_note(static_cast<std::uint64_t>(10 * item + i));
                yield();
            }
        }));
    }
    for (auto& task : tasks) {
        await(task);
    }
    sleep(milliseconds(5));
    EXPECT_EQ(sum, 45);
}

// Goal: the same seed gives the same run; others give others.
TEST(Simulate, OneSeedOneRun) {
    std::set<std::uint64_t> hashes;
    std::set<int> widths;
    for (std::uint64_t seed = 0; seed < 40; ++seed) {
        SCOPED_TRACE(seed);
        const SimulationReport first = simulate(seed, traffic);
        const SimulationReport second = simulate(seed, traffic);
        EXPECT_EQ(first.hash, second.hash);
        EXPECT_EQ(first.steps, second.steps);
        EXPECT_EQ(first.time, second.time);
        EXPECT_EQ(first.seed, seed);
        EXPECT_GE(first.time, milliseconds(5));
        hashes.insert(first.hash);
        widths.insert(first.workers);
    }
    EXPECT_GT(hashes.size(), 30U);
    EXPECT_GT(widths.size(), 3U) << "the seed chooses how many loops there are";
}

// Goal: the hash tells runs apart that differ only in who went on when.
TEST(Simulate, TheHashIsOfTheChoices) {
    std::set<std::uint64_t> hashes;
    std::set<std::uint64_t> steps;
    for (std::uint64_t seed = 0; seed < 300; ++seed) {
        const SimulationReport report =
            simulate(seed, SimulationOptions{.workers = 3}, [] { await(spawn([] { yield(); })); });
        hashes.insert(report.hash);
        steps.insert(report.steps);
    }
    EXPECT_GT(hashes.size(), steps.size());
}

// Goal: a run does not depend on the real time, nor on what the process has done before.
TEST(Simulate, HoursTakeNoTime) {
    const auto real = std::chrono::steady_clock::now();
    const SimulationReport report =
        simulate(7, [] { EXPECT_THROW(timeout(hours(1), [] { sleep(hours(2)); }), TimeoutError); });
    EXPECT_GE(report.time, hours(1));
    EXPECT_LT(std::chrono::steady_clock::now() - real, std::chrono::seconds(30));
}

// Goal: which of two loops is faster is decided by the seed: some seeds let the one be first, some the
// other, and each the same one again. So is whether a task that may move does.
TEST(Simulate, TheSeedDecidesWhoIsFirst) {
    const WithoutHops without_hops;  // a task that hops moves by every seed
    const SimulationOptions options{.workers = 2};
    int first = -1;
    bool moved = false;
    const auto race = [&] {
        Runtime& runtime = get_running_loop().runtime();
        first = -1;
        std::vector<Task<void>> tasks;
        for (int loop = 0; loop < 2; ++loop) {
            tasks.push_back(runtime.loop(loop).create_task([&first, loop] {
                yield();
                yield();
                first = first < 0 ? loop : first;
            }));
        }
        tasks.push_back(spawn([&moved] {
            const Loop* const before = &get_running_loop();
            yield();
            moved = before != &get_running_loop();
        }));
        for (auto& task : tasks) {
            await(task);
        }
    };
    std::set<int> firsts;
    std::set<bool> moves;
    for (std::uint64_t seed = 0; seed < 100; ++seed) {
        SCOPED_TRACE(seed);
        simulate(seed, options, race);
        const int was_first = first;
        const bool had_moved = moved;
        simulate(seed, options, race);
        EXPECT_EQ(first, was_first);
        EXPECT_EQ(moved, had_moved);
        firsts.insert(first);
        moves.insert(moved);
    }
    EXPECT_EQ(firsts.size(), 2U);
    EXPECT_EQ(moves.size(), 2U);
}

// Goal: time passes while loops are busy, a little at each step: a deadline comes in the midst of work.
TEST(Simulate, TimePassesWhileThereIsWork) {
    std::set<bool> late;
    for (std::uint64_t seed = 0; seed < 100; ++seed) {
        simulate(seed, SimulationOptions{.workers = 2}, [&late] {
            bool done = false;
            const auto sleeper = create_task([&done] {
                sleep(nanoseconds(2'000));
                done = true;
            });
            for (int i = 0; i < 20; ++i) {
                yield();
            }
            late.insert(done);
            await(sleeper);
        });
    }
    EXPECT_EQ(late.size(), 2U) << "it always, or never, comes before 20 turns are over";
}

// Goal: when all wait for each other that is told, with the seed and with what each waits for.
TEST(Simulate, NamesADeadlock) {
    Lock first;  // they outlive both
    Lock second;
    const auto deadlock = [&] {
        const auto other = create_task(
            [&] {
                const std::lock_guard outer(second);
                yield();
                const std::lock_guard inner(first);
            },
            "other"
        );
        const std::lock_guard outer(first);
        yield();
        yield();
        const std::lock_guard inner(second);
    };
    try {
        simulate(11, deadlock);
        FAIL() << "nothing was noticed";
    } catch (const SimulationError& error) {
        const std::string text = error.what();
        EXPECT_NE(text.find("seed 11: everybody waits, and nothing is due"), std::string::npos);
        EXPECT_NE(text.find("other  pinned to loop 0  waiting: Lock.acquire"), std::string::npos)
            << text;
    }
}

// Goal: a run that never ends is ended.
TEST(Simulate, NamesALivelock) {
    const SimulationOptions options{.workers = 2, .most_steps = 10'000};
    const auto spin = [] {
        for (;;) {
            yield();
        }
    };
    try {
        simulate(3, options, spin);
        FAIL() << "it came to an end";
    } catch (const SimulationError& error) {
        EXPECT_NE(std::string(error.what()).find("for longer than it should"), std::string::npos);
    }
}

// Goal: who goes on when cancelled for that gets the error all the same, when it ends.
TEST(Simulate, ASwallowedEndIsNoEnd) {
    const auto swallow = [] {
        const Future<int> never;
        try {
            await(never);
        } catch (const CancelledError&) {
        }
    };
    EXPECT_THROW(simulate(5, swallow), SimulationError);
}

TEST(SimulateDeathTest, OneThatCannotEndIsPrinted) {
    const auto stay = [] {
        for (;;) {
            try {
                await(Future<int>());
            } catch (const CancelledError&) {
            }
        }
    };
    EXPECT_DEATH(static_cast<void>(simulate(5, stay)), "simulation of seed 5: everybody waits");
    const SimulationOptions options{.abort_when_lost = true};
    EXPECT_DEATH(
        static_cast<void>(simulate(6, options, [] { await(Future<int>()); })),
        "simulation of seed 6: everybody waits"
    );
}

// Goal: errors of the test come out as they are, and what it left behind is cancelled.
TEST(Simulate, ThrowsWhatTheTestThrows) {
    bool unwound = false;
    const auto fails = [&unwound] {
        static_cast<void>(spawn([&unwound] {
            struct Note {
                bool& unwound;
                ~Note() { unwound = true; }
            } const note{unwound};
            sleep(hours(1));
        }));
        sleep(nanoseconds(1'000'000));
        throw ValueError("as planned");
    };
    EXPECT_THROW(simulate(9, fails), ValueError);
    EXPECT_TRUE(unwound);
}

// Goal: what cannot be decided by a seed is refused, and says so.
TEST(Simulate, RefusesWhatIsNotSimulated) {
    simulate(1, [] {
        try {
            to_thread([] {});
            ADD_FAILURE() << "a thread was made";
        } catch (const RuntimeError& error) {
            EXPECT_NE(std::string(error.what()).find("simulation"), std::string::npos);
        }
        EXPECT_THROW(
            static_cast<void>(start_server([](StreamReader, StreamWriter) {}, "127.0.0.1", 0)),
            OsError
        );
    });
    EXPECT_THROW(
        static_cast<void>(simulate(1, SimulationOptions{.workers = -1}, [] {})), ValueError
    );
    const auto report = simulate(1, SimulationOptions{.workers = 3}, [] {
        EXPECT_EQ(get_running_loop().runtime().workers(), 3);
    });
    EXPECT_EQ(report.workers, 3);
}

// Goal: simulations of several threads know nothing of each other.
TEST(Simulate, SeveralAtOnce) {
    const std::uint64_t alone = simulate(42, traffic).hash;
    std::vector<std::uint64_t> hashes(3);
    std::vector<std::thread> threads;
    for (std::uint64_t& hash : hashes) {
        threads.emplace_back([&hash] { hash = simulate(42, traffic).hash; });
    }
    for (std::thread& thread : threads) {
        thread.join();
    }
    for (const std::uint64_t hash : hashes) {
        EXPECT_EQ(hash, alone);
    }
}

}  // namespace
}  // namespace weft::test
