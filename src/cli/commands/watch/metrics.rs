//! The metrics, in the text form of Prometheus (`OpenMetrics`).
//!
//! Counters start at zero with the process. The state of the domains is read from the database for every page, so it
//! stays true while runs fail. What cannot be read is left out: an old value would look like a new one.

use std::path::Path;
use std::sync::atomic::AtomicU64;
use std::sync::{Mutex, PoisonError};

use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Metric, Registry, Unit};

use super::database_status::DatabaseStatus;
use super::optional_gauge::OptionalGauge;
use crate::config::Config;
use crate::ingest::progress::ProgressCounts;
use crate::ingest::{Denial, Summary};
use crate::model::convert::to_i64;
use crate::model::{GapReason, Outcome, RunTotals, UnixSeconds};
use crate::store::Volume;

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
    due_slots: OptionalGauge<i64>,
    late_slots: OptionalGauge<i64>,
    gap_slots: Family<[(&'static str, &'static str); 1], Gauge>,
    rejects: OptionalGauge<i64>,
    stale_days: OptionalGauge<i64>,
    readable: Gauge,
    database_bytes: OptionalGauge<i64>,
    free_bytes: OptionalGauge<i64>,
    domains: Gauge,
    interval: Seconds,
    started: Seconds,
    run_started: Seconds,
    clock_ahead: OptionalGauge<f64>,
    registry: Registry,
    /// What was counted already of the run that is under way.
    counted: Mutex<ProgressCounts>,
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

/// Returns a new metric in bytes under this name.
fn bytes<M: Metric + Clone + Default>(registry: &mut Registry, name: &str, help: &str) -> M {
    let metric = M::default();
    registry.register_with_unit(name, help, Unit::Bytes, metric.clone());
    metric
}

impl Metrics {
    /// Returns the metrics of a process that started at `started`, with all counters at zero.
    pub(super) fn new(started: UnixSeconds) -> Self {
        let mut registry = Registry::with_prefix(PREFIX);
        let r = &mut registry;
        let build = [
            ("version", env!("CARGO_PKG_VERSION")),
            ("commit", env!("JDCDN_COMMIT")),
        ];
        r.register(
            "build",
            "The version, and the commit if it is known",
            Info::new(build),
        );
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
                "When a run last stored all that was due, also before this process; 0: never",
            ),
            newest_age: seconds(
                r,
                "newest_point_age",
                "Age of the domain's newest stored point, infinite while there is none",
            ),
            due_slots: metric(r, "due_slots", "5-minute slots that are due, over all domains"),
            late_slots: metric(
                r,
                "late_slots",
                "Due slots that two runs and 20 minutes have not stored, over all domains",
            ),
            gap_slots: metric(
                r,
                "gap_slots",
                "5-minute slots without a point, over all domains, by reason, as of the end of the last run",
            ),
            rejects: metric(r, "rejects", "Rows in origin_rejects"),
            stale_days: metric(r, "stale_days", "Days of domains whose rollups are out of date"),
            readable: metric(
                r,
                "database_readable",
                "Whether the database could be read just now",
            ),
            database_bytes: bytes(r, "database", "Size of the database with its log"),
            free_bytes: bytes(r, "disk_free", "Free space where the database is"),
            domains: metric(r, "domains", "Domains that are kept up to date"),
            interval: seconds(r, "interval", "Time from run to run, as configured"),
            started: seconds(r, "started_timestamp", "When this process started"),
            run_started: seconds(
                r,
                "run_started_timestamp",
                "When the run that is under way began, 0 between runs",
            ),
            clock_ahead: seconds(
                r,
                "clock_ahead",
                "How far this machine's clock is ahead of the API's, as the last answer showed it",
            ),
            registry,
            counted: Mutex::default(),
        };
        metrics.started.set(float(started));
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
        metrics.requests_ended(&ProgressCounts::default());
        metrics.add_totals(&RunTotals::default());
        metrics
    }

    /// Notes that a run began at `now`.
    pub(super) fn run_began(&self, now: UnixSeconds) {
        self.run_started.set(float(now));
    }

    /// Counts what the run that is under way has `sent`, as far as that is final. A request that waits for its answer has
    /// not failed.
    pub(super) fn progress(&self, sent: &ProgressCounts) {
        let mut counted = self.counted.lock().unwrap_or_else(PoisonError::into_inner);
        let new = |count: fn(&ProgressCounts) -> u64| count(sent).saturating_sub(count(&counted));
        count(&self.requests, "outcome", "ok", new(|counts| counts.answered));
        self.retries.inc_by(new(|counts| counts.retries));
        for (at, denial) in Denial::ALL.into_iter().enumerate() {
            let known = counted.denied.get(at).copied().unwrap_or_default();
            let denied = sent.denied.get(at).copied().unwrap_or_default();
            count(
                &self.refusals,
                "kind",
                denial.label(),
                denied.saturating_sub(known),
            );
        }
        if sent.clock_ahead.is_some() {
            self.clock_ahead.set(sent.clock_ahead.map(float));
        }
        *counted = *sent;
    }

    /// Counts the requests of a run that has ended, whether or not it has a summary.
    pub(super) fn requests_ended(&self, sent: &ProgressCounts) {
        self.progress(sent);
        let failed = sent.requests.saturating_sub(sent.answered);
        count(&self.requests, "outcome", "failed", failed);
        *self.counted.lock().unwrap_or_else(PoisonError::into_inner) = ProgressCounts::default();
        self.run_started.set(0.0);
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
    pub(super) fn render(
        &self,
        config: &Config,
        database: Option<&DatabaseStatus>,
        now: UnixSeconds,
    ) -> String {
        // The database knows which domains of the account are followed.
        let domains = database.map_or(config.selected_domains.len(), |database| database.domains);
        self.domains.set(to_i64(domains));
        self.interval.set(float(config.watch_every));
        self.free_bytes.set(free_bytes(config));
        self.readable.set(i64::from(database.is_some()));
        self.newest_age.clear();
        self.gap_slots.clear();
        for (gauge, number) in [
            (&self.due_slots, database.map(|database| database.due_slots)),
            (&self.late_slots, database.map(|database| database.late_slots)),
            (&self.rejects, database.map(|database| database.rejects)),
            (&self.stale_days, database.map(|database| database.stale_days)),
            (&self.database_bytes, database.map(|database| database.bytes)),
        ] {
            gauge.set(number.map(to_i64));
        }
        if let Some(database) = database {
            for (domain, newest) in &database.newest {
                let label = [("domain", domain.to_string())];
                let age = newest.map_or(f64::INFINITY, |newest| float(now - newest));
                self.newest_age.get_or_create(&label).set(age);
            }
            for (reason, slots) in database.gaps.iter() {
                let label = [("reason", GapReason::as_str(reason))];
                self.gap_slots.get_or_create(&label).set(slots);
            }
            // A process that has just started knows no success of its own, and `sync` may have had a later one.
            let known = database.last_success.map_or(0.0, float);
            self.last_success.set(self.last_success.get().max(known));
        }
        let mut page = String::new();
        // Writing to a string cannot fail.
        let _ = encode(&mut page, &self.registry);
        page
    }
}

/// Returns how many bytes are free where the database is, or where it will be.
fn free_bytes(config: &Config) -> Option<i64> {
    let directory = config.database.parent().filter(|parent| *parent != Path::new(""));
    let volume = Volume::of(directory.unwrap_or(Path::new(".")));
    volume.ok().map(|volume| to_i64(volume.free_bytes))
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
