//! The log of the runs, one line each.
//!
//! These events are the command's output, so they are shown at the default verbosity. A problem is logged in full the
//! first time; while it stays the same, one line says so.

use std::collections::HashSet;

use crate::api::FailureKind;
use crate::cli::CliError;
use crate::cli::view::conclusions;
use crate::cli::view::text::{counted, domain_list};
use crate::ingest::control::OTHER_SOURCE;
use crate::ingest::decide::ConclusionKind;
use crate::ingest::{Denial, Stop, Summary};
use crate::model::convert::to_u64;
use crate::model::{UnixSeconds, civil};

/// How many different causes of one run are logged.
const CAUSES: usize = 3;

/// What was logged last, so that it is not repeated.
#[derive(Debug, Default)]
pub(super) struct RunLog {
    trouble: Option<Trouble>,
    postponed: Option<String>,
    /// The warnings of the last run, without their numbers.
    warned: HashSet<String>,
}

/// Incomplete runs in a row.
#[derive(Debug)]
struct Trouble {
    /// Each different cause once.
    causes: Vec<String>,
    /// Since when, and with what kind of answer, the API refuses every request. The text of the answer may change every
    /// time, so it does not count.
    refusal: Option<(UnixSeconds, Option<Denial>)>,
    since: UnixSeconds,
    runs: u64,
}

/// Logs the counters of a run; zeros that are no news are left out.
macro_rules! log_run {
    ($level:ident, $summary:expr, $($rest:tt)+) => {{
        let totals = &$summary.totals;
        let some = |number: u64| (number > 0).then_some(number);
        tracing::$level!(
            run = $summary.run_id,
            windows = totals.windows_planned,
            failed = some(totals.windows_failed),
            skipped = some(totals.windows_skipped),
            new = totals.points_inserted,
            changed = totals.points_updated,
            surplus = some(totals.points_surplus),
            rejected = some(totals.points_rejected),
            requests = totals.requests,
            retries = totals.retries,
            seconds = ($summary.elapsed.as_secs_f64() * 10.0).round() / 10.0,
            $($rest)+
        );
    }};
}

impl RunLog {
    /// Logs a run that began at `began`. The next is planned for `next`, and the API refuses every request since
    /// `refused_since`.
    pub(super) fn run_ended(
        &mut self,
        summary: &Summary,
        began: UnixSeconds,
        next: Option<UnixSeconds>,
        refused_since: Option<UnixSeconds>,
    ) {
        self.postponed = None;
        let causes = causes(summary);
        if causes.is_empty() {
            self.complete(summary);
        } else {
            let denial = summary.stop.as_ref().and_then(Stop::denial);
            let refused = refused_since.filter(|_| next.is_some()).zip(denial);
            self.incomplete(summary, causes, refused, began, next);
        }
        for warning in &summary.warnings {
            // The same warning may come for days, such as a reader that keeps the write-ahead log from being folded in.
            if self.warned.contains(&without_numbers(warning)) {
                tracing::debug!("the run warns: {warning}");
            } else {
                tracing::warn!("the run warns: {warning}");
            }
        }
        let warned = summary.warnings.iter().map(|warning| without_numbers(warning));
        self.warned = warned.collect();
        conclusions(summary);
        if let Some(edge) = summary.beyond_before {
            tracing::info!(
                "the API no longer serves anything before {} UTC+8; those slots are marked and skipped",
                civil::cst_minute(edge)
            );
        }
    }

    /// Logs a run that could not begin, for a reason that may pass.
    pub(super) fn run_postponed(&mut self, error: &CliError, next: Option<UnixSeconds>) {
        let error = error.to_string();
        let next = next.map(civil::cst_second);
        let next = next.as_deref();
        if self.postponed.as_ref() == Some(&error) {
            tracing::debug!(next, "put off again: {error}");
        } else {
            tracing::info!(next, "put off: {error}");
            self.postponed = Some(error);
        }
    }

    fn complete(&mut self, summary: &Summary) {
        if let Some(Trouble { since, runs, .. }) = self.trouble.take() {
            let since = civil::cst_minute(since);
            let runs = counted(runs, "incomplete run");
            log_run!(
                info,
                summary,
                "up to date again, after {runs} since {since} UTC+8"
            );
        } else if summary.totals.windows_planned == 0 && summary.totals.requests == 0 {
            tracing::debug!("nothing was due");
        } else {
            log_run!(info, summary, "up to date");
        }
    }

