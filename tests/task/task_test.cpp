#include <gtest/gtest.h>

#include <array>
#include <cstdint>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>
#include <weft/sleep.hpp>
#include <weft/task.hpp>

#include "support/runtime_fixture.hpp"
#include "task/counted.hpp"

namespace weft::test {
namespace {

// CPython: asyncio.md rule 1 (strict FIFO of the ready queue)
// Goal: tasks start in the order in which they were made, after the one that made them waits.
TEST_P(OnEveryRuntime, PinnedTasksStartInTheirOrder) {
    run([] {
        std::string trace;
        std::vector<Task<void>> tasks;
        for (char name = 'a'; name <= 'j'; ++name) {
            tasks.push_back(create_task([&trace, name] { trace += name; }));
        }
        EXPECT_EQ(trace, "");
        await(tasks.back());
        EXPECT_EQ(trace, "abcdefghij");
    });
}

// CPython: test_tasks (sleep(0) yields exactly one iteration)
// Goal: tasks that yield take turns; callbacks have their place among them.
TEST_P(OnEveryRuntime, YieldersTakeTurns) {
    run([] {
        std::string trace;
        const auto walk = [&](char name) {
            return [&trace, name] {
                for (int i = 0; i < 3; ++i) {
                    trace += name;
                    yield();
                }
            };
        };
        auto first = create_task(walk('a'));
        get_running_loop().call_soon([&] { trace += '.'; });
        auto second = create_task(walk('b'));
        await(first);
        await(second);
        EXPECT_EQ(trace, "a.babab");
    });
}

// CPython: asyncio.md rules 1 and 2, observed: "a b t a2"
// Goal: a turn runs what was ready when it began, and due timers come behind that.
TEST_P(OnEveryRuntime, TurnRunsWhatWasReadyWhenItBegan) {
    run([] {
        std::string trace;
        Loop& loop = get_running_loop();
        loop.call_soon([&] {
            trace += "a ";
            loop.call_soon([&] { trace += "a2 "; });
        });
        loop.call_soon([&] { trace += "b "; });
        loop.call_later(std::chrono::nanoseconds(0), [&] { trace += "t "; });
        settle();
        EXPECT_EQ(trace, "a b t a2 ");
    });
}

// CPython: test_tasks.BaseTaskTests.test_task_repr (names), test_set_name
// Goal: a task has the name it was given, or one of its own; it may take another.
TEST_P(OnEveryRuntime, Names) {
    run([] {
        auto named = create_task([] {}, "given");
        EXPECT_EQ(named.name(), "given");
        std::set<std::string> own;
        for (int i = 0; i < 10; ++i) {
            auto task = spawn([] {});
            EXPECT_EQ(task.name().substr(0, 5), "Task-");
            own.insert(task.name());
            await(task);
        }
        EXPECT_EQ(own.size(), 10U);
        auto renamed = create_task(
            [] {
                current_task().set_name("second");
                yield();
                return current_task().name();
            },
            "first"
        );
        EXPECT_EQ(await(renamed), "second");
        EXPECT_EQ(renamed.name(), "second");
        EXPECT_EQ(current_task().name(), "main");
    });
    EXPECT_THROW(static_cast<void>(current_task()), RuntimeError);
}

// Goal: a dump may look at a task's name while the task takes another.
TEST_P(OnEveryRuntime, NamesMayBeReadWhileTheyChange) {
    Runtime runtime(options());
    runtime.start();
    const Future<void> enough;
    auto task = runtime.spawn([&] {
        for (int i = 0; !enough.done(); ++i) {
            current_task().set_name("name with more letters than fit inside " + std::to_string(i));
            yield();
        }
    });
    for (int i = 0; i < scaled(2000); ++i) {
        EXPECT_FALSE(task.name().empty());
        EXPECT_NE(runtime.dump_tasks().find("1 tasks"), std::string::npos);
    }
    enough.set_result();
    task.wait();
}

// CPython: test_tasks.BaseCurrentLoopTests.test_current_task
// Goal: every task finds itself, also after it has waited.
TEST_P(OnEveryRuntime, CurrentTaskIsTheOneThatAsks) {
    run([] {
        std::vector<Task<void>> tasks;
        for (int i = 0; i < 8; ++i) {
            const std::string name = "t" + std::to_string(i);
            const auto body = [name] {
                for (int step = 0; step < 20; ++step) {
                    EXPECT_EQ(current_task().name(), name);
                    yield();
                }
            };
            tasks.push_back(i % 2 == 0 ? create_task(body, name) : spawn(body, name));
        }
        for (const auto& task : tasks) {
            await(task);
            EXPECT_FALSE(AnyTask(task) == current_task());
        }
    });
}

// Goal: without a loop there is nowhere to make a task; nothing has happened to the function.
TEST(Task, NeedsALoop) {
    Counted::Count alive{0};
    EXPECT_THROW(create_task([held = Counted(alive)] {}), RuntimeError);
    EXPECT_THROW(spawn([held = Counted(alive)] {}), RuntimeError);
    EXPECT_EQ(alive.load(), 0);
}

struct ThrowsWhenMoved {
    explicit ThrowsWhenMoved(int moves) : moves_left(moves) {}
    ThrowsWhenMoved(ThrowsWhenMoved&& other) : moves_left(other.moves_left - 1) {
        if (moves_left < 0) {
            throw std::length_error("too many moves");
        }
    }
    void operator()() const {}
    int moves_left;
};

// Goal: a function that cannot be moved in makes no task; the runtime goes on.
TEST_P(OnEveryRuntime, FunctionThatThrowsOnItsWayInMakesNoTask) {
    run([] {
        EXPECT_THROW(create_task(ThrowsWhenMoved(0)), std::length_error);
        EXPECT_THROW(spawn(ThrowsWhenMoved(0)), std::length_error);
        await(spawn(ThrowsWhenMoved(1)));
    });
}

/// Ways in which a task can end.
enum class Outcome { Returns, Throws, CancelledBeforeStart, CancelledAsleep, CancelledAtEnd };
constexpr std::array kOutcomes = {
    Outcome::Returns,
    Outcome::Throws,
    Outcome::CancelledBeforeStart,
    Outcome::CancelledAsleep,
    Outcome::CancelledAtEnd};

template <class Ballast>
Task<Counted> end_in(Outcome outcome, bool pinned, Counted::Count& alive) {
    auto body = [outcome, &alive, held = Counted(alive), ballast = Ballast{}] {
        EXPECT_EQ(reinterpret_cast<std::uintptr_t>(&ballast) % alignof(Ballast), 0U);
        switch (outcome) {
            case Outcome::Throws:
                throw std::out_of_range("planned");
            case Outcome::CancelledBeforeStart:  // a stealable one may have begun elsewhere
            case Outcome::CancelledAsleep:
                sleep(std::chrono::hours(1));
                break;
            case Outcome::CancelledAtEnd:
                current_task().cancel();
                break;
            case Outcome::Returns:
                yield();
        }
        return Counted(alive);
    };
    auto task = pinned ? create_task(std::move(body)) : spawn(std::move(body));
    if (outcome == Outcome::CancelledAsleep) {
        settle();
    }
    if (outcome == Outcome::CancelledAsleep || outcome == Outcome::CancelledBeforeStart) {
        task.cancel();
    }
    return task;
}

template <class Ballast>
void expect_all_destroyed() {
    for (const Outcome outcome : kOutcomes) {
        for (const bool pinned : {true, false}) {
            Counted::Count alive{0};
            {
                auto task = end_in<Ballast>(outcome, pinned, alive);
                task.wait();
                // The function is gone when the task is done; the result stays with the handles.
                EXPECT_EQ(alive.load(), outcome == Outcome::Returns ? 1 : 0);
                if (outcome == Outcome::Throws) {
                    EXPECT_THROW(await(std::move(task)), std::out_of_range);
                } else if (outcome == Outcome::Returns) {
                    const Counted result = await(task);
                    EXPECT_EQ(alive.load(), 2);
                } else if (!task.cancelled()) {
                    ADD_FAILURE() << "outcome " << static_cast<int>(outcome);
                }
            }
            // The runtime's own handle goes a moment after the task is done, elsewhere perhaps.
            while (alive.load() > 0) {
                yield();
            }
            settle();
            EXPECT_EQ(alive.load(), 0) << "outcome " << static_cast<int>(outcome);
        }
    }
}

struct Small {
    int number = 1;
};
struct Big {
    std::array<std::byte, 4000> bytes{};
};
struct alignas(256) Aligned {
    std::array<std::byte, 256> bytes{};
};

// Goal: whatever becomes of a task, its function and its result are destroyed exactly once.
TEST_P(OnEveryRuntime, FunctionAndResultAreDestroyedOnce) {
    run([] { expect_all_destroyed<Small>(); });
}

// Goal: the same for a function too big for the task's record.
TEST_P(OnEveryRuntime, BigFunctionAndResultAreDestroyedOnce) {
    run([] { expect_all_destroyed<Big>(); });
}

// Goal: the same for one that wants more alignment than a record has.
TEST_P(OnEveryRuntime, AlignedFunctionAndResultAreDestroyedOnce) {
    run([] { expect_all_destroyed<Aligned>(); });
}

// CPython: create_task keeps a weak reference only; weft keeps the task
// Goal: a task with no handle left runs to its end.
TEST_P(OnEveryRuntime, TaskWithoutHandlesRuns) {
    run([] {
        const Future<void> both;
        std::atomic<int> ended{0};
        const auto body = [&] {
            for (int i = 0; i < 10; ++i) {
                yield();
            }
            if (ended.fetch_add(1) == 1) {
                both.set_result();
            }
        };
        create_task(body);
        spawn(body);
        await(both);
    });
}

// Goal: results of any size and alignment come out of a task whole.
TEST_P(OnEveryRuntime, ResultsOfAnySize) {
    run([] {
        auto big = spawn([] {
            Big result;
            result.bytes.back() = std::byte{7};
            return result;
        });
        EXPECT_EQ(await(big).bytes.back(), std::byte{7});
        auto aligned = spawn([] { return Aligned{}; });
        aligned.wait();
        EXPECT_EQ(reinterpret_cast<std::uintptr_t>(&aligned.result()) % alignof(Aligned), 0U);
        auto text = spawn([] { return std::string(1000, 'x'); });
        EXPECT_EQ(await(std::move(text)).size(), 1000U);
    });
}

// Goal: tasks make tasks make tasks, and everybody's result is right.
TEST_P(OnEveryRuntime, TreeOfTasks) {
    struct Tree {
        static int count(int depth) {
            if (depth == 0) {
                return 1;
            }
            auto left = spawn([depth] { return count(depth - 1); });
            auto right = create_task([depth] { return count(depth - 1); });
            return await(left) + await(right);
        }
    };
    run([] {
        constexpr int kDepth = kTsan ? 4 : 9;
        EXPECT_EQ(Tree::count(kDepth), 1 << kDepth);
    });
}

// Goal: an exception in flight stays with its task while others throw and catch on the same thread.
TEST_P(OnEveryRuntime, ExceptionsInFlightStayWithTheirTask) {
    run([] {
        std::vector<Task<void>> tasks;
        for (int i = 0; i < 8; ++i) {
            const auto body = [i] {
                for (int round = 0; round < 10; ++round) {
                    try {
                        try {
                            throw std::out_of_range(std::to_string(i));
                        } catch (const std::out_of_range&) {
                            yield();
                            throw;
                        }
                    } catch (const std::out_of_range& error) {
                        yield();
                        EXPECT_EQ(error.what(), std::to_string(i));
                    }
                    EXPECT_EQ(std::current_exception(), nullptr);
                    EXPECT_EQ(std::uncaught_exceptions(), 0);
                }
            };
            tasks.push_back(i % 2 == 0 ? create_task(body) : spawn(body));
        }
        for (const auto& task : tasks) {
            await(task);
        }
    });
}

}  // namespace
}  // namespace weft::test
