#include "sched/victims.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <tuple>
#include <utility>

#include "sched/place.hpp"

namespace weft::rt {
namespace {

/// What makes two victims equally far, in the order of nearness.
using Distance = std::tuple<VictimGroup::Level, std::uint64_t, bool>;

constexpr Distance kNotKnown{VictimGroup::SameL3, 0, false};

bool is_shared(int one, int other) {
    return one != Place::kSeveral && one == other;
}

Distance measure(const NodeDistances& nodes, const Place& thief, const Place& victim) {
    if (is_shared(thief.core, victim.core)) {
        return {VictimGroup::Sibling, 0, false};
    }
    if (is_shared(thief.l3, victim.l3)) {
        return {VictimGroup::SameL3, 0, false};
    }
    if (is_shared(thief.node, victim.node)) {
        return {VictimGroup::SameNode, 0, false};
    }
    // A firmware's table may differ by direction; the farther one counts, so that it is mutual.
    const std::uint64_t distance =
        std::max(nodes.between(thief.home, victim.home), nodes.between(victim.home, thief.home));
    return {VictimGroup::Remote, distance, !is_shared(thief.package, victim.package)};
}

}  // namespace

std::vector<std::vector<VictimGroup>> victim_order(
    const Topology& topology, const std::vector<PinPlan>& plans
) {
    const std::vector<Place> places = find_places(topology, plans);
    const std::size_t count = plans.size();
    std::vector<std::vector<VictimGroup>> order(count);
    for (std::size_t thief = 0; thief < count; ++thief) {
        std::map<Distance, std::vector<int>> groups;
        for (std::size_t step = 1; step < count; ++step) {
            const std::size_t victim = (thief + step) % count;
            Distance distance = measure(topology.distances, places[thief], places[victim]);
            if (plans[thief] == plans[victim]) {
                distance = std::min(distance, kNotKnown);
            }
            groups[distance].push_back(static_cast<int>(victim));
        }
        for (auto& [distance, workers] : groups) {
            order[thief].push_back(
                {std::get<VictimGroup::Level>(distance),
                 std::move(workers),
                 std::get<std::uint64_t>(distance)}
            );
        }
    }
    return order;
}

}  // namespace weft::rt
