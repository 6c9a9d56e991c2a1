#include <atomic>
#include <chrono>
#include <cstddef>
#include <mutex>
#include <string>
#include <weft/barrier.hpp>
#include <weft/condition.hpp>
#include <weft/event.hpp>
#include <weft/lock.hpp>
#include <weft/semaphore.hpp>
#include <weft/sleep.hpp>
#include <weft/task.hpp>
#include <weft/timeout.hpp>

#include "allocation_crew.hpp"
#include "allocation_scenario.hpp"

namespace weft::test {
namespace {

using std::chrono::hours;
using std::chrono::microseconds;

constexpr int kMembers = 4;
constexpr int kTurns = 4;

/// Asks for memory twice, with a suspension in between.
void do_something() {
    const std::string before = "memory that is asked for before" + std::to_string(1);
    yield();
    const std::string after = "memory that is asked for after" + std::to_string(2);
}

void add_member(Crew& crew, int place, auto function) {
    place % 2 == 0 ? crew.create(std::move(function)) : crew.spawn(std::move(function));
}

void take_a_lock(Trial& trial) {
    Lock lock;
    int inside = 0;
    Crew crew;
    trial.act([&] {
        for (int i = 0; i < kMembers; ++i) {
            add_member(crew, i, [&] {
                for (int round = 0; round < kTurns; ++round) {
                    const std::scoped_lock guard(lock);
                    if (++inside != 1) {
                        Trial::note("two have the lock", {});
                    }
                    struct Leave {
                        int& count;
                        ~Leave() { --count; }
                    } leave{inside};
                    do_something();
                }
            });
        }
        crew.join();
    });
    trial.expect(lock.try_lock(), "the lock is held");
}

void cancel_at_a_lock(Trial& trial) {
    Lock lock;
    Crew crew;
    trial.act([&] {
        for (int i = 0; i < kMembers; ++i) {
            add_member(crew, i, [&] {
                for (int round = 0; round < kTurns; ++round) {
                    const bool had = move_on_after(microseconds(30), [&] {
                        const std::scoped_lock guard(lock);
                        do_something();
                    });
                    if (!had) {
                        const std::string late = "memory for who came too late for the lock";
                    }
                }
            });
        }
        crew.join();
    });
    trial.expect(lock.try_lock(), "the lock is held");
}

void wait_for_an_event(Trial& trial) {
    Event begin;
    std::atomic<int> passed{0};
    Crew crew;
    trial.act([&] {
        for (int i = 0; i < 2 * kMembers; ++i) {
            add_member(crew, i, [&] {
                begin.wait();
                passed.fetch_add(1);
                do_something();
            });
        }
        yield();
        begin.set();
        crew.join();
    });
    trial.expect(trial.failed() || passed == 2 * kMembers, "one did not see the event");
}

void give_up_an_event(Trial& trial) {
    Event never;
    int late = 0;
    trial.act([&] {
        for (int i = 0; i < 2 * kTurns; ++i) {
            late += move_on_after(microseconds(20), [&] { never.wait(); }) ? 0 : 1;
            do_something();
        }
    });
    trial.expect(trial.failed() || late == 2 * kTurns, "wait() ended without the event");
}

void notify_a_condition(Trial& trial) {
    Condition changed;
    int items = 0;
    int taken = 0;
    int given = 0;
    Crew crew;
    trial.act([&] {
        for (int i = 0; i < kMembers; ++i) {
            add_member(crew, i, [&] {
                for (int round = 0; round < kTurns; ++round) {
                    const std::unique_lock lock(changed);
                    changed.wait_for([&] { return items > 0; });
                    --items;
                    ++taken;
                    do_something();
                }
            });
            add_member(crew, i + 1, [&] {
                for (int round = 0; round < kTurns; ++round) {
                    const std::unique_lock lock(changed);
                    ++items;
                    ++given;
                    changed.notify();
                    do_something();
                }
            });
        }
        crew.join();
    });
    trial.expect(given == taken + items, "an item is lost");
    trial.expect(changed.try_lock(), "the lock is held");
}

void give_up_a_condition(Trial& trial) {
    Condition never;
    trial.act([&] {
        for (int i = 0; i < 2 * kTurns; ++i) {
            const std::unique_lock lock(never);
            if (move_on_after(microseconds(20), [&] { never.wait(); })) {
                do_something();
            }
            if (!never.locked()) {
                Trial::note("wait() returned without the lock", {});
            }
        }
    });
    trial.expect(never.try_lock(), "the lock is held");
}

template <class Kind>
void share_permits(Trial& trial) {
    constexpr std::ptrdiff_t kPermits = 2;
    Kind semaphore(kPermits);
    Crew crew;
    trial.act([&] {
        for (int i = 0; i < kMembers; ++i) {
            add_member(crew, i, [&] {
                for (int round = 0; round < kTurns; ++round) {
                    const std::scoped_lock permit(semaphore);
                    do_something();
                }
            });
        }
        crew.join();
    });
    trial.expect(semaphore.value() == kPermits, "a permit is lost");
}

void cancel_at_a_semaphore(Trial& trial) {
    Semaphore semaphore(1);
    Crew crew;
    trial.act([&] {
        for (int i = 0; i < kMembers; ++i) {
            add_member(crew, i, [&] {
                for (int round = 0; round < kTurns; ++round) {
                    move_on_after(microseconds(30), [&] {
                        const std::scoped_lock permit(semaphore);
                        do_something();
                    });
                }
            });
        }
        yield();
        crew[1].cancel("message of a cancellation that is long");
        crew.join();
    });
    trial.expect(semaphore.value() == 1, "a permit is lost");
}

void meet_at_a_barrier(Trial& trial) {
    Barrier barrier(kMembers);
    std::atomic<int> passed{0};
    Crew crew;
    trial.act([&] {
        for (int i = 0; i < kMembers; ++i) {
            add_member(crew, i, [&] {
                for (int round = 0; round < kTurns; ++round) {
                    do_something();
                    barrier.wait();
                    passed.fetch_add(1);
                }
            });
        }
        crew.join();
    });
    trial.expect(trial.failed() || passed == kMembers * kTurns, "one did not pass");
    trial.expect(barrier.n_waiting() == 0, "one is still counted");
}

void break_a_barrier(Trial& trial) {
    Barrier barrier(kMembers + 1);
    Crew crew;
    trial.act([&] {
        for (int round = 0; round < kTurns; ++round) {
            for (int i = 0; i < kMembers; ++i) {
                add_member(crew, i, [&] {
                    try {
                        barrier.wait();
                        Trial::note("the barrier let somebody through", {});
                    } catch (const BrokenBarrierError&) {
                    }
                });
            }
            yield();
            yield();
            round % 2 == 0 ? barrier.abort() : barrier.reset();
            if (round % 2 != 0) {
                barrier.abort();  // for who had not come yet
            }
            crew.join();
            barrier.reset();
        }
    });
    trial.expect(barrier.n_waiting() == 0, "one is still counted");
}

}  // namespace

Scenarios sync_scenarios() {
    return {
        {"lock", &take_a_lock},
        {"lock_cancel", &cancel_at_a_lock},
        {"event", &wait_for_an_event},
        {"event_timeout", &give_up_an_event},
        {"condition", &notify_a_condition},
        {"condition_timeout", &give_up_a_condition},
        {"semaphore", &share_permits<Semaphore>},
        {"bounded_semaphore", &share_permits<BoundedSemaphore>},
        {"semaphore_cancel", &cancel_at_a_semaphore},
        {"barrier", &meet_at_a_barrier},
        {"barrier_broken", &break_a_barrier},
    };
}

}  // namespace weft::test
