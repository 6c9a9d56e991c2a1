#include <gtest/gtest.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <stdexcept>
#include <string>
#include <thread>
#include <weft/run.hpp>
#include <weft/shield_scope.hpp>
#include <weft/sleep.hpp>
#include <weft/task.hpp>

#include "fiber/sanitizer.hpp"
#include "support/runtime_fixture.hpp"

// TSan keeps a signal until the fiber that ran when it came makes its next call, which is not the one
// that the thread runs now: there, none of this can be seen.
#if !WEFT_TSAN

namespace weft::test {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;

bool default_is_back() {
    struct sigaction action {};
    ::sigaction(SIGINT, nullptr, &action);
    return action.sa_handler == SIG_DFL;
}

// CPython: test_runners.RunnerTests.test_signal_cancel..., observed
// Goal: SIGINT cancels the main task; run() says so, when the task has cleaned up.
TEST_P(OnEveryRuntime, InterruptCancelsTheMainTask) {
    for (const bool asleep : {true, false}) {
        bool cleaned_up = false;
        EXPECT_THROW(
            run([&] {
                if (!asleep) {
                    ::kill(::getpid(), SIGINT);
                }
                std::thread sender([asleep] {
                    if (asleep) {
                        ::kill(::getpid(), SIGINT);
                    }
                });
                try {
                    sleep(hours(1));
                } catch (const CancelledError&) {
                    sleep(milliseconds(1));
                    cleaned_up = true;
                    sender.join();
                    throw;
                }
            }),
            KeyboardInterrupt
        );
        EXPECT_TRUE(cleaned_up);
        EXPECT_TRUE(default_is_back());
    }
}

// Goal: a task that ends with something else, or was cancelled by somebody else as well, is not said to
// have been interrupted.
TEST_P(OnEveryRuntime, InterruptThatIsNotTheReason) {
    EXPECT_EQ(
        run([] {
            try {
                ::kill(::getpid(), SIGINT);
                sleep(hours(1));
            } catch (const CancelledError&) {
            }
            return 5;
        }),
        5
    );
    EXPECT_THROW(
        run([] {
            try {
                ::kill(::getpid(), SIGINT);
                sleep(hours(1));
            } catch (const CancelledError&) {
                throw std::runtime_error("its own");
            }
        }),
        std::runtime_error
    );
    EXPECT_THROW(
        run([] {
            try {
                ::kill(::getpid(), SIGINT);
                sleep(hours(1));
            } catch (const CancelledError&) {
                current_task().cancel("somebody else");
                sleep(hours(1));
            }
        }),
        CancelledError
    );
}

// Goal: what the program has chosen for SIGINT stays, and so it does with handle_sigint off and on
// another thread than the main one.
TEST_P(OnEveryRuntime, InterruptLeavesOthersHandlersAlone) {
    static volatile std::sig_atomic_t seen = 0;
    seen = 0;
    ::signal(SIGINT, [](int) { seen = 1; });
    run([] {
        ::kill(::getpid(), SIGINT);
        sleep(milliseconds(1));
    });
    EXPECT_EQ(seen, 1);
    ::signal(SIGINT, SIG_DFL);
    RuntimeOptions without = options();
    without.handle_sigint = false;
    weft::run([] { EXPECT_TRUE(default_is_back()); }, without);
    std::thread([] { run([] { EXPECT_TRUE(default_is_back()); }); }).join();
}

// Goal: a second SIGINT ends a program that does not react to the first.
void react_to_the_first_only() {
    RuntimeOptions options;
    options.workers = 1;
    options.pin = Pin::None;
    weft::run(
        [] {
            ::kill(::getpid(), SIGINT);
            try {
                sleep(hours(1));
            } catch (const CancelledError&) {
                ::kill(::getpid(), SIGINT);
                for (;;) {
                    ::pause();
                }
            }
        },
        options
    );
}

TEST(InterruptDeathTest, TheSecondEndsTheProcess) {
    GTEST_FLAG_SET(death_test_style, "threadsafe");  // a new process, not a copy of this one
    EXPECT_EXIT(react_to_the_first_only(), ::testing::KilledBySignal(SIGINT), "");
}

}  // namespace
}  // namespace weft::test

#endif
