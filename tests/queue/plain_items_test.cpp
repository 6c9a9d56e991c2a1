#include <gtest/gtest.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <iterator>
#include <optional>
#include <random>
#include <type_traits>
#include <weft/errors.hpp>
#include <weft/queue.hpp>
#include <weft/weft.hpp>

#include "support/random.hpp"
#include "support/runtime_fixture.hpp"

// Plain items lie in blocks, and are put and taken by code that is inlined.

namespace weft::test {
namespace {

// Goal: plain items of any size lie side by side in blocks; whatever the fill goes through, none is lost,
// doubled or out of turn. A std::deque is the model.
template <std::size_t kBytes>
void check_against_deque(std::ptrdiff_t maxsize, std::uint32_t seed) {
    struct Item {
        std::array<unsigned char, kBytes> bytes;
    };
    static_assert(sizeof(Item) == kBytes);
    const auto item_of = [](std::uint32_t number) {
        Item item;
        for (std::size_t i = 0; i < kBytes; ++i) {
            item.bytes[i] = static_cast<unsigned char>(number >> (8 * (i % 3)));
        }
        return item;
    };
    Queue<Item> queue(maxsize);
    std::deque<std::uint32_t> model;
    std::minstd_rand random(seed);
    std::uint32_t next = 0;
    const auto get = [&] {
        ASSERT_EQ(queue.get_nowait().bytes, item_of(model.front()).bytes) << model.front();
        model.pop_front();
    };
    for (int round = 0; round < 40; ++round) {
        for (auto puts = random() % 700; puts > 0; --puts) {
            const bool room = maxsize <= 0 || std::ssize(model) < maxsize;
            ASSERT_EQ(queue.try_put(item_of(next)), room);
            if (room) {
                model.push_back(next);
            }
            ++next;
        }
        ASSERT_EQ(queue.qsize(), model.size());
        for (auto gets = random() % 700; gets > 0 && !model.empty(); --gets) {
            get();
        }
        if (round % 8 == 0) {
            while (!model.empty()) {
                get();
            }
            ASSERT_FALSE(queue.try_get().has_value());
        }
    }
}

TEST(PlainItems, KeepsPlainItemsOfEachSizeInTurn) {
    for (const std::ptrdiff_t maxsize : {0, 1, 7, 8, 9, 500, 3000}) {
        SCOPED_TRACE(maxsize);
        const auto seed = static_cast<std::uint32_t>(maxsize) + 1;
        check_against_deque<1>(maxsize, seed);
        check_against_deque<3>(maxsize, seed);
        check_against_deque<8>(maxsize, seed);
        check_against_deque<64>(maxsize, seed);
    }
}

// Goal: task_done() and join() count what was put in all ways: into a block, to one who waits, and what
// came back from one who was cancelled, once each.
TEST_P(OnEveryRuntime, QueueCountsItemsPutInAnyWay) {
    run([] {
        constexpr int kItems = 1000;  // several blocks
        Queue<int> queue;
        auto getter = create_task([&] { return queue.get(); });
        auto cancelled = create_task([&] { return queue.get(); });
        settle();
        for (int i = 0; i < kItems; ++i) {
            queue.put_nowait(i);
        }
        cancelled.cancel();
        EXPECT_EQ(await(getter), 0);
        EXPECT_THROW(await(cancelled), CancelledError);
        EXPECT_EQ(queue.qsize(), kItems - 1U);
        auto joiner = create_task([&] { queue.join(); });
        for (int i = 1; i < kItems; ++i) {
            EXPECT_EQ(queue.get_nowait(), i);
            queue.task_done();
        }
        settle();
        EXPECT_FALSE(joiner.done());
        queue.task_done();
        await(joiner);
        EXPECT_THROW(queue.task_done(), ValueError);
    });
}

// Goal: a plain item that is made of something else stands in line like any other, whoever waits.
TEST_P(OnEveryRuntime, QueueKeepsTheOrderOfItemsMadeOfOthers) {
    run([] {
        static_assert(std::is_trivially_copyable_v<std::optional<int>>);
        auto engine = random_engine();
        for (const int maxsize : {0, 1, 3, 40}) {
            Queue<std::optional<int>> queue(maxsize);
            std::deque<std::optional<int>> expected;
            for (int step = 0; step < 500; ++step) {
                const std::optional<int> item =
                    engine() % 2 == 0 ? std::optional<int>(step) : std::nullopt;
                if (engine() % 3 == 0) {
                    EXPECT_EQ(queue.empty(), expected.empty());
                    if (!expected.empty()) {
                        EXPECT_EQ(queue.get(), expected.front());
                        expected.pop_front();
                    }
                } else if (item ? queue.try_put(item) : queue.try_put(std::nullopt)) {
                    expected.push_back(item);
                } else {
                    EXPECT_EQ(expected.size(), static_cast<std::size_t>(maxsize));
                }
            }
        }
        Queue<std::optional<int>> queue(2);
        const auto putter = create_task([&] {
            for (int i = 0; i < 50; ++i) {
                queue.put(i);  // made of an int
                queue.put(std::nullopt);
                queue.put(std::optional<int>(-i));
            }
        });
        for (int i = 0; i < 50; ++i) {
            EXPECT_EQ(queue.get(), i);
            EXPECT_EQ(queue.get(), std::nullopt);
            EXPECT_EQ(queue.get(), -i);
        }
        await(putter);
    });
}

}  // namespace
}  // namespace weft::test