    /// `refused`: since when, and by which answer, the API refuses every request.
    fn incomplete(
        &mut self,
        summary: &Summary,
        causes: Vec<String>,
        refused: Option<(UnixSeconds, &FailureKind)>,
        began: UnixSeconds,
        next: Option<UnixSeconds>,
    ) {
        let refusal = refused.map(|(since, kind)| (since, Denial::of(kind)));
        let (since, runs, is_known) = match self.trouble.take() {
            Some(trouble) => {
                let same_cause = refusal.is_some() || trouble.causes == causes;
                let is_known = trouble.refusal == refusal && same_cause;
                (trouble.since, trouble.runs + 1, is_known)
            }
            None => (refused.map_or(began, |(since, _)| since), 1, false),
        };
        let next = next.map(civil::cst_second);
        let next = next.as_deref();
        let outcome = summary.outcome.as_str();
        let shown = civil::cst_minute(refused.map_or(since, |(since, _)| since));
        match (refused, is_known) {
            (Some(_), true) => {
                log_run!(info, summary, outcome, next, "still refused since {shown} UTC+8");
            }
            (Some((_, kind)), false) => {
                let refusal = kind.to_string();
                log_run!(
                    warn,
                    summary,
                    outcome,
                    next,
                    "refused since {shown} UTC+8, and tried again: {refusal}"
                );
                if let Some(help) = kind.help() {
                    tracing::info!("help: {help}");
                }
                log_causes(summary, causes.iter().filter(|cause| **cause != refusal));
            }
            (None, true) => {
                log_run!(
                    warn,
                    summary,
                    outcome,
                    next,
                    "still incomplete since {shown} UTC+8, for the same reasons"
                );
            }
            (None, false) => {
                log_run!(warn, summary, outcome, next, "not all that was due is stored");
                log_causes(summary, causes.iter());
            }
        }
        self.trouble = Some(Trouble {
            causes,
            refusal,
            since,
            runs,
        });
    }
}

/// Returns a text without the words that are numbers: only they differ when a warning comes again. A number in a name
/// tells one domain from another.
fn without_numbers(text: &str) -> String {
    let words = text.split(' ').filter(|word| word.parse::<f64>().is_err());
    words.collect::<Vec<_>>().join(" ")
}

/// Logs what the run concluded. Empty slots and limits come again in every run and are no news; the edge of the
/// retention and refused domains have lines of their own.
fn conclusions(summary: &Summary) {
    let totals = &summary.totals;
    if totals.slots_empty > 0 {
        tracing::debug!(
            asked = totals.slots_asked,
            empty = totals.slots_empty,
            confirmed = totals.holes_confirmed,
            confirmations = totals.confirmations,
            "slots without a point"
        );
    }
    for (kind, line) in conclusions::lines(&summary.conclusions) {
        match kind {
            ConclusionKind::Sparse | ConclusionKind::Coarse => tracing::info!("the run concluded: {line}"),
            _ => tracing::debug!("the run concluded: {line}"),
        }
    }
}

/// Returns why a run was incomplete, each cause once; none if it was complete. The text of a cause holds nothing that
/// changes from run to run, such as a range.
fn causes(summary: &Summary) -> Vec<String> {
    let failures = summary.failures.named().iter();
    let mut causes: Vec<String> = failures.map(|failed| failed.error.clone()).collect();
    causes.sort_unstable();
    if summary.totals.points_rejected > 0 {
        causes.push("points were rejected: see origin_rejects".to_owned());
    }
    causes.extend(summary.stop.as_ref().map(|stop| match stop {
        Stop::Signal(_) => "stopped by a signal".to_owned(),
        Stop::Outage => "too many requests failed, so the run ended early".to_owned(),
        Stop::Credentials { kind, .. } => match stop.explaining_clock() {
            Some(1..) => "this machine's clock is ahead of the API's: set it first".to_owned(),
            Some(_) => "this machine's clock is behind the API's: set it first".to_owned(),
            None => kind.to_string(),
        },
        Stop::Configuration(kind) => kind.to_string(),
        Stop::OtherSource { .. } => OTHER_SOURCE.to_owned(),
        Stop::Storage => "the database could not be written to".to_owned(),
        Stop::Defect => "a thread was lost to a defect of this program".to_owned(),
    }));
    let mut seen = HashSet::new();
    causes.retain(|cause| seen.insert(cause.clone()));
    causes
}

