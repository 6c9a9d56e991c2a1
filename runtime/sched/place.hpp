#pragma once

#include <vector>

#include "sched/pinning.hpp"
#include "sched/topology.hpp"

namespace weft::rt {

/// What all CPUs that one worker may run on have in common; kSeveral where they differ.
struct Place {
    static constexpr int kSeveral = -1;

    int cpu = kSeveral;  ///< as the kernel numbers it
    int core = kSeveral;
    int l3 = kSeveral;
    int node = kSeveral;
    int package = kSeveral;
    int home = 0;  ///< the node of the first CPU: distances are measured from here

    friend bool operator==(const Place&, const Place&) = default;
};

/// The places of workers that are bound as planned. Of one that is not bound nothing is known.
[[nodiscard]] std::vector<Place> find_places(
    const Topology& topology, const std::vector<PinPlan>& plans
);

/// The same, but one that is not bound runs on any CPU of the topology: of a machine with one cache
/// and one node both are known.
[[nodiscard]] std::vector<Place> find_places_anywhere(
    const Topology& topology, const std::vector<PinPlan>& plans
);

}  // namespace weft::rt
