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
