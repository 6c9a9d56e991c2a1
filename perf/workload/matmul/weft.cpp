#include <cstddef>
#include <weft/weft.hpp>

#include "support/fork_join.hpp"
#include "support/workload.hpp"

namespace weft::perf {
namespace {

/// c += a * b: four quarters at once, twice.
void multiply(Part a, Part b, Part c, std::size_t size, std::size_t block) {
    if (size <= block) {
        multiply_block(a, b, c, size);
        return;
    }
    const std::size_t half = size / 2;
    for (const std::size_t k : {std::size_t{0}, half}) {
        const auto quarter = [=](std::size_t i, std::size_t j) {
            multiply(a.at(i, k), b.at(k, j), c.at(i, j), half, block);
        };
        const auto first = spawn([=] { quarter(0, 0); });
        const auto second = spawn([=] { quarter(0, half); });
        const auto third = spawn([=] { quarter(half, 0); });
        quarter(half, half);
        await(first);
        await(second);
        await(third);
    }
}

void multiply_matrices(WorkloadRun& run) {
    run.in_stealable_task([&] { measure_matmul(run, &multiply); });
}

const bool added = add_workload("matmul", &multiply_matrices);

}  // namespace
}  // namespace weft::perf
