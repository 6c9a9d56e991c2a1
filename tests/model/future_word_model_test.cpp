#include <gtest/gtest.h>

#include <array>
#include <cstdint>
#include <weft/detail/future_word.hpp>

#include "base/atomic.hpp"
#include "model/expect.hpp"

// The one word of a future or a task: who waits is told once, who finds it done finds the result, the last who
// refers to it ends it, and nobody comes to it after that. The code is the real one.

namespace weft::model {
namespace {

using detail::Status;
using rt::acq_rel;
using rt::acquire;
using rt::relaxed;

constexpr const char* kFile = "future_word.hpp";
constexpr Limits kTwo{.preemptions = 2, .stale_reads = 2};
constexpr std::array kUsers{"user 0", "user 1"};
// So few that more are soon too many: 48 of them. A chunk is 16; release takes it back when 4 are left, which is
// enough for three threads.
constexpr unsigned kReferenceBits = 6;

struct Listener {
    Plain<Listener*> next{nullptr};
    int told = 0;
};

enum class Bug {
    None,
    TellsWithoutReference,  ///< who has finished it tells those who wait, and holds nothing
    TakesOfDone,            ///< one who has no reference takes one of what is done
    MarkSeenFirst,          ///< the task looks for a cancellation before it takes the news of one
    NoNote,                 ///< a canceller does not note that it has marked the task
    NoteFirst,              ///< or does so before it marks it
};

template <unsigned ReferenceBits>
struct FutureOf {
    FutureOf(Bug planted, std::uint64_t references) : bug(planted), word(references) {}

    void use() const { static_cast<void>(static_cast<int>(memory)); }

    bool subscribe(Listener& listener) {
        use();
        return word.subscribe(
            reinterpret_cast<std::uintptr_t>(&listener),
            [&listener](std::uintptr_t older) {
                listener.next = reinterpret_cast<Listener*>(older);
            }
        );
    }
    void tell(std::uintptr_t newest) {
        for (auto* one = reinterpret_cast<Listener*>(newest); one != nullptr;) {
            Listener* const next = one->next;
            use();  // a listener may look at the future
            require(++one->told == 1, "a listener is told once");
            one = next;
        }
    }
    /// FutureState::finish.
    void finish() {
        result = 42;
        const auto finished = word.finish(Status::Value);
        if (!finished.kept) {
            return;
        }
        if (bug == Bug::TellsWithoutReference) {
            drop();
            tell(finished.waiting);
            return;
        }
        tell(finished.waiting);
        drop();
    }
    /// TaskState::end_body, of one whose cancellation is marked in `mark`.
    void finish_task() {
        use();
        result = 42;
        const bool early = mark.load(relaxed) != 0;
        const auto finished = word.finish_task([this, early] {
            const bool marked = bug == Bug::MarkSeenFirst ? early : mark.load(relaxed) != 0;
            return marked ? Status::Cancelled : Status::Value;
        });
        if (finished.kept) {
            tell(finished.waiting);
            drop();
        } else if (finished.last) {
            end();
        }
    }
    /// The last one ends it, and the record is used again if there is another life.
    void drop() {
        if (word.release()) {
            end();
        }
    }
    void end() {
        memory = 0;
        word.retire();
        if (lives < most_lives) {
            ++lives;
            memory = lives;
            word.begin(1);
        }
    }

