#include <gtest/gtest.h>

#include <array>

#include "base/atomic.hpp"
#include "model/expect.hpp"

// Protocols whose code is no template, as small models that are kept next to it by hand. Each names
// what it stands for.

namespace weft::model {
namespace {

using rt::acq_rel;
using rt::acquire;
using rt::relaxed;
using rt::release;

// ---- FutureState::subscribe, finish and tell (runtime/task/future_state.cpp)

struct Listener {
    Plain<Listener*> next{nullptr};
    int told = 0;
};

struct Orders {
    std::memory_order subscribe = acq_rel;
    std::memory_order subscribe_fails = acquire;
    std::memory_order finish = acq_rel;
    bool keep = true;        // false: a bug
    bool two_steps = false;  // bug: it is done before the listeners are taken
};

struct Future {
    explicit Future(Orders given) : orders(given) {}

    bool subscribe(Listener& listener) {
        static_cast<void>(static_cast<int>(memory));
        Listener* newest = word.load(orders.subscribe_fails);
        for (;;) {
            if (newest == &done_mark) {
                return false;
            }
            listener.next = newest;
            if (word.compare_exchange_weak(
                    newest, &listener, orders.subscribe, orders.subscribe_fails
                )) {
                return true;
            }
        }
    }
    void finish() {
        result = 42;
        if (orders.two_steps) {
            status.store(1, release);
        }
        Listener* waiting = word.load(relaxed);
        bool kept = false;
        do {
            static_cast<void>(static_cast<int>(memory));
            if (waiting != nullptr && !kept && orders.keep) {
                references.fetch_add(1, relaxed);
                kept = true;
            }
        } while (!word.compare_exchange_weak(waiting, &done_mark, orders.finish, relaxed));
        for (Listener* one = waiting; one != nullptr;) {
            Listener* const next = one->next;
            static_cast<void>(static_cast<int>(memory));  // a listener may look at the future
            require(++one->told == 1, "a listener is told once");
            one = next;
        }
        if (kept) {
            drop();
        }
    }
    /// A handle that goes; the last one frees the memory.
    void drop() {
        if (references.fetch_sub(1, acq_rel) == 1) {
            memory = 0;
        }
    }

    const Orders orders;
    Listener done_mark;
    Atomic<Listener*> word{nullptr};
    Atomic<int> status{0};  // only of the bug that has one
    Atomic<int> references{1};
    Plain<int> memory{1};
    Plain<int> result{0};
    std::array<Listener, 2> subscribers;
};

Scenario future(Orders orders, int subscribers) {
    return [=](Execution& run) {
        auto& state = run.make<Future>("future", orders);
        run.thread("finisher", [&state] { state.finish(); });
        static constexpr std::array kNames{"subscriber 0", "subscriber 1"};
        for (std::size_t i = 0; i < static_cast<std::size_t>(subscribers); ++i) {
            run.thread(kNames[i], [&state, i] {
                if (state.subscribe(state.subscribers[i])) {
                    return;
                }
                require(state.result == 42, "who comes too late finds the result");
                state.subscribers[i].told = 1;
            });
        }
        run.at_end([&state, subscribers] {
            for (std::size_t i = 0; i < static_cast<std::size_t>(subscribers); ++i) {
                require(state.subscribers[i].told == 1, "everybody learns of the end");
            }
        });
    };
}

/// The finisher has no handle of its own: the owner drops the only one as soon as it is done, though
/// somebody has yet to be told.
Scenario dropped_when_done(Orders orders, bool with_subscriber) {
    return [=](Execution& run) {
        auto& state = run.make<Future>("future", orders);
        run.thread("finisher", [&state] { state.finish(); });
        run.thread("owner", [&state, orders, with_subscriber] {
            if (with_subscriber) {
                static_cast<void>(state.subscribe(state.subscribers[0]));
            }
            const auto done = [&] {
                return orders.two_steps ? state.status.load(acquire) == 1
                                        : state.word.load(acquire) == &state.done_mark;
            };
            while (!done()) {
                pass();
            }
            require(state.result == 42, "who finds it done finds the result");
            state.drop();
        });
    };
}

TEST(Listeners, OneSubscriber) {
    expect_holds(future({}, 1));
}
TEST(Listeners, TwoSubscribers) {
    expect_holds(future({}, 2));
}
TEST(Listeners, DroppedWhenDone) {
    expect_holds(dropped_when_done({}, false));
    expect_holds(dropped_when_done({}, true));
}
TEST(ListenersMutant, SubscribeWithoutRelease) {
    expect_found(future({.subscribe = acquire}, 1), "data race");
}
TEST(ListenersMutant, LateSubscriberWithoutAcquire) {
    expect_found(future({.subscribe_fails = relaxed}, 1), "data race");
}
TEST(ListenersMutant, FinishWithoutAcquire) {
    expect_found(future({.finish = release}, 2), "data race");
}
TEST(ListenersMutant, FinishWithoutRelease) {
    expect_found(dropped_when_done({.finish = acquire}, false), "data race");
}
TEST(ListenersMutant, DoneBeforeTheListenersAreTaken) {
    expect_found(dropped_when_done({.two_steps = true}, false), "data race");
}
TEST(ListenersMutant, TellsWithoutAReference) {
    expect_found(dropped_when_done({.keep = false}, true), "data race");
}

// ---- TaskState::end_body and note_for_end (runtime/task/task_state.cpp)

enum class EndBug { None, NoNote, MarkSeenFirst, BitStays, NoteFirst, NoteWithoutRelease };

/// A task in its last step, which is cancelled; or had been, when it took the mark.
struct Ending {
    static constexpr int kNoted = 4;
    static constexpr int kValue = 1;
    static constexpr int kCancelled = 3;
    Atomic<int> mark{0};
    Atomic<int> word{0};
    bool told = false;  // the last canceller was told that the task is asked to end
    int thrown = 0;     // the marks of those whose error was thrown, and swallowed

