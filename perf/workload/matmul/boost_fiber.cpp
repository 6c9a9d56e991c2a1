#include <boost/fiber/all.hpp>
#include <cstddef>

#include "fibers.hpp"
#include "support/fork_join.hpp"

namespace weft::perf {
namespace {

namespace bf = boost::fibers;

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
        bf::fiber first = start_fiber([=] { quarter(0, 0); });
        bf::fiber second = start_fiber([=] { quarter(0, half); });
        bf::fiber third = start_fiber([=] { quarter(half, 0); });
        quarter(half, half);
        first.join();
        second.join();
        third.join();
    }
}

void multiply_matrices(Run& run) {
    with_fibers(run, [&] { measure_matmul(run, &multiply); });
}

const bool added = add_peer("matmul", &multiply_matrices);

}  // namespace
}  // namespace weft::perf
