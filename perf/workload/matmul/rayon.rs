use crate::in_pool;
use rayon::join;
use std::time::Instant;
use weft_peers::fork_join::{multiply_block, Matrices, Part};
use weft_peers::{report, Run};

/// c += a * b: four quarters at once, twice.
fn multiply(a: Part, b: Part, c: Part, size: usize, block: usize) {
    if size <= block {
        multiply_block(a, b, c, size);
        return;
    }
    let half = size / 2;
    for k in [0, half] {
        let quarter = |i, j| multiply(a.at(i, k), b.at(k, j), c.at(i, j), half, block);
        join(
            || join(|| quarter(0, 0), || quarter(0, half)),
            || join(|| quarter(half, 0), || quarter(half, half)),
        );
    }
}

pub fn run(run: &Run) {
    let (size, block) = (run.size("size"), run.size("block"));
    let mut matrices = Matrices::new(run);
    let (a, b, c) = matrices.parts();
    in_pool(run, move || {
        multiply(a, b, c, size, block);
        matrices.check();
        let start = Instant::now();
        multiply(a, b, c, size, block);
        report("time", start.elapsed().as_secs_f64() * 1e3, "ms");
        matrices.check();
    });
}
