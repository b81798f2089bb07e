//! The metrics, in the text form of Prometheus (`OpenMetrics`).
//!
//! Counters start at zero with the process. The state of the domains is read from the database for every page, so it
//! stays true while runs fail.

use std::sync::atomic::AtomicU64;

use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Metric, Registry, Unit};

use super::database_status::DatabaseStatus;
use crate::ingest::progress::ProgressCounts;
use crate::ingest::{Denial, Summary};
use crate::model::convert::to_i64;
use crate::model::{Outcome, RunTotals, UnixSeconds};

/// Every name begins with it.
const PREFIX: &str = "jdcdn";

type LabelledCounter = Family<[(&'static str, &'static str); 1], Counter>;
type Seconds = Gauge<f64, AtomicU64>;

/// The counters and gauges.
#[derive(Debug)]
pub(super) struct Metrics {
    runs: LabelledCounter,
    requests: LabelledCounter,
    retries: Counter,
    refusals: LabelledCounter,
    refused_since: Seconds,
    points: LabelledCounter,
    windows: LabelledCounter,
    last_duration: Seconds,
    last_success: Seconds,
    newest_age: Family<[(&'static str, String); 1], Seconds>,
    due_slots: Gauge,
    rejects: Gauge,
    readable: Gauge,
    registry: Registry,
}

/// Returns a new metric under this name.
fn metric<M: Metric + Clone + Default>(registry: &mut Registry, name: &str, help: &str) -> M {
    let metric = M::default();
    registry.register(name, help, metric.clone());
    metric
}

/// Returns a new metric in seconds under this name.
fn seconds<M: Metric + Clone + Default>(registry: &mut Registry, name: &str, help: &str) -> M {
    let metric = M::default();
    registry.register_with_unit(name, help, Unit::Seconds, metric.clone());
    metric
}

impl Metrics {
    /// Returns the metrics with all counters at zero.
    pub(super) fn new() -> Self {
        let mut registry = Registry::with_prefix(PREFIX);
        let r = &mut registry;
        let metrics = Self {
            runs: metric(r, "runs", "Runs by outcome"),
            requests: metric(r, "requests", "Requests to the API; ok: answered with figures"),
            retries: metric(
                r,
                "request_retries",
                "Requests sent because an earlier one failed",
            ),
            refusals: metric(
                r,
                "refusals",
                "Requests refused because of the key, the account or the address, by kind",
            ),
            refused_since: seconds(
                r,
                "refused_since_timestamp",
                "Since when the API refuses every request, 0 while it does not",
            ),
            points: metric(r, "points", "Points in the answers, by result"),
            windows: metric(r, "windows", "Planned requests by result"),
            last_duration: seconds(r, "last_run_duration", "Duration of the last run"),
            last_success: seconds(
                r,
                "last_success_timestamp",
                "When a run last stored all that was due, 0 before the first",
            ),
            newest_age: seconds(
                r,
                "newest_point_age",
                "Age of the domain's newest stored point, infinite while there is none",
            ),
            due_slots: metric(r, "due_slots", "5-minute slots that are due, over all domains"),
            rejects: metric(r, "rejects", "Rows in origin_rejects"),
            readable: metric(
                r,
                "database_readable",
                "Whether the database could be read just now",
            ),
            registry,
        };
        // A series that begins with its first event hides that event from every rate, so all series begin at zero.
        for outcome in [
            Outcome::Complete,
            Outcome::Partial,
            Outcome::Failed,
            Outcome::Refused,
            Outcome::Stopped,
        ] {
            count(&metrics.runs, "outcome", outcome.as_str(), 0);
        }
        count(&metrics.runs, "outcome", "put_off", 0);
        metrics.add_requests(ProgressCounts::default());
        metrics.add_totals(&RunTotals::default());
        metrics
    }

    /// Counts a run that ended with a summary at `now`.
    pub(super) fn run_ended(&self, summary: &Summary, now: UnixSeconds) {
        count(&self.runs, "outcome", summary.outcome.as_str(), 1);
        self.add_totals(&summary.totals);
        self.last_duration.set(summary.elapsed.as_secs_f64());
        if summary.outcome == Outcome::Complete {
            self.last_success.set(float(now));
        }
    }

    /// Counts a run that could not begin and was postponed.
    pub(super) fn run_postponed(&self) {
        count(&self.runs, "outcome", "put_off", 1);
    }

    /// Counts the requests of a run, whether or not it has a summary.
    pub(super) fn add_requests(&self, sent: ProgressCounts) {
        count(&self.requests, "outcome", "ok", sent.answered);
        let failed = sent.requests.saturating_sub(sent.answered);
        count(&self.requests, "outcome", "failed", failed);
        self.retries.inc_by(sent.retries);
        for (denial, number) in Denial::ALL.into_iter().zip(sent.denied) {
            count(&self.refusals, "kind", denial.label(), number);
        }
    }

    /// Sets since when the API refuses every request; `None` while it does not.
    pub(super) fn refused_since(&self, since: Option<UnixSeconds>) {
        self.refused_since.set(since.map_or(0.0, float));
    }

    fn add_totals(&self, totals: &RunTotals) {
        for (family, label, value, number) in [
            (&self.points, "kind", "inserted", totals.points_inserted),
            (&self.points, "kind", "updated", totals.points_updated),
            (&self.points, "kind", "unchanged", totals.points_unchanged),
            (&self.points, "kind", "rejected", totals.points_rejected),
            (&self.windows, "result", "fetched", totals.windows_fetched),
            (&self.windows, "result", "failed", totals.windows_failed),
            (&self.windows, "result", "skipped", totals.windows_skipped),
        ] {
            count(family, label, value, number);
        }
    }

    /// Returns the page at `now`; `database` is `None` if it cannot be read. Not for two callers at once.
    pub(super) fn render(&self, database: Option<&DatabaseStatus>, now: UnixSeconds) -> String {
        self.newest_age.clear();
        self.readable.set(i64::from(database.is_some()));
        if let Some(database) = database {
            for (domain, newest) in &database.newest {
                let label = [("domain", domain.to_string())];
                let age = newest.map_or(f64::INFINITY, |newest| float(now - newest));
                self.newest_age.get_or_create(&label).set(age);
            }
            for (gauge, number) in [
                (&self.due_slots, database.due_slots),
                (&self.rejects, database.rejects),
            ] {
                gauge.set(to_i64(number));
            }
        }
        let mut page = String::new();
        // Writing to a string cannot fail.
        let _ = encode(&mut page, &self.registry);
        page
    }
}

fn count(family: &LabelledCounter, label: &'static str, value: &'static str, number: u64) {
    family.get_or_create(&[(label, value)]).inc_by(number);
}

/// Returns the seconds as a float; exact, because 2^53 s are 285 million years.
#[expect(
    clippy::as_conversions,
    clippy::cast_precision_loss,
    reason = "no time of day is as large as 2^53"
)]
fn float(seconds: i64) -> f64 {
    seconds as f64
}
