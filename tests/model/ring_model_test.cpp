#include <gtest/gtest.h>

#include <array>
#include <vector>

#include "model/expect.hpp"
#include "sched/public_ring.hpp"

namespace weft::model {
namespace {

using rt::Sharing;

struct Item {
    Plain<int> payload{0};
    int taken = 0;

    void take() {
        require(payload == 1, "an element is complete before it is seen");
        require(taken++ == 0, "an element is taken once");
        payload = 2;  // the taker has it for itself
    }
};

/// What the running threads have read of slots, and not claimed yet.
std::array<std::vector<EarlyReads*>, kMostThreads + 1> unclaimed;

std::vector<EarlyReads*>& my_unclaimed() {
    return unclaimed[static_cast<std::size_t>(self())];
}

/// An index of a ring: who moves it by a CAS claims the slots it has read since its last one.
template <class T>
class RingAtomic : public Atomic<T> {
public:
    using Atomic<T>::Atomic;
    bool compare_exchange_weak(
        T& expected,
        T desired,
        std::memory_order success,
        std::memory_order failure,
        const char* file = __builtin_FILE(),
        const char* function = __builtin_FUNCTION(),
        int line = __builtin_LINE()
    ) noexcept {
        return claim(Atomic<T>::compare_exchange_weak(
            expected, desired, success, failure, file, function, line
        ));
    }
    bool compare_exchange_strong(
        T& expected,
        T desired,
        std::memory_order success,
        std::memory_order failure,
        const char* file = __builtin_FILE(),
        const char* function = __builtin_FUNCTION(),
        int line = __builtin_LINE()
    ) noexcept {
        return claim(Atomic<T>::compare_exchange_strong(
            expected, desired, success, failure, file, function, line
        ));
    }

private:
    static bool claim(bool won) {
        for (EarlyReads* const reads : my_unclaimed()) {
            if (won) {
                reads->on_claim();
            }
        }
        my_unclaimed().clear();
        return won;
    }
};

/// A slot.
template <class T>
class RingAtomic<T*> : public Atomic<T*> {
public:
    using Atomic<T*>::Atomic;
    [[nodiscard]] T* load(
        std::memory_order order,
        const char* file = __builtin_FILE(),
        const char* function = __builtin_FUNCTION(),
        int line = __builtin_LINE()
    ) const noexcept {
        T* const value = Atomic<T*>::load(order, file, function, line);
        reads_.on_read();
        my_unclaimed().push_back(&reads_);
        return value;
    }
    void store(
        T* value,
        std::memory_order order,
        const char* file = __builtin_FILE(),
        const char* function = __builtin_FUNCTION(),
        int line = __builtin_LINE()
    ) noexcept {
        Atomic<T*>::store(value, order, file, function, line);
        reads_.on_write();
    }

private:
    mutable EarlyReads reads_;
};

struct RingState {
    explicit RingState(Sharing how) : sharing(how) {
        for (std::vector<EarlyReads*>& of_one : unclaimed) {
            of_one.clear();
        }
    }

    using Ring = rt::PublicRing<Item, RingAtomic, 4>;
    const Sharing sharing;
    Ring ring;
    std::array<Ring, 2> thieves;
    std::array<Item, 8> items;
    std::size_t pushed = 0;

