//! What every bench shares: CPU time of this process, percentiles, and one line of the table.

#![allow(dead_code, reason = "each bench uses its part")]

use std::time::Duration;

/// CPU time this thread has used.
pub(crate) fn thread_cpu_time() -> Duration {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").expect("a Linux /proc");
    let nanos = text.split_whitespace().next().and_then(|field| field.parse().ok());
    Duration::from_nanos(nanos.expect("schedstat"))
}

/// Resident memory of this process, bytes.
pub(crate) fn resident_bytes() -> u64 {
    let statm = std::fs::read_to_string("/proc/self/statm").expect("a Linux /proc");
    let pages: u64 = statm.split_whitespace().nth(1).and_then(|field| field.parse().ok()).expect("statm");
    pages * 4_096
}

/// The `percent` percentile of `samples`, which are sorted here.
pub(crate) fn percentile(samples: &mut [Duration], percent: usize) -> Duration {
    samples.sort_unstable();
    samples[(samples.len() * percent / 100).min(samples.len() - 1)]
}

/// Prints one line of the table.
#[allow(clippy::print_stdout, reason = "a bench tells its figures")]
pub(crate) fn line(row: &str, work: &str, floor: &str, figure: &str, ratio: f64, budget: &str) {
    println!("| {row} | {work} | {floor} | {figure} | {ratio:.2} | {budget} |");
}

/// Nanoseconds of `total` per one of `count`.
pub(crate) fn nanos_each(total: Duration, count: usize) -> f64 {
    total.as_secs_f64() * 1e9 / count as f64
}
