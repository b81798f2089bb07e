//! Ends a run: rollups, the last words in the database, the summary.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::Instant;

use super::control::Stop;
use super::progress::Progress;
use super::run::{Finished, RunError};
use super::summary::{Failures, Summary, failures_json, outcome};
use super::writer::Written;
use crate::clock::SharedClock;
use crate::model::{RunTotals, Span, UnixSeconds};
use crate::store::{Expected, Finish, Holder, Run, Store, StoreError};

/// What a run knows when nothing more is asked for.
pub(super) struct Ending {
    pub(super) run: Run,
    pub(super) holder: Holder,
    pub(super) path: PathBuf,
    pub(super) began: Instant,
    pub(super) clock: SharedClock,
    pub(super) progress: Arc<Progress>,
    pub(super) range: Span,
    pub(super) cut_at: Option<UnixSeconds>,
    pub(super) domains: u64,
    pub(super) windows_planned: u64,
    pub(super) expected: Option<Expected>,
    pub(super) failures: Failures,
    pub(super) stop: Option<Stop>,
    pub(super) beyond_before: Option<UnixSeconds>,
    pub(super) warnings: Vec<String>,
}

impl Ending {
    /// Waits for the writer to finish what has arrived, and ends the run. Blocks: not for a thread of the runtime.
    pub(super) fn carry_out(self, writer: thread::JoinHandle<Written>) -> Result<Finished, RunError> {
        let written = writer
            .join()
            .map_err(|_| RunError::Writer("it panicked".to_owned()))?;
        let rolled_up = written.and_then(|mut store| {
            store.roll_up(|done, months| self.progress.rolling_up(done, months))?;
            Ok(store)
        });
        let (mut store, broken) = reopened(rolled_up, &self.path, &self.holder)?;
        let totals = store.totals(self.run)?;
        let stop = if broken.is_some() {
            Some(Stop::Storage)
        } else {
            self.stop
        };
        let outcome = outcome(stop.as_ref(), &self.failures, &totals);
        let over = totals.windows_fetched + totals.windows_failed + totals.windows_skipped;
        let totals = store.finish_run(
            self.run,
            &Finish {
                outcome,
                finished_at: self.clock.now(),
                totals: RunTotals {
                    windows_skipped: self.windows_planned.saturating_sub(over),
                    ..RunTotals::default()
                },
                failures: serde_json::to_string(&failures_json(&self.failures, self.range))
                    .unwrap_or_default(),
                message: broken.as_ref().map(ToString::to_string),
                expected: self.expected,
            },
        )?;
        let mut warnings = self.warnings;
        warnings.extend(close(&mut store));
        let summary = Summary {
            run_id: self.run.id(),
            outcome,
            range: self.range,
            cut_at: self.cut_at,
            domains: self.domains,
            totals,
            elapsed: self.began.elapsed(),
            failures: self.failures,
            stop,
            beyond_before: self.beyond_before,
            warnings,
        };
        match broken {
            Some(source) => Err(RunError::Store {
                source,
                summary: Some(Box::new(summary)),
            }),
            None => Ok(Finished { summary, store }),
        }
    }
}

/// The store after the writer and the rollups, and the error that ended either.
///
/// After an error the connection is dropped and the file opened anew: a commit that returned an error may
/// have taken effect all the same (seen with EIO on fsync), so what is told is read back, never remembered.
fn reopened(
    written: Written,
    path: &Path,
    holder: &Holder,
) -> Result<(Store, Option<StoreError>), StoreError> {
    match written {
        Ok(store) => Ok((store, None)),
        Err(error) => match Store::open(path, holder) {
            Ok(store) => Ok((store, Some(error))),
            Err(_) => Err(error),
        },
    }
}

/// Folds the write-ahead log into the database file. That it did not work is a warning: the data is safe in
/// the log.
pub(super) fn close(store: &mut Store) -> Vec<String> {
    match store.checkpoint() {
        Ok(report) if report.complete => Vec::new(),
        Ok(report) => vec![format!(
            "{} bytes stay in the write-ahead log beside the database, because another program is reading it; \
             the next run folds them in",
            report.wal_bytes
        )],
        Err(error) => vec![format!(
            "the write-ahead log was not folded into the database file: {error}"
        )],
    }
}
