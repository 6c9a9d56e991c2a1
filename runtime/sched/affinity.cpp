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

/// A kernel's mask of any size: cpu_set_t alone ends at CPU 1023.
class Mask {
public:
    explicit Mask(std::size_t parts) : parts_(parts) {}

    [[nodiscard]] std::size_t bytes() const noexcept { return parts_.size() * sizeof(cpu_set_t); }
    [[nodiscard]] int capacity() const noexcept { return static_cast<int>(bytes() * 8); }
    [[nodiscard]] cpu_set_t* data() noexcept { return parts_.data(); }

    void add(int cpu) noexcept { CPU_SET_S(static_cast<std::size_t>(cpu), bytes(), data()); }
    [[nodiscard]] bool has(int cpu) noexcept {
        return CPU_ISSET_S(static_cast<std::size_t>(cpu), bytes(), data());
    }

private:
    std::vector<cpu_set_t> parts_;  // all zero at first: no CPU
};

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

}  // namespace

std::optional<CpuList> thread_affinity() {
    // EINVAL says that the kernel has more CPUs than the mask has room for.
    for (std::size_t parts = 1; parts <= kMaskPartsMax; parts *= 2) {
        Mask mask{parts};
        const int result = checked(::sched_getaffinity, kCallingThread, mask.bytes(), mask.data());
        if (result == 0) {
            CpuList cpus;
            for (int cpu = 0; cpu < mask.capacity(); ++cpu) {
                if (mask.has(cpu)) {
                    cpus.push_back(cpu);
                }
            }
            return cpus;
        }
        if (result != -EINVAL) {
            break;
        }
    }
    return std::nullopt;
}

std::error_code set_thread_affinity(const CpuList& cpus) {
    WEFT_CHECK(!cpus.empty(), "bound a thread to no CPU");
    Mask mask{static_cast<std::size_t>(cpus.back()) / (sizeof(cpu_set_t) * 8) + 1};
    for (const int cpu : cpus) {
        mask.add(cpu);
    }
    const int result = checked(
        ::sched_setaffinity,
        kCallingThread,
        mask.bytes(),
        static_cast<const cpu_set_t*>(mask.data())
    );
    return {-result, std::system_category()};
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

SavedAffinity::~SavedAffinity() {
    if (!saved_) {
        return;
    }
    if (const std::error_code error = set_thread_affinity(*saved_)) {
        log_warning("a thread could not get its CPU affinity back: " + error.message());
    }
}

}  // namespace weft::rt
