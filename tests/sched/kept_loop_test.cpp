#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <latch>
#include <numeric>
#include <random>
#include <string>
#include <thread>
#include <vector>
#include <weft/run.hpp>
#include <weft/runtime.hpp>
#include <weft/sleep.hpp>

#include "sched/own_stack.hpp"
#include "sched/process_state.hpp"
#include "sched/worker.hpp"
#include "support/runtime_fixture.hpp"

// Goal: what a loop has kept to itself, in the array and in the chain, goes to the others when a task keeps
// that loop.

namespace weft::test {
namespace {

class KeptLoop : public OnEveryRuntime {
    const WithoutHops without_hops_;
};
INSTANTIATE_TEST_SUITE_P(
    Each,
    KeptLoop,
    ::testing::Values(Shape{2, false}, Shape{4, false}),
    [](const auto& each) { return name_of(each.param); }
);

/// Tasks that count themselves.
class Crowd {
public:
    explicit Crowd(std::size_t size) : ran_(size), left_(size) {}

    void spawn_all() {
        for (std::size_t i = 0; i < ran_.size(); ++i) {
            tasks_.push_back(spawn([this, i] {
                ran_[i].fetch_add(1);
                on_loop_0_.fetch_add(get_running_loop().index() == 0 ? 1 : 0);
                left_.fetch_sub(1);
            }));
        }
    }
    [[nodiscard]] const Task<void>& task(std::size_t which) const { return tasks_[which]; }
    /// Keeps the thread, and its loop, until all have run.
    void keep() const {
        while (left_.load() > 0) {
            std::this_thread::yield();
        }
    }
    [[nodiscard]] int on_loop_0() const { return on_loop_0_.load(); }
    void expect_each_ran_once() const {
        EXPECT_TRUE(std::all_of(ran_.begin(), ran_.end(), [](const auto& ran) {
            return ran.load() == 1;
        }));
    }
    void await_all() const {
        for (const Task<void>& task : tasks_) {
            await(task);
        }
    }

private:
    std::vector<std::atomic<int>> ran_;
    std::vector<Task<void>> tasks_;
    std::atomic<std::size_t> left_;
    std::atomic<int> on_loop_0_{0};
};

/// Keeps all loops but the first until release().
class OthersKept {
public:
    explicit OthersKept(Runtime& runtime) : all_kept_(runtime.workers()) {
        for (int i = 1; i < runtime.workers(); ++i) {
            keepers_.push_back(runtime.loop(i).create_task([this] {
                all_kept_.count_down();
                released_.wait();
            }));
        }
    }
    /// Returns when they are.
    void wait() { all_kept_.arrive_and_wait(); }
    void release() { released_.count_down(); }
    void wait_for_end() const {
        for (const Task<void>& keeper : keepers_) {
            keeper.wait();
        }
    }

private:
    std::latch all_kept_;
    std::latch released_{1};
    std::vector<Task<void>> keepers_;
};

/// How many tasks of the running loop thieves see, but for the newest.
std::size_t seen_by_thieves() {
    return static_cast<rt::Worker&>(*get_running_loop().sink()).ring().size();
}

/// A loop that has `size` tasks is kept until the others, which are kept until those are where it puts them,
/// have run all. Returns what they did for that.
Metrics keep_one_with(std::size_t size, const RuntimeOptions& options) {
    Runtime runtime(options);
    runtime.start();
    OthersKept others(runtime);
    auto keeper = runtime.loop(0).create_task([&] {
        Crowd crowd(size);
        others.wait();
        crowd.spawn_all();
        const std::size_t behind = size - 1;
        const std::size_t seen = seen_by_thieves();
        EXPECT_LE(seen, std::clamp<std::size_t>(behind / 2, 8, 64)) << size;
        if (runtime.metrics().total().rescued == 0) {
            EXPECT_EQ(seen, std::min(behind, std::clamp<std::size_t>(behind / 2, 8, 64)));
        }
        others.release();
        crowd.keep();
        EXPECT_EQ(crowd.on_loop_0(), 0) << size;
        crowd.expect_each_ran_once();
        crowd.await_all();
    });
    others.wait_for_end();
    keeper.wait();
    keeper.result();
    return runtime.metrics();
}

// Goal: all of them run on the other loops while the one that has them is kept: who is looking for work takes
// what that one keeps to itself, too, long before it would be rescued.
TEST_P(KeptLoop, OthersRunAllThatItHas) {
    const rt::testing::ScopedEnvironment policy{
        "WEFT_POLICY", "rescue_every_us=1000000,stuck_after_us=1000000"};
    for (const std::size_t size : {1U, 5U, 9U, 20U, 300U, 2000U}) {
        const Metrics metrics = keep_one_with(size, options());
        EXPECT_GE(metrics.total().steals + metrics.total().rescued, size) << size;
        EXPECT_GT(metrics.total().steals, size / 2) << size;
    }
}

// Goal: where nobody takes it for a while, the rescuer gives it away.
TEST_P(KeptLoop, IsRescuedOfAllThatItHas) {
    const rt::testing::ScopedEnvironment policy{"WEFT_POLICY", "slot_hesitation_us=500000"};
    for (const std::size_t size : {300U, 2000U}) {
        const Metrics metrics = keep_one_with(size, options());
        EXPECT_GT(metrics.loops.at(0).rescued, size / 3) << size;
    }
}

/// Runs `f` as a stealable task of loop 0 while the others are kept; returns its result.
template <class F>
auto run_while_others_are_kept(Runtime& runtime, F f) {
    OthersKept others(runtime);
    auto parent = runtime.loop(0).create_task([&] {
        others.wait();
        return await(spawn(f));
    });
    parent.wait();
    others.release();
    others.wait_for_end();
    return parent.result();
}

/// Tries again until it comes out right: a loop that got no core was rescued in some.
template <class F>
void expect_once(F f) {
    constexpr int kTries = 20;
    int tries = 1;
    while (!f() && tries < kTries) {
        ++tries;
    }
    EXPECT_LT(tries, kTries);
}

/// Whether all children are called when the oldest is awaited first, or the newest.
bool calls_all(std::size_t size, bool oldest_first) {
    std::size_t called = 0;
    std::vector<Task<void>> children;
    for (std::size_t i = 0; i < size; ++i) {
        children.push_back(spawn([&called, parents = own_stack()] {
            called += own_stack() == parents ? 1U : 0U;
        }));
    }
    if (!oldest_first) {
        std::reverse(children.begin(), children.end());
    }
    for (const Task<void>& child : children) {
        await(child);
    }
    return called == size;
}

// Goal: what thieves see and have not taken is called, too: the oldest, and any when there is nothing else.
TEST_P(KeptLoop, CallsWhatThievesHaveLeft) {
    Runtime runtime(options());
    runtime.start();
    for (const std::size_t size : {2U, 6U, 20U, 60U}) {
        for (const bool oldest_first : {true, false}) {
            SCOPED_TRACE(std::to_string(size) + (oldest_first ? " in order" : " in reverse"));
            expect_once([&] {
                return run_while_others_are_kept(runtime, [=] {
                    return calls_all(size, oldest_first);
                });
            });
        }
    }
}

// Goal: what was taken back for one of them keeps its order.
TEST_P(KeptLoop, WhatThievesHaveLeftKeepsItsOrder) {
    Runtime runtime(options());
    runtime.start();
    constexpr std::size_t kSize = 8;
    expect_once([&] {
        return run_while_others_are_kept(runtime, [] {
            std::vector<std::size_t> order;
            std::vector<Task<void>> children;
            for (std::size_t i = 0; i < kSize; ++i) {
                children.push_back(spawn([&order, i] { order.push_back(i); }));
            }
            await(children[5]);
            while (order.size() < kSize) {
                yield();
            }
            return order == std::vector<std::size_t>{5, 7, 0, 1, 2, 3, 4, 6};  // 7: the newest
        });
    });
}

// Goal: while a loop has others, it does not take away from thieves what they see.
TEST_P(KeptLoop, LeavesToThievesWhatTheySee) {
    Runtime runtime(options());
    runtime.start();
    constexpr std::size_t kSize = 30;
    expect_once([&] {
        return run_while_others_are_kept(runtime, [] {
            std::vector<Task<void>> children;
            for (std::size_t i = 0; i < kSize; ++i) {
                children.push_back(spawn([] {}));
            }
            await(children[3]);
            const std::size_t seen = seen_by_thieves();
            for (const Task<void>& child : children) {
                await(child);
            }
            return seen >= 8;
        });
    });
}

// Goal: the same when it has called some of them from the middle before.
TEST_P(KeptLoop, OthersRunAllThatItHasLeft) {
    for (const std::size_t size : {20U, 300U, 2000U}) {
        run([size] {
            await(spawn([size] {
                Crowd crowd(size);
                crowd.spawn_all();
                for (std::size_t back = 2; back < 18; back += 3) {
                    await(crowd.task(size - back));
                }
                crowd.keep();
                crowd.expect_each_ran_once();
                crowd.await_all();
            }));
        });
    }
}

// Goal: a loop may be rescued at any moment of what it does with the tasks that it keeps.
TEST_P(KeptLoop, RescuedWhileItCallsThemInAnyOrder) {
    // Its own rescuer keeps out: there is one at a time.
    const rt::testing::ScopedEnvironment policy{
        "WEFT_POLICY", "rescue_every_us=1000000,stuck_after_us=1000000"};
    Runtime runtime(options());
    runtime.start();
    std::vector<rt::Worker*> workers;
    for (int i = 0; i < runtime.workers(); ++i) {
        workers.push_back(static_cast<rt::Worker*>(runtime.loop(i).sink()));
    }
    std::atomic<bool> over{false};
    std::thread rescuer([&] {
        while (!over.load()) {
            for (rt::Worker* const worker : workers) {
                // One that sleeps is not helped: or this would mend what it had broken.
                if (!worker->sleeps_undisturbed()) {
                    worker->rescue();
                }
            }
        }
    });
    auto random = random_engine();
    SCOPED_TRACE("seed " + std::to_string(seed()));
    const int rounds = scaled(40);
    for (int round = 0; round < rounds; ++round) {
        std::vector<Task<void>> parents;
        for (const std::size_t size : {12U, 300U, 700U}) {
            parents.push_back(runtime.spawn([size, from = random()] {
                std::vector<std::size_t> order(size);
                std::iota(order.begin(), order.end(), std::size_t{0});
                std::shuffle(order.begin(), order.end(), std::mt19937_64(from));
                Crowd crowd(size);
                crowd.spawn_all();
                for (const std::size_t which : order) {
                    await(crowd.task(which));
                }
                crowd.expect_each_ran_once();
            }));
        }
        for (const Task<void>& parent : parents) {
            parent.wait();
        }
    }
    over.store(true);
    rescuer.join();
}

}  // namespace
}  // namespace weft::test
