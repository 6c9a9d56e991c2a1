#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <random>
#include <stdexcept>
#include <thread>
#include <type_traits>
#include <vector>
#include <weft/event.hpp>
#include <weft/queue.hpp>
#include <weft/weft.hpp>

#include "support/random.hpp"
#include "support/runtime_fixture.hpp"

namespace weft::test {
namespace {

/// An item that is more than its bytes. Plain ones are copied under the queue's lock, and these are
/// made and moved outside of it: what a queue promises holds for both.
struct Number {
    int value;
    Number(int given) : value(given) {}  // NOLINT: is to look like one
    Number(const Number& other) noexcept : value(other.value) {}
    Number& operator=(const Number& other) noexcept = default;
    ~Number() { value = -1; }
    operator int() const noexcept { return value; }  // NOLINT: is to look like one
};

template <class Test>
void for_both_kinds(Test test) {
    test(std::type_identity<int>());
    test(std::type_identity<Number>());
}

TEST(QueueTest, IsFirstInFirstOutWithoutALoop) {
    Queue<int> queue;
    EXPECT_TRUE(queue.empty());
    EXPECT_FALSE(queue.full());
    EXPECT_EQ(queue.maxsize(), 0);
    for (int i = 0; i < 5; ++i) {
        queue.put(i);
    }
    EXPECT_EQ(queue.qsize(), 5U);
    EXPECT_EQ(queue.get(), 0);
    EXPECT_EQ(queue.get_nowait(), 1);
    EXPECT_EQ(queue.try_get(), 2);
    queue.put_nowait(5);
    EXPECT_TRUE(queue.try_put(6));
    for (int i = 3; i < 7; ++i) {
        EXPECT_EQ(queue.get(), i);
    }
    EXPECT_THROW((void)queue.get_nowait(), QueueEmpty);
    EXPECT_EQ(queue.try_get(), std::nullopt);
    queue.put(7);  // left for the destructor
}

TEST(QueueTest, KeepsItsBound) {
    Queue<int> queue(2);
    EXPECT_EQ(queue.maxsize(), 2);
    queue.put_nowait(1);
    EXPECT_FALSE(queue.full());
    queue.put_nowait(2);
    EXPECT_TRUE(queue.full());
    EXPECT_THROW(queue.put_nowait(3), QueueFull);
    EXPECT_FALSE(queue.try_put(3));
    EXPECT_EQ(queue.get_nowait(), 1);
    EXPECT_FALSE(queue.full());
    queue.put_nowait(4);
    EXPECT_EQ(queue.get_nowait(), 2);
    EXPECT_EQ(queue.get_nowait(), 4);
    EXPECT_EQ(Queue<int>(-3).maxsize(), -3);
    EXPECT_FALSE(Queue<int>(-3).full()) << "no bound";
}

// Goal: a queue that has held more than it keeps places for gives them back.
TEST(QueueTest, HoldsManyPlainItemsInTurn) {
    struct Point {
        const int x;
        const int y;
    };
    constexpr int kMany = 5000;
    Queue<Point> queue;
    LifoQueue<Point> stack;
    for (int round = 0; round < 3; ++round) {
        for (int i = 0; i < kMany; ++i) {
            queue.put(Point{i, round});
            EXPECT_TRUE(stack.try_put(Point{i, round}));
        }
        for (int i = 0; i < kMany; ++i) {
            const Point first = queue.get();
            ASSERT_EQ(first.x, i);
            ASSERT_EQ(first.y, round);
            ASSERT_EQ(stack.get_nowait().x, kMany - 1 - i);
        }
        EXPECT_TRUE(queue.empty());
    }
    queue.put(Point{1, 2});  // left for the destructor
}

// Goal: what is too large to be copied under a lock, or twice on a stack, is not.
TEST(QueueTest, TakesLargeItems) {
    struct Large {
        std::array<char, 60'000> bytes;
    };
    weft::run([] {
        auto item = std::make_unique<Large>();
        item->bytes.fill('x');
        Queue<Large> queue;
        queue.put(*item);
        queue.put_nowait(*item);
        await(spawn([&] { EXPECT_EQ(queue.get().bytes.back(), 'x'); }));
        EXPECT_EQ(queue.get().bytes.front(), 'x');
    });
}

// Goal: a second shutdown(true) counts nothing twice that the first has thrown away.
TEST(QueueTest, ShutdownTwiceCountsOnce) {
    weft::run([] {
        Queue<int> queue;
        queue.put(1);
        EXPECT_EQ(queue.get(), 1);
        auto getter = create_task([&] { static_cast<void>(queue.get()); });
        settle();
        queue.put_nowait(2);  // on its way to the getter
        queue.shutdown(true);
        queue.shutdown(true);
        EXPECT_THROW(await(getter), QueueShutDown);
        auto joiner = create_task([&] { queue.join(); });
        settle();
        EXPECT_FALSE(joiner.done()) << "the first item is not done";
        queue.task_done();
        await(joiner);
    });
}

// Goal: a shutdown() after shutdown(true) brings nothing back that was thrown away.
TEST(QueueTest, ShutdownAfterAnImmediateOneChangesNothing) {
    weft::run([] {
        Queue<int> queue;
        auto getter = create_task([&] { static_cast<void>(queue.get()); });
        settle();
        queue.put_nowait(1);  // on its way to the getter
        queue.shutdown(true);
        queue.shutdown();
        EXPECT_THROW(await(getter), QueueShutDown);
    });
}

TEST(QueueTest, TakesWhatCanOnlyBeMoved) {
    Queue<std::unique_ptr<int>> queue(1);
    queue.put(std::make_unique<int>(7));
    auto refused = std::make_unique<int>(8);
    EXPECT_THROW(queue.put_nowait(std::move(refused)), QueueFull);
    EXPECT_FALSE(queue.try_put(std::move(refused)));
    ASSERT_NE(refused, nullptr) << "a put that failed took its argument";
    EXPECT_EQ(*queue.get(), 7);
    queue.put(std::move(refused));
    EXPECT_EQ(refused, nullptr);
    EXPECT_EQ(**queue.try_get(), 8);
    queue.shutdown();
    auto late = std::make_unique<int>(9);
    EXPECT_THROW(queue.put(std::move(late)), QueueShutDown);
    EXPECT_NE(late, nullptr);
}

/// Counts its instances and throws when told to.
struct Fussy {
    explicit Fussy(int number) : value(number) { ++alive; }
    Fussy(Fussy&& other) : value(other.value) {
        if (throw_on_move) {
            throw std::domain_error("moved");
        }
        ++alive;
    }
    Fussy(const Fussy& other) : value(other.value) {
        if (throw_on_copy) {
            throw std::domain_error("copied");
        }
        ++alive;
    }
    ~Fussy() { --alive; }

