#include <gtest/gtest.h>

#include <array>
#include <cstdint>

#include "model/expect.hpp"
#include "model/model_sides.hpp"
#include "sched/next_slot.hpp"
#include "sched/owner_lock.hpp"

// What a loop keeps to itself: the owner puts in and takes out, and thieves who claim the lock take, too.

namespace weft::model {
namespace {

using rt::Sharing;

struct Item {
    Plain<int> payload{0};
    int taken = 0;

    void take() {
        require(payload == 1, "a task is complete before it is seen");
        require(taken++ == 0, "a task is taken once");
        payload = 2;  // the taker has it for itself
    }
};

template <class Sides>
struct KeptState {
    explicit KeptState(Sharing sharing) : lock(sharing) {}

    rt::OwnerLock<Atomic, Sides> lock;
    rt::NextSlot<Item, Atomic> slot;
    Plain<int> inside{0};  // nothing but the lock orders it
    std::array<Item, 3> items;

    void put(std::size_t item) {
        items[item].payload = 1;
        lock.lock();
        inside = inside + 1;
        Item* const old = slot.put(items[item]);
        lock.unlock();
        if (old != nullptr) {
            old->take();
        }
    }
    template <class Take>
    void take_by(Take take) {
        lock.lock();
        inside = inside + 1;
        Item* const item = take();
        lock.unlock();
        if (item != nullptr) {
            item->take();
        }
    }
    void take() {
        take_by([this] { return slot.take(); });
    }
    void take_this(std::size_t item) {
        take_by([this, item] { return slot.take_this(items[item]) ? &items[item] : nullptr; });
    }
    void steal() {
        if (!lock.claim(static_cast<std::uint32_t>(self()) + 2)) {
            return;
        }
        inside = inside + 1;
        Item* const item = slot.take();
        lock.release_claim();
        if (item != nullptr) {
            item->take();
        }
    }
};

template <class Sides = ModelSides>
Scenario kept(int thieves, Sharing sharing, int steals = 2) {
    return [=](Execution& run) {
        auto& state = run.make<KeptState<Sides>>("kept", sharing);
        run.thread("owner", [&state] {
            state.put(0);
            state.put(1);
            state.take();
            state.put(2);
            state.take_this(2);
        });
        static constexpr std::array kNames{"thief 0", "thief 1"};
        for (std::size_t t = 0; t < static_cast<std::size_t>(thieves); ++t) {
            run.thread(kNames[t], [&state, steals] {
                for (int i = 0; i < steals; ++i) {
                    state.steal();
                }
            });
        }
        run.at_end([&state] {
            if (Item* const item = state.slot.take(); item != nullptr) {
                item->take();
            }
            for (const Item& item : state.items) {
                require(item.taken == 1, "no task is lost");
            }
        });
    };
}

constexpr Limits kTwo{.preemptions = 2, .stale_reads = 2};

TEST(Kept, OneThief) {
    expect_holds(kept(1, Sharing::Barriers), kTwo);
}
TEST(Kept, OneThiefOnce) {
    expect_holds(kept(1, Sharing::Barriers, 1));
}
TEST(Kept, TwoThieves) {
    expect_holds(kept(2, Sharing::Barriers, 1), kTwo);
}
TEST(Kept, OneThiefWithoutHeavyBarriers) {
    expect_holds(kept(1, Sharing::Rmws, 1));
}
TEST(Kept, TwoThievesWithoutHeavyBarriers) {
    expect_holds(kept(2, Sharing::Rmws, 1), kTwo);
}

struct RefusedBarrier : ModelSides {
    [[nodiscard]] static bool heavy_barrier() { return toss() && ModelSides::heavy_barrier(); }
};

TEST(Kept, ABarrierMayBeRefused) {
    expect_holds(kept<RefusedBarrier>(1, Sharing::Barriers, 1));
    expect_holds(kept<RefusedBarrier>(2, Sharing::Barriers, 1), kTwo);
}

using Change = Mutation::Change;

struct NoBarrier : ModelSides {
    [[nodiscard]] static bool heavy_barrier() { return true; }
};

TEST(KeptMutant, NoHeavyBarrier) {
    expect_found(kept<NoBarrier>(1, Sharing::Barriers, 1), "data race");
}
TEST(KeptMutant, AnOrderLess) {
    constexpr std::array kEither{
        Mutation{"owner_lock.hpp", "unlock", Change::NoRelease, nullptr},
        Mutation{"owner_lock.hpp", "claim", Change::NoAcquire, "load"},
        Mutation{"owner_lock.hpp", "release_claim", Change::NoRelease, nullptr},
        Mutation{"owner_lock.hpp", "lock", Change::NoAcquire, "load"},
    };
    for (const Mutation& mutation : kEither) {
        expect_found(kept(1, Sharing::Barriers, 1), mutation, "data race");
    }
    constexpr std::array kRmws{
        Mutation{"owner_lock.hpp", "claim", Change::NoOrder, "compare_exchange"},
        Mutation{"owner_lock.hpp", "claim", Change::NoOrder, "load"},
        Mutation{"owner_lock.hpp", "lock_by_rmw", Change::NoOrder, "exchange"},
        Mutation{"owner_lock.hpp", "lock_by_rmw", Change::NoOrder, "load"},
    };
    for (const Mutation& mutation : kRmws) {
        expect_found(kept(1, Sharing::Rmws, 1), mutation, "data race");
    }
}
TEST(KeptMutant, TwoClaimAtOnce) {
    expect_found(
        kept(2, Sharing::Barriers, 1),
        {"owner_lock.hpp", "claim", Change::Split, "compare_exchange"},
        "data race",
        kTwo
    );
}

}  // namespace
}  // namespace weft::model
