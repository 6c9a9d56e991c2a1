#include "sched/pinning.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <map>
#include <string>
#include <string_view>
#include <utility>

#include "base/check.hpp"
#include "base/log.hpp"
#include "sched/environment.hpp"

namespace weft::rt {
namespace {

constexpr std::array<std::pair<std::string_view, PinPolicy>, 5> kPolicyNames{{
    {"auto", PinPolicy::Auto},
    {"core", PinPolicy::Core},
    {"group", PinPolicy::Group},
    {"numa", PinPolicy::Numa},
    {"none", PinPolicy::None},
}};

PinPolicy resolve(
    PinPolicy policy, std::size_t workers, std::size_t cpus, std::optional<double> quota
) {
    if (policy == PinPolicy::Auto) {
        if (workers > cpus) {
            return PinPolicy::None;
        }
        return workers == cpus && !quota ? PinPolicy::Core : PinPolicy::Group;
    }
    if (policy == PinPolicy::Core && workers > cpus) {
        log_warning(
            "workers are not bound to one CPU each: " + std::to_string(workers) + " workers, but " +
            std::to_string(cpus) + " CPUs"
        );
        return PinPolicy::None;
    }
    return policy;
}

/// The i-th of count places when they are spread evenly over size.
std::size_t evenly(std::size_t i, std::size_t count, std::size_t size) {
    return i * size / count;
}

/// Chooses CPUs by their place in the topology: the first sibling of each core, then the second of
/// each, and so on; of the last round, where not all are needed, evenly.
std::vector<std::size_t> spread_over_cores(const Topology& topology, std::size_t count) {
    std::map<int, std::size_t> siblings;                     // by core: how many were met
    std::map<std::size_t, std::vector<std::size_t>> rounds;  // by rank among siblings
    for (std::size_t place = 0; place < topology.cpus.size(); ++place) {
        rounds[siblings[topology.cpus[place].core]++].push_back(place);
    }
    std::vector<std::size_t> chosen;
    for (const auto& [rank, places] : rounds) {
        const std::size_t taken = std::min(count - chosen.size(), places.size());
        for (std::size_t i = 0; i < taken; ++i) {
            chosen.push_back(places[evenly(i, taken, places.size())]);
        }
    }
    std::sort(chosen.begin(), chosen.end());
    return chosen;
}

/// The CPUs that share a cache or a node with this one.
CpuList neighbourhood(const Topology& topology, const Cpu& home, int Cpu::*shared) {
    CpuList cpus;
    for (const Cpu& cpu : topology.cpus) {
        if (cpu.*shared == home.*shared) {
            cpus.push_back(cpu.os_index);
        }
    }
    std::sort(cpus.begin(), cpus.end());
    return cpus;
}

}  // namespace

std::vector<PinPlan> plan_pinning(
    const Topology& topology, int workers, std::optional<double> quota, PinPolicy policy
) {
    const auto count = static_cast<std::size_t>(workers);
    const std::size_t size = topology.cpus.size();
    WEFT_CHECK(workers > 0 && size > 0, "planned no workers, or workers for no CPU");
    std::vector<PinPlan> plans(count);
    switch (resolve(policy, count, size, quota)) {
        case PinPolicy::Core: {
            const std::vector<std::size_t> places = spread_over_cores(topology, count);
            for (std::size_t i = 0; i < count; ++i) {
                plans[i].cpus = {topology.cpus[places[i]].os_index};
            }
            break;
        }
        case PinPolicy::Group:
            for (std::size_t i = 0; i < count; ++i) {
                const Cpu& home = topology.cpus[evenly(i, count, size)];
                plans[i].cpus = neighbourhood(topology, home, &Cpu::l3);
            }
            break;
        case PinPolicy::Numa:
            for (std::size_t i = 0; i < count; ++i) {
                const Cpu& home = topology.cpus[evenly(i, count, size)];
                plans[i].cpus = neighbourhood(topology, home, &Cpu::node);
            }
            break;
        case PinPolicy::Auto:
        case PinPolicy::None:
            break;
    }
    for (PinPlan& plan : plans) {
        if (plan.cpus.empty() || plan.cpus.size() == size) {
            plan.cpus = topology.is_narrowed ? topology.os_indices() : CpuList{};
        }
    }
    return plans;
}

std::error_code bind_current_thread(const PinPlan& plan) {
    return plan.cpus.empty() ? std::error_code{} : set_thread_affinity(plan.cpus);
}

std::optional<PinPolicy> pin_policy_from_environment() {
    const auto text = environment("WEFT_PIN");
    if (!text) {
        return std::nullopt;
    }
    for (const auto& [name, policy] : kPolicyNames) {
        if (*text == name) {
            return policy;
        }
    }
    warn_ignored("WEFT_PIN", *text, "auto, core, group, numa or none");
    return std::nullopt;
}

}  // namespace weft::rt
