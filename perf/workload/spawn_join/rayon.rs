use crate::in_pool;
use std::time::Instant;
use weft_peers::{report_each, Run};

fn round(count: usize) {
    for _ in 0..count {
        rayon::scope(|scope| scope.spawn(|_| {}));
    }
}

pub fn run(run: &Run) {
    let tasks = run.size("tasks");
    in_pool(run, || {
        round(tasks / 10);
        let start = Instant::now();
        round(tasks);
        report_each(tasks, start);
    });
}