    const Bug bug;
    int most_lives = 1;
    int lives = 1;
    detail::FutureWord<Atomic, ReferenceBits> word;
    Atomic<int> mark{0};
    Plain<int> memory{1};
    Plain<int> result{0};
    std::array<Listener, 2> listeners;
    bool told = false;
    int thrown = 0;
};

using Future = FutureOf<kReferenceBits>;

// ---- those who wait

Scenario subscribers(int count) {
    return [=](Execution& run) {
        auto& state = run.make<Future>("future", Bug::None, std::uint64_t{1});
        run.thread("finisher", [&state] { state.finish(); });
        for (std::size_t i = 0; i < static_cast<std::size_t>(count); ++i) {
            run.thread(kUsers[i], [&state, i] {
                if (!state.subscribe(state.listeners[i])) {
                    require(state.result == 42, "who comes too late finds the result");
                    state.listeners[i].told = 1;
                }
            });
        }
        run.at_end([&state, count] {
            for (std::size_t i = 0; i < static_cast<std::size_t>(count); ++i) {
                require(state.listeners[i].told == 1, "everybody learns of the end");
            }
        });
    };
}

/// The finisher has no handle of its own: the owners drop theirs as soon as it is done, though somebody has
/// yet to be told.
Scenario dropped_when_done(Bug bug, int owners, bool with_subscriber) {
    return [=](Execution& run) {
        auto& state = run.make<Future>("future", bug, static_cast<std::uint64_t>(owners));
        run.thread("finisher", [&state] { state.finish(); });
        for (std::size_t i = 0; i < static_cast<std::size_t>(owners); ++i) {
            run.thread(kUsers[i], [&state, i, with_subscriber] {
                if (with_subscriber) {
                    static_cast<void>(state.subscribe(state.listeners[i]));
                }
                while (i == 0 ? !state.word.done() : state.word.status() == Status::Pending) {
                    pass();
                }
                require(state.result == 42, "who finds it done finds the result");
                state.use();
                state.drop();
            });
        }
        run.at_end([&state] { require(state.memory == 0, "it has been ended"); });
    };
}

TEST(FutureWord, Subscribers) {
    expect_holds(subscribers(1));
    expect_holds(subscribers(2));
}
TEST(FutureWord, DroppedWhenDone) {
    expect_holds(dropped_when_done(Bug::None, 1, false));
    expect_holds(dropped_when_done(Bug::None, 1, true));
    expect_holds(dropped_when_done(Bug::None, 2, false));
    expect_holds(dropped_when_done(Bug::None, 2, true), kTwo);
}
TEST(FutureWordMutant, TellsWithoutReference) {
    expect_found(dropped_when_done(Bug::TellsWithoutReference, 1, true), "data race");
}
TEST(FutureWordMutant, SubscribeWithoutRelease) {
    expect_found(subscribers(1), {kFile, "subscribe", Mutation::Change::NoRelease}, "data race");
}
TEST(FutureWordMutant, DoneWithoutAcquire) {
    expect_found(
        dropped_when_done(Bug::None, 1, false),
        {kFile, "done", Mutation::Change::NoAcquire},
        "data race"
    );
}
TEST(FutureWordMutant, ReleaseOfTheLastWithoutAcquire) {
    expect_found(
        dropped_when_done(Bug::None, 2, false),
        {kFile, "release", Mutation::Change::NoAcquire, "load"},
        "data race"
    );
}

// ---- a task that ends, its handles, and one who walks the records

Scenario record(Bug bug, int handles, int walkers, int lives) {
    return [=](Execution& run) {
        auto& state = run.make<Future>("record", bug, static_cast<std::uint64_t>(handles) + 1);
        state.most_lives = lives;
        run.thread("task", [&state] { state.finish_task(); });
        for (std::size_t i = 0; i < static_cast<std::size_t>(handles); ++i) {
            run.thread("owner", [&state] {
                while (!state.word.done()) {
                    pass();
                }
                require(state.result == 42, "who finds it done finds the result");
                state.drop();
            });
        }
        for (std::size_t i = 0; i < static_cast<std::size_t>(walkers); ++i) {
            run.thread(kUsers[i], [&state, bug] {
                if (state.word.try_add_ref()) {
                    state.use();
                    require(state.memory != 0, "what is referred to is alive");
                    state.drop();
                } else if (bug == Bug::TakesOfDone && state.word.done()) {
                    state.word.add_ref();
                    state.use();
                    require(state.memory != 0, "what is referred to is alive");
                    state.drop();
                }
            });
        }
        run.at_end([&state, lives] {
            require(state.lives == lives, "it has been ended, and is used again");
            require(lives > 1 || state.memory == 0, "it has been ended");
        });
    };
}

TEST(FutureWord, ATaskThatNobodyHolds) {
    expect_holds(record(Bug::None, 0, 1, 1));
    expect_holds(record(Bug::None, 0, 2, 1), kTwo);
    expect_holds(record(Bug::None, 0, 1, 2));
}
TEST(FutureWord, ATaskAndItsHandle) {
    expect_holds(record(Bug::None, 1, 0, 1));
    expect_holds(record(Bug::None, 1, 1, 1));
    expect_holds(record(Bug::None, 1, 1, 2));
    expect_holds(record(Bug::None, 1, 2, 2), kTwo);
}
TEST(FutureWordMutant, TakesOfDone) {
    expect_found(record(Bug::TakesOfDone, 1, 1, 1), "");
}
TEST(FutureWordMutant, BeginWithoutRelease) {
    expect_found(
        record(Bug::None, 0, 1, 2), {kFile, "begin", Mutation::Change::NoRelease}, "data race"
    );
}
TEST(FutureWordMutant, DropWithoutOrder) {
    expect_found(
        record(Bug::None, 0, 1, 1),
        {kFile, "release", Mutation::Change::NoOrder, "fetch_sub"},
        "data race"
    );
}

// ---- a cancellation in the last step

/// `cancellers` come one after the other, against the task's end.
Scenario last_step(Bug bug, int cancellers) {
    return [=](Execution& run) {
        auto& state = run.make<Future>("task", bug, std::uint64_t{2});
        run.thread("task", [&state] {
            if (toss() && state.mark.load(relaxed) != 0) {
                state.thrown = state.mark.exchange(0, acq_rel);  // and its error was swallowed
            }
            state.finish_task();
        });
        run.thread("canceller", [&state, bug, cancellers] {
            for (int i = 0; i < cancellers; ++i) {
                if (bug == Bug::NoteFirst) {
                    state.told = state.word.note_cancel();
                }
                state.mark.fetch_or(1 << i, acq_rel);
                if (bug == Bug::NoNote) {
                    state.told = true;
                } else if (bug != Bug::NoteFirst) {
                    state.told =
                        state.word.note_cancel() || state.word.status() == Status::Cancelled;
                }
            }
        });
        run.at_end([&state, cancellers] {
            const bool cancelled = state.word.status() == Status::Cancelled;
            require(
                !state.told || (state.thrown & 1 << (cancellers - 1)) != 0 || cancelled,
                "who was told that it is asked to end is not shown its value"
            );
            require(!cancelled || state.told, "who asked first is told so");
        });
    };
}

TEST(FutureWord, CancelledInItsLastStep) {
    expect_holds(last_step(Bug::None, 1));
    expect_holds(last_step(Bug::None, 2));
}
TEST(FutureWordMutant, MarksOnly) {
    expect_found(last_step(Bug::NoNote, 1), "not shown");
}
TEST(FutureWordMutant, LooksForTheMarkFirst) {
    expect_found(last_step(Bug::MarkSeenFirst, 1), "not shown");
}
TEST(FutureWordMutant, NotesBeforeItMarks) {
    expect_found(last_step(Bug::NoteFirst, 1), "not shown");
}
TEST(FutureWordMutant, NoteWithoutRelease) {
    expect_found(
        last_step(Bug::None, 1), {kFile, "note_cancel", Mutation::Change::NoRelease}, "not shown"
    );
}

// ---- many references

/// Two who hold 24 together; one more is too many for a word that leaves room for two threads.
Scenario many(std::array<int, 2> more, int of_the_first) {
    return [=](Execution& run) {
        constexpr int kAll = 24;
        const std::array held{of_the_first, kAll - of_the_first};
        auto& state =
            run.make<FutureOf<kReferenceBits - 1>>("future", Bug::None, std::uint64_t{kAll});
        for (std::size_t user = 0; user < 2; ++user) {
            run.thread(kUsers[user], [&state, more = more[user], held = held[user]] {
                for (int i = 0; i < more; ++i) {
                    state.word.add_ref();
                }
                for (int i = 0; i < held + more; ++i) {
                    state.use();
                    state.drop();
                }
            });
        }
        run.at_end([&state] { require(state.memory == 0, "the last one ended it"); });
    };
}

/// Two give up some of theirs, both when few are left, and then the task ends.
Scenario many_of_a_task() {
    return [](Execution& run) {
        constexpr int kGivenUp = 16;
        auto& state = run.make<Future>("task", Bug::None, std::uint64_t{48});
        run.thread("task", [&state] { state.finish_task(); });
        for (std::size_t user = 0; user < 2; ++user) {
            run.thread(kUsers[user], [&state, user] {
                if (user == 0) {
                    state.word.add_ref();
                }
                for (int i = 0; i < kGivenUp; ++i) {
                    state.use();
                    state.drop();
                }
            });
        }
        run.at_end([&state] { require(state.memory == 1, "who refers to it finds it"); });
    };
}

TEST(FutureWord, ManyReferencesOfATask) {
    expect_holds(many_of_a_task(), {.preemptions = 2, .stale_reads = 0});
}
// One who does not know what is lent has to look that often until he takes himself for the last.
constexpr Limits kStale{.preemptions = 1, .stale_reads = 3};

TEST(FutureWord, ManyReferences) {
    expect_holds(many({1, 1}, 12), {.preemptions = 2, .stale_reads = 1});
    expect_holds(many({1, 0}, 2), kStale);
    expect_holds(many({5, 5}, 12), {.preemptions = 2, .stale_reads = 1});
}
TEST(FutureWordMutant, LendWithoutRelease) {
    expect_found(many({1, 0}, 2), {kFile, "lend", Mutation::Change::NoRelease}, "", kStale);
}

}  // namespace
}  // namespace weft::model
