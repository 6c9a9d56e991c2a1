#pragma once

#include <string>
#include <vector>

#include "bench_one.hpp"
#include "bench_results.hpp"

namespace weft::tool {

/// A case at a number of workers, and what its runs came to.
struct BenchCell {
    RunRequest request;
    std::vector<RunOutcome> outcomes;  ///< of those that came to their end

    /// "yield/2, 1 worker".
    [[nodiscard]] std::string title() const;
};

/// Runs each cell `repeats` times, round by round over all of them, so that a busy moment of the
/// machine meets them alike. Tells of progress on stderr where that is a terminal, and prints there what the
/// runs have to say, each line once. Returns what failed, which is left out of the cells.
[[nodiscard]] std::vector<BenchFailure> run_rounds(std::vector<BenchCell>& cells, int repeats);

/// The figures of all cells, metric by metric.
[[nodiscard]] std::vector<BenchResult> results_of(const std::vector<BenchCell>& cells);

/// How many workers can run at once, by affinity, WEFT_CPUS and quota, and on what.
struct UsableCpus {
    int count = 0;
    std::string list;  ///< for WEFT_CPUS; empty: all
};
/// `one_a_core`: one hardware thread of each core.
///
/// Errors    std::runtime_error where it is not known which belong together.
[[nodiscard]] UsableCpus usable_cpus(bool one_a_core);

}  // namespace weft::tool
