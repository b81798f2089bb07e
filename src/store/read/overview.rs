//! What the database holds, for people: domains, runs, months.

use rusqlite::{OptionalExtension as _, Row};

use crate::model::billing::MonthlyFigures;
use crate::model::convert::to_u64;
use crate::model::span::EVER;
use crate::model::{CoverageSpan, Domain, Span, UnixSeconds};
use crate::store::error::{Result, StoreError, StoreErrorKind};
use crate::store::ledger::coverage;
use crate::store::origin::rollups::ACCOUNT;
use crate::store::read::reader::Reader;

/// What the database holds of one domain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DomainOverview {
    /// The domain.
    pub domain: String,
    /// The time of its first point.
    pub first_ts: Option<UnixSeconds>,
    /// The time of its last point.
    pub last_ts: Option<UnixSeconds>,
    /// Its points. No two of them share a slot.
    pub points: u64,
    /// Pieces of answers that could not be taken.
    pub rejects: u64,
    /// Slots that were asked for without a usable answer, and are asked for again.
    pub failed_slots: i64,
    /// What was asked for, in order.
    pub coverage: Vec<CoverageSpan>,
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
    /// When it ended, in UTC+8; `None` where it did not tell.
    pub finished_cst: Option<String>,
    /// How it ended.
    pub outcome: String,
    /// Windows of which everything is stored.
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

/// The billing measures of one domain and month.
#[derive(Debug, Clone, PartialEq)]
pub struct MonthOfDomain {
    /// The domain, or [`ACCOUNT`].
    pub domain: String,
    /// The UTC+8 month, `2026-01`.
    pub month_cst: String,
    /// The measures.
    pub figures: MonthlyFigures,
}

impl Reader {
    /// What was asked for of each of `domains` in `span`, in order, not cut to it.
    pub fn coverage_of(
        &self,
        domains: &[Domain],
        span: Span,
    ) -> std::result::Result<Vec<(Domain, Vec<CoverageSpan>)>, StoreError> {
        let of = |domain: &Domain| {
            let found = coverage::overlapping(self.connection(), domain.as_str(), span)?;
            Ok((domain.clone(), found))
        };
        self.told(domains.iter().map(of).collect())
    }

    /// The names of all domains that were ever asked for, in order.
    pub fn domains(&self) -> std::result::Result<Vec<String>, StoreError> {
        self.told(self.domain_names())
    }

    /// The time of the newest point of `domain`.
    pub fn newest_point(&self, domain: &str) -> std::result::Result<Option<UnixSeconds>, StoreError> {
        let newest = || {
            let mut select = self
                .connection()
                .prepare_cached("SELECT max(ts) FROM point WHERE domain_id = ?1")?;
            Ok(select.query_row([self.domain_id(domain)?], |row| row.get(0))?)
        };
        self.told(newest())
    }

    /// What the database holds of `domain`.
    pub fn domain_overview(&self, domain: &str) -> std::result::Result<DomainOverview, StoreError> {
        self.told(self.read_domain(domain))
    }

    /// The last `count` runs, newest first.
    pub fn last_runs(&self, count: u32) -> std::result::Result<Vec<RunOverview>, StoreError> {
        self.told(self.read_runs(count))
    }

    /// Hands every month of every domain to `visit`, by domain and month, and those of the account after them.
    pub fn each_month<E: From<StoreError>>(
        &self,
        mut visit: impl FnMut(&MonthOfDomain) -> std::result::Result<(), E>,
    ) -> std::result::Result<(), E> {
        let sql = "SELECT domain, month_cst, points, expected_points, bandwidth_95, bandwidth_peak,
                          bandwidth_fourth_peak, bandwidth_daily_peak_avg, traffic_bytes, pv
                   FROM origin_monthly ORDER BY domain = ?1, domain, month_cst";
        let mut select = self.told(self.connection().prepare(sql).map_err(StoreErrorKind::from))?;
        let mut rows = self.told(select.query([ACCOUNT]).map_err(StoreErrorKind::from))?;
        while let Some(row) = self.told(rows.next().map_err(StoreErrorKind::from))? {
            visit(&self.told(month_of_domain(row).map_err(StoreErrorKind::from))?)?;
        }
        Ok(())
    }

