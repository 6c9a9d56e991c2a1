#include "sched/place.hpp"

#include <gtest/gtest.h>

#include <optional>
#include <set>

#include "sched/machines.hpp"

namespace weft::rt {
namespace {

// Goal: a worker of one CPU has all of that CPU's; no two of them the same CPU.
TEST(Place, OfOneCpuIsThatCpu) {
    for (const char* machine : testing::kMachines) {
        const Topology topology = Topology::from_synthetic(machine);
        const int size = static_cast<int>(topology.cpus.size());
        const auto places =
            find_places(topology, plan_pinning(topology, size, std::nullopt, PinPolicy::Core));
        std::set<int> cpus;
        for (const Place& place : places) {
            if (size == 1) {
                continue;  // all there is: not bound
            }
            cpus.insert(place.cpu);
            const Cpu* home = nullptr;
            for (const Cpu& cpu : topology.cpus) {
                home = cpu.os_index == place.cpu ? &cpu : home;
            }
            ASSERT_NE(home, nullptr) << machine;
            EXPECT_EQ(
                place,
                (Place{home->os_index, home->core, home->l3, home->node, home->package, home->node})
            ) << machine;
        }
        EXPECT_EQ(cpus.size(), size == 1 ? 0U : places.size()) << machine;
    }
}

// Goal: what the CPUs of a group share is told, what they do not share is not.
TEST(Place, OfAGroupIsWhatItShares) {
    const Topology topology = Topology::from_synthetic("pack:2 numa:1 l3:2 core:4 pu:2");
    for (const Place& place :
         find_places(topology, plan_pinning(topology, 4, std::nullopt, PinPolicy::Group))) {
        EXPECT_EQ(place.cpu, Place::kSeveral);
        EXPECT_EQ(place.core, Place::kSeveral);
        EXPECT_NE(place.l3, Place::kSeveral);
        EXPECT_NE(place.node, Place::kSeveral);
    }
    for (const Place& place :
         find_places(topology, plan_pinning(topology, 4, std::nullopt, PinPolicy::Numa))) {
        EXPECT_EQ(place.l3, Place::kSeveral);
        EXPECT_NE(place.node, Place::kSeveral);
    }
}

// Goal: of a worker that is not bound nothing is known, but for what the whole machine shares.
TEST(Place, OfTheUnboundIsTheMachines) {
    const Topology large = Topology::from_synthetic("pack:2 numa:1 l3:2 core:4 pu:2");
    const auto unbound = plan_pinning(large, 4, std::nullopt, PinPolicy::None);
    EXPECT_EQ(find_places(large, unbound).front(), Place());
    EXPECT_EQ(find_places_anywhere(large, unbound).front().node, Place::kSeveral);

    const Topology small = Topology::from_synthetic("pack:1 core:2 pu:1");
    const auto free = plan_pinning(small, 2, std::nullopt, PinPolicy::None);
    const Place place = find_places_anywhere(small, free).front();
    EXPECT_EQ(place.cpu, Place::kSeveral);
    EXPECT_EQ(place.l3, small.cpus.front().l3);
    EXPECT_EQ(place.node, small.cpus.front().node);
}

}  // namespace
}  // namespace weft::rt