    void push() {
        Item& item = items[pushed];
        if (ring.room() > 0) {
            item.payload = 1;
            require(ring.push(item, sharing), "there was room");
            ++pushed;
        }
    }
    void push_two() {
        if (ring.room() < 2) {
            return;
        }
        items[pushed].payload = 1;
        items[pushed + 1].payload = 1;
        ring.push_batch(
            2, [this] { return &items[pushed++]; }, sharing
        );
    }
    bool pop(Ring& from) {
        Item* const item = from.pop(sharing);
        if (item != nullptr) {
            item->take();
        }
        return item != nullptr;
    }
    void pop_this(std::size_t item) {
        if (ring.pop_this(items[item])) {
            items[item].take();
        }
    }
    void take_all(std::size_t most = Ring::kCapacity) {
        std::array<Item*, Ring::kCapacity> taken{};
        const std::uint32_t count = ring.take_all(taken.data(), most);
        for (std::uint32_t i = 0; i < count; ++i) {
            taken[i]->take();
        }
    }
    void steal(std::size_t thief, Ring& from) {
        std::uint32_t taken = 0;
        if (Item* const item = from.steal_half(thieves[thief], taken, sharing); item != nullptr) {
            item->take();
            require(taken >= 1, "what was taken is counted");
        }
        while (pop(thieves[thief])) {
        }
    }
    void check() {
        while (pop(ring)) {
        }
        for (Ring& thief : thieves) {
            while (pop(thief)) {
            }
        }
        for (std::size_t i = 0; i < pushed; ++i) {
            require(items[i].taken == 1, "no element is lost");
        }
    }
};

/// The owner pushes and pops in turns; `rounds` of it wrap around. Thieves take half.
Scenario owner_and_thieves(
    int thieves, int rounds, int steals, Sharing sharing = Sharing::Barriers
) {
    return [=](Execution& run) {
        auto& state = run.make<RingState>("ring", sharing);
        run.thread("owner", [&state, rounds] {
            for (int i = 0; i < rounds; ++i) {
                state.push_two();
                state.push();
                state.pop(state.ring);
            }
        });
        static constexpr std::array kNames{"thief 0", "thief 1"};
        for (std::size_t t = 0; t < static_cast<std::size_t>(thieves); ++t) {
            run.thread(kNames[t], [&state, t, steals] {
                for (int i = 0; i < steals; ++i) {
                    state.steal(t, state.ring);
                }
            });
        }
        run.at_end([&state] { state.check(); });
    };
}

/// A full ring: the owner can push only when a thief has taken something.
Scenario wrap_around(Sharing sharing = Sharing::Barriers) {
    return [=](Execution& run) {
        auto& state = run.make<RingState>("ring", sharing);
        state.push_two();
        state.push_two();
        run.thread("owner", [&state] {
            state.push();
            state.push();
            state.pop(state.ring);
        });
        run.thread("thief 0", [&state] { state.steal(0, state.ring); });
        run.at_end([&state] { state.check(); });
    };
}

/// A thief whose own ring was full and was emptied by another one steals into the slots that the other has
/// read.
Scenario wrapped_thief(Sharing sharing = Sharing::Barriers) {
    return [=](Execution& run) {
        auto& state = run.make<RingState>("ring", sharing);
        for (std::size_t i = 0; i < 8; ++i) {
            state.items[i].payload = 1;
            RingState::Ring& to = i < 4 ? state.thieves[0] : state.ring;
            require(to.push(state.items[i], sharing), "there is room");
        }
        state.pushed = 8;
        run.thread("thief 1", [&state] { state.steal(1, state.thieves[0]); });
        run.thread("thief 0", [&state] {
            while (state.pop(state.thieves[0])) {
            }
            state.steal(0, state.ring);
        });
        run.at_end([&state] { state.check(); });
    };
}

/// A thief steals from a thief.
Scenario chain(Sharing sharing = Sharing::Barriers) {
    return [=](Execution& run) {
        auto& state = run.make<RingState>("ring", sharing);
        state.push_two();
        state.push_two();
        run.thread("thief 0", [&state] {
            std::uint32_t taken = 0;
            if (Item* const item = state.ring.steal_half(state.thieves[0], taken, state.sharing)) {
                item->take();
            }
            state.pop(state.thieves[0]);
        });
        run.thread("thief 1", [&state] { state.steal(1, state.thieves[0]); });
        run.thread("owner", [&state] { state.pop(state.ring); });
        run.at_end([&state] { state.check(); });
    };
}

/// The owner takes out whom somebody waits for, if that is the oldest.
Scenario one_that_is_awaited(int thieves, Sharing sharing = Sharing::Barriers) {
    return [=](Execution& run) {
        auto& state = run.make<RingState>("ring", sharing);
        run.thread("owner", [&state] {
            state.push_two();
            state.pop_this(0);
            state.push();
            state.pop_this(2);  // the oldest, if a thief has taken the one before
            state.pop_this(1);
        });
        static constexpr std::array kNames{"thief 0", "thief 1"};
        for (std::size_t t = 0; t < static_cast<std::size_t>(thieves); ++t) {
            run.thread(kNames[t], [&state, t] { state.steal(t, state.ring); });
        }
        run.at_end([&state] { state.check(); });
    };
}

/// The owner takes back what thieves have left, and goes on pushing.
Scenario all_taken_back(int thieves, std::size_t most, Sharing sharing = Sharing::Barriers) {
    return [=](Execution& run) {
        auto& state = run.make<RingState>("ring", sharing);
        run.thread("owner", [&state, most] {
            state.push_two();
            state.push();
            state.take_all(most);
            state.push();
            state.take_all();
        });
        static constexpr std::array kNames{"thief 0", "thief 1"};
        for (std::size_t t = 0; t < static_cast<std::size_t>(thieves); ++t) {
            run.thread(kNames[t], [&state, t] { state.steal(t, state.ring); });
        }
        run.at_end([&state] { state.check(); });
    };
}

/// The same with a ring that was full: it pushes over what a thief may be reading.
Scenario all_of_a_full_one(Sharing sharing = Sharing::Barriers) {
    return [=](Execution& run) {
        auto& state = run.make<RingState>("ring", sharing);
        state.push_two();
        state.push_two();
        run.thread("owner", [&state] {
            state.take_all();
            state.push_two();
            state.push();
            state.pop_this(4);
            state.take_all();
        });
        run.thread("thief 0", [&state] { state.steal(0, state.ring); });
        run.at_end([&state] { state.check(); });
    };
}

constexpr Limits kTwo{.preemptions = 2, .stale_reads = 2};

TEST(Ring, OneThief) {
    expect_holds(owner_and_thieves(1, 1, 2));
}
TEST(Ring, OneThiefTwoRounds) {
    expect_holds(owner_and_thieves(1, 2, 2), kTwo);
}
TEST(Ring, TwoThieves) {
    expect_holds(owner_and_thieves(2, 1, 1), kTwo);
}
TEST(Ring, WrapAround) {
    expect_holds(wrap_around());
}
TEST(Ring, WithoutHeavyBarriers) {
    expect_holds(owner_and_thieves(1, 1, 2, Sharing::Rmws));
    expect_holds(wrap_around(Sharing::Rmws));
    expect_holds(chain(Sharing::Rmws), kTwo);
}
TEST(Ring, AThiefStealsIntoSlotsThatWereStolenFrom) {
    expect_holds(wrapped_thief());
}
TEST(Ring, OneThiefOnce) {
    expect_holds(owner_and_thieves(1, 1, 1));
}
TEST(Ring, TwoThievesTwoRounds) {
    expect_holds(owner_and_thieves(2, 2, 1), {.preemptions = 1, .stale_reads = 1});
}
TEST(RingMutant, RoomWithoutAcquire) {
    expect_found(
        wrap_around(), {"public_ring.hpp", "room", Mutation::Change::NoAcquire}, "claimed read"
    );
}
TEST(Ring, AThiefStealsFromAThief) {
    expect_holds(chain(), kTwo);
}

TEST(Ring, OneThatIsAwaited) {
    expect_holds(one_that_is_awaited(1));
}
TEST(Ring, OneThatIsAwaitedAndTwoThieves) {
    expect_holds(one_that_is_awaited(2), kTwo);
}
TEST(Ring, AllTakenBack) {
    expect_holds(all_taken_back(1, RingState::Ring::kCapacity));
}
TEST(Ring, AllTakenBackIfTheyAreTwo) {
    expect_holds(all_taken_back(1, 2));
}
TEST(Ring, AllTakenBackAndTwoThieves) {
    expect_holds(all_taken_back(2, RingState::Ring::kCapacity), kTwo);
}
TEST(Ring, AllOfAFullOne) {
    expect_holds(all_of_a_full_one());
}

using Change = Mutation::Change;

TEST(RingMutant, PublishWithoutRelease) {
    expect_found(
        owner_and_thieves(1, 1, 1),
        {"public_ring.hpp", "publish", Change::NoRelease, nullptr},
        "data race"
    );
    expect_found(
        owner_and_thieves(1, 1, 1, Sharing::Rmws),
        {"public_ring.hpp", "publish", Change::NoRelease, nullptr},
        "data race"
    );
}
TEST(RingMutant, StealWithoutAcquire) {
    expect_found(
        owner_and_thieves(1, 1, 2), {"public_ring.hpp", "steal_half", Change::NoAcquire, "load"}, ""
    );
}
TEST(RingMutant, StealInTwoSteps) {
    expect_found(
        owner_and_thieves(1, 1, 1),
        {"public_ring.hpp", "steal_half", Change::Split, "compare_exchange"},
        ""
    );
}
TEST(RingMutant, PopInTwoSteps) {
    expect_found(
        owner_and_thieves(1, 1, 1), {"public_ring.hpp", "pop", Change::Split, nullptr}, ""
    );
}

TEST(RingMutant, PopThisInTwoSteps) {
    expect_found(
        one_that_is_awaited(1),
        {"public_ring.hpp", "pop_this", Change::Split, "compare_exchange"},
        "data race"
    );
}
TEST(RingMutant, TakeAllInTwoSteps) {
    expect_found(
        all_taken_back(1, RingState::Ring::kCapacity),
        {"public_ring.hpp", "take_all", Change::Split, "compare_exchange"},
        "data race"
    );
}
TEST(RingMutant, RoomWithoutAcquireAfterAllWereTakenBack) {
    expect_found(
        all_of_a_full_one(), {"public_ring.hpp", "room", Change::NoAcquire}, "claimed read"
    );
}

}  // namespace
}  // namespace weft::model
