use crate::in_task;
use std::future::Future;
use std::pin::Pin;
use std::time::Instant;
use weft_peers::fork_join::{multiply_block, Matrices, Part};
use weft_peers::{report, Run};

/// c += a * b: four quarters at once, twice.
fn multiply(
    a: Part,
    b: Part,
    c: Part,
    size: usize,
    block: usize,
) -> Pin<Box<dyn Future<Output = ()> + Send>> {
    Box::pin(async move {
        if size <= block {
            multiply_block(a, b, c, size);
            return;
        }
        let half = size / 2;
        for k in [0, half] {
            let quarter = |i, j| multiply(a.at(i, k), b.at(k, j), c.at(i, j), half, block);
            let forked = [
                tokio::spawn(quarter(0, 0)),
                tokio::spawn(quarter(0, half)),
                tokio::spawn(quarter(half, 0)),
            ];
            quarter(half, half).await;
            for task in forked {
                task.await.unwrap();
            }
        }
    })
}

pub fn run(run: &Run) {
    let (size, block) = (run.size("size"), run.size("block"));
    let mut matrices = Matrices::new(run);
    let (a, b, c) = matrices.parts();
    in_task(run, async move {
        multiply(a, b, c, size, block).await;
        matrices.check();
        let start = Instant::now();
        multiply(a, b, c, size, block).await;
        report("time", start.elapsed().as_secs_f64() * 1e3, "ms");
        matrices.check();
    });
}
