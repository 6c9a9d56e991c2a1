#pragma once

#include <cstdint>
#include <string>
#include <vector>
#include <weft/testing/machine.hpp>

#include "json.hpp"
#include "simulate_workloads.hpp"
#include "sweep.hpp"
#include "worker_list.hpp"

namespace weft::tool {

/// A workload on a machine that is made up.
struct SimulatedRun {
    const SimulatedWorkload* workload = nullptr;
    std::int64_t size = 0;
    std::chrono::nanoseconds grain{};
    std::string pin = "core";
    testing::MachineOptions machine;
};

/// It with so many workers.
struct SimulatedPoint {
    int workers = 0;
    testing::MachineReport report;
    double speed_up = 0;  ///< to the fewest workers
    double efficiency = 0;
    double idle = 0;  ///< the part of all workers' time in which they slept or looked for work
};

[[nodiscard]] std::vector<SimulatedPoint> simulate_points(
    const SimulatedRun& run, const WorkerList& workers
);

/// Who took tasks from whom, by worker, or where there are many by last-level cache.
struct StealBlocks {
    std::vector<std::string> names;
    std::vector<std::uint64_t> counts;  ///< row after row: thief, then victim
    std::uint64_t in_cache = 0;         ///< all that was taken, by how far it went
    std::uint64_t in_node = 0;
    std::uint64_t remote = 0;
};
[[nodiscard]] StealBlocks steal_blocks(const testing::MachineReport& report);

/// A workload as it was simulated and as it was run, by so many workers.
struct CheckedPoint {
    int workers = 0;
    double simulated_ns = 0;
    double measured_ns = 0;  ///< the least of some runs, as prices are
    double median_ns = 0;    ///< of the same

    /// How much longer the simulated one takes: 0.1 is 10 %.
    [[nodiscard]] double distance() const { return simulated_ns / measured_ns - 1; }
};

/// Runs it with one worker and with two, on `topology` and on this machine, as far as both have them.
[[nodiscard]] std::vector<CheckedPoint> check_points(
    const SimulatedRun& run, const std::string& topology
);

[[nodiscard]] std::string points_text(const std::vector<SimulatedPoint>& points);
[[nodiscard]] std::string blocks_text(const StealBlocks& blocks);
[[nodiscard]] std::string checked_text(const std::vector<CheckedPoint>& points);
[[nodiscard]] Json points_to_json(const std::vector<SimulatedPoint>& points);
[[nodiscard]] Json blocks_to_json(const StealBlocks& blocks);
[[nodiscard]] Json checked_to_json(const std::vector<CheckedPoint>& points);

/// What the plots and the page of `weft bench sweep` are made of.
[[nodiscard]] Sweep sweep_of(const SimulatedRun& run, const std::vector<SimulatedPoint>& points);

}  // namespace weft::tool
