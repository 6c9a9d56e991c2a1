use crate::in_task;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use weft_peers::{report, resident_bytes, Run};

static PARKED: AtomicUsize = AtomicUsize::new(0);

pub fn run(run: &Run) {
    let tasks = run.size("tasks");
    in_task(run, async move {
        let before = resident_bytes();
        for _ in 0..tasks {
            tokio::spawn(async {
                PARKED.fetch_add(1, Ordering::Relaxed);
                tokio::time::sleep(Duration::from_secs(3600)).await;
            });
        }
        while PARKED.load(Ordering::Relaxed) < tasks {
            tokio::task::yield_now().await;
        }
        report("memory", (resident_bytes() - before) / tasks as f64, "bytes");
    });
}
