#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <memory>
#include <ostream>
#include <stdexcept>
#include <streambuf>
#include <utility>
#include <vector>
#include <weft/event.hpp>
#include <weft/future.hpp>
#include <weft/loop.hpp>
#include <weft/run.hpp>
#include <weft/sleep.hpp>
#include <weft/task.hpp>

#include "support/runtime_fixture.hpp"

// Goal: tasks that wait when the runtime ends are cancelled, and unwound by that like by any
// exception; none is unwound by force, none is forgotten, whatever it does about it.

namespace weft::test {
namespace {

using std::chrono::hours;
using std::chrono::microseconds;
using std::chrono::milliseconds;

/// Counts how often each of many objects is destroyed.
class Ledger {
public:
    explicit Ledger(std::size_t most = 4'096) : destroyed_(most) {}

    /// An object of a task: destroyed once, when it goes out of scope there.
    class Entry {
    public:
        explicit Entry(Ledger& ledger) : ledger_(&ledger), number_(ledger.made_.fetch_add(1)) {}
        Entry(Entry&& other) noexcept
            : ledger_(std::exchange(other.ledger_, nullptr)), number_(other.number_) {}
        Entry(const Entry&) = delete;
        Entry& operator=(const Entry&) = delete;
        ~Entry() {
            if (ledger_ != nullptr) {
                ledger_->destroyed_.at(number_).fetch_add(1);
            }
        }

    private:
        Ledger* ledger_;
        std::size_t number_;
    };

    [[nodiscard]] Entry entry() { return Entry(*this); }
    [[nodiscard]] std::size_t made() const { return made_.load(); }
    /// How many were destroyed `times` times.
    [[nodiscard]] std::size_t destroyed(int times) const {
        return static_cast<std::size_t>(std::count_if(
            destroyed_.begin(),
            destroyed_.begin() + static_cast<std::ptrdiff_t>(made()),
            [&](const std::atomic<int>& count) { return count.load() == times; }
        ));
    }

private:
    std::atomic<std::size_t> made_{0};
    std::vector<std::atomic<int>> destroyed_;
};

// ---------------------------------------------------------------------------------------------
// Shapes of tasks that wait. Each returns or throws soon after it was cancelled.

void sleeps(Ledger& ledger) {
    const auto entry = ledger.entry();
    sleep(hours(1));
}

void waits_for_a_future(Ledger& ledger) {
    const auto entry = ledger.entry();
    const Future<int> never;
    static_cast<void>(await(never));
}

void waits_for_an_event(Ledger& ledger) {
    const auto entry = ledger.entry();
    Event never;
    never.wait();
}

void waits_for_a_child(Ledger& ledger) {
    const auto entry = ledger.entry();
    await(spawn([&ledger] { sleeps(ledger); }));
}

void waits_for_a_pinned_child(Ledger& ledger) {
    const auto entry = ledger.entry();
    await(create_task([&ledger] { waits_for_a_future(ledger); }));
}

void waits_for_a_chain(Ledger& ledger, int length) {
    const auto entry = ledger.entry();
    if (length == 0) {
        sleep(hours(1));
    }
    await(spawn([&ledger, length] { waits_for_a_chain(ledger, length - 1); }));
}

void catches_all_and_rethrows(Ledger& ledger) {
    const auto outer = ledger.entry();
    try {
        const auto inner = ledger.entry();
        sleep(hours(1));
    } catch (...) {
        const auto handler = ledger.entry();
        throw;
    }
}

void catches_all_and_returns(Ledger& ledger) {
    try {
        const auto inner = ledger.entry();
        sleep(hours(1));
    } catch (...) {
        const auto handler = ledger.entry();
    }
}

void catches_what_it_is_not(Ledger& ledger) {
    try {
        const auto inner = ledger.entry();
        sleep(hours(1));
    } catch (const std::exception&) {
        ADD_FAILURE() << "a cancellation is no std::exception";
    }
}

void translates(Ledger& ledger) {
    try {
        const auto inner = ledger.entry();
        sleep(hours(1));
    } catch (...) {
        throw std::runtime_error("translated");
    }
}

void is_noexcept(Ledger& ledger) noexcept {
    const auto outer = ledger.entry();
    try {
        const auto inner = ledger.entry();
        sleep(hours(1));
    } catch (const CancelledError&) {
    }
}

void swallows_once(Ledger& ledger) {
    try {
        const auto first = ledger.entry();
        sleep(hours(1));
    } catch (const CancelledError&) {
    }
    const auto second = ledger.entry();
    sleep(hours(1));
}

void takes_it_back(Ledger& ledger) {
    try {
        const auto inner = ledger.entry();
        sleep(hours(1));
    } catch (const CancelledError&) {
        current_task().uncancel();
    }
    const auto after = ledger.entry();
    yield();
}

void cleans_up_by_waiting(Ledger& ledger) {
    try {
        const auto inner = ledger.entry();
        sleep(hours(1));
    } catch (const CancelledError&) {
        const auto handler = ledger.entry();
        sleep(microseconds(100));
        await(spawn([] { yield(); }));
        throw;
    }
}

/// Waits in its destructor, also while a cancellation passes.
struct WaitsWhenDestroyed {
    void (*wait)();
    Ledger::Entry entry;
    ~WaitsWhenDestroyed() { wait(); }
};

void yields_in_a_destructor(Ledger& ledger) {
    const WaitsWhenDestroyed waits{[] { yield(); }, ledger.entry()};
    sleep(hours(1));
}

void sleeps_in_a_destructor(Ledger& ledger) {
    const WaitsWhenDestroyed waits{[] { sleep(milliseconds(1)); }, ledger.entry()};
    const auto entry = ledger.entry();
    sleep(hours(1));
}

void awaits_in_a_destructor(Ledger& ledger) {
    const auto await_a_child = [] {
        try {
            await(spawn([] { sleep(microseconds(100)); }));
        } catch (const CancelledError&) {
            // The end of the runtime cancels the child too when it finds it waiting, and awaiting a task
            // that was cancelled throws, as awaiting one that failed does.
        }
    };
    const WaitsWhenDestroyed waits{await_a_child, ledger.entry()};
    sleep(hours(1));
}

void waits_while_another_exception_passes(Ledger& ledger) {
    try {
        const WaitsWhenDestroyed waits{[] { sleep(milliseconds(30)); }, ledger.entry()};
        throw std::runtime_error("passes");
    } catch (const std::runtime_error&) {
        const auto entry = ledger.entry();
        sleep(hours(1));
    }
}

void waits_in_a_handler(Ledger& ledger) {
    try {
        throw std::runtime_error("caught");
    } catch (const std::runtime_error&) {
        const auto entry = ledger.entry();
        sleep(hours(1));
    }
}

void never_rests(Ledger& ledger) {
    const auto entry = ledger.entry();
    for (;;) {
        yield();
    }
}

void holds_much(Ledger& ledger) {
    std::vector<std::unique_ptr<Ledger::Entry>> entries;
    for (int i = 0; i < 5; ++i) {
        entries.push_back(std::make_unique<Ledger::Entry>(ledger));
    }
    sleep(hours(1));
}

/// A buffer that has to wait for room. libstdc++ swallows what it throws, unless told not to.
class WaitingBuffer : public std::streambuf {
    int_type overflow(int_type) override {
        sleep(hours(1));
        return traits_type::eof();
    }
};

void writes_to_a_stream(Ledger& ledger) {
    const auto entry = ledger.entry();
    WaitingBuffer buffer;
    std::ostream stream(&buffer);
    stream.exceptions(std::ios::badbit);
    stream << "text";
}

void writes_to_a_stream_that_swallows(Ledger& ledger) {
    const auto entry = ledger.entry();
    WaitingBuffer buffer;
    std::ostream stream(&buffer);
    stream << "text";
    EXPECT_TRUE(stream.bad());
    EXPECT_GE(current_task().cancelling(), 1U);  // the way to see it
}

struct Ending {
    const char* name;
    void (*body)(Ledger&);
    bool fails = false;  // ends with an error that nobody looks at
};

constexpr std::array kEndings{
    Ending{"sleeps", sleeps},
    Ending{"waits_for_a_future", waits_for_a_future},
    Ending{"waits_for_an_event", waits_for_an_event},
    Ending{"waits_for_a_child", waits_for_a_child},
    Ending{"waits_for_a_pinned_child", waits_for_a_pinned_child},
    Ending{"waits_for_a_chain", [](Ledger& ledger) { waits_for_a_chain(ledger, 5); }},
    Ending{"catches_all_and_rethrows", catches_all_and_rethrows},
    Ending{"catches_all_and_returns", catches_all_and_returns},
    Ending{"catches_what_it_is_not", catches_what_it_is_not},
    Ending{"translates", translates, true},
    Ending{"is_noexcept", [](Ledger& ledger) { is_noexcept(ledger); }},
    Ending{"swallows_once", swallows_once},
    Ending{"takes_it_back", takes_it_back},
    Ending{"cleans_up_by_waiting", cleans_up_by_waiting},
    Ending{"yields_in_a_destructor", yields_in_a_destructor},
    Ending{"sleeps_in_a_destructor", sleeps_in_a_destructor},
    Ending{"awaits_in_a_destructor", awaits_in_a_destructor},
    Ending{"waits_while_another_exception_passes", waits_while_another_exception_passes},
    Ending{"waits_in_a_handler", waits_in_a_handler},
    Ending{"never_rests", never_rests},
    Ending{"holds_much", holds_much},
    Ending{"writes_to_a_stream", writes_to_a_stream},
    Ending{"writes_to_a_stream_that_swallows", writes_to_a_stream_that_swallows},
};

/// Starts `copies` tasks of an ending, pinned and stealable in turn.
void start(const Ending& ending, int copies, Ledger& ledger) {
    for (int i = 0; i < copies; ++i) {
        const auto body = [&ending, &ledger, entry = std::make_shared<Ledger::Entry>(ledger)] {
            ending.body(ledger);
        };
        static_cast<void>(i % 2 == 0 ? create_task(body, ending.name) : spawn(body, ending.name));
    }
}

/// Until the tasks have made `count` entries: then each has begun.
void let_them_begin(const Ledger& ledger, std::size_t count) {
    while (ledger.made() < count) {
        sleep(microseconds(100));
    }
    sleep(milliseconds(5));  // most of them wait by then; all others are as good
}

void expect_all_destroyed_once(const Ledger& ledger) {
    EXPECT_EQ(ledger.destroyed(1), ledger.made());
    EXPECT_EQ(ledger.destroyed(0), 0U);
}

// Goal: each ending alone, so that a failure has a name.
TEST_P(OnEveryRuntime, ShutdownUnwindsEachShape) {
    for (const Ending& ending : kEndings) {
        SCOPED_TRACE(ending.name);
        const LogCapture log;
        Ledger ledger;
        run([&] {
            start(ending, 4, ledger);
            let_them_begin(ledger, 8);
        });
        expect_all_destroyed_once(ledger);
        EXPECT_EQ(log.count("shutdown gave up"), 0);
        EXPECT_EQ(log.count("translated"), ending.fails ? 4 : 0);
    }
    expect_unseen(4);
}

// Goal: all at once, and also those that have not started.
TEST_P(OnEveryRuntime, ShutdownUnwindsAllShapesTogether) {
    std::uint64_t translated = 0;
    for (const bool started : {true, false}) {
        const LogCapture log;
        Ledger ledger;
        run([&] {
            for (const Ending& ending : kEndings) {
                start(ending, 4, ledger);
            }
            if (started) {
                let_them_begin(ledger, 8 * kEndings.size());
            }
        });
        expect_all_destroyed_once(ledger);
        EXPECT_EQ(log.count("shutdown gave up"), 0);
        translated += static_cast<std::uint64_t>(log.count("translated"));
    }
    expect_unseen(translated);
}

// Goal: the end of many does not take long: 10,000 tasks of all shapes are gone within a second. The shortest of
// three tries counts, as the machine may be busy with something else in one.
TEST(ShutdownTest, TenThousandTasksEndInASecond) {
    const int copies = scaled_tasks(10'000) / static_cast<int>(kEndings.size()) + 1;
    const std::size_t tasks = kEndings.size() * static_cast<std::size_t>(copies);
    milliseconds shortest = milliseconds::max();
    std::uint64_t translated = 0;
    for (int i = 0; i < 3; ++i) {
        const LogCapture log;
        Ledger ledger(10 * tasks);
        RuntimeOptions options;
        options.workers = 4;
        options.pin = Pin::None;
        options.shutdown_timeout = std::chrono::minutes(1);  // how long it may take is asked below
        Runtime runtime(options);
        runtime.start();
        runtime.run([&] {
            for (const Ending& ending : kEndings) {
                start(ending, copies, ledger);
            }
            let_them_begin(ledger, 2 * tasks);
        });
        const auto before = std::chrono::steady_clock::now();
        runtime.shutdown();
        shortest = std::min(
            shortest,
            std::chrono::duration_cast<milliseconds>(std::chrono::steady_clock::now() - before)
        );
        expect_all_destroyed_once(ledger);
        EXPECT_EQ(log.count("shutdown gave up"), 0);
        translated += static_cast<std::uint64_t>(log.count("translated"));
    }
    expect_unseen(translated);
    RecordProperty("tasks", static_cast<int>(tasks));
    RecordProperty("milliseconds", static_cast<int>(shortest.count()));
    std::printf("shutdown of %zu tasks: %d ms\n", tasks, static_cast<int>(shortest.count()));
#ifdef __OPTIMIZE__
    if (!kAsan && !kTsan) {
        EXPECT_LE(shortest, std::chrono::seconds(1));
    }
#endif
}

// ---------------------------------------------------------------------------------------------
// While an exception passes, a cancellation is only marked (R7): thrown, it would end the process.

/// Waits in its destructor and says whether that threw.
struct CatchesWhenDestroyed {
    const std::function<void()>& wait;
    bool& threw;
    ~CatchesWhenDestroyed() {
        try {
            wait();
        } catch (const CancelledError&) {
            threw = true;
        }
    }
};

/// Cancels a task that is in `wait` while an exception passes, calls `release`, and expects that
/// the cancellation is thrown by its next wait and no earlier. `early`: cancelled before it waits.
void expect_masked(
    bool early,
    bool stealable,
    const std::function<void()>& wait,
    const std::function<void()>& release
) {
    bool threw = false;
    bool came = false;
    const Future<void> go;
    const auto body = [&] {
        if (!early) {
            await(go);
        }
        try {
            const CatchesWhenDestroyed waits{wait, threw};
            if (early) {
                current_task().cancel();
            }
            throw std::runtime_error("passes");
        } catch (const std::runtime_error&) {
            try {
                yield();
            } catch (const CancelledError&) {
                came = true;
            }
        }
    };
    auto task = stealable ? spawn(body) : create_task(body);
    settle();
    if (!early) {
        go.set_result();
        settle();
        EXPECT_TRUE(task.cancel());
    }
    settle();
    release();
    await(task);
    EXPECT_FALSE(threw);
    EXPECT_TRUE(came);
}

TEST_P(OnEveryRuntime, CancellationIsNotThrownWhileUnwinding) {
    run([] {
        for (const bool early : {false, true}) {
            for (const bool stealable : {false, true}) {
                {
                    const Future<void> future;
                    expect_masked(
                        early,
                        stealable,
                        [&] { await(future); },
                        [&] {
                            EXPECT_FALSE(future.cancelled());
                            future.set_result();
                        }
                    );
                }
                {
                    Event event;
                    expect_masked(
                        early, stealable, [&] { event.wait(); }, [&] { event.set(); }
                    );
                }
                {
                    std::atomic<bool> end{false};
                    expect_masked(
                        early,
                        stealable,
                        [&] {
                            while (!end) {
                                sleep(milliseconds(5));  // long enough to be found waiting
                            }
                        },
                        [&] { end = true; }
                    );
                }
                {
                    // A child, which runs in place where that can be: it is not cancelled, either.
                    const Future<void> future;
                    expect_masked(
                        early,
                        stealable,
                        [&] { await(spawn([&] { await(future); })); },
                        [&] {
                            EXPECT_FALSE(future.cancelled());
                            future.set_result();
                        }
                    );
                }
            }
        }
    });
}

// ---------------------------------------------------------------------------------------------
// Those that do not end

/// Ends with 0 when shutdown names a task that swallows everything and leaves it as it is.
void give_up_on_a_task() {
    RuntimeOptions options;
    options.workers = 2;
    options.shutdown_timeout = milliseconds(50);
    static Ledger ledger;
    {
        const LogCapture log;
        weft::run(
            [] {
                for (const bool pinned : {true, false}) {
                    const auto body = [entry = std::make_shared<Ledger::Entry>(ledger)] {
                        for (;;) {
                            try {
                                const auto inner = ledger.entry();
                                sleep(hours(1));
                            } catch (...) {
                            }
                        }
                    };
                    pinned ? create_task(body, "stubborn-1") : spawn(body, "stubborn-2");
                }
                let_them_begin(ledger, 4);
            },
            options
        );
        if (log.count("shutdown gave up") != 1 || log.count("stubborn-1") != 1 ||
            log.count("stubborn-2") != 1) {
            std::_Exit(1);
        }
    }
    // The two callables and the object of the loop that each is in now are as they were.
    std::_Exit(ledger.destroyed(0) == 4 && ledger.destroyed(1) == ledger.made() - 4 ? 0 : 2);
}

TEST(ShutdownDeathTest, LeavesATaskThatDoesNotEndAlone) {
    EXPECT_EXIT(give_up_on_a_task(), ::testing::ExitedWithCode(0), "");
}

}  // namespace
}  // namespace weft::test
