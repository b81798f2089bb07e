//! Ranges that the API refused to serve: the stored form of [`crate::model::refusal`].

use std::sync::LazyLock;

use rusqlite::{Connection, Row};

use crate::model::convert::to_u64;
use crate::model::refusal::{Occasion, Record, refused, served};
use crate::model::{Domain, Refusal, Span, UnixSeconds};
use crate::store::error::{Result, StoreErrorKind};
use crate::store::file::statements::{RowStatements, Statements as _, write_changes};

const COLUMNS: &str = "start_ts, end_ts, first_at, last_at, times, days, last_day, run_id, status";

/// How much is refused at present.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RefusedRanges {
    /// How many ranges.
    pub ranges: u64,
    /// How many domains they belong to.
    pub domains: u64,
    /// When the first of them is asked for again.
    pub next_at: UnixSeconds,
}

/// Returns how much is refused at present; `None` for nothing.
pub(crate) fn refused_ranges(connection: &Connection) -> Result<Option<RefusedRanges>> {
    // A database of an earlier version.
    if !connection.table_exists(None, "refusal")? {
        return Ok(None);
    }
    let sql = "SELECT count(*), count(DISTINCT domain_id), min(next_at) FROM refusal";
    let ranges = connection.first(sql, [], |row| {
        let next_at: Option<UnixSeconds> = row.get(2)?;
        let (ranges, domains): (i64, i64) = (row.get(0)?, row.get(1)?);
        Ok(next_at.map(|next_at| RefusedRanges {
            ranges: to_u64(ranges),
            domains: to_u64(domains),
            next_at,
        }))
    })?;
    Ok(ranges.flatten())
}

/// Returns whether there are any.
pub(crate) fn exist(connection: &Connection) -> Result<bool> {
    connection.any("SELECT 1 FROM refusal LIMIT 1", [])
}

/// Notes that a range of a domain was refused with `status`.
pub(crate) fn add(tx: &Connection, domain: i64, status: i64, occasion: &Occasion) -> Result<()> {
    let sql = format!(
        "SELECT {COLUMNS} FROM refusal
         WHERE domain_id = ?1 AND status = ?2 AND start_ts <= ?4 AND end_ts >= ?3 ORDER BY start_ts"
    );
    let parameters = [domain, status, occasion.span.start(), occasion.span.end()];
    let before = tx.rows(&sql, parameters, record)?;
    write(tx, domain, status, (&before, &refused(&before, occasion)))
}

/// Removes `span` from the refused ranges of a domain.
pub(crate) fn remove(tx: &Connection, domain: i64, span: Span) -> Result<()> {
    let sql = format!("SELECT {COLUMNS} FROM refusal WHERE domain_id = ?1 AND start_ts < ?3 AND end_ts > ?2");
    let overlapping = tx.rows(&sql, [domain, span.start(), span.end()], |row| {
        Ok((row.get("status")?, [record(row)?]))
    })?;
    for (status, before) in overlapping {
        write(tx, domain, status, (&before, &served(&before, span)))?;
    }
    Ok(())
}

static ROW: LazyLock<RowStatements> = LazyLock::new(|| {
    let columns = "end_ts, first_at, last_at, times, next_at, days, last_day, run_id";
    RowStatements::new("refusal", "domain_id, status, start_ts", columns)
});

fn write(tx: &Connection, domain: i64, status: i64, change: (&[Record], &[Record])) -> Result<()> {
    write_changes(
        change,
        |record| record.span.start(),
        |start| {
            let sql = "DELETE FROM refusal WHERE domain_id = ?1 AND status = ?2 AND start_ts = ?3";
            tx.run(sql, [domain, status, start])
        },
        |new, is_stored| {
            let row = (
                domain,
                status,
                new.span.start(),
                new.span.end(),
                new.first_at,
                new.last_at,
                new.times,
                new.next_at(),
                new.days,
                new.last_day,
                new.run,
            );
            tx.run(ROW.of(is_stored), row)
        },
    )
}

/// Returns the refused ranges of these domains, in their order and by time.
pub(crate) fn of_domains(connection: &Connection, domains: &[Domain]) -> Result<Vec<Refusal>> {
    // A database of an earlier version that is only read.
    if !connection.table_exists(None, "refusal")? || !exist(connection)? {
        return Ok(Vec::new());
    }
    let sql = format!(
        "SELECT {COLUMNS} FROM domain d CROSS JOIN refusal r
         WHERE d.name = ?1 AND r.domain_id = d.id ORDER BY start_ts, status"
    );
    let mut refusals = Vec::new();
    for domain in domains {
        connection.each(&sql, [domain.as_str()], |row| {
            let record = record(row)?;
            refusals.push(Refusal {
                domain: domain.clone(),
                span: record.span,
                status: row.get("status")?,
                first_at: record.first_at,
                last_at: record.last_at,
                times: record.times,
                days: record.days,
                next_at: record.next_at(),
            });
            Ok(())
        })?;
    }
    Ok(refusals)
}

fn record(row: &Row<'_>) -> Result<Record> {
    let span = Span::new(row.get("start_ts")?, row.get("end_ts")?);
    Ok(Record {
        span: span
            .ok_or_else(|| StoreErrorKind::InvariantViolation("a refusal has an empty range".to_owned()))?,
        first_at: row.get("first_at")?,
        last_at: row.get("last_at")?,
        times: row.get("times")?,
        days: row.get("days")?,
        last_day: row.get("last_day")?,
        run: row.get("run_id")?,
    })
}
