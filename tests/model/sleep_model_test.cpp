#include "model/sleep_model.hpp"

#include <gtest/gtest.h>

#include <deque>

#include "model/expect.hpp"

// The sleep protocol: whatever a submitter has made visible is run, though everybody may sleep.
// A task that waits until all have run stands for one that runs for long: as long as one worker
// sleeps, the rest must not have to wait for it.

namespace weft::model {
namespace {

using rt::Sharing;

struct World {
    World(Bug bug, Sharing sharing, int width, int tasks_expected) : scheduler(bug, sharing) {
        scheduler.expected = tasks_expected;
        for (int index = 0; index < width; ++index) {
            workers.emplace_back(scheduler, index);
        }
    }
    void run_for_long(ModelTask& task) {
        task.body = [this](ModelWorker&) { scheduler.all_ran.await(); };
    }
    void check() {
        for (int i = 0; i < scheduler.expected; ++i) {
            require(tasks[static_cast<std::size_t>(i)].runs == 1, "no task is left lying");
        }
        require(!scheduler.idle.somebody_searches(), "who sleeps does not count as searching");
    }

    ModelScheduler scheduler;
    std::deque<ModelWorker> workers;
    std::array<ModelTask, 3> tasks;
    Plain<int> reason{0};  // of a stop
};

/// How the loops of the scenarios that are made now share their work.
Sharing sharing_now = Sharing::Barriers;

World& make_world(Execution& run, Bug bug, Sharing sharing, int width, int tasks) {
    auto& world = run.make<World>("world", bug, sharing, width, tasks);
    constexpr std::array kMailboxes{"mailbox 0", "mailbox 1", "mailbox 2"};
    constexpr std::array kRings{"ring 0", "ring 1", "ring 2"};
    constexpr std::array kLocks{"kept 0", "kept 1", "kept 2"};
    constexpr std::array kSlots{"slot 0", "slot 1", "slot 2"};
    constexpr std::array kTasks{"task 0", "task 1", "task 2"};
    run.name("idle", world.scheduler.idle);
    run.name("inbox", world.scheduler.inbox);
    for (std::size_t i = 0; i < world.workers.size(); ++i) {
        run.name(kMailboxes[i], world.workers[i].mailbox);
        run.name(kRings[i], world.workers[i].ring);
        run.name(kLocks[i], world.workers[i].kept);
        run.name(kSlots[i], world.workers[i].slot);
    }
    for (std::size_t i = 0; i < world.tasks.size(); ++i) {
        run.name(kTasks[i], world.tasks[i]);
    }
    run.at_end([&world] { world.check(); });
    return world;
}

constexpr std::array kWorkerNames{"worker 0", "worker 1", "worker 2"};

void drive(Execution& run, World& world, std::size_t first) {
    for (std::size_t i = first; i < world.workers.size(); ++i) {
        run.daemon(kWorkerNames[i], [&world, i] { world.workers[i].drive(); });
    }
}

/// Threads outside, each with one task, and workers that have nothing else.
Scenario outside(Bug bug, int submitters, int width, bool lies = false) {
    return [=, sharing = sharing_now](Execution& run) {
        World& world = make_world(run, bug, sharing, width, submitters);
        lies_of_queues = lies ? 1 : 0;
        drive(run, world, 0);
        static constexpr std::array kNames{"submitter a", "submitter b"};
        for (std::size_t i = 0; i < static_cast<std::size_t>(submitters); ++i) {
            run.thread(kNames[i], [&world, i] {
                world.scheduler.submit_from_outside(world.tasks[i]);
            });
        }
    };
}

/// A worker that is busy for long and makes tasks ready meanwhile; the others must run them all at
/// once: each of the tasks runs for long, too.
Scenario busy_owner(Bug bug, int tasks, int width, bool slot) {
    return [=, sharing = sharing_now](Execution& run) {
        World& world = make_world(run, bug, sharing, width, tasks);
        for (ModelTask& task : world.tasks) {
            world.run_for_long(task);
        }
        drive(run, world, 1);
        run.thread("owner", [&world, tasks, slot] {
            ModelWorker& self = world.workers[0];
            for (std::size_t i = 0; i < static_cast<std::size_t>(tasks); ++i) {
                slot ? self.push_to_slot(world.tasks[i]) : self.push_to_ring(world.tasks[i]);
            }
            world.scheduler.all_ran.await();
        });
    };
}

/// Two owners make the first stealable tasks that there ever were, each one, while another worker goes to sleep.
Scenario first_ones(Bug bug) {
    return [=, sharing = sharing_now](Execution& run) {
        World& world = make_world(run, bug, sharing, 3, 2);
        world.scheduler.stealable_seen.store(false, rt::relaxed);
        drive(run, world, 2);
        static constexpr std::array kOwners{"owner 0", "owner 1"};
        for (std::size_t i = 0; i < 2; ++i) {
            run.thread(kOwners[i], [&world, i] {
                world.workers[i].push_to_ring(world.tasks[i]);
                world.scheduler.all_ran.await();
            });
        }
    };
}

/// A worker is woken to search, and finds an event in its own reactor at the same time, whose task
/// runs for long. Another worker sleeps.
Scenario woken_for_two_things(Bug bug) {
    return [=, sharing = sharing_now](Execution& run) {
        World& world = make_world(run, bug, sharing, 3, 2);
        world.run_for_long(world.tasks[1]);
        drive(run, world, 1);
        run.thread("owner", [&world] {
            world.workers[1].have_event(world.tasks[1]);
            world.workers[0].push_to_ring(world.tasks[0]);
            world.scheduler.all_ran.await();
        });
    };
}

/// A worker looks for the last time, and somebody mails it a task that runs for long.
Scenario mailed_at_the_last_look(Bug bug) {
    return [=, sharing = sharing_now](Execution& run) {
        World& world = make_world(run, bug, sharing, 3, 2);
        world.run_for_long(world.tasks[1]);
        drive(run, world, 1);
        run.thread("owner", [&world] {
            world.workers[0].push_to_ring(world.tasks[0]);
            world.workers[1].push_pinned(world.tasks[1]);
            world.scheduler.all_ran.await();
        });
    };
}

/// A worker was chosen in vain and goes to nap; it gets work of its own, which takes long, before
/// the nap is over. Another worker sleeps.
Scenario nap_from_a_search(Bug bug) {
    return [=, sharing = sharing_now](Execution& run) {
        World& world = make_world(run, bug, sharing, 3, 2);
        world.run_for_long(world.tasks[1]);
        world.workers[1].begin_as_chosen();
        drive(run, world, 1);
        run.thread("owner", [&world] {
            world.workers[0].push_to_ring(world.tasks[0]);
            world.workers[1].have_event(world.tasks[1]);
            world.scheduler.all_ran.await();
        });
    };
}

/// Two tasks lie in the inbox, both run for long, and a worker may take both.
Scenario two_in_the_inbox(Bug bug) {
    return [=, sharing = sharing_now](Execution& run) {
        World& world = make_world(run, bug, sharing, 2, 2);
        for (std::size_t i = 0; i < 2; ++i) {
            world.run_for_long(world.tasks[i]);
            world.scheduler.submit_from_outside(world.tasks[i]);
        }
        drive(run, world, 0);
    };
}

/// Two tasks come, both run for long, and a worker that was not to search may take both.
Scenario two_to_come(Bug bug) {
    return [=, sharing = sharing_now](Execution& run) {
        World& world = make_world(run, bug, sharing, 2, 2);
        for (ModelTask& task : world.tasks) {
            world.run_for_long(task);
        }
        drive(run, world, 0);
        run.thread("submitter", [&world] {
            world.scheduler.submit_from_outside(world.tasks[0]);
            world.scheduler.submit_from_outside(world.tasks[1]);
        });
    };
}

/// A task lies in the inbox, and a worker that may take it has another to run for long.
Scenario one_in_the_inbox_of_a_busy_one(Bug bug) {
    return [=, sharing = sharing_now](Execution& run) {
        World& world = make_world(run, bug, sharing, 2, 2);
        world.run_for_long(world.tasks[0]);
        world.workers[0].push_pinned(world.tasks[0]);
        world.scheduler.submit_from_outside(world.tasks[1]);
        drive(run, world, 0);
    };
}

/// One task lies in the inbox and runs for long; another comes.
Scenario one_in_the_inbox_one_to_come(Bug bug) {
    return [=, sharing = sharing_now](Execution& run) {
        World& world = make_world(run, bug, sharing, 2, 2);
        for (std::size_t i = 0; i < 2; ++i) {
            world.run_for_long(world.tasks[i]);
        }
        world.scheduler.submit_from_outside(world.tasks[0]);
        drive(run, world, 0);
        run.thread("submitter", [&world] { world.scheduler.submit_from_outside(world.tasks[1]); });
    };
}

Scenario stop(Bug bug) {
    return [=, sharing = sharing_now](Execution& run) {
        World& world = make_world(run, bug, sharing, 1, 0);
        run.thread("worker 0", [&world] {
            world.workers[0].drive();
            require(world.reason == 1, "why it was stopped is known after");
        });
        run.thread("stopper", [&world] {
            world.reason = 1;
            world.workers[0].stop();
        });
    };
}

constexpr Limits kTwo{.preemptions = 2, .stale_reads = 2};
constexpr Limits kTwoOne{.preemptions = 2, .stale_reads = 1};
constexpr Limits kOne{.preemptions = 1, .stale_reads = 1};
constexpr Limits kThreeInOrder{.preemptions = 3, .stale_reads = 0};
constexpr Limits kFourInOrder{.preemptions = 4, .stale_reads = 0};

class Sleep : public testing::TestWithParam<Sharing> {
public:
    Sleep() { sharing_now = GetParam(); }
    Sleep(const Sleep&) = delete;
    Sleep& operator=(const Sleep&) = delete;
    ~Sleep() override { sharing_now = Sharing::Barriers; }
};

INSTANTIATE_TEST_SUITE_P(
    Each,
    Sleep,
    testing::Values(Sharing::Barriers, Sharing::Rmws),
    [](const auto& each) { return each.param == Sharing::Barriers ? "barriers" : "rmws"; }
);

TEST_P(Sleep, OneFromOutside) {
    expect_holds(outside(Bug::None, 1, 1));
}
TEST_P(Sleep, OneFromOutsideTwoWorkers) {
    expect_holds(outside(Bug::None, 1, 2), kTwoOne);
}
TEST_P(Sleep, TwoFromOutside) {
    expect_holds(outside(Bug::None, 2, 1), kTwo);
}
TEST_P(Sleep, TwoFromOutsideTwoWorkers) {
    expect_holds(outside(Bug::None, 2, 2), kOne);
}
TEST_P(Sleep, TheInboxFalselySaysEmpty) {
    expect_holds(outside(Bug::None, 1, 1, true));
}
TEST_P(Sleep, BusyOwnerRing) {
    expect_holds(busy_owner(Bug::None, 1, 2, false));
}
TEST_P(Sleep, BusyOwnerSlot) {
    expect_holds(busy_owner(Bug::None, 1, 2, true));
}
TEST_P(Sleep, BusyOwnerTwoSleepers) {
    expect_holds(busy_owner(Bug::None, 1, 3, false), kOne);
}
TEST_P(Sleep, TheSearchIsHandedOn) {
    expect_holds(busy_owner(Bug::None, 2, 3, false), kOne);
}
TEST_P(Sleep, TheFirstOnesThatThereEverWere) {
    expect_holds(first_ones(Bug::None), kTwoOne);
}
TEST_P(Sleep, WokenForTwoThings) {
    expect_holds(woken_for_two_things(Bug::None), kOne);
}
TEST_P(Sleep, MailedAtTheLastLook) {
    expect_holds(mailed_at_the_last_look(Bug::None), kOne);
}
TEST_P(Sleep, NapFromASearch) {
    expect_holds(nap_from_a_search(Bug::None), kOne);
}
TEST_P(Sleep, TwoInTheInbox) {
    expect_holds(two_in_the_inbox(Bug::None), kTwo);
}
TEST_P(Sleep, TwoToCome) {
    expect_holds(two_to_come(Bug::None), kOne);
}
TEST_P(Sleep, OneInTheInboxOneToCome) {
    expect_holds(one_in_the_inbox_one_to_come(Bug::None), kTwoOne);
}
TEST_P(Sleep, OneInTheInboxOfABusyOne) {
    expect_holds(one_in_the_inbox_of_a_busy_one(Bug::None), kTwo);
}
TEST_P(Sleep, Stop) {
    expect_holds(stop(Bug::None));
}

// Each bug is found, by the scenario that is made for it.
constexpr const char* kLying = "no task is left lying";

TEST(SleepMutant, NoLastLook) {
    expect_found(outside(Bug::NoLastLook, 1, 1), kLying);
}
TEST(SleepMutant, SeenWithoutBarrier) {
    expect_found(first_ones(Bug::SeenWithoutBarrier), "nobody will wake", kTwo);
}
TEST(SleepMutant, NoHeavyBarrier) {
    expect_found(busy_owner(Bug::NoHeavyBarrier, 1, 2, false), "nobody will wake");
    expect_found(busy_owner(Bug::NoHeavyBarrier, 1, 2, true), "nobody will wake");
}
TEST(SleepMutant, BarrierOfNobody) {
    expect_found(busy_owner(Bug::BarrierOfNobody, 1, 2, false), "nobody will wake");
}
TEST(SleepMutant, LookBeforeAnnounce) {
    expect_found(outside(Bug::LookBeforeAnnounce, 1, 1), kLying);
}
TEST(SleepMutant, RetractUnchecked) {
    expect_found(outside(Bug::RetractUnchecked, 2, 1), kLying);
}
TEST(SleepMutant, FindInSilence) {
    expect_found(busy_owner(Bug::FindInSilence, 2, 3, false), "nobody will wake");
}
TEST(SleepMutant, ChooseInSilence) {
    expect_found(outside(Bug::ChooseInSilence, 2, 1), kLying, kFourInOrder);
}
TEST(SleepMutant, RunWhileSearching) {
    expect_found(woken_for_two_things(Bug::RunWhileSearching), "nobody will wake");
}
TEST(SleepMutant, InboxInSilence) {
    expect_found(two_to_come(Bug::InboxInSilence), kLying, kThreeInOrder);
}
TEST(SleepMutant, BusyInSilence) {
    expect_found(one_in_the_inbox_of_a_busy_one(Bug::BusyInSilence), kLying, kTwo);
}
TEST(SleepMutant, SeeInSilence) {
    expect_found(mailed_at_the_last_look(Bug::SeeInSilence), "nobody will wake", kOne);
}
TEST(SleepMutant, NapInSilence) {
    expect_found(nap_from_a_search(Bug::NapInSilence), "nobody will wake", kOne);
}
TEST(SleepMutant, StopOnlyTells) {
    expect_found(stop(Bug::StopOnlyTells), "worker 0");
}
TEST(SleepMutant, StopWithoutWord) {
    expect_found(stop(Bug::StopWithoutWord), "worker 0");
}

TEST(SleepMutant, TheCountIsNotWrittenByOneThatDoesNotSearch) {
    expect_found(
        one_in_the_inbox_one_to_come(Bug::None),
        {"idle.hpp", "announce", Mutation::Change::LoadOnly, "fetch_sub"},
        kLying,
        kTwo
    );
}

}  // namespace
}  // namespace weft::model
