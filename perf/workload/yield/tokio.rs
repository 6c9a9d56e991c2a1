use crate::in_task;
use std::time::Instant;
use weft_peers::{report_each, Run};

async fn round(tasks: usize, yields: usize) {
    let each = || async move {
        for _ in 0..yields {
            tokio::task::yield_now().await;
        }
    };
    let all: Vec<_> = (0..tasks).map(|_| tokio::spawn(each())).collect();
    for task in all {
        task.await.unwrap();
    }
}

pub fn run(run: &Run) {
    let (tasks, yields) = (run.size("tasks"), run.size("yields"));
    in_task(run, async move {
        round(tasks, 1 + yields / tasks / 10).await;
        let start = Instant::now();
        round(tasks, yields / tasks).await;
        report_each(yields, start);
    });
}
