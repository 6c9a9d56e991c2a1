#include "sched/reserve.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>
#include <deque>
#include <mutex>
#include <numeric>
#include <string>
#include <thread>
#include <vector>

#include "base/heavy_barrier.hpp"
#include "sched/owner_lock.hpp"
#include "support/random.hpp"
#include "support/scale.hpp"

// Goal: what a loop keeps to itself stays in its order, and whoever is awaited comes out from where it stands.

namespace weft::test {
namespace {

struct Link {
    Link* next = nullptr;
};

struct Item : Link {
    rt::Atomic<std::uint16_t> queued_at{0};
    int number = 0;
};

constexpr std::size_t kArray = 256;  // so many stand in the array
constexpr std::size_t kKept = 128;   // so many are left there when there are more

/// Numbers from `first` up to `last`.
std::vector<int> numbers(int first, int last) {
    std::vector<int> all(static_cast<std::size_t>(last - first + 1));
    std::iota(all.begin(), all.end(), first);
    return all;
}

/// A reserve, and items with numbers.
class ReserveTest : public ::testing::Test {
protected:
    Item& item(int number) {
        while (items_.size() <= static_cast<std::size_t>(number)) {
            const auto next = static_cast<int>(items_.size());
            items_.emplace_back().number = next;
        }
        return items_[static_cast<std::size_t>(number)];
    }
    /// Returns how many went into the chain.
    std::size_t push(int first, int last) {
        std::size_t spilled = 0;
        for (int i = first; i <= last; ++i) {
            spilled += reserve.push(item(i));
        }
        return spilled;
    }
    bool take_this(int number) { return reserve.take_this(item(number)); }
    /// Pops all there are.
    std::vector<int> rest() {
        std::vector<int> order;
        while (Item* const popped = reserve.pop()) {
            order.push_back(popped->number);
        }
        EXPECT_EQ(reserve.size(), 0U);
        EXPECT_TRUE(reserve.looks_empty());
        return order;
    }
    /// Has the next one that is pushed get the number `at`.
    void go_to(std::uint16_t at) {
        do {
            push(0, 0);
            static_cast<void>(reserve.pop());
        } while (static_cast<std::uint16_t>(item(0).queued_at.load() + 1) != at);
    }
    /// The numbers of those that `use` gets of `take(most)`.
    std::vector<int> take(std::size_t most) {
        std::vector<int> order;
        reserve.take(most, [&order](std::size_t count, auto next) {
            for (std::size_t i = 0; i < count; ++i) {
                order.push_back(next()->number);
            }
        });
        return order;
    }
    /// Puts these before all others, in this order.
    void put_first(int first, int last) {
        reserve.put_first([&](Item** places, std::size_t room) {
            const std::vector<int> added = numbers(first, last);
            EXPECT_LE(added.size(), room);
            std::transform(added.begin(), added.end(), places, [&](int number) {
                return &item(number);
            });
            return added.size();
        });
    }
    /// How many put_first() has room for.
    std::size_t room_before() {
        std::size_t found = 0;
        reserve.put_first([&found](Item** /*places*/, std::size_t room) {
            found = room;
            return std::size_t{0};
        });
        return found;
    }

