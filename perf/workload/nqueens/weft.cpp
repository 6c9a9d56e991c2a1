#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <weft/weft.hpp>

#include "support/fork_join.hpp"
#include "support/workload.hpp"

namespace weft::perf {
namespace {

/// How many ways there are to fill the rows from `row` on: a task for each queen.
std::int64_t count_ways(std::size_t rows, std::size_t row, Board board) {
    if (row == rows) {
        return 1;
    }
    std::array<std::optional<Task<std::int64_t>>, kMostRows> placed;
    std::size_t count = 0;
    for (std::size_t column = 0; column < rows; ++column) {
        if (is_safe(board, row, column)) {
            board[row] = static_cast<std::int8_t>(column);
            placed[count++] =
                spawn([rows, row, board] { return count_ways(rows, row + 1, board); });
        }
    }
    std::int64_t ways = 0;
    for (std::size_t i = 0; i < count; ++i) {
        ways += await(*placed[i]);
    }
    return ways;
}

void place_queens(WorkloadRun& run) {
    run.in_stealable_task([&] { measure_nqueens(run, &count_ways); });
}

const bool added = add_workload("nqueens", &place_queens);

}  // namespace
}  // namespace weft::perf
