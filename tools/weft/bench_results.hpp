#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "json.hpp"

namespace weft::tool {

/// All values of one metric of one case at one number of workers, one from each run.
struct BenchResult {
    std::string workload;
    std::string name;  ///< of the case
    int workers = 0;
    std::string metric;
    std::string unit;
    std::optional<double> goal;
    std::vector<double> values;

    [[nodiscard]] std::string full_name() const { return workload + '/' + name; }
    [[nodiscard]] bool is_same_as(const BenchResult& other) const {
        return workload == other.workload && name == other.name && workers == other.workers &&
               metric == other.metric && unit == other.unit;
    }
};

/// What was to run and did not come to its end.
struct BenchFailure {
    std::string what;  ///< "yield/2, 1 worker, run 3"
    std::string why;
};

/// What `weft bench run` and `weft bench sweep` write, and `weft bench compare` reads.
struct BenchReport {
    Json fingerprint;
    bool is_quick = false;
    std::vector<BenchResult> results;
    std::vector<BenchFailure> failures;
};

/// Whether a larger value is better: a rate, or how many times as fast.
[[nodiscard]] bool more_is_better(std::string_view unit);

[[nodiscard]] Json to_json(const BenchReport& report);
/// Errors    std::runtime_error, saying what is missing.
[[nodiscard]] BenchReport report_from_json(const Json& json);

/// Errors    std::runtime_error, naming the file.
[[nodiscard]] BenchReport load_report(const std::filesystem::path& path);

/// Four digits or so: "15.21", "1234".
[[nodiscard]] std::string short_number(double value);

/// Results as `weft bench run` shows them, with the goal and whether it is met.
[[nodiscard]] std::string results_table(const std::vector<BenchResult>& results);

/// "1 worker", "2 workers".
[[nodiscard]] std::string workers_text(int workers);

}  // namespace weft::tool
