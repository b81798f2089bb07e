//! The runs: what each was asked, and what it committed.

use rusqlite::{Connection, params_from_iter};

use super::error::Result;
use super::gaps::Expected;
use crate::model::{Outcome, RunTotals, Span, UnixSeconds, civil};

/// A run that has begun.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Run {
    id: i64,
    last_age: i64,
}

/// What is known of a run when it begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewRun {
    /// The command, such as `backfill`.
    pub command: String,
    /// When it was started.
    pub started_at: UnixSeconds,
    /// The range that was asked for, where there is one.
    pub range: Option<Span>,
    /// The last of the refresh ages in seconds, from which on a slot counts as settled.
    pub last_age: i64,
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finish {
    /// How it ended.
    pub outcome: Outcome,
    /// When.
    pub finished_at: UnixSeconds,
    /// What to add to the counters that the run's commits have brought: failed and skipped windows, and the
    /// requests that led to no commit.
    pub totals: RunTotals,
    /// What failed: a JSON list of `{domains, from, to, error}`.
    pub failures: String,
    /// Why it could not go on, where it could not.
    pub message: Option<String>,
    /// What the configuration wants to be complete; `None` where the run does not know, and what was never
    /// asked for stays as an earlier run found it.
    pub expected: Option<Expected>,
}

impl Run {
    /// The number in `origin_runs`.
    #[must_use]
    pub const fn id(self) -> i64 {
        self.id
    }

    /// The last refresh age in seconds, by which the run labels coverage.
    pub(super) const fn last_age(self) -> i64 {
        self.last_age
    }
}

/// Adds a run, and says of runs that were killed that they were.
pub(super) fn begin(tx: &Connection, new: &NewRun) -> Result<Run> {
    tx.execute(
        "UPDATE run SET outcome = 'interrupted' WHERE outcome = 'running'",
        [],
    )?;
    let id = tx.query_row(
        "INSERT INTO run (id, command, started_at, started_cst, outcome, from_ts, to_ts)
         SELECT coalesce(max(id), 0) + 1, ?1, ?2, ?3, 'running', ?4, ?5 FROM run RETURNING id",
        (
            &new.command,
            new.started_at,
            civil::cst_second(new.started_at),
            new.range.map(|range| range.start()),
            new.range.map(|range| range.end()),
        ),
        |row| row.get(0),
    )?;
    Ok(Run {
        id,
        last_age: new.last_age,
    })
}

/// Adds to the counters of a run.
pub(super) fn add(tx: &Connection, run: Run, delta: &RunTotals) -> Result<()> {
    // A counter beyond `i64` would have to count for longer than the sun will last.
    let counters = counters(delta).map(|count| i64::try_from(count).unwrap_or(i64::MAX));
    tx.prepare_cached(
        "UPDATE run SET
             windows_planned = windows_planned + ?2, windows_fetched = windows_fetched + ?3,
             windows_failed = windows_failed + ?4, windows_skipped = windows_skipped + ?5,
             points_received = points_received + ?6, points_inserted = points_inserted + ?7,
             points_updated = points_updated + ?8, points_unchanged = points_unchanged + ?9,
             points_rejected = points_rejected + ?10, points_odd_codes = points_odd_codes + ?11,
             requests = requests + ?12, retries = retries + ?13, bytes = bytes + ?14,
             points_left_out = points_left_out + ?15
         WHERE id = ?1",
    )?
    .execute(params_from_iter(std::iter::once(run.id).chain(counters)))?;
    Ok(())
}

/// Writes how a run ended.
pub(super) fn finish(tx: &Connection, run: Run, finish: &Finish) -> Result<()> {
    add(tx, run, &finish.totals)?;
    tx.execute(
        "UPDATE run SET outcome = ?2, finished_at = ?3, finished_cst = ?4, failures = ?5, message = ?6
         WHERE id = ?1",
        (
            run.id,
            finish.outcome.as_str(),
            finish.finished_at,
            civil::cst_second(finish.finished_at),
            &finish.failures,
            &finish.message,
        ),
    )?;
    Ok(())
}

/// The counters of a run, as they are stored.
pub(super) fn totals(connection: &Connection, run: Run) -> Result<RunTotals> {
    let mut select = connection.prepare_cached("SELECT * FROM run WHERE id = ?1")?;
    let totals = select.query_row([run.id], |row| {
        let count = |column: &str| {
            row.get::<_, i64>(column)
                .map(|count| u64::try_from(count).unwrap_or_default())
        };
        Ok(RunTotals {
            windows_planned: count("windows_planned")?,
            windows_fetched: count("windows_fetched")?,
            windows_failed: count("windows_failed")?,
            windows_skipped: count("windows_skipped")?,
            points_received: count("points_received")?,
            points_inserted: count("points_inserted")?,
            points_updated: count("points_updated")?,
            points_unchanged: count("points_unchanged")?,
            points_rejected: count("points_rejected")?,
            points_odd_codes: count("points_odd_codes")?,
            points_left_out: count("points_left_out")?,
            requests: count("requests")?,
            retries: count("retries")?,
            bytes: count("bytes")?,
        })
    })?;
    Ok(totals)
}

/// In the order of the statement in [`add`].
fn counters(totals: &RunTotals) -> [u64; 14] {
    [
        totals.windows_planned,
        totals.windows_fetched,
        totals.windows_failed,
        totals.windows_skipped,
        totals.points_received,
        totals.points_inserted,
        totals.points_updated,
        totals.points_unchanged,
        totals.points_rejected,
        totals.points_odd_codes,
        totals.requests,
        totals.retries,
        totals.bytes,
        totals.points_left_out,
    ]
}

/// `total` with `delta` added.
pub(super) fn sum(mut total: RunTotals, delta: &RunTotals) -> RunTotals {
    total.windows_planned += delta.windows_planned;
    total.windows_fetched += delta.windows_fetched;
    total.windows_failed += delta.windows_failed;
    total.windows_skipped += delta.windows_skipped;
    total.points_received += delta.points_received;
    total.points_inserted += delta.points_inserted;
    total.points_updated += delta.points_updated;
    total.points_unchanged += delta.points_unchanged;
    total.points_rejected += delta.points_rejected;
    total.points_odd_codes += delta.points_odd_codes;
    total.points_left_out += delta.points_left_out;
    total.requests += delta.requests;
    total.retries += delta.retries;
    total.bytes += delta.bytes;
    total
}
