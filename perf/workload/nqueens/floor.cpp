#include <cstddef>
#include <cstdint>

#include "peer.hpp"
#include "support/fork_join.hpp"

namespace weft::perf {
namespace {

// Plain calls.
std::int64_t count_ways(std::size_t rows, std::size_t row, Board board) {
    if (row == rows) {
        return 1;
    }
    std::int64_t ways = 0;
    for (std::size_t column = 0; column < rows; ++column) {
        if (is_safe(board, row, column)) {
            board[row] = static_cast<std::int8_t>(column);
            ways += count_ways(rows, row + 1, board);
        }
    }
    return ways;
}

void call(Run& run) {
    measure_nqueens(run, &count_ways);
}

const bool added = add_peer("nqueens", &call);

}  // namespace
}  // namespace weft::perf
