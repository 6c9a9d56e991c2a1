#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "allocation_trial.hpp"

namespace weft::test {

/// What a sweep found at one point.
struct Finding {
    enum class Kind {
        Wrong,  ///< a check of the scenario, a leak, or an error that is none of memory
        Crash,
        Hang,
    };

    Kind kind;
    TrialPoint point;
    std::string text;
};

struct SweepTotals {
    std::uint64_t points = 0;    ///< runs in which something was refused
    std::uint64_t refusals = 0;  ///< how much was
    std::array<std::uint64_t, kTrialEnds.size()> ends{};

    void add(const TrialResult& result);
    void add(const SweepTotals& other);
    [[nodiscard]] std::string text() const;
};

struct SweepReport {
    SweepTotals totals;
    std::vector<Finding> findings;
};

/// Every how many points a sweep tries one in this build, when one request is refused.
[[nodiscard]] std::uint64_t sweep_stride();

/// Runs every `stride`th point of the scenario in a process of its own, which a crash or a hang ends and which goes on behind
/// that in another one. The process runs `filter`, a gtest filter of a test that calls
/// run_as_child().
[[nodiscard]] SweepReport sweep(
    const Scenario& scenario,
    const std::string& filter,
    std::chrono::seconds limit = std::chrono::seconds(5),
    std::uint64_t stride = sweep_stride()
);

/// The command that runs one point again.
[[nodiscard]] std::string command_of(const TrialPoint& point, const std::string& filter);

/// In a process that sweep() or command_of() made: runs the points it was asked for, and returns true.
[[nodiscard]] bool run_as_child(const Scenario& scenario);

}  // namespace weft::test
