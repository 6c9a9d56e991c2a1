#include <gtest/gtest.h>

#include "model/expect.hpp"
#include "sched/doze.hpp"
#include "sched/mailbox.hpp"

// The rescuer sleeps while every loop does: a loop that wakes up, for whatever reason, is noticed.

namespace weft::model {
namespace {

struct Letter {
    Plain<Letter*> next{nullptr};
};

struct House {
    rt::Mailbox<Letter, Atomic> mailbox;
    rt::Doze<Atomic> doze;
    Signal reactor;
    Signal rescuer;
    Letter letter;

    /// The rescuer has found nobody awake: it sleeps only when a loop that wakes up will tell.
    void rescue() {
        doze.begin();
        if (mailbox.look_closely_whether_asleep()) {
            rescuer.await();
        }
        doze.end();
    }
    void wake_up() {
        static_cast<void>(mailbox.unpark());
        if (doze.is_on()) {
            rescuer.raise();
        }
    }
};

/// Woken by its own reactor.
Scenario wakes_by_itself() {
    return [](Execution& run) {
        auto& house = run.make<House>("house");
        run.thread("loop", [&house] {
            if (house.mailbox.try_park()) {
                house.wake_up();
            }
        });
        run.thread("rescuer", [&house] { house.rescue(); });
    };
}

/// Woken by another thread.
Scenario is_woken(bool by_letter) {
    return [by_letter](Execution& run) {
        auto& house = run.make<House>("house");
        run.thread("loop", [&house] {
            if (house.mailbox.try_park()) {
                house.reactor.await();
                house.wake_up();
            }
        });
        run.thread("sender", [&house, by_letter] {
            if (by_letter ? house.mailbox.push(house.letter) : house.mailbox.notify()) {
                house.reactor.raise();
            }
        });
        run.thread("rescuer", [&house] { house.rescue(); });
    };
}

TEST(Doze, LoopThatWakesByItself) {
    expect_holds(wakes_by_itself());
}
TEST(Doze, LoopThatGetsALetter) {
    expect_holds(is_woken(true));
}
TEST(Doze, LoopThatIsNotified) {
    expect_holds(is_woken(false));
}

using Change = Mutation::Change;
constexpr const char* kFile = "mailbox.hpp";

TEST(DozeMutant, UnparkWithoutAcquire) {
    expect_found(
        wakes_by_itself(), {kFile, "unpark", Change::NoAcquire, nullptr}, "nobody will wake"
    );
}
TEST(DozeMutant, UnparkWithoutAcquireAfterALetter) {
    expect_found(is_woken(true), {kFile, "unpark", Change::NoAcquire, nullptr}, "nobody will wake");
}
TEST(DozeMutant, LookWithoutRelease) {
    expect_found(
        wakes_by_itself(),
        {kFile, "look_closely_whether_asleep", Change::NoOrder, nullptr},
        "nobody will wake"
    );
}
TEST(DozeMutant, LookThatOnlyLoads) {
    expect_found(
        wakes_by_itself(),
        {kFile, "look_closely_whether_asleep", Change::LoadOnly, nullptr},
        "nobody will wake"
    );
}

}  // namespace
}  // namespace weft::model
