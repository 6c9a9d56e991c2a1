use crate::in_task;
use std::future::Future;
use std::pin::Pin;
use std::time::Instant;
use weft_peers::fork_join::in_row;
use weft_peers::{expect_equal, report_each, Run};

fn fib(n: usize) -> Pin<Box<dyn Future<Output = usize> + Send>> {
    Box::pin(async move {
        if n < 2 {
            return n;
        }
        let larger = tokio::spawn(fib(n - 1));
        let smaller = fib(n - 2).await;
        larger.await.unwrap() + smaller
    })
}

pub fn run(run: &Run) {
    let n = run.size("n");
    in_task(run, async move {
        fib(n - 5).await;
        let start = Instant::now();
        expect_equal(fib(n).await, in_row(n, 0, 1, 0), "fib");
        report_each(in_row(n, 1, 1, 1), start);
    });
}
