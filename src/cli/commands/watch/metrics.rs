//! What monitoring reads, in the text form of Prometheus (`OpenMetrics`).
//!
//! Counters count since the process started; what is known of the domains is read from the database at the
//! moment of the question, so it goes on telling the truth when the runs do not get through.

use std::sync::atomic::AtomicU64;

use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Registry, Unit};

use super::standing::Standing;
use crate::ingest::progress::ProgressCounts;
use crate::ingest::{Denial, Summary};
use crate::model::convert::to_i64;
use crate::model::{Outcome, UnixSeconds};

/// Every name begins with it.
const PREFIX: &str = "jdcdn";

type Label = [(&'static str, &'static str); 1];
type Counts = Family<Label, Counter>;
type Seconds = Gauge<f64, AtomicU64>;

/// Counters and gauges under their names.
#[derive(Debug)]
pub(super) struct Metrics {
    registry: Registry,
    runs: Counts,
    requests: Counts,
    retries: Counter,
    refusals: Counts,
    refused_since: Seconds,
    points: Counts,
    windows: Counts,
    duration: Seconds,
    succeeded: Seconds,
    age: Family<[(&'static str, String); 1], Seconds>,
    due_slots: Gauge,
    rejects: Gauge,
    readable: Gauge,
}

impl Metrics {
    /// All counters at zero.
    pub(super) fn new() -> Self {
        let mut metrics = Self {
            registry: Registry::with_prefix(PREFIX),
            runs: Counts::default(),
            requests: Counts::default(),
            retries: Counter::default(),
            refusals: Counts::default(),
            refused_since: Seconds::default(),
            points: Counts::default(),
            windows: Counts::default(),
            duration: Seconds::default(),
            succeeded: Seconds::default(),
            age: Family::default(),
            due_slots: Gauge::default(),
            rejects: Gauge::default(),
            readable: Gauge::default(),
        };
        metrics.register();
        metrics
    }

    fn register(&mut self) {
        let registry = &mut self.registry;
        registry.register("runs", "Runs by outcome", self.runs.clone());
        registry.register(
            "requests",
            "Requests to the API, ok where they brought figures",
            self.requests.clone(),
        );
        registry.register(
            "request_retries",
            "Requests sent because an earlier one failed",
            self.retries.clone(),
        );
        registry.register(
            "refusals",
            "Requests that were refused for the key, the account or the address, by kind",
            self.refusals.clone(),
        );
        registry.register_with_unit(
            "refused_since_timestamp",
            "Since when the API refuses every request, 0 while it does not",
            Unit::Seconds,
            self.refused_since.clone(),
        );
        registry.register(
            "points",
            "Points in the answers, by what became of them",
            self.points.clone(),
        );
        registry.register("windows", "Planned requests by result", self.windows.clone());
        registry.register_with_unit(
            "last_run_duration",
            "How long the last run took",
            Unit::Seconds,
            self.duration.clone(),
        );
        registry.register_with_unit(
            "last_success_timestamp",
            "When a run last stored all that was due, 0 before the first",
            Unit::Seconds,
            self.succeeded.clone(),
        );
        registry.register_with_unit(
            "newest_point_age",
            "Age of the domain's newest stored point, infinite while there is none",
            Unit::Seconds,
            self.age.clone(),
        );
        registry.register(
            "due_slots",
            "Slots of 5 minutes to be asked for, over all domains",
            self.due_slots.clone(),
        );
        registry.register(
            "rejects",
            "Pieces of answers in origin_rejects",
            self.rejects.clone(),
        );
        registry.register(
            "database_readable",
            "Whether the database could be read just now",
            self.readable.clone(),
        );
        // A series that begins at its first event hides that event from every rate.
        for outcome in [
            Outcome::Complete,
            Outcome::Partial,
            Outcome::Failed,
            Outcome::Refused,
            Outcome::Stopped,
        ] {
            count(&self.runs, "outcome", outcome.as_str(), 0);
        }
        count(&self.runs, "outcome", "put_off", 0);
        self.add_requests(ProgressCounts::default());
        self.add_totals(&crate::model::RunTotals::default());
    }

    /// A run has ended with a summary, at `now`.
    pub(super) fn ended(&self, summary: &Summary, now: UnixSeconds) {
        count(&self.runs, "outcome", summary.outcome.as_str(), 1);
        self.add_totals(&summary.totals);
        self.duration.set(summary.elapsed.as_secs_f64());
        if summary.outcome == Outcome::Complete {
            self.succeeded.set(seconds(now));
        }
    }

    /// A run could not begin, for a reason that passes.
    pub(super) fn put_off(&self) {
        count(&self.runs, "outcome", "put_off", 1);
    }

    /// What a run sent, whether or not it has a summary.
    pub(super) fn add_requests(&self, sent: ProgressCounts) {
        count(&self.requests, "outcome", "ok", sent.answered);
        let failed = sent.requests.saturating_sub(sent.answered);
        count(&self.requests, "outcome", "failed", failed);
        self.retries.inc_by(sent.retries);
        for (denial, number) in Denial::ALL.into_iter().zip(sent.denied) {
            count(&self.refusals, "kind", denial.label(), number);
        }
    }

    /// Since when the API refuses every request; `None` while it does not.
    pub(super) fn refused_since(&self, since: Option<UnixSeconds>) {
        self.refused_since.set(since.map_or(0.0, seconds));
    }

    fn add_totals(&self, totals: &crate::model::RunTotals) {
        for (kind, number) in [
            ("inserted", totals.points_inserted),
            ("updated", totals.points_updated),
            ("unchanged", totals.points_unchanged),
            ("rejected", totals.points_rejected),
        ] {
            count(&self.points, "kind", kind, number);
        }
        for (result, number) in [
            ("fetched", totals.windows_fetched),
            ("failed", totals.windows_failed),
            ("skipped", totals.windows_skipped),
        ] {
            count(&self.windows, "result", result, number);
        }
    }

    /// The page at `now`; `standing` is `None` where the database cannot be read. Not for two callers at once.
    pub(super) fn render(&self, standing: Option<&Standing>, now: UnixSeconds) -> String {
        self.age.clear();
        self.readable.set(i64::from(standing.is_some()));
        if let Some(standing) = standing {
            for (domain, newest) in &standing.newest {
                let label = [("domain", domain.to_string())];
                let age = newest.map_or(f64::INFINITY, |newest| seconds(now - newest));
                self.age.get_or_create(&label).set(age);
            }
            self.due_slots.set(to_i64(standing.due_slots));
            self.rejects.set(to_i64(standing.rejects));
        }
        let mut page = String::new();
        // Writing to a string does not fail.
        let _ = encode(&mut page, &self.registry);
        page
    }
}

fn count(family: &Counts, label: &'static str, value: &'static str, number: u64) {
    family.get_or_create(&[(label, value)]).inc_by(number);
}

/// Exact for every time there is: 2^53 s are 285 million years.
#[expect(
    clippy::as_conversions,
    clippy::cast_precision_loss,
    reason = "no time of day is as large as 2^53"
)]
fn seconds(time: i64) -> f64 {
    time as f64
}
