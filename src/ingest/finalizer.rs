//! Ends a run: rollups, the last notes in the database, the summary.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::Instant;

use super::control::{Control, Stop};
use super::decide::conclusion::conclusions_json;
use super::decide::{ConclusionKind, Conclusions, Knowledge, evidence};
use super::finished::{Finished, RunError};
use super::job::Job;
use super::progress::Progress;
use super::summary::{FailedRange, Failures, Summary, failures_json, outcome};
use super::writer::{Handover, WriterResult};
use crate::clock::SharedClock;
use crate::model::convert::{to_i64, to_u64};
use crate::model::{Domain, Fact, FactName, Outcome, RunTotals, Span, UnixSeconds};
use crate::planted;
use crate::store::{Commit, Finish, Holder, Note, Run, Store, StoreError, StoreErrorKind};

/// The warning if a signal left no time to write how the run ended.
const NOT_CLOSED: &str = "the end of the run could not be written in time, because the database was locked or slow; \
                          `status` and `origin_runs` show it as `running`, and as `interrupted` from the next run on";

/// Ends a run after its last request.
pub(super) struct Finalizer {
    pub(super) run: Run,
    /// Who holds the lock of the database. The file is opened again under this name after an error.
    pub(super) holder: Holder,
    pub(super) path: PathBuf,
    pub(super) began: Instant,
    pub(super) clock: SharedClock,
    pub(super) control: Control,
    pub(super) progress: Arc<Progress>,
    /// The job, without what the stages have used up.
    pub(super) job: Job,
    pub(super) results: StageResults,
    pub(super) facts: ServiceFacts,
    /// Whether the API has answered this account in this run.
    pub(super) was_answered: bool,
}

/// The results of the stages so far.
#[derive(Debug, Default)]
pub(super) struct StageResults {
    /// How many windows were planned.
    pub(super) windows_planned: u64,
    pub(super) failures: Failures,
    pub(super) conclusions: Conclusions,
    /// Holes that were to be asked for again, and were not answered.
    pub(super) unanswered_holes: Vec<(Domain, Span)>,
    /// The domains that are followed and not configured.
    pub(super) followed: Vec<Domain>,
    /// Those of them that had no point lately. That the API refuses one of these
    /// is only a warning.
    pub(super) excusable: Vec<Domain>,
    /// Things to know that are no failures.
    pub(super) warnings: Vec<String>,
    /// Slots of followed domains that the API refuses. They count as failed, and do not make the run incomplete.
    pub(super) excused_slots: u64,
}

impl StageResults {
    /// Notes that slots of a domain were left out, because the API refuses it.
    pub(super) fn leave_out(&mut self, domain: &Domain, slots: u64) {
        if self.excusable.contains(domain) {
            self.excused_slots += slots;
        }
    }

    /// Adds a failure. That the API refuses a followed domain without a recent point is only a warning: nobody has typed
    /// its name, and the account may have given it up.
    pub(super) fn fail(&mut self, mut failed: FailedRange) {
        match failed.domains.as_slice() {
            [domain] if failed.refuses_domain && self.excusable.contains(domain) => {
                self.warnings.push(format!(
                    "{domain} is followed, and the API refuses it: {}. `jdcdn-stats domains forget {domain}` ends this",
                    failed.error
                ));
            }
            [domain] if failed.refuses_domain && self.followed.contains(domain) => {
                let help = format!(
                    "{domain} is followed, and had points this week; if it is no longer used, `jdcdn-stats domains forget \
                     {domain}` ends this"
                );
                failed.help = Some(help);
                self.failures.add(failed);
            }
            _ => self.failures.add(failed),
        }
    }
}

/// The facts about the service that a run leaves for the next ones.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct ServiceFacts {
    oldest_served_age: Option<i64>,
    youngest_refused_age: Option<i64>,
    sub_hour: bool,
    complete_points: Option<u64>,
    latest_edge: Option<UnixSeconds>,
}

