#include "sched/public_ring.hpp"

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "support/random.hpp"
#include "support/scale.hpp"

// The ring by itself; what several threads may do to each other there is in tests/model/.

namespace weft::test {
namespace {

constexpr std::uint32_t kSize = 16;
using Ring = rt::PublicRing<int, rt::Atomic, kSize>;

using rt::Sharing;

std::string name_of(Sharing sharing) {
    return sharing == Sharing::None ? "alone" : sharing == Sharing::Barriers ? "barriers" : "rmws";
}

/// A ring that others look at, or nobody.
class PublicRingTest : public ::testing::TestWithParam<Sharing> {
protected:
    void push(std::size_t first, std::size_t last) {
        for (std::size_t i = first; i <= last; ++i) {
            EXPECT_TRUE(ring.push(items.at(i), GetParam()));
        }
    }
    [[nodiscard]] bool pop_this(std::size_t which) { return ring.pop_this(items.at(which)); }
    /// Which ones, oldest first.
    std::vector<std::size_t> take_all(std::size_t most) {
        std::array<int*, kSize> taken{};
        const std::uint32_t count = ring.take_all(taken.data(), most);
        std::vector<std::size_t> which;
        for (std::uint32_t i = 0; i < count; ++i) {
            which.push_back(static_cast<std::size_t>(taken.at(i) - items.data()));
        }
        return which;
    }
    int* pop() { return ring.pop(GetParam()); }

    using Which = std::vector<std::size_t>;

    Ring ring;
    std::array<int, 3 * kSize> items{};
};

INSTANTIATE_TEST_SUITE_P(
    Each,
    PublicRingTest,
    ::testing::Values(Sharing::None, Sharing::Barriers, Sharing::Rmws),
    [](const auto& each) { return name_of(each.param); }
);

TEST_P(PublicRingTest, GivesThisOneWhenItIsTheOldest) {
    push(0, 4);
    EXPECT_FALSE(pop_this(1));
    EXPECT_FALSE(pop_this(4));
    EXPECT_FALSE(pop_this(5)) << "it was never in";
    EXPECT_EQ(ring.size(), 5U);
    EXPECT_TRUE(pop_this(0));
    EXPECT_FALSE(pop_this(0));
    EXPECT_TRUE(pop_this(1));
    EXPECT_EQ(pop(), &items[2]);
    EXPECT_TRUE(pop_this(3));
    EXPECT_TRUE(pop_this(4));
    EXPECT_TRUE(ring.looks_empty());
}

// A place keeps what stood there before.
TEST_P(PublicRingTest, DoesNotGiveWhatHasLeft) {
    EXPECT_FALSE(pop_this(0));
    push(0, kSize - 1);
    for (std::size_t i = 0; i < kSize; ++i) {
        EXPECT_EQ(pop(), &items.at(i));
    }
    for (std::size_t i = 0; i < kSize; ++i) {
        EXPECT_FALSE(pop_this(i)) << i;
    }
    EXPECT_TRUE(ring.looks_empty());
    EXPECT_EQ(ring.room(), kSize);
}

TEST_P(PublicRingTest, GivesAllIfTheyAreNotTooMany) {
    EXPECT_EQ(take_all(kSize), Which());
    push(0, 4);
    EXPECT_EQ(take_all(0), Which());
    EXPECT_EQ(take_all(4), Which());
    EXPECT_EQ(ring.size(), 5U);
    EXPECT_EQ(take_all(5), (Which{0, 1, 2, 3, 4}));
    EXPECT_TRUE(ring.looks_empty());
    EXPECT_EQ(pop(), nullptr);
    push(5, 6);
    EXPECT_EQ(take_all(100), (Which{5, 6}));
}

TEST_P(PublicRingTest, GivesAllOverItsEnd) {
    push(0, 9);
    for (std::size_t i = 0; i < 10; ++i) {
        EXPECT_TRUE(pop_this(i));
    }
    push(10, 10 + kSize - 1);
    EXPECT_EQ(ring.room(), 0U);
    EXPECT_EQ(take_all(kSize - 1), Which());
    Which expected;
    for (std::size_t i = 10; i < 10 + kSize; ++i) {
        expected.push_back(i);
    }
    EXPECT_EQ(take_all(kSize), expected);
    EXPECT_EQ(ring.room(), kSize);
}

// Goal: whatever the owner does while thieves take half, each comes out once.
class PublicRingOf : public ::testing::TestWithParam<Sharing> {};

INSTANTIATE_TEST_SUITE_P(
    Each,
    PublicRingOf,
    ::testing::Values(Sharing::Barriers, Sharing::Rmws),
    [](const auto& each) { return name_of(each.param); }
);

TEST_P(PublicRingOf, OwnerAndThieves) {
    const Sharing sharing = GetParam();
    constexpr std::size_t kItems = 64;
    constexpr int kThieves = 2;
    std::array<int, kItems> items{};
    std::array<std::atomic<int>, kItems> taken{};
    const auto take = [&](const int* item) {
        taken.at(static_cast<std::size_t>(item - items.data())).fetch_add(1);
    };
    Ring ring;
    std::array<Ring, kThieves> rings;
    std::atomic<bool> over{false};
    std::vector<std::thread> thieves;
    for (Ring& own : rings) {
        thieves.emplace_back([&] {
            while (!over.load()) {
                std::uint32_t stolen = 0;
                int* item = ring.steal_half(own, stolen, sharing);
                if (item == nullptr) {
                    std::this_thread::yield();
                }
                for (; item != nullptr; item = own.pop(sharing)) {
                    take(item);
                }
            }
        });
    }
    auto random = random_engine();
    SCOPED_TRACE("seed " + std::to_string(seed()));
    std::array<int*, kSize> all{};
    const auto take_some = [&](std::size_t newest) {
        switch (random() % 4) {
            case 0:
                if (const int* const item = ring.pop(sharing)) {
                    take(item);
                }
                break;
            case 1:
                for (std::size_t i = newest < 5 ? 0 : newest - 5; i <= newest; ++i) {
                    if (ring.pop_this(items.at(i))) {
                        take(&items.at(i));
                    }
                }
                break;
            case 2: {
                const std::uint32_t count = ring.take_all(all.data(), random() % (kSize + 1));
                for (std::uint32_t i = 0; i < count; ++i) {
                    take(all.at(i));
                }
                break;
            }
            default:  // leaves it to the others
                break;
        }
    };
    const int rounds = scaled(10'000);
    for (int round = 1; round <= rounds; ++round) {
        for (std::size_t i = 0; i < kItems; ++i) {
            while (!ring.push(items.at(i), sharing)) {
                take_some(i);
            }
            if (random() % 3 == 0) {
                take_some(i);
            }
        }
        for (std::size_t i = 0; i < kItems; ++i) {
            while (taken.at(i).load() < round) {
                take_some(kItems - 1);
                std::this_thread::yield();
            }
            ASSERT_EQ(taken.at(i).load(), round);
        }
    }
    over.store(true);
    for (std::thread& thief : thieves) {
        thief.join();
    }
    EXPECT_TRUE(ring.looks_empty());
}

}  // namespace
}  // namespace weft::test
