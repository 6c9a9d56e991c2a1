#include <gtest/gtest.h>

#include <chrono>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>
#include <weft/sleep.hpp>
#include <weft/staggered.hpp>
#include <weft/testing/virtual_time.hpp>

#include "support/runtime_fixture.hpp"

namespace weft::test {
namespace {

using std::chrono::hours;
using std::chrono::nanoseconds;
using std::chrono::seconds;

using Functions = std::vector<std::function<int()>>;

struct Staggered : OnEveryRuntime {
    template <class F>
    static auto run(F&& function) {
        return weft::testing::run_in_virtual_time(std::forward<F>(function), options());
    }
};

std::function<int()> after(int delay, int result) {
    return [=] {
        sleep(seconds(delay));
        return result;
    };
}
std::function<int()> failing(int delay) {
    return [=]() -> int {
        sleep(seconds(delay));
        throw std::runtime_error("refused");
    };
}
bool was_cancelled(const std::exception_ptr& error) {
    try {
        std::rethrow_exception(error);
    } catch (const CancelledError&) {
        return true;
    } catch (...) {
        return false;
    }
}

// Goal: the next is started after the delay; the first that returns wins and the others are cancelled.
TEST_P(Staggered, TheFirstThatReturnsWins) {
    run([] {
        const auto start = get_running_loop().time();
        const auto race =
            staggered_race(Functions{after(10, 1), after(2, 2), after(9, 3)}, seconds(3));
        EXPECT_EQ(get_running_loop().time() - start, seconds(5));
        EXPECT_EQ(race.winner, 1U);
        EXPECT_EQ(race.result, 2);
        ASSERT_EQ(race.exceptions.size(), 2U) << "the third was never started";
        EXPECT_TRUE(was_cancelled(race.exceptions[0]));
        EXPECT_EQ(race.exceptions[1], nullptr);
    });
}

// Goal: a failure starts the next at once, and only that of the newest.
TEST_P(Staggered, AFailureStartsTheNext) {
    run([] {
        const auto start = get_running_loop().time();
        const auto race =
            staggered_race(Functions{failing(4), failing(2), after(5, 3), after(1, 4)}, seconds(3));
        // 0: first; 3: second; 4: the first fails, which starts nobody; 5: third; 8: fourth; 9: wins.
        EXPECT_EQ(get_running_loop().time() - start, seconds(9));
        EXPECT_EQ(race.winner, 3U);
        EXPECT_EQ(race.exceptions.size(), 4U);
    });
}

// Goal: without a delay only failures start the next; when all have failed nobody has won.
TEST_P(Staggered, WithoutADelayAndWithoutAWinner) {
    run([] {
        const auto start = get_running_loop().time();
        const auto race = staggered_race(Functions{failing(1), failing(2)}, std::nullopt);
        EXPECT_EQ(get_running_loop().time() - start, seconds(3));
        EXPECT_FALSE(race.winner);
        EXPECT_FALSE(race.result);
        ASSERT_EQ(race.exceptions.size(), 2U);
        EXPECT_FALSE(was_cancelled(race.exceptions[0]));
        const auto nothing = staggered_race(Functions(), seconds(1));
        EXPECT_FALSE(nothing.winner);
        EXPECT_TRUE(nothing.exceptions.empty());
    });
}

// Goal: a cancellation reaches all that run, and they have ended when it comes out, also when it comes
// twice.
TEST_P(Staggered, Cancellation) {
    run([] {
        int ended = 0;
        auto race = create_task([&] {
            const auto stubborn = [&ended] {
                try {
                    sleep(hours(1));
                } catch (const CancelledError&) {
                    try {
                        sleep(seconds(5));
                    } catch (const CancelledError&) {
                    }
                    ++ended;
                    throw;
                }
                return 0;
            };
            static_cast<void>(staggered_race(Functions{stubborn, stubborn}, seconds(1)));
        });
        sleep(seconds(3));
        race.cancel();
        sleep(seconds(1));
        race.cancel();
        EXPECT_THROW(await(race), CancelledError);
        EXPECT_EQ(ended, 2);
    });
}

// Goal: results that can only be moved, and none at all.
TEST_P(Staggered, Results) {
    run([] {
        const auto make = [] { return std::make_unique<int>(6); };
        auto race = staggered_race(std::vector{make}, nanoseconds(1));
        EXPECT_EQ(**race.result, 6);
        const auto nothing = staggered_race(std::vector{[] {}}, nanoseconds(1));
        EXPECT_EQ(nothing.winner, 0U);
    });
}

WEFT_ON_EVERY_RUNTIME(Staggered);

}  // namespace
}  // namespace weft::test
