#include "sched/pinning.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <map>
#include <set>
#include <tuple>
#include <utility>
#include <vector>

#include "sched/machines.hpp"
#include "sched/process_state.hpp"

namespace weft::rt {
namespace {

using testing::CapturedLog;
using testing::ScopedEnvironment;

constexpr auto kNoQuota = std::nullopt;

bool is_bound_nowhere(const std::vector<PinPlan>& plans) {
    return std::all_of(plans.begin(), plans.end(), [](const PinPlan& plan) {
        return plan.cpus.empty();
    });
}

class EveryPlan : public ::testing::TestWithParam<std::tuple<const char*, PinPolicy>> {};

// Whatever the width, each list is ascending and within the machine.
TEST_P(EveryPlan, StaysWithinTheTopology) {
    const auto& [description, policy] = GetParam();
    const CapturedLog log;
    Topology topology = Topology::from_synthetic(description);
    const int size = static_cast<int>(topology.cpus.size());
    for (const bool is_narrowed : {false, true}) {
        topology.is_narrowed = is_narrowed;
        const CpuList allowed = topology.os_indices();
        for (const int workers : {1, 2, size / 2 + 1, size - 1, size, size + 1, 3 * size}) {
            if (workers < 1) {
                continue;
            }
            for (const std::optional<double> quota : {std::optional<double>{}, {0.5}}) {
                const auto plans = plan_pinning(topology, workers, quota, policy);
                ASSERT_EQ(std::ssize(plans), workers);
                for (const auto& [cpus] : plans) {
                    EXPECT_EQ(cpus.empty(), cpus.empty() && !is_narrowed);
                    EXPECT_TRUE(std::is_sorted(cpus.begin(), cpus.end(), std::less_equal<>{}));
                    EXPECT_TRUE(
                        std::includes(allowed.begin(), allowed.end(), cpus.begin(), cpus.end())
                    );
                }
            }
        }
    }
}

// No group of CPUs has more workers than CPUs while there are enough CPUs for all.
TEST_P(EveryPlan, SharesEvenly) {
    const auto& [description, policy] = GetParam();
    const Topology topology = Topology::from_synthetic(description);
    const int size = static_cast<int>(topology.cpus.size());
    for (int workers = 1; workers <= size; ++workers) {
        std::map<CpuList, std::size_t> load;
        for (const auto& [cpus] : plan_pinning(topology, workers, kNoQuota, policy)) {
            ++load[cpus];
        }
        for (const auto& [cpus, count] : load) {
            EXPECT_TRUE(cpus.empty() || count <= cpus.size()) << workers;
        }
    }
}

INSTANTIATE_TEST_SUITE_P(
    Machines,
    EveryPlan,
    ::testing::Combine(
        ::testing::ValuesIn(testing::kMachines),
        ::testing::Values(
            PinPolicy::Auto, PinPolicy::Core, PinPolicy::Group, PinPolicy::Numa, PinPolicy::None
        )
    )
);

class PinsOnTwoSockets : public ::testing::Test {
protected:
    const Topology topology_ = Topology::from_synthetic("pack:2 numa:1 l3:2 core:2 pu:2");  // 16
};

TEST_F(PinsOnTwoSockets, AutoBindsToOneCpuIfAllAreTaken) {
    const auto plans = plan_pinning(topology_, 16, kNoQuota, PinPolicy::Auto);
    for (std::size_t i = 0; i < plans.size(); ++i) {
        EXPECT_EQ(plans[i].cpus, CpuList{topology_.cpus[i].os_index});
    }
}

TEST_F(PinsOnTwoSockets, AutoBindsToTheGroupIfFewerOrUnderQuota) {
    const auto fewer = plan_pinning(topology_, 4, kNoQuota, PinPolicy::Auto);
    EXPECT_EQ(fewer[0].cpus, (CpuList{0, 1, 2, 3}));
    EXPECT_EQ(fewer[1].cpus, (CpuList{4, 5, 6, 7}));
    EXPECT_EQ(fewer[3].cpus, (CpuList{12, 13, 14, 15}));
    const auto limited = plan_pinning(topology_, 16, 16.0, PinPolicy::Auto);
    EXPECT_EQ(limited[0].cpus, (CpuList{0, 1, 2, 3}));
    EXPECT_EQ(limited[15].cpus, (CpuList{12, 13, 14, 15}));
}

TEST_F(PinsOnTwoSockets, AutoDoesNotBindMoreWorkersThanCpus) {
    const CapturedLog log;
    EXPECT_TRUE(is_bound_nowhere(plan_pinning(topology_, 17, kNoQuota, PinPolicy::Auto)));
    EXPECT_TRUE(CapturedLog::lines().empty());
    EXPECT_TRUE(is_bound_nowhere(plan_pinning(topology_, 17, kNoQuota, PinPolicy::Core)));
    EXPECT_TRUE(CapturedLog::is_one_with("17 workers, but 16 CPUs"));
}

TEST_F(PinsOnTwoSockets, CoreTakesSiblingsLast) {
    const auto plans = plan_pinning(topology_, 8, 0.5, PinPolicy::Core);
    std::set<int> cores;
    for (const auto& [cpus] : plans) {
        ASSERT_EQ(cpus.size(), 1U);
        cores.insert(topology_.cpus[static_cast<std::size_t>(cpus[0])].core);
    }
    EXPECT_EQ(cores.size(), 8U);

    const auto two = plan_pinning(topology_, 2, kNoQuota, PinPolicy::Core);
    EXPECT_EQ(two[0].cpus, CpuList{0});
    EXPECT_EQ(two[1].cpus, CpuList{8});  // the other socket

    const auto odd = plan_pinning(topology_, 9, kNoQuota, PinPolicy::Core);
    EXPECT_EQ(odd[0].cpus, CpuList{0});
    EXPECT_EQ(odd[1].cpus, CpuList{1});  // the one pair of siblings
    EXPECT_EQ(odd[2].cpus, CpuList{2});
    EXPECT_EQ(odd[3].cpus, CpuList{4});
}

TEST_F(PinsOnTwoSockets, NumaBindsToTheNode) {
    const auto plans = plan_pinning(topology_, 3, kNoQuota, PinPolicy::Numa);
    EXPECT_EQ(plans[0].cpus, (CpuList{0, 1, 2, 3, 4, 5, 6, 7}));
    EXPECT_EQ(plans[1].cpus, plans[0].cpus);
    EXPECT_EQ(plans[2].cpus, (CpuList{8, 9, 10, 11, 12, 13, 14, 15}));
}

TEST_F(PinsOnTwoSockets, NoneOnANarrowedMachineStillStaysThere) {
    Topology part = topology_.restricted_to({1, 9});
    part.is_narrowed = true;
    for (const auto& [cpus] : plan_pinning(part, 5, kNoQuota, PinPolicy::None)) {
        EXPECT_EQ(cpus, (CpuList{1, 9}));
    }
}

TEST(Pins, GroupThatIsTheWholeMachineIsNotBound) {
    const Topology topology = Topology::from_synthetic("pack:1 l3:1 core:4 pu:2");
    EXPECT_TRUE(is_bound_nowhere(plan_pinning(topology, 3, kNoQuota, PinPolicy::Auto)));
    EXPECT_TRUE(is_bound_nowhere(plan_pinning(topology, 8, 2.0, PinPolicy::Auto)));
}

TEST(Pins, BindTheThread) {
    const SavedAffinity saved;
    const auto before = thread_affinity();
    ASSERT_TRUE(before);
    EXPECT_FALSE(bind_current_thread({}));
    EXPECT_EQ(thread_affinity(), before);
    EXPECT_FALSE(bind_current_thread({{before->back()}}));
    EXPECT_EQ(thread_affinity(), CpuList{before->back()});
    EXPECT_TRUE(bind_current_thread({{60000}}));
    EXPECT_EQ(thread_affinity(), CpuList{before->back()});
}

TEST(Pins, ThisMachinesPlansCanBeBound) {
    const SavedAffinity saved;
    const Topology topology = Topology::detect();
    const int workers = static_cast<int>(topology.cpus.size());
    for (const PinPlan& plan : plan_pinning(topology, workers, kNoQuota, PinPolicy::Auto)) {
        EXPECT_FALSE(bind_current_thread(plan));
    }
}

TEST(WeftPin, IsRead) {
    for (const auto& [text, policy] :
         {std::pair{"auto", PinPolicy::Auto},
          std::pair{"core", PinPolicy::Core},
          std::pair{"group", PinPolicy::Group},
          std::pair{"numa", PinPolicy::Numa},
          std::pair{"none", PinPolicy::None}}) {
        const ScopedEnvironment pin{"WEFT_PIN", text};
        EXPECT_EQ(pin_policy_from_environment(), policy);
    }
    const ScopedEnvironment unset{"WEFT_PIN"};
    EXPECT_EQ(pin_policy_from_environment(), std::nullopt);
}

TEST(WeftPin, GarbageIsIgnoredWithAWarning) {
    const ScopedEnvironment pin{"WEFT_PIN", "Core"};
    const CapturedLog log;
    EXPECT_EQ(pin_policy_from_environment(), std::nullopt);
    EXPECT_TRUE(CapturedLog::is_one_with("WEFT_PIN=Core is ignored: expected auto, core"));
}

}  // namespace
}  // namespace weft::rt
