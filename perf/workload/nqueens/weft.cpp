#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <weft/weft.hpp>

#include "support/workload.hpp"

namespace weft::perf {
namespace {

constexpr std::size_t kMostRows = 16;

/// The column of the queen in each row that has one.
using Board = std::array<std::int8_t, kMostRows>;

bool is_safe(const Board& board, std::size_t row, std::size_t column) {
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
    const auto rows = static_cast<std::size_t>(run.size("rows"));
    run.in_stealable_task([&] {
        const auto round = [&] {
            expect_equal(count_ways(rows, 0, Board{}), run.size("ways"), "the number of ways");
        };
        round();
        run.report("time", nanoseconds_of(round) / 1e6, "ms");
    });
}

const bool added = add_workload("nqueens", &place_queens);

}  // namespace
}  // namespace weft::perf
