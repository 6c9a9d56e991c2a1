use crate::in_pool;
use std::time::Instant;
use weft_peers::{expect_equal, report_each, Run};

fn round(tasks: usize) {
    let mut results = vec![0; tasks];
    rayon::scope(|scope| {
        for (i, result) in results.iter_mut().enumerate() {
            scope.spawn(move |_| *result = i);
        }
    });
    expect_equal(results.iter().sum(), tasks * (tasks - 1) / 2, "the sum");
}

pub fn run(run: &Run) {
    let tasks = run.size("tasks");
    in_pool(run, || {
        round(tasks); // the memory is there
        let start = Instant::now();
        round(tasks);
        report_each(tasks, start);
    });
}
