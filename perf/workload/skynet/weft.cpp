#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <weft/weft.hpp>

#include "support/workload.hpp"

namespace weft::perf {
namespace {

constexpr std::size_t kChildren = 10;

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
    const std::int64_t leaves = run.size("leaves");
    run.in_stealable_task([&] {
        const auto round = [leaves] {
            expect_equal(sum(0, leaves), leaves * (leaves - 1) / 2, "the sum");
        };
        round();
        run.report("time", nanoseconds_of(round) / 1e6, "ms");
    });
}

const bool added = add_workload("skynet", &sum_of_leaves);

}  // namespace
}  // namespace weft::perf
