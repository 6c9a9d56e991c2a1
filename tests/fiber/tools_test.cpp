#include <gtest/gtest.h>

#include <cstdlib>
#include <memory>
#include <string>
#include <utility>
#include <vector>
#include <weft/future.hpp>
#include <weft/run.hpp>
#include <weft/sleep.hpp>
#include <weft/task.hpp>

#include "fiber/sanitizer.hpp"
#include "support/runtime_fixture.hpp"

// Goal: the tools see inside of tasks. That they report nothing false is what the rest of the tests
// shows when they run under them; here each has to find a planted fault. valgrind has both in
// tests/hazards/valgrind.

namespace weft::test {
namespace {

#if WEFT_ASAN || WEFT_TSAN
/// Adds to a sanitizer's options; the program is run anew for a test of a death.
void add_options(const char* name, const std::string& options) {
    const char* const given = std::getenv(name);
    ::setenv(name, ((given != nullptr ? std::string(given) + ":" : "") + options).c_str(), 1);
}

RuntimeOptions two_loops(bool hop) {
    RuntimeOptions options;
    options.workers = 2;
    options.hop = hop;
    options.pin = Pin::None;
    return options;
}
#endif

#if WEFT_ASAN

/// A pointer to a frame that is gone when it returns.
[[gnu::noinline]] int* dangling() {
    volatile int local = 42;
    int* address = const_cast<int*>(&local);
    asm volatile("" : "+r"(address));
    return address;
}

void use_after_return(bool hop) {
    weft::run(
        [] {
            await(spawn([] {
                yield();
                int* const address = dangling();
                yield();
                static_cast<void>(*static_cast<volatile int*>(address));
            }));
        },
        two_loops(hop)
    );
}

TEST(ToolsDeathTest, AsanFindsUseAfterReturnInATask) {
    add_options("ASAN_OPTIONS", "detect_stack_use_after_return=1");
    EXPECT_DEATH(use_after_return(false), "stack-use-after-return");
    EXPECT_DEATH(use_after_return(true), "stack-use-after-return");
}

void use_of_a_neighbour() {
    weft::run(
        [] {
            await(spawn([] {
                volatile char text[16];
                yield();
                volatile char* past = text + sizeof text;  // UBSan would stop at text[16] before
                asm volatile("" : "+r"(past));
                *past = 1;
            }));
        },
        two_loops(true)
    );
}

TEST(ToolsDeathTest, AsanFindsABufferOverflowInATask) {
    EXPECT_DEATH(use_of_a_neighbour(), "stack-buffer-overflow");
}

/// Keeps a block until it is told; the only pointer to it is on the task's stack.
[[gnu::noinline]] void hold_a_block(const Future<void>& end) {
    auto* volatile block = static_cast<char*>(std::malloc(777));
    block[0] = 1;
    await(end);
    std::free(block);
}

[[gnu::noinline]] void lose_a_block() {
    auto* volatile block = static_cast<char*>(std::malloc(888));
    block[0] = 1;
    block = nullptr;
    yield();
}

/// Ends the process with 0 when what parked tasks hold is no leak, and what one lost is.
void check_for_leaks() {
    const bool found_none = weft::run(
        [] {
            const Future<void> end;
            std::vector<Task<void>> tasks;
            for (int i = 0; i < 20; ++i) {
                const auto body = [&end] { hold_a_block(end); };
                tasks.push_back(i % 2 == 0 ? create_task(body) : spawn(body));
            }
            settle();
            const bool none = __lsan_do_recoverable_leak_check() == 0;
            end.set_result();
            for (const auto& task : tasks) {
                await(task);
            }
            return none;
        },
        two_loops(true)
    );
    weft::run([] { await(spawn(lose_a_block)); }, two_loops(true));
    const bool found_one = __lsan_do_recoverable_leak_check() != 0;
    std::_Exit((found_none ? 0 : 1) + (found_one ? 0 : 2));
}

TEST(ToolsDeathTest, LsanFindsWhatATaskLostAndNotWhatItHolds) {
    // With it, locals lie in memory of ASan's own, where LSan does not look for pointers while the
    // stack they belong to is not being run on.
    add_options("ASAN_OPTIONS", "detect_stack_use_after_return=0");
    EXPECT_EXIT(check_for_leaks(), testing::ExitedWithCode(0), "Direct leak of 888 byte");
}

#endif

#if WEFT_TSAN

constexpr int kRaceExitCode = 66;

/// Two tasks that write to the same place with nothing between them.
void race(bool hop) {
    weft::run(
        [] {
            int shared = 0;
            const auto body = [&shared] {
                for (int i = 0; i < 200; ++i) {
                    ++shared;
                    yield();
                }
            };
            auto one = spawn(body);
            auto two = spawn(body);
            await(one);
            await(two);
        },
        two_loops(hop)
    );
}

// Goal: what TSan keeps of a stack does not grow with each task that starts on it (it has room for
// 65,536 calls).
TEST(Tools, TsanFollowsAStackForEver) {
    weft::run(
        [] {
            for (int i = 0; i < 100'000; ++i) {
                await(create_task([] { yield(); }));
            }
        },
        two_loops(false)
    );
}

// In hop mode the two meet on different threads; on one thread each switch orders them.
TEST(ToolsDeathTest, TsanFindsARaceOfTwoTasks) {
    add_options("TSAN_OPTIONS", "halt_on_error=1:exitcode=" + std::to_string(kRaceExitCode));
    EXPECT_EXIT(race(true), testing::ExitedWithCode(kRaceExitCode), "data race");
}

#endif

}  // namespace
}  // namespace weft::test
