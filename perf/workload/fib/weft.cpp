#include <cstddef>
#include <cstdint>
#include <weft/weft.hpp>

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

/// The `n`th number of a row, each of which is the sum of the two before, and `more`.
std::int64_t in_row(std::int64_t n, std::int64_t first, std::int64_t second, std::int64_t more) {
    for (std::int64_t i = 0; i < n; ++i) {
        const std::int64_t next = first + second + more;
        first = second;
        second = next;
    }
    return first;
}

void fork_and_join(WorkloadRun& run) {
    const std::int64_t n = run.size("n");
    const std::int64_t calls = in_row(n, 1, 1, 1);
    run.in_stealable_task([&] {
        constexpr std::int64_t kWarmUp = 5;
        fib(n - kWarmUp);
        const double time =
            nanoseconds_of([n] { expect_equal(fib(n), in_row(n, 0, 1, 0), "fib"); });
        run.report("time", time / static_cast<double>(calls), "ns");
    });
}

const bool added = add_workload("fib", &fork_and_join);

}  // namespace
}  // namespace weft::perf
