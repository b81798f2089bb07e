//! What a run tells at its end.

use serde::Serialize;

use super::control::Stop;
use super::decide::Conclusions;
use super::decide::conclusion::ConclusionJson;
use crate::api::FailureKind;
use crate::model::{Domain, Outcome, RunTotals, Span, UnixSeconds, civil};

/// How many failed ranges are named; more are counted.
const MAX_NAMED: usize = 200;

/// A range of some domains that could not be stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FailedRange {
    /// The domains.
    pub domains: Vec<Domain>,
    /// The range; `None` for all that was planned of a domain that the API refuses.
    pub span: Option<Span>,
    /// Why.
    pub error: String,
    /// What to do about it, where that is known.
    pub help: Option<String>,
}

impl FailedRange {
    /// `domains` could not be fetched for `span`.
    #[must_use]
    pub fn new(domains: Vec<Domain>, span: Span, kind: &FailureKind) -> Self {
        Self {
            domains,
            span: Some(span),
            error: kind.to_string(),
            help: kind.help().map(str::to_owned),
        }
    }

    /// `domains` were answered for `span`, which could not be stored in the time that a signal left.
    #[must_use]
    pub fn dropped((domains, span): (Vec<Domain>, Span)) -> Self {
        Self {
            domains,
            span: Some(span),
            error: "the answer came, but it could not be stored before the program had to end".to_owned(),
            help: Some("what was not stored is asked for again by the next run".to_owned()),
        }
    }

    /// `domain` is refused, and left out for the rest of the run.
    #[must_use]
    pub fn refused(domain: Domain, kind: &FailureKind) -> Self {
        Self {
            domains: vec![domain],
            span: None,
            error: kind.to_string(),
            help: kind.help().map(str::to_owned),
        }
    }
}

/// The failed ranges of a run, neighbours joined. Bounded: beyond 200 they are only counted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Failures {
    named: Vec<FailedRange>,
    unnamed: u64,
}

impl Failures {
    /// Adds a failed range, joined to those of the same domains and cause that it touches.
    pub fn add(&mut self, mut failed: FailedRange) {
        while let Some((at, joined)) = self.named.iter().enumerate().find_map(|(at, known)| {
            let same = known.domains == failed.domains && known.error == failed.error;
            let (a, b) = known.span.zip(failed.span).filter(|_| same)?;
            let touching = a.end() == b.start() || b.end() == a.start();
            touching.then_some((at, Span::new(a.start().min(b.start()), a.end().max(b.end()))))
        }) {
            self.named.swap_remove(at);
            failed.span = joined;
        }
        if self.named.len() < MAX_NAMED {
            self.named.push(failed);
        } else {
            self.unnamed += 1;
        }
    }

    /// Puts the failed ranges in order of time, for reading.
    pub fn sort(&mut self) {
        self.named.sort_by_key(|failed| failed.span);
    }

    /// The failed ranges that are named.
    #[must_use]
    pub fn named(&self) -> &[FailedRange] {
        &self.named
    }

    /// How many more there are.
    #[must_use]
    pub fn unnamed(&self) -> u64 {
        self.unnamed
    }

    /// Whether nothing failed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.named.is_empty()
    }
}

/// How a run ended. The numbers are read from the database, after the last commit.
#[derive(Debug, Clone)]
pub struct Summary {
    /// The run's id in `origin_runs`.
    pub run_id: i64,
    /// How it ended.
    pub outcome: Outcome,
    /// What was asked for, on the grid.
    pub range: Span,
    /// Where the range was cut because newer slots are not available yet.
    pub cut_at: Option<UnixSeconds>,
    /// The number of domains asked for.
    pub domains: u64,
    /// The counters.
    pub totals: RunTotals,
    /// Wall time.
    pub elapsed: std::time::Duration,
    /// What could not be stored.
    pub failures: Failures,
    /// What was concluded: what is no longer asked for, and why.
    pub conclusions: Conclusions,
    /// Why it stopped early, if it did.
    pub stop: Option<Stop>,
    /// The moment before which the API serves nothing, where the run met that edge.
    pub beyond_before: Option<UnixSeconds>,
    /// What a person should know beside the outcome, such as a checkpoint that did not complete.
    pub warnings: Vec<String>,
    /// Days of domains for which the rollups are out of date.
    pub stale_days: u64,
}

/// The outcome that follows from how a run went.
#[must_use]
pub fn outcome(stop: Option<&Stop>, failures: &Failures, totals: &RunTotals) -> Outcome {
    match stop {
        Some(Stop::Signal(_)) => Outcome::Stopped,
        Some(Stop::Credentials { .. }) => Outcome::Refused,
        Some(Stop::Configuration(_) | Stop::Storage | Stop::Defect) => Outcome::Failed,
        None if failures.is_empty() && totals.points_rejected == 0 && totals.slots_failed == 0 => {
            Outcome::Complete
        }
        Some(Stop::Outage) | None => Outcome::Partial,
    }
}

