#include <tbb/task_group.h>

#include <array>
#include <cstdint>
#include <numeric>

#include "peer.hpp"
#include "support/fork_join.hpp"
#include "workers.hpp"

namespace weft::perf {
namespace {

/// The sum of the `leaves` numbers from `first` on: a task for each child.
std::int64_t sum(std::int64_t first, std::int64_t leaves) {
    if (leaves == 1) {
        return first;
    }
    const std::int64_t each = leaves / static_cast<std::int64_t>(kChildren);
    std::array<std::int64_t, kChildren> sums{};
    tbb::task_group group;
    for (std::int64_t& child : sums) {
        group.run([&child, first, each] { child = sum(first, each); });
        first += each;
    }
    group.wait();
    return std::accumulate(sums.begin(), sums.end(), std::int64_t{0});
}

void sum_of_leaves(Run& run) {
    with_workers(run, [&] { measure_skynet(run, &sum); });
}

const bool added = add_peer("skynet", &sum_of_leaves);

}  // namespace
}  // namespace weft::perf
