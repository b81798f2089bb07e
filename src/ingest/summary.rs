//! The summary of a run.

use std::time::Duration;

use serde::Serialize;
use serde::ser::{SerializeStruct as _, Serializer};

use super::control::Stop;
use super::decide::Conclusions;
use super::decide::conclusion::conclusions_json;
use super::named_list::{NamedEntry, NamedList};
use crate::api::FailureKind;
use crate::model::run::COUNTERS;
use crate::model::{Domain, Outcome, RunTotals, Span, UnixSeconds, civil};

/// A range of some domains that could not be stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FailedRange {
    /// The domains.
    pub domains: Vec<Domain>,
    /// The range; `None` for everything that was planned for a refused domain.
    pub span: Option<Span>,
    /// The reason.
    pub error: String,
    /// What to do about it, if that is known.
    pub help: Option<String>,
    /// Whether the API refuses these domains, or this range of them. Then the same command, run again soon, fetches no
    /// more.
    pub is_refusal: bool,
    /// Whether the API refuses the domains themselves, and not the range.
    pub refuses_domain: bool,
}

impl FailedRange {
    /// Returns the failure to fetch `domains` for `span`.
    #[must_use]
    pub fn new(domains: Vec<Domain>, span: Span, kind: &FailureKind) -> Self {
        Self {
            domains,
            span: Some(span),
            error: kind.to_string(),
            help: kind.help().map(str::to_owned),
            is_refusal: false,
            refuses_domain: false,
        }
    }

    /// Returns the failure to store an answer in the time that a signal left.
    #[must_use]
    pub fn dropped((domains, span): (Vec<Domain>, Span)) -> Self {
        Self {
            domains,
            span: Some(span),
            error: "the answer came, but it could not be stored before the program had to end".to_owned(),
            help: Some("the next run asks for it again".to_owned()),
            is_refusal: false,
            refuses_domain: false,
        }
    }

    /// Returns the failure of a domain that the API refuses. It is left out for the rest of the run.
    #[must_use]
    pub fn refused(domain: Domain, kind: &FailureKind) -> Self {
        Self {
            domains: vec![domain],
            span: None,
            error: kind.to_string(),
            help: kind.help().map(str::to_owned),
            is_refusal: true,
            refuses_domain: true,
        }
    }
}

/// The failed ranges of a run.
pub type Failures = NamedList<FailedRange>;

impl NamedEntry for FailedRange {
    const MAX_NAMED: usize = 200;

    fn span(&self) -> Option<Span> {
        self.span
    }

    fn join(&mut self, other: &Self) -> bool {
        let is_same = self.domains == other.domains && self.error == other.error;
        let Some((new, known)) = self.span.zip(other.span).filter(|_| is_same) else {
            return false;
        };
        let touches = new.end() == known.start() || known.end() == new.start();
        if touches {
            self.span = Some(new.hull(&known));
        }
        touches
    }
}

/// How a run ended. The counters are read from the database after the last commit.
#[derive(Debug, Clone)]
pub struct Summary {
    /// The run's id in `origin_runs`.
    pub run_id: i64,
    /// How it ended.
    pub outcome: Outcome,
    /// The range that was asked for, on the grid.
    pub range: Span,
    /// Where the range was cut, because newer slots are not available yet.
    pub cut_at: Option<UnixSeconds>,
    /// The number of domains asked for.
    pub domains: u64,
    /// The counters.
    pub totals: RunTotals,
    /// Wall time.
    pub elapsed: Duration,
    /// The ranges that could not be stored.
    pub failures: Failures,
    /// The conclusions: what is no longer asked for, and why.
    pub conclusions: Conclusions,
    /// Why it stopped early, if it did.
    pub stop: Option<Stop>,
    /// The time before which the API serves nothing, if the run found that edge.
    pub beyond_before: Option<UnixSeconds>,
    /// Other things to know, such as a checkpoint that did not complete.
    pub warnings: Vec<String>,
    /// For how many days of domains the rollups are stale.
    pub stale_days: u64,
}

