#include <gtest/gtest.h>

#include <array>

#include "model/expect.hpp"
#include "task/sleep_word.hpp"

// One sleep, and everybody who may end it: the task is submitted exactly once, and no cancellation
// is lost.

namespace weft::model {
namespace {

using rt::acquire;
using rt::relaxed;
using rt::WakeReason;
using Word = rt::SleepWord<Atomic>;

/// A task: it sleeps once, as park() has it, and whoever wins the sleep submits it.
struct Sleeper {
    Word word;
    Plain<int> context{0};   // written when the stack is left, used by whoever submits
    Plain<int> awaiting{0};  // what it waits for, used by a canceller who forwards
    Handover published;      // the primitive knows of it: the queue's lock is dropped
    int submitted = 0;
    Handover ready;

    void submit() {
        require(context == 1, "the task has left its stack");
        require(++submitted == 1, "a sleep ends once");
        ready.raise();
    }
    /// park_commit. `publish_first` is a bug.
    void commit(Word::Options options, bool publish_first) {
        const std::uint64_t epoch = word.epoch();
        context = 1;
        if (publish_first) {
            published.raise();
        }
        const bool undisturbed = word.open(options);
        if (!undisturbed && options.forwards) {
            if (word.claim(epoch, WakeReason::Retry)) {
                submit();
            }
            return;
        }
        if (!publish_first) {
            published.raise();
        }
        if (!undisturbed && word.claim(epoch, WakeReason::Cancelled)) {
            submit();
        }
    }
    void wake(WakeReason reason) {
        if (word.claim(0, reason)) {
            submit();
        }
    }
};

/// Several wakers, who all found the sleeper where it was published (the lock orders that).
Scenario wakers(int count) {
    return [=](Execution& run) {
        auto& state = run.make<Sleeper>("sleeper");
        run.thread("task", [&state] {
            state.commit({}, false);
            state.ready.await();
        });
        static constexpr std::array kNames{"granter", "deadline", "canceller"};
        static constexpr std::array kReasons{
            WakeReason::Granted, WakeReason::TimedOut, WakeReason::Cancelled};
        for (std::size_t i = 0; i < static_cast<std::size_t>(count); ++i) {
            run.thread(kNames[i], [&state, i] {
                while (!state.published.came()) {
                    pass();
                }
                state.wake(kReasons[i]);
            });
        }
    };
}

/// A cancellation against a sleep that begins, and perhaps a grant: the task learns of it either by
/// the reason of its waking or by the mark.
Scenario cancel(bool granted) {
    return [=](Execution& run) {
        auto& state = run.make<Sleeper>("sleeper");
        run.thread("task", [&state] {
            state.commit({}, false);
            state.ready.await();
            const WakeReason reason = state.word.reason();
            require(
                reason == WakeReason::Cancelled || reason == WakeReason::Granted,
                "it wakes for a reason"
            );
        });
        run.thread("canceller", [&state] {
            if (state.word.request_cancel() == Word::CancelStep::Claimed) {
                state.submit();
            }
        });
        if (granted) {
            run.thread("granter", [&state] {
                state.published.await();
                state.wake(WakeReason::Granted);
            });
        }
        run.at_end([&state] {
            require(state.submitted == 1, "the task goes on");
            require(
                state.word.cancel_marked() || state.word.reason() == WakeReason::Cancelled,
                "the cancellation is not lost"
            );
        });
    };
}

/// A sleep that forwards: the canceller cancels what the task waits for, whose end wakes the task;
/// or that has ended already and leaves a note.
struct Waiter : Sleeper {
    Atomic<int> finished{0};  // of what it waits for: 1 cancelled, 2 done

