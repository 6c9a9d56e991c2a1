#include <cstdint>
#include <weft/weft.hpp>

#include "support/fork_join.hpp"
#include "support/workload.hpp"

namespace weft::perf {
namespace {

std::int64_t fib(std::int64_t n) {
    if (n < 2) {
        return n;
    }
    const auto larger = spawn([n] { return fib(n - 1); });
    const std::int64_t smaller = fib(n - 2);
    return await(larger) + smaller;
}

void fork_and_join(WorkloadRun& run) {
    run.in_stealable_task([&] { measure_fib(run, &fib); });
}

const bool added = add_workload("fib", &fork_and_join);

}  // namespace
}  // namespace weft::perf
