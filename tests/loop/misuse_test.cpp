#include <gtest/gtest.h>

#include <chrono>
#include <limits>
#include <memory>
#include <mutex>
#include <string>
#include <weft/weft.hpp>

#include "support/runtime_fixture.hpp"
#include "support/text_of.hpp"

// Goal: a misuse is told with the exception of asyncio's name, and a text that names the object and
// what was expected of it.

namespace weft::test {
namespace {

TEST(Misuse, IsNamedByThePrimitives) {
    EXPECT_EQ(
        text_of<RuntimeError>([] { Lock().release(); }), "release() of a Lock that is not acquired"
    );
    EXPECT_EQ(
        text_of<ValueError>([] { Semaphore(-2); }),
        "a Semaphore begins with 0 permits or more, not with -2"
    );
    EXPECT_EQ(
        text_of<ValueError>([] { Semaphore().release(-3); }),
        "release() of 0 permits or more, not of -3"
    );
    EXPECT_EQ(
        text_of<ValueError>([] { BoundedSemaphore(2).release(); }),
        "a BoundedSemaphore of 2 permits was released more often than it was acquired"
    );
    EXPECT_EQ(
        text_of<ValueError>([] { Semaphore(std::numeric_limits<std::ptrdiff_t>::max()).release(); }
        ),
        "a Semaphore was given more permits than can be counted"
    );
    EXPECT_EQ(
        text_of<ValueError>([] { Barrier(-1); }), "a Barrier is for 1 party or more, not for -1"
    );
    EXPECT_EQ(
        text_of<RuntimeError>([] { Condition().notify(); }),
        "notify() of a Condition whose lock is not acquired"
    );
    EXPECT_EQ(
        text_of<QueueFull>([] {
            Queue<int> queue(1);
            queue.put_nowait(1);
            queue.put_nowait(2);
        }),
        "the queue is full; its maxsize is 1"
    );
    EXPECT_EQ(
        text_of<ValueError>([] { Queue<int>().task_done(); }),
        "task_done() was called more often than items were put"
    );
}

TEST(Misuse, IsNamedByTheRuntime) {
    RuntimeOptions options;
    options.workers = -3;
    EXPECT_EQ(
        text_of<ValueError>([&] { Runtime{options}; }),
        "RuntimeOptions.workers is -3; a number of loops was expected, or 0 for one per core"
    );
    options.workers = 1;
    Runtime runtime(options);
    runtime.shutdown();
    bool called = false;
    EXPECT_EQ(
        text_of<RuntimeError>([&] { runtime.run([&] { called = true; }); }),
        "run(): the runtime is shut down"
    );
    EXPECT_FALSE(called);
}

TEST(Misuse, IsNamedByScopesOutsideOfATask) {
    EXPECT_EQ(
        text_of<RuntimeError>([] { task_group([](TaskGroup&) {}); }),
        "task_group() outside of a task"
    );
    EXPECT_EQ(
        text_of<RuntimeError>([] { timeout(std::chrono::seconds(1), [] {}); }),
        "timeout() outside of a task"
    );
    EXPECT_EQ(
        text_of<RuntimeError>([] { static_cast<void>(current_task()); }),
        "current_task() outside of a task"
    );
}

TEST_P(OnEveryRuntime, MisuseIsNamedByTasks) {
    run([] {
        auto task = create_task([] { return std::make_unique<int>(1); }, {.name = "only"});
        EXPECT_EQ(*await(task), 1);
        EXPECT_EQ(
            text_of<InvalidStateError>([&] { static_cast<void>(await(task)); }),
            "the result of task 'only' can only be moved, and somebody has taken it"
        );
        auto self = std::make_shared<std::optional<Task<void>>>();
        auto narcissus = create_task(
            [self] {
                EXPECT_EQ(
                    text_of<RuntimeError>([&] { await(**self); }),
                    "task 'narcissus' cannot await itself"
                );
                self->reset();
            },
            "narcissus"
        );
        *self = narcissus;
        await(narcissus);
        narcissus.set_name("echo");
        EXPECT_EQ(narcissus.name(), "echo");
    });
}

// Goal: a semaphore is a mutex to std::scoped_lock, of as many as it has permits.
TEST_P(OnEveryRuntime, SemaphoreInAScopedLock) {
    run([] {
        Semaphore semaphore(2);
        {
            const std::scoped_lock first(semaphore);
            const std::scoped_lock second(semaphore);
            EXPECT_TRUE(semaphore.locked());
        }
        EXPECT_EQ(semaphore.value(), 2);
    });
}

}  // namespace
}  // namespace weft::test
