#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "fiber/guard.hpp"
#include "fiber/sanitizer.hpp"
#include "fiber/slab_table.hpp"
#include "fiber/stack_pool.hpp"
#include "guarded_stacks.hpp"
#include "on_stack.hpp"

namespace weft::rt {
namespace {

constexpr bool kIsInstrumented = WEFT_ASAN != 0 || WEFT_TSAN != 0;
// TSan has a limit of 8,128 fibers and takes milliseconds for each; LSan walks its stacks.
constexpr std::size_t kMany = WEFT_TSAN != 0 ? 200 : WEFT_ASAN != 0 ? 4'000 : 40'000;

std::size_t map_lines() {
    std::ifstream maps{"/proc/self/maps"};
    std::size_t lines = 0;
    for (std::string line; std::getline(maps, line);) {
        ++lines;
    }
    return lines;
}

std::size_t status_bytes(const std::string& key) {
    std::ifstream status{"/proc/self/status"};
    for (std::string line; std::getline(status, line);) {
        if (line.starts_with(key)) {
            return std::stoul(line.substr(key.size())) * 1024;
        }
    }
    return 0;
}

// ---------------------------------------------------------------------------------------------
// Guards

// Goal: each kind can be had, and traps on every byte of the guard and on none of the stack.
TEST_P(StackGuards, TrapBelowTheStackOnly) {
    StackPool pool{StackLayout::kUsableDefault, GetParam().allowed};
    StackCache cache{pool};
    Stack* const stack = cache.take();
    ASSERT_NE(stack, nullptr);

    EXPECT_EQ(stack->guard_kind, GetParam().kind);
    const bool has_guard = GetParam().kind != GuardKind::Canary;
    EXPECT_EQ(traps(stack->guard_low), has_guard);
    EXPECT_EQ(traps(stack->low - 1), has_guard);
    EXPECT_FALSE(traps(stack->low + kCacheLineBytes));  // above the canary, if there is one
    EXPECT_FALSE(traps(stack->top - 1));
    EXPECT_TRUE(canary_intact(*stack));
    cache.give(stack);
}

// Goal: a guard is as good for the next task as for the first.
TEST_P(StackGuards, SurviveReuse) {
    StackPool pool{StackLayout::kUsableDefault, GetParam().allowed};
    StackCache cache{pool};
    Stack* const first = cache.take();
    ASSERT_NE(first, nullptr);
    for (int i = 0; i < 3; ++i) {
        std::fill(first->low + kCacheLineBytes, first->top, std::byte{0xff});
        cache.give(first);
        ASSERT_EQ(cache.take(), first);
        EXPECT_EQ(traps(first->low - 1), GetParam().kind != GuardKind::Canary);
        EXPECT_TRUE(canary_intact(*first));
    }
    cache.give(first);
}

TEST_P(StackGuards, LetATaskRun) {
    StackPool pool{StackLayout::kUsableDefault, GetParam().allowed};
    StackCache cache{pool};
    Stack* const stack = cache.take();
    ASSERT_NE(stack, nullptr);
    static const Stack* stood_on;
    test::run_on(*stack, [] { stood_on = find_stack(__builtin_frame_address(0)); });
    EXPECT_EQ(stood_on, stack);
    cache.give(stack);
}

INSTANTIATE_TEST_SUITE_P(
    EachKind,
    StackGuards,
    testing::Values(
        KindCase{GuardKind::ProcessMadvise, {.process_madvise = true}},
        KindCase{GuardKind::Madvise, {.madvise = true}},
        KindCase{GuardKind::Mprotect, {.mprotect = true}},
        KindCase{GuardKind::Canary, {}}
    )
);

// Goal: the best kind that is left is taken.
TEST(StackGuardChoice, WordsTakeKindsAway) {
    const GuardKinds all{.process_madvise = true, .madvise = true, .mprotect = true};
    EXPECT_EQ(without(all, ""), all);
    EXPECT_EQ(without(all, "io_uring,hwloc"), all);
    EXPECT_EQ(without(all, "process_madvise"), (GuardKinds{.madvise = true, .mprotect = true}));
    EXPECT_EQ(without(all, "madvise"), (GuardKinds{.process_madvise = true, .mprotect = true}));
    EXPECT_EQ(without(all, "guard"), (GuardKinds{.mprotect = true}));
    EXPECT_EQ(without(all, "io_uring,guard,mprotect"), GuardKinds{});
}

// Goal: the environment reaches the choice. It is read once, so each case has a process of its own.
TEST(StackGuardChoiceDeathTest, EnvironmentTakesKindsAway) {
    GTEST_FLAG_SET(death_test_style, "threadsafe");
    ::setenv("WEFT_DISABLE", "guard,mprotect", 1);
    EXPECT_EXIT(
        {
            StackPool pool;
            StackCache cache{pool};
            Stack* const stack = cache.take();
            const bool right = stack->guard_kind == GuardKind::Canary;
            std::_Exit(right ? 0 : 1);
        },
        testing::ExitedWithCode(0),
        "no more guard pages"
    );
    ::setenv("WEFT_DISABLE", "process_madvise", 1);
    EXPECT_EXIT(
        std::_Exit(usable_guards().process_madvise ? 1 : 0), testing::ExitedWithCode(0), ""
    );
    ::unsetenv("WEFT_DISABLE");
}

TEST(StackCanary, TellsOfAnyWrite) {
    StackPool pool{StackLayout::kUsableDefault, GuardKinds{}};
    StackCache cache{pool};
    Stack* const stack = cache.take();
    ASSERT_NE(stack, nullptr);
    for (const std::size_t offset : {std::size_t{0}, std::size_t{17}, kCacheLineBytes - 1}) {
        const std::byte before = stack->low[offset];
        stack->low[offset] = std::byte{0};  // a cleared buffer is the likeliest to get there
        EXPECT_FALSE(canary_intact(*stack)) << offset;
        stack->low[offset] = before;
        EXPECT_TRUE(canary_intact(*stack));
    }
    cache.give(stack);
}

// ---------------------------------------------------------------------------------------------
// Layout

TEST(StackLayoutTest, HoldsWhatWasAskedForAndOneGuard) {
    for (const std::size_t asked :
         {std::size_t{1},
          std::size_t{32 * 1024},
          std::size_t{100'000},
          StackLayout::kUsableDefault,
          std::size_t{8 * 1024 * 1024}}) {
        StackPool pool{asked};
        StackCache cache{pool};
        Stack* const stack = cache.take();
        ASSERT_NE(stack, nullptr);
        EXPECT_GE(stack->size_bytes(), asked);
        EXPECT_GE(stack->usable_bytes() + 1024, stack->size_bytes());
        EXPECT_EQ(stack->size_bytes() + kGuardBytes, pool.layout().stride);
        EXPECT_EQ(reinterpret_cast<std::uintptr_t>(stack->top) % 16, 0U);
        EXPECT_EQ(stack->pool, &pool);
        cache.give(stack);
    }
    EXPECT_EQ(StackLayout{StackLayout::kUsableDefault}.stride, 252U * 1024);
    EXPECT_EQ(StackLayout{StackLayout::kUsableDefault}.stacks_per_slab, 64U);
}

// Goal: tops fall into different sets of the caches, and still into the top page.
TEST(StackLayoutTest, TopsHaveColours) {
    StackPool pool;
    StackCache cache{pool};
    const std::vector<Stack*> stacks = take_many(cache, 64);
    ASSERT_EQ(stacks.size(), 64U);
    std::vector<std::size_t> users(kPageBytes / kCacheLineBytes);
    for (const Stack* const stack : stacks) {
        const auto top = reinterpret_cast<std::uintptr_t>(stack->top);
        EXPECT_GE(top % kPageBytes, kPageBytes - 1024);
        ++users[top % kPageBytes / kCacheLineBytes];
    }
    const auto sets = std::ranges::count_if(users, [](std::size_t n) { return n > 0; });
    EXPECT_EQ(static_cast<std::size_t>(sets), Stack::kColours);
    EXPECT_LE(std::ranges::max(users), stacks.size() / Stack::kColours + 1);
    give_all(cache, stacks);
}

TEST(StackLookup, FindsTheStackOfAnAddress) {
    const Stack* found = nullptr;
    std::byte* somewhere = nullptr;
    {
        StackPool pool;
        StackCache cache{pool};
        const std::vector<Stack*> stacks = take_many(cache, 3);
        ASSERT_EQ(stacks.size(), 3U);
        for (const Stack* const stack : stacks) {
            EXPECT_EQ(find_stack(stack->guard_low), stack);
            EXPECT_EQ(find_stack(stack->low), stack);
            EXPECT_EQ(find_stack(stack->top - 1), stack);
            EXPECT_EQ(find_stack(stack), stack);
            EXPECT_NE(find_stack(stack->guard_low - 1), stack);
            EXPECT_TRUE(in_guard(stack->guard_low, &found));
            EXPECT_EQ(found, stack);
            EXPECT_TRUE(in_guard(stack->low - 1, &found));
            EXPECT_FALSE(in_guard(stack->low, &found));
            EXPECT_FALSE(in_guard(stack->top, &found));
            EXPECT_EQ(found, nullptr);
        }
        // The last stack of the slab was not made yet.
        std::byte* const slab = (*std::ranges::min_element(stacks, {}, &Stack::low))->guard_low;
        somewhere = slab + pool.layout().slab_bytes() - kPageBytes;
        EXPECT_EQ(find_stack(somewhere), nullptr);
        EXPECT_TRUE(in_guard(slab + 63 * pool.layout().stride, &found));
        EXPECT_EQ(found, nullptr);
        give_all(cache, stacks);
    }
    EXPECT_EQ(find_stack(somewhere), nullptr);
    EXPECT_EQ(find_stack(&somewhere), nullptr);
    EXPECT_EQ(find_stack(nullptr), nullptr);
}

// ---------------------------------------------------------------------------------------------
// Pools and caches

TEST(StackCacheTest, GivesTheWarmestStackFirst) {
    StackPool pool;
    StackCache cache{pool};
    Stack* const one = cache.take();
    Stack* const two = cache.take();
    cache.give(one);
    cache.give(two);
    EXPECT_EQ(cache.take(), two);
    EXPECT_EQ(cache.take(), one);
    cache.give(one);
    cache.give(two);
}

// Goal: a worker that frees much keeps little, and another one gets it.
TEST(StackCacheTest, GivesBackWhatIsTooMuch) {
    StackPool pool;
    StackCache cache{pool};
    constexpr std::size_t kTaken = StackCache::kCap + 128;  // taken in sixteens
    give_all(cache, take_many(cache, kTaken));
    EXPECT_LE(pool.stats().out, StackCache::kCap);
    EXPECT_EQ(pool.stats().made, kTaken);
    {
        StackCache other{pool};
        const std::vector<Stack*> stacks = take_many(other, kTaken - StackCache::kCap);
        EXPECT_EQ(pool.stats().made, kTaken);  // none of them was new
        give_all(other, stacks);
    }
    EXPECT_LE(pool.stats().out, StackCache::kCap);
}

// Goal: stacks that wander between workers are neither lost nor owned twice.
TEST(StackCacheTest, ConservesStacksAcrossThreads) {
    constexpr std::size_t kThreads = 4;
    constexpr int kRounds = kIsInstrumented ? 2'000 : 20'000;
    StackPool pool;
    std::mutex mutex;
    std::vector<Stack*> handed_on;  // guarded by mutex
    const auto wander = [&](std::size_t self) {
        StackCache cache{pool};
        std::vector<Stack*> mine;
        std::uint32_t random = static_cast<std::uint32_t>(self) * 2654435761U + 1;
        for (int round = 0; round < kRounds; ++round) {
            random = random * 1664525U + 1013904223U;
            if ((random >> 16) % 100 < 50 && mine.size() < 100) {
                Stack* const stack = cache.take();
                ASSERT_NE(stack, nullptr);
                ASSERT_EQ(stack->owner, nullptr);
                stack->owner = &cache;
                mine.push_back(stack);
            } else if (!mine.empty()) {
                Stack* stack = mine.back();
                mine.pop_back();
                ASSERT_EQ(stack->owner, &cache);
                const std::lock_guard lock{mutex};
                handed_on.push_back(stack);
                std::swap(handed_on.front(), handed_on.back());
                stack = handed_on.back();
                handed_on.pop_back();
                cache.give(stack);
            }
        }
        give_all(cache, mine);
    };
    std::vector<std::thread> threads;
    for (std::size_t i = 0; i < kThreads; ++i) {
        threads.emplace_back(wander, i);
    }
    for (std::thread& thread : threads) {
        thread.join();
    }
    ASSERT_EQ(pool.stats().out, handed_on.size());

    StackCache cache{pool};
    give_all(cache, handed_on);
    const std::size_t made = pool.stats().made;
    const std::vector<Stack*> all = take_many(cache, made);
    EXPECT_EQ(std::set<Stack*>(all.begin(), all.end()).size(), made);
    EXPECT_EQ(pool.stats().made, made);
    give_all(cache, all);
}

// Goal: as many as a server needs, each one guarded, at a page each, under default limits.
TEST(StackPoolTest, HoldsManyGuardedStacks) {
    if (!usable_guards().process_madvise && !usable_guards().madvise) {
        GTEST_SKIP() << "this kernel has no guards that cost no mapping";
    }
    StackPool pool{
        StackLayout::kUsableDefault,
        GuardKinds{
            .process_madvise = usable_guards().process_madvise,
            .madvise = usable_guards().madvise}};
    StackCache cache{pool};
    const std::size_t maps_before = map_lines();
    const std::size_t resident_before = status_bytes("VmRSS:");
    const std::vector<Stack*> stacks = take_many(cache, kMany);
    ASSERT_EQ(stacks.size(), kMany);
    for (std::size_t i = 0; i < stacks.size(); ++i) {
        test::run_on(*stacks[i], [] {});
        if (i % 64 == 0) {
            ASSERT_NE(stacks[i]->guard_kind, GuardKind::Canary);
            ASSERT_TRUE(traps(stacks[i]->low - 1));
        }
    }
    EXPECT_LT(map_lines(), maps_before + 1'000);
    if constexpr (!kIsInstrumented) {
        const std::size_t resident = status_bytes("VmRSS:") - resident_before;
        EXPECT_LT(resident / kMany, 4'400U);
    }
    give_all(cache, stacks);
}

#if !WEFT_TSAN  // it cannot follow so many stacks
// Goal: mprotect leaves half of the mappings to the program; what comes then has canaries, and
// mappings that are given back can be had again.
TEST(StackPoolTest, StopsMprotectInTime) {
    std::size_t limit = 65530;
    std::ifstream{"/proc/sys/vm/max_map_count"} >> limit;
    if (limit > 100'000) {
        GTEST_SKIP() << "vm.max_map_count is high here: the test would take too long";
    }
    for (int round = 0; round < 2; ++round) {
        StackPool pool{16 * 1024, GuardKinds{.mprotect = true}};
        StackCache cache{pool};
        const std::vector<Stack*> stacks = take_many(cache, limit / 4 + 256);
        ASSERT_EQ(stacks.size(), limit / 4 + 256);
        const auto guarded = std::ranges::count(stacks, GuardKind::Mprotect, &Stack::guard_kind);
        EXPECT_LE(static_cast<std::size_t>(guarded), limit / 4);
        EXPECT_GT(static_cast<std::size_t>(guarded), limit / 4 - 256);
        EXPECT_LT(map_lines(), limit / 2 + 1'000);
        give_all(cache, stacks);
    }
}
#endif

/// What the kernel says of the mapping that `address` lies in: "VmFlags: rd wr ..."; empty where it
/// does not say.
std::string flags_of(const std::byte* address) {
    std::ifstream maps{"/proc/self/smaps"};
    bool is_it = false;
    for (std::string line; std::getline(maps, line);) {
        std::uintptr_t low = 0;
        std::uintptr_t high = 0;
        if (std::sscanf(line.c_str(), "%lx-%lx ", &low, &high) == 2) {
            const auto wanted = reinterpret_cast<std::uintptr_t>(address);
            is_it = low <= wanted && wanted < high;
        } else if (is_it && line.starts_with("VmFlags:")) {
            return line + " ";
        }
    }
    return "";
}

// Goal: a parked task costs the pages that it touched, and no huge one.
TEST(StackPoolTest, TakesNoHugePages) {
    if (!std::ifstream{"/sys/kernel/mm/transparent_hugepage/enabled"}) {
        GTEST_SKIP() << "a kernel without huge pages";
    }
    StackPool pool;
    StackCache cache{pool};
    Stack* const stack = cache.take();
    ASSERT_NE(stack, nullptr);
    const std::string flags = flags_of(stack->low);
    cache.give(stack);
    if (flags.empty()) {
        GTEST_SKIP() << "a kernel that does not say";
    }
    EXPECT_NE(flags.find(" nh "), std::string::npos) << flags;
}

#if !WEFT_ASAN && !WEFT_TSAN  // they do not live under RLIMIT_AS
/// Takes stacks until memory is refused; frees some address space; goes on. Ends the process.
[[noreturn]] void exhaust_address_space() {
    const rlimit limit{status_bytes("VmSize:") + 40 * 1024 * 1024, RLIM_INFINITY};
    ::setrlimit(RLIMIT_AS, &limit);
    StackPool& pool = *new StackPool;
    StackCache& cache = *new StackCache{pool};
    const std::vector<Stack*> stacks = take_many(cache, 10'000);
    if (stacks.size() < 64 || stacks.size() > 192 || cache.take() != nullptr) {
        std::_Exit(1);
    }
    give_all(cache, {stacks.front()});
    if (cache.take() != stacks.front()) {
        std::_Exit(2);
    }
    const rlimit unlimited{RLIM_INFINITY, RLIM_INFINITY};
    ::setrlimit(RLIMIT_AS, &unlimited);
    if (take_many(cache, 100).size() != 100) {
        std::_Exit(3);
    }
    std::_Exit(0);
}

// Goal: no memory is an answer, and not the last one.
TEST(StackPoolDeathTest, RefusesAndRecovers) {
    EXPECT_EXIT(exhaust_address_space(), testing::ExitedWithCode(0), "");
}
#endif

#if WEFT_ASAN
[[gnu::noinline]] void hold_blocks(const Stack& stack) {
    auto* const slots = reinterpret_cast<void**>(stack.low);
    for (std::size_t i = 0; i < 32; ++i) {
        slots[i] = std::malloc(777);
    }
}

// Goal: what a parked task holds is no leak, and what is held by nobody but a free stack is one.
TEST(StackPoolDeathTest, LeakCheckerSeesWhatTasksHold) {
    const auto check_twice = [] {
        StackCache cache{process_stack_pool()};
        Stack* const stack = cache.take();
        hold_blocks(*stack);
        const bool in_service = __lsan_do_recoverable_leak_check() != 0;
        cache.give(stack);
        const bool free = __lsan_do_recoverable_leak_check() != 0;
        std::_Exit(!in_service && free ? 0 : 1);
    };
    EXPECT_EXIT(check_twice(), testing::ExitedWithCode(0), "detected memory leaks");
}
#endif

TEST(StackPoolDeathTest, MustNotGoBeforeItsStacks) {
    EXPECT_DEATH(
        {
            StackPool pool;
            static_cast<void>(pool.take_batch(1));
        },
        "a pool of stacks was destroyed while tasks stand on them"
    );
}

}  // namespace
}  // namespace weft::rt
