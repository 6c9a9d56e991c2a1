#include "fingerprint.hpp"

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <fstream>
#include <set>
#include <string_view>
#include <utility>
#include <weft/config.hpp>

#include "build_info.hpp"
#include "sched/affinity.hpp"
#include "sched/cpu_quota.hpp"

namespace weft::tool {
namespace {

namespace fs = std::filesystem;

constexpr const char* kUnknown = "unknown";

/// The first line of a file of the kernel's, or "unknown".
std::string line_of(const fs::path& path) {
    std::ifstream file(path);
    std::string line;
    std::getline(file, line);
    return line.empty() ? kUnknown : line;
}

std::string without_spaces_around(std::string_view text) {
    const std::size_t begin = text.find_first_not_of(" \t");
    if (begin == std::string_view::npos) {
        return {};
    }
    return std::string(text.substr(begin, text.find_last_not_of(" \t") - begin + 1));
}

struct CpuInfo {
    std::string model = kUnknown;
    bool is_virtual = false;  // the CPU says that a hypervisor is below
};

CpuInfo read_cpu_info(const fs::path& root) {
    CpuInfo info;
    std::ifstream file(root / "proc/cpuinfo");
    for (std::string line; std::getline(file, line);) {
        const std::size_t colon = line.find(':');
        if (colon == std::string::npos) {
            continue;
        }
        const std::string name = without_spaces_around(line.substr(0, colon));
        const std::string value = without_spaces_around(line.substr(colon + 1));
        if (name == "model name" && info.model == kUnknown) {
            info.model = value;
        } else if (name == "flags" || name == "Features") {
            info.is_virtual = (' ' + value + ' ').find(" hypervisor ") != std::string::npos;
            if (info.model != kUnknown) {
                break;
            }
        }
    }
    return info;
}

struct MachineShape {
    std::set<std::string> sockets;
    std::set<std::pair<std::string, std::string>> cores;
    std::size_t threads = 0;
};

MachineShape read_machine_shape(const fs::path& root) {
    MachineShape shape;
    const fs::path all = root / "sys/devices/system/cpu";
    const auto online = rt::parse_cpu_list(line_of(all / "online"));
    for (const int cpu : online.value_or(rt::CpuList{})) {
        const fs::path topology = all / fmt::format("cpu{}", cpu) / "topology";
        const std::string socket = line_of(topology / "physical_package_id");
        shape.sockets.insert(socket);
        shape.cores.emplace(socket, line_of(topology / "core_id"));
        ++shape.threads;
    }
    return shape;
}

std::size_t count_numa_nodes(const fs::path& root) {
    const auto nodes = rt::parse_cpu_list(line_of(root / "sys/devices/system/node/online"));
    return nodes.has_value() ? nodes->size() : 1;
}

/// "always [madvise] never" says madvise.
std::string chosen_word(const std::string& line) {
    const std::size_t begin = line.find('[');
    const std::size_t end = line.find(']');
    return begin < end && end != std::string::npos ? line.substr(begin + 1, end - begin - 1) : line;
}

/// Of all CPUs, each once: "performance", or "powersave, performance".
std::string read_governors(const fs::path& root) {
    std::set<std::string> names;
    const fs::path all = root / "sys/devices/system/cpu";
    for (const int cpu : rt::parse_cpu_list(line_of(all / "online")).value_or(rt::CpuList{})) {
        names.insert(line_of(all / fmt::format("cpu{}", cpu) / "cpufreq/scaling_governor"));
    }
    return names.empty() ? kUnknown : fmt::format("{}", fmt::join(names, ", "));
}

/// What else changes how weft runs. The names of include/weft/runtime.hpp.
std::string weft_environment() {
    std::vector<std::string> set;
    for (char** entry = environ; *entry != nullptr; ++entry) {
        if (std::string_view(*entry).starts_with("WEFT_")) {
            set.emplace_back(*entry);
        }
    }
    std::ranges::sort(set);
    return set.empty() ? "none" : fmt::format("{}", fmt::join(set, " "));
}

std::string affinity_text() {
    const auto cpus = rt::thread_affinity();
    return cpus.has_value() ? rt::format_cpu_list(*cpus) : kUnknown;
}

std::string kernel_text() {
    utsname name{};
    return ::uname(&name) == 0 ? fmt::format("{} {} {}", name.sysname, name.release, name.machine)
                               : kUnknown;
}

const char* compiler_text() {
#if defined(__clang__)
    return __VERSION__;
#else
    return "GCC " __VERSION__;
#endif
}

}  // namespace

Json take_fingerprint(const fs::path& root) {
    const CpuInfo cpu = read_cpu_info(root);
    const MachineShape shape = read_machine_shape(root);
    const std::optional<double> quota = rt::cpu_quota(root);
    const BuildInfo build = build_info();
    const auto now =
        std::chrono::time_point_cast<std::chrono::seconds>(std::chrono::system_clock::now());
    return {
        {"cpu", cpu.model},
        {"sockets", shape.sockets.size()},
        {"cores", shape.cores.size()},
        {"threads", shape.threads},
        {"numa_nodes", count_numa_nodes(root)},
        {"virtual", cpu.is_virtual},
        {"kernel", kernel_text()},
        {"governor", read_governors(root)},
        {"cgroup_quota", quota.has_value() ? Json(*quota) : Json("none")},
        {"affinity", affinity_text()},
        {"thp", chosen_word(line_of(root / "sys/kernel/mm/transparent_hugepage/enabled"))},
        {"environment", weft_environment()},
        {"compiler", compiler_text()},
        {"build", without_spaces_around(fmt::format("{} {}", build.type, build.flags))},
        {"weft", WEFT_VERSION_STRING},
        {"commit", build.commit},
        {"date", fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", fmt::gmtime(now))},
    };
}

std::string fingerprint_value(const Json& value) {
    if (value.is_boolean()) {
        return value.get<bool>() ? "yes" : "no";
    }
    return value.is_string() ? value.get<std::string>() : value.dump();
}

std::string fingerprint_text(const Json& fingerprint) {
    std::string text;
    for (const auto& [name, value] : fingerprint.items()) {
        text += fmt::format("  {:<14}{}\n", name, fingerprint_value(value));
    }
    return text;
}

std::vector<Difference> fingerprint_differences(const Json& a, const Json& b) {
    constexpr std::array<std::string_view, 3> kCompared{"date", "commit", "weft"};
    std::vector<std::string> names;
    for (const Json* one : {&a, &b}) {
        for (const auto& [name, value] : one->items()) {
            if (std::ranges::find(names, name) == names.end()) {
                names.push_back(name);
            }
        }
    }
    std::vector<Difference> found;
    const Json missing("missing");
    for (const std::string& name : names) {
        const Json& of_a = a.contains(name) ? a.at(name) : missing;
        const Json& of_b = b.contains(name) ? b.at(name) : missing;
        if (of_a != of_b && std::ranges::find(kCompared, name) == kCompared.end()) {
            found.push_back({name, fingerprint_value(of_a), fingerprint_value(of_b)});
        }
    }
    return found;
}

}  // namespace weft::tool
