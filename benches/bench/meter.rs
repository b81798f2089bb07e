//! What work costs: wall time, CPU time and memory.

use std::time::Instant;

use nix::sys::resource::{Usage, UsageWho, getrusage};
use nix::sys::time::TimeVal;
use serde::{Deserialize, Serialize};

use crate::Result;

/// What a piece of work took, in seconds.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
pub(crate) struct Cost {
    pub(crate) wall: f64,
    /// User and system time of all threads.
    pub(crate) cpu: f64,
}

impl std::ops::AddAssign for Cost {
    fn add_assign(&mut self, other: Self) {
        self.wall += other.wall;
        self.cpu += other.cpu;
    }
}

/// Adds what `work` takes in this process to `cost`.
pub(crate) fn measure<T>(cost: &mut Cost, work: impl FnOnce() -> T) -> Result<T> {
    let (began, before) = (Instant::now(), cpu(UsageWho::RUSAGE_SELF)?);
    let done = work();
    *cost += Cost {
        wall: began.elapsed().as_secs_f64(),
        cpu: cpu(UsageWho::RUSAGE_SELF)? - before,
    };
    Ok(done)
}

/// Adds what `work` takes in this thread to `cost`. Other threads do not count.
pub(crate) fn measure_thread<T>(cost: &mut Cost, work: impl FnOnce() -> T) -> Result<T> {
    // macOS counts for whole processes only.
    #[cfg(target_os = "macos")]
    let thread = UsageWho::RUSAGE_SELF;
    #[cfg(not(target_os = "macos"))]
    let thread = UsageWho::RUSAGE_THREAD;
    let (began, before) = (Instant::now(), cpu(thread)?);
    let done = work();
    *cost += Cost {
        wall: began.elapsed().as_secs_f64(),
        cpu: cpu(thread)? - before,
    };
    Ok(done)
}

/// Returns the CPU seconds of this process, of this thread, or of the children that have ended.
pub(crate) fn cpu(who: UsageWho) -> Result<f64> {
    let usage = getrusage(who)?;
    Ok(seconds(usage.user_time()) + seconds(usage.system_time()))
}

/// Returns the most memory of one process that has ended, in bytes.
pub(crate) fn peak_of_children() -> Result<f64> {
    Ok(peak(&getrusage(UsageWho::RUSAGE_CHILDREN)?))
}

/// Linux reports KiB, macOS bytes.
fn peak(usage: &Usage) -> f64 {
    let unit = if cfg!(target_os = "macos") { 1.0 } else { 1024.0 };
    usage.max_rss() as f64 * unit
}

fn seconds(time: TimeVal) -> f64 {
    time.tv_sec() as f64 + time.tv_usec() as f64 / 1e6
}

/// Returns the middle value; 0 of nothing.
pub(crate) fn median(values: impl IntoIterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.into_iter().collect();
    values.sort_unstable_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(0.0)
}

/// Returns the median of the wall times, and that of the CPU times.
pub(crate) fn median_cost(costs: &[Cost]) -> Cost {
    Cost {
        wall: median(costs.iter().map(|cost| cost.wall)),
        cpu: median(costs.iter().map(|cost| cost.cpu)),
    }
}

/// Returns the median of `one / other`, pair by pair. What slows the machine down slows both of a pair.
pub(crate) fn median_ratio(one: &[f64], other: &[f64]) -> f64 {
    median(one.iter().zip(other).map(|(one, other)| one / other))
}
