#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "support/run.hpp"

// What the fork-join workloads in C++ have in common: all but the forks and joins.

namespace weft::perf {

/// The `n`th number of a row, each of which is the sum of the two before, and `more`.
inline std::int64_t in_row(
    std::int64_t n, std::int64_t first, std::int64_t second, std::int64_t more
) {
    for (std::int64_t i = 0; i < n; ++i) {
        const std::int64_t next = first + second + more;
        first = second;
        second = next;
    }
    return first;
}

/// Measures `fib(n)`, after a smaller one.
template <class Fib>
void measure_fib(Run& run, Fib&& fib) {
    const std::int64_t n = run.size("n");
    const std::int64_t calls = in_row(n, 1, 1, 1);
    constexpr std::int64_t kWarmUp = 5;
    fib(n > kWarmUp ? n - kWarmUp : 1);
    const double time = nanoseconds_of([&] { expect_equal(fib(n), in_row(n, 0, 1, 0), "fib"); });
    run.report("time", time / static_cast<double>(calls), "ns");
}

constexpr std::size_t kMostRows = 16;

/// The column of the queen in each row that has one.
using Board = std::array<std::int8_t, kMostRows>;

inline bool is_safe(const Board& board, std::size_t row, std::size_t column) {
    const int here = static_cast<int>(column);
    for (std::size_t above = 0; above < row; ++above) {
        const int there = board[above];
        const int distance = static_cast<int>(row - above);
        if (there == here || there == here - distance || there == here + distance) {
            return false;
        }
    }
    return true;
}

/// Measures `count_ways(rows, 0, Board{})`.
template <class Count>
void measure_nqueens(Run& run, Count&& count_ways) {
    const auto rows = static_cast<std::size_t>(run.size("rows"));
    const auto round = [&] {
        expect_equal(count_ways(rows, 0, Board{}), run.size("ways"), "the number of ways");
    };
    round();
    run.report("time", nanoseconds_of(round) / 1e6, "ms");
}

constexpr std::size_t kChildren = 10;

/// Measures `sum(0, leaves)`.
template <class Sum>
void measure_skynet(Run& run, Sum&& sum) {
    const std::int64_t leaves = run.size("leaves");
    const auto round = [&] { expect_equal(sum(0, leaves), leaves * (leaves - 1) / 2, "the sum"); };
    round();
    run.report("time", nanoseconds_of(round) / 1e6, "ms");
}

/// A square part of a matrix, whose rows are `stride` apart.
struct Part {
    int* first;
    std::size_t stride;

    [[nodiscard]] Part at(std::size_t row, std::size_t column) const {
        return {first + (row * stride) + column, stride};
    }
};

inline void multiply_block(Part a, Part b, Part c, std::size_t size) {
    for (std::size_t i = 0; i < size; ++i) {
        for (std::size_t k = 0; k < size; ++k) {
            for (std::size_t j = 0; j < size; ++j) {
                c.first[(i * c.stride) + j] +=
                    a.first[(i * a.stride) + k] * b.first[(k * b.stride) + j];
            }
        }
    }
}

/// Measures `multiply(a, b, c, size, block)`.
template <class Multiply>
void measure_matmul(Run& run, Multiply&& multiply) {
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
    const auto round = [&] {
        std::vector<int> c(size * size);
        const double time = nanoseconds_of([&] {
            multiply(Part{a.data(), size}, Part{b.data(), size}, Part{c.data(), size}, size, block);
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
}

}  // namespace weft::perf
