#include "sched/topology.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <set>
#include <string>
#include <utility>

#include "sched/process_state.hpp"

namespace weft::rt {
namespace {

using testing::CapturedLog;
using testing::ScopedEnvironment;

int distinct(const Topology& topology, int Cpu::*member) {
    std::set<int> values;
    for (const Cpu& cpu : topology.cpus) {
        values.insert(cpu.*member);
    }
    return static_cast<int>(values.size());
}

/// hwloc is loaded once a process, so a test of how it loads needs a process of its own: the
/// "threadsafe" style starts the test program anew. It inherits environment and affinity.
#define EXPECT_IN_NEW_PROCESS(condition)                                                \
    do {                                                                                \
        ::testing::FLAGS_gtest_death_test_style = "threadsafe";                         \
        EXPECT_EXIT(std::_Exit((condition) ? 0 : 1), ::testing::ExitedWithCode(0), ""); \
    } while (false)

struct Machine {
    const char* description;
    int cpus, cores, groups, packages, nodes;
};

void PrintTo(const Machine& machine, std::ostream* out) {
    *out << machine.description;
}

class SyntheticTopology : public ::testing::TestWithParam<Machine> {};

TEST_P(SyntheticTopology, IsReadAsDescribed) {
    const Machine& machine = GetParam();
    const Topology topology = Topology::from_synthetic(machine.description);
    EXPECT_TRUE(topology.from_hwloc);
    EXPECT_FALSE(topology.is_narrowed);
    EXPECT_EQ(std::ssize(topology.cpus), machine.cpus);
    EXPECT_EQ(topology.cores(), machine.cores);
    EXPECT_EQ(distinct(topology, &Cpu::os_index), machine.cpus);
    EXPECT_EQ(distinct(topology, &Cpu::l3), machine.groups);
    EXPECT_EQ(distinct(topology, &Cpu::package), machine.packages);
    EXPECT_EQ(distinct(topology, &Cpu::node), machine.nodes);
}

// What shares a core shares the group, and what shares the group shares the node.
TEST_P(SyntheticTopology, Nests) {
    const Topology topology = Topology::from_synthetic(GetParam().description);
    for (const Cpu& one : topology.cpus) {
        for (const Cpu& other : topology.cpus) {
            EXPECT_TRUE(one.core != other.core || one.l3 == other.l3);
            EXPECT_TRUE(one.l3 != other.l3 || one.node == other.node);
        }
    }
}

INSTANTIATE_TEST_SUITE_P(
    Machines,
    SyntheticTopology,
    ::testing::Values(
        Machine{"pack:1 core:1 pu:1", 1, 1, 1, 1, 1},
        Machine{"pack:1 core:1 pu:2", 2, 1, 1, 1, 1},
        Machine{"pack:1 core:2 pu:1", 2, 2, 1, 1, 1},
        Machine{"pack:1 l3:2 core:4 pu:2", 16, 8, 2, 1, 1},
        Machine{"pack:2 numa:1 l3:2 core:4 pu:2", 32, 16, 4, 2, 2},
        Machine{"pack:2 core:4 pu:1", 8, 8, 2, 2, 1},              // no L3: the package counts
        Machine{"pack:1 l3:1 numa:2 core:4 pu:1", 8, 8, 2, 1, 2},  // sub-NUMA clusters
        Machine{"pack:2 numa:4 l3:2 core:8 pu:2", 256, 128, 16, 2, 8}
    )
);

TEST(Topology, LogicalOrderBringsInterleavedSiblingsTogether) {
    const Topology topology = Topology::from_synthetic("core:4 pu:2(indexes=0,4,1,5,2,6,3,7)");
    ASSERT_EQ(topology.cpus.size(), 8U);
    EXPECT_EQ(topology.cpus[0].os_index, 0);
    EXPECT_EQ(topology.cpus[1].os_index, 4);
    EXPECT_EQ(topology.cpus[0].core, topology.cpus[1].core);
    EXPECT_EQ(topology.os_indices(), (CpuList{0, 1, 2, 3, 4, 5, 6, 7}));
}

TEST(Topology, RestrictionKeepsTheRestAsItIs) {
    const Topology whole = Topology::from_synthetic("pack:2 l3:1 core:2 pu:2");
    const Topology part = whole.restricted_to({1, 6, 99});
    ASSERT_EQ(part.cpus.size(), 2U);
    EXPECT_EQ(part.cpus[0], whole.cpus[1]);
    EXPECT_EQ(part.cpus[1], whole.cpus[6]);
    EXPECT_EQ(part.cores(), 2);
}

TEST(Topology, WrongDescriptionIsABug) {
    EXPECT_DEATH((void)Topology::from_synthetic("gibberish"), "made-up machine");
}

TEST(Topology, FromAffinityKnowsNoDifferences) {
    const Topology topology = Topology::from_affinity({3, 5, 8});
    EXPECT_FALSE(topology.from_hwloc);
    EXPECT_EQ(topology.os_indices(), (CpuList{3, 5, 8}));
    EXPECT_EQ(topology.cores(), 3);
    EXPECT_EQ(distinct(topology, &Cpu::l3), 1);
    EXPECT_EQ(distinct(topology, &Cpu::node), 1);
}

TEST(NodeDistances, DefaultsToHomeAndElsewhere) {
    const NodeDistances unknown;
    EXPECT_EQ(unknown.between(3, 3), 10U);
    EXPECT_EQ(unknown.between(0, 1), 20U);
    const NodeDistances known{.nodes = {0, 2}, .values = {10, 17, 28, 10}};
    EXPECT_EQ(known.between(0, 2), 17U);
    EXPECT_EQ(known.between(2, 0), 28U);
    EXPECT_EQ(known.between(2, 1), 20U);
}

TEST(DetectedTopology, IsWithinTheMaskOfTheThread) {
    const ScopedEnvironment cpus{"WEFT_CPUS"};
    const auto mask = thread_affinity();
    ASSERT_TRUE(mask);
    const Topology topology = Topology::detect();
    EXPECT_FALSE(topology.cpus.empty());
    const CpuList found = topology.os_indices();
    EXPECT_TRUE(std::includes(mask->begin(), mask->end(), found.begin(), found.end()));
    EXPECT_EQ(topology.is_narrowed, found.size() < mask->size());
    EXPECT_GE(std::ssize(found), topology.cores());
}

TEST(DetectedTopology, FollowsTheMaskOfEachCaller) {
    const ScopedEnvironment cpus{"WEFT_CPUS"};
    const SavedAffinity saved;
    const auto mask = thread_affinity();
    ASSERT_TRUE(mask);
    for (const int cpu : *mask) {
        ASSERT_FALSE(set_thread_affinity({cpu}));
        EXPECT_EQ(Topology::detect().os_indices(), CpuList{cpu});
        EXPECT_FALSE(Topology::detect().is_narrowed);
    }
}

TEST(DetectedTopology, ProcessStartedOnOneCpu) {
    const ScopedEnvironment cpus{"WEFT_CPUS"};
    const SavedAffinity saved;
    const int last = thread_affinity().value().back();
    ASSERT_FALSE(set_thread_affinity({last}));  // as taskset -c does before it executes a program
    EXPECT_IN_NEW_PROCESS(Topology::detect().cpus.size() == 1 && Topology::detect().cores() == 1);
}

bool falls_back_with(std::string_view warning) {
    const CapturedLog log;
    const bool is_equal_to_mask = Topology::detect().os_indices() == thread_affinity();
    const bool is_from_hwloc = Topology::detect().from_hwloc;
    return is_equal_to_mask && !is_from_hwloc && CapturedLog::is_one_with(warning);
}

TEST(TopologyFallback, HwlocFails) {
    const ScopedEnvironment cpus{"WEFT_CPUS"};
    const ScopedEnvironment components{"HWLOC_COMPONENTS", "stop"};
    EXPECT_IN_NEW_PROCESS(falls_back_with("hwloc failed"));
}

TEST(TopologyFallback, SysIsMasked) {
    const ScopedEnvironment cpus{"WEFT_CPUS"};
    const ScopedEnvironment root{"HWLOC_FSROOT", "/dev/fd"};  // a directory without sys/
    EXPECT_IN_NEW_PROCESS(falls_back_with("hwloc sees no cores"));
}

TEST(TopologyFallback, DescriptionOfAnotherMachine) {
    const ScopedEnvironment cpus{"WEFT_CPUS"};
    const ScopedEnvironment synthetic{"HWLOC_SYNTHETIC", "core:1 pu:1(indexes=5000)"};
    EXPECT_IN_NEW_PROCESS([] {
        const CapturedLog log;
        return Topology::detect().os_indices() == thread_affinity() &&
               CapturedLog::is_one_with("none of the CPUs");
    }());
}

TEST(TopologyFallback, GarbageInHwlocXmlFile) {
    const ScopedEnvironment cpus{"WEFT_CPUS"};
    const ScopedEnvironment xml{"HWLOC_XMLFILE", "/etc/passwd"};
    EXPECT_IN_NEW_PROCESS(Topology::detect().os_indices() == thread_affinity());
}

TEST(TopologyFallback, DisabledOnPurposeIsSilent) {
    const ScopedEnvironment cpus{"WEFT_CPUS"};
    const ScopedEnvironment disable{"WEFT_DISABLE", "io_uring,hwloc"};
    const CapturedLog log;
    const Topology topology = Topology::detect();
    EXPECT_FALSE(topology.from_hwloc);
    EXPECT_EQ(topology.os_indices(), thread_affinity());
    EXPECT_TRUE(CapturedLog::lines().empty());
}

TEST(WeftCpus, NarrowsTheTopology) {
    const auto mask = thread_affinity();
    ASSERT_TRUE(mask);
    const ScopedEnvironment cpus{"WEFT_CPUS", std::to_string(mask->front()).c_str()};
    const CapturedLog log;
    const Topology topology = Topology::detect();
    EXPECT_EQ(topology.os_indices(), CpuList{mask->front()});
    EXPECT_EQ(topology.is_narrowed, mask->size() > 1);
    EXPECT_TRUE(CapturedLog::lines().empty());
}

TEST(WeftCpus, CannotAddCpus) {
    const auto mask = thread_affinity();
    ASSERT_TRUE(mask);
    const std::string list = std::to_string(mask->front()) + ",9000-9001";
    const ScopedEnvironment cpus{"WEFT_CPUS", list.c_str()};
    const CapturedLog log;
    EXPECT_EQ(Topology::detect().os_indices(), CpuList{mask->front()});
    EXPECT_TRUE(CapturedLog::is_one_with("cut down to"));
}

TEST(WeftCpus, NothingLeftIsIgnored) {
    const ScopedEnvironment cpus{"WEFT_CPUS", "9000"};
    const CapturedLog log;
    EXPECT_EQ(Topology::detect().os_indices().size(), thread_affinity().value().size());
    EXPECT_TRUE(CapturedLog::is_one_with("WEFT_CPUS=9000 is ignored"));
}

TEST(WeftCpus, GarbageIsIgnoredWithAWarning) {
    const ScopedEnvironment cpus{"WEFT_CPUS", "all of them"};
    const CapturedLog log;
    EXPECT_EQ(cpus_from_environment(), std::nullopt);
    EXPECT_TRUE(CapturedLog::is_one_with("WEFT_CPUS=all of them is ignored: expected a list"));
}

}  // namespace
}  // namespace weft::rt
