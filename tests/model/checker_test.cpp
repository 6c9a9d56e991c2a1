#include <gtest/gtest.h>

#include "base/atomic.hpp"
#include "model/expect.hpp"

// The checker itself, on the small programs that every text on memory models begins with.

namespace weft::model {
namespace {

using rt::acq_rel;
using rt::acquire;
using rt::relaxed;
using rt::release;
constexpr auto seq_cst = std::memory_order_seq_cst;

/// Two threads store to one variable each, then look at the other's.
Scenario store_buffer(std::memory_order store, std::memory_order load) {
    struct State {
        Atomic<int> x{0}, y{0};
        int saw_x = 0, saw_y = 0;
    };
    return [=](Execution& run) {
        auto& s = run.make<State>("state");
        run.thread("a", [&s, store, load] {
            s.x.store(1, store);
            s.saw_y = s.y.load(load);
        });
        run.thread("b", [&s, store, load] {
            s.y.store(1, store);
            s.saw_x = s.x.load(load);
        });
        run.at_end([&s] { require(s.saw_x == 1 || s.saw_y == 1, "one of them sees the other"); });
    };
}

TEST(Checker, StoreBufferingNeedsSequentialConsistency) {
    expect_holds(store_buffer(seq_cst, seq_cst));
    expect_found(store_buffer(release, acquire), "sees the other");
}

TEST(Checker, WithoutStaleReadsStoreBufferingIsNotSeen) {
    expect_holds(store_buffer(relaxed, relaxed), {.stale_reads = 0});
}

/// The same, with a heavy barrier between the two of one side, and nothing between those of the other.
Scenario one_sided_buffer(bool barrier) {
    struct State {
        Atomic<int> x{0}, y{0};
        int saw_x = 0, saw_y = 0;
    };
    return [=](Execution& run) {
        auto& s = run.make<State>("state");
        run.thread("often", [&s] {
            static_cast<void>(s.x.load(relaxed));  // two relaxed loads in a row
            s.x.store(1, relaxed);
            s.saw_y = s.y.load(relaxed);
        });
        run.thread("rarely", [&s, barrier] {
            s.y.store(1, relaxed);
            if (barrier) {
                heavy_barrier();
            }
            s.saw_x = s.x.load(relaxed);
        });
        run.at_end([&s] { require(s.saw_x == 1 || s.saw_y == 1, "one of them sees the other"); });
    };
}

TEST(Checker, AHeavyBarrierOnOneSideIsEnough) {
    expect_holds(one_sided_buffer(true));
    expect_found(one_sided_buffer(false), "sees the other");
}

/// What a thread loads behind another's heavy barrier is what that one has stored; and between two relaxed
/// loads there may be one.
TEST(Checker, NothingIsOverwrittenBehindAHeavyBarrier) {
    struct State {
        Atomic<int> x{0}, y{0};
        int first = 0;
        int second = 0;
    };
    const auto scenario = [](bool strict) {
        return [strict](Execution& run) {
            auto& s = run.make<State>("state");
            run.thread("writer", [&s] {
                s.x.store(1, relaxed);
                s.y.store(1, relaxed);
                heavy_barrier();
                s.y.store(2, relaxed);
            });
            run.thread("reader", [&s] {
                s.first = s.y.load(relaxed);
                s.second = s.x.load(relaxed);
            });
            run.at_end([&s, strict] {
                require(s.first != 2 || s.second == 1, "who sees what came later sees the earlier");
                require(!strict || s.first != 0 || s.second != 1, "both are of one moment");
            });
        };
    };
    expect_holds(scenario(false));
    expect_found(scenario(true), "both are of one moment", {.stale_reads = 0});
}

Scenario message(std::memory_order store, std::memory_order load) {
    struct State {
        Plain<int> data{0};
        Atomic<bool> ready{false};
    };
    return [=](Execution& run) {
        auto& s = run.make<State>("state");
        run.thread("sender", [&s, store] {
            s.data = 42;
            s.ready.store(true, store);
        });
        run.thread("receiver", [&s, load] {
            if (s.ready.load(load)) {
                require(s.data == 42, "the message is complete");
            }
        });
    };
}

TEST(Checker, MessagePassingNeedsAReleaseAndAnAcquire) {
    expect_holds(message(release, acquire));
    expect_found(message(relaxed, acquire), "data race");
    expect_found(message(release, relaxed), "data race");
}

TEST(Checker, AReadModifyWriteGoesOnWithTheReleaseSequence) {
    struct State {
        Plain<int> data{0};
        Atomic<int> flag{0};
    };
    const Scenario scenario = [](Execution& run) {
        auto& s = run.make<State>("state");
        run.thread("sender", [&s] {
            s.data = 42;
            s.flag.store(1, release);
        });
        run.thread("counter", [&s] { s.flag.fetch_add(1, relaxed); });
        run.thread("receiver", [&s] {
            if (s.flag.load(acquire) == 2) {
                require(s.data == 42, "the message is complete");
            }
        });
    };
    expect_holds(scenario);
}

TEST(Checker, ALocationNeverGoesBack) {
    struct State {
        Atomic<int> x{0};
    };
    expect_holds([](Execution& run) {
        auto& s = run.make<State>("state");
        run.thread("writer", [&s] {
            s.x.store(1, relaxed);
            s.x.store(2, relaxed);
        });
        run.thread("reader", [&s] {
            const int first = s.x.load(relaxed);
            require(s.x.load(relaxed) >= first, "the later look sees no older value");
        });
    });
}

/// Counting with a load and a store in place of fetch_add.
TEST(Checker, ALostUpdateIsFound) {
    struct State {
        Atomic<int> count{0};
    };
    const Scenario scenario = [](Execution& run) {
        auto& s = run.make<State>("state");
        for (const char* name : {"a", "b"}) {
            run.thread(name, [&s] { s.count.fetch_add(1, relaxed); });
        }
        run.at_end([&s] { require(s.count.load(relaxed) == 2, "both were counted"); });
    };
    expect_holds(scenario);
    expect_found(
        scenario, {"checker_test.cpp", "operator()", Mutation::Change::Split}, "both were counted"
    );
}

/// Sleep and wake with a permit that is tested before it is taken, as in many a lost wake-up.
TEST(Checker, ADeadlockIsFoundAndTold) {
    struct State {
        Atomic<int> work{0}, sleeping{0};
        Signal signal;
    };
    const auto scenario = [](std::memory_order order) {
        return [order](Execution& run) {
            auto& s = run.make<State>("state");
            run.thread("submitter", [&s, order] {
                s.work.store(1, order);
                if (s.sleeping.load(order) == 1) {
                    s.signal.raise();
                }
            });
            run.thread("sleeper", [&s, order] {
                s.sleeping.store(1, order);
                if (s.work.load(order) == 0) {
                    s.signal.await();
                }
            });
        };
    };
    expect_holds(scenario(seq_cst));
    const Report report = explore(scenario(relaxed));
    EXPECT_NE(report.failure.find("'sleeper' sleeps"), std::string::npos) << report.failure;
    EXPECT_NE(report.story.find("(overwritten)"), std::string::npos) << report.story;
}

TEST(Checker, ASpuriousFailureIsTriedWhenAskedFor) {
    struct State {
        Atomic<int> x{0};
        bool failed = false;
    };
    const auto scenario = [](Execution& run) {
        auto& s = run.make<State>("state");
        run.thread("a", [&s] {
            int expected = 0;
            s.failed = !s.x.compare_exchange_weak(expected, 1, acq_rel, relaxed);
        });
        run.at_end([&s] { require(!s.failed, "it does not fail"); });
    };
    expect_holds(scenario);
    expect_found(scenario, "it does not fail", {.spurious_failures = 1});
}

}  // namespace
}  // namespace weft::model
