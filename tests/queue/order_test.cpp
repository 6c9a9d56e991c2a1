#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>
#include <weft/queue.hpp>
#include <weft/weft.hpp>

#include "support/runtime_fixture.hpp"

namespace weft::test {
namespace {

template <class Q>
auto drain(Q& queue) {
    std::vector<typename Q::value_type> items;
    while (!queue.empty()) {
        items.push_back(queue.get_nowait());
    }
    return items;
}

TEST(QueueOrder, LifoGivesTheNewestFirst) {
    LifoQueue<int> queue;
    for (const int item : {1, 3, 2}) {
        queue.put_nowait(item);
    }
    EXPECT_EQ(queue.get_nowait(), 2);
    queue.put_nowait(7);
    EXPECT_EQ(drain(queue), (std::vector{7, 3, 1}));
    EXPECT_THROW(static_cast<void>(queue.get_nowait()), QueueEmpty);
}

TEST(QueueOrder, PriorityGivesTheLeastFirst) {
    PriorityQueue<int> queue;
    for (const int item : {5, 1, 4, 1, 3}) {
        queue.put_nowait(item);
    }
    EXPECT_EQ(drain(queue), (std::vector{1, 1, 3, 4, 5}));
    PriorityQueue<std::string, std::greater<>> greatest;
    for (const char* item : {"b", "c", "a"}) {
        greatest.put_nowait(item);
    }
    EXPECT_EQ(drain(greatest), (std::vector<std::string>{"c", "b", "a"}));
}

struct ByPriority {
    bool operator()(const std::pair<int, int>& left, const std::pair<int, int>& right) const {
        return left.first < right.first;
    }
};

// Goal: against a stable sort, with puts and gets mixed.
TEST(QueueOrder, PriorityIsStable) {
    auto random = random_engine();
    PriorityQueue<std::pair<int, int>, ByPriority> queue;
    std::vector<std::pair<int, int>> model;
    int number = 0;
    for (int step = 0; step < 20'000; ++step) {
        if (model.empty() || random() % 5 < 3) {
            const std::pair item(static_cast<int>(random() % 8), number++);
            queue.put_nowait(item);
            model.insert(std::upper_bound(model.begin(), model.end(), item, ByPriority{}), item);
        } else {
            ASSERT_EQ(queue.get_nowait(), model.front()) << "step " << step;
            model.erase(model.begin());
        }
    }
    EXPECT_EQ(drain(queue), model);
}

TEST(QueueOrder, HoldsWhatCanOnlyBeMoved) {
    struct Less {
        bool operator()(const std::unique_ptr<int>& left, const std::unique_ptr<int>& right) const {
            return *left < *right;
        }
    };
    PriorityQueue<std::unique_ptr<int>, Less> queue(2);
    queue.put_nowait(std::make_unique<int>(2));
    queue.put_nowait(std::make_unique<int>(1));
    EXPECT_THROW(queue.put_nowait(std::make_unique<int>(0)), QueueFull);
    EXPECT_EQ(*queue.get_nowait(), 1);  // the other is destroyed with the queue
}

// Goal: all that a queue promises holds in each order: places, shutdown, join.
template <class Q>
void check_bounds() {
    weft::run([] {
        Q queue(2);
        auto putter = create_task([&] {
            for (const int item : {1, 2, 3}) {
                queue.put(item);
            }
        });
        settle();
        EXPECT_TRUE(queue.full());
        EXPECT_FALSE(putter.done());
        static_cast<void>(queue.get());
        await(putter);
        auto joiner = create_task([&] { queue.join(); });
        queue.shutdown();
        EXPECT_THROW(queue.put(4), QueueShutDown);
        static_cast<void>(queue.get());
        static_cast<void>(queue.get());
        EXPECT_THROW(static_cast<void>(queue.get()), QueueShutDown);
        for (int i = 0; i < 3; ++i) {
            queue.task_done();
        }
        EXPECT_THROW(queue.task_done(), ValueError);
        await(joiner);
    });
}
TEST(QueueOrder, LifoHasBounds) {
    check_bounds<LifoQueue<int>>();
}
TEST(QueueOrder, PriorityHasBounds) {
    check_bounds<PriorityQueue<int>>();
}

// Goal: an item whose get() is cancelled comes back to its place in the order.
template <class Q>
void check_return(const std::vector<int>& expected) {
    weft::run([&] {
        Q queue;
        auto getter = create_task([&] { static_cast<void>(queue.get()); });
        settle();
        queue.put_nowait(2);  // handed to the getter, which does not go on
        queue.put_nowait(1);
        queue.put_nowait(3);
        getter.cancel();
        EXPECT_THROW(await(getter), CancelledError);
        EXPECT_EQ(drain(queue), expected);
    });
}
TEST(QueueOrder, CancelledGetGivesBackInOrder) {
    check_return<Queue<int>>({2, 1, 3});
    check_return<LifoQueue<int>>({3, 1, 2});
    check_return<PriorityQueue<int>>({1, 2, 3});
}

// Goal: producers and consumers of all loops and a plain thread: every item once.
TEST_P(OnEveryRuntime, PriorityQueueLosesNothing) {
    constexpr int kProducers = 4;
    const int each = scaled(2000);
    Runtime runtime(options());
    runtime.run([&] {
        PriorityQueue<int> queue(16);
        std::vector<Task<void>> producers;
        for (int who = 0; who < kProducers; ++who) {
            producers.push_back(spawn([&, who] {
                for (int i = 0; i < each; ++i) {
                    queue.put(who * each + i);
                }
            }));
        }
        std::vector<int> from_thread;
        std::thread thread([&] {
            for (int i = 0; i < each; ++i) {
                from_thread.push_back(queue.get());
            }
        });
        std::vector<int> items;
        for (int i = 0; i < (kProducers - 1) * each; ++i) {
            items.push_back(queue.get());
        }
        for (auto& producer : producers) {
            await(producer);
        }
        thread.join();
        items.insert(items.end(), from_thread.begin(), from_thread.end());
        std::sort(items.begin(), items.end());
        ASSERT_EQ(items.size(), static_cast<std::size_t>(kProducers * each));
        for (std::size_t i = 0; i < items.size(); ++i) {
            ASSERT_EQ(items[i], static_cast<int>(i));
        }
    });
}

}  // namespace
}  // namespace weft::test
