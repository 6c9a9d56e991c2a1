#pragma once

#include <cstdint>
#include <vector>

#include "sched/pinning.hpp"
#include "sched/topology.hpp"

namespace weft::rt {

/// Workers that are equally far from a thief.
struct VictimGroup {
    /// What the thief and these share.
    enum Level : int { Sibling, SameL3, SameNode, Remote };

    Level level;
    std::vector<int> workers;  ///< starts behind the thief and wraps around
    std::uint64_t distance;    ///< between their nodes where that is the level; else 0
};

/// Lists for each worker all others, nearest group first; Remote may come several times, by
/// distance. Nearness is mutual, so this is the order in which to wake workers, too.
///
/// Workers that are bound to the same CPUs, or not at all, have nobody nearer than each other and
/// are never farther than SameL3.
[[nodiscard]] std::vector<std::vector<VictimGroup>> victim_order(
    const Topology& topology, const std::vector<PinPlan>& plans
);

}  // namespace weft::rt
