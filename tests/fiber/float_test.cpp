#include <gtest/gtest.h>

#include <cfenv>
#include <chrono>
#include <cstdlib>
#include <vector>
#include <weft/loop.hpp>
#include <weft/sleep.hpp>
#include <weft/task.hpp>

#include "fiber/float_state.hpp"
#include "fiber/slab_table.hpp"
#include "hazards/walk.hpp"
#include "support/runtime_fixture.hpp"

namespace weft::test {
namespace {

/// Whether rounding mode and exception masks are as a program finds them when it starts.
bool is_default() {
    return rounds(FE_TONEAREST) && ::fegetexcept() == 0;
}

void spoil() {
    std::fesetround(FE_UPWARD);
    ::feenableexcept(FE_DIVBYZERO);
}

class SpoiledThread {
public:
    SpoiledThread() { spoil(); }
    SpoiledThread(const SpoiledThread&) = delete;
    SpoiledThread& operator=(const SpoiledThread&) = delete;
    ~SpoiledThread() { std::fesetenv(FE_DFL_ENV); }
};

/// The stack on which the caller stands.
[[gnu::noinline]] const rt::Stack* own_stack() {
    return rt::find_stack(__builtin_frame_address(0));
}

TEST(FloatStateTest, ChecksSeeEachMode) {
    for (const int mode : kRoundings) {
        std::fesetround(mode);
        EXPECT_EQ(std::fegetround(), mode);
        EXPECT_EQ(rounding_in_use(), mode);
    }
    std::fesetround(FE_TONEAREST);
}

TEST(FloatStateTest, ResetAndRestore) {
    spoil();
    const rt::FloatState spoiled = rt::FloatState::now();
    rt::FloatState::reset();
    EXPECT_TRUE(is_default());
    spoiled.restore();
    EXPECT_TRUE(rounds(FE_UPWARD));
    EXPECT_EQ(::fegetexcept(), FE_DIVBYZERO);
    rt::FloatState::reset();
    EXPECT_TRUE(is_default());
}

// Goal: a rounding mode is its task's, over suspensions of all kinds and on all threads.
TEST_P(OnEveryRuntime, FloatStateStaysWithItsTask) {
    run([] {
        std::vector<Task<void>> tasks;
        for (int i = 0; i < 16; ++i) {
            const auto body = [mode = kRoundings.at(static_cast<std::size_t>(i) % 4)] {
                EXPECT_TRUE(is_default());
                std::fesetround(mode);
                for (int k = 0; k < 20; ++k) {
                    yield();
                    EXPECT_TRUE(rounds(mode));
                }
                sleep(std::chrono::microseconds(100));
                EXPECT_TRUE(rounds(mode));
            };
            tasks.push_back(i < 8 ? create_task(body) : spawn(body));
        }
        for (const auto& task : tasks) {
            await(task);
            EXPECT_TRUE(is_default());
        }
    });
}

// Goal: a task starts with the default, whatever the last one on its stack left.
TEST_P(OnEveryRuntime, FloatStateOfANewTaskIsTheDefault) {
    run([] {
        std::vector<Task<void>> tasks;
        for (int i = 0; i < 64; ++i) {
            const auto body = [waits = i % 3 == 0] {
                EXPECT_TRUE(is_default());
                spoil();
                if (waits) {
                    yield();
                }
            };
            tasks.push_back(i % 2 == 0 ? create_task(body) : spawn(body));
        }
        for (const auto& task : tasks) {
            await(task);
        }
    });
}

// Goal: a callback is code of its own, too: it does not run with the mode of the task that
// happened to suspend before it, or of the callback before.
TEST_P(OnEveryRuntime, FloatStateOfACallbackIsTheDefault) {
    run([] {
        std::vector<bool> seen;
        const auto look = [&seen] {
            seen.push_back(is_default());
            spoil();
        };
        spoil();
        get_running_loop().call_soon(look);
        get_running_loop().call_soon(look);
        get_running_loop().call_later(std::chrono::microseconds(10), look);
        auto child = create_task([] { spoil(); });
        child.add_done_callback([&](const Future<void>&) { look(); });
        await(child);
        sleep(std::chrono::milliseconds(1));
        EXPECT_EQ(seen, std::vector<bool>(4, true));
        EXPECT_TRUE(rounds(FE_UPWARD));
    });
}

// Goal: a child that is called in its parent's place starts with the default, and the parent finds
// its own mode again; the same when it is not.
TEST_P(OnEveryRuntime, FloatStatesOfParentAndChildAreApart) {
    const WithoutHops without_hops;  // none of its tasks is to leave its parent's stack
    for (const char* const in_place : {"0", "1"}) {
        ::setenv("WEFT_IN_PLACE", in_place, 1);
        run([&] {
            const bool always = workers() == 1 && *in_place == '1';
            await(spawn([&] {
                std::fesetround(FE_UPWARD);
                for (const bool waits : {false, true}) {
                    bool called = false;
                    await(spawn([&called, waits, stack = own_stack()] {
                        called = own_stack() == stack;
                        EXPECT_TRUE(is_default());
                        std::fesetround(FE_DOWNWARD);
                        if (waits) {
                            yield();
                            EXPECT_TRUE(rounds(FE_DOWNWARD));
                        }
                    }));
                    EXPECT_TRUE(rounds(FE_UPWARD));
                    EXPECT_EQ(::fegetexcept(), 0);
                    EXPECT_TRUE(called || !always);
                    EXPECT_FALSE(called && *in_place == '0');
                }
            }));
        });
    }
    ::unsetenv("WEFT_IN_PLACE");
}

// Goal: the thread that calls run() keeps its own.
TEST_P(OnEveryRuntime, FloatStateOfThePlainThreadIsBackAfterRun) {
    const SpoiledThread spoiled;
    run([] {
        EXPECT_TRUE(is_default());
        std::fesetround(FE_DOWNWARD);
        yield();
        EXPECT_TRUE(rounds(FE_DOWNWARD));
    });
    EXPECT_TRUE(rounds(FE_UPWARD));
    EXPECT_EQ(::fegetexcept(), FE_DIVBYZERO);
}

}  // namespace
}  // namespace weft::test
