#pragma once

#include <cstdint>
#include <optional>
#include <system_error>
#include <vector>

#include "sched/affinity.hpp"
#include "sched/topology.hpp"

namespace weft::rt {

/// How closely workers are bound to CPUs.
enum class PinPolicy : std::uint8_t {
    Auto,   ///< Core if weft has the CPUs to itself as far as it can tell; else Group
    Core,   ///< one CPU each, no two the same; spread over cores before SMT siblings are used
    Group,  ///< the CPUs behind one last-level cache
    Numa,   ///< the CPUs of one NUMA node
    None,   ///< wherever the kernel likes
};

/// Where one worker may run.
struct PinPlan {
    CpuList cpus;  ///< empty: it is not bound

    friend bool operator==(const PinPlan&, const PinPlan&) = default;
};

/// Plans for each worker where it may run: never outside of topology.cpus, and nowhere in
/// particular (empty) where a plan would hold all that the thread inherits anyway.
///
/// Auto binds a worker to one CPU only if there are as many workers as CPUs and no quota. In all
/// other cases something else is meant to run here too, and a worker bound to a CPU would stand
/// behind it while another CPU idles. More workers than CPUs are not bound at all by Auto and Core.
/// Neighbours by number are neighbours in the machine, and shares are even: no group gets more
/// workers than it has CPUs unless all do.
[[nodiscard]] std::vector<PinPlan> plan_pinning(
    const Topology& topology, int workers, std::optional<double> quota, PinPolicy policy
);

/// Binds the calling thread as planned; an empty plan changes nothing.
[[nodiscard]] std::error_code bind_current_thread(const PinPlan& plan);

/// Reads WEFT_PIN (auto, core, group, numa, none); garbage is ignored with a warning.
[[nodiscard]] std::optional<PinPolicy> pin_policy_from_environment();

}  // namespace weft::rt
