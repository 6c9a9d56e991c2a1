use crate::in_pool;
use std::time::Instant;
use weft_peers::fork_join::in_row;
use weft_peers::{expect_equal, report_each, Run};

fn fib(n: usize) -> usize {
    if n < 2 {
        return n;
    }
    let (smaller, larger) = rayon::join(|| fib(n - 2), || fib(n - 1));
    larger + smaller
}

pub fn run(run: &Run) {
    let n = run.size("n");
    in_pool(run, || {
        fib(n - 5);
        let start = Instant::now();
        expect_equal(fib(n), in_row(n, 0, 1, 0), "fib");
        report_each(in_row(n, 1, 1, 1), start);
    });
}
