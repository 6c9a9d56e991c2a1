//! What tokio's and rayon's side of the workloads have in common: PROGRAM WORKLOAD WORKERS [SIZE=NUMBER]...
//! prints a line for each figure, "M METRIC VALUE UNIT".

pub mod fork_join;

use std::collections::HashMap;
use std::time::{Duration, Instant};

/// What one run is to do.
#[derive(Clone)]
pub struct Run {
    pub workers: usize,
    pub current_thread: bool,
    sizes: HashMap<String, usize>,
}

pub type Workload = (&'static str, fn(&Run));

impl Run {
    pub fn size(&self, name: &str) -> usize {
        match self.sizes.get(name) {
            Some(size) => *size,
            None => fail(&format!("the size '{name}' is missing")),
        }
    }
}

pub fn report(metric: &str, value: f64, unit: &str) {
    println!("M {metric} {value:.3} {unit}");
}

/// Reports what each of `count` took, of all since `start`.
pub fn report_each(count: usize, start: Instant) {
    report("time", start.elapsed().as_nanos() as f64 / count as f64, "ns");
}

pub fn fail(message: &str) -> ! {
    eprintln!("{message}");
    std::process::exit(1)
}

pub fn expect_equal(found: usize, expected: usize, what: &str) {
    if found != expected {
        fail(&format!("{what} is {found}, not {expected}"));
    }
}

/// Keeps the thread for that long, as a computation would.
pub fn keep_busy(duration: Duration) {
    let start = Instant::now();
    while start.elapsed() < duration {}
}

/// The time below which `share` of `times` are; sorts them.
pub fn percentile(times: &mut [f64], share: f64) -> f64 {
    times.sort_by(f64::total_cmp);
    times[((share * times.len() as f64) as usize).min(times.len() - 1)]
}

pub fn resident_bytes() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<f64>().unwrap() * 1024.0
}

/// Runs the workload that the command line names. "current_thread" may stand before its name.
pub fn run_program(workloads: &[Workload]) {
    let mut words: Vec<String> = std::env::args().skip(1).collect();
    let current_thread = words.first().map(String::as_str) == Some("current_thread");
    if current_thread {
        words.remove(0);
    }
    if words.len() < 2 {
        fail("usage: [current_thread] WORKLOAD WORKERS [SIZE=NUMBER]...");
    }
    let sizes = words[2..].iter().filter_map(|word| word.split_once('='));
    let run = Run {
        workers: words[1].parse().unwrap(),
        current_thread,
        sizes: sizes.map(|(name, number)| (name.to_string(), number.parse().unwrap())).collect(),
    };
    match workloads.iter().find(|(name, _)| *name == words[0]) {
        Some((_, body)) => body(&run),
        None => fail(&format!("there is no workload {}", words[0])),
    }
}
