#include "model/wait_model.hpp"

#include <gtest/gtest.h>

#include <string>

#include "model/expect.hpp"

// Goal: who waits in a primitive is let go on exactly once, by a grant or by its cancellation; what is
// handed over is never lost; and what was done before a grant is seen by who has it.

namespace weft::model {
namespace {

constexpr std::array kWaiters{"waiter 0", "waiter 1", "waiter 2"};
constexpr std::array kSetters{"setter 0", "setter 1"};
constexpr std::array kCancellers{"canceller 0", "canceller 1"};
constexpr Limits kTwo{.preemptions = 2, .stale_reads = 2};

// ---- SpinLock

Scenario spin(int actors, int rounds, bool early) {
    struct State {
        ModelSpinLock lock;
        Plain<int> count{0};
    };
    return [=](Execution& run) {
        auto& state = run.make<State>("lock");
        for (std::size_t i = 0; i < static_cast<std::size_t>(actors); ++i) {
            run.thread(kWaiters[i], [&state, rounds, early] {
                for (int round = 0; round < rounds; ++round) {
                    state.lock.lock();
                    if (early) {
                        state.lock.unlock();
                    }
                    state.count = state.count + 1;
                    if (!early) {
                        state.lock.unlock();
                    }
                }
            });
        }
        run.at_end([&state, actors, rounds] {
            require(state.count == actors * rounds, "one at a time");
        });
    };
}

TEST(SpinLockModel, TwoOnce) {
    expect_holds(spin(2, 1, false));
}
TEST(SpinLockModel, TwoTwice) {
    expect_holds(spin(2, 2, false));
}
TEST(SpinLockModel, ThreeOnce) {
    expect_holds(spin(3, 1, false));
}
TEST(SpinLockModelMutant, UnlocksEarly) {
    expect_found(spin(2, 1, true), "data race");
}
TEST(SpinLockModelMutant, LockInTwoSteps) {
    expect_found(spin(2, 1, false), {"wait_model.hpp", "lock", Mutation::Change::Split}, "");
}

// ---- the queue: a grant against a cancellation

struct Hall {
    explicit Hall(WaitBug bug) : queue(bug) {}
    ModelWaitQueue queue;
    std::array<ModelSleeper, 3> tasks;
    std::array<ModelNode, 3> nodes;
    std::array<ModelWaitQueue::Outcome, 3> outcomes;
    std::array<ModelWoken, kMostThreads> woken;
    Plain<int> gift{0};  // with the lock
    int grants = 0;      // that won somebody
    int ended = 0;
};

/// Wakers that come once; daemons wait, as there may be nobody to wake them.
Scenario queue(WaitBug bug, int waiters, int wakers, int cancellers) {
    return [=](Execution& run) {
        auto& hall = run.make<Hall>("hall", bug);
        for (std::size_t i = 0; i < static_cast<std::size_t>(waiters); ++i) {
            run.daemon(kWaiters[i], [&hall, i] {
                hall.queue.lock();
                hall.outcomes[i] = hall.queue.wait(hall.tasks[i], hall.nodes[i]);
                ++hall.ended;
            });
        }
        for (std::size_t i = 0; i < static_cast<std::size_t>(wakers); ++i) {
            run.thread(kSetters[i], [&hall] {
                ModelWoken& woken = hall.woken[static_cast<std::size_t>(self())];
                hall.queue.lock();
                hall.grants += hall.queue.wake_one(woken) ? 1 : 0;
                hall.queue.unlock();
                submit_all(woken);
            });
        }
        for (std::size_t i = 0; i < static_cast<std::size_t>(cancellers); ++i) {
            run.thread(kCancellers[i], [&hall, i] { hall.tasks[i].cancel(); });
        }
        run.at_end([&hall, waiters, cancellers] {
            int granted = 0;
            int cancelled = 0;
            for (const ModelWaitQueue::Outcome& one : hall.outcomes) {
                granted += one.granted ? 1 : 0;
                cancelled += one.cancelled ? 1 : 0;
            }
            require(granted == hall.grants, "who was granted to has it");
            for (std::size_t i = 0; i < static_cast<std::size_t>(cancellers); ++i) {
                require(
                    hall.outcomes[i].cancelled || hall.outcomes[i].granted,
                    "who was cancelled goes on"
                );
            }
            require(
                hall.ended < waiters || hall.queue.empty(), "nobody is queued who does not wait"
            );
            require(cancelled <= cancellers, "who was not cancelled is not");
        });
    };
}

TEST(WaitQueueModel, AGrant) {
    expect_holds(queue(WaitBug::None, 1, 1, 0));
}
TEST(WaitQueueModel, ACancel) {
    expect_holds(queue(WaitBug::None, 1, 0, 1));
}
TEST(WaitQueueModel, AGrantAgainstACancel) {
    expect_holds(queue(WaitBug::None, 1, 1, 1));
}
TEST(WaitQueueModel, TwoWaitersOneGrant) {
    expect_holds(queue(WaitBug::None, 2, 1, 0));
}
TEST(WaitQueueModel, TwoGrants) {
    expect_holds(queue(WaitBug::None, 1, 2, 0));
}
TEST(WaitQueueModel, TwoWaitersOneCancel) {
    expect_holds(queue(WaitBug::None, 2, 0, 1));
}
TEST(WaitQueueModel, TwoWaitersAGrantAgainstACancel) {
    expect_holds(queue(WaitBug::None, 2, 1, 1), kTwo);
}
TEST(WaitQueueModelMutant, WakeWithoutClaim) {
    expect_found(queue(WaitBug::WakeWithoutClaim, 1, 1, 1), "");
}
TEST(WaitQueueModelMutant, StaysLinked) {
    expect_found(queue(WaitBug::StaysLinked, 1, 1, 1), "");
}
TEST(WaitQueueModelMutant, UnlinkWithoutLock) {
    expect_found(queue(WaitBug::UnlinkWithoutLock, 2, 0, 1), "data race", kTwo);
}
TEST(WaitQueueModelMutant, MarkIsForgotten) {
    expect_found(queue(WaitBug::MarkIsForgotten, 1, 0, 1), "who was cancelled goes on");
}

// ---- Event

struct EventState {
    explicit EventState(WaitBug bug) : event(bug) {}
    ModelEvent event;
    std::array<ModelSleeper, 3> tasks;
    std::array<ModelNode, 3> nodes;
    Plain<int> news{0};    // what was done before set()
    Plain<int> memory{1};  // of the event
    std::array<int, 3> ended{0, 0, 0};
};

/// Each waiter is cancelled, or sees the flag. `last` frees the event: whoever has set it must be
/// done with it.
Scenario event(WaitBug bug, int waiters, int setters, int cancellers) {
    return [=](Execution& run) {
        auto& state = run.make<EventState>("event", bug);
        for (std::size_t i = 0; i < static_cast<std::size_t>(waiters); ++i) {
            run.thread(kWaiters[i], [&state, i] {
                if (state.event.wait(state.tasks[i], state.nodes[i])) {
                    require(state.news == 1, "what came before set() is seen");
                    state.ended[i] = 1;
                } else {
                    state.ended[i] = 2;
                }
            });
        }
        for (std::size_t i = 0; i < static_cast<std::size_t>(setters); ++i) {
            run.thread(kSetters[i], [&state, i] {
                if (i == 0) {
                    state.news = 1;
                } else if (!state.event.is_set()) {
                    return;  // it sets what is set already
                }
                state.event.set();
            });
        }
        for (std::size_t i = 0; i < static_cast<std::size_t>(cancellers); ++i) {
            run.thread(kCancellers[i], [&state, i] { state.tasks[i].cancel(); });
        }
        run.at_end([&state, waiters, cancellers] {
            for (std::size_t i = 0; i < static_cast<std::size_t>(waiters); ++i) {
                const bool may_be_cancelled = i < static_cast<std::size_t>(cancellers);
                require(
                    state.ended[i] == 1 || (may_be_cancelled && state.ended[i] == 2),
                    "who waits for it goes on"
                );
            }
        });
    };
}

/// The one who passes wait() without having slept destroys the event.
Scenario event_goes(WaitBug bug) {
    return [=](Execution& run) {
        auto& state = run.make<EventState>("event", bug);
        run.thread("setter", [&state, bug] {
            state.event.set();
            if (bug == WaitBug::SetBeforeWake) {
                static_cast<void>(static_cast<int>(state.memory));  // it was in the queue just now
            }
        });
        run.thread("owner", [&state] {
            while (!state.event.is_set()) {
                pass();
            }
            state.memory = 0;
        });
    };
}

TEST(EventModel, OneWaiter) {
    expect_holds(event(WaitBug::None, 1, 1, 0));
}
TEST(EventModel, OneWaiterTwoSetters) {
    expect_holds(event(WaitBug::None, 1, 2, 0));
}
TEST(EventModel, SetAgainstCancel) {
    expect_holds(event(WaitBug::None, 1, 1, 1));
}
TEST(EventModel, TwoWaiters) {
    expect_holds(event(WaitBug::None, 2, 1, 0), kTwo);
}
TEST(EventModel, TwoWaitersSetAgainstCancel) {
    expect_holds(event(WaitBug::None, 2, 1, 1), {.preemptions = 2, .stale_reads = 1});
}
TEST(EventModel, WhoPassesMayDestroyIt) {
    expect_holds(event_goes(WaitBug::None));
}
TEST(EventModelMutant, SetBeforeWake) {
    expect_found(event_goes(WaitBug::SetBeforeWake), "data race");
}
TEST(EventModelMutant, SleepsUnannounced) {
    expect_found(event(WaitBug::SleepsUnannounced, 1, 1, 0), "sleeps");
}
TEST(EventModelMutant, OpenAfterUnlock) {
    expect_found(event(WaitBug::OpenAfterUnlock, 1, 1, 0), "");
}
TEST(EventModelMutant, SetWithoutRelease) {
    expect_found(
        event(WaitBug::None, 1, 1, 0),
        {"wait_model.hpp", "try_set", Mutation::Change::NoRelease},
        "data race"
    );
}

// ---- Semaphore

struct SemaphoreState {
    SemaphoreState(int value, WaitBug bug) : semaphore(value, bug) {}
    ModelSemaphore semaphore;
    std::array<ModelSleeper, 3> tasks;
    std::array<ModelNode, 3> nodes;
    std::array<Plain<int>, 2> work{0, 0};  // by who releases
    std::array<bool, 3> has{false, false, false};
};

/// Waiters that keep what they get; releasers with `each` permits.
Scenario semaphore(WaitBug bug, int waiters, int releasers, int each, int cancellers) {
    return [=](Execution& run) {
        auto& state = run.make<SemaphoreState>("semaphore", 0, bug);
        for (std::size_t i = 0; i < static_cast<std::size_t>(waiters); ++i) {
            run.thread(kWaiters[i], [&state, i, releasers] {
                state.has[i] = state.semaphore.acquire(state.tasks[i], state.nodes[i]);
                if (state.has[i] && releasers == 1) {
                    require(state.work[0] == 1, "what came before release() is seen");
                }
            });
        }
        for (std::size_t i = 0; i < static_cast<std::size_t>(releasers); ++i) {
            run.thread(kSetters[i], [&state, i, each] {
                state.work[i] = 1;
                state.semaphore.release(each);
            });
        }
        for (std::size_t i = 0; i < static_cast<std::size_t>(cancellers); ++i) {
            run.thread(kCancellers[i], [&state, i] { state.tasks[i].cancel(); });
        }
        run.at_end([&state, releasers, each] {
            int permits = state.semaphore.value();
            for (const bool has : state.has) {
                permits += has ? 1 : 0;
            }
            require(permits == releasers * each, "no permit is lost, none is made");
        });
    };
}

/// A lock: whoever has the one permit is alone.
Scenario lock(int tasks) {
    return [=](Execution& run) {
        auto& state = run.make<SemaphoreState>("lock", 1, WaitBug::None);
        for (std::size_t i = 0; i < static_cast<std::size_t>(tasks); ++i) {
            run.thread(kWaiters[i], [&state, i] {
                require(state.semaphore.acquire(state.tasks[i], state.nodes[i]), "nobody cancels");
                state.work[0] = state.work[0] + 1;
                state.semaphore.release(1);
            });
        }
        run.at_end([&state, tasks] { require(state.work[0] == tasks, "one at a time"); });
    };
}

TEST(SemaphoreModel, OneWaiter) {
    expect_holds(semaphore(WaitBug::None, 1, 1, 1, 0));
}
TEST(SemaphoreModel, OneWaiterTwoPermits) {
    expect_holds(semaphore(WaitBug::None, 1, 1, 2, 0));
}
TEST(SemaphoreModel, OneWaiterTwoReleasers) {
    expect_holds(semaphore(WaitBug::None, 1, 2, 1, 0));
}
TEST(SemaphoreModel, ReleaseAgainstCancel) {
    expect_holds(semaphore(WaitBug::None, 1, 1, 1, 1));
}
TEST(SemaphoreModel, TwoWaitersTwoPermits) {
    expect_holds(semaphore(WaitBug::None, 2, 1, 2, 0), kTwo);
}
TEST(SemaphoreModel, TwoWaitersReleaseAgainstCancel) {
    expect_holds(semaphore(WaitBug::None, 2, 1, 2, 1), {.preemptions = 1, .stale_reads = 1});
}
TEST(SemaphoreModel, AsALock) {
    expect_holds(lock(2));
}
TEST(SemaphoreModel, AsALockOfThree) {
    expect_holds(lock(3), {.preemptions = 1, .stale_reads = 1});
}
TEST(SemaphoreModelMutant, KeepsThePermitOfACancelledOne) {
    expect_found(semaphore(WaitBug::KeepsPermit, 1, 1, 1, 1), "no permit is lost");
}
TEST(SemaphoreModelMutant, LosesTheSecondPermit) {
    expect_found(semaphore(WaitBug::LostPermit, 1, 1, 2, 0), "no permit is lost");
}
TEST(SemaphoreModelMutant, ReleaseWithoutRelease) {
    expect_found(
        semaphore(WaitBug::None, 1, 1, 1, 0),
        {"wait_model.hpp", "try_release", Mutation::Change::NoRelease},
        "data race"
    );
}

}  // namespace
}  // namespace weft::model
