//! What the API refused to serve: the stored form of [`crate::model::refusal`].

use rusqlite::{Connection, Row};

use crate::model::convert::to_u64;
use crate::model::refusal::{Occasion, Record, refused, served};
use crate::model::{Domain, Refusal, Span, UnixSeconds};
use crate::store::error::{Result, StoreError, StoreErrorKind};
use crate::store::file::health::Health;
use crate::store::read::reader::Reader;
use crate::store::write::store::Store;

const COLUMNS: &str = "start_ts, end_ts, first_at, last_at, times, days, last_day, run_id";

impl Store {
    /// What the API refused of these domains, in their order and by time.
    pub fn refusals(&self, domains: &[Domain]) -> std::result::Result<Vec<Refusal>, StoreError> {
        self.read(|connection| of_domains(connection, domains))
    }
}

impl Reader {
    /// What the API refused of these domains, in their order and by time.
    pub fn refusals(&self, domains: &[Domain]) -> std::result::Result<Vec<Refusal>, StoreError> {
        self.told(of_domains(self.connection(), domains))
    }
}

/// What is refused at present.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RefusedRanges {
    /// How many ranges.
    pub ranges: u64,
    /// Of how many domains.
    pub domains: u64,
    /// When the first of them is asked for again.
    pub next_at: UnixSeconds,
}

impl Health {
    /// What is refused at present; `None` for nothing.
    pub fn refused(&self) -> std::result::Result<Option<RefusedRanges>, StoreError> {
        let read = || -> Result<Option<RefusedRanges>> {
            let connection = self.connection();
            // A database of an earlier version.
            if !connection.table_exists(None, "refusal")? {
                return Ok(None);
            }
            let sql = "SELECT count(*), count(DISTINCT domain_id), min(next_at) FROM refusal";
            let counted = connection.query_row(sql, [], |row| {
                let (ranges, domains): (i64, i64) = (row.get(0)?, row.get(1)?);
                let next_at: Option<UnixSeconds> = row.get(2)?;
                Ok(next_at.map(|next_at| RefusedRanges {
                    ranges: to_u64(ranges),
                    domains: to_u64(domains),
                    next_at,
                }))
            });
            Ok(counted?)
        };
        read().map_err(|kind| StoreError::new(self.path(), kind))
    }
}

/// Whether there are any.
pub(crate) fn are_there(connection: &Connection) -> Result<bool> {
    Ok(connection
        .prepare_cached("SELECT 1 FROM refusal LIMIT 1")?
        .exists([])?)
}

/// Notes that a range of a domain was refused with `status`.
pub(crate) fn add(tx: &Connection, domain: i64, status: i64, occasion: &Occasion) -> Result<()> {
    let sql = format!(
        "SELECT {COLUMNS} FROM refusal
         WHERE domain_id = ?1 AND status = ?2 AND start_ts <= ?4 AND end_ts >= ?3 ORDER BY start_ts"
    );
    let mut select = tx.prepare_cached(&sql)?;
    let mut rows = select.query([domain, status, occasion.span.start(), occasion.span.end()])?;
    let mut before = Vec::new();
    while let Some(row) = rows.next()? {
        before.push(record(row)?);
    }
    write(tx, domain, status, &before, &refused(&before, occasion))
}

/// Cuts `span` out of what was refused of a domain.
pub(crate) fn remove(tx: &Connection, domain: i64, span: Span) -> Result<()> {
    let sql = format!(
        "SELECT {COLUMNS}, status FROM refusal WHERE domain_id = ?1 AND start_ts < ?3 AND end_ts > ?2"
    );
    let mut select = tx.prepare_cached(&sql)?;
    let mut rows = select.query([domain, span.start(), span.end()])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push((row.get::<_, i64>("status")?, record(row)?));
    }
    for (status, before) in found {
        write(tx, domain, status, &[before], &served(&[before], span))?;
    }
    Ok(())
}

fn write(tx: &Connection, domain: i64, status: i64, before: &[Record], after: &[Record]) -> Result<()> {
    let mut delete =
        tx.prepare_cached("DELETE FROM refusal WHERE domain_id = ?1 AND status = ?2 AND start_ts = ?3")?;
    for gone in before.iter().filter(|old| !after.contains(old)) {
        delete.execute([domain, status, gone.span.start()])?;
    }
    let mut insert = tx.prepare_cached(
        "INSERT INTO refusal (domain_id, status, start_ts, end_ts, first_at, last_at, times, next_at, days,
                              last_day, run_id)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
    )?;
    for new in after.iter().filter(|new| !before.contains(new)) {
        insert.execute((
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
        ))?;
    }
    Ok(())
}

fn of_domains(connection: &Connection, domains: &[Domain]) -> Result<Vec<Refusal>> {
    // A database of an earlier version that is only read.
    if !connection.table_exists(None, "refusal")? || !are_there(connection)? {
        return Ok(Vec::new());
    }
    let sql = format!(
        "SELECT {COLUMNS}, status FROM domain d CROSS JOIN refusal r
         WHERE d.name = ?1 AND r.domain_id = d.id ORDER BY start_ts, status"
    );
    let mut select = connection.prepare_cached(&sql)?;
    let mut found = Vec::new();
    for domain in domains {
        let mut rows = select.query([domain.as_str()])?;
        while let Some(row) = rows.next()? {
            let record = record(row)?;
            found.push(Refusal {
                domain: domain.clone(),
                span: record.span,
                status: row.get("status")?,
                first_at: record.first_at,
                last_at: record.last_at,
                times: record.times,
                days: record.days,
                next_at: record.next_at(),
            });
        }
    }
    Ok(found)
}

fn record(row: &Row<'_>) -> Result<Record> {
    let span = Span::new(row.get("start_ts")?, row.get("end_ts")?)
        .ok_or_else(|| StoreErrorKind::InvariantViolation("a refusal has an empty range".to_owned()))?;
    Ok(Record {
        span,
        first_at: row.get("first_at")?,
        last_at: row.get("last_at")?,
        times: row.get("times")?,
        days: row.get("days")?,
        last_day: row.get("last_day")?,
        run: row.get("run_id")?,
    })
}
