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
    std::array<Plain<int>, 2> tasks{0, 0};  // by who makes it
    bool shut = false;
};

Scenario door(std::size_t guests) {
    return [=](Execution& run) {
        auto& house = run.make<House>("house");
        static constexpr std::array kNames{"guest 0", "guest 1"};
        for (std::size_t i = 0; i < guests; ++i) {
            run.thread(kNames[i], [&house, i] {
                if (!house.door.enter()) {
                    return;
                }
                require(!house.shut, "nobody is let in after the shutdown has looked");
                house.tasks[i] = 1;
                house.door.leave();
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

constexpr const char* kFile = "sched/door.hpp";

TEST(Door, OneGuest) {
    expect_holds(door(1));
}
TEST(Door, TwoGuests) {
    expect_holds(door(2));
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
