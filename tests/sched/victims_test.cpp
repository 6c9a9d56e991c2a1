#include "sched/victims.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <optional>
#include <tuple>
#include <utility>
#include <vector>

#include "sched/machines.hpp"
#include "sched/process_state.hpp"

namespace weft::rt {
namespace {

using Groups = std::vector<VictimGroup>;

std::vector<Groups> order_of(const Topology& topology, int workers, PinPolicy policy) {
    return victim_order(topology, plan_pinning(topology, workers, std::nullopt, policy));
}

/// Where a worker comes in another's order: level, then the group's place in the list.
std::optional<std::pair<int, std::size_t>> find(const Groups& groups, std::size_t worker) {
    for (std::size_t i = 0; i < groups.size(); ++i) {
        const auto& members = groups[i].workers;
        if (std::count(members.begin(), members.end(), static_cast<int>(worker)) != 0) {
            return std::pair{static_cast<int>(groups[i].level), i};
        }
    }
    return std::nullopt;
}

class EveryVictimOrder : public ::testing::TestWithParam<std::tuple<const char*, PinPolicy>> {};

TEST_P(EveryVictimOrder, HoldsAllOthersOnceNearestFirst) {
    const testing::CapturedLog log;
    const auto& [description, policy] = GetParam();
    const Topology topology = Topology::from_synthetic(description);
    const int size = static_cast<int>(topology.cpus.size());
    for (const int workers : {1, 2, 3, size / 2 + 1, size, size + 3}) {
        const auto order = order_of(topology, workers, policy);
        ASSERT_EQ(std::ssize(order), workers);
        for (int thief = 0; thief < workers; ++thief) {
            std::vector<int> met{thief};
            int level = VictimGroup::Sibling;
            for (const VictimGroup& group : order[static_cast<std::size_t>(thief)]) {
                EXPECT_FALSE(group.workers.empty());
                EXPECT_LE(level, group.level);
                level = group.level;
                met.insert(met.end(), group.workers.begin(), group.workers.end());
            }
            std::sort(met.begin(), met.end());
            ASSERT_EQ(std::ssize(met), workers);
            for (int worker = 0; worker < workers; ++worker) {
                EXPECT_EQ(met[static_cast<std::size_t>(worker)], worker);
            }
        }
    }
}

// So that the order of stealing is also the order of waking.
TEST_P(EveryVictimOrder, IsMutual) {
    const auto& [description, policy] = GetParam();
    const Topology topology = Topology::from_synthetic(description);
    const auto order = order_of(topology, static_cast<int>(topology.cpus.size()), policy);
    for (std::size_t one = 0; one < order.size(); ++one) {
        for (std::size_t other = 0; other < one; ++other) {
            EXPECT_EQ(find(order[one], other)->first, find(order[other], one)->first);
        }
    }
}

INSTANTIATE_TEST_SUITE_P(
    Machines,
    EveryVictimOrder,
    ::testing::Combine(
        ::testing::ValuesIn(testing::kMachines),
        ::testing::Values(PinPolicy::Auto, PinPolicy::Core, PinPolicy::Group, PinPolicy::None)
    )
);

TEST(Victims, GoFromSiblingsToTheOtherSocket) {
    const Topology topology = Topology::from_synthetic("pack:2 numa:1 l3:2 core:2 pu:2");
    const auto groups = order_of(topology, 16, PinPolicy::Auto)[5];
    ASSERT_EQ(groups.size(), 4U);
    EXPECT_EQ(groups[0].level, VictimGroup::Sibling);
    EXPECT_EQ(groups[0].workers, std::vector{4});
    EXPECT_EQ(groups[1].level, VictimGroup::SameL3);
    EXPECT_EQ(groups[1].workers, (std::vector{6, 7}));
    EXPECT_EQ(groups[2].level, VictimGroup::SameNode);
    EXPECT_EQ(groups[2].workers, (std::vector{0, 1, 2, 3}));
    EXPECT_EQ(groups[3].level, VictimGroup::Remote);
    EXPECT_EQ(groups[3].workers, (std::vector{8, 9, 10, 11, 12, 13, 14, 15}));
}

TEST(Victims, StartBehindTheThief) {
    const Topology topology = Topology::from_affinity({0, 1, 2, 3});
    const auto order = order_of(topology, 4, PinPolicy::Core);
    EXPECT_EQ(order[0][0].workers, (std::vector{1, 2, 3}));
    EXPECT_EQ(order[2][0].workers, (std::vector{3, 0, 1}));
}

TEST(Victims, RemoteNodesComeByDistance) {
    Topology topology = Topology::from_synthetic("pack:3 numa:1 core:1 pu:1");
    topology.distances = {.nodes = {0, 1, 2}, .values = {10, 31, 21, 31, 10, 21, 21, 21, 10}};
    const auto order = order_of(topology, 3, PinPolicy::Core);
    ASSERT_EQ(order[0].size(), 2U);
    EXPECT_EQ(order[0][0].workers, std::vector{2});
    EXPECT_EQ(order[0][1].workers, std::vector{1});
    EXPECT_EQ(order[0][0].level, VictimGroup::Remote);
}

TEST(Victims, NodesOfTheOwnPackageComeFirst) {
    const Topology topology = Topology::from_synthetic("pack:2 numa:2 core:1 pu:1");
    const auto groups = order_of(topology, 4, PinPolicy::Core)[3];
    ASSERT_EQ(groups.size(), 2U);
    EXPECT_EQ(groups[0].workers, std::vector{2});
    EXPECT_EQ(groups[1].workers, (std::vector{0, 1}));
}

TEST(Victims, UnboundWorkersAreOneGroup) {
    const Topology topology = Topology::from_synthetic("pack:2 numa:1 l3:2 core:2 pu:2");
    for (const Groups& groups : order_of(topology, 20, PinPolicy::Auto)) {
        ASSERT_EQ(groups.size(), 1U);
        EXPECT_EQ(groups[0].level, VictimGroup::SameL3);
        EXPECT_EQ(groups[0].workers.size(), 19U);
    }
}

TEST(Victims, WorkersOfOneNodeAreNotApart) {
    const Topology topology = Topology::from_synthetic("pack:2 numa:1 l3:2 core:2 pu:2");
    const auto groups = order_of(topology, 4, PinPolicy::Numa)[0];
    ASSERT_EQ(groups.size(), 2U);
    EXPECT_EQ(groups[0].level, VictimGroup::SameL3);
    EXPECT_EQ(groups[0].workers, std::vector{1});
    EXPECT_EQ(groups[1].level, VictimGroup::Remote);
}

TEST(Victims, OneWorkerHasNone) {
    EXPECT_TRUE(order_of(Topology::from_affinity({0}), 1, PinPolicy::Auto)[0].empty());
}

}  // namespace
}  // namespace weft::rt
