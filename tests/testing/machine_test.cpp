#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>
#include <weft/testing/machine.hpp>
#include <weft/weft.hpp>

#include "support/leak_check.hpp"
#include "support/runtime_fixture.hpp"

namespace weft::test {
namespace {

using std::chrono::hours;
using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::nanoseconds;
using testing::machine_work;
using testing::MachineOptions;
using testing::MachineReport;
using testing::simulate_machine;

constexpr const char* kTwoPackages = "pack:2 numa:1 l3:2 core:8 pu:1";

/// Where a task that hops has no price.
class SimulatedMachine : public ::testing::Test {
    const WithoutHops without_hops_;
};

void split(int leaves, nanoseconds grain) {
    if (leaves == 1) {
        machine_work(grain);
        return;
    }
    const auto half = spawn([=] { split(leaves / 2, grain); });
    split(leaves - leaves / 2, grain);
    await(half);
}

/// A tree of tasks, each of whose leaves has so much to do.
std::function<void()> tree(int leaves, nanoseconds grain) {
    return [=] { await(spawn([=] { split(leaves, grain); })); };
}

MachineOptions machine(const std::string& topology, int workers = 0, std::uint64_t seed = 1) {
    MachineOptions options;
    options.topology = topology;
    options.workers = workers;
    options.seed = seed;
    return options;
}

// Goal: one seed, one report; another begins its searches elsewhere.
TEST_F(SimulatedMachine, OneSeedOneReport) {
    const auto load = tree(2'000, microseconds(2));
    const MachineReport first = simulate_machine(machine(kTwoPackages, 0, 7), load);
    const MachineReport second = simulate_machine(machine(kTwoPackages, 0, 7), load);
    const MachineReport other = simulate_machine(machine(kTwoPackages, 0, 8), load);
    EXPECT_EQ(first.loops.size(), 32U);
    EXPECT_EQ(first.hash, second.hash);
    EXPECT_EQ(first.steps, second.steps);
    EXPECT_EQ(first.time, second.time);
    EXPECT_EQ(first.steals, second.steals);
    EXPECT_NE(first.hash, other.hash);
}

// Goal: with one loop the time is the work and the prices, and nothing else.
TEST_F(SimulatedMachine, OneLoopTakesTheWorkAndThePrices) {
    MachineOptions options = machine("core:1 pu:1");
    options.prices.spawn = 100;
    options.prices.run = 300;
    options.prices.change = 0;
    options.prices.poll = 0;
    constexpr int kTasks = 1'000;
    const MachineReport report = simulate_machine(options, [] {
        await(spawn([] {
            for (int i = 0; i < kTasks; ++i) {
                await(spawn([] { machine_work(nanoseconds(1'600)); }));
            }
        }));
    });
    const auto expected = (kTasks * nanoseconds(1'600 + 100 + 300));
    EXPECT_EQ(report.total().work, kTasks * nanoseconds(1'600));
    EXPECT_NEAR(
        static_cast<double>(report.time.count()), static_cast<double>(expected.count()), 1'000
    );
    EXPECT_EQ(report.total().stolen, 0U);
}

// Goal: the time of a change is paid for each time that a task waits and goes on.
TEST_F(SimulatedMachine, AChangeHasItsPrice) {
    MachineOptions options = machine("core:1 pu:1");
    const auto time_of = [&](double change) {
        options.prices.change = change;
        return simulate_machine(
                   options,
                   [] {
                       Semaphore one(0);
                       Semaphore other(0);
                       const auto partner = create_task([&] {
                           for (int i = 0; i < 1'000; ++i) {
                               one.acquire();
                               other.release();
                           }
                       });
                       for (int i = 0; i < 1'000; ++i) {
                           one.release();
                           other.acquire();
                       }
                       await(partner);
                   }
        ).time;
    };
    const nanoseconds more = time_of(1'000) - time_of(0);
    EXPECT_NEAR(static_cast<double>(more.count()), 2'000'000, 40'000);
}

// Goal: two loops share what can be shared.
TEST_F(SimulatedMachine, TwoLoopsShareEvenly) {
    const MachineReport report =
        simulate_machine(machine("core:2 pu:1"), tree(1'000, microseconds(10)));
    ASSERT_EQ(report.loops.size(), 2U);
    EXPECT_EQ(report.total().work, milliseconds(10));
    EXPECT_GT(report.loops[0].work, milliseconds(4));
    EXPECT_GT(report.loops[1].work, milliseconds(4));
    EXPECT_LT(report.time, microseconds(5'500));
}

// Goal: one who makes many children and awaits them in turn, each called in place, leaves others their half.
TEST_F(SimulatedMachine, ChildrenThatAreAwaitedInTurnAreShared) {
    constexpr int kChildren = 1'000;
    constexpr auto kGrain = microseconds(100);
    const MachineReport report = simulate_machine(machine("core:2 pu:1"), [&] {
        await(spawn([&] {
            std::vector<Task<void>> children;
            for (int i = 0; i < kChildren; ++i) {
                children.push_back(spawn([&] { machine_work(kGrain); }));
            }
            for (const auto& child : children) {
                await(child);
            }
        }));
    });
    EXPECT_LT(report.time, kChildren * kGrain * 10 / 18);
}

// Goal: thieves take from those that are near; a neighbour is asked more often than one of another node.
TEST_F(SimulatedMachine, ThievesTakeFromTheNearestFirst) {
    const MachineReport report =
        simulate_machine(machine(kTwoPackages), tree(20'000, microseconds(2)));
    const std::size_t width = report.loops.size();
    std::uint64_t near = 0;
    std::uint64_t far = 0;
    for (std::size_t thief = 0; thief < width; ++thief) {
        for (std::size_t victim = 0; victim < width; ++victim) {
            const bool is_near = report.places[thief].l3 == report.places[victim].l3;
            const bool is_far = report.places[thief].node != report.places[victim].node;
            near += is_near ? report.steals[thief * width + victim] : 0;
            far += is_far ? report.steals[thief * width + victim] : 0;
        }
    }
    EXPECT_GT(far, 0U) << "the other node has work, too";
    EXPECT_GT(near, 3 * far);  // 7 victims to 16
}

// Goal: what is easy to share is shared by 64 cores.
TEST_F(SimulatedMachine, CoarseTasksScaleTo64Cores) {
    const MachineReport report =
        simulate_machine(machine("pack:2 numa:1 l3:4 core:8 pu:1"), tree(8'192, microseconds(50)));
    const auto ideal = report.total().work / 64;
    EXPECT_EQ(report.total().work, 8'192 * microseconds(50));
    EXPECT_GT(static_cast<double>(ideal.count()) / static_cast<double>(report.time.count()), 0.9);
}

// Goal: the farther a line has to go, the longer it takes.
TEST_F(SimulatedMachine, DistanceHasItsPrice) {
    MachineOptions options = machine(kTwoPackages, 2);
    const auto load = tree(2'000, nanoseconds(100));
    options.prices.line_remote = 100;
    const nanoseconds near = simulate_machine(options, load).time;
    options.prices.line_remote = 20'000;
    const MachineReport far = simulate_machine(options, load);
    EXPECT_NE(far.places[0].node, far.places[1].node) << "two loops are spread over the machine";
    EXPECT_GT(far.time, near);
}

// Goal: loops with nothing to do sleep, all of them, and cost nothing.
TEST_F(SimulatedMachine, LoopsWithNothingToDoSleep) {
    const MachineReport report =
        simulate_machine(machine("pack:2 numa:1 l3:4 core:8 pu:1"), [] { sleep(hours(1)); });
    EXPECT_GE(report.time, hours(1));
    EXPECT_LT(report.time, hours(1) + milliseconds(1));
    EXPECT_GT(report.total().asleep, hours(63));
    EXPECT_LT(report.steps, 5'000U);
    EXPECT_LE(report.total().parks, 1U) << "only the loop whose deadline came has slept anew";
}

// Goal: a loop that is woken goes on when its latency has passed, and the waker pays for it.
TEST_F(SimulatedMachine, WakingHasItsPrice) {
    MachineOptions options = machine("core:2 pu:1");
    options.prices.wake = 7'000;
    options.prices.wake_latency = 40'000;
    const MachineReport report = simulate_machine(options, [] {
        await(get_running_loop().runtime().loop(1).create_task([] {}));
    });
    EXPECT_GE(report.time, 2 * nanoseconds(40'000));
    EXPECT_LT(report.time, 2 * nanoseconds(40'000) + microseconds(5));
    EXPECT_EQ(report.total().wakes_sent, 2U);
    EXPECT_GE(report.loops[1].system, nanoseconds(7'000));
}

// Goal: what a loop keeps to itself, which one task keeps, goes to the others as it does for real.
TEST_F(SimulatedMachine, ALoopThatIsKeptIsRescued) {
    int done = 0;
    int done_meanwhile = 0;
    static_cast<void>(simulate_machine(machine("core:4 pu:1"), [&] {
        await(spawn([&] {
            constexpr int kTasks = 500;
            std::vector<Task<void>> tasks;
            for (int i = 0; i < kTasks; ++i) {
                tasks.push_back(spawn([&done] { ++done; }));
            }
            machine_work(milliseconds(100));
            done_meanwhile = done;
            for (const Task<void>& task : tasks) {
                await(task);
            }
        }));
    }));
    EXPECT_EQ(done_meanwhile, 500);
    EXPECT_EQ(done, 500);
}

// Goal: whoever asks for what there is not is told what there is.
TEST_F(SimulatedMachine, RefusesWhatTheMachineHasNot) {
    const auto complaint_about = [](const MachineOptions& options) {
        try {
            static_cast<void>(simulate_machine(options, [] {}));
        } catch (const ValueError& error) {
            return std::string(error.what());
        }
        return std::string();
    };
    EXPECT_NE(complaint_about(machine("pack:two")).find("'pack:two'"), std::string::npos);
    EXPECT_NE(complaint_about(machine("")).find("hwloc"), std::string::npos);
    EXPECT_NE(complaint_about(machine("core:2 pu:2", 5)).find(": 4"), std::string::npos);
    EXPECT_NE(complaint_about(machine("core:2 pu:2", -1)).find("-1"), std::string::npos);
    for (const char* const huge : {"core:1000000", "1000 1000", "pack:0x400 core:0x400 pu:1"}) {
        EXPECT_NE(complaint_about(machine(huge)).find("too many"), std::string::npos) << huge;
    }
}

// Goal: a program that gets nowhere ends, with a name for it.
TEST_F(SimulatedMachine, SaysWhenNothingGoesOn) {
    const LogCapture log;
    EXPECT_THROW(
        static_cast<void>(simulate_machine(
            machine("core:2 pu:1"),
            [] {
                Event never;
                never.wait();
            }
        )),
        testing::SimulationError
    );
}

// Goal: an error of the program is the caller's.
TEST_F(SimulatedMachine, ThrowsWhatTheProgramThrows) {
    EXPECT_THROW(
        static_cast<void>(
            simulate_machine(machine("core:2 pu:1"), [] { throw LookupError("mine"); })
        ),
        LookupError
    );
}

// Goal: a topology is counted as it is.
TEST_F(SimulatedMachine, CountsWhatATopologyHas) {
    const testing::MachineSize size = testing::machine_size("pack:2 numa:1 l3:4 core:8 pu:2");
    EXPECT_EQ(size.cpus, 128);
    EXPECT_EQ(size.cores, 64);
    EXPECT_EQ(size.caches, 8);
    EXPECT_EQ(size.nodes, 2);
}

// Goal: work is time elsewhere, too.
TEST_F(SimulatedMachine, WorkTakesItsTimeForReal) {
    const auto start = std::chrono::steady_clock::now();
    machine_work(milliseconds(3));
    EXPECT_GE(std::chrono::steady_clock::now() - start, microseconds(2'900));
}

// Goal: what this machine can tell is measured, and each price is one or the other.
TEST_F(SimulatedMachine, PricesAreMeasured) {
    const testing::MeasuredPrices measured = testing::measure_prices();
    EXPECT_GE(measured.measured.size(), 7U);
    EXPECT_EQ(measured.measured.size() + measured.assumed.size(), 16U);
    EXPECT_GT(measured.prices.spawn, 0);
    EXPECT_GT(measured.prices.run_shared, 0);
    EXPECT_GT(measured.prices.line_l3, 0);
    EXPECT_GT(testing::machine_size(measured.topology).cpus, 0);
}

}  // namespace
}  // namespace weft::test
