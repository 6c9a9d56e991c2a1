#include <cstddef>

#include "peer.hpp"
#include "support/fork_join.hpp"

namespace weft::perf {
namespace {

/// c += a * b, by plain calls.
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
        quarter(0, 0);
        quarter(0, half);
        quarter(half, 0);
        quarter(half, half);
    }
}

void multiply_matrices(Run& run) {
    measure_matmul(run, &multiply);
}

const bool added = add_peer("matmul", &multiply_matrices);

}  // namespace
}  // namespace weft::perf
