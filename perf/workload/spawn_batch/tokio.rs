use crate::in_task;
use std::time::Instant;
use weft_peers::{expect_equal, report_each, Run};

async fn round(tasks: usize) {
    let all: Vec<_> = (0..tasks).map(|i| tokio::spawn(async move { i })).collect();
    let mut sum = 0;
    for task in all {
        sum += task.await.unwrap();
    }
    expect_equal(sum, tasks * (tasks - 1) / 2, "the sum");
}

pub fn run(run: &Run) {
    let tasks = run.size("tasks");
    in_task(run, async move {
        round(tasks).await; // the memory is there
        let start = Instant::now();
        round(tasks).await;
        report_each(tasks, start);
    });
}
