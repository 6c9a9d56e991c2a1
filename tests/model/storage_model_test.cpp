#include <gtest/gtest.h>

#include <array>

#include "base/atomic.hpp"
#include "model/expect.hpp"
#include "model/wait_model.hpp"

// What is used again: records, entries of the slab table, stacks; and what lies on a stack that goes, a
// thread's parker. Small models that are kept next to the code by hand.

namespace weft::model {
namespace {

using rt::acq_rel;
using rt::acquire;
using rt::relaxed;
using rt::release;

constexpr std::array kUsers{"user 0", "user 1", "user 2"};
constexpr Limits kTwo{.preemptions = 2, .stale_reads = 2};

// ---- the slab table (runtime/fiber/slab_table.cpp): who asks takes no lock

enum class TableBug { None, BeginFirst, UsedFirst, NoSecondLook };

struct Table {
    struct Entry {
        Atomic<int> begin{0};
        Atomic<int> stride{0};
        Atomic<int> stacks{0};
    };
    std::array<Entry, 3> entries;
    Atomic<int> chunk{0};  // 1: the entries are there
    Atomic<std::size_t> used{0};
    ModelSpinLock mutex;
    Plain<int> free_entries{0};

    /// Slab n begins at 10 n and has n stacks of n bytes.
    void publish(int slab, TableBug bug) {
        mutex.lock();
        const std::size_t used_now = used.load(relaxed);
        std::size_t at = used_now;
        for (std::size_t i = 0; i < used_now && free_entries > 0; ++i) {
            if (entries[i].begin.load(relaxed) == 0) {
                at = i;
                free_entries = free_entries - 1;
                break;
            }
        }
        if (at == used_now) {
            if (bug != TableBug::UsedFirst) {
                chunk.store(1, relaxed);
            }
            used.store(used_now + 1, release);
            if (bug == TableBug::UsedFirst) {
                chunk.store(1, relaxed);
            }
        }
        Entry& entry = entries[at];
        if (bug == TableBug::BeginFirst) {
            entry.begin.store(10 * slab, release);
        }
        entry.stride.store(slab, release);
        entry.stacks.store(slab, release);
        if (bug != TableBug::BeginFirst) {
            entry.begin.store(10 * slab, release);
        }
        mutex.unlock();
    }
    void retire(int slab) {
        mutex.lock();
        for (std::size_t i = 0; i < used.load(relaxed); ++i) {
            if (entries[i].begin.load(relaxed) == 10 * slab) {
                entries[i].begin.store(0, relaxed);
                free_entries = free_entries + 1;
                break;
            }
        }
        mutex.unlock();
    }
    void look(TableBug bug) {
        const std::size_t used_now = used.load(acquire);
        require(used_now == 0 || chunk.load(relaxed) == 1, "an entry that is in use is there");
        for (std::size_t i = 0; i < used_now; ++i) {
            const int begin = entries[i].begin.load(acquire);
            const int stride = entries[i].stride.load(acquire);
            const int stacks = entries[i].stacks.load(acquire);
            const bool same =
                bug == TableBug::NoSecondLook || entries[i].begin.load(relaxed) == begin;
            require(
                begin == 0 || !same || (stride == begin / 10 && stacks == begin / 10),
                "an answer is about one slab"
            );
        }
    }
};

/// One who asks, against slabs that come; `reused`: the first goes, and the second has its entry.
Scenario table(TableBug bug, int readers, int slabs, bool reused) {
    return [=](Execution& run) {
        auto& state = run.make<Table>("table");
        run.thread("owner", [&state, bug, slabs, reused] {
            for (int slab = 1; slab <= slabs; ++slab) {
                state.publish(slab, bug);
                if (reused) {
                    state.retire(slab);
                }
            }
        });
        for (std::size_t i = 0; i < static_cast<std::size_t>(readers); ++i) {
            run.thread(kUsers[i], [&state, bug] { state.look(bug); });
        }
    };
}

/// Two owners at once.
Scenario two_owners(bool reused) {
    return [=](Execution& run) {
        auto& state = run.make<Table>("table");
        for (int slab = 1; slab <= 2; ++slab) {
            run.thread(kUsers[static_cast<std::size_t>(slab)], [&state, slab, reused] {
                state.publish(slab, TableBug::None);
                if (reused) {
                    state.retire(slab);
                }
            });
        }
        run.thread("reader", [&state] { state.look(TableBug::None); });
    };
}

TEST(SlabTableModel, OneSlab) {
    expect_holds(table(TableBug::None, 1, 1, false));
    expect_holds(table(TableBug::None, 2, 1, false));
}
TEST(SlabTableModel, TwoSlabs) {
    expect_holds(table(TableBug::None, 1, 2, false));
}
TEST(SlabTableModel, AnEntryIsUsedAgain) {
    expect_holds(table(TableBug::None, 1, 2, true));
}
TEST(SlabTableModel, TwoOwners) {
    expect_holds(two_owners(false), kTwo);
    expect_holds(two_owners(true), kTwo);
}
TEST(SlabTableModelMutant, BeginFirst) {
    expect_found(table(TableBug::BeginFirst, 1, 1, false), "about one slab");
}
TEST(SlabTableModelMutant, UsedFirst) {
    expect_found(table(TableBug::UsedFirst, 1, 1, false), "is there");
}
TEST(SlabTableModelMutant, NoSecondLook) {
    expect_found(table(TableBug::NoSecondLook, 1, 2, true), "about one slab");
}

// ---- a stack goes from worker to worker (stack_pool.cpp, park: a stack is given back by the commit,
//      which runs on the next one)

enum class PoolBug { None, GivenTooEarly, ListWithoutLock };

struct Pool {
    struct ModelStack {
        Plain<ModelStack*> next{nullptr};
        Plain<int> memory{0};
    };
    ModelSpinLock mutex;
    Plain<ModelStack*> free{nullptr};
    std::array<ModelStack, 3> stacks;

