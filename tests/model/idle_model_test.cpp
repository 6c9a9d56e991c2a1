#include <gtest/gtest.h>

#include <array>
#include <utility>

#include "base/atomic.hpp"
#include "model/expect.hpp"
#include "sched/idle.hpp"

// The real Idle, with next to nothing around it: a queue that is only a count, workers that look into it,
// announce themselves, look again and sleep (runtime/sched/worker_idle.cpp), and threads outside that
// bring one element each. So more preemptions can be tried than with the whole of a worker.

namespace weft::model {
namespace {

using rt::acq_rel;
using rt::relaxed;
using TestIdle = rt::Idle<Atomic, 1>;

enum class IdleBug { None, NoSecondLook, RetractUnchecked, NobodyFollows };

struct IdleRoom {
    explicit IdleRoom(IdleBug planted, int count) : bug(planted), workers(count) {}

    const IdleBug bug;
    const int workers;
    TestIdle idle;
    Atomic<int> queue{0};
    std::array<Signal, 2> bells;
    int taken = 0;

    void notify() {
        while (idle.anybody() && !idle.somebody_searches()) {
            if (wake_one() != TestIdle::Choice::Again || bug == IdleBug::NobodyFollows) {
                return;
            }
        }
    }
    TestIdle::Choice wake_one() {
        for (int worker = 0; worker < workers; ++worker) {
            const TestIdle::Choice choice = idle.choose(worker);
            if (choice == TestIdle::Choice::Chosen) {
                bells[static_cast<std::size_t>(worker)].raise();
            }
            if (choice != TestIdle::Choice::Awake) {
                return choice;
            }
        }
        return TestIdle::Choice::Awake;
    }
    void submit() {
        queue.fetch_add(1, acq_rel);
        notify();
    }
    bool take() {
        int count = queue.load(relaxed);
        while (count > 0) {
            if (queue.compare_exchange_weak(count, count - 1, acq_rel, relaxed)) {
                return true;
            }
        }
        return false;
    }
    void work(int worker) {
        bool searching = false;
        for (;;) {
            if (take()) {
                ++taken;
                if (std::exchange(searching, false) && idle.end_search() &&
                    bug != IdleBug::NobodyFollows) {
                    notify();
                }
                continue;
            }
            idle.announce(worker, std::exchange(searching, false));
            const bool seen = bug != IdleBug::NoSecondLook && queue.fetch_add(0, acq_rel) > 0;
            if (!seen) {
                bells[static_cast<std::size_t>(worker)].await();
            }
            if (!idle.retract(worker)) {
                searching = bug != IdleBug::RetractUnchecked;
            } else if (seen) {
                idle.begin_search_anyway();
                searching = true;
            }
        }
    }
};

Scenario room(IdleBug bug, int submitters, int workers) {
    return [=](Execution& run) {
        auto& room = run.make<IdleRoom>("room", bug, workers);
        static constexpr std::array kWorkers{"worker 0", "worker 1"};
        static constexpr std::array kSubmitters{"submitter 0", "submitter 1", "submitter 2"};
        for (int i = 0; i < workers; ++i) {
            run.daemon(kWorkers[static_cast<std::size_t>(i)], [&room, i] { room.work(i); });
        }
        for (std::size_t i = 0; i < static_cast<std::size_t>(submitters); ++i) {
            run.thread(kSubmitters[i], [&room] { room.submit(); });
        }
        run.at_end([&room, submitters] {
            require(room.taken == submitters, "nothing is left lying");
            require(!room.idle.somebody_searches(), "who sleeps does not count as searching");
        });
    };
}

/// Who finds itself chosen counts as searching: the one who counted it comes first, or the count could
/// be lowered before it was raised. The checker keeps the order of stores to different words, so it is
/// shown by what the chooser wrote before.
Scenario chosen(int choosers) {
    struct State {
        TestIdle idle;
        std::array<Plain<int>, 2> raised{0, 0};
        int chosen = 0;
    };
    return [=](Execution& run) {
        auto& state = run.make<State>("state");
        static constexpr std::array kChoosers{"chooser 0", "chooser 1"};
        run.thread("sleeper", [&state, choosers] {
            for (int i = 0; i < choosers; ++i) {
                state.idle.announce(0, false);
                if (!state.idle.retract(0)) {
                    require(choosers > 1 || state.raised[0] == 1, "the chooser has raised it");
                    static_cast<void>(state.idle.end_search());
                }
            }
        });
        for (std::size_t i = 0; i < static_cast<std::size_t>(choosers); ++i) {
            run.thread(kChoosers[i], [&state, i] {
                state.raised[i] = 1;
                static_cast<void>(state.idle.choose(0));
            });
        }
        run.at_end([&state] {
            require(!state.idle.somebody_searches(), "who was counted is counted out again");
        });
    };
}

constexpr Limits kFourOne{.preemptions = 4, .stale_reads = 1};
constexpr Limits kTwo{.preemptions = 2, .stale_reads = 2};

TEST(IdleRoom, OneAndOne) {
    expect_holds(room(IdleBug::None, 1, 1));
}
TEST(IdleRoom, TwoSubmitters) {
    expect_holds(room(IdleBug::None, 2, 1), kFourOne);
}
TEST(IdleRoom, TwoWorkers) {
    expect_holds(room(IdleBug::None, 1, 2));
}
TEST(IdleRoom, TwoAndTwo) {
    expect_holds(room(IdleBug::None, 2, 2), {.preemptions = 2, .stale_reads = 1});
}
TEST(IdleRoom, ThreeSubmitters) {
    expect_holds(room(IdleBug::None, 3, 1), kTwo);
}
TEST(IdleChosen, OneChooser) {
    expect_holds(chosen(1));
}
TEST(IdleChosen, TwoChoosers) {
    expect_holds(chosen(2));
}

TEST(IdleRoomMutant, NoSecondLook) {
    expect_found(room(IdleBug::NoSecondLook, 1, 1), "left lying");
}
TEST(IdleRoomMutant, RetractUnchecked) {
    expect_found(room(IdleBug::RetractUnchecked, 1, 1), "");
}
TEST(IdleRoomMutant, NobodyFollows) {
    expect_found(room(IdleBug::NobodyFollows, 2, 1), "left lying", kFourOne);
}
TEST(IdleChosenMutant, RetractWithoutOrder) {
    expect_found(chosen(1), {"idle.hpp", "retract", Mutation::Change::NoOrder}, "data race");
}

}  // namespace
}  // namespace weft::model
