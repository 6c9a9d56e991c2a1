use crate::in_task;
use std::future::Future;
use std::pin::Pin;
use std::time::Instant;
use weft_peers::fork_join::{is_safe, Board, MOST_ROWS};
use weft_peers::{expect_equal, report, Run};

/// How many ways there are to fill the rows from `row` on: a task for each queen.
fn count_ways(
    rows: usize,
    row: usize,
    mut board: Board,
) -> Pin<Box<dyn Future<Output = usize> + Send>> {
    Box::pin(async move {
        if row == rows {
            return 1;
        }
        let mut placed = Vec::with_capacity(rows);
        for column in 0..rows {
            if is_safe(&board, row, column) {
                board[row] = column as i8;
                placed.push(tokio::spawn(count_ways(rows, row + 1, board)));
            }
        }
        let mut ways = 0;
        for task in placed {
            ways += task.await.unwrap();
        }
        ways
    })
}

pub fn run(run: &Run) {
    let (rows, ways) = (run.size("rows"), run.size("ways"));
    in_task(run, async move {
        let board = [0; MOST_ROWS];
        expect_equal(count_ways(rows, 0, board).await, ways, "the number of ways");
        let start = Instant::now();
        expect_equal(count_ways(rows, 0, board).await, ways, "the number of ways");
        report("time", start.elapsed().as_secs_f64() * 1e3, "ms");
    });
}
