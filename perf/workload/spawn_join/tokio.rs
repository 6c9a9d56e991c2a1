use crate::in_task;
use std::time::Instant;
use weft_peers::{report_each, Run};

async fn round(count: usize) {
    for _ in 0..count {
        tokio::spawn(async {}).await.unwrap();
    }
}

pub fn run(run: &Run) {
    let tasks = run.size("tasks");
    in_task(run, async move {
        round(tasks / 10).await;
        let start = Instant::now();
        round(tasks).await;
        report_each(tasks, start);
    });
}
