#include <tbb/task_group.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <numeric>

#include "peer.hpp"
#include "support/fork_join.hpp"
#include "workers.hpp"

namespace weft::perf {
namespace {

/// How many ways there are to fill the rows from `row` on: a task for each queen.
std::int64_t count_ways(std::size_t rows, std::size_t row, Board board) {
    if (row == rows) {
        return 1;
    }
    std::array<std::int64_t, kMostRows> ways{};
    tbb::task_group group;
    for (std::size_t column = 0; column < rows; ++column) {
        if (is_safe(board, row, column)) {
            board[row] = static_cast<std::int8_t>(column);
            group.run([&, rows, row, column, board] {
                ways[column] = count_ways(rows, row + 1, board);
            });
        }
    }
    group.wait();
    return std::accumulate(ways.begin(), ways.end(), std::int64_t{0});
}

void place_queens(Run& run) {
    with_workers(run, [&] { measure_nqueens(run, &count_ways); });
}

const bool added = add_peer("nqueens", &place_queens);

}  // namespace
}  // namespace weft::perf
