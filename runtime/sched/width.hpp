#pragma once

#include <optional>

#include "sched/topology.hpp"

namespace weft::rt {

/// Decides how many workers a runtime has.
///
/// requested  0: as many as can run at once, min(CPUs, quota rounded up), at least one. Half a CPU
///            of quota makes one worker; 1.5 make two, as idle ones cost no quota.
///            More: that many, also over the machine, because tests and experiments need it; the
///            first such request of a process is warned of.
[[nodiscard]] int choose_width(
    const Topology& topology, std::optional<double> quota, int requested
);

/// Reads WEFT_WORKERS; garbage is ignored with a warning.
[[nodiscard]] std::optional<int> workers_from_environment();

}  // namespace weft::rt
