#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace weft::tool {

using Sizes = std::map<std::string, std::int64_t, std::less<>>;

/// One way to run a workload.
struct WorkloadCase {
    std::string workload;
    std::string name;
    Sizes sizes;
    Sizes quick_sizes;                 ///< less of it: enough to see that it runs
    std::vector<std::string> metrics;  ///< what it is about, the first above all
    std::vector<int> workers;          ///< what `weft bench run` measures it with
    std::map<std::pair<int, std::string>, double> goals;  ///< by the number of workers and metric

    [[nodiscard]] std::string full_name() const { return workload + '/' + name; }
    [[nodiscard]] std::optional<double> goal(int with_workers, const std::string& metric) const;
};

/// What a config.json of perf/workload says.
struct Workload {
    std::string name;
    std::string what;
    std::string unit;
    std::vector<std::string> metrics;
    std::vector<WorkloadCase> cases;
};

/// Errors    std::runtime_error, naming the workload and what its config.json lacks.
[[nodiscard]] Workload parse_workload(std::string_view name, std::string_view config);

/// All that the tool was built with, by name.
[[nodiscard]] const std::vector<Workload>& workload_catalog();

/// The cases whose "workload/case" a regular expression is found in.
///
/// Errors    std::regex_error.
[[nodiscard]] std::vector<WorkloadCase> cases_that_match(
    const std::vector<Workload>& catalog, const std::string& expression
);

/// The cases of "workload", or the one that "workload/case" names.
[[nodiscard]] std::vector<WorkloadCase> cases_of(
    const std::vector<Workload>& catalog, std::string_view name
);

/// The text of perf/workload/NAME/config.json. The build writes embedded_configs(): see
/// tools/cmake/WeftWorkloads.cmake.
struct EmbeddedConfig {
    std::string_view name;
    std::string_view text;
};
[[nodiscard]] std::span<const EmbeddedConfig> embedded_configs();

}  // namespace weft::tool
