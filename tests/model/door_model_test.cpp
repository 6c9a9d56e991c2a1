#include <gtest/gtest.h>

#include <array>

#include "model/expect.hpp"
#include "sched/door.hpp"

// Goal: a task that a thread outside was allowed to make is seen by the shutdown, complete; and none
// is made after that.

namespace weft::model {
namespace {

struct House {
    rt::Door<Atomic> door;
    std::array<Plain<int>, 3> tasks{0, 0, 0};  // by who makes it
    Plain<int> address{0};                     // where they bring it
    bool shut = false;
};

constexpr std::array kGuests{"guest 0", "guest 1", "guest 2"};

Scenario door(std::size_t guests, int each = 1) {
    return [=](Execution& run) {
        auto& house = run.make<House>("house");
        for (std::size_t i = 0; i < guests; ++i) {
            run.thread(kGuests[i], [&house, i, each] {
                for (int n = 0; n < each && house.door.enter(); ++n) {
                    require(!house.shut, "nobody is let in after the shutdown has looked");
                    house.tasks[i] = house.tasks[i] + 1;
                    house.door.leave();
                }
            });
        }
        run.thread("shutdown", [&house] {
            house.door.shut();
            while (!house.door.empty()) {
                pass();
            }
            house.shut = true;
            for (const Plain<int>& task : house.tasks) {
                static_cast<void>(static_cast<int>(task));
            }
        });
    };
}

/// A door that is opened while guests come, and may be shut again (runtime/loop/interrupt.cpp): who is
/// let in finds what was made ready before.
Scenario opened(std::size_t guests, bool shut_again) {
    return [=](Execution& run) {
        auto& house = run.make<House>("house");
        house.door.shut();
        run.thread("host", [&house, shut_again] {
            house.address = 1;
            house.door.open();
            if (!shut_again) {
                return;
            }
            house.door.shut();
            while (!house.door.empty()) {
                pass();
            }
            house.address = 2;
        });
        for (std::size_t i = 0; i < guests; ++i) {
            run.thread(kGuests[i], [&house] {
                if (house.door.enter()) {
                    require(house.address == 1, "who is let in finds it ready");
                    house.door.leave();
                }
            });
        }
        run.at_end([&house, shut_again] {
            require(shut_again == house.door.empty(), "it is as the host left it");
        });
    };
}

constexpr const char* kFile = "sched/door.hpp";

TEST(Door, OneGuest) {
    expect_holds(door(1));
}
TEST(Door, TwoGuests) {
    expect_holds(door(2));
}
TEST(Door, ThreeGuests) {
    expect_holds(door(3), {.preemptions = 2, .stale_reads = 2});
}
TEST(Door, TwoGuestsWithTwo) {
    expect_holds(door(2, 2));
}
TEST(Door, OpenedToOne) {
    expect_holds(opened(1, false));
}
TEST(Door, OpenedToTwo) {
    expect_holds(opened(2, false));
}
TEST(Door, OpenedAndShutAgain) {
    expect_holds(opened(1, true));
    expect_holds(opened(2, true));
}
TEST(DoorMutant, OpenWithoutRelease) {
    expect_found(opened(1, false), {kFile, "open", Mutation::Change::NoRelease}, "data race");
}
TEST(DoorMutant, OpenInTwoSteps) {
    expect_found(opened(1, true), {kFile, "open", Mutation::Change::Split}, "");
}
TEST(DoorMutant, LeaveWithoutRelease) {
    expect_found(door(1), {kFile, "leave", Mutation::Change::NoRelease}, "data race");
}
TEST(DoorMutant, EmptyWithoutAcquire) {
    expect_found(door(1), {kFile, "empty", Mutation::Change::NoAcquire}, "data race");
}
TEST(DoorMutant, EnterInTwoSteps) {
    expect_found(door(1), {kFile, "enter", Mutation::Change::Split, "fetch_add"}, "");
}

}  // namespace
}  // namespace weft::model
