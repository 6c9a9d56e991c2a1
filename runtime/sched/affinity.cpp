#include "sched/affinity.hpp"

#include <sched.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>

#include "base/check.hpp"
#include "base/log.hpp"
#include "base/posix.hpp"
#include "sched/environment.hpp"

namespace weft::rt {
namespace {

/// A kernel's mask of any size: cpu_set_t alone ends at CPU 1023. All zero at first: no CPU.
using Mask = std::vector<cpu_set_t>;

std::size_t bytes_of(const Mask& mask) noexcept {
    return mask.size() * sizeof(cpu_set_t);
}

constexpr std::size_t kMaskPartsMax = 64;  // 65,536 CPUs, eight times what Linux builds for
constexpr int kCpuMax = static_cast<int>(kMaskPartsMax * sizeof(cpu_set_t) * 8) - 1;
constexpr pid_t kCallingThread = 0;  // not pthread_self(), which is cached across switches (R2)

/// Reads "3" or "0-3" and appends it.
bool append_range(std::string_view text, CpuList& cpus) {
    const std::size_t dash = text.find('-');
    const auto first = parse_number(text.substr(0, dash), 0, kCpuMax);
    const auto last =
        dash == std::string_view::npos ? first : parse_number(text.substr(dash + 1), 0, kCpuMax);
    if (!first || !last || *first > *last) {
        return false;
    }
    for (int cpu = *first; cpu <= *last; ++cpu) {
        cpus.push_back(cpu);
    }
    return true;
}

/// Empty if the kernel will not say.
Mask thread_mask() {
    // EINVAL says that the kernel has more CPUs than the mask has room for.
    int result = -EINVAL;
    for (std::size_t parts = 1; parts <= kMaskPartsMax && result == -EINVAL; parts *= 2) {
        Mask mask(parts);
        result = checked(::sched_getaffinity, kCallingThread, bytes_of(mask), mask.data());
        if (result == 0) {
            return mask;
        }
    }
    return {};
}

std::error_code set_thread_mask(const Mask& mask) noexcept {
    const int result = checked(::sched_setaffinity, kCallingThread, bytes_of(mask), mask.data());
    return {-result, std::system_category()};
}

}  // namespace

std::optional<CpuList> thread_affinity() {
    const Mask mask = thread_mask();
    if (mask.empty()) {
        return std::nullopt;
    }
    CpuList cpus;
    for (std::size_t cpu = 0; cpu < bytes_of(mask) * 8; ++cpu) {
        if (CPU_ISSET_S(cpu, bytes_of(mask), mask.data())) {
            cpus.push_back(static_cast<int>(cpu));
        }
    }
    return cpus;
}

std::error_code set_thread_affinity(const CpuList& cpus) {
    WEFT_CHECK(!cpus.empty(), "bound a thread to no CPU");
    Mask mask(static_cast<std::size_t>(cpus.back()) / (sizeof(cpu_set_t) * 8) + 1);
    for (const int cpu : cpus) {
        CPU_SET_S(static_cast<std::size_t>(cpu), bytes_of(mask), mask.data());
    }
    return set_thread_mask(mask);
}

std::optional<CpuList> parse_cpu_list(std::string_view text) {
    CpuList cpus;
    bool valid = true;
    for_each_field(text, ',', [&](std::string_view field) {
        valid = valid && append_range(field, cpus);
    });
    if (!valid) {
        return std::nullopt;
    }
    std::sort(cpus.begin(), cpus.end());
    cpus.erase(std::unique(cpus.begin(), cpus.end()), cpus.end());
    return cpus;
}

std::string format_cpu_list(const CpuList& cpus) {
    std::string text;
    for (std::size_t first = 0; first < cpus.size();) {
        std::size_t last = first;
        while (last + 1 < cpus.size() && cpus[last + 1] == cpus[last] + 1) {
            ++last;
        }
        text.append(text.empty() ? "" : ",").append(std::to_string(cpus[first]));
        if (last > first) {
            text.append("-").append(std::to_string(cpus[last]));
        }
        first = last + 1;
    }
    return text;
}

SavedAffinity::SavedAffinity() : mask_(thread_mask()) {}

SavedAffinity::~SavedAffinity() {
    if (mask_.empty()) {
        return;
    }
    if (set_thread_mask(mask_)) {
        log_warning("a thread could not get its CPU affinity back");
    }
}

}  // namespace weft::rt
