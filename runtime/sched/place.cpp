#include "sched/place.hpp"

#include <map>
#include <utility>

namespace weft::rt {
namespace {

using CpusByIndex = std::map<int, Cpu>;

Place find_place(const CpusByIndex& cpus, const CpuList& plan) {
    Place place;
    bool is_first = true;
    for (const int os_index : plan) {
        const Cpu& cpu = cpus.at(os_index);
        if (std::exchange(is_first, false)) {
            place = {os_index, cpu.core, cpu.l3, cpu.node, cpu.package, cpu.node};
            continue;
        }
        const auto keep_if_same = [](int& common, int own) {
            common = common == own ? common : Place::kSeveral;
        };
        keep_if_same(place.cpu, os_index);
        keep_if_same(place.core, cpu.core);
        keep_if_same(place.l3, cpu.l3);
        keep_if_same(place.node, cpu.node);
        keep_if_same(place.package, cpu.package);
    }
    return place;
}

std::vector<Place> find_each(
    const Topology& topology, const std::vector<PinPlan>& plans, const CpuList& unbound
) {
    CpusByIndex cpus;
    for (const Cpu& cpu : topology.cpus) {
        cpus.emplace(cpu.os_index, cpu);
    }
    std::vector<Place> places;
    places.reserve(plans.size());
    for (const PinPlan& plan : plans) {
        places.push_back(find_place(cpus, plan.cpus.empty() ? unbound : plan.cpus));
    }
    return places;
}

}  // namespace

std::vector<Place> find_places(const Topology& topology, const std::vector<PinPlan>& plans) {
    return find_each(topology, plans, {});
}

std::vector<Place> find_places_anywhere(
    const Topology& topology, const std::vector<PinPlan>& plans
) {
    return find_each(topology, plans, topology.os_indices());
}

}  // namespace weft::rt