    void finish(int how) {
        int expected = 0;
        if (finished.compare_exchange_strong(expected, how, rt::acq_rel, relaxed)) {
            wake(WakeReason::Granted);
        }
    }
    bool cancel_other() {
        require(awaiting == 1, "it is known what the task waits for");
        int expected = 0;
        if (!finished.compare_exchange_strong(expected, 1, rt::acq_rel, relaxed)) {
            return false;
        }
        wake(WakeReason::Granted);
        return true;
    }
    void request() { go_on(word.request_cancel()); }
    void go_on(Word::CancelStep step) {
        switch (step) {
            case Word::CancelStep::Marked:
                return;
            case Word::CancelStep::Claimed:
                submit();
                return;
            case Word::CancelStep::Forward: {
                const bool accepted = cancel_other();
                if (word.end_forward(!accepted)) {
                    submit();
                }
                return;
            }
        }
    }
};

Scenario forward(bool finisher, int cancellers) {
    return [=](Execution& run) {
        auto& state = run.make<Waiter>("waiter");
        run.thread("task", [&state] {
            state.awaiting = 1;
            state.commit({.forwards = true}, false);
            // Published: the future may have ended before; then nobody else tells.
            if (state.published.came() && state.finished.load(acquire) != 0) {
                state.wake(WakeReason::Granted);
            }
            state.ready.await();
        });
        static constexpr std::array kNames{"canceller", "canceller 2"};
        for (std::size_t i = 0; i < static_cast<std::size_t>(cancellers); ++i) {
            run.thread(kNames[i], [&state] { state.request(); });
        }
        if (finisher) {
            run.daemon("finisher", [&state] {  // a sleep that is cancelled at once is not published
                state.published.await();
                state.finish(2);
            });
        }
        run.at_end([&state] {
            require(state.submitted == 1, "the task goes on");
            const bool cancelled = state.finished.load(relaxed) == 1;
            require(cancelled || state.word.cancel_marked(), "the cancellation has been handed on");
        });
    };
}

/// Somebody looks at the sleeper meanwhile, holding it still: the cancellation reaches it, or what it
/// waits for, all the same.
Scenario look(Word::Options options, bool granted) {
    return [=](Execution& run) {
        auto& state = run.make<Waiter>("waiter");
        run.thread("task", [&state, options] {
            state.awaiting = 1;
            state.commit(options, false);
            if (options.masked) {
                return;
            }
            state.ready.await();
            // Not where it was published: the future would tell one whose frame is gone.
            require(
                state.word.reason() != WakeReason::Retry || !state.published.came(),
                "it is not let go on before what it waits for has told it"
            );
        });
        run.thread("looker", [&state] {
            if (state.word.try_hold()) {  // it has the task from a list of all
                require(state.context == 1, "the stack that is looked at is complete");
                state.context = 2;  // its frames lie over what the task has saved,
                state.context = 1;  // which is put back
                state.go_on(state.word.end_look());
            }
        });
        run.thread("canceller", [&state] { state.request(); });
        if (granted) {
            run.daemon("granter", [&state] {
                state.published.await();
                state.finish(2);
            });
        }
        run.at_end([&state, options] {
            require(options.masked || state.submitted == 1, "the task goes on");
            const bool reached = state.word.cancel_marked() ||
                                 state.word.reason() == WakeReason::Cancelled ||
                                 (options.forwards && state.finished.load(relaxed) == 1);
            require(reached, "the cancellation is not lost");
        });
    };
}

/// Counting requests beside the word, as TaskState does: an uncancel() takes the mark of its own
/// request away and nobody else's.
Scenario uncancel(bool looks_again) {
    struct State {
        Word word;
        Atomic<std::uint32_t> requests{0};
    };
    return [=](Execution& run) {
        auto& state = run.make<State>("task");
        state.requests.fetch_add(1, relaxed);
        static_cast<void>(state.word.request_cancel());
        run.thread("task", [&state, looks_again] {
            std::uint32_t requests = state.requests.load(relaxed);
            while (requests != 0 &&
                   !state.requests.compare_exchange_weak(requests, requests - 1, relaxed, relaxed)
            ) {
            }
            if (requests <= 1) {
                const bool taken = state.word.take_cancel_mark();
                if (looks_again && taken && state.requests.load(relaxed) != 0) {
                    static_cast<void>(state.word.request_cancel());
                }
            }
        });
        run.thread("canceller", [&state] {
            state.requests.fetch_add(1, relaxed);
            static_cast<void>(state.word.request_cancel());
        });
        run.at_end([&state] {
            require(state.word.cancel_marked(), "the other cancellation is not lost");
        });
    };
}

/// uncancel() of another thread, which has taken the mark of one who came after it. The task sleeps by
/// then: it has to be asked again as anybody asks, or it sleeps on with a mark.
Scenario uncancel_elsewhere(bool only_marks) {
    return [=](Execution& run) {
        auto& state = run.make<Sleeper>("sleeper");
        static_cast<void>(state.word.request_cancel());
        run.thread("task", [&state] {
            state.commit({}, false);
            state.ready.await();
        });
        run.thread("other", [&state, only_marks] {
            const bool taken = state.word.take_cancel_mark();
            if (!taken && only_marks) {
                return;
            }
            if (state.word.request_cancel() == Word::CancelStep::Claimed && !only_marks) {
                state.submit();
            }
        });
        run.at_end([&state] { require(state.submitted == 1, "the task goes on"); });
    };
}

/// What a waker wrote before it woke the task is seen by it, also where somebody held it still and
/// submits it in the waker's place.
Scenario gift(Word::Options options, bool looked) {
    struct State : Waiter {
        Plain<int> gift{0};
    };
    return [=](Execution& run) {
        auto& state = run.make<State>("waiter");
        run.thread("task", [&state, options] {
            state.awaiting = 1;
            state.commit(options, false);
            state.ready.await();
            if (state.word.reason() == WakeReason::TimedOut) {
                require(state.gift == 1, "what the waker did is seen");
            }
        });
        if (looked) {
            run.thread("looker", [&state] {
                if (state.word.try_hold()) {
                    state.go_on(state.word.end_look());
                }
            });
        } else {
            run.thread("canceller", [&state] { state.request(); });
        }
        run.daemon("waker", [&state] {
            state.published.await();
            state.gift = 1;
            state.wake(WakeReason::TimedOut);
        });
    };
}

/// A rescuer finds the deadline of a sleep that may not have begun yet; what it leaves, the loop fires
/// itself. `leaves`: false is a bug. Perhaps somebody looks at the sleeper meanwhile.
Scenario early_deadline(bool leaves, bool looked) {
    struct State : Waiter {
        Handover lock;  // of the deadlines: the rescuer drops it
        Plain<int> left{0};
    };
    return [=](Execution& run) {
        auto& state = run.make<State>("sleeper");
        run.thread("task", [&state] {
            state.commit({}, false);
            state.lock.await();
            if (state.left == 1) {
                state.wake(WakeReason::TimedOut);
            }
            state.ready.await();
            require(state.word.reason() == WakeReason::TimedOut, "its time is over");
        });
        run.thread("rescuer", [&state, leaves] {
            switch (state.word.claim_early(0, WakeReason::TimedOut)) {
                case Word::ClaimStep::Claimed:
                    state.submit();
                    break;
                case Word::ClaimStep::NotAsleep:
                    state.left = leaves ? 1 : 0;
                    break;
                case Word::ClaimStep::Over:
                    break;
            }
            state.lock.raise();
        });
        if (looked) {
            run.thread("looker", [&state] {
                if (state.word.try_hold()) {
                    state.go_on(state.word.end_look());
                }
            });
        }
    };
}

/// A canceller leaves its message before it marks the task: who takes the mark finds it.
Scenario message(bool forwards) {
    struct State : Waiter {
        Plain<int> message{0};
    };
    return [=](Execution& run) {
        auto& state = run.make<State>("waiter");
        run.thread("task", [&state, forwards] {
            if (forwards) {
                state.awaiting = 1;
                state.commit({.forwards = true}, false);
                state.ready.await();
            }
            if (state.word.take_cancel_mark()) {
                require(state.message == 1, "the message of the cancellation is there");
            }
        });
        run.thread("canceller", [&state] {
            state.message = 1;
            const Word::CancelStep step = state.word.request_cancel();
            if (step == Word::CancelStep::Forward) {
                state.message = 0;  // it goes to what it waits for,
                state.message = 1;  // which refuses
                if (state.word.end_forward(true)) {
                    state.submit();
                }
            }
        });
        if (forwards) {
            run.daemon("finisher", [&state] {
                state.published.await();
                state.wake(WakeReason::Granted);
            });
        }
    };
}

/// The same where the task is held still by one who looks at it, and who wakes it for the canceller.
Scenario message_in_a_look() {
    struct State : Sleeper {
        Plain<int> message{0};
    };
    return [](Execution& run) {
        auto& state = run.make<State>("sleeper");
        run.thread("task", [&state] {
            state.commit({}, false);
            state.ready.await();
            require(state.word.reason() == WakeReason::Cancelled, "it is cancelled");
            require(state.message == 1, "the message of the cancellation is there");
        });
        run.thread("looker", [&state] {
            if (state.word.try_hold() && state.word.end_look() == Word::CancelStep::Claimed) {
                state.submit();
            }
        });
        run.thread("canceller", [&state] {
            state.message = 1;
            if (state.word.request_cancel() == Word::CancelStep::Claimed) {
                state.submit();
            }
        });
    };
}

/// A mark is taken back while a canceller holds the task and somebody wakes it: it does not return.
Scenario taken_while_held() {
    struct State {
        Word word;
        bool taken = false;
        bool late = false;  // the canceller found it awake, and marked it itself
    };
    return [](Execution& run) {
        auto& state = run.make<State>("task");
        require(state.word.open({.forwards = true}), "nobody has cancelled");
        require(state.word.request_cancel() == Word::CancelStep::Forward, "it forwards");
        require(!state.word.end_forward(true), "it sleeps on, with a mark");
        run.thread("canceller", [&state] {
            if (state.word.request_cancel() == Word::CancelStep::Forward) {
                static_cast<void>(state.word.end_forward(false));
            } else {
                state.late = true;
            }
        });
        run.thread("waker", [&state] {
            static_cast<void>(state.word.claim(0, WakeReason::Granted));
        });
        run.thread("other", [&state] { state.taken = state.word.take_cancel_mark(); });
        run.at_end([&state] {
            require(state.taken, "the mark was there");
            require(
                state.late || !state.word.cancel_marked(), "a mark that was taken does not return"
            );
        });
    };
}

/// A deadline {task, epoch} of one loop, against a grant on another and the task's next sleeps (worker.cpp:
/// arm, fire_timers, compact). `used_again`: the task ends, and its record is another task's.
Scenario deadline(int sleeps, bool used_again, bool compacts) {
    return [=](Execution& run) {
        auto& state = run.make<Sleeper>("sleeper");
        run.thread("task", [&state, sleeps, used_again] {
            for (int i = 0; i < sleeps; ++i) {
                state.submitted = 0;
                state.commit({}, false);
                state.ready.await();
                const WakeReason reason = state.word.reason();
                require(i == 0 || reason == WakeReason::Granted, "an old deadline wakes nobody");
                if (used_again) {
                    state.word.renew();
                }
            }
        });
        run.thread("granter", [&state, sleeps, used_again] {
            for (std::uint64_t i = 0; i < static_cast<std::uint64_t>(sleeps); ++i) {
                const std::uint64_t epoch = used_again ? 2 * i : i;
                while (state.word.epoch() < epoch ||
                       (state.word.epoch() == epoch && !state.word.asleep())) {
                    pass();
                }
                if (state.word.claim(epoch, WakeReason::Granted)) {
                    state.submit();
                }
            }
        });
        run.thread("deadline", [&state, compacts] {
            if (compacts && state.word.epoch() != 0) {
                require(!state.word.claim(0, WakeReason::TimedOut), "what is dropped is over");
                return;
            }
            if (state.word.claim(0, WakeReason::TimedOut)) {
                state.submit();
            }
        });
    };
}

/// A waker of a sleep that is long over, against the next one.
Scenario stale_waker() {
    return [](Execution& run) {
        auto& state = run.make<Sleeper>("sleeper");
        require(state.word.open({}), "nobody has cancelled");
        require(state.word.claim(0, WakeReason::Granted), "the first sleep is over");
        run.thread("task", [&state] {
            state.context = 1;
            static_cast<void>(state.word.open({}));
        });
        run.thread("stale", [&state] {
            require(!state.word.claim(0, WakeReason::TimedOut), "it wins nothing");
        });
    };
}

constexpr Limits kTwo{.preemptions = 2, .stale_reads = 2};

TEST(SleepWord, TwoWakers) {
    expect_holds(wakers(2));
}
TEST(SleepWord, ThreeWakers) {
    expect_holds(wakers(3), kTwo);
}
TEST(SleepWord, TwoWakersSpurious) {
    expect_holds(wakers(2), {.preemptions = 2, .stale_reads = 2, .spurious_failures = 2});
}
TEST(SleepWord, CancelAgainstOpen) {
    expect_holds(cancel(false));
}
TEST(SleepWord, CancelAgainstOpenAgainstGrant) {
    expect_holds(cancel(true));
}
TEST(SleepWord, ForwardAgainstOpen) {
    expect_holds(forward(false, 1));
}
TEST(SleepWord, ForwardAgainstTheEnd) {
    expect_holds(forward(true, 1));
}
TEST(SleepWord, TwoForwards) {
    expect_holds(forward(true, 2), kTwo);
}
TEST(SleepWord, LookAgainstCancel) {
    expect_holds(look({}, false), kTwo);
    expect_holds(look({}, true), kTwo);
}
TEST(SleepWord, LookAgainstForward) {
    expect_holds(look({.forwards = true}, false), kTwo);
    expect_holds(look({.forwards = true}, true), kTwo);
}
TEST(SleepWord, LookAgainstAMaskedSleep) {
    expect_holds(look({.masked = true}, false), kTwo);
}
TEST(SleepWord, Uncancel) {
    expect_holds(uncancel(true));
}
TEST(SleepWord, UncancelElsewhere) {
    expect_holds(uncancel_elsewhere(false));
}
TEST(SleepWord, AGiftByWayOfACanceller) {
    expect_holds(gift({.forwards = true}, false));
}
TEST(SleepWord, AGiftByWayOfALook) {
    expect_holds(gift({}, true));
    expect_holds(gift({.forwards = true}, true));
}
TEST(SleepWord, TheMessageComesBeforeTheMark) {
    expect_holds(message(false));
    expect_holds(message(true));
    expect_holds(message_in_a_look());
}
TEST(SleepWord, AMarkIsTakenWhileItIsHeld) {
    expect_holds(taken_while_held());
}
TEST(Deadline, OneSleep) {
    expect_holds(deadline(1, false, false));
}
TEST(Deadline, TwoSleeps) {
    expect_holds(deadline(2, false, false));
}
TEST(Deadline, TwoSleepsCompacted) {
    expect_holds(deadline(2, false, true));
}
TEST(Deadline, TheRecordIsUsedAgain) {
    expect_holds(deadline(2, true, false));
    expect_holds(deadline(2, true, true));
}
TEST(Deadline, TheRecordIsUsedTwice) {
    expect_holds(deadline(3, true, false), kTwo);
}
TEST(SleepWord, StaleWaker) {
    expect_holds(stale_waker());
}

using Change = Mutation::Change;
constexpr const char* kFile = "sleep_word.hpp";

TEST(SleepWord, RescuerBeforeTheSleep) {
    expect_holds(early_deadline(true, false));
}
TEST(SleepWord, RescuerBeforeTheSleepAndALook) {
    expect_holds(early_deadline(true, true));
}
TEST(SleepWordMutant, RescuerDropsADeadlineThatComesTooEarly) {
    expect_found(early_deadline(false, false), "nobody will wake");
}
TEST(SleepWordMutant, ClaimEarlyWithoutAcquire) {
    expect_found(
        early_deadline(true, false),
        {"sleep_word.hpp", "claim_early", Change::NoAcquire, nullptr},
        ""
    );
}
TEST(SleepWordMutant, ClaimEarlyInTwoSteps) {
    expect_found(
        early_deadline(true, true), {"sleep_word.hpp", "claim_early", Change::Split, nullptr}, ""
    );
}
TEST(SleepWordMutant, ClaimInTwoSteps) {
    expect_found(wakers(2), {kFile, "claim", Change::Split, nullptr}, "a sleep ends once");
}
TEST(SleepWordMutant, OpenInTwoSteps) {
    expect_found(cancel(false), {kFile, "open", Change::Split, nullptr}, "");
}
TEST(SleepWordMutant, RequestCancelInTwoSteps) {
    expect_found(cancel(true), {kFile, "request_cancel", Change::Split, nullptr}, "");
}
TEST(SleepWordMutant, OpenWithoutRelease) {
    expect_found(cancel(false), {kFile, "open", Change::NoRelease, nullptr}, "data race");
}
TEST(SleepWordMutant, RequestCancelWithoutAcquire) {
    expect_found(cancel(false), {kFile, "request_cancel", Change::NoAcquire, nullptr}, "data race");
}
TEST(SleepWordMutant, EndForwardInTwoSteps) {
    expect_found(forward(true, 1), {kFile, "end_forward", Change::Split, nullptr}, "");
}
TEST(SleepWordMutant, EndLookInTwoSteps) {
    expect_found(look({}, false), {kFile, "end_look", Change::Split, nullptr}, "", kTwo);
}
TEST(SleepWordMutant, CancelInALookInTwoSteps) {
    expect_found(look({}, true), {kFile, "request_cancel", Change::Split, nullptr}, "", kTwo);
}
TEST(SleepWordMutant, UncancelDoesNotLookAgain) {
    expect_found(uncancel(false), "the other cancellation is not lost");
}

TEST(SleepWordMutant, UncancelElsewhereOnlyMarks) {
    expect_found(uncancel_elsewhere(true), "");
}
TEST(SleepWordMutant, TheNoteIsNotReleased) {
    expect_found(
        gift({.forwards = true}, false), {kFile, "claim", Change::NoOrder, nullptr}, "data race"
    );
}
TEST(SleepWordMutant, MarkWithoutRelease) {
    expect_found(message(false), {kFile, "request_cancel", Change::NoOrder, nullptr}, "data race");
}
TEST(SleepWordMutant, EndForwardResurrectsAMark) {
    expect_found(taken_while_held(), {kFile, "end_forward", Change::Split, nullptr}, "");
}
TEST(DeadlineMutant, ClaimInTwoSteps) {
    expect_found(deadline(1, false, false), {kFile, "claim", Change::Split, nullptr}, "");
}

/// The sleeper is published before its word is open: a waker finds nothing to win.
TEST(SleepWordMutant, OpenAfterPublish) {
    const Scenario scenario = [](Execution& run) {
        auto& state = run.make<Sleeper>("sleeper");
        run.thread("task", [&state] {
            state.commit({}, true);
            state.ready.await();
        });
        run.thread("granter", [&state] {
            state.published.await();
            state.wake(WakeReason::Granted);
        });
    };
    expect_found(scenario, "'task' sleeps");
}

}  // namespace
}  // namespace weft::model