    rt::Reserve<Item, Link> reserve;

private:
    std::deque<Item> items_;
};

TEST_F(ReserveTest, IsEmptyAtFirst) {
    EXPECT_EQ(reserve.pop(), nullptr);
    EXPECT_FALSE(take_this(0));
    EXPECT_EQ(take(3), std::vector<int>());
    EXPECT_EQ(room_before(), kArray);
    EXPECT_EQ(rest(), std::vector<int>());
}

TEST_F(ReserveTest, GivesTheOldestFirst) {
    EXPECT_EQ(push(0, 99), 0U);
    EXPECT_EQ(reserve.size(), 100U);
    EXPECT_EQ(rest(), numbers(0, 99));
}

TEST_F(ReserveTest, GivesTheOldestFirstWhenThereAreMany) {
    EXPECT_EQ(push(0, 999), 6 * kKept);  // the array is full six times
    EXPECT_EQ(reserve.size(), 1000U);
    EXPECT_EQ(rest(), numbers(0, 999));
}

TEST_F(ReserveTest, SpillsOnlyWhenTheArrayIsFull) {
    EXPECT_EQ(push(0, kArray - 1), 0U);
    EXPECT_EQ(room_before(), 0U);
    EXPECT_EQ(push(kArray, kArray), kKept);
    EXPECT_EQ(reserve.size(), kArray + 1);
    EXPECT_EQ(rest(), numbers(0, kArray));
}

TEST_F(ReserveTest, TakesOneFromTheFrontTheMiddleAndTheBack) {
    push(0, 9);
    for (const int gone : {0, 5, 9, 4, 8}) {
        EXPECT_TRUE(take_this(gone)) << gone;
        EXPECT_FALSE(take_this(gone)) << gone;
    }
    EXPECT_EQ(reserve.size(), 5U);
    EXPECT_EQ(rest(), (std::vector{1, 2, 3, 6, 7}));
}

TEST_F(ReserveTest, TakesTheLastOfAll) {
    push(0, 0);
    EXPECT_TRUE(take_this(0));
    EXPECT_TRUE(reserve.looks_empty());
    EXPECT_EQ(reserve.pop(), nullptr);
    push(1, 2);
    EXPECT_TRUE(take_this(2));
    EXPECT_TRUE(take_this(1));
    EXPECT_EQ(rest(), std::vector<int>());
}

TEST_F(ReserveTest, DoesNotTakeWhatIsNotIn) {
    push(0, 9);
    EXPECT_FALSE(take_this(100));  // has the number of the first one, as a new task has
    for (std::uint16_t at = 0; at < 20; ++at) {
        item(101).queued_at.store(at);
        EXPECT_FALSE(take_this(101)) << at;
    }
    EXPECT_EQ(reserve.size(), 10U);
    EXPECT_EQ(rest(), numbers(0, 9));
    for (int i = 0; i < 10; ++i) {
        EXPECT_FALSE(take_this(i)) << i;  // and its place is as it was
    }
}

TEST_F(ReserveTest, DoesNotTakeWhatStandsInAnother) {
    rt::Reserve<Item, Link> other;
    push(0, 9);
    for (int i = 10; i < 20; ++i) {
        other.push(item(i));
    }
    for (int i = 10; i < 20; ++i) {
        EXPECT_FALSE(take_this(i));
        EXPECT_TRUE(other.take_this(item(i)));
    }
    EXPECT_EQ(rest(), numbers(0, 9));
}

// One that was here has the number of one that is here now, 65536 later.
TEST_F(ReserveTest, NumbersComeAgain) {
    push(1, 1);
    ASSERT_EQ(reserve.pop(), &item(1));
    go_to(item(1).queued_at.load());
    push(2, 3);
    ASSERT_EQ(item(2).queued_at.load(), item(1).queued_at.load());
    EXPECT_FALSE(take_this(1));
    EXPECT_TRUE(take_this(2));
    EXPECT_EQ(rest(), std::vector{3});
}

TEST_F(ReserveTest, NumbersWrapAround) {
    for (const int before : {1, 100, 128, 200, 255}) {
        go_to(static_cast<std::uint16_t>(-before));
        push(0, 199);
        ASSERT_EQ(item(0).queued_at.load(), static_cast<std::uint16_t>(-before));
        std::vector<int> left = numbers(0, 199);
        for (int gone = 1; gone < 200; gone += 2) {
            EXPECT_TRUE(take_this(gone)) << gone << " of " << before;
            std::erase(left, gone);
        }
        EXPECT_EQ(reserve.size(), left.size());
        EXPECT_EQ(rest(), left);
    }
}

TEST_F(ReserveTest, NumbersWrapAroundInAFullArray) {
    go_to(static_cast<std::uint16_t>(-100));
    EXPECT_EQ(push(0, kArray - 1), 0U);
    EXPECT_TRUE(take_this(255));
    EXPECT_TRUE(take_this(100));
    EXPECT_EQ(push(256, 257), kKept - 1);  // 100 was among the older half
    std::vector<int> left = numbers(0, 257);
    std::erase(left, 100);
    std::erase(left, 255);
    EXPECT_EQ(rest(), left);
}

// What is taken at either end makes room, with the places that were empty beside it.
TEST_F(ReserveTest, EmptyPlacesAtTheEndsAreRoom) {
    push(0, 99);
    ASSERT_EQ(room_before(), kArray - 100);
    for (const int gone : {1, 2, 3, 96, 97, 98}) {
        EXPECT_TRUE(take_this(gone));
        EXPECT_EQ(room_before(), kArray - 100) << "an empty place in the middle";
    }
    EXPECT_TRUE(take_this(99));
    EXPECT_EQ(room_before(), kArray - 96);
    EXPECT_TRUE(take_this(0));
    EXPECT_EQ(room_before(), kArray - 92);
    EXPECT_TRUE(take_this(5));
    ASSERT_EQ(reserve.pop(), &item(4));
    EXPECT_EQ(room_before(), kArray - 90);
    EXPECT_EQ(reserve.size(), 90U);
    EXPECT_EQ(rest(), numbers(6, 95));
    EXPECT_EQ(room_before(), kArray);
}

TEST_F(ReserveTest, EmptyPlacesAreNotSpilled) {
    push(0, kArray - 1);
    std::vector<int> left = numbers(0, 300);
    const auto take_out = [&](int gone) {
        EXPECT_TRUE(take_this(gone));
        std::erase(left, gone);
    };
    for (int gone = 1; gone < 128; gone += 2) {
        take_out(gone);
    }
    EXPECT_EQ(reserve.size(), kArray - 64);
    EXPECT_EQ(push(256, 256), kKept - 64);
    EXPECT_EQ(push(257, 300), 0U);
    EXPECT_EQ(reserve.size(), left.size());
    for (int gone = 150; gone < 180; ++gone) {
        take_out(gone);  // in the array still
    }
    EXPECT_FALSE(take_this(100)) << "in the chain";
    EXPECT_EQ(rest(), left);
}

TEST_F(ReserveTest, SpillsOverEmptyPlacesUpToTheNextOne) {
    push(0, kArray - 1);
    for (int gone = 1; gone < 200; ++gone) {
        EXPECT_TRUE(take_this(gone));
    }
    EXPECT_EQ(push(256, 256), 1U);  // of the older half only the first was left
    EXPECT_TRUE(take_this(0));      // the oldest
    EXPECT_EQ(room_before(), kArray - 57) << "what became the first is none";
    EXPECT_EQ(rest(), numbers(200, 256));
}

TEST_F(ReserveTest, OfTheChainItTakesTheOldestOnly) {
    push(0, 299);
    EXPECT_EQ(room_before(), 0U) << "nothing may come before the chain";
    EXPECT_FALSE(take_this(1));
    EXPECT_FALSE(take_this(127));
    for (int i = 0; i < 100; ++i) {
        EXPECT_TRUE(take_this(i)) << i;
    }
    EXPECT_TRUE(take_this(128)) << "in the array";
    EXPECT_EQ(reserve.size(), 199U);
    ASSERT_EQ(reserve.pop(), &item(100));
    EXPECT_TRUE(take_this(101));
    std::vector<int> left = numbers(102, 299);
    std::erase(left, 128);
    EXPECT_EQ(rest(), left);
}

TEST_F(ReserveTest, PutsBeforeAllOthers) {
    push(50, 59);
    put_first(40, 49);
    put_first(0, 39);
    EXPECT_EQ(reserve.size(), 60U);
    EXPECT_EQ(room_before(), kArray - 60);
    for (const int gone : {0, 20, 39, 40, 49, 50}) {
        EXPECT_TRUE(take_this(gone)) << gone;
    }
    push(60, 69);
    std::vector<int> left = numbers(0, 69);
    for (const int gone : {0, 20, 39, 40, 49, 50}) {
        std::erase(left, gone);
    }
    EXPECT_EQ(rest(), left);
}

TEST_F(ReserveTest, PutsIntoAnEmptyOne) {
    go_to(10);
    put_first(0, 99);  // the numbers go below 0
    EXPECT_EQ(reserve.size(), 100U);
    EXPECT_TRUE(take_this(50));
    EXPECT_TRUE(take_this(95));
    std::vector<int> left = numbers(0, 99);
    std::erase(left, 50);
    std::erase(left, 95);
    EXPECT_EQ(rest(), left);
}

TEST_F(ReserveTest, PutsAsManyAsThereIsRoomFor) {
    push(200, 299);
    ASSERT_EQ(room_before(), 156U);
    put_first(44, 199);
    EXPECT_EQ(room_before(), 0U);
    EXPECT_TRUE(take_this(199));
    EXPECT_TRUE(take_this(200));
    EXPECT_EQ(push(300, 300), kKept);
    std::vector<int> left = numbers(44, 300);
    std::erase(left, 199);
    std::erase(left, 200);
    EXPECT_EQ(rest(), left);
}

TEST_F(ReserveTest, TakesAtMostSoMany) {
    push(0, 9);
    EXPECT_EQ(take(0), std::vector<int>());
    EXPECT_EQ(take(3), numbers(0, 2));
    EXPECT_EQ(reserve.size(), 7U);
    EXPECT_TRUE(take_this(4));
    EXPECT_EQ(take(2), (std::vector{3, 5}));
    EXPECT_EQ(take(100), numbers(6, 9));
    EXPECT_EQ(reserve.size(), 0U);
}

TEST_F(ReserveTest, TakesFromTheChainFirst) {
    push(0, 299);
    EXPECT_EQ(take(64), numbers(0, 63));
    EXPECT_TRUE(take_this(128));
    EXPECT_EQ(take(65), [] {
        std::vector<int> some = numbers(64, 129);
        std::erase(some, 128);
        return some;
    }());
    EXPECT_EQ(rest(), numbers(130, 299));
}

TEST_F(ReserveTest, GivesAllOfThem) {
    push(0, 299);
    std::vector<int> left = numbers(0, 299);
    for (const int gone : {0, 130, 131, 200, 298, 299}) {
        EXPECT_TRUE(take_this(gone)) << gone;
        std::erase(left, gone);
    }
    std::vector<int> order;
    while (const Item* const one = reserve.pop()) {
        order.push_back(one->number);
        EXPECT_FALSE(take_this(order.back())) << "it is no longer here";
    }
    EXPECT_EQ(order, left);
    EXPECT_EQ(reserve.size(), 0U);
    EXPECT_EQ(room_before(), kArray);
    push(0, 299);  // and goes on
    EXPECT_TRUE(take_this(299));
    EXPECT_EQ(rest(), numbers(0, 298));
}

/// What is in a reserve: a plain list, of which it knows how many are in the chain.
struct Model {
    std::deque<Item*> all;
    std::size_t chained = 0;

