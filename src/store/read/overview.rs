//! What the database has, for people: domains, runs, months.

use rusqlite::{Connection, Row};

use crate::model::billing::MonthlyFigures;
use crate::model::convert::{to_i64, to_u64};
use crate::model::span::EVER;
use crate::model::{CoverageSpan, Domain, GapReason, SlotsByReason, Span, UnixSeconds};
use crate::store::error::{Result, StoreError};
use crate::store::file::reader::Reader;
use crate::store::file::statements::Statements as _;
use crate::store::ledger::expected::Expected;
use crate::store::ledger::{coverage, domain_ids, gaps};
use crate::store::read::as_of::{self, AsOf};
use crate::store::read::completeness::complete_range;
use crate::store::read::gaps::{current_gaps, new_slots};

/// What the database has of one domain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DomainOverview {
    /// The domain.
    pub domain: String,
    /// The time of its first point.
    pub first_ts: Option<UnixSeconds>,
    /// The time of its last point.
    pub last_ts: Option<UnixSeconds>,
    /// How many points it has. No two of them share a slot.
    pub points: u64,
    /// How many pieces of answers could not be stored.
    pub rejects: u64,
    /// How many slots have no point, by reason.
    pub gaps: SlotsByReason,
    /// How many slots the configuration wants and no run has noted: they became available, or were configured, after
    /// the last run.
    pub new_slots: i64,
    /// The first unbroken range of complete days, in the time of the data; `None` if no day is complete.
    pub complete: Option<Span>,
    /// The ranges that were asked for, in order.
    pub coverage: Vec<CoverageSpan>,
}

impl DomainOverview {
    /// Whether every slot that was asked for holds a point or is listed as a gap. If not, the file is damaged.
    #[must_use]
    pub fn adds_up(&self) -> bool {
        let asked: i64 = self.coverage.iter().map(|piece| piece.span.slots()).sum();
        let reasons = [GapReason::Empty, GapReason::Rejected, GapReason::BeyondRetention];
        asked == to_i64(self.points) + self.gaps.sum_of(&reasons)
    }
}

/// What the database has of some domains, all of one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Overview {
    /// As of when it speaks about gaps.
    pub as_of: AsOf,
    /// The domains, in the order in which they were named.
    pub domains: Vec<DomainOverview>,
}

/// A run, in short.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct RunOverview {
    /// Its number in `origin_runs`.
    pub id: i64,
    /// The command.
    pub command: String,
    /// When it began, in UTC+8.
    pub started_cst: String,
    /// When it ended, in UTC+8; `None` if it did not say.
    pub finished_cst: Option<String>,
    /// How it ended.
    pub outcome: String,
    /// Windows whose whole answer is stored.
    pub windows_fetched: i64,
    /// Windows in its plan.
    pub windows_planned: i64,
    /// Points that were not stored before.
    pub points_inserted: i64,
    /// Points that had other figures before.
    pub points_updated: i64,
    /// Requests sent.
    pub requests: i64,
    /// Requests sent because an earlier one failed.
    pub retries: i64,
}

/// The outcome of a run that has not ended, as stored.
const RUNNING: &str = "running";
/// The outcome of a run that was killed.
const INTERRUPTED: &str = "interrupted";

/// The billing measures of one domain and month.
#[derive(Debug, Clone, PartialEq)]
pub struct MonthOfDomain {
    /// The domain; `None` for the account.
    pub domain: Option<String>,
    /// The UTC+8 month, `2026-01`.
    pub month_cst: String,
    /// The measures.
    pub figures: MonthlyFigures,
}

impl Reader {
    /// Returns the coverage of each of `domains` that overlaps `span`, in order and not cut.
    pub fn coverage_of(
        &self,
        domains: &[Domain],
        span: Span,
    ) -> Result<Vec<(Domain, Vec<CoverageSpan>)>, StoreError> {
        self.read(|connection| {
            let of = |domain: &Domain| {
                let spans = coverage::overlapping(connection, domain.as_str(), span)?;
                Ok((domain.clone(), spans))
            };
            domains.iter().map(of).collect()
        })
    }

    /// Returns the names of all domains with slots that were asked for, or with gaps, in order.
    pub fn domains(&self) -> Result<Vec<String>, StoreError> {
        self.read(|connection| {
            let covered =
                "SELECT name FROM domain d WHERE EXISTS (SELECT 1 FROM coverage c WHERE c.domain_id = d.id)";
            // A database of an earlier version that is only read has no such table.
            let listed = if connection.table_exists(None, "gap")? {
                " OR EXISTS (SELECT 1 FROM gap g WHERE g.domain_id = d.id)"
            } else {
                ""
            };
            connection.column(&[covered, listed, " ORDER BY name"].concat(), [])
        })
    }

    /// Returns the time of the newest point of `domain`.
    pub fn newest_point(&self, domain: &str) -> Result<Option<UnixSeconds>, StoreError> {
        self.read(|connection| {
            let id = domain_ids::find(connection, domain)?;
            connection.value("SELECT max(ts) FROM point WHERE domain_id = ?1", [id])
        })
    }

