#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
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
#include "on_stack.hpp"

namespace weft::rt {
namespace {

constexpr bool kIsInstrumented = WEFT_ASAN != 0 || WEFT_TSAN != 0;
// TSan has a limit of 8,128 fibers and takes milliseconds for each; LSan walks its stacks.
constexpr std::size_t kMany = WEFT_TSAN != 0 ? 200 : WEFT_ASAN != 0 ? 4'000 : 40'000;

/// Whether a write to this byte would trap. A system call says so without a signal.
bool traps(std::byte* address) {
    return ::syscall(SYS_getrandom, address, 1, GRND_NONBLOCK) == -1 && errno == EFAULT;
}

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

std::vector<Stack*> take_many(StackCache& cache, std::size_t count) {
    std::vector<Stack*> stacks;
    for (std::size_t i = 0; i < count; ++i) {
        Stack* const stack = cache.take();
        if (stack == nullptr) {
            break;
        }
        stacks.push_back(stack);
    }
    return stacks;
}

void give_all(StackCache& cache, const std::vector<Stack*>& stacks) {
    for (Stack* const stack : stacks) {
        cache.give(stack);
    }
}

// ---------------------------------------------------------------------------------------------
// Guards

struct KindCase {
    GuardKind kind;
    GuardKinds allowed;
};

class StackGuards : public testing::TestWithParam<KindCase> {
protected:
    void SetUp() override {
        const GuardKinds& can = usable_guards();
        const GuardKinds& asked = GetParam().allowed;
        if ((asked.process_madvise && !can.process_madvise) || (asked.madvise && !can.madvise) ||
            (asked.mprotect && !can.mprotect)) {
            GTEST_SKIP() << "this kernel cannot";
        }
    }
};

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

// ---------------------------------------------------------------------------------------------
// Memory that nobody uses

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
