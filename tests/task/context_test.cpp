#include <gtest/gtest.h>

#include <string>
#include <thread>
#include <utility>
#include <vector>
#include <weft/context.hpp>
#include <weft/executor.hpp>
#include <weft/gather.hpp>
#include <weft/loop.hpp>
#include <weft/sleep.hpp>
#include <weft/task.hpp>

#include "support/runtime_fixture.hpp"

namespace weft::test {
namespace {

ContextVar<int> a_number("number", 0);
ContextVar<std::string> a_text("text");

// Goal: a task has a copy of its maker's context as that was then; what either sets later is its own.
TEST_P(OnEveryRuntime, ContextIsCopiedWhenATaskIsMade) {
    run([] {
        a_number.set(1);
        const Future<void> gate;
        for (const bool stealable : {false, true}) {
            const auto body = [&] {
                EXPECT_EQ(a_number.get(), 1);
                await(gate);
                EXPECT_EQ(a_number.get(), 1) << "its maker has set another since";
                a_number.set(7);
                yield();
                EXPECT_EQ(a_number.get(), 7);
            };
            a_number.set(1);
            auto task = stealable ? spawn(body) : create_task(body);
            yield();
            a_number.set(2);
            if (!gate.done()) {
                gate.set_result();
            }
            await(task);
            EXPECT_EQ(a_number.get(), 2);
        }
    });
}

// Goal: values travel with a task, whatever other tasks run on the thread meanwhile.
TEST_P(OnEveryRuntime, ContextMovesWithTheTask) {
    run([] {
        std::vector<Task<void>> tasks;
        for (int i = 1; i <= 50; ++i) {
            tasks.push_back(spawn([i] {
                a_number.set(i);
                a_text.set(std::to_string(i));
                for (int turn = 0; turn < 20; ++turn) {
                    yield();
                    ASSERT_EQ(a_number.get(), i);
                    ASSERT_EQ(a_text.get(), std::to_string(i));
                }
            }));
        }
        for (const auto& task : tasks) {
            await(task);
        }
        EXPECT_EQ(a_number.get(), 0);
    });
}

// Goal: callbacks run in a copy of the context of who asked for them, or in the one they are given.
TEST_P(OnEveryRuntime, ContextOfCallbacks) {
    run([] {
        std::vector<int> seen;
        const Future<void> last;
        const Future<int> future;
        a_number.set(1);
        get_running_loop().call_soon([&] {
            seen.push_back(a_number.get());
            a_number.set(100);  // its own
        });
        future.add_done_callback([&](const Future<int>&) { seen.push_back(a_number.get()); });
        a_number.set(2);
        get_running_loop().call_later(std::chrono::nanoseconds(0), [&] {
            seen.push_back(a_number.get());
            last.set_result();
        });
        const Context shared;
        shared.run([] { a_number.set(50); });
        get_running_loop().call_soon([&] { a_number.set(a_number.get() + 1); }, shared);
        a_number.set(3);
        future.set_result(0);
        await(last);
        EXPECT_EQ(seen, (std::vector{1, 1, 2}));
        EXPECT_EQ(a_number.get(), 3);
        EXPECT_EQ(shared.run([] { return a_number.get(); }), 51);
    });
}

// Goal: tasks that are given one context see each other's values; it is not copied.
TEST_P(OnEveryRuntime, ContextMayBeShared) {
    run([] {
        const Context shared;
        await(create_task([] { a_number.set(5); }, {.context = shared}));
        await(spawn([] { a_number.set(a_number.get() + 1); }, {.context = shared}));
        EXPECT_EQ(shared.run([] { return a_number.get(); }), 6);
        EXPECT_EQ(a_number.get(), 0);
        EXPECT_EQ(shared.size(), 1U);
        EXPECT_TRUE(shared.contains(a_number));
        EXPECT_FALSE(shared.contains(a_text));
    });
}

// Goal: Context::run() is left with what it was entered with, also by an exception and where it waits.
TEST_P(OnEveryRuntime, ContextRunEndsWithItsScope) {
    run([] {
        a_number.set(1);
        const Context copy = copy_context();
        copy.run([] {
            a_number.set(2);
            yield();
            EXPECT_EQ(a_number.get(), 2);
        });
        EXPECT_EQ(a_number.get(), 1);
        EXPECT_THROW(
            copy.run([]() -> void { throw std::runtime_error("no"); }), std::runtime_error
        );
        EXPECT_EQ(a_number.get(), 1);
        EXPECT_EQ(copy.run([] { return a_number.get(); }), 2);
    });
}

// Goal: to_thread() takes a copy of the context along, and what the function sets stays there.
TEST_P(OnEveryRuntime, ContextOfToThread) {
    run([] {
        a_number.set(4);
        EXPECT_EQ(
            to_thread([] {
                const int found = a_number.get();
                a_number.set(9);
                return found;
            }),
            4
        );
        EXPECT_EQ(a_number.get(), 4);
        EXPECT_EQ(to_thread([] { return a_number.get(); }), 4) << "the thread kept it";
    });
}

// Goal: a plain thread has a context, too, which ends with it; the main task inherits the caller's.
TEST_P(OnEveryRuntime, ContextOfPlainThreads) {
    std::thread([] {
        EXPECT_EQ(a_number.get(), 0);
        a_number.set(1);
        a_text.set(std::string(1000, 'x'));
        EXPECT_EQ(run([] { return a_number.get(); }), 1);
    }).join();
    EXPECT_EQ(a_number.get(), 0);
}

// Goal: tokens work once, for their variable, in their context; a value can be taken back to none.
TEST(ContextVarTest, Reset) {
    const Context context;
    context.run([] {
        auto first = a_text.set("a");
        auto second = a_text.set("b");
        a_text.reset(second);
        EXPECT_EQ(a_text.get(), "a");
        a_text.reset(first);
        EXPECT_THROW(static_cast<void>(a_text.get()), LookupError);
        EXPECT_EQ(a_text.get("other"), "other");
        EXPECT_THROW(a_text.reset(first), RuntimeError) << "used already";

        ContextVar<std::string> another("another");
        auto its = another.set("c");
        EXPECT_THROW(a_text.reset(its), ValueError);
        const Context elsewhere;
        EXPECT_THROW(elsewhere.run([&] { another.reset(its); }), ValueError);
        another.reset(its);
    });
}

// Goal: what is wrong names the variable.
TEST(ContextVarTest, NamesItself) {
    try {
        static_cast<void>(a_text.get());
        FAIL();
    } catch (const LookupError& error) {
        EXPECT_NE(std::string(error.what()).find("'text'"), std::string::npos);
    }
}

// CPython: eager_task_factory; asyncio.Task(eager_start=True)
// Goal: an eager task runs at once up to its first suspension, as its own task, and its maker goes on
// before anything else.
TEST_P(OnEveryRuntime, EagerTask) {
    run([] {
        std::string trace;
        create_task([&] { trace += "other "; });
        auto task = create_task(
            [&] {
                EXPECT_EQ(current_task().name(), "eager");
                trace += "first ";
                yield();
                trace += "second ";
                return 5;
            },
            {.name = "eager", .eager_start = true}
        );
        trace += "maker ";
        EXPECT_EQ(current_task().name(), "main");
        EXPECT_EQ(await(task), 5);
        EXPECT_EQ(trace, "first maker other second ");
    });
}

// Goal: one that ends at once is done when it has been made, with its result or its error; eager tasks
// may make eager tasks.
TEST_P(OnEveryRuntime, EagerTaskThatEndsAtOnce) {
    run([] {
        const TaskOptions eager{.eager_start = true};
        auto nested = create_task(
            [&] {
                auto inner = create_task([] { return 1; }, eager);
                EXPECT_TRUE(inner.done());
                return inner.result() + 1;
            },
            eager
        );
        EXPECT_TRUE(nested.done());
        EXPECT_EQ(nested.result(), 2);
        auto failed = spawn([]() -> int { throw std::logic_error("at once"); }, eager);
        EXPECT_THROW(await(failed), std::logic_error);
        // A callback cannot give way: there the task starts in its turn.
        const Future<bool> done_at_once;
        get_running_loop().call_soon([&] {
            done_at_once.set_result(create_task([] {}, eager).done());
        });
        EXPECT_FALSE(await(done_at_once));
    });
}

// Goal: it works with exceptions in flight on both sides, and from a stealable task.
TEST_P(OnEveryRuntime, EagerTaskInACatchBlock) {
    run([] {
        await(spawn([] {
            try {
                throw std::runtime_error("mine");
            } catch (...) {
                auto task = create_task(
                    [] {
                        EXPECT_EQ(std::current_exception(), nullptr);
                        try {
                            throw std::logic_error("its");
                        } catch (const std::logic_error&) {
                            yield();
                        }
                    },
                    TaskOptions{.eager_start = true}
                );
                try {
                    throw;
                } catch (const std::runtime_error& error) {
                    EXPECT_STREQ(error.what(), "mine");
                }
                await(task);
            }
        }));
    });
}

}  // namespace
}  // namespace weft::test
