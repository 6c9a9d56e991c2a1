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
                    state.word.mark_cancel();
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
TEST(SleepWord, StaleWaker) {
    expect_holds(stale_waker());
}

using Change = Mutation::Change;
constexpr const char* kFile = "sleep_word.hpp";

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