    void end(EndBug bug) {
        if (toss() && mark.load(relaxed) != 0) {
            thrown = mark.exchange(0, acq_rel);
        }
        const bool early = mark.load(relaxed) != 0;
        int waiting = word.load(acquire);
        int status = kValue;
        do {
            if ((waiting & kNoted) != 0 && bug != EndBug::BitStays) {
                waiting = word.fetch_and(~kNoted, acq_rel) & ~kNoted;
            }
            const bool marked = bug == EndBug::MarkSeenFirst ? early : mark.load(relaxed) != 0;
            status = marked ? kCancelled : kValue;
        } while (!word.compare_exchange_weak(waiting, status, acq_rel, acquire));
    }
    void cancel(EndBug bug, int mine) {
        if (bug != EndBug::NoteFirst) {
            mark.fetch_or(mine, acq_rel);
        }
        const bool noted = bug == EndBug::NoNote || note(bug);
        if (bug == EndBug::NoteFirst) {
            mark.fetch_or(mine, acq_rel);
        }
        told = noted;
    }
    bool note(EndBug bug) {
        int old = word.load(relaxed);
        const std::memory_order order = bug == EndBug::NoteWithoutRelease ? relaxed : release;
        do {
            if (old == kValue || old == kCancelled) {
                return old == kCancelled;
            }
        } while (!word.compare_exchange_weak(old, old | kNoted, order, relaxed));
        return true;
    }
};

/// `cancellers` come one after the other, against the task's end.
Scenario last_step(EndBug bug, int cancellers) {
    return [=](Execution& run) {
        auto& state = run.make<Ending>("task");
        run.thread("task", [&state, bug] { state.end(bug); });
        run.thread("canceller", [&state, bug, cancellers] {
            for (int i = 0; i < cancellers; ++i) {
                state.cancel(bug, 1 << i);
            }
        });
        run.at_end([&state, cancellers] {
            const int end = state.word.load(relaxed);
            require(
                !state.told || (state.thrown & 1 << (cancellers - 1)) != 0 ||
                    end == Ending::kCancelled,
                "who was told that it is asked to end is not shown its value"
            );
            require(end != Ending::kCancelled || state.told, "who asked first is told so");
        });
    };
}

TEST(LastStep, OneCanceller) {
    expect_holds(last_step(EndBug::None, 1));
}
TEST(LastStep, TwoCancellers) {
    expect_holds(last_step(EndBug::None, 2));
}
TEST(LastStepMutant, MarksOnly) {
    expect_found(last_step(EndBug::NoNote, 1), "not shown");
}
TEST(LastStepMutant, LooksForTheMarkFirst) {
    expect_found(last_step(EndBug::MarkSeenFirst, 1), "not shown");
}
TEST(LastStepMutant, TheBitStays) {
    expect_found(last_step(EndBug::BitStays, 2), "not shown");
}
TEST(LastStepMutant, NotesBeforeItMarks) {
    expect_found(last_step(EndBug::NoteFirst, 1), "not shown");
}
TEST(LastStepMutant, NoteWithoutRelease) {
    expect_found(last_step(EndBug::NoteWithoutRelease, 1), "not shown");
}

// ---- Readiness: the hint against the edge (runtime/reactor/descriptor.hpp, epoll.cpp: perform)

enum class HintBug { None, TakeAfterTheCall, NoSetAfterMore };

/// The kernel tells an edge when bytes come to an empty or a filled buffer; the lock is the wait
/// queue's. Two bytes come, one system call takes one of them.
struct Socket {
    Atomic<int> bytes{0};
    Atomic<int> lock{0};  // an operation on it, and what follows up to the next operation
    bool ready = true;    // with the lock
    Signal woken;
    int sleepers = 0;
    int got = 0;

