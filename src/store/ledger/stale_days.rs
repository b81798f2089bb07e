//! The days of a domain whose rollups are out of date.
//!
//! A day is named by its UTC+8 midnight. A commit notes the days that it changed, in its own transaction. Whoever
//! computes the rollups of a month clears its notes.

use std::collections::BTreeMap;

use rusqlite::Connection;

use crate::model::slot::{DAY_SECONDS, cst_day_floor};
use crate::model::{Span, UnixSeconds, civil};
use crate::store::error::Result;
use crate::store::file::statements::Statements as _;

/// Notes the days of `span`, which is counted from their midnights.
pub(crate) fn note(tx: &Connection, domain: i64, span: Span) -> Result<()> {
    days(span).try_for_each(|day| note_day(tx, domain, day).map(|_| ()))
}

/// Returns the days that `span` touches, as it is counted from their midnights.
pub(crate) fn days(span: Span) -> impl Iterator<Item = UnixSeconds> {
    let next = |day: &UnixSeconds| Some(day + DAY_SECONDS);
    std::iter::successors(Some(cst_day_floor(span.start())), next).take_while(move |day| *day < span.end())
}

/// Notes a day. Returns whether it was fresh.
pub(crate) fn note_day(tx: &Connection, domain: i64, day: UnixSeconds) -> Result<bool> {
    let sql = "INSERT OR IGNORE INTO rollup_due (domain_id, day_ts) VALUES (?1, ?2)";
    Ok(tx.run(sql, [domain, day])? > 0)
}

/// Returns how many days are stale.
pub(crate) fn count(connection: &Connection) -> Result<u64> {
    connection.count("SELECT count(*) FROM rollup_due", [])
}

/// Returns the UTC+8 months with stale days, in order.
pub(crate) fn months(connection: &Connection) -> Result<Vec<Span>> {
    let mut months: Vec<Span> = Vec::new();
    for day in connection.column("SELECT DISTINCT day_ts FROM rollup_due ORDER BY day_ts", [])? {
        if !months.last().is_some_and(|month| month.contains(day)) {
            let bounds = civil::cst_month_bounds(day);
            months.extend(bounds.and_then(|(start, end)| Span::new(start, end)));
        }
    }
    Ok(months)
}

/// Returns whether any of these days is stale.
pub(crate) fn has_any(connection: &Connection, days: Span) -> Result<bool> {
    let sql = "SELECT EXISTS (SELECT 1 FROM rollup_due WHERE day_ts >= ?1 AND day_ts < ?2)";
    connection.value(sql, [days.start(), days.end()])
}

/// Returns those of these days that are stale, by domain.
pub(crate) fn within(connection: &Connection, days: Span) -> Result<BTreeMap<i64, Vec<UnixSeconds>>> {
    let sql = "SELECT domain_id, day_ts FROM rollup_due WHERE day_ts >= ?1 AND day_ts < ?2";
    let mut stale: BTreeMap<i64, Vec<UnixSeconds>> = BTreeMap::new();
    for (domain, day) in connection.tuples(sql, [days.start(), days.end()])? {
        stale.entry(domain).or_default().push(day);
    }
    Ok(stale)
}

/// Clears the notes of a month.
pub(crate) fn clear(tx: &Connection, month: Span) -> Result<()> {
    let sql = "DELETE FROM rollup_due WHERE day_ts >= ?1 AND day_ts < ?2";
    tx.run(sql, [month.start(), month.end()])?;
    Ok(())
}
