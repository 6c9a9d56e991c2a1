#include <array>
#include <cstdint>
#include <optional>
#include <weft/weft.hpp>

#include "support/fork_join.hpp"
#include "support/workload.hpp"

namespace weft::perf {
namespace {

/// The sum of the `leaves` numbers from `first` on: a task for each child.
std::int64_t sum(std::int64_t first, std::int64_t leaves) {
    if (leaves == 1) {
        return first;
    }
    const std::int64_t each = leaves / static_cast<std::int64_t>(kChildren);
    std::array<std::optional<Task<std::int64_t>>, kChildren> children;
    for (auto& child : children) {
        child = spawn([first, each] { return sum(first, each); });
        first += each;
    }
    std::int64_t total = 0;
    for (const auto& child : children) {
        total += await(*child);
    }
    return total;
}

void sum_of_leaves(WorkloadRun& run) {
    run.in_stealable_task([&] { measure_skynet(run, &sum); });
}

const bool added = add_workload("skynet", &sum_of_leaves);

}  // namespace
}  // namespace weft::perf