    void arrive() {
        bytes.fetch_add(1, acq_rel);
        set();
    }
    void set() {
        lock.fetch_add(0, acq_rel);
        ready = true;
        if (sleepers > 0) {
            --sleepers;
            woken.raise();
        }
    }
    void take() {
        lock.fetch_add(0, acq_rel);
        while (!ready) {
            ++sleepers;
            woken.await();
        }
        ready = false;
    }
    /// What a hint that is taken after the call would do: the edge that came meanwhile is wiped out.
    void wipe() {
        lock.fetch_add(0, acq_rel);
        ready = false;
    }
    void read_one(HintBug bug) {
        for (;;) {
            if (bug != HintBug::TakeAfterTheCall || !ready) {
                take();
            }
            const bool full = bytes.fetch_add(0, acq_rel) > 0 && bytes.fetch_sub(1, acq_rel) > 0;
            if (bug == HintBug::TakeAfterTheCall && !full) {
                wipe();
            }
            if (full) {
                ++got;
                if (bug != HintBug::NoSetAfterMore) {
                    set();
                }
                return;
            }
        }
    }
};

Scenario reads(HintBug bug) {
    return [=](Execution& run) {
        auto& state = run.make<Socket>("socket");
        run.thread("reader", [&state, bug] {
            state.read_one(bug);
            state.read_one(bug);
        });
        run.thread("kernel", [&state] {
            state.arrive();
            state.arrive();
        });
        run.at_end([&state] { require(state.got == 2, "everything was read"); });
    };
}

TEST(Hint, TakeBeforeTheCallAgainstTheEdge) {
    expect_holds(reads(HintBug::None));
}
TEST(HintMutant, TakeAfterTheCall) {
    expect_found(reads(HintBug::TakeAfterTheCall), "'reader' sleeps");
}
TEST(HintMutant, NoSetWhereThereMayBeMore) {
    expect_found(reads(HintBug::NoSetAfterMore), "'reader' sleeps");
}

// ---- Descriptor::use, unuse, begin_close (runtime/reactor/descriptor.cpp)

enum class CloseBug { None, NoCheckInUse, EndAtOnce, UnuseInTwoSteps };

struct Descriptor {
    static constexpr std::uint32_t kClosed = 1U << 31;
    Atomic<std::uint32_t> users{0};
    Plain<int> fd{7};
    int ends = 0;

