#include <gtest/gtest.h>

#include <array>

#include "base/atomic.hpp"
#include "model/expect.hpp"
#include "model/wait_model.hpp"

// A future of another loop: set against cancel against those who wait for it, be it a task (over the real
// SleepWord), a plain thread or a callback (runtime/task/future_state.cpp). The word alone, and who may
// free it, is in small_models_test.cpp.

namespace weft::model {
namespace {

using rt::acq_rel;
using rt::acquire;
using rt::relaxed;
using rt::WakeReason;

enum class FutureBug {
    None,
    NoClaim,         ///< set_result and cancel both finish it
    ResultAfter,     ///< it is done before its result is there
    SubscribeFirst,  ///< a task subscribes before its sleep is open
    NoLookWhenLate,  ///< who finds it done when it subscribes does not wake itself
    DropsTheOthers,  ///< the end tells the newest listener only
    NoForwardEnd,    ///< a canceller that was accepted does not let the task go
};

struct Promise {
    explicit Promise(FutureBug planted) : bug(planted) {}

    static constexpr int kValue = 1;
    static constexpr int kCancelled = 3;
    struct Told {
        Plain<Told*> next{nullptr};
        ModelSleeper* task = nullptr;  // or
        Handover* thread = nullptr;    // or a callback
        Plain<std::uint64_t> epoch{0};
        int times = 0;
    };

    const FutureBug bug;
    Atomic<bool> claimed{false};
    Atomic<Told*> word{nullptr};
    Plain<int> result{0};
    Told done_value;  // the word's values for "done"
    Told done_cancelled;
    ModelSleeper task;
    std::array<Told, 4> listeners;
    Handover thread_woken;  // a ThreadParker, which has a mutex
    int finished = 0;
    int task_saw = 0;
    bool asked = false;  // the canceller of the task: something was asked to end

