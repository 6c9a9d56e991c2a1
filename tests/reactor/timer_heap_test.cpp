#include "reactor/timer_heap.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <random>
#include <utility>
#include <vector>

namespace weft::rt {
namespace {

using Heap = TimerHeap<std::uint32_t>;
/// Deadline, and the number it was added as.
using Timer = std::pair<Nanos, std::uint32_t>;

constexpr auto kForeseeNothing = [](std::uint32_t) {};

std::vector<Timer> fill(Heap& heap, std::uint32_t count, Nanos latest) {
    std::mt19937 random(count);
    std::uniform_int_distribution<Nanos> when(0, latest);
    std::vector<Timer> all;
    for (std::uint32_t i = 0; i < count; ++i) {
        all.emplace_back(when(random), i);
        heap.add(all.back().first, i);
    }
    return all;
}

void expect_all(Heap& heap, std::vector<Timer> timers) {
    std::ranges::sort(timers);  // equal ones as they came
    ASSERT_EQ(heap.size(), timers.size());
    for (const Timer& timer : timers) {
        ASSERT_EQ(heap.next(), timer.first);
        ASSERT_EQ(heap.top(), timer.second);
        ASSERT_EQ(heap.pop(), timer.second);
    }
    EXPECT_TRUE(heap.empty());
    EXPECT_EQ(heap.next(), kNever);
}

// Goal: earliest first, equal ones in the order they came, at all sizes about those of its blocks.
TEST(TimerHeapTest, GivesTheEarliestFirst) {
    for (const std::uint32_t count : {0U, 1U, 2U, 4U, 5U, 60U, 61U, 62U, 64U, 200U, 5'000U}) {
        Heap heap;
        const std::vector<Timer> all = fill(heap, count, count / 3);
        expect_all(heap, all);
    }
}

TEST(TimerHeapTest, StaysInOrderWhileItGrowsAndShrinks) {
    Heap heap;
    std::vector<Timer> all = fill(heap, 3'000, 1'000'000);
    std::ranges::sort(all);
    for (std::size_t i = 0; i < 1'000; ++i) {
        ASSERT_EQ(heap.pop(), all[i].second);
    }
    all.erase(all.begin(), all.begin() + 1'000);
    for (std::uint32_t i = 0; i < 2'000; ++i) {
        all.emplace_back(i, 3'000 + i);
        heap.add(i, 3'000 + i);
    }
    expect_all(heap, all);
}

// Goal: the stale ones go, each looked at once and foreseen; the others keep their order.
TEST(TimerHeapTest, CompactsToThoseThatAreWanted) {
    constexpr std::uint32_t kMany = 5'000;
    for (const std::uint32_t kept_of : {1U, 2U, 7U, 1'000U, 10'000U}) {
        Heap heap;
        std::vector<Timer> all = fill(heap, kMany, 100);
        const auto stale = [kept_of](std::uint32_t number) {
            return number % kept_of != 1 % kept_of;
        };
        std::vector<int> looked(kMany);
        std::size_t foreseen = 0;
        heap.compact(
            [&](std::uint32_t number) {
                ++looked[number];
                return stale(number);
            },
            [&](std::uint32_t number) {
                EXPECT_EQ(looked[number], 0);
                ++foreseen;
            }
        );
        EXPECT_EQ(std::ranges::count(looked, 1), kMany);
        EXPECT_GT(foreseen, kMany - 100);
        std::erase_if(all, [&](const Timer& timer) { return stale(timer.second); });
        expect_all(heap, all);
    }
}

TEST(TimerHeapTest, SaysWhetherThereIsAnyOfAKind) {
    Heap heap;
    static_cast<void>(fill(heap, 300, 1'000));
    EXPECT_TRUE(heap.any([](std::uint32_t number) { return number == 299; }));
    EXPECT_FALSE(heap.any([](std::uint32_t number) { return number == 300; }));
}

// Goal: who wants them all gets them all, and what is left in between is a heap.
TEST(TimerHeapTest, GivesAnyToWhoWantsAll) {
    Heap heap;
    std::vector<Timer> all = fill(heap, 1'000, 300);
    for (int i = 0; i < 400; ++i) {
        const std::uint32_t taken = heap.pop_any(kForeseeNothing);
        ASSERT_EQ(
            std::erase_if(all, [&](const Timer& timer) { return timer.second == taken; }), 1U
        );
    }
    expect_all(heap, all);
}

}  // namespace
}  // namespace weft::rt
