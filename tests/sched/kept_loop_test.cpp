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

// Goal: all of them run on the other loops while the one that has them is kept. Those are kept, too, until all
// are where the first loop puts them.
TEST_P(KeptLoop, OthersRunAllThatItHas) {
    for (const std::size_t size : {1U, 5U, 9U, 20U, 300U, 2000U}) {
        Runtime runtime(options());
        runtime.start();
        std::latch all_kept(runtime.workers());
        std::latch spawned(1);
        std::vector<Task<void>> keepers;
        for (int i = 1; i < runtime.workers(); ++i) {
            keepers.push_back(runtime.loop(i).create_task([&] {
                all_kept.count_down();
                spawned.wait();
            }));
        }
        keepers.push_back(runtime.loop(0).create_task([&] {
            Crowd crowd(size);
            all_kept.arrive_and_wait();
            crowd.spawn_all();
            spawned.count_down();
            crowd.keep();
            EXPECT_EQ(crowd.on_loop_0(), 0) << size;
            crowd.expect_each_ran_once();
            crowd.await_all();
        }));
        for (const Task<void>& keeper : keepers) {
            keeper.wait();
            keeper.result();
        }
        if (size >= 300) {
            EXPECT_GT(runtime.metrics().loops.at(0).rescued, size / 3) << size;
        }
    }
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
