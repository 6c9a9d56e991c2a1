#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>
#include <weft/metrics.hpp>
#include <weft/runtime.hpp>

#include "workload_catalog.hpp"

namespace weft::tool {

/// One run of one case.
struct RunRequest {
    WorkloadCase what;
    int workers = 1;
    Pin pin = Pin::Auto;
    std::string cpus;  ///< WEFT_CPUS; empty: as the environment has it
    bool is_quick = false;
    std::chrono::seconds timeout{300};
};

struct RunFigure {
    std::string metric;
    double value = 0;
    std::string unit;
};

/// What it came to.
struct RunOutcome {
    std::string error;  ///< empty: it came to its end
    std::vector<RunFigure> figures;
    std::vector<LoopPlace> places;      ///< of the loops
    std::vector<std::uint64_t> steals;  ///< as Metrics has them
    std::string log;                    ///< what it wrote besides
};

/// Runs a case in a process of its own: so that each run begins with cold pools and branch predictors of
/// its own and none warms the next, WEFT_CPUS and the pinning are as a user's program would meet them, and
/// a crash or an endless run is that run's, with its name, and no end of the whole.
[[nodiscard]] RunOutcome run_in_child(const RunRequest& request);

/// "auto", "core", "group", "numa" or "none", as --pin has them.
[[nodiscard]] const char* pin_name(Pin pin);
/// Errors    std::invalid_argument.
[[nodiscard]] Pin pin_of_name(const std::string& name);

}  // namespace weft::tool