    ModelStack* take(PoolBug bug) {
        if (bug != PoolBug::ListWithoutLock) {
            mutex.lock();
        }
        ModelStack* const stack = free;
        if (stack != nullptr) {
            free = stack->next;
        }
        if (bug != PoolBug::ListWithoutLock) {
            mutex.unlock();
        }
        return stack;
    }
    void give(ModelStack& stack) {
        mutex.lock();
        stack.next = free;
        free = &stack;
        mutex.unlock();
    }
};

Scenario pool(PoolBug bug, int workers, int stacks) {
    return [=](Execution& run) {
        auto& state = run.make<Pool>("pool");
        for (std::size_t i = 0; i < static_cast<std::size_t>(stacks); ++i) {
            state.give(state.stacks[i]);
        }
        for (std::size_t i = 0; i < static_cast<std::size_t>(workers); ++i) {
            run.thread(kUsers[i], [&state, bug] {
                for (int round = 0; round < 2; ++round) {
                    Pool::ModelStack* const stack = state.take(bug);
                    if (stack == nullptr) {
                        return;
                    }
                    if (bug == PoolBug::GivenTooEarly) {
                        state.give(*stack);
                    }
                    stack->memory = stack->memory + 1;  // a task runs on it
                    if (bug != PoolBug::GivenTooEarly) {
                        state.give(*stack);
                    }
                }
            });
        }
        run.at_end([&state, stacks] {
            int count = 0;
            while (state.take(PoolBug::None) != nullptr) {
                ++count;
            }
            require(count == stacks, "no stack is lost");
        });
    };
}

TEST(StackPoolModel, TwoWorkers) {
    expect_holds(pool(PoolBug::None, 2, 1));
    expect_holds(pool(PoolBug::None, 2, 2));
    expect_holds(pool(PoolBug::None, 2, 3));
}
TEST(StackPoolModel, ThreeWorkers) {
    expect_holds(pool(PoolBug::None, 3, 1));
    expect_holds(pool(PoolBug::None, 3, 2), kTwo);
}
TEST(StackPoolModelMutant, GivenTooEarly) {
    expect_found(pool(PoolBug::GivenTooEarly, 2, 1), "data race");
}
TEST(StackPoolModelMutant, ListWithoutLock) {
    expect_found(pool(PoolBug::ListWithoutLock, 2, 1), "data race");
}

// ---- ThreadParker (runtime/task/thread_parker.hpp): it lies on the stack of the one who waits

enum class ParkerBug { None, NotifyUnlocked, WaitsWithoutLook, SignalsWithoutLock };

struct Parker {
    ModelSpinLock mutex;
    Plain<bool> signalled{false};
    Signal condition;
    Plain<int> memory{1};

