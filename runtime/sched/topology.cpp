#include "sched/topology.hpp"

#include <hwloc.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <map>
#include <memory>
#include <numeric>
#include <optional>
#include <set>
#include <span>
#include <system_error>
#include <utility>

#include "base/check.hpp"
#include "base/disable.hpp"
#include "base/log.hpp"
#include "base/posix.hpp"
#include "sched/environment.hpp"

namespace weft::rt {
namespace {

constexpr unsigned long kFlags = HWLOC_TOPOLOGY_FLAG_THISSYSTEM_ALLOWED_RESOURCES |
                                 HWLOC_TOPOLOGY_FLAG_DONT_CHANGE_BINDING |
                                 HWLOC_TOPOLOGY_FLAG_NO_MEMATTRS | HWLOC_TOPOLOGY_FLAG_NO_CPUKINDS;
constexpr std::uint64_t kHome = 10;  // the firmware's unit of distance
constexpr std::uint64_t kElsewhere = 20;

struct DestroyTopology {
    void operator()(hwloc_topology_t topology) const noexcept { hwloc_topology_destroy(topology); }
};
using HwlocTopology = std::unique_ptr<hwloc_topology, DestroyTopology>;

/// Numbers things in the order in which they are first asked for.
template <class Key>
class Numbers {
public:
    int of(const Key& key) {
        return numbers_.try_emplace(key, static_cast<int>(numbers_.size())).first->second;
    }

private:
    std::map<Key, int> numbers_;
};

/// Leaves out what weft has no use for: I/O devices make most of the load time of a big host.
/// The x86 backend is left out as well (DONT_CHANGE_BINDING): it binds this thread to one CPU after
/// another, and believes a hypervisor's cpuid over the kernel.
int configure(hwloc_topology_t topology) {
    int result = hwloc_topology_set_all_types_filter(topology, HWLOC_TYPE_FILTER_KEEP_NONE);
    for (const hwloc_obj_type_t type : {HWLOC_OBJ_PACKAGE, HWLOC_OBJ_L3CACHE, HWLOC_OBJ_CORE}) {
        result |= hwloc_topology_set_type_filter(topology, type, HWLOC_TYPE_FILTER_KEEP_ALL);
    }
    // Without its groups hwloc forgets which CPUs a node inside of a package is next to.
    result |=
        hwloc_topology_set_type_filter(topology, HWLOC_OBJ_GROUP, HWLOC_TYPE_FILTER_KEEP_STRUCTURE);
    return result | hwloc_topology_set_flags(topology, kFlags);
}

/// Loads this machine, or the synthetic one. Returns -errno with hwloc's reason if it will not.
int load(const char* synthetic, HwlocTopology& topology) {
    hwloc_topology_t raw = nullptr;
    int result = checked(hwloc_topology_init, &raw);
    if (result < 0) {
        return result;
    }
    topology.reset(raw);
    if (synthetic != nullptr) {
        result = checked(hwloc_topology_set_synthetic, raw, synthetic);
    }
    if (result >= 0) {
        result = checked(configure, raw);
    }
    return result < 0 ? result : checked(hwloc_topology_load, raw);
}

std::vector<Cpu> read_cpus(hwloc_topology_t topology) {
    Numbers<hwloc_obj_t> cores;
    Numbers<hwloc_obj_t> packages;
    Numbers<std::pair<hwloc_obj_t, int>> caches;
    std::vector<Cpu> cpus;
    hwloc_obj_t pu = nullptr;
    while ((pu = hwloc_get_next_obj_by_type(topology, HWLOC_OBJ_PU, pu)) != nullptr) {
        const auto above = [&](hwloc_obj_type_t type) {
            return hwloc_get_ancestor_obj_by_type(topology, type, pu);
        };
        hwloc_obj* const core = above(HWLOC_OBJ_CORE);
        hwloc_obj* const cache = above(HWLOC_OBJ_L3CACHE);
        hwloc_obj* const package = above(HWLOC_OBJ_PACKAGE);
        // The complete set: a cpuset can forbid the memory next to a CPU that it allows. The first
        // of several nodes is DRAM; the others are of another kind, such as HBM.
        const int node = std::max(0, hwloc_bitmap_first(pu->complete_nodeset));
        cpus.push_back(
            {.os_index = static_cast<int>(pu->os_index),
             .core = cores.of(core != nullptr ? core : pu),
             .l3 = caches.of({cache != nullptr ? cache : package, node}),
             .package = packages.of(package),
             .node = node}
        );
    }
    return cpus;
}

NodeDistances read_distances(hwloc_topology_t topology) {
    NodeDistances distances;
    unsigned count = 1;
    hwloc_distances_s* matrix = nullptr;
    const int failed = hwloc_distances_get_by_type(
        topology, HWLOC_OBJ_NUMANODE, &count, &matrix, HWLOC_DISTANCES_KIND_MEANS_LATENCY, 0
    );
    if (failed != 0 || count == 0 || matrix == nullptr) {
        return distances;
    }
    for (const hwloc_obj* const node : std::span{matrix->objs, matrix->nbobjs}) {
        distances.nodes.push_back(static_cast<int>(node->os_index));
    }
    const std::size_t size = distances.nodes.size() * distances.nodes.size();
    distances.values.assign(matrix->values, matrix->values + size);
    hwloc_distances_release(topology, matrix);
    return distances;
}

/// What hwloc tells of the machine; nothing, after a warning, if that is of no use.
std::optional<Topology> load_machine() {
    HwlocTopology topology;
    if (const int result = load(nullptr, topology); result < 0) {
        const std::error_code reason{-result, std::system_category()};
        log_warning("hwloc failed (" + reason.message() + "): all CPUs are taken to be alike");
        return std::nullopt;
    }
    if (hwloc_get_nbobjs_by_type(topology.get(), HWLOC_OBJ_CORE) <= 0) {
        log_warning("hwloc sees no cores (is /sys masked?): all CPUs are taken to be alike");
        return std::nullopt;
    }
    return Topology{
        .cpus = read_cpus(topology.get()),
        .distances = read_distances(topology.get()),
        .from_hwloc = true,
    };
}

/// Loads once, and the whole machine: each runtime has the mask of the thread that starts it.
const std::optional<Topology>& loaded_machine() {
    static std::optional<Topology> machine = load_machine();
    return machine;
}

CpuList inherited_cpus() {
    if (auto cpus = thread_affinity(); cpus && !cpus->empty()) {
        return *std::move(cpus);
    }
    log_warning("the kernel does not tell this thread's CPU affinity: all CPUs are counted");
    CpuList all(static_cast<std::size_t>(std::max(1L, ::sysconf(_SC_NPROCESSORS_ONLN))));
    std::iota(all.begin(), all.end(), 0);
    return all;
}

/// Cuts the inherited mask down to WEFT_CPUS, which can only take CPUs away.
CpuList allowed_cpus(const CpuList& inherited) {
    const auto wanted = cpus_from_environment();
    if (!wanted) {
        return inherited;
    }
    CpuList allowed;
    std::set_intersection(
        wanted->begin(),
        wanted->end(),
        inherited.begin(),
        inherited.end(),
        std::back_inserter(allowed)
    );
    if (allowed.size() < wanted->size()) {
        const std::string expected = "CPUs out of " + format_cpu_list(inherited);
        if (allowed.empty()) {
            warn_ignored("WEFT_CPUS", format_cpu_list(*wanted), expected);
            return inherited;
        }
        log_warning(
            "WEFT_CPUS=" + format_cpu_list(*wanted) + " is cut down to " +
            format_cpu_list(allowed) + ": this process may use " + expected
        );
    }
    return allowed;
}

}  // namespace

std::uint64_t NodeDistances::between(int from, int to) const noexcept {
    const auto row = std::find(nodes.begin(), nodes.end(), from);
    const auto column = std::find(nodes.begin(), nodes.end(), to);
    if (row == nodes.end() || column == nodes.end()) {
        return from == to ? kHome : kElsewhere;
    }
    const auto index = (row - nodes.begin()) * std::ssize(nodes) + (column - nodes.begin());
    return values[static_cast<std::size_t>(index)];
}

Topology Topology::detect() {
    const CpuList inherited = inherited_cpus();
    const CpuList allowed = allowed_cpus(inherited);
    Topology topology = from_affinity(allowed);
    if (!is_disabled("hwloc")) {
        if (const auto& machine = loaded_machine()) {
            Topology known = machine->restricted_to(allowed);
            if (known.cpus.empty()) {
                log_warning(
                    "hwloc knows none of the CPUs " + format_cpu_list(allowed) +
                    ": they are taken to be alike"
                );
            } else {
                topology = std::move(known);
            }
        }
    }
    topology.is_narrowed = topology.cpus.size() < inherited.size();
    return topology;
}

Topology Topology::from_affinity(const CpuList& os_indices) {
    Topology topology;
    for (const int cpu : os_indices) {
        const int core = static_cast<int>(topology.cpus.size());
        topology.cpus.push_back({.os_index = cpu, .core = core, .l3 = 0, .package = 0, .node = 0});
    }
    return topology;
}

Topology Topology::from_synthetic(const std::string& description) {
    std::optional<Topology> topology = try_synthetic(description);
    WEFT_CHECK(topology.has_value(), "hwloc does not accept the description of a made-up machine");
    return *std::move(topology);
}

std::optional<Topology> Topology::try_synthetic(const std::string& description) {
    HwlocTopology topology;
    if (load(description.c_str(), topology) < 0) {
        return std::nullopt;
    }
    return Topology{
        .cpus = read_cpus(topology.get()),
        .distances = read_distances(topology.get()),
        .from_hwloc = true,
    };
}

Topology Topology::restricted_to(const CpuList& os_indices) const {
    Topology result = *this;
    std::erase_if(result.cpus, [&](const Cpu& cpu) {
        return !std::binary_search(os_indices.begin(), os_indices.end(), cpu.os_index);
    });
    return result;
}

int Topology::cores() const {
    std::set<int> distinct;
    for (const Cpu& cpu : cpus) {
        distinct.insert(cpu.core);
    }
    return static_cast<int>(distinct.size());
}

CpuList Topology::os_indices() const {
    CpuList list;
    for (const Cpu& cpu : cpus) {
        list.push_back(cpu.os_index);
    }
    std::sort(list.begin(), list.end());
    return list;
}

std::optional<CpuList> cpus_from_environment() {
    const auto text = environment("WEFT_CPUS");
    if (!text) {
        return std::nullopt;
    }
    auto cpus = parse_cpu_list(*text);
    if (!cpus) {
        warn_ignored("WEFT_CPUS", *text, "a list of CPUs such as 0-3,6");
    }
    return cpus;
}

}  // namespace weft::rt
