//! tokio: perf/workload/*/tokio.rs are a part of it.

use std::future::Future;
use tokio::runtime::Builder;
use weft_peers::{run_program, Run};

include!("tokio_workloads.rs");

/// Runs `body` as a task, on `workers` threads or on this one.
pub fn in_task<F>(run: &Run, body: F)
where
    F: Future<Output = ()> + Send + 'static,
{
    let mut builder = if run.current_thread {
        Builder::new_current_thread()
    } else {
        Builder::new_multi_thread()
    };
    let runtime = builder.worker_threads(run.workers).enable_all().build().unwrap();
    runtime.block_on(async { tokio::spawn(body).await.unwrap() });
    runtime.shutdown_background();
}

fn main() {
    run_program(WORKLOADS);
}
