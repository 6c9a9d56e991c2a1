use crate::in_task;
use std::sync::Arc;
use std::time::Instant;
use tokio::sync::Mutex;
use weft_peers::{expect_equal, report_each, Run};

async fn round(tasks: usize, each: usize, yields: bool) {
    let turns = Arc::new(Mutex::new(0));
    let take_turns = |turns: Arc<Mutex<usize>>| async move {
        for _ in 0..each {
            let mut turns = turns.lock().await;
            *turns += 1;
            if yields {
                tokio::task::yield_now().await;
            }
        }
    };
    let all: Vec<_> = (0..tasks).map(|_| tokio::spawn(take_turns(turns.clone()))).collect();
    for task in all {
        task.await.unwrap();
    }
    expect_equal(*turns.lock().await, tasks * each, "the number of turns");
}

pub fn run(run: &Run) {
    let (tasks, yields) = (run.size("tasks"), run.size("yields") != 0);
    let each = run.size("turns") / tasks;
    in_task(run, async move {
        round(tasks, 1 + each / 10, yields).await;
        let start = Instant::now();
        round(tasks, each, yields).await;
        report_each(tasks * each, start);
    });
}
