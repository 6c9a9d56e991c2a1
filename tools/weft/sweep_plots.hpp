#pragma once

#include <string>
#include <vector>

#include "plot.hpp"
#include "sweep.hpp"

namespace weft::tool {

/// The figures of a sweep: speed-up, efficiency, the metric itself, percentiles, steals. What a
/// workload does not report is a figure whose caption says so. `footer`: the machine, on each.
[[nodiscard]] std::vector<Plot> sweep_plots(const Sweep& sweep, const std::string& footer);

}  // namespace weft::tool