/// Returns the outcome of a run.
#[must_use]
pub fn outcome(stop: Option<&Stop>, failures: &Failures, totals: &RunTotals) -> Outcome {
    match stop {
        Some(Stop::Signal(_)) => Outcome::Stopped,
        Some(Stop::Credentials { .. }) => Outcome::Refused,
        Some(Stop::Configuration(_) | Stop::OtherSource { .. } | Stop::Storage | Stop::Defect) => {
            Outcome::Failed
        }
        None if failures.is_empty() && totals.points_rejected == 0 && totals.slots_failed == 0 => {
            Outcome::Complete
        }
        Some(Stop::Outage) | None => Outcome::Partial,
    }
}

/// The counters whose names begin with `prefix`, as a JSON object without the prefix.
struct Counters<'a> {
    totals: &'a RunTotals,
    prefix: &'static str,
}

impl Serialize for Counters<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        // `surplus` is a field of the summary itself.
        let counters = COUNTERS.iter().filter(|counter| counter.name != "points_surplus");
        serializer.collect_map(counters.filter_map(|counter| {
            let name = counter.name.strip_prefix(self.prefix)?;
            Some((name, (counter.get)(self.totals)))
        }))
    }
}

/// A failed range as the summary and `origin_runs.failures` hold it.
#[derive(Debug, Serialize)]
pub struct FailureJson<'a> {
    domains: Vec<&'a str>,
    from: String,
    to: String,
    error: &'a str,
}

/// The JSON form. Fields are only ever added, at the end.
impl Serialize for Summary {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let totals = &self.totals;
        let counters = |prefix| Counters { totals, prefix };
        let mut json = serializer.serialize_struct("Summary", 23)?;
        json.serialize_field("run_id", &self.run_id)?;
        json.serialize_field("outcome", &self.outcome)?;
        json.serialize_field("from", &civil::cst_rfc3339(self.range.start()))?;
        json.serialize_field("to", &civil::cst_rfc3339(self.range.end()))?;
        json.serialize_field("cut_at", &self.cut_at.map(civil::cst_rfc3339))?;
        json.serialize_field("domains", &self.domains)?;
        json.serialize_field("windows", &counters("windows_"))?;
        json.serialize_field("points", &counters("points_"))?;
        json.serialize_field("requests", &totals.requests)?;
        json.serialize_field("retries", &totals.retries)?;
        json.serialize_field("bytes", &totals.bytes)?;
        json.serialize_field("elapsed_seconds", &self.elapsed.as_secs_f64())?;
        json.serialize_field("failures", &failures_json(&self.failures, self.range))?;
        json.serialize_field("failures_unnamed", &self.failures.unnamed())?;
        let beyond_before = self.beyond_before.map(civil::cst_rfc3339);
        json.serialize_field("beyond_retention_before", &beyond_before)?;
        json.serialize_field("warnings", &self.warnings)?;
        json.serialize_field("slots", &counters("slots_"))?;
        json.serialize_field("surplus", &totals.points_surplus)?;
        json.serialize_field("confirmed_holes", &totals.holes_confirmed)?;
        json.serialize_field("confirmations", &totals.confirmations)?;
        json.serialize_field("conclusions", &conclusions_json(&self.conclusions))?;
        json.serialize_field("conclusions_unnamed", &self.conclusions.unnamed())?;
        json.serialize_field("stale_days", &self.stale_days)?;
        json.end()
    }
}

/// Returns the JSON form of `failures`; a refused domain failed for all of `range`.
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
            is_refusal: false,
            refuses_domain: false,
        }
    }

    #[test]
    fn neighbouring_failures_of_the_same_kind_are_reported_as_one() {
        let mut failures = Failures::default();
        for at in [0, 1, 3, 2] {
            failures.add(failed("a.com", at, "reset"));
        }
        failures.add(failed("b.com", 4, "reset"));
        failures.add(failed("a.com", 4, "timeout"));
        let slots = failures.named().iter().map(|failed| failed.span.unwrap().slots());
        assert_eq!(slots.sum::<i64>(), 6);
        assert_eq!(failures.named().len(), 3);
    }

    #[test]
    fn an_endless_outage_does_not_fill_the_memory() {
        let mut failures = Failures::default();
        for at in 0..10_000 {
            failures.add(failed("a.com", 2 * at, "reset"));
        }
        assert_eq!((failures.named().len(), failures.unnamed()), (200, 9_800));
    }
}
