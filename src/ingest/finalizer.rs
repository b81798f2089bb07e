//! Ends a run: rollups, the last words in the database, the summary.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::Instant;

use super::control::{Control, Stop};
use super::decide::{ConclusionKind, Conclusions, Knowledge, evidence};
use super::progress::Progress;
use super::run::{Finished, RunError};
use super::summary::{FailedRange, Failures, Summary, failures_json, outcome};
use super::writer::{Handover, WriterResult};
use crate::clock::SharedClock;
use crate::model::convert::to_i64;
use crate::model::{Domain, Fact, FactName, KeepLimits, Outcome, RunTotals, Span, UnixSeconds};
use crate::planted;
use crate::store::{Commit, Expected, Finish, Holder, Note, Run, Store, StoreError, StoreErrorKind};

/// What is said where a signal left no time to write how the run ended.
const NOT_CLOSED: &str = "the end of the run could not be written in time, because the database was locked or slow; \
                          `status` and `origin_runs` show it as `running`, and as `interrupted` from the next run on";

/// What a run knows when nothing more is asked for.
pub(super) struct Finalizer {
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
    pub(super) control: Control,
    pub(super) service_facts: ServiceFacts,
    /// The user name, where the API has answered it.
    pub(super) username: Option<String>,
    /// The domains that were asked for.
    pub(super) asked_domains: Vec<Domain>,
    /// By age, up to where slots without a point were asked for again.
    pub(super) hole_targets: Vec<(i64, UnixSeconds)>,
    /// What of that was not asked for, or not answered.
    pub(super) holes_left: Vec<(Domain, Span)>,
    pub(super) keep: KeepLimits,
    pub(super) warnings: Vec<String>,
}

/// What a run has service_facts of the service, for the next ones.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct ServiceFacts {
    oldest_served_age: Option<i64>,
    youngest_refused_age: Option<i64>,
    sub_hour: bool,
    complete_points: Option<u64>,
    latest_edge: Option<UnixSeconds>,
}

impl ServiceFacts {
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
        let facts = [
            self.oldest_served_age.map(|age| (FactName::OldestServedAge, age)),
            self.youngest_refused_age
                .map(|age| (FactName::YoungestRefusedAge, age)),
            self.sub_hour.then_some((FactName::SubHourPoints, 1)),
            self.complete_points
                .map(|points| (FactName::CompletePoints, to_i64(points))),
            username.map(|name| (FactName::Answered(name), 1)),
        ];
        let note = |(name, value)| Note::Fact { name, value, at: now };
        facts.into_iter().flatten().map(note).collect()
    }
}

impl Finalizer {
    /// Waits for the writer to finish what has arrived, and ends the run. Blocks: not for a thread of the runtime.
    pub(super) fn carry_out(
        mut self,
        writer: thread::JoinHandle<WriterResult>,
    ) -> Result<Finished, RunError> {
        let written = writer.join().map_err(|_| self.lost_writer())?;
        planted::pass("finish");
        let settled = written.and_then(|Handover { mut store, dropped }| {
            let dropped = dropped.into_iter().map(FailedRange::dropped);
            dropped.for_each(|dropped| self.failures.add(dropped));
            match self.settle(&mut store) {
                Err(error) if !error.is_interruption() => Err(error),
                _ => Ok(store),
            }
        });
        let (mut store, broken) = reopened(settled, &self.path, &self.holder)?;
        store.heed(self.control.interruption())?;
        store.begin_closing();
        let stop = if broken.is_some() {
            Some(Stop::Storage)
        } else {
            self.control.reason().cloned()
        };
        let (totals, outcome) = self.finish(&mut store, stop.as_ref(), broken.as_ref())?;
        let mut warnings = std::mem::take(&mut self.warnings);
        let stale_days = store.stale_days()?;
        if stale_days > 0 {
            warnings.push(format!(
                "rollups are out of date for {stale_days} domain-days; the next run updates them"
            ));
        }
        match store.tidy(self.keep.rejects, self.clock.now() - self.keep.runs) {
            Err(error) if !error.is_interruption() => return Err(error.into()),
            _ => {}
        }
        warnings.extend(close(&mut store));
        store.confirm(Some(self.run))?;
        let beyond_before = marked_before(&self.conclusions, self.service_facts.latest_edge);
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
            stale_days,
        };
        match broken {
            Some(source) => Err(RunError::Store {
                source,
                summary: Some(Box::new(summary)),
            }),
            None => Ok(Finished { summary, store }),
        }
    }

    /// Stores what the run has service_facts, and brings the rollups up to date. A signal ends it: the next run does it.
    fn settle(&self, store: &mut Store) -> Result<(), StoreError> {
        let now = self.clock.now();
        let mut service_facts = self.service_facts;
        let known = store.fact(&FactName::OldestServedAge)?;
        service_facts.oldest_served_age = service_facts
            .oldest_served_age
            .filter(|age| is_news(*age, known, now));
        let notes = service_facts.notes(self.username.clone(), now);
        let service_facts = Commit {
            notes,
            ..Commit::new(Vec::new(), self.range, now)
        };
        store.commit(self.run, &[service_facts])?;
        store.advance_holes(&self.asked_domains, &self.hole_targets, &self.holes_left)?;
        store.roll_up(|done, months| self.progress.rolling_up(done, months))?;
        Ok(())
    }

    /// Writes how the run ended; after a signal, as far as that is possible in time.
    fn finish(
        &mut self,
        store: &mut Store,
        stop: Option<&Stop>,
        broken: Option<&StoreError>,
    ) -> Result<(RunTotals, Outcome), StoreError> {
        let mut totals = store.totals(self.run)?;
        let outcome = outcome(stop, &self.failures, &totals);
        let over = totals.windows_fetched + totals.windows_failed + totals.windows_skipped;
        let skipped = self.windows_planned.saturating_sub(over);
        // A store that broke or was cut off early never service_facts how much was planned.
        let planned = self.windows_planned.saturating_sub(totals.windows_planned);
        let finish = Finish {
            outcome,
            finished_at: self.clock.now(),
            totals: RunTotals {
                windows_planned: planned,
                windows_skipped: skipped,
                ..RunTotals::default()
            },
            conclusions: serde_json::to_string(&self.conclusions.json()).unwrap_or_default(),
            failures: serde_json::to_string(&failures_json(&self.failures, self.range)).unwrap_or_default(),
            message: broken.map(ToString::to_string),
            expected: self.expected.take(),
        };
        match store.finish_run(self.run, &finish) {
            Ok(totals) => Ok((totals, outcome)),
            Err(error) if error.is_interruption() => {
                self.warnings.push(NOT_CLOSED.to_owned());
                totals.windows_planned += planned;
                totals.windows_skipped += skipped;
                Ok((totals, outcome))
            }
            Err(error) => Err(error),
        }
    }

    /// The writer panicked, and its store is gone with what it had not committed.
    fn lost_writer(&self) -> RunError {
        // Where this fails, the next run does it.
        let _ = Store::reopen(&self.path, &self.holder).and_then(|mut store| store.interrupt_run());
        RunError::Defect("the thread that writes to the database")
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
    written: Result<Store, StoreError>,
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
        Err(error) if error.is_interruption() => {
            vec!["the write-ahead log stays beside the database; the next run folds it in".to_owned()]
        }
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
