//! One line a run.
//!
//! Its events are the command's output and shown at the default verbosity. What went wrong is told in full
//! the first time; while it stays the same, a line says that it does.

use std::collections::HashSet;

use crate::api::FailureKind;
use crate::cli::CliError;
use crate::cli::view::conclusions;
use crate::cli::view::text::{counted, domain_list};
use crate::ingest::decide::ConclusionKind;
use crate::ingest::{Denial, Stop, Summary};
use crate::model::convert::to_u64;
use crate::model::{UnixSeconds, civil};

/// How many different causes are told of one run.
const CAUSES: usize = 3;

/// What was told last, so that it is not told again.
#[derive(Debug, Default)]
pub(super) struct Journal {
    trouble: Option<Trouble>,
    put_off: Option<String>,
    warned: bool,
}

/// Runs in a row that left something out.
#[derive(Debug)]
struct Trouble {
    /// Each different cause once.
    causes: Vec<String>,
    /// Set while the last of them was refused.
    refusal: Option<Refused>,
    since: UnixSeconds,
    runs: u64,
}

/// A refusal that goes on is the same while its kind is: what the server says beside it may change every time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Refused {
    since: UnixSeconds,
    kind: Option<Denial>,
}

/// An event with the numbers of a run; the zeros that are no news are left out.
macro_rules! event {
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

impl Journal {
    /// A run that began at `began` has ended; the next is planned for `next`, if there is to be one. The API
    /// refuses every request since `refused_since`.
    pub(super) fn ended(
        &mut self,
        summary: &Summary,
        began: UnixSeconds,
        next: Option<UnixSeconds>,
        refused_since: Option<UnixSeconds>,
    ) {
        self.put_off = None;
        let causes = causes(summary);
        let denial = summary.stop.as_ref().and_then(Stop::denial);
        if causes.is_empty() {
            self.went_well(summary);
        } else if let (Some(since), Some(next), Some(kind)) = (refused_since, next, denial) {
            self.was_refused(summary, causes, kind, since, next);
        } else {
            self.left_something_out(summary, causes, began, next);
        }
        let warned = !summary.warnings.is_empty();
        for warning in &summary.warnings {
            // A reader that keeps the write-ahead log from being folded in may stay for days.
            if self.warned {
                tracing::debug!("{warning}");
            } else {
                tracing::warn!("{warning}");
            }
        }
        self.warned = warned;
        Self::concluded(summary);
        if let Some(edge) = summary.beyond_before {
            tracing::info!(
                "the API no longer serves anything before {} UTC+8; that part is marked and not asked for again",
                civil::cst_minute(edge)
            );
        }
    }

    /// A run could not begin, for a reason that passes.
    pub(super) fn put_off(&mut self, why: &CliError, next: Option<UnixSeconds>) {
        let why = why.to_string();
        let next = next.map(civil::cst_second);
        let next = next.as_deref();
        if self.put_off.as_ref() == Some(&why) {
            tracing::debug!(next, "put off again: {why}");
        } else {
            tracing::info!(next, "put off: {why}");
            self.put_off = Some(why);
        }
    }

    /// A range that is no longer served is told with the edge, a refused domain as a failure; holes and limits come
    /// again at every run and are no news.
    fn concluded(summary: &Summary) {
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
                ConclusionKind::Sparse | ConclusionKind::Coarse => tracing::info!("{line}"),
                _ => tracing::debug!("{line}"),
            }
        }
    }

    fn went_well(&mut self, summary: &Summary) {
        if let Some(Trouble { since, runs, .. }) = self.trouble.take() {
            let since = civil::cst_minute(since);
            event!(
                info,
                summary,
                "up to date again, after {} since {since} UTC+8 that left something out",
                counted(runs, "run")
            );
        } else if summary.totals.windows_planned == 0 && summary.totals.requests == 0 {
            tracing::debug!("nothing was due");
        } else {
            event!(info, summary, "up to date");
        }
    }

    fn left_something_out(
        &mut self,
        summary: &Summary,
        causes: Vec<String>,
        began: UnixSeconds,
        next: Option<UnixSeconds>,
    ) {
        let next = next.map(civil::cst_second);
        let next = next.as_deref();
        let outcome = summary.outcome.as_str();
        let (since, runs, known) = match self.trouble.take() {
            Some(trouble) => {
                let known = trouble.refusal.is_none() && trouble.causes == causes;
                (trouble.since, trouble.runs + 1, known)
            }
            None => (began, 1, false),
        };
        if known {
            let since = civil::cst_minute(since);
            event!(
                warn,
                summary,
                outcome,
                next,
                "still not all that was due is stored, as since {since} UTC+8"
            );
        } else {
            event!(warn, summary, outcome, next, "not all that was due is stored");
            tell(summary, &causes);
        }
        self.trouble = Some(Trouble {
            causes,
            refusal: None,
            since,
            runs,
        });
    }

    fn was_refused(
        &mut self,
        summary: &Summary,
        causes: Vec<String>,
        kind: &FailureKind,
        since: UnixSeconds,
        next: UnixSeconds,
    ) {
        let refusal = Some(Refused {
            since,
            kind: Denial::of(kind),
        });
        let (known, first, runs) = match self.trouble.take() {
            Some(trouble) => (trouble.refusal == refusal, trouble.since, trouble.runs + 1),
            None => (false, since, 1),
        };
        let outcome = summary.outcome.as_str();
        let next = civil::cst_second(next);
        let shown = civil::cst_minute(since);
        if known {
            event!(info, summary, outcome, next, "still refused since {shown} UTC+8");
        } else {
            let said = kind.to_string();
            event!(
                warn,
                summary,
                outcome,
                next,
                "refused since {shown} UTC+8, and tried again: {said}"
            );
            if let Some(help) = kind.help() {
                tracing::info!("help: {help}");
            }
            let others: Vec<String> = causes.iter().filter(|cause| **cause != said).cloned().collect();
            tell(summary, &others);
        }
        self.trouble = Some(Trouble {
            causes,
            refusal,
            since: first,
            runs,
        });
    }
}

