//! Live counters of a run, for display.

use std::sync::{Mutex, PoisonError};

use super::denial::Denial;
use crate::model::RunTotals;
use crate::model::convert::to_u64;

/// The live counters of a run. They show what is going on; the summary is read from the database.
#[derive(Debug, Default)]
pub struct Progress(Mutex<ProgressCounts>);

/// The counters at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ProgressCounts {
    /// Windows in the plan.
    pub planned: u64,
    /// Windows that are finished, well or not.
    pub done: u64,
    /// Windows that failed.
    pub failed: u64,
    /// Points that are committed.
    pub points: u64,
    /// Requests sent.
    pub requests: u64,
    /// Requests sent because an earlier one failed.
    pub retries: u64,
    /// Requests that brought figures.
    pub answered: u64,
    /// Requests that were refused, by kind, in the order of [`Denial::ALL`].
    pub denied: [u64; Denial::ALL.len()],
    /// How many seconds this machine's clock is ahead of the API's, as the last answer showed it; `None` before.
    pub clock_ahead: Option<i64>,
    /// Months whose rollups are brought up to date at the end; 0 before.
    pub months: u64,
    /// Those of them that are done.
    pub months_done: u64,
}

impl Progress {
    /// Returns the counters now.
    #[must_use]
    pub fn counts(&self) -> ProgressCounts {
        self.change(|counts| *counts)
    }

    pub(super) fn plan(&self, windows: u64) {
        self.change(|counts| counts.planned = windows);
    }

    pub(super) fn request(&self, retry: bool) {
        self.change(|counts| {
            counts.requests += 1;
            counts.retries += u64::from(retry);
        });
    }

    pub(super) fn answered(&self) {
        self.change(|counts| counts.answered += 1);
    }

    pub(super) fn clock_is(&self, ahead: i64) {
        self.change(|counts| counts.clock_ahead = Some(ahead));
    }

    pub(super) fn denied(&self, denial: Denial) {
        self.change(|counts| {
            let counters = Denial::ALL.iter().zip(&mut counts.denied);
            counters
                .filter(|(kind, _)| **kind == denial)
                .for_each(|(_, counter)| *counter += 1);
        });
    }

    pub(super) fn rolling_up(&self, done: usize, months: usize) {
        self.change(|counts| (counts.months, counts.months_done) = (to_u64(months), to_u64(done)));
    }

    /// Counts the content of a commit.
    pub(super) fn committed(&self, totals: &RunTotals) {
        self.change(|counts| {
            counts.done += totals.windows_fetched + totals.windows_failed + totals.windows_skipped;
            counts.failed += totals.windows_failed;
            counts.points += totals.points_received;
        });
    }

    fn change<R>(&self, change: impl FnOnce(&mut ProgressCounts) -> R) -> R {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
