use crate::in_pool;
use std::time::Instant;
use weft_peers::fork_join::CHILDREN;
use weft_peers::{expect_equal, report, Run};

/// The sum of the `leaves` numbers from `first` on: a task for each child.
fn sum(first: usize, leaves: usize) -> usize {
    if leaves == 1 {
        return first;
    }
    let each = leaves / CHILDREN;
    let mut sums = [0; CHILDREN];
    rayon::scope(|scope| {
        for (i, result) in sums.iter_mut().enumerate() {
            scope.spawn(move |_| *result = sum(first + i * each, each));
        }
    });
    sums.iter().sum()
}

pub fn run(run: &Run) {
    let leaves = run.size("leaves");
    let round = || expect_equal(sum(0, leaves), leaves * (leaves - 1) / 2, "the sum");
    in_pool(run, || {
        round();
        let start = Instant::now();
        round();
        report("time", start.elapsed().as_secs_f64() * 1e3, "ms");
    });
}
