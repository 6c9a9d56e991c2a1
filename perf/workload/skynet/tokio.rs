use crate::in_task;
use std::future::Future;
use std::pin::Pin;
use std::time::Instant;
use weft_peers::fork_join::CHILDREN;
use weft_peers::{expect_equal, report, Run};

/// The sum of the `leaves` numbers from `first` on: a task for each child.
fn sum(first: usize, leaves: usize) -> Pin<Box<dyn Future<Output = usize> + Send>> {
    Box::pin(async move {
        if leaves == 1 {
            return first;
        }
        let each = leaves / CHILDREN;
        let mut children = Vec::with_capacity(CHILDREN);
        for i in 0..CHILDREN {
            children.push(tokio::spawn(sum(first + i * each, each)));
        }
        let mut total = 0;
        for child in children {
            total += child.await.unwrap();
        }
        total
    })
}

pub fn run(run: &Run) {
    let leaves = run.size("leaves");
    in_task(run, async move {
        expect_equal(sum(0, leaves).await, leaves * (leaves - 1) / 2, "the sum");
        let start = Instant::now();
        expect_equal(sum(0, leaves).await, leaves * (leaves - 1) / 2, "the sum");
        report("time", start.elapsed().as_secs_f64() * 1e3, "ms");
    });
}
