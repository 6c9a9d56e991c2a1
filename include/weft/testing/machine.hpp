#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>
#include <weft/detail/machine_prices.hpp>
#include <weft/metrics.hpp>
#include <weft/runtime.hpp>
#include <weft/testing/simulate.hpp>

namespace weft::testing {

/// What operations cost on a machine that is simulated: nanoseconds.
using MachinePrices = detail::MachinePrices;

/// What can be chosen about a machine that is simulated.
struct MachineOptions {
    /// As hwloc describes a synthetic topology: "pack:2 numa:1 l3:4 core:8 pu:1". Without `numa` all of it is
    /// one node, however many packages.
    std::string topology = "core:2 pu:1";
    /// How many loops; 0: one for each core.
    int workers = 0;
    /// What they are bound to; on a machine that they have to themselves, each to a CPU of its own.
    Pin pin = Pin::Core;
    MachinePrices prices;
    /// Where a search for work begins. The same seed, the same run.
    std::uint64_t seed = 1;
};

/// What there is of everything in a topology.
struct MachineSize {
    int cpus;    ///< hardware threads
    int cores;   ///< two of a core share what the simulation takes to be each one's own
    int caches;  ///< last-level caches
    int nodes;   ///< NUMA nodes
};

/// Returns what a topology has.
///
/// Errors    ValueError where hwloc does not accept the description.
/// Threads   any.
/// asyncio   none
[[nodiscard]] MachineSize machine_size(const std::string& topology);

/// What one loop did on a simulated machine.
struct MachineLoop {
    std::chrono::nanoseconds work{};    ///< machine_work()
    std::chrono::nanoseconds tasks{};   ///< to make, run and change tasks
    std::chrono::nanoseconds search{};  ///< to look for tasks, and to take them
    std::chrono::nanoseconds system{};  ///< calls of the system
    std::chrono::nanoseconds asleep{};
    std::uint64_t tasks_finished = 0;
    std::uint64_t stolen = 0;           ///< tasks that it took from others
    std::uint64_t searches = 0;         ///< how often it went looking
    std::uint64_t failed_searches = 0;  ///< and found no loop to take from
    std::uint64_t wakes_sent = 0;
    std::uint64_t parks = 0;
};

/// What came of a run on a simulated machine. Two runs with equal options, of one program, have equal ones.
struct MachineReport {
    std::uint64_t seed;
    std::uint64_t hash;             ///< of who went on, each time
    std::uint64_t steps;            ///< where another loop might have gone on
    std::chrono::nanoseconds time;  ///< from the beginning of `main` to its end
    std::vector<MachineLoop> loops;
    std::vector<LoopPlace> places;
    /// How many tasks loop `thief` took from loop `victim`: the element thief * loops.size() + victim.
    std::vector<std::uint64_t> steals;

    /// Returns the sum over all loops.
    [[nodiscard]] MachineLoop total() const noexcept;
};

/// Prices of the machine that this runs on.
struct MeasuredPrices {
    MachinePrices prices;
    std::vector<std::string> measured;  ///< names of the fields
    std::vector<std::string> assumed;   ///< names of the others, and what they were made from
    /// The two CPUs on which it was measured, as a topology: "core:2 pu:1", or with one CPU "core:1 pu:1".
    std::string topology = "core:2 pu:1";
};

/// Measures what two CPUs of this machine can tell, within two seconds; the rest is made from that by
/// factors. It wants the machine to itself.
///
/// Errors    std::system_error where the system refuses a thread or a descriptor; std::bad_alloc.
/// Threads   one that runs no loop.
/// asyncio   none
[[nodiscard]] MeasuredPrices measure_prices();

/// Takes the running task `length` of work: on a simulated machine its loop's clock goes on by that, and
/// elsewhere it keeps its CPU busy for so long.
///
/// Suspends  never.
/// Threads   any.
/// asyncio   none
void machine_work(std::chrono::nanoseconds length) noexcept;

}  // namespace weft::testing

namespace weft::detail {

/// A simulated machine while it runs; the runtime that is made on this thread is its.
class MachineRun {
public:
    explicit MachineRun(const testing::MachineOptions& options);
    MachineRun(const MachineRun&) = delete;
    MachineRun& operator=(const MachineRun&) = delete;
    ~MachineRun();

    [[nodiscard]] RuntimeOptions runtime_options() const;
    [[nodiscard]] SimulationRun& simulation() noexcept;
    /// From here to finish_measuring() it counts. Suspends until the loops have gone to sleep.
    void begin_measuring(const Runtime& runtime);
    void finish_measuring(const Runtime& runtime);
    [[nodiscard]] testing::MachineReport finish();

private:
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace weft::detail

namespace weft::testing {

/// Runs `main` as weft::run() does, on a machine that is made up: the loops, with all their own code, are
/// virtual threads of the calling one, each with a clock that goes on by the price of what it does. Whoever
/// is behind goes first. So it shows what the scheduler does with so many cores, and not how long
/// this machine takes for it: the program's own code takes no time but what it says with machine_work().
///
///     const auto report = weft::testing::simulate_machine({.topology = "pack:2 numa:1 core:32 pu:1"}, [] { my_load(); });
///
/// What is left out: the memory of the program itself, bandwidth, two hardware threads that share a core,
/// other programs. Threads, executors and sockets are refused.
///
/// Errors    what `main` throws; SimulationError when nothing goes on any more; ValueError for a topology
///           that hwloc does not accept, and for more loops than it has CPUs; std::bad_alloc.
/// Threads   one that runs no loop.
/// Returns   the report.
/// asyncio   none
template <class F>
MachineReport simulate_machine(const MachineOptions& options, F&& main) {
    detail::MachineRun machine(options);
    try {
        Runtime runtime(machine.runtime_options());
        runtime.run([&] {
            const detail::SimulationRun::Main entered(machine.simulation());
            machine.begin_measuring(runtime);
            static_cast<void>(std::forward<F>(main)());
            machine.finish_measuring(runtime);
        });
    } catch (...) {
        if (!machine.simulation().is_lost()) {
            throw;
        }
    }
    return machine.finish();
}

}  // namespace weft::testing
