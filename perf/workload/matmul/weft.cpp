#include <cstddef>
#include <cstdint>
#include <vector>
#include <weft/weft.hpp>

#include "support/workload.hpp"

namespace weft::perf {
namespace {

/// A square part of a matrix, whose rows are `stride` apart.
struct Part {
    int* first;
    std::size_t stride;

    [[nodiscard]] Part at(std::size_t row, std::size_t column) const {
        return {first + (row * stride) + column, stride};
    }
};

void multiply_block(Part a, Part b, Part c, std::size_t size) {
    for (std::size_t i = 0; i < size; ++i) {
        for (std::size_t k = 0; k < size; ++k) {
            for (std::size_t j = 0; j < size; ++j) {
                c.first[(i * c.stride) + j] +=
                    a.first[(i * a.stride) + k] * b.first[(k * b.stride) + j];
            }
        }
    }
}

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
    const auto size = static_cast<std::size_t>(run.size("size"));
    const auto block = static_cast<std::size_t>(run.size("block"));
    std::vector<int> a(size * size);
    std::vector<int> b(size * size);
    for (std::size_t i = 0; i < size; ++i) {
        for (std::size_t j = 0; j < size; ++j) {
            a[(i * size) + j] = static_cast<int>(i);
            b[(i * size) + j] = static_cast<int>(j);
        }
    }
    run.in_stealable_task([&] {
        const auto round = [&] {
            std::vector<int> c(size * size);
            const double time = nanoseconds_of([&] {
                multiply({a.data(), size}, {b.data(), size}, {c.data(), size}, size, block);
            });
            for (std::size_t i = 0; i < size; ++i) {
                for (std::size_t j = 0; j < size; ++j) {
                    expect_equal(
                        c[(i * size) + j], static_cast<std::int64_t>(size * i * j), "a product"
                    );
                }
            }
            return time;
        };
        round();
        run.report("time", round() / 1e6, "ms");
    });
}

const bool added = add_workload("matmul", &multiply_matrices);

}  // namespace
}  // namespace weft::perf
