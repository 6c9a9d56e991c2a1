#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "sched/affinity.hpp"

namespace weft::rt {

/// A processing unit: one hardware thread. The numbers but os_index and node only tell apart:
/// equal numbers mean shared hardware.
struct Cpu {
    int os_index;
    int core;  ///< its SMT siblings have the same
    int l3;    ///< CPUs of one NUMA node behind one last-level cache; all of a package's if unknown
    int package;
    int node;  ///< OS index of the nearest NUMA node

    friend bool operator==(const Cpu&, const Cpu&) = default;
};

/// How far NUMA nodes are from each other, in the firmware's units: 10 is at home.
struct NodeDistances {
    std::vector<int> nodes;             ///< OS indices: what the rows and columns stand for
    std::vector<std::uint64_t> values;  ///< row after row

    /// Without a value from the firmware: 10 at home, 20 elsewhere.
    [[nodiscard]] std::uint64_t between(int from, int to) const noexcept;
};

/// The CPUs this process may use, and what they share. A plain value; hwloc ends in topology.cpp.
///
/// The CPUs are in hwloc's logical order: neighbours in the list share most.
struct Topology {
    std::vector<Cpu> cpus;
    NodeDistances distances;
    bool from_hwloc = false;
    /// Holds fewer CPUs than the mask that threads inherit (WEFT_CPUS): a worker that goes with no
    /// CPU in particular must still be bound to these.
    bool is_narrowed = false;

    /// Looks at the machine: the calling thread's affinity mask, cut down to hwloc's allowed set
    /// and to WEFT_CPUS. hwloc is loaded by the first call of the process (1-50 ms) and kept.
    ///
    /// Where hwloc fails, knows no cores (/sys is masked) or is disabled (WEFT_DISABLE=hwloc), all
    /// CPUs of the mask look alike; but for the last case one warning says so. Has one CPU at
    /// least.
    [[nodiscard]] static Topology detect();

    /// CPUs that share nothing but one cache, one package and one node.
    [[nodiscard]] static Topology from_affinity(const CpuList& os_indices);

    /// A made-up machine, "pack:2 numa:1 l3:2 core:4 pu:2", for tests and what-if questions.
    /// The description must be one that hwloc accepts.
    [[nodiscard]] static Topology from_synthetic(const std::string& description);
    /// The same; nothing where hwloc does not.
    [[nodiscard]] static std::optional<Topology> try_synthetic(const std::string& description);

    /// The same machine without the CPUs that are not on the list.
    [[nodiscard]] Topology restricted_to(const CpuList& os_indices) const;

    [[nodiscard]] int cores() const;
    [[nodiscard]] CpuList os_indices() const;
};

/// Reads WEFT_CPUS ("0-3,6"); garbage is ignored with a warning.
[[nodiscard]] std::optional<CpuList> cpus_from_environment();

}  // namespace weft::rt