    [[nodiscard]] int status() const {
        const Told* const now = word.load(acquire);
        return now == &done_value ? kValue : now == &done_cancelled ? kCancelled : 0;
    }
    bool finish(int how) {
        if (claimed.exchange(true, acquire) && bug != FutureBug::NoClaim) {
            return false;
        }
        if (bug != FutureBug::ResultAfter) {
            result = how;
        }
        Told* waiting = word.load(relaxed);
        Told* const done = how == kValue ? &done_value : &done_cancelled;
        while (!word.compare_exchange_weak(waiting, done, acq_rel, relaxed)) {
        }
        if (bug == FutureBug::ResultAfter) {
            result = how;
        }
        require(++finished == 1, "it is finished once");
        for (Told* one = waiting; one != nullptr;) {
            Told* const next = bug == FutureBug::DropsTheOthers ? nullptr : one->next;
            tell(*one);
            one = next;
        }
        return true;
    }
    void tell(Told& one) {
        ++one.times;
        if (one.task != nullptr) {
            if (one.task->word.claim(one.epoch, WakeReason::Granted)) {
                one.task->submit();
            }
        } else if (one.thread != nullptr) {
            one.thread->raise();
        } else {
            see();
        }
    }
    void see() { require(result != 0, "who learns of the end finds the result"); }
    bool subscribe(Told& one) {
        Told* now = word.load(acquire);
        for (;;) {
            if (now == &done_value || now == &done_cancelled) {
                return false;
            }
            one.next = now;
            if (word.compare_exchange_weak(now, &one, acq_rel, acquire)) {
                return true;
            }
        }
    }
    /// wait_as_task, park_commit, TaskListener::publish.
    void await(Told& mine) {
        while (status() == 0) {
            if (task.word.take_cancel_mark() && !finish(kCancelled)) {  // forward_cancel
                static_cast<void>(task.word.request_cancel());
                pass();  // it sleeps and is told to look again: others come first
            }
            const std::uint64_t epoch = task.word.epoch();
            mine.task = &task;
            mine.epoch = epoch;
            task.context = 1;
            bool late = false;
            if (bug == FutureBug::SubscribeFirst) {
                late = !subscribe(mine);
            }
            const bool undisturbed = task.word.open({.forwards = true});
            if (!undisturbed) {
                if (task.word.claim(epoch, WakeReason::Retry)) {
                    task.submit();
                }
            } else {
                if (bug != FutureBug::SubscribeFirst) {
                    late = !subscribe(mine);
                }
                if (late && bug != FutureBug::NoLookWhenLate &&
                    task.word.claim(epoch, WakeReason::Granted)) {
                    task.submit();
                }
            }
            static_cast<void>(task.go_on());
        }
        see();
        task_saw = status();
    }
    /// TaskState::pursue_cancel, of a task that waits for this.
    void cancel_task() {
        using Step = rt::SleepWord<Atomic>::CancelStep;
        const Step step = task.word.request_cancel();
        if (step == Step::Claimed) {
            task.submit();
        } else if (step == Step::Forward) {
            const bool accepted = finish(kCancelled);
            if ((bug != FutureBug::NoForwardEnd || !accepted) && task.word.end_forward(!accepted)) {
                task.submit();
            }
        }
        asked = true;
    }
};

struct Actors {
    int setters = 1;
    int cancellers = 0;
    int callbacks = 0;
    bool task = false;
    bool thread = false;
    bool task_cancelled = false;
};

Scenario promise(FutureBug bug, Actors actors) {
    return [=](Execution& run) {
        auto& state = run.make<Promise>("future", bug);
        static constexpr std::array kSetters{"setter 0", "setter 1"};
        static constexpr std::array kCancellers{"canceller 0", "canceller 1"};
        static constexpr std::array kCallbacks{"callback 0", "callback 1"};
        for (std::size_t i = 0; i < static_cast<std::size_t>(actors.setters); ++i) {
            run.thread(kSetters[i], [&state] { state.finish(Promise::kValue); });
        }
        for (std::size_t i = 0; i < static_cast<std::size_t>(actors.cancellers); ++i) {
            run.thread(kCancellers[i], [&state] { state.finish(Promise::kCancelled); });
        }
        if (actors.task) {
            run.thread("task", [&state] { state.await(state.listeners[0]); });
        }
        if (actors.task_cancelled) {
            run.thread("task canceller", [&state] { state.cancel_task(); });
        }
        if (actors.thread) {
            run.thread("thread", [&state] {
                state.listeners[1].thread = &state.thread_woken;
                if (state.subscribe(state.listeners[1])) {
                    state.thread_woken.await();
                }
                require(state.status() != 0, "it is done");
                state.see();
            });
        }
        for (std::size_t i = 0; i < static_cast<std::size_t>(actors.callbacks); ++i) {
            run.thread(kCallbacks[i], [&state, i] {
                if (!state.subscribe(state.listeners[2 + i])) {
                    state.tell(state.listeners[2 + i]);
                }
            });
        }
        run.at_end([&state, actors] {
            require(state.finished == 1, "it is finished");
            for (std::size_t i = 0; i < static_cast<std::size_t>(actors.callbacks); ++i) {
                require(state.listeners[2 + i].times == 1, "a callback is called once");
            }
            require(
                !actors.task_cancelled || state.status() == Promise::kCancelled ||
                    state.task.word.cancel_marked(),
                "the cancellation has been handed on, or is still marked"
            );
        });
    };
}

constexpr Limits kTwo{.preemptions = 2, .stale_reads = 2};

TEST(FutureModel, SetAgainstCancel) {
    expect_holds(promise(FutureBug::None, {.cancellers = 1}));
    expect_holds(promise(FutureBug::None, {.setters = 2, .cancellers = 1}));
}
TEST(FutureModel, SetAgainstAwait) {
    expect_holds(promise(FutureBug::None, {.task = true}));
}
TEST(FutureModel, SetAgainstCancelAgainstAwait) {
    expect_holds(promise(FutureBug::None, {.cancellers = 1, .task = true}));
}
TEST(FutureModel, SetAgainstAThread) {
    expect_holds(promise(FutureBug::None, {.thread = true}));
    expect_holds(promise(FutureBug::None, {.cancellers = 1, .thread = true}));
}
TEST(FutureModel, SetAgainstCallbacks) {
    expect_holds(promise(FutureBug::None, {.callbacks = 1}));
    expect_holds(promise(FutureBug::None, {.callbacks = 2}));
    expect_holds(promise(FutureBug::None, {.cancellers = 1, .callbacks = 1}));
}
TEST(FutureModel, AwaitAgainstACallback) {
    expect_holds(promise(FutureBug::None, {.callbacks = 1, .task = true}));
}
TEST(FutureModel, TheTaskIsCancelled) {
    expect_holds(promise(FutureBug::None, {.task = true, .task_cancelled = true}), kTwo);
    expect_holds(promise(FutureBug::None, {.setters = 0, .task = true, .task_cancelled = true}));
}
TEST(FutureModel, All) {
    expect_holds(
        promise(FutureBug::None, {.cancellers = 1, .callbacks = 1, .task = true, .thread = true}),
        {.preemptions = 1, .stale_reads = 1}
    );
}

TEST(FutureModelMutant, NoClaim) {
    expect_found(promise(FutureBug::NoClaim, {.cancellers = 1}), "");
}
TEST(FutureModelMutant, ResultAfter) {
    expect_found(promise(FutureBug::ResultAfter, {.task = true}), "");
}
TEST(FutureModelMutant, SubscribeFirst) {
    expect_found(promise(FutureBug::SubscribeFirst, {.task = true}), "");
}
TEST(FutureModelMutant, NoLookWhenLate) {
    expect_found(promise(FutureBug::NoLookWhenLate, {.task = true}), "'task' sleeps");
}
TEST(FutureModelMutant, DropsTheOthers) {
    expect_found(promise(FutureBug::DropsTheOthers, {.callbacks = 2}), "called once");
}
TEST(FutureModelMutant, NoForwardEnd) {
    expect_found(
        promise(FutureBug::NoForwardEnd, {.setters = 0, .task = true, .task_cancelled = true}),
        "'task' sleeps"
    );
}

}  // namespace
}  // namespace weft::model
