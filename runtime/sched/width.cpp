#include "sched/width.hpp"

#include <algorithm>
#include <cmath>
#include <string>

#include "base/atomic.hpp"
#include "base/log.hpp"
#include "sched/environment.hpp"

namespace weft::rt {
namespace {

constexpr int kWorkersMax = 4096;  // beyond it is a typing error

int usable_cpus(const Topology& topology, std::optional<double> quota) {
    const auto cpus = static_cast<double>(topology.cpus.size());
    const double limit = quota ? std::min(cpus, std::ceil(*quota)) : cpus;
    return std::max(1, static_cast<int>(limit));
}

}  // namespace

int choose_width(const Topology& topology, std::optional<double> quota, int requested) {
    const int usable = usable_cpus(topology, quota);
    if (requested <= 0) {
        return usable;
    }
    static Atomic<bool> has_warned{false};
    if (requested > usable && !has_warned.exchange(true, relaxed)) {
        log_warning(
            std::to_string(requested) + " workers were asked for, but CPU affinity and quota let " +
            std::to_string(usable) + " run at once"
        );
    }
    return requested;
}

std::optional<int> workers_from_environment() {
    const auto text = environment("WEFT_WORKERS");
    if (!text) {
        return std::nullopt;
    }
    const auto workers = parse_number(*text, 1, kWorkersMax);
    if (!workers) {
        warn_ignored(
            "WEFT_WORKERS", *text, "a whole number from 1 to " + std::to_string(kWorkersMax)
        );
    }
    return workers;
}

}  // namespace weft::rt
