#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <string>
#include <weft/loop.hpp>
#include <weft/runtime.hpp>
#include <weft/task.hpp>

#include "sched/process_state.hpp"
#include "support/random.hpp"
#include "support/runtime_fixture.hpp"
#include "support/scale.hpp"

// Goal: however near to the moment at which another loop falls asleep a task is made, that loop runs it. The rescuer
// keeps out, which would mend it after 10 ms. The models say why; this is the worker itself.

namespace weft::test {
namespace {

using std::chrono::steady_clock;

class WakeUnderWay : public ::testing::TestWithParam<const char*> {};

INSTANTIATE_TEST_SUITE_P(
    Each,
    WakeUnderWay,
    ::testing::Values("", "membarrier"),
    [](const auto& each) { return *each.param == '\0' ? "barriers" : "rmws"; }
);

TEST_P(WakeUnderWay, NoTaskIsLeftToASleeper) {
    const WithoutHops without_hops;
    const rt::testing::ScopedEnvironment policy{
        "WEFT_POLICY", "spin_us=0,rescue_every_us=1000000,stuck_after_us=1000000"};
    const rt::testing::ScopedEnvironment disabled{"WEFT_DISABLE", GetParam()};
    RuntimeOptions options;
    options.workers = 2;
    Runtime runtime(options);
    runtime.start();
    auto random = random_engine();
    SCOPED_TRACE("seed " + std::to_string(seed()));
    const int rounds = scaled(20'000);
    steady_clock::duration longest{};
    runtime.loop(0)
        .create_task([&] {
            const auto keep_for = [](std::chrono::nanoseconds time) {
                const auto end = steady_clock::now() + time;
                while (steady_clock::now() < end) {
                }
            };
            for (int round = 0; round < rounds; ++round) {
                // The other loop looks around, and then sleeps: some 1 to 5 us after it has run the last one.
                keep_for(std::chrono::nanoseconds(random() % 6'000));
                std::atomic<bool> ran{false};
                const auto begun = steady_clock::now();
                const auto first = spawn([&ran] { ran.store(true); });
                const auto second = spawn([] {});  // the first is where thieves see it
                while (!ran.load()) {
                }
                longest = std::max(longest, steady_clock::now() - begun);
                await(first);
                await(second);
            }
        })
        .wait();
    // A machine that stops a thread for a while is no lost wake-up: that ends with the rescuer, after a second.
    EXPECT_LT(longest, std::chrono::milliseconds(900));
}

}  // namespace
}  // namespace weft::test