/// Logs the first causes, each with the first range that it affected.
fn log_causes<'c>(summary: &Summary, mut causes: impl Iterator<Item = &'c String>) {
    for cause in causes.by_ref().take(CAUSES) {
        let mut failures = summary.failures.named().iter();
        if let Some(failed) = failures.find(|failed| failed.error == *cause) {
            let span = failed.span.unwrap_or(summary.range);
            tracing::warn!("not stored: {}, {span}: {cause}", domain_list(&failed.domains));
        } else {
            tracing::warn!("not stored: {cause}");
        }
    }
    let more = to_u64(causes.count());
    if more > 0 {
        tracing::warn!("and {} more: see origin_runs", counted(more, "reason"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::commands::watch::next_step::tests::summary;
    use crate::ingest::denial::tests::denials;
    use crate::ingest::{ClockDifference, FailedRange};
    use crate::model::{Outcome, Span};

    #[test]
    fn a_warning_that_differs_in_a_number_is_the_same_and_one_about_another_name_is_not() {
        let same = |one, other| without_numbers(one) == without_numbers(other);
        assert!(same("the clock is ahead by 12 s", "the clock is ahead by 7 s"));
        assert!(!same("cdn1.a.com is refused", "cdn2.a.com is refused"));
    }

    #[test]
    fn every_incomplete_run_has_a_cause_and_each_cause_comes_once() {
        assert!(causes(&summary(Outcome::Complete, None, 3, 0)).is_empty());
        let mut partial = summary(Outcome::Partial, None, 1, 2);
        let timeout = FailureKind::Timeout {
            what: "silence".to_owned(),
        };
        for start in [0, 900] {
            let span = Span::new(start, start + 300).unwrap();
            let failed = FailedRange::new(vec!["a.com".parse().unwrap()], span, &timeout);
            partial.failures.add(failed);
        }
        assert_eq!(causes(&partial), [timeout.to_string()]);
        partial.totals.points_rejected = 7;
        assert_eq!(causes(&partial).len(), 2);
        let stopped = |stop| causes(&summary(Outcome::Failed, Some(stop), 0, 1)).join("");
        assert!(stopped(Stop::Storage).contains("database"));
        assert!(stopped(Stop::Outage).contains("ended early"));
        let clock = |ahead: Option<i64>| {
            stopped(Stop::Credentials {
                kind: timeout.clone(),
                clock: ahead.map(|ahead| ClockDifference::between(1_781_496_000 + ahead, 1_781_496_000)),
            })
        };
        assert!(clock(Some(86_400)).contains("ahead of"));
        assert!(clock(Some(-86_400)).contains("behind"));
        // A clock that shows the right date is not what is wrong.
        for ahead in [
            None,
            Some(0),
            Some(1),
            Some(-1),
            Some(300),
            Some(-300),
            Some(7_200),
        ] {
            assert_eq!(clock(ahead), timeout.to_string());
        }
    }

    #[test]
    fn what_ended_a_run_and_failed_its_windows_is_one_cause() {
        let [kind, ..] = denials();
        let mut refused = summary(Outcome::Failed, Some(Stop::Configuration(kind.clone())), 0, 1);
        let span = Span::new(0, 300).unwrap();
        let failed = FailedRange::new(vec!["a.com".parse().unwrap()], span, &kind);
        refused.failures.add(failed);
        assert_eq!(causes(&refused), [kind.to_string()]);
    }

    #[test]
    fn a_refusal_is_the_same_until_its_kind_or_its_beginning_changes() {
        let mut log = RunLog::default();
        let mut known = |status: u16, shown: &str, since| {
            let before = log.trouble.as_ref().and_then(|trouble| trouble.refusal);
            let kind = FailureKind::Http {
                status,
                shown: shown.to_owned(),
            };
            let stop = Stop::Credentials { kind, clock: None };
            let run = summary(Outcome::Refused, Some(stop), 0, 1);
            log.run_ended(&run, since, Some(since + 300), Some(since));
            before.is_some() && before == log.trouble.as_ref().and_then(|trouble| trouble.refusal)
        };
        assert!(!known(403, "request 1", 0));
        assert!(known(403, "request 2", 0));
        assert!(!known(401, "request 3", 0));
        assert!(!known(401, "request 3", 900));
    }
}