    bool use(CloseBug bug) {
        if (bug == CloseBug::NoCheckInUse) {
            users.fetch_add(1, acq_rel);
            return true;
        }
        std::uint32_t count = users.load(relaxed);
        while ((count & kClosed) == 0) {
            if (users.compare_exchange_weak(count, count + 1, acq_rel, relaxed)) {
                return true;
            }
        }
        return false;
    }
    void unuse(CloseBug bug) {
        const std::memory_order order = bug == CloseBug::UnuseInTwoSteps ? relaxed : acq_rel;
        if (users.fetch_sub(1, order) == (kClosed | 1)) {
            end();
        }
    }
    void close(CloseBug bug) {
        const std::uint32_t count = users.fetch_or(kClosed, acq_rel);
        if ((count & kClosed) == 0 && (count == 0 || bug == CloseBug::EndAtOnce)) {
            end();
        }
    }
    void end() {
        require(++ends == 1, "it ends once");
        fd = -1;
    }
};

Scenario close(CloseBug bug) {
    return [=](Execution& run) {
        auto& state = run.make<Descriptor>("descriptor");
        static constexpr std::array kNames{"user 0", "user 1"};
        for (const char* name : kNames) {
            run.thread(name, [&state, bug] {
                if (state.use(bug)) {
                    require(state.fd == 7, "the number is the user's while it is in use");
                    state.unuse(bug);
                }
            });
        }
        run.thread("closer", [&state, bug] { state.close(bug); });
        run.at_end([&state] { require(state.ends == 1, "it ends"); });
    };
}

TEST(Close, TwoUsersAgainstAClose) {
    expect_holds(close(CloseBug::None));
}
TEST(CloseMutant, UseDoesNotLook) {
    expect_found(close(CloseBug::NoCheckInUse), "");
}
TEST(CloseMutant, CloseDoesNotWait) {
    expect_found(close(CloseBug::EndAtOnce), "");
}
TEST(CloseMutant, UnuseWithoutOrder) {
    expect_found(close(CloseBug::UnuseInTwoSteps), "data race");
}

// ---- Scheduler::Visit against ~Scheduler (runtime/sched/scheduler.{hpp,cpp})

enum class VisitBug { None, NoVisit, VisitAfterPut, LeaveWithoutRelease };

struct Scheduler {
    Atomic<int> visitors{0};
    Atomic<int> inbox{0};
    Plain<int> memory{1};  // what the destructor gives back
};

/// A thread outside brings the task whose end lets the scheduler be destroyed.
Scenario visit(VisitBug bug) {
    return [=](Execution& run) {
        auto& state = run.make<Scheduler>("scheduler");
        run.thread("visitor", [&state, bug] {
            if (bug == VisitBug::None || bug == VisitBug::LeaveWithoutRelease) {
                state.visitors.fetch_add(1, acq_rel);
            }
            state.inbox.fetch_add(1, acq_rel);  // the worker may run it from here on
            if (bug == VisitBug::VisitAfterPut) {
                state.visitors.fetch_add(1, acq_rel);
            }
            require(state.memory == 1, "notify() finds the scheduler alive");
            if (bug != VisitBug::NoVisit) {
                state.visitors.fetch_sub(
                    1, bug == VisitBug::LeaveWithoutRelease ? acquire : acq_rel
                );
            }
        });
        run.thread("owner", [&state] {
            while (state.inbox.load(acquire) == 0) {
                pass();
            }
            while (state.visitors.load(acquire) != 0) {
                pass();
            }
            state.memory = 0;
        });
    };
}

TEST(Visit, AVisitorAgainstTheDestructor) {
    expect_holds(visit(VisitBug::None));
}
TEST(VisitMutant, NoVisit) {
    expect_found(visit(VisitBug::NoVisit), "");
}
TEST(VisitMutant, VisitAfterPut) {
    expect_found(visit(VisitBug::VisitAfterPut), "");
}
TEST(VisitMutant, LeaveWithoutRelease) {
    expect_found(visit(VisitBug::LeaveWithoutRelease), "data race");
}

// ---- StopWhenDone against the end of drive_until_done (runtime/loop/runtime.cpp)

/// A plain thread finishes the future that a driver of a loop waits for: it stops the loop, and then
/// still has to wake it. Without a visit the loop may be gone by then.
Scenario stop_when_done(bool visits) {
    struct State {
        Atomic<int> visitors{0};
        Atomic<bool> stopping{false};
        Plain<int> mailbox{1};
    };
    return [=](Execution& run) {
        auto& state = run.make<State>("loop");
        run.thread("finisher", [&state, visits] {
            state.visitors.fetch_add(visits ? 1 : 0, acq_rel);
            state.stopping.store(true, release);
            require(state.mailbox == 1, "the loop can still be woken");
            state.visitors.fetch_sub(visits ? 1 : 0, acq_rel);
        });
        run.thread("driver", [&state] {
            while (!state.stopping.load(acquire)) {
                pass();
            }
            while (state.visitors.load(acquire) != 0) {
                pass();
            }
            state.mailbox = 0;
        });
    };
}

TEST(Visit, TheOneWhoStopsALoopVisitsIt) {
    expect_holds(stop_when_done(true));
}
TEST(VisitMutant, TheOneWhoStopsALoopDoesNot) {
    expect_found(stop_when_done(false), "");
}

}  // namespace
}  // namespace weft::model