    Item* pop() {
        if (all.empty()) {
            return nullptr;
        }
        Item* const oldest = all.front();
        all.pop_front();
        chained -= chained > 0 ? 1 : 0;
        return oldest;
    }
    bool take_this(Item& item) {
        const auto at = std::find(all.begin(), all.end(), &item);
        const auto before = static_cast<std::size_t>(at - all.begin());
        if (at == all.end() || (before != 0 && before < chained)) {
            return false;
        }
        chained -= before < chained ? 1 : 0;
        all.erase(at);
        return true;
    }
};

TEST_F(ReserveTest, DoesWhatAListDoes) {
    auto random = random_engine();
    SCOPED_TRACE("seed " + std::to_string(seed()));
    const auto below = [&random](std::size_t limit) { return random() % limit; };
    constexpr std::size_t kItems = 800;
    std::vector<Item*> free;
    for (std::size_t i = 0; i < kItems; ++i) {
        free.push_back(&item(static_cast<int>(i)));
    }
    Model model;
    const auto take_free = [&] {
        std::swap(free[below(free.size())], free.back());
        Item* const taken = free.back();
        free.pop_back();
        return taken;
    };
    const int steps = scaled(400'000);
    bool grows = true;
    for (int step = 0; step < steps; ++step) {
        if (below(700) == 0) {
            grows = !grows;
        }
        const std::size_t die = below(100);
        if (die < (grows ? 60U : 20U)) {
            if (free.empty()) {
                continue;
            }
            Item& pushed = *take_free();
            const std::size_t spilled = reserve.push(pushed);
            model.all.push_back(&pushed);
            model.chained += spilled;
            ASSERT_LE(model.all.size() - model.chained, spilled == 0 ? kArray : kKept + 1);
        } else if (die < 75) {
            Item* const oldest = model.pop();
            ASSERT_EQ(reserve.pop(), oldest);
            if (oldest != nullptr) {
                free.push_back(oldest);
            }
        } else if (die < 97) {  // one from anywhere
            Item& wanted = item(static_cast<int>(below(kItems)));
            const bool taken = model.take_this(wanted);
            ASSERT_EQ(reserve.take_this(wanted), taken);
            if (taken) {
                free.push_back(&wanted);
            }
        } else if (die == 97) {
            reserve.take(below(40), [&](std::size_t count, auto take) {
                for (std::size_t i = 0; i < count; ++i) {
                    Item* const oldest = take();
                    EXPECT_EQ(oldest, model.pop());
                    free.push_back(oldest);
                }
            });
        } else if (die == 98) {
            reserve.put_first([&](Item** places, std::size_t room) {
                EXPECT_LE(room, model.chained == 0 ? kArray - model.all.size() : 0);
                const std::size_t count = std::min({room, free.size(), below(300)});
                for (std::size_t i = count; i-- > 0;) {
                    places[i] = take_free();
                    model.all.push_front(places[i]);
                }
                return count;
            });
        } else if (below(20) == 0) {
            while (Item* const oldest = model.pop()) {
                ASSERT_EQ(reserve.pop(), oldest);
                free.push_back(oldest);
            }
            ASSERT_EQ(reserve.pop(), nullptr);
        }
        ASSERT_EQ(reserve.size(), model.all.size());
    }
}

class ReserveOf : public ::testing::TestWithParam<rt::Sharing> {};

INSTANTIATE_TEST_SUITE_P(
    Each,
    ReserveOf,
    ::testing::ValuesIn(
        rt::has_heavy_barrier() ? std::vector{rt::Sharing::Barriers, rt::Sharing::Rmws}
                                : std::vector{rt::Sharing::Rmws}
    ),
    [](const auto& each) { return each.param == rt::Sharing::Barriers ? "barriers" : "rmws"; }
);

// Goal: a rescuer may take everything at any moment, put some of it back, and a thief some of the oldest: each
// comes out once.
TEST_P(ReserveOf, LoopRescuerAndThief) {
    constexpr int kItems = 600;
    std::vector<Item> items(kItems);
    std::vector<std::atomic<int>> taken(kItems);
    rt::OwnerLock<> lock{GetParam()};
    rt::Reserve<Item, Link> reserve;
    for (std::size_t i = 0; i < items.size(); ++i) {
        items[i].number = static_cast<int>(i);
    }
    std::atomic<bool> over{false};
    const auto take = [&taken](const Item& item) {
        taken[static_cast<std::size_t>(item.number)].fetch_add(1);
    };
    std::thread rescuer([&] {
        for (bool last = false; !last;) {
            last = over.load();
            while (!lock.claim(2)) {
                std::this_thread::yield();
            }
            for (int i = 0; Item* const item = reserve.pop(); ++i) {
                if (i % 7 == 3 && !last) {
                    reserve.push(*item);
                    break;  // as without memory
                }
                take(*item);
            }
            lock.release_claim();
            std::this_thread::yield();
        }
    });
    std::thread thief([&] {
        while (!over.load()) {
            if (lock.claim(3)) {
                reserve.take(20, [&](std::size_t count, auto next) {
                    for (std::size_t i = 0; i < count; ++i) {
                        take(*next());
                    }
                });
                lock.release_claim();
            }
            std::this_thread::yield();
        }
    });
    const auto push = [&](Item& item) {
        const std::lock_guard own(lock);
        reserve.push(item);
    };
    const auto pop = [&] {
        const std::lock_guard own(lock);
        return reserve.pop();
    };
    const auto take_this = [&](Item& item) {
        const std::lock_guard own(lock);
        return reserve.take_this(item);
    };
    // The loop's ring, which it takes back: there may be less room than when it took them out.
    const auto put_back_first = [&] {
        std::vector<Item*> ring;
        {
            const std::lock_guard own(lock);
            reserve.take(200, [&ring](std::size_t count, auto next) {
                for (std::size_t i = 0; i < count; ++i) {
                    ring.push_back(next());
                }
            });
        }
        {
            const std::lock_guard own(lock);
            reserve.put_first([&ring](Item** places, std::size_t room) {
                const std::size_t count = std::min(room, ring.size());
                std::copy_n(ring.end() - static_cast<std::ptrdiff_t>(count), count, places);
                ring.resize(ring.size() - count);
                return count;
            });
        }
        for (Item* const rest : ring) {
            push(*rest);
        }
    };
    auto random = random_engine();
    SCOPED_TRACE("seed " + std::to_string(seed()));
    const int rounds = scaled(300);
    for (int round = 0; round < rounds; ++round) {
        for (Item& item : items) {
            push(item);
            Item& wanted = items[random() % items.size()];
            if (random() % 2 == 0 && take_this(wanted)) {
                take(wanted);
            }
            if (Item* const oldest = random() % 4 == 0 ? pop() : nullptr) {
                take(*oldest);
            }
            if (random() % 32 == 0) {
                put_back_first();
            }
        }
        if (round == rounds - 1) {
            over.store(true);
        }
        for (std::size_t i = 0; i < items.size(); ++i) {
            while (taken[i].load() == round) {
                if (take_this(items[i])) {
                    take(items[i]);
                } else if (Item* const oldest = pop()) {
                    take(*oldest);
                }
            }
            ASSERT_EQ(taken[i].load(), round + 1);
        }
    }
    rescuer.join();
    thief.join();
    EXPECT_TRUE(reserve.looks_empty());
}

}  // namespace
}  // namespace weft::test