/// Why a run left something out, each reason once; none for a run that did not. Reasons that come again hold
/// nothing that changes from run to run, such as a range.
fn causes(summary: &Summary) -> Vec<String> {
    let mut causes: Vec<String> = summary
        .failures
        .named()
        .iter()
        .map(|failed| failed.error.clone())
        .collect();
    causes.sort_unstable();
    causes.dedup();
    if summary.totals.points_rejected > 0 {
        causes.push("points were rejected: see origin_rejects".to_owned());
    }
    causes.extend(match &summary.stop {
        Some(Stop::Signal(_)) => Some("stopped by a signal".to_owned()),
        Some(Stop::Outage) => Some("too many requests failed, so the run ended early".to_owned()),
        Some(stop @ Stop::Credentials { kind, .. }) => Some(match stop.explaining_clock() {
            Some(1..) => "this machine's clock is ahead of the API's: set it first".to_owned(),
            Some(_) => "this machine's clock is behind the API's: set it first".to_owned(),
            None => kind.to_string(),
        }),
        Some(Stop::Configuration(kind)) => Some(kind.to_string()),
        Some(Stop::Storage) => Some("the database took no more".to_owned()),
        Some(Stop::Defect) => Some("a thread was lost to a defect of this program".to_owned()),
        None => None,
    });
    // What ended the run may be what a window failed with, too.
    let mut seen = HashSet::new();
    causes.retain(|cause| seen.insert(cause.clone()));
    causes
}

/// The first causes, each with the first range that it kept from being stored.
fn tell(summary: &Summary, causes: &[String]) {
    for cause in causes.iter().take(CAUSES) {
        let first = summary
            .failures
            .named()
            .iter()
            .find(|failed| failed.error == *cause);
        if let Some(failed) = first {
            let span = failed.span.unwrap_or(summary.range);
            tracing::warn!("not stored: {}, {span}: {cause}", domain_list(&failed.domains));
        } else {
            tracing::warn!("{cause}");
        }
    }
    let more = causes.len().saturating_sub(CAUSES);
    if more > 0 {
        tracing::warn!("and {} more: see origin_runs", counted(to_u64(more), "reason"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::commands::watch::verdict::tests::summary;
    use crate::ingest::FailedRange;
    use crate::ingest::denial::tests::denials;
    use crate::model::{Outcome, Span};

    #[test]
    fn whatever_leaves_something_out_has_a_cause_and_each_is_told_once() {
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
        let clock = |ahead| {
            stopped(Stop::Credentials {
                kind: timeout.clone(),
                clock_ahead: ahead,
            })
        };
        assert!(clock(Some(86_400)).contains("ahead of"));
        assert!(clock(Some(-86_400)).contains("behind"));
        // A clock that is right, or nearly, is not what is wrong.
        for ahead in [None, Some(0), Some(1), Some(-1), Some(300), Some(-300)] {
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
        let mut journal = Journal::default();
        let mut known = |status: u16, shown: &str, since| {
            let before = journal.trouble.as_ref().and_then(|trouble| trouble.refusal);
            let kind = FailureKind::Http {
                status,
                shown: shown.to_owned(),
            };
            let stop = Stop::Credentials {
                kind,
                clock_ahead: None,
            };
            let run = summary(Outcome::Refused, Some(stop), 0, 1);
            journal.ended(&run, since, Some(since + 300), Some(since));
            before.is_some() && before == journal.trouble.as_ref().and_then(|trouble| trouble.refusal)
        };
        assert!(!known(403, "request 1", 0));
        assert!(known(403, "request 2", 0));
        assert!(!known(401, "request 3", 0));
        assert!(!known(401, "request 3", 900));
    }
}
