//! Ends a run: rollups, the last words in the database, the summary.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::Instant;

use super::control::Stop;
use super::decide::{ConclusionKind, Conclusions, Knowledge, evidence};
use super::job::Keep;
use super::progress::Progress;
use super::run::{Finished, RunError};
use super::summary::{Failures, Summary, failures_json, outcome};
use super::writer::Written;
use crate::clock::SharedClock;
use crate::model::{Domain, Fact, FactName, RunTotals, Span, UnixSeconds};
use crate::store::{Commit, Expected, Finish, Holder, Note, Run, Store, StoreError, StoreErrorKind};

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
    pub(super) conclusions: Conclusions,
    pub(super) stop: Option<Stop>,
    pub(super) learned: Learned,
    /// The user name, where the API has answered it.
    pub(super) username: Option<String>,
    /// The domains that were asked for.
    pub(super) asked_domains: Vec<Domain>,
    /// By age, up to where slots without a point were asked for again.
    pub(super) hole_targets: Vec<(i64, UnixSeconds)>,
    /// What of that was not asked for, or not answered.
    pub(super) holes_left: Vec<(Domain, Span)>,
    pub(super) keep: Keep,
    pub(super) warnings: Vec<String>,
}

/// What a run has learned of the service, for the next ones.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Learned {
    oldest_served_age: Option<i64>,
    youngest_refused_age: Option<i64>,
    sub_hour: bool,
    complete_points: Option<u64>,
    latest_edge: Option<UnixSeconds>,
}

impl Learned {
    /// What is known at `now`.
    pub(super) fn of(knowledge: &Knowledge, now: UnixSeconds) -> Self {
        let age = |ts: Option<UnixSeconds>| ts.map(|ts| now - ts);
        Self {
            oldest_served_age: age(knowledge.oldest_served()),
            youngest_refused_age: age(knowledge.latest_edge()),
            sub_hour: knowledge.has_seen_sub_hour(),
            complete_points: knowledge.complete_points(),
            latest_edge: knowledge.latest_edge(),
        }
    }

    fn notes(self, username: Option<String>, now: UnixSeconds) -> Vec<Note> {
        let count = |points: u64| i64::try_from(points).unwrap_or(i64::MAX);
        let facts = [
            self.oldest_served_age.map(|age| (FactName::OldestServedAge, age)),
            self.youngest_refused_age
                .map(|age| (FactName::YoungestRefusedAge, age)),
            self.sub_hour.then_some((FactName::SubHourPoints, 1)),
            self.complete_points
                .map(|points| (FactName::CompletePoints, count(points))),
            username.map(|name| (FactName::Answered(name), 1)),
        ];
        let note = |(name, value)| Note::Fact { name, value, at: now };
        facts.into_iter().flatten().map(note).collect()
    }
}

impl Ending {
    /// Waits for the writer to finish what has arrived, and ends the run. Blocks: not for a thread of the runtime.
    pub(super) fn carry_out(self, writer: thread::JoinHandle<Written>) -> Result<Finished, RunError> {
        let written = writer
            .join()
            .map_err(|_| RunError::Writer("it panicked".to_owned()))?;
        let now = self.clock.now();
        let rolled_up = written.and_then(|mut store| {
            let mut learned = self.learned;
            let known = store.fact(&FactName::OldestServedAge)?;
            learned.oldest_served_age = learned.oldest_served_age.filter(|age| is_news(*age, known, now));
            let notes = learned.notes(self.username.clone(), now);
            let learned = Commit {
                notes,
                ..Commit::new(Vec::new(), self.range, now)
            };
            store.commit(self.run, &[learned])?;
            store.advance_holes(&self.asked_domains, &self.hole_targets, &self.holes_left)?;
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
                conclusions: serde_json::to_string(&self.conclusions.json()).unwrap_or_default(),
                failures: serde_json::to_string(&failures_json(&self.failures, self.range))
                    .unwrap_or_default(),
                message: broken.as_ref().map(ToString::to_string),
                expected: self.expected,
            },
        )?;
        let mut warnings = self.warnings;
        store.tidy(self.keep.rejects, self.clock.now() - self.keep.runs)?;
        warnings.extend(close(&mut store));
        store.confirm(Some(self.run))?;
        let beyond_before = marked_before(&self.conclusions, self.learned.latest_edge);
        let summary = Summary {
            run_id: self.run.id(),
            outcome,
            range: self.range,
            cut_at: self.cut_at,
            domains: self.domains,
            totals,
            elapsed: self.began.elapsed(),
            failures: self.failures,
            conclusions: self.conclusions,
            stop,
            beyond_before,
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

/// Whether the age of the oldest slot that was served replaces what is known. A run of the last hours must not hide that
/// slots of weeks were served lately, or the next lie about them would be believed.
fn is_news(age: i64, known: Option<Fact>, now: UnixSeconds) -> bool {
    let lately = |fact: &Fact| (0..=evidence::LATELY).contains(&(now - fact.learned_at));
    known.filter(lately).is_none_or(|fact| age >= fact.value)
}

/// The moment before which something was marked as no longer served. An edge alone is no mark: young slots that
/// were refused have failed.
fn marked_before(conclusions: &Conclusions, latest_edge: Option<UnixSeconds>) -> Option<UnixSeconds> {
    let marks = conclusions.named().iter();
    let marks = marks.filter(|conclusion| conclusion.kind == ConclusionKind::BeyondRetention);
    let named = marks.map(|conclusion| conclusion.span.end()).max();
    // A mark may be among those that are only counted.
    named.or(latest_edge.filter(|_| conclusions.unnamed() > 0))
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
        // What is at the path now is another file: nothing is to be told of it, or written to it.
        Err(error) if matches!(error.kind(), StoreErrorKind::Replaced) => Err(error),
        Err(error) => match Store::reopen(path, holder) {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_run_does_not_hide_that_older_slots_were_served_lately() {
        let day = 86_400;
        let known = |learned_at| {
            Some(Fact {
                value: 60 * day,
                learned_at,
            })
        };
        let now = 100 * day;
        assert!(is_news(day, None, now) && is_news(60 * day, known(now), now));
        assert!(!is_news(day, known(now - 7 * day), now));
        assert!(is_news(day, known(now - 8 * day), now));
        // A moment that lies ahead was noted by a clock that was wrong.
        assert!(is_news(day, known(now + day), now));
    }
}
