#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

namespace weft::tool {

/// A program for a machine that is made up, and for a real one: its work is testing::machine_work().
struct SimulatedWorkload {
    const char* name;
    const char* what;
    const char* size_is;             ///< what is counted by its size
    std::int64_t size;               ///< where none was asked for
    std::int64_t size_most;          ///< beyond it is a typing error
    std::chrono::nanoseconds grain;  ///< the same
    /// In a stealable task. Throws std::runtime_error when its result is wrong.
    void (*run)(std::int64_t size, std::chrono::nanoseconds grain);
};

/// Those of perf/workload that ask something of the scheduler alone, by the same algorithms, and some more.
[[nodiscard]] const std::vector<SimulatedWorkload>& simulated_workloads();

/// Null when there is none of that name.
[[nodiscard]] const SimulatedWorkload* find_simulated_workload(const std::string& name);

}  // namespace weft::tool
