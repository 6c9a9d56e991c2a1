use crate::in_task;
use std::time::{Duration, Instant};
use weft_peers::{keep_busy, percentile, report, Run};

const TICK: Duration = Duration::from_millis(1);

/// Wakes at each tick until `end`; returns how late each was, from `start` on.
async fn tick(start: Instant, end: Instant) -> Vec<f64> {
    let mut late = Vec::new();
    let mut due = Instant::now() + TICK;
    while due < end {
        tokio::time::sleep_until(due.into()).await;
        if due >= start {
            late.push(due.elapsed().as_secs_f64() * 1e3);
        }
        due += TICK;
    }
    late
}

pub fn run(run: &Run) {
    let tasks = run.size("tasks");
    let stuck = Duration::from_millis(run.size("stuck_ms") as u64);
    in_task(run, async move {
        let start = Instant::now() + Duration::from_millis(50);
        let all: Vec<_> = (0..tasks).map(|_| tokio::spawn(tick(start, start + stuck))).collect();
        tokio::time::sleep_until(start.into()).await;
        keep_busy(stuck);
        let mut late = Vec::new();
        for task in all {
            late.extend(task.await.unwrap());
        }
        report("p99", percentile(&mut late, 0.99), "ms");
    });
}