/// The JSON form of a summary. Fields are only ever added.
#[derive(Debug, Serialize)]
struct SummaryJson<'a> {
    run_id: i64,
    outcome: Outcome,
    from: String,
    to: String,
    cut_at: Option<String>,
    domains: u64,
    windows: WindowsJson,
    points: PointsJson,
    requests: u64,
    retries: u64,
    bytes: u64,
    elapsed_seconds: f64,
    failures: Vec<FailureJson<'a>>,
    failures_unnamed: u64,
    beyond_retention_before: Option<String>,
    warnings: &'a [String],
    slots: SlotsJson,
    surplus: u64,
    confirmed_holes: u64,
    confirmations: u64,
    conclusions: Vec<ConclusionJson<'a>>,
    conclusions_unnamed: u64,
    stale_days: u64,
}

/// SlotsJson of domains, by what the answers of the run said of them.
#[derive(Debug, Serialize)]
struct SlotsJson {
    asked: u64,
    empty: u64,
    rejected: u64,
    failed: u64,
}

#[derive(Debug, Serialize)]
struct WindowsJson {
    planned: u64,
    fetched: u64,
    failed: u64,
    skipped: u64,
}

#[derive(Debug, Serialize)]
struct PointsJson {
    received: u64,
    inserted: u64,
    updated: u64,
    unchanged: u64,
    rejected: u64,
    odd_codes: u64,
    left_out: u64,
}

/// A failed range as the summary and `origin_runs.failures` hold it.
#[derive(Debug, Serialize)]
pub struct FailureJson<'a> {
    domains: Vec<&'a str>,
    from: String,
    to: String,
    error: &'a str,
}

impl Serialize for Summary {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let totals = &self.totals;
        SummaryJson {
            run_id: self.run_id,
            outcome: self.outcome,
            from: civil::cst_rfc3339(self.range.start()),
            to: civil::cst_rfc3339(self.range.end()),
            cut_at: self.cut_at.map(civil::cst_rfc3339),
            domains: self.domains,
            windows: WindowsJson {
                planned: totals.windows_planned,
                fetched: totals.windows_fetched,
                failed: totals.windows_failed,
                skipped: totals.windows_skipped,
            },
            points: PointsJson {
                received: totals.points_received,
                inserted: totals.points_inserted,
                updated: totals.points_updated,
                unchanged: totals.points_unchanged,
                rejected: totals.points_rejected,
                odd_codes: totals.points_odd_codes,
                left_out: totals.points_left_out,
            },
            requests: totals.requests,
            retries: totals.retries,
            bytes: totals.bytes,
            elapsed_seconds: self.elapsed.as_secs_f64(),
            failures: failures_json(&self.failures, self.range),
            failures_unnamed: self.failures.unnamed(),
            beyond_retention_before: self.beyond_before.map(civil::cst_rfc3339),
            warnings: &self.warnings,
            slots: SlotsJson {
                asked: totals.slots_asked,
                empty: totals.slots_empty,
                rejected: totals.slots_rejected,
                failed: totals.slots_failed,
            },
            surplus: totals.points_surplus,
            confirmed_holes: totals.holes_confirmed,
            confirmations: totals.confirmations,
            conclusions: self.conclusions.json(),
            conclusions_unnamed: self.conclusions.unnamed(),
            stale_days: self.stale_days,
        }
        .serialize(serializer)
    }
}

/// The list of failures for JSON; `range` stands in where all that was planned of a domain failed.
#[must_use]
pub fn failures_json(failures: &Failures, range: Span) -> Vec<FailureJson<'_>> {
    let named = failures.named().iter();
    named
        .map(|failed| {
            let span = failed.span.unwrap_or(range);
            FailureJson {
                domains: failed.domains.iter().map(Domain::as_str).collect(),
                from: civil::cst_rfc3339(span.start()),
                to: civil::cst_rfc3339(span.end()),
                error: &failed.error,
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failed(domain: &str, start: i64, error: &str) -> FailedRange {
        FailedRange {
            domains: vec![domain.parse().unwrap()],
            span: Span::new(start * 300, start * 300 + 300),
            error: error.to_owned(),
            help: None,
        }
    }

    #[test]
    fn neighbouring_failures_of_the_same_kind_are_told_as_one() {
        let mut failures = Failures::default();
        for at in [0, 1, 3, 2] {
            failures.add(failed("a.com", at, "reset"));
        }
        failures.add(failed("b.com", 4, "reset"));
        failures.add(failed("a.com", 4, "timeout"));
        let spans: Vec<_> = failures
            .named()
            .iter()
            .map(|failed| failed.span.unwrap().slots())
            .collect();
        assert_eq!(spans.iter().sum::<i64>(), 6);
        assert_eq!(failures.named().len(), 3);
    }

    #[test]
    fn an_endless_outage_does_not_fill_the_memory() {
        let mut failures = Failures::default();
        for at in 0..10_000 {
            failures.add(failed("a.com", 2 * at, "reset"));
        }
        assert_eq!((failures.named().len(), failures.unnamed()), (MAX_NAMED, 9_800));
    }
}
