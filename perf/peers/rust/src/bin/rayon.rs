//! rayon: perf/workload/*/rayon.rs are a part of it.

use weft_peers::{run_program, Run};

include!("rayon_workloads.rs");

/// Runs `body` in a pool of `workers` threads.
pub fn in_pool(run: &Run, body: impl FnOnce() + Send) {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(run.workers).build().unwrap();
    pool.install(body);
}

fn main() {
    run_program(WORKLOADS);
}
