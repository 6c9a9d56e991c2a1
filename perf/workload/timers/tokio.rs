use crate::in_task;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Wake, Waker};
use std::time::{Duration, Instant};
use tokio::time::Sleep;
use weft_peers::{report, Run};

struct Nobody;

impl Wake for Nobody {
    fn wake(self: Arc<Self>) {}
}

/// A timer is in the wheel when it was polled once.
fn create(delays: &[Duration], timers: &mut Vec<Pin<Box<Sleep>>>) {
    let waker = Waker::from(Arc::new(Nobody));
    for delay in delays {
        let mut timer = Box::pin(tokio::time::sleep(*delay));
        let _ = timer.as_mut().poll(&mut Context::from_waker(&waker));
        timers.push(timer);
    }
}

fn nanoseconds_each(start: Instant, count: usize) -> f64 {
    start.elapsed().as_nanos() as f64 / count as f64
}

pub fn run(run: &Run) {
    let count = run.size("timers");
    let mut random: u64 = 1;
    let delays: Vec<_> = (0..count)
        .map(|_| {
            random = random.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            Duration::from_secs(3600) + Duration::from_millis((random >> 33) % 3_600_000)
        })
        .collect();
    // Or after 128 a poll would do nothing but have the task yield.
    in_task(run, tokio::task::unconstrained(async move {
        let mut timers = Vec::with_capacity(count);
        create(&delays, &mut timers);
        timers.clear();
        let start = Instant::now();
        create(&delays, &mut timers);
        report("create", nanoseconds_each(start, count), "ns");
        let start = Instant::now();
        timers.clear();
        report("cancel", nanoseconds_each(start, count), "ns");
    }));
}
