use crate::in_pool;
use std::time::Instant;
use weft_peers::fork_join::{is_safe, Board, MOST_ROWS};
use weft_peers::{expect_equal, report, Run};

/// How many ways there are to fill the rows from `row` on: a task for each queen.
fn count_ways(rows: usize, row: usize, mut board: Board) -> usize {
    if row == rows {
        return 1;
    }
    let mut ways = [0; MOST_ROWS];
    rayon::scope(|scope| {
        for (column, result) in ways.iter_mut().enumerate().take(rows) {
            if is_safe(&board, row, column) {
                board[row] = column as i8;
                scope.spawn(move |_| *result = count_ways(rows, row + 1, board));
            }
        }
    });
    ways.iter().sum()
}

pub fn run(run: &Run) {
    let (rows, ways) = (run.size("rows"), run.size("ways"));
    let round = || expect_equal(count_ways(rows, 0, [0; MOST_ROWS]), ways, "the number of ways");
    in_pool(run, || {
        round();
        let start = Instant::now();
        round();
        report("time", start.elapsed().as_secs_f64() * 1e3, "ms");
    });
}