    /// Returns what the database has of each of `names`. Reads two points of a domain, and the notes of the commits. In
    /// a file of an earlier version, in which they have not noted all, points are counted and gaps are found in them.
    pub fn overview(&self, names: &[String], expected: &Expected) -> Result<Overview, StoreError> {
        let overview = self.read(|connection| {
            let tx = connection.unchecked_transaction()?;
            let as_of = as_of::as_of(&tx)?;
            let of = |name: &String| domain_overview(&tx, name, expected, as_of.noted);
            Ok(Overview {
                domains: names.iter().map(of).collect::<Result<_>>()?,
                as_of,
            })
        })?;
        Ok(Overview {
            as_of: self.with_killed(overview.as_of),
            ..overview
        })
    }

    /// Returns the last `count` runs, newest first. A killed run is interrupted, although only the next run writes that.
    pub fn last_runs(&self, count: u32) -> Result<Vec<RunOverview>, StoreError> {
        let sql = "SELECT id, command, started_cst, finished_cst, outcome, windows_fetched, windows_planned,
                          points_inserted, points_updated, requests, retries
                   FROM run ORDER BY id DESC LIMIT ?1";
        let mut runs = self.read(|connection| connection.rows(sql, [count], |row| Ok(run_overview(row)?)))?;
        for run in runs.iter_mut().filter(|run| run.outcome == RUNNING) {
            if self.was_killed(run.id) {
                INTERRUPTED.clone_into(&mut run.outcome);
            }
        }
        Ok(runs)
    }

    /// Hands every month of every domain to `visit`, by domain and month, and those of the account after them.
    pub fn each_month<E: From<StoreError>>(
        &self,
        mut visit: impl FnMut(&MonthOfDomain) -> Result<(), E>,
    ) -> Result<(), E> {
        let figures = "month_cst, points, expected_points, bandwidth_95, bandwidth_95_ts, bandwidth_95_least, bandwidth_peak,
                       bandwidth_fourth_peak, bandwidth_daily_peak_avg, traffic_bytes, pv";
        for sql in [
            format!("SELECT domain, {figures} FROM origin_monthly ORDER BY domain, month_cst"),
            format!("SELECT NULL AS domain, {figures} FROM origin_account_monthly ORDER BY month_cst"),
        ] {
            self.each(&sql, [], |row| {
                visit(&self.located(month_of_domain(row).map_err(Into::into))?)
            })?;
        }
        Ok(())
    }
}

fn domain_overview(tx: &Connection, name: &str, expected: &Expected, noted: bool) -> Result<DomainOverview> {
    // A domain without a number has no rows of any kind.
    let id = domain_ids::find(tx, name)?.unwrap_or(-1);
    let covered = coverage::all(tx, id)?;
    // In statements of their own, `min` and `max` each take one step into the key.
    let edge = |sql: &str| tx.value::<Option<UnixSeconds>>(sql, [id]);
    let (points, gaps, new_slots) = if noted {
        (
            "SELECT coalesce(sum(points), 0) FROM month_sum WHERE domain_id = ?1",
            gaps::slots_by_reason(tx, id)?,
            new_slots(tx, (name, id), expected, (&covered, EVER))?,
        )
    } else {
        let found = current_gaps(tx, (name, id), expected, (&covered, EVER), false)?;
        (
            "SELECT count(*) FROM point WHERE domain_id = ?1",
            SlotsByReason::of(&found.gaps),
            0,
        )
    };
    Ok(DomainOverview {
        domain: name.to_owned(),
        first_ts: edge("SELECT min(ts) FROM point WHERE domain_id = ?1")?,
        last_ts: edge("SELECT max(ts) FROM point WHERE domain_id = ?1")?,
        points: tx.count(points, [id])?,
        rejects: tx.count("SELECT count(*) FROM reject WHERE asked_domain_id = ?1", [id])?,
        gaps,
        new_slots,
        complete: if tx.table_exists(None, "rollup_month")? {
            complete_range(tx, id)?
        } else {
            None
        },
        coverage: covered,
    })
}

fn month_of_domain(row: &Row<'_>) -> rusqlite::Result<MonthOfDomain> {
    Ok(MonthOfDomain {
        domain: row.get("domain")?,
        month_cst: row.get("month_cst")?,
        figures: MonthlyFigures {
            points: to_u64(row.get::<_, i64>("points")?),
            expected_points: to_u64(row.get::<_, i64>("expected_points")?),
            bandwidth_95: row.get("bandwidth_95")?,
            bandwidth_95_ts: row.get("bandwidth_95_ts")?,
            bandwidth_95_least: row.get("bandwidth_95_least")?,
            bandwidth_peak: row.get("bandwidth_peak")?,
            bandwidth_fourth_peak: row.get("bandwidth_fourth_peak")?,
            bandwidth_daily_peak_avg: row.get("bandwidth_daily_peak_avg")?,
            traffic_bytes: row.get("traffic_bytes")?,
            pv: row.get("pv")?,
        },
    })
}

fn run_overview(row: &Row<'_>) -> rusqlite::Result<RunOverview> {
    Ok(RunOverview {
        id: row.get("id")?,
        command: row.get("command")?,
        started_cst: row.get("started_cst")?,
        finished_cst: row.get("finished_cst")?,
        outcome: row.get("outcome")?,
        windows_fetched: row.get("windows_fetched")?,
        windows_planned: row.get("windows_planned")?,
        points_inserted: row.get("points_inserted")?,
        points_updated: row.get("points_updated")?,
        requests: row.get("requests")?,
        retries: row.get("retries")?,
    })
}