    int value;
    static inline int alive = 0;
    static inline bool throw_on_move = false;
    static inline bool throw_on_copy = false;
};

// Goal: an item whose constructor throws is not put, and one that cannot be moved out stays.
TEST(QueueTest, LosesNothingToConstructorsThatThrow) {
    Fussy::alive = 0;
    {
        Queue<Fussy> queue(2);
        const Fussy original(1);
        Fussy::throw_on_copy = true;
        EXPECT_THROW(queue.put(original), std::domain_error);
        EXPECT_THROW(queue.put_nowait(original), std::domain_error);
        EXPECT_THROW((void)queue.try_put(original), std::domain_error);
        Fussy::throw_on_copy = false;
        EXPECT_TRUE(queue.empty());
        queue.put_nowait(original);
        queue.put_nowait(2);  // made in place
        EXPECT_TRUE(queue.full()) << "a put that failed kept its place";

        Fussy::throw_on_move = true;
        EXPECT_THROW((void)queue.get(), std::domain_error);
        EXPECT_THROW((void)queue.get_nowait(), std::domain_error);
        EXPECT_THROW((void)queue.try_get(), std::domain_error);
        Fussy::throw_on_move = false;
        EXPECT_EQ(queue.qsize(), 2U);
        EXPECT_TRUE(queue.full());
        EXPECT_EQ(queue.get().value, 1);
        EXPECT_EQ(queue.get().value, 2);
        EXPECT_TRUE(queue.empty());
        queue.put(3);
    }
    EXPECT_EQ(Fussy::alive, 0);
}

/// Uses its queue while the queue uses it.
struct Curious {
    explicit Curious(Queue<Curious>& where) : queue(&where) {}
    Curious(Curious&& other) : queue(other.queue) { (void)queue->qsize(); }
    Curious(const Curious&) = delete;
    ~Curious() { (void)queue->full(); }
    Queue<Curious>* queue;
};

// Goal: no code of the item's type runs while the queue is locked.
TEST(QueueTest, CallsNoConstructorUnderItsLock) {
    Queue<Curious> queue(2);
    queue.put(Curious(queue));
    queue.put(Curious(queue));
    (void)queue.get();
    (void)queue.try_get();
    queue.put(queue);
    queue.shutdown(true);
}

/// What an Acting does while it is made, and while it is moved.
struct Acts {
    std::function<void()> made = {};
    std::function<void()> moved = {};
};
struct Acting {
    explicit Acting(Acts acts) : moved(std::move(acts.moved)) {
        if (acts.made) {
            acts.made();
        }
    }
    Acting(Acting&& other) : moved(other.moved) {
        if (moved) {
            moved();
        }
    }
    Acting(const Acting&) = delete;
    std::function<void()> moved;
};

// Goal: an item takes its place as soon as it is being made.
TEST(QueueTest, CountsAnItemThatIsBeingMade) {
    Queue<Acting> queue(1);
    queue.put(Acts{.made = [&] {
        EXPECT_TRUE(queue.full());
        EXPECT_FALSE(queue.try_put(Acts{}));
    }});
    EXPECT_EQ(queue.qsize(), 1U);
}

// Goal: shutdown(true) throws away what is being made, too, and counts it as finished.
TEST(QueueTest, ShutdownThrowsAwayAnItemThatIsBeingMade) {
    Queue<Acting> queue;
    const auto held = std::make_shared<int>();
    queue.put(Acts{.made = [&] { queue.shutdown(true); }, .moved = [held] {}});
    EXPECT_EQ(held.use_count(), 1) << "the item is not destroyed";
    EXPECT_EQ(queue.qsize(), 0U);
    EXPECT_THROW(queue.task_done(), ValueError);
    queue.join();
}

// Goal: and so it does to an item that comes back, as it could not be moved out.
TEST(QueueTest, ShutdownThrowsAwayAnItemThatComesBack) {
    Queue<Acting> queue;
    queue.put(Acts{.moved = [&] {
        queue.shutdown(true);
        throw std::domain_error("moved");
    }});
    EXPECT_THROW((void)queue.try_get(), std::domain_error);
    EXPECT_EQ(queue.qsize(), 0U);
    EXPECT_THROW(queue.task_done(), ValueError);
    queue.join();
}

// Goal: a place given up, as its item could not be made, goes to the put that waits for it.
TEST_P(OnEveryRuntime, QueuePassesThePlaceOfAFailedPutOn) {
    run([] {
        Queue<Acting> queue(1);
        const Future<void> gate;
        auto failing = create_task([&] {
            queue.put(Acts{.made = [&] {
                await(gate);
                throw std::domain_error("made");
            }});
        });
        settle();
        auto second = create_task([&] { queue.put(Acts{}); });
        settle();
        EXPECT_FALSE(second.done());
        gate.set_result();
        EXPECT_THROW(await(failing), std::domain_error);
        await(second);
        EXPECT_EQ(queue.qsize(), 1U);
    });
}

// CPython: test_queues.QueueJoinTests.test_task_done_underflow
TEST(QueueTest, RefusesTaskDoneTooOften) {
    Queue<int> queue;
    EXPECT_THROW(queue.task_done(), ValueError);
    queue.join();
    queue.put(1);
    (void)queue.get();
    queue.task_done();
    EXPECT_THROW(queue.task_done(), ValueError);
    queue.join();
}

// Goal: getters of all loops are served in the order in which they came: the k-th gets the k-th.
TEST_P(OnEveryRuntime, QueueServesGettersInOrder) {
    constexpr int kGetters = 9;
    Runtime runtime(options());
    runtime.run([&] {
        Queue<int> queue;
        std::vector<Task<int>> tasks;
        for (int i = 0; i < kGetters; ++i) {
            const auto body = [&] { return queue.get(); };
            tasks.push_back(
                i % 3 == 2 ? spawn(body) : runtime.loop(i % workers()).create_task(body)
            );
            settle();
        }
        for (int i = 0; i < kGetters; ++i) {
            queue.put_nowait(i);
        }
        for (int i = 0; i < kGetters; ++i) {
            EXPECT_EQ(await(tasks[static_cast<std::size_t>(i)]), i);
        }
        EXPECT_TRUE(queue.empty());
    });
}

// Goal: putters of all loops are served in the order in which they came, one for each place.
TEST_P(OnEveryRuntime, QueueServesPuttersInOrder) {
    constexpr int kPutters = 9;
    Runtime runtime(options());
    runtime.run([&] {
        Queue<int> queue(1);
        queue.put(-1);
        std::vector<Task<void>> tasks;
        for (int i = 0; i < kPutters; ++i) {
            const auto body = [&, i] { queue.put(i); };
            tasks.push_back(
                i % 3 == 2 ? spawn(body) : runtime.loop(i % workers()).create_task(body)
            );
            settle();
        }
        EXPECT_EQ(queue.qsize(), 1U);
        for (int i = -1; i < kPutters; ++i) {
            EXPECT_EQ(queue.get(), i);
            EXPECT_LE(queue.qsize(), 1U);
        }
        for (auto& task : tasks) {
            await(task);
        }
    });
}

// Goal: what was promised to one who waited is not for newcomers.
TEST_P(OnEveryRuntime, QueueLetsNoNewcomerIn) {
    run([] {
        Queue<int> queue(1);
        auto getter = create_task([&] { return queue.get(); });
        settle();
        queue.put_nowait(1);
        EXPECT_TRUE(queue.empty());
        EXPECT_THROW((void)queue.get_nowait(), QueueEmpty);
        EXPECT_THROW(queue.put_nowait(2), QueueFull) << "the item keeps its place, as in asyncio";
        EXPECT_EQ(await(getter), 1);

        queue.put_nowait(3);
        auto putter = create_task([&] { queue.put(4); });
        settle();
        EXPECT_EQ(queue.get_nowait(), 3);
        EXPECT_TRUE(queue.full()) << "the place is the putter's";
        EXPECT_FALSE(queue.try_put(5));
        await(putter);
        EXPECT_EQ(queue.get_nowait(), 4);
    });
}

// CPython: test_queues.QueueGetTests.test_get_cancelled_race, test_why_are_getters_waiting
// Goal: any of three getters cancelled in any order, before or after an item comes: it reaches the
// first of those left, or stays.
TEST_P(OnEveryRuntime, QueueGettersSurviveEveryOrderOfCancellations) {
    run([] {
        for_both_kinds([](auto kind) {
            using Item = typename decltype(kind)::type;
            std::vector<std::size_t> victims{0, 1, 2};
            do {
                for (std::size_t cancels = 0; cancels <= 3; ++cancels) {
                    for (std::size_t put_at = 0; put_at <= cancels; ++put_at) {
                        Queue<Item> queue(1);
                        std::vector<Task<Item>> tasks;
                        for (int i = 0; i < 3; ++i) {
                            tasks.push_back(create_task([&] { return queue.get(); }));
                        }
                        settle();
                        std::vector<bool> alive(3, true);
                        for (std::size_t step = 0; step <= cancels; ++step) {
                            if (step == put_at) {
                                queue.put_nowait(42);
                            }
                            if (step < cancels) {
                                tasks[victims[step]].cancel();
                                alive[victims[step]] = false;
                            }
                        }
                        settle();
                        bool served = false;
                        for (std::size_t i = 0; i < 3; ++i) {
                            const bool first = alive[i] && !served;
                            served = served || alive[i];
                            EXPECT_EQ(tasks[i].done() && !tasks[i].cancelled(), first);
                        }
                        EXPECT_EQ(queue.qsize(), served ? 0U : 1U);
                        EXPECT_EQ(queue.full(), !served);
                        queue.shutdown();
                        for (std::size_t i = 0; i < 3; ++i) {
                            tasks[i].wait();
                            (void)(tasks[i].cancelled() || tasks[i].exception() != nullptr);
                        }
                    }
                }
            } while (std::next_permutation(victims.begin(), victims.end()));
        });
    });
}

// CPython: test_queues.QueuePutTests.test_put_cancelled_race, test_why_are_putters_waiting
// Goal: the same for putters and a place; a cancelled put() has put nothing.
TEST_P(OnEveryRuntime, QueuePuttersSurviveEveryOrderOfCancellations) {
    run([] {
        for_both_kinds([](auto kind) {
            using Item = typename decltype(kind)::type;
            std::vector<std::size_t> victims{0, 1, 2};
            do {
                for (std::size_t cancels = 0; cancels <= 3; ++cancels) {
                    for (std::size_t get_at = 0; get_at <= cancels; ++get_at) {
                        Queue<Item> queue(1);
                        queue.put_nowait(-1);
                        std::vector<Task<void>> tasks;
                        for (int i = 0; i < 3; ++i) {
                            tasks.push_back(create_task([&queue, i] { queue.put(i); }));
                        }
                        settle();
                        std::vector<bool> alive(3, true);
                        for (std::size_t step = 0; step <= cancels; ++step) {
                            if (step == get_at) {
                                EXPECT_EQ(queue.get_nowait(), -1);
                            }
                            if (step < cancels) {
                                tasks[victims[step]].cancel();
                                alive[victims[step]] = false;
                            }
                        }
                        settle();
                        std::vector<int> got;
                        while (!queue.empty()) {
                            got.push_back(queue.get());
                            settle();
                        }
                        std::vector<int> expected;
                        for (std::size_t i = 0; i < 3; ++i) {
                            if (alive[i]) {
                                expected.push_back(static_cast<int>(i));
                            }
                            tasks[i].wait();
                            EXPECT_EQ(tasks[i].cancelled(), !alive[i]);
                        }
                        EXPECT_EQ(got, expected);
                        EXPECT_FALSE(queue.full());
                    }
                }
            } while (std::next_permutation(victims.begin(), victims.end()));
        });
    });
}

// Goal: items that come back from several cancelled getters are in their old order again.
TEST_P(OnEveryRuntime, QueueKeepsItsOrderWhenItemsComeBack) {
    run([] {
        Queue<int> queue;
        std::vector<Task<int>> tasks;
        for (int i = 0; i < 4; ++i) {
            tasks.push_back(create_task([&] { return queue.get(); }));
        }
        settle();
        for (int i = 0; i < 6; ++i) {
            queue.put_nowait(i);
        }
        tasks[0].cancel();
        tasks[1].cancel();
        tasks[3].cancel();
        for (auto& task : tasks) {
            task.wait();
        }
        EXPECT_EQ(tasks[2].result(), 2);
        for (const int expected : {0, 1, 3, 4, 5}) {
            EXPECT_EQ(queue.get_nowait(), expected);
        }
        EXPECT_TRUE(queue.empty());
    });
}

// CPython: test_queues.QueueJoinTests.test_task_done
TEST_P(OnEveryRuntime, QueueJoinWaitsForAllWork) {
    run([] {
        Queue<int> queue;
        std::atomic<int> sum{0};
        for (int i = 1; i <= 100; ++i) {
            queue.put(i);
        }
        std::vector<Task<void>> consumers;
        for (int i = 0; i < 3; ++i) {
            consumers.push_back(spawn([&] {
                for (;;) {
                    const int item = queue.get();
                    yield();
                    sum.fetch_add(item);
                    queue.task_done();
                }
            }));
        }
        auto beside = create_task([&] { queue.join(); });
        auto impatient = create_task([&] { queue.join(); });
        settle();
        impatient.cancel();
        queue.join();
        EXPECT_EQ(sum.load(), 5050);
        await(beside);
        impatient.wait();
        for (auto& task : consumers) {
            task.cancel();
        }
        for (auto& task : consumers) {
            task.wait();
        }
    });
}

// CPython: test_queues.QueueShutdownTests
// Goal: what each call does after shutdown(), plain and immediate.
TEST_P(OnEveryRuntime, QueueShutdownMatrix) {
    run([] {
        for_both_kinds([](auto kind) {
            using Item = typename decltype(kind)::type;
            for (const bool immediate : {false, true}) {
                Queue<Item> queue(2);
                queue.put(1);
                queue.put(2);
                auto putter = create_task([&] { queue.put(3); });
                auto joiner = create_task([&] { queue.join(); });
                settle();
                queue.shutdown(immediate);
                EXPECT_THROW(await(putter), QueueShutDown);
                EXPECT_THROW(queue.put(4), QueueShutDown);
                EXPECT_THROW(queue.put_nowait(4), QueueShutDown);
                EXPECT_THROW((void)queue.try_put(4), QueueShutDown);
                if (immediate) {
                    await(joiner);
                    EXPECT_EQ(queue.qsize(), 0U);
                } else {
                    settle();
                    EXPECT_FALSE(joiner.done());
                    EXPECT_EQ(queue.get(), 1);
                    EXPECT_EQ(queue.get_nowait(), 2);
                    queue.task_done();
                    queue.task_done();
                    await(joiner);
                }
                EXPECT_FALSE(queue.full());
                EXPECT_THROW((void)queue.get(), QueueShutDown);
                EXPECT_THROW((void)queue.get_nowait(), QueueShutDown);
                EXPECT_THROW((void)queue.try_get(), QueueShutDown);
                EXPECT_THROW(queue.task_done(), ValueError);
                queue.shutdown();
                queue.join();

                Queue<Item> drained;
                std::vector<Task<Item>> getters;
                for (int i = 0; i < 3; ++i) {
                    getters.push_back(spawn([&] { return drained.get(); }));
                }
                settle();
                drained.shutdown(immediate);
                for (auto& getter : getters) {
                    EXPECT_THROW((void)await(getter), QueueShutDown);
                }
            }
            Queue<Item> twice;
            twice.put(1);
            twice.shutdown();
            twice.shutdown(true);
            EXPECT_THROW((void)twice.get(), QueueShutDown);
            twice.join();
        });
    });
}

// Goal: shutdown() while grants are on their way. A promised item arrives unless all is thrown
// away, then join() counts it; a promised place is worth nothing any more.
TEST_P(OnEveryRuntime, QueueShutdownMeetsGrants) {
    run([] {
        for_both_kinds([](auto kind) {
            using Item = typename decltype(kind)::type;
            for (const bool immediate : {false, true}) {
                Queue<Item> queue(1);
                auto getter = create_task([&] { return queue.get(); });
                settle();
                queue.put_nowait(1);
                queue.shutdown(immediate);
                if (immediate) {
                    queue.join();
                    EXPECT_THROW((void)await(getter), QueueShutDown);
                } else {
                    // Not before it is sure that the item does not come back.
                    EXPECT_THROW((void)queue.get(), QueueShutDown);
                    EXPECT_EQ(await(getter), 1);
                }

                Queue<Item> full(1);
                full.put_nowait(1);
                auto putter = create_task([&] { full.put(2); });
                settle();
                EXPECT_EQ(full.get(), 1);
                full.shutdown(immediate);
                EXPECT_THROW(await(putter), QueueShutDown);
                EXPECT_THROW((void)full.get(), QueueShutDown);
            }
            Queue<Item> queue;
            auto first = create_task([&] { return queue.get(); });
            settle();
            queue.put_nowait(1);
            queue.shutdown();
            first.cancel();
            EXPECT_EQ(queue.get(), 1) << "the item came back, and was not left behind";
            first.wait();
        });
    });
}

// Goal: shutdown() while a put is making its item, which then fails: who waits for that item is told
// that none comes.
TEST_P(OnEveryRuntime, QueueShutdownMeetsAPutThatFails) {
    struct Item {
        explicit Item(const Future<void>& gate) {
            await(gate);
            throw std::runtime_error("no item");
        }
    };
    run([] {
        Queue<Item> queue;
        const Future<void> gate;
        auto putter = create_task([&] { queue.put(gate); });
        settle();
        queue.shutdown();
        auto getter = create_task([&] { static_cast<void>(queue.get()); });
        settle();
        EXPECT_FALSE(getter.done()) << "an item may come yet";
        gate.set_result();
        EXPECT_THROW(await(putter), std::runtime_error);
        EXPECT_THROW(await(getter), QueueShutDown);
    });
}

TEST_P(OnEveryRuntime, QueueRefusesToWaitInACallback) {
    run([] {
        Queue<int> queue(1);
        Event called;
        get_running_loop().call_soon([&] {
            EXPECT_THROW((void)queue.get(), RuntimeError);
            queue.put(1);
            EXPECT_THROW(queue.put(2), RuntimeError);
            EXPECT_THROW(queue.join(), RuntimeError);
            called.set();
        });
        called.wait();
        EXPECT_EQ(queue.qsize(), 1U);
        EXPECT_EQ(queue.get(), 1);
        EXPECT_FALSE(queue.full());
        queue.task_done();
    });
}

// Goal: from one putter to one getter, across loops and threads, the order is kept.
TEST_P(OnEveryRuntime, QueueKeepsTheOrderBetweenTwo) {
    Runtime runtime(options());
    runtime.run([&] {
        const int items = scaled(20'000);
        for (const int bound : {0, 1, 7}) {
            Queue<std::unique_ptr<int>> queue(bound);
            std::thread producer([&] {
                for (int i = 0; i < items; ++i) {
                    queue.put(std::make_unique<int>(i));
                }
                queue.shutdown();
            });
            auto consumer = spawn([&] {
                int next = 0;
                try {
                    for (;;) {
                        const int item = *queue.get();
                        if (item != next++) {
                            ADD_FAILURE() << "out of order";
                        }
                    }
                } catch (const QueueShutDown&) {
                }
                return next;
            });
            EXPECT_EQ(await(consumer), items);
            producer.join();
        }
    });
}

/// Who put it, and its number; of either kind.
template <class Int>
struct Parcel {
    Int from = 0;
    Int number = 0;
    friend bool operator==(const Parcel&, const Parcel&) = default;
    friend bool operator<(const Parcel& left, const Parcel& right) {
        return left.from != right.from ? left.from < right.from : left.number < right.number;
    }
};

// Goal: with putters and getters of all kinds, cancelled at random, every item whose put() returned
// is got exactly once and no other; also when the queue is shut down in the midst of it.
template <class Item>
void queue_storm(Runtime& runtime, int bound, int items, bool shut_down_early) {
    constexpr std::size_t kEach = 6;  // putters, and getters; the last of each is a plain thread
    Queue<Item> queue(bound);
    std::vector<std::vector<Item>> put(kEach);
    std::vector<std::vector<Item>> got(kEach);
    std::atomic<int> putters_left{kEach};
    std::atomic<int> to_start{2 * kEach};  // a task that is cancelled before never runs
    std::atomic<int> left{2 * kEach};
    std::atomic<int> accepted{0};
    const auto put_all = [&](std::size_t who) {
        to_start.fetch_sub(1);
        for (int i = 0; i < items / static_cast<int>(kEach); ++i) {
            try {
                const Item parcel{static_cast<int>(who), i};
                queue.put(parcel);
                put[who].push_back(parcel);
                accepted.fetch_add(1);
            } catch (const CancelledError&) {
            } catch (const QueueShutDown&) {
                break;
            }
        }
        if (putters_left.fetch_sub(1) == 1) {
            queue.shutdown();
        }
        left.fetch_sub(1);
    };
    const auto get_all = [&](std::size_t who) {
        to_start.fetch_sub(1);
        for (bool more = true; more;) {
            try {
                got[who].push_back(queue.get());
                queue.task_done();
            } catch (const CancelledError&) {
            } catch (const QueueShutDown&) {
                more = false;
            }
        }
        left.fetch_sub(1);
    };
    std::vector<Task<void>> tasks;
    std::vector<std::thread> threads;
    for (std::size_t who = 0; who < kEach; ++who) {
        const auto putter = [&, who] { put_all(who); };
        const auto getter = [&, who] { get_all(who); };
        if (who + 1 == kEach) {
            threads.emplace_back(putter);
            threads.emplace_back(getter);
        } else if (who % 2 == 0) {
            const int at = static_cast<int>(who / 2) % runtime.workers();
            tasks.push_back(runtime.loop(at).create_task(putter));
            tasks.push_back(runtime.loop(runtime.workers() - 1 - at).create_task(getter));
        } else {
            tasks.push_back(runtime.spawn(putter));
            tasks.push_back(runtime.spawn(getter));
        }
    }
    std::mt19937_64 engine = random_engine();
    while (left.load() != 0) {
        if (to_start.load() == 0 && engine() % 8 == 0) {
            tasks[engine() % tasks.size()].cancel();
        }
        if (shut_down_early && accepted.load() > items / 2) {
            queue.shutdown();
        }
        yield();
    }
    for (auto& task : tasks) {
        task.wait();
    }
    for (auto& thread : threads) {
        thread.join();
    }
    queue.join();
    EXPECT_TRUE(queue.empty());
    EXPECT_FALSE(queue.full());
    std::vector<Item> all_put;
    std::vector<Item> all_got;
    for (std::size_t who = 0; who < kEach; ++who) {
        all_put.insert(all_put.end(), put[who].begin(), put[who].end());
        all_got.insert(all_got.end(), got[who].begin(), got[who].end());
    }
    std::sort(all_got.begin(), all_got.end());
    EXPECT_GT(all_put.size(), 0U);
    EXPECT_EQ(all_put.size(), all_got.size());
    EXPECT_TRUE(all_put == all_got) << "an item was lost or doubled";
}

TEST_P(OnEveryRuntime, QueueStorm) {
    Runtime runtime(options());
    runtime.run([&] {
        for (const int bound : {0, 1, 5}) {
            for (const bool early : {false, true}) {
                queue_storm<Parcel<int>>(runtime, bound, scaled(10'000), early);
                queue_storm<Parcel<Number>>(runtime, bound, scaled(10'000), early);
            }
        }
    });
}

// Goal: whoever gets the last item, or comes out of join(), may destroy the queue, whether it had
// to wait or not.
TEST_P(OnEveryRuntime, QueueMayBeDestroyedAfterTheLastWait) {
    Runtime runtime(options());
    runtime.run([&] {
        const std::size_t rounds = static_cast<std::size_t>(scaled(10'000));
        for (const bool from_a_thread : {true, false}) {
            std::vector<Queue<int>*> gets(rounds);
            std::vector<Queue<int>*> joins(rounds);
            for (std::size_t i = 0; i < rounds; ++i) {
                gets[i] = new Queue<int>(1);
                joins[i] = new Queue<int>;
                joins[i]->put(1);
            }
            const auto serve = [&] {
                for (std::size_t i = 0; i < rounds; ++i) {
                    gets[i]->put(1);
                    gets[i]->put(2);
                    joins[i]->task_done();
                }
            };
            const auto destroy = [&] {
                for (std::size_t i = 0; i < rounds; ++i) {
                    EXPECT_EQ(gets[i]->get(), 1);
                    EXPECT_EQ(gets[i]->get(), 2);
                    delete gets[i];
                    joins[i]->join();
                    delete joins[i];
                }
            };
            if (from_a_thread) {
                std::thread thread(serve);
                destroy();
                thread.join();
            } else {
                auto server = runtime.loop(workers() - 1).create_task(serve);
                auto destroyer = spawn(destroy);
                await(destroyer);
                await(server);
            }
        }
    });
}

}  // namespace
}  // namespace weft::test