    fn domain_names(&self) -> Result<Vec<String>> {
        let covered =
            "SELECT name FROM domain d WHERE EXISTS (SELECT 1 FROM coverage c WHERE c.domain_id = d.id)";
        // A database of an earlier version that is only read has no such table.
        let failed = if self.connection().table_exists(None, "gap")? {
            " OR EXISTS (SELECT 1 FROM gap g WHERE g.reason = 'failed' AND g.domain_id = d.id)"
        } else {
            ""
        };
        let mut select = self
            .connection()
            .prepare(&[covered, failed, " ORDER BY name"].concat())?;
        let names = select
            .query_map([], |row| row.get(0))?
            .collect::<rusqlite::Result<_>>()?;
        Ok(names)
    }

    /// The number of a domain, where it has one.
    pub(crate) fn domain_id(&self, domain: &str) -> Result<Option<i64>> {
        let mut select = self
            .connection()
            .prepare_cached("SELECT id FROM domain WHERE name = ?1")?;
        Ok(select.query_row([domain], |row| row.get(0)).optional()?)
    }

    fn all_coverage(&self, domain: &str) -> Result<Vec<CoverageSpan>> {
        coverage::overlapping(self.connection(), domain, EVER)
    }

    fn read_domain(&self, domain: &str) -> Result<DomainOverview> {
        let connection = self.connection();
        let id = self.domain_id(domain)?;
        // Apart from each other, `min` and `max` each take one step into the key.
        let count =
            |sql: &str| -> rusqlite::Result<i64> { connection.query_row(sql, [id], |row| row.get(0)) };
        let edge = |sql: &str| -> rusqlite::Result<Option<i64>> {
            connection.query_row(sql, [id], |row| row.get(0))
        };
        Ok(DomainOverview {
            domain: domain.to_owned(),
            first_ts: edge("SELECT min(ts) FROM point WHERE domain_id = ?1")?,
            last_ts: edge("SELECT max(ts) FROM point WHERE domain_id = ?1")?,
            points: to_u64(count("SELECT count(*) FROM point WHERE domain_id = ?1")?),
            failed_slots: if connection.table_exists(None, "gap")? {
                count("SELECT coalesce(sum(slots), 0) FROM gap WHERE reason = 'failed' AND domain_id = ?1")?
            } else {
                0
            },
            rejects: to_u64(count("SELECT count(*) FROM reject WHERE asked_domain_id = ?1")?),
            coverage: self.all_coverage(domain)?,
        })
    }

    fn read_runs(&self, count: u32) -> Result<Vec<RunOverview>> {
        let mut select = self.connection().prepare(
            "SELECT id, command, started_cst, finished_cst, outcome, windows_fetched, windows_planned,
                    points_inserted, points_updated, requests, retries
             FROM run ORDER BY id DESC LIMIT ?1",
        )?;
        let runs = select
            .query_map([count], run_overview)?
            .collect::<rusqlite::Result<_>>()?;
        Ok(runs)
    }

    pub(crate) fn told<T>(
        &self,
        found: std::result::Result<T, StoreErrorKind>,
    ) -> std::result::Result<T, StoreError> {
        found.map_err(|kind| StoreError::new(self.path(), kind))
    }
}

fn month_of_domain(row: &Row<'_>) -> rusqlite::Result<MonthOfDomain> {
    Ok(MonthOfDomain {
        domain: row.get("domain")?,
        month_cst: row.get("month_cst")?,
        figures: MonthlyFigures {
            points: to_u64(row.get::<_, i64>("points")?),
            expected_points: to_u64(row.get::<_, i64>("expected_points")?),
            bandwidth_95: row.get("bandwidth_95")?,
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
