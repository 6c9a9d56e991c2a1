use crate::in_task;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use tokio::sync::mpsc;
use weft_peers::{keep_busy, percentile, report, Run};

static WAITS: AtomicBool = AtomicBool::new(false);

pub fn run(run: &Run) {
    let wakes = run.size("wakes");
    let pause = Duration::from_micros(run.size("pause_us") as u64);
    in_task(run, async move {
        let (put, mut get) = mpsc::unbounded_channel::<Instant>();
        let waker = std::thread::spawn(move || {
            for _ in 0..wakes {
                while !WAITS.swap(false, Ordering::Acquire) {}
                keep_busy(pause); // the worker has gone to sleep by then
                put.send(Instant::now()).unwrap();
            }
        });
        let mut times = Vec::with_capacity(wakes);
        for _ in 0..wakes {
            WAITS.store(true, Ordering::Release);
            let woken = get.recv().await.unwrap();
            times.push(woken.elapsed().as_nanos() as f64);
        }
        waker.join().unwrap();
        report("p50", percentile(&mut times, 0.5), "ns");
    });
}
