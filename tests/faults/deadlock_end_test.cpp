#include <gtest/gtest.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <thread>
#include <weft/event.hpp>
#include <weft/lock.hpp>
#include <weft/task.hpp>

#include "base/log.hpp"
#include "faults/deadlock.hpp"
#include "support/runtime_fixture.hpp"

// Goal: who is told of a deadlock, and what becomes of the process.

namespace weft::test {
namespace {

using namespace std::chrono_literals;

// TSan has a thread of its own, so that nobody can know.
const char* const kNobody =
    kTsan ? "only another thread of the program can wake one\n" : "no thread is left to wake one\n";

void wait_for_nothing() {
    Event().wait();
}

// Goal: where that is chosen, the process ends.
TEST(DeadlockDeathTest, EndsTheProcess) {
    for (const int workers : {1, 3}) {
        EXPECT_EXIT(
            weft::run(wait_for_nothing, options_of(workers, OnDeadlock::End)),
            ::testing::KilledBySignal(SIGABRT),
            std::string("weft: error: deadlock: all tasks wait, and ") + kNobody +
                "  1 tasks:\n    main  pinned to loop 0  waiting: Event.wait @0x[0-9a-f]+  spawned "
                "at "
        );
    }
}

/// Ends the process with 3 when something is said, or with 4 when nothing is for so long.
[[noreturn]] void run_until_said(void (*main)(), OnDeadlock on_deadlock, unsigned seconds) {
    rt::set_log_sink([](rt::LogLevel /*level*/, std::string_view text) {
        std::fprintf(stderr, "%.*s\n", static_cast<int>(text.size()), text.data());
        if (text.find("deadlock: ") != std::string_view::npos) {
            std::_Exit(3);
        }
    });
    struct sigaction action {};
    action.sa_handler = [](int) { std::_Exit(4); };
    ::sigaction(SIGALRM, &action, nullptr);
    ::alarm(seconds);
    weft::run(main, options_of(1, on_deadlock));
    std::_Exit(0);
}

// Goal: by default it is said where nobody is left who could wake one, and only there; how to learn who has
// the locks, too.
TEST(DeadlockDeathTest, IsSaidByDefaultWhereNoOtherThreadIs) {
    const auto with_a_thread = [] {
        const std::thread thread([] { std::this_thread::sleep_for(1h); });
        run_until_said(wait_for_nothing, OnDeadlock::Auto, 1);
    };
    // One that waits for a task itself is no other.
    const auto with_a_thread_that_waits = [] {
        Event never;
        const std::thread thread([&] { never.wait(); });
        run_until_said(wait_for_nothing, OnDeadlock::Auto, kTsan ? 1 : 30);
    };
    const auto with_a_lock = [] {
        run_until_said(
            [] {
                Lock lock;
                lock.acquire();
                lock.acquire();
            },
            OnDeadlock::Auto,
            kTsan ? 1 : 30
        );
    };
    const auto said = ::testing::ExitedWithCode(kTsan ? 4 : 3);
    const auto silent = ::testing::ExitedWithCode(4);
    EXPECT_EXIT(
        with_a_lock(), said, kTsan ? "^$" : "who has the locks and permits is known where "
    );
    EXPECT_EXIT(with_a_thread_that_waits(), said, kTsan ? "^$" : "no thread is left to wake one");
    EXPECT_EXIT(with_a_thread(), silent, "^$");
    EXPECT_EXIT(run_until_said(wait_for_nothing, OnDeadlock::Ignore, 1), silent, "^$");
}

// Goal: the environment chooses where the program has not, and a wrong word is told.
TEST(DeadlockDeathTest, TheEnvironmentMayChoose) {
    const auto with = [](const char* word, OnDeadlock chosen) {
        ::setenv("WEFT_DEADLOCK", word, 1);
        weft::run(wait_for_nothing, options_of(1, chosen));
    };
    EXPECT_EXIT(with("end", OnDeadlock::Auto), ::testing::KilledBySignal(SIGABRT), "deadlock: ");
    const auto against = [] {
        ::setenv("WEFT_DEADLOCK", "end", 1);
        run_until_said(wait_for_nothing, OnDeadlock::Ignore, 1);
    };
    EXPECT_EXIT(against(), ::testing::ExitedWithCode(4), "^$");
    EXPECT_EXIT(
        with("maybe", OnDeadlock::End),
        ::testing::KilledBySignal(SIGABRT),
        "WEFT_DEADLOCK=maybe is ignored: expected auto, ignore, report or end"
    );
}

}  // namespace
}  // namespace weft::test
