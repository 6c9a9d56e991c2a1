#include <gtest/gtest.h>
#include <sys/resource.h>

#include <atomic>
#include <latch>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>
#include <weft/executor.hpp>
#include <weft/weft.hpp>

#include "support/runtime_fixture.hpp"
#include "task/counted.hpp"

namespace weft::test {
namespace {

/// Holds the only thread of an executor until it is let go.
class Blocked {
public:
    explicit Blocked(ThreadPoolExecutor& executor)
        : job_(executor.submit([this] {
              begun_.count_down();
              go_.wait();
          })) {
        begun_.wait();
    }
    Blocked(const Blocked&) = delete;
    Blocked& operator=(const Blocked&) = delete;
    ~Blocked() {
        let_go();
        job_.wait();
    }
    void let_go() {
        if (!gone_) {
            gone_ = true;
            go_.count_down();
        }
    }
    [[nodiscard]] const Future<void>& job() const { return job_; }

private:
    std::latch begun_{1};
    std::latch go_{1};
    bool gone_ = false;
    Future<void> job_;
};

TEST(Executor, GivesResultsToPlainThreads) {
    ThreadPoolExecutor executor(2);
    EXPECT_EQ(executor.submit([] { return 7; }).get(), 7);
    executor.submit([] {}).get();
    auto moved = executor.submit([] { return std::make_unique<int>(3); });
    EXPECT_EQ(*moved.get(), 3);
    EXPECT_THROW(
        executor.submit([]() -> int { throw std::runtime_error("job"); }).get(), std::runtime_error
    );
}

// Goal: jobs begin in the order in which they came.
TEST(Executor, OneThreadKeepsTheOrder) {
    ThreadPoolExecutor executor(1);
    std::vector<int> order;
    std::vector<Future<void>> jobs;
    {
        Blocked blocked(executor);
        for (int i = 0; i < 100; ++i) {
            jobs.push_back(executor.submit([&order, i] { order.push_back(i); }));
        }
    }
    for (const auto& job : jobs) {
        job.get();
    }
    for (int i = 0; i < 100; ++i) {
        ASSERT_EQ(order.at(static_cast<std::size_t>(i)), i);
    }
}

TEST(Executor, TakesNoMoreThreadsThanItMay) {
    constexpr int kThreads = 3;
    ThreadPoolExecutor executor(kThreads, "few");
    std::atomic<int> running{0};
    std::atomic<int> most{0};
    std::vector<Future<void>> jobs;
    for (int i = 0; i < 200; ++i) {
        jobs.push_back(executor.submit([&] {
            const int now = running.fetch_add(1) + 1;
            for (int seen = most.load(); seen < now && !most.compare_exchange_weak(seen, now);) {
            }
            std::this_thread::yield();
            running.fetch_sub(1);
        }));
    }
    for (const auto& job : jobs) {
        job.get();
    }
    EXPECT_LE(most.load(), kThreads);
}

// Goal: one that waits can be cancelled, and what it holds is dropped at once; one that runs cannot.
TEST(Executor, CancelsWhatNoThreadHasTaken) {
    ThreadPoolExecutor executor(1);
    Blocked blocked(executor);
    auto held = std::make_shared<int>(1);
    auto queued = executor.submit([held] { ADD_FAILURE() << "a cancelled job ran"; });
    EXPECT_EQ(held.use_count(), 2);
    EXPECT_TRUE(queued.cancel("not needed"));
    EXPECT_TRUE(queued.cancelled());
    EXPECT_EQ(held.use_count(), 1);
    EXPECT_FALSE(queued.cancel());
    try {
        queued.get();
        ADD_FAILURE() << "a cancelled job gave a result";
    } catch (const CancelledError& error) {
        EXPECT_EQ(error.message(), "not needed");
    }
    EXPECT_FALSE(blocked.job().cancel()) << "a running job said it was cancelled";
    EXPECT_FALSE(blocked.job().done());
    EXPECT_THROW(blocked.job().set_result(), InvalidStateError);
}

TEST(Executor, TakesNothingAfterShutdown) {
    ThreadPoolExecutor executor(1);
    std::vector<Future<int>> jobs;
    {
        Blocked blocked(executor);
        jobs.push_back(executor.submit([] { return 1; }));
        executor.shutdown(false);
        EXPECT_THROW(static_cast<void>(executor.submit([] {})), RuntimeError);
    }
    EXPECT_EQ(jobs.front().get(), 1) << "a job from before was lost";
    executor.shutdown();
    executor.shutdown();
}

TEST(Executor, ShutdownCancelsWhatWaits) {
    ThreadPoolExecutor executor(1);
    Future<void> queued;
    {
        Blocked blocked(executor);
        queued = executor.submit([] { ADD_FAILURE() << "ran"; });
        executor.shutdown(false, true);
        EXPECT_TRUE(queued.cancelled());
    }
    EXPECT_THROW(queued.get(), CancelledError);
}

TEST(Executor, JoinGivesUpInTime) {
    ThreadPoolExecutor executor(1);
    Blocked blocked(executor);
    executor.shutdown(false);
    EXPECT_FALSE(executor.join(std::chrono::milliseconds(1)));
}

TEST_P(OnEveryRuntime, ToThreadRunsElsewhereAndComesBack) {
    run([] {
        const auto here = std::this_thread::get_id();
        EXPECT_NE(to_thread([] { return std::this_thread::get_id(); }), here);
        EXPECT_EQ(std::this_thread::get_id(), here) << "a pinned task went on elsewhere";
        EXPECT_THROW(to_thread([]() -> int { throw std::logic_error("x"); }), std::logic_error);
        EXPECT_EQ(*to_thread([] { return std::make_unique<int>(4); }), 4);
        EXPECT_THROW(to_thread([] { yield(); }), RuntimeError) << "a job is no task";
        std::vector<Task<int>> tasks;
        for (int i = 0; i < 50; ++i) {
            const auto body = [i] { return to_thread([i] { return i; }); };
            tasks.push_back(i % 2 == 0 ? create_task(body) : spawn(body));
        }
        for (int i = 0; i < 50; ++i) {
            EXPECT_EQ(await(tasks[static_cast<std::size_t>(i)]), i);
        }
    });
}

// Goal: the loop runs on while a job blocks.
TEST_P(OnEveryRuntime, ToThreadBlocksNoLoop) {
    run([] {
        std::latch go(1);
        auto blocked = create_task([&] { to_thread([&] { go.wait(); }); });
        int turns = 0;
        auto other = create_task([&] {
            for (; turns < 10; ++turns) {
                yield();
            }
            go.count_down();
        });
        await(blocked);
        await(other);
        EXPECT_EQ(turns, 10);
    });
}

// Goal: a cancelled task leaves to_thread() only when nobody uses its stack any more.
TEST_P(OnEveryRuntime, ToThreadWaitsForARunningJobWhenCancelled) {
    run([] {
        std::latch begun(1);
        std::latch go(1);
        bool finished = false;
        auto task = create_task([&] {
            int on_this_stack = 0;
            try {
                to_thread([&] {
                    begun.count_down();
                    go.wait();
                    on_this_stack = 1;
                });
                ADD_FAILURE() << "was not cancelled";
            } catch (const CancelledError& error) {
                EXPECT_EQ(error.message(), "now");
                finished = on_this_stack == 1;
                throw;
            }
        });
        await(create_task([&] { to_thread([&] { begun.wait(); }); }));
        task.cancel("now");
        settle();
        EXPECT_FALSE(task.done());
        go.count_down();
        EXPECT_THROW(await(task), CancelledError);
        EXPECT_TRUE(finished);
    });
}

TEST_P(OnEveryRuntime, RunInExecutorTakesTheOneGiven) {
    ThreadPoolExecutor executor(1, "mine");
    run([&] {
        const auto first =
            await(run_in_executor(&executor, [] { return std::this_thread::get_id(); }));
        const auto second = await(executor.submit([] { return std::this_thread::get_id(); }));
        EXPECT_EQ(first, second);
        EXPECT_NE(
            await(run_in_executor(nullptr, [] { return std::this_thread::get_id(); })), first
        );
    });
    EXPECT_THROW(static_cast<void>(run_in_executor(nullptr, [] {})), RuntimeError);
    EXPECT_THROW(to_thread([] {}), RuntimeError);
}

// Goal: run() ends with jobs queued and running: the queued ones are dropped, the others waited for.
TEST_P(OnEveryRuntime, RunEndsWithJobsInFlight) {
    auto ran = std::make_shared<std::atomic<int>>(0);
    run([&] {
        for (int i = 0; i < 200; ++i) {
            static_cast<void>(create_task([ran] { to_thread([ran] { ran->fetch_add(1); }); }));
            static_cast<void>(run_in_executor(nullptr, [ran] { ran->fetch_add(1); }));
        }
        yield();
    });
    EXPECT_EQ(ran.use_count(), 1) << "a job is still there";
}

TEST(Executor, DefaultOneEndsWithItsRuntime) {
    Runtime runtime;
    ThreadPoolExecutor& executor = runtime.default_executor();
    EXPECT_EQ(executor.submit([] { return 1; }).get(), 1);
    EXPECT_EQ(&runtime.default_executor(), &executor);
    EXPECT_EQ(&runtime.loop(0).runtime(), &runtime);
    runtime.shutdown();
    EXPECT_THROW(static_cast<void>(executor.submit([] {})), RuntimeError);
    EXPECT_THROW(static_cast<void>(runtime.default_executor()), RuntimeError);
}

// Goal: cancels from everywhere against threads that take jobs: each has one outcome, none is lost.
TEST_P(OnEveryRuntime, ExecutorStorm) {
    ThreadPoolExecutor executor(2);
    run([&] {
        auto random = random_engine();
        std::atomic<int> ran{0};
        int cancelled = 0;
        int done = 0;
        const int rounds = scaled(5000);
        for (int i = 0; i < rounds; ++i) {
            auto job = executor.submit([&] { ran.fetch_add(1); });
            if (random() % 2 == 0 && job.cancel()) {
                ++cancelled;
                EXPECT_THROW(await(job), CancelledError);
            } else {
                await(job);
                ++done;
            }
        }
        EXPECT_EQ(ran.load(), done);
        EXPECT_EQ(done + cancelled, rounds);
    });
}

}  // namespace
}  // namespace weft::test