impl ServiceFacts {
    /// Returns what is known at `now`.
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
            (FactName::OldestServedAge, self.oldest_served_age),
            (FactName::YoungestRefusedAge, self.youngest_refused_age),
            (FactName::SubHourPoints, self.sub_hour.then_some(1)),
            (FactName::CompletePoints, self.complete_points.map(to_i64)),
        ];
        let answered = username.map(|name| (FactName::Answered(name), Some(1)));
        let note = |(name, value): (FactName, Option<i64>)| {
            let value = value?;
            Some(Note::Fact { name, value, at: now })
        };
        facts.into_iter().chain(answered).filter_map(note).collect()
    }
}

impl Finalizer {
    /// Waits until the writer has finished, and ends the run. This blocks, so it must not run on a thread of the
    /// runtime.
    pub(super) fn finish(mut self, writer: thread::JoinHandle<WriterResult>) -> Result<Finished, RunError> {
        let written = writer.join().map_err(|_| self.lost_writer())?;
        planted::pass("finish");
        let settled = written.and_then(|Handover { mut store, dropped }| {
            let dropped = dropped.into_iter().map(FailedRange::dropped);
            dropped.for_each(|dropped| self.results.failures.add(dropped));
            match self.settle(&mut store) {
                Err(error) if !error.is_interruption() => Err(error),
                _ => Ok(store),
            }
        });
        let (mut store, broken) = reopened(settled, &self.path, &self.holder)?;
        store.heed(self.control.interruption())?;
        store.begin_closing();
        let stop = match broken {
            Some(_) => Some(Stop::Storage),
            None => self.control.reason().cloned(),
        };
        let (totals, outcome) = self.close_run(&mut store, stop.as_ref(), broken.as_ref())?;
        let mut warnings = std::mem::take(&mut self.job.warnings);
        let stale_days = store.stale_days()?;
        if stale_days > 0 {
            warnings.push(format!(
                "rollups are out of date for {stale_days} domain-days; the next run updates them"
            ));
        }
        let keep = self.job.keep;
        match store.tidy(keep.rejects, self.clock.now() - keep.runs) {
            Err(error) if !error.is_interruption() => return Err(error.into()),
            _ => {}
        }
        warnings.extend(checkpoint(&mut store));
        store.confirm(Some(self.run))?;
        let StageResults {
            failures,
            conclusions,
            ..
        } = self.results;
        let summary = Summary {
            run_id: self.run.id(),
            outcome,
            range: self.job.plan.range(),
            cut_at: self.job.plan.cut_at(),
            domains: to_u64(self.job.domains.len()),
            totals,
            elapsed: self.began.elapsed(),
            beyond_before: marked_before(&conclusions, self.facts.latest_edge),
            failures,
            conclusions,
            stop,
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

    /// Stores the facts about the service, and brings the rollups up to date. A signal cuts this short: then the next
    /// run does the rest.
    fn settle(&self, store: &mut Store) -> Result<(), StoreError> {
        let now = self.clock.now();
        let mut facts = self.facts;
        let known = store.fact(&FactName::OldestServedAge)?;
        facts.oldest_served_age = facts.oldest_served_age.filter(|age| is_news(*age, known, now));
        let username = self.was_answered.then(|| self.job.username.clone());
        let mut notes = facts.notes(username, now);
        // In whole minutes, so that the seconds of a slow answer are no news.
        notes.extend(self.progress.counts().clock_ahead.map(|ahead| Note::Fact {
            name: FactName::ClockAhead,
            value: ahead / 60 * 60,
            at: now,
        }));
        let facts = Commit {
            notes,
            ..Commit::new(Vec::new(), self.job.plan.range(), now)
        };
        store.commit(self.run, &[facts])?;
        let holes = &self.job.holes;
        let left = self.results.unanswered_holes.iter().chain(&holes.left);
        let left: Vec<_> = left.cloned().collect();
        store.advance_holes(&self.job.domains, &holes.targets, &left)?;
        // The account is incomplete where nothing was asked for. `finish_run` does this again, if a signal cuts this short.
        if let Some(expected) = &self.job.expected {
            store.expect(expected)?;
        }
        store.roll_up(|done, months| self.progress.rolling_up(done, months))?;
        Ok(())
    }

    /// Writes how the run ended. After a signal this may not be possible in time.
    fn close_run(
        &mut self,
        store: &mut Store,
        stop: Option<&Stop>,
        broken: Option<&StoreError>,
    ) -> Result<(RunTotals, Outcome), StoreError> {
        let results = &self.results;
        let mut totals = store.totals(self.run)?;
        let judged = RunTotals {
            slots_failed: totals.slots_failed.saturating_sub(results.excused_slots),
            ..totals
        };
        let outcome = outcome(stop, &results.failures, &judged);
        let finished = totals.windows_fetched + totals.windows_failed + totals.windows_skipped;
        let left = RunTotals {
            // Nonzero only if the store broke, or was cut off, before it learned how much was planned.
            windows_planned: results.windows_planned.saturating_sub(totals.windows_planned),
            windows_skipped: results.windows_planned.saturating_sub(finished),
            ..RunTotals::default()
        };
        let failures = failures_json(&results.failures, self.job.plan.range());
        let finish = Finish {
            outcome,
            finished_at: self.clock.now(),
            totals: left,
            conclusions: serde_json::to_string(&conclusions_json(&results.conclusions)).unwrap_or_default(),
            failures: serde_json::to_string(&failures).unwrap_or_default(),
            message: broken.map(ToString::to_string),
            expected: self.job.expected.take(),
            asks_for_all: self.job.asks_for_all,
        };
        match store.finish_run(self.run, &finish) {
            Ok(totals) => Ok((totals, outcome)),
            Err(error) if error.is_interruption() => {
                self.job.warnings.push(NOT_CLOSED.to_owned());
                totals += left;
                Ok((totals, outcome))
            }
            Err(error) => Err(error),
        }
    }

    /// Returns the error of a writer that panicked. What it had not committed is gone.
    fn lost_writer(&self) -> RunError {
        // If this fails, the next run does it.
        let _ = Store::reopen(&self.path, &self.holder).and_then(|mut store| store.interrupt_run());
        RunError::Defect("the thread that writes to the database")
    }
}

/// Whether the age of the oldest served slot replaces the known one. A run for the last hours must not hide that
/// slots of some weeks ago were served lately: a wrong refusal of those would be believed.
fn is_news(age: i64, known: Option<Fact>, now: UnixSeconds) -> bool {
    let lately = |fact: &Fact| evidence::is_recent(fact, evidence::LATELY, now);
    known.filter(lately).is_none_or(|fact| age >= fact.value)
}

/// Returns the time before which slots were marked as no longer served. An edge without a mark does not count: refused
/// young slots have failed.
fn marked_before(conclusions: &Conclusions, latest_edge: Option<UnixSeconds>) -> Option<UnixSeconds> {
    let marks = conclusions.named().iter();
    let marks = marks.filter(|conclusion| conclusion.kind == ConclusionKind::BeyondRetention);
    let named = marks.map(|conclusion| conclusion.span.end()).max();
    // A mark may be among those that are only counted.
    named.or(latest_edge.filter(|_| conclusions.unnamed() > 0))
}

/// Returns the store after the writer and the rollups, and the error that ended either of them.
///
/// After an error the file is opened again: a commit that returned an error may have taken effect (seen with EIO on
/// fsync), so the summary is read from the database.
fn reopened(
    written: Result<Store, StoreError>,
    path: &Path,
    holder: &Holder,
) -> Result<(Store, Option<StoreError>), StoreError> {
    match written {
        Ok(store) => Ok((store, None)),
        // The path now names another file, which is none of this run's business.
        Err(error) if matches!(error.kind(), StoreErrorKind::Replaced) => Err(error),
        Err(error) => match Store::reopen(path, holder) {
            Ok(store) => Ok((store, Some(error))),
            Err(_) => Err(error),
        },
    }
}

/// Moves the write-ahead log into the database file, and returns a warning if that fails. The data is safe in the log.
pub(super) fn checkpoint(store: &mut Store) -> Vec<String> {
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
        // A fact from the future was noted by a wrong clock.
        assert!(is_news(day, known(now + day), now));
    }
}
