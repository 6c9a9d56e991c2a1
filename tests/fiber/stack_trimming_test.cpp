#include <gtest/gtest.h>
#include <sys/mman.h>

#include <algorithm>
#include <cstddef>
#include <set>
#include <vector>

#include "fiber/slab_table.hpp"
#include "fiber/stack_pool.hpp"
#include "guarded_stacks.hpp"
#include "on_stack.hpp"

// Memory that nobody uses.

namespace weft::rt {
namespace {

constexpr Nanos kSecond = StackPool::kUnused;

/// How many of the stack's pages are resident, the one of its header included.
std::size_t resident_pages(const Stack& stack) {
    std::vector<unsigned char> pages(stack.size_bytes() / kPageBytes);
    EXPECT_EQ(::mincore(stack.low, stack.size_bytes(), pages.data()), 0);
    return static_cast<std::size_t>(std::ranges::count_if(pages, [](unsigned char page) {
        return (page & 1U) != 0;
    }));
}

constexpr std::size_t kDeep = 8;  // pages

void touch_deep(const Stack& stack) {
    std::fill(stack.top - kDeep * kPageBytes, stack.top, std::byte{0x5a});
}

/// Calls trim() as an idle loop would, until there is nothing to do before `until`.
void trim_all(StackPool& pool, Nanos now) {
    while (pool.trim_at() <= now) {
        static_cast<void>(pool.trim(now));
    }
}

class StackTrimming : public StackGuards {};

// Goal: a free stack keeps its memory for a second, and then its top page only; it is as good as before, and
// so is its guard.
TEST_P(StackTrimming, TakesWhatNobodyHasUsedForLong) {
    StackPool pool{StackLayout::kUsableDefault, GetParam().allowed};
    StackBatch batch = pool.take_batch(16);
    ASSERT_EQ(batch.count, 16U);
    Stack* const stack = batch.head;
    const std::size_t canary = stack->guard_kind == GuardKind::Canary ? 1 : 0;
    touch_deep(*stack);
    EXPECT_EQ(pool.trim_at(), kNever);
    pool.give_batch(batch);

    trim_all(pool, 1);
    trim_all(pool, kSecond);
    EXPECT_GE(resident_pages(*stack), kDeep);
    EXPECT_EQ(pool.stats().trimmed, 0U);
    EXPECT_EQ(pool.trim_at(), 1 + kSecond);

    trim_all(pool, 1 + kSecond);
    EXPECT_EQ(resident_pages(*stack), 1 + canary);
    EXPECT_EQ(pool.stats().trimmed, 16U);
    EXPECT_EQ(pool.trim_at(), kNever);

    batch = pool.take_batch(16);
    ASSERT_EQ(batch.head, stack);
    EXPECT_EQ(batch.count, 16U);
    EXPECT_EQ(traps(stack->low - 1), GetParam().kind != GuardKind::Canary);
    EXPECT_TRUE(canary_intact(*stack));
    test::run_on(*stack, [] {});
    pool.give_batch(batch);
}

// Goal: of very many the top pages go, too: no memory is left, and each can be made again.
TEST_P(StackTrimming, UnmakesWhatIsTooMuch) {
    constexpr std::size_t kTaken = StackPool::kKept + 256;
    StackPool pool{16 * 1024, GetParam().allowed};
    std::set<Stack*> all;
    {
        StackCache cache{pool};
        const std::vector<Stack*> stacks = take_many(cache, kTaken);
        ASSERT_EQ(stacks.size(), kTaken);
        all.insert(stacks.begin(), stacks.end());
        give_all(cache, stacks);
    }
    trim_all(pool, 1);
    trim_all(pool, 1 + kSecond);
    EXPECT_LE(pool.stats().made, StackPool::kKept);
    EXPECT_GE(pool.stats().made, StackPool::kKept - kTrimmedTogether);
    const auto unmade =
        std::ranges::count_if(all, [](const Stack* stack) { return find_stack(stack) == nullptr; });
    EXPECT_EQ(static_cast<std::size_t>(unmade), kTaken - pool.stats().made);

    const std::size_t slabs = pool.stats().slabs;
    StackCache cache{pool};
    const std::vector<Stack*> again = take_many(cache, kTaken);
    EXPECT_EQ(std::set<Stack*>(again.begin(), again.end()), all);
    EXPECT_EQ(pool.stats().slabs, slabs);
    for (Stack* const stack : again) {
        ASSERT_EQ(find_stack(stack), stack);
        ASSERT_TRUE(canary_intact(*stack));
    }
    test::run_on(*again.back(), [] {});
    give_all(cache, again);
}

INSTANTIATE_TEST_SUITE_P(
    EachKind,
    StackTrimming,
    testing::Values(
        KindCase{GuardKind::ProcessMadvise, {.process_madvise = true}},
        KindCase{GuardKind::Mprotect, {.mprotect = true}},
        KindCase{GuardKind::Canary, {}}
    )
);

// Goal: what is used again and again keeps its memory, however often somebody looks.
TEST(StackTrimmingTest, LeavesWhatIsInUse) {
    StackPool pool;
    StackBatch cold = pool.take_batch(16);
    StackBatch warm = pool.take_batch(16);
    pool.give_batch(cold);
    pool.give_batch(warm);
    for (Nanos now = 1; now < 10 * kSecond; now += kSecond / 4) {
        warm = pool.take_batch(16);
        touch_deep(*warm.head);
        pool.give_batch(warm);
        trim_all(pool, now);
    }
    EXPECT_GE(resident_pages(*warm.head), kDeep);
    EXPECT_EQ(pool.stats().trimmed, 16U);
    EXPECT_EQ(pool.stats().made, 32U);
}

// Goal: a batch of whatever size is trimmed in steps that are short.
TEST(StackTrimmingTest, GoesStepByStep) {
    StackPool pool;
    std::vector<Stack*> stacks;
    for (std::size_t i = 0; i < 13; ++i) {
        for (Stack* stack = pool.take_batch(16).head; stack != nullptr; stack = stack->next) {
            stacks.push_back(stack);
        }
    }
    for (std::size_t i = 0; i < stacks.size(); ++i) {
        stacks[i]->next = i + 1 < stacks.size() ? stacks[i + 1] : nullptr;
    }
    pool.give_batch({stacks[0], stacks.size()});
    EXPECT_EQ(pool.trim(1), 1 + kSecond);
    for (std::size_t trimmed = 64; trimmed < stacks.size(); trimmed += 64) {
        EXPECT_EQ(pool.trim(1 + kSecond), 1 + kSecond);
        EXPECT_EQ(pool.stats().trimmed, trimmed);
    }
    EXPECT_EQ(pool.trim(1 + kSecond), 1 + kSecond);
    EXPECT_EQ(pool.trim(1 + kSecond), kNever);
    EXPECT_EQ(pool.stats().trimmed, stacks.size());
    std::set<Stack*> again;
    while (again.size() < stacks.size()) {
        StackBatch batch = pool.take_batch(7);
        ASSERT_LE(batch.count, 7U);
        while (batch.head != nullptr) {
            ASSERT_TRUE(again.insert(batch.head).second);
            batch.head = batch.head->next;
        }
    }
    EXPECT_EQ(pool.stats().made, stacks.size());
    EXPECT_EQ(again, std::set<Stack*>(stacks.begin(), stacks.end()));
    for (Stack* const stack : again) {
        stack->next = nullptr;
        pool.give_batch({stack, 1});
    }
}

// Goal: what a worker has too many of goes to where it is trimmed, when it has not wanted it for a second.
TEST(StackTrimmingTest, CachesGiveBackWhatTheyDoNotUse) {
    StackPool pool;
    StackCache cache{pool};
    const std::vector<Stack*> stacks = take_many(cache, 100);
    give_all(cache, stacks);
    EXPECT_TRUE(cache.is_untidy());
    const std::size_t had = pool.stats().out;
    EXPECT_EQ(cache.tidy(1), kSecond);
    EXPECT_EQ(pool.stats().out, had);

    const std::vector<Stack*> used = take_many(cache, 40);
    give_all(cache, used);
    EXPECT_EQ(cache.tidy(kSecond), 1);  // not yet
    EXPECT_EQ(pool.stats().out, had);
    EXPECT_LE(cache.tidy(1 + kSecond), kSecond);
    EXPECT_EQ(pool.stats().out, 40 + StackCache::kKept);

    Nanos now = 1 + 2 * kSecond;
    for (int looks = 0; cache.is_untidy(); ++looks) {
        ASSERT_LT(looks, 20);
        const Nanos wait = cache.tidy(now);
        now += wait == kNever ? 0 : wait;
    }
    EXPECT_EQ(pool.stats().out, StackCache::kKept);
    EXPECT_EQ(pool.stats().trimmed, had - StackCache::kKept);
    EXPECT_LE(now, 6 * kSecond);
    EXPECT_EQ(cache.take(), used.back());  // the warmest has stayed
    cache.give(used.back());
}

}  // namespace
}  // namespace weft::rt
