//! Live counters for whoever watches a run.

use std::sync::atomic::{AtomicU64, Ordering};

use super::denial::Denial;
use crate::model::RunTotals;
use crate::model::convert::to_u64;

/// Counters that the run moves and a display reads. They show what is going on; the summary is read from the
/// database.
#[derive(Debug, Default)]
pub struct Progress {
    planned: AtomicU64,
    done: AtomicU64,
    failed: AtomicU64,
    points: AtomicU64,
    requests: AtomicU64,
    retries: AtomicU64,
    answered: AtomicU64,
    denied: [AtomicU64; Denial::ALL.len()],
    months: AtomicU64,
    months_done: AtomicU64,
}

/// The counters at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ProgressCounts {
    /// WindowsJson in the plan.
    pub planned: u64,
    /// WindowsJson that are over, well or not.
    pub done: u64,
    /// WindowsJson that failed.
    pub failed: u64,
    /// PointsJson that are committed.
    pub points: u64,
    /// Requests sent.
    pub requests: u64,
    /// Requests sent because an earlier one failed.
    pub retries: u64,
    /// Requests that brought figures.
    pub answered: u64,
    /// Requests that were refused, by kind, in the order of [`Denial::ALL`].
    pub denied: [u64; Denial::ALL.len()],
    /// Months whose rollups are brought up to date at the end; 0 before.
    pub months: u64,
    /// Those of them that are done.
    pub months_done: u64,
}

impl Progress {
    /// The counters now.
    #[must_use]
    pub fn counts(&self) -> ProgressCounts {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        ProgressCounts {
            planned: read(&self.planned),
            done: read(&self.done),
            failed: read(&self.failed),
            points: read(&self.points),
            requests: read(&self.requests),
            retries: read(&self.retries),
            answered: read(&self.answered),
            denied: self.denied.each_ref().map(read),
            months: read(&self.months),
            months_done: read(&self.months_done),
        }
    }

    pub(super) fn plan(&self, windows: u64) {
        self.planned.store(windows, Ordering::Relaxed);
    }

    pub(super) fn request(&self, retry: bool) {
        self.requests.fetch_add(1, Ordering::Relaxed);
        self.retries.fetch_add(u64::from(retry), Ordering::Relaxed);
    }

    pub(super) fn answered(&self) {
        self.answered.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn denied(&self, denial: Denial) {
        let counters = Denial::ALL.iter().zip(&self.denied);
        for (_, counter) in counters.filter(|(kind, _)| **kind == denial) {
            counter.fetch_add(1, Ordering::Relaxed);
        }
    }

    pub(super) fn rolling_up(&self, done: usize, months: usize) {
        self.months.store(to_u64(months), Ordering::Relaxed);
        self.months_done.store(to_u64(done), Ordering::Relaxed);
    }

    /// Counts what a commit carried.
    pub(super) fn committed(&self, totals: &RunTotals) {
        let over = totals.windows_fetched + totals.windows_failed + totals.windows_skipped;
        self.done.fetch_add(over, Ordering::Relaxed);
        self.failed.fetch_add(totals.windows_failed, Ordering::Relaxed);
        self.points.fetch_add(totals.points_received, Ordering::Relaxed);
    }
}