    void signal(ParkerBug bug) {
        if (bug != ParkerBug::SignalsWithoutLock) {
            mutex.lock();
        }
        signalled = true;
        if (bug == ParkerBug::NotifyUnlocked) {
            mutex.unlock();
        }
        require(memory == 1, "the parker is there while it is told");
        condition.raise();
        if (bug == ParkerBug::None || bug == ParkerBug::WaitsWithoutLook) {
            mutex.unlock();
        }
    }
    /// `gives_up`: the deadline may come first.
    bool wait(ParkerBug bug, bool gives_up) {
        mutex.lock();
        while (bug == ParkerBug::WaitsWithoutLook || !signalled) {
            if (gives_up && toss()) {
                break;
            }
            mutex.unlock();
            condition.await();
            mutex.lock();
            if (bug == ParkerBug::WaitsWithoutLook) {
                condition.lower();
            }
        }
        const bool came = signalled;
        mutex.unlock();
        return came;
    }
};

/// A thread waits once, or `rounds` times with a parker each; its parker goes when it has been told.
Scenario parker(ParkerBug bug, int rounds, bool gives_up) {
    struct State {
        std::array<Parker, 3> parkers;
        std::array<Plain<int>, 3> news{0, 0, 0};
    };
    return [=](Execution& run) {
        auto& state = run.make<State>("parkers");
        run.thread("sleeper", [&state, bug, rounds, gives_up] {
            for (std::size_t i = 0; i < static_cast<std::size_t>(rounds); ++i) {
                if (state.parkers[i].wait(bug, gives_up)) {
                    require(state.news[i] == 1, "what came before is seen");
                    state.parkers[i].memory = 0;
                }
            }
        });
        run.thread("waker", [&state, bug, rounds] {
            for (std::size_t i = 0; i < static_cast<std::size_t>(rounds); ++i) {
                state.news[i] = 1;
                state.parkers[i].signal(bug);
            }
        });
    };
}

TEST(ThreadParkerModel, Once) {
    expect_holds(parker(ParkerBug::None, 1, false));
}
TEST(ThreadParkerModel, WithADeadline) {
    expect_holds(parker(ParkerBug::None, 1, true));
    expect_holds(parker(ParkerBug::None, 2, true));
}
TEST(ThreadParkerModel, Again) {
    expect_holds(parker(ParkerBug::None, 2, false));
    expect_holds(parker(ParkerBug::None, 3, false));
}
TEST(ThreadParkerModelMutant, NotifyUnlocked) {
    expect_found(parker(ParkerBug::NotifyUnlocked, 1, false), "");
}
TEST(ThreadParkerModelMutant, WaitsWithoutLook) {
    expect_found(parker(ParkerBug::WaitsWithoutLook, 1, false), "");
}
TEST(ThreadParkerModelMutant, SignalsWithoutLock) {
    expect_found(parker(ParkerBug::SignalsWithoutLock, 1, false), "data race");
}

}  // namespace
}  // namespace weft::model
