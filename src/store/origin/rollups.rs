//! The hours, days and months of every domain, and the months of the account, kept in step with the points.
//!
//! A commit notes the days that it has changed, in its own transaction. [`Store::roll_up`] computes those days
//! and their month anew from the points, writes what differs, and takes the notes back, in one transaction a
//! month: whatever is killed in between leaves its notes to the next run.
//!
//! Days and months are cut by the slot label in force (`slot_label`): a day of which the label names the end of a
//! slot holds the labels from 00:05 to 00:00. So all that is read here is moved back by the label's shift, and a
//! day is always the 86400 seconds from its UTC+8 midnight on.

use std::collections::BTreeMap;

use rusqlite::Connection;

use crate::model::billing::{AccountMonth, Month};
use crate::model::convert::to_u64;
use crate::model::slot::{DAY_SECONDS, cst_day_floor};
use crate::model::{CoverageSpan, SlotLabel, Span, UnixSeconds, civil};
use crate::store::error::{Result, StoreError};
use crate::store::ledger::coverage;
use crate::store::origin::rollup_rows::{Codes, Day, DayRow, Point, write_day, write_month};
use crate::store::origin::slot_label;
use crate::store::read::reader::Reader;
use crate::store::write::store::Store;

/// The name under which `origin_monthly` holds the account.
pub const ACCOUNT: &str = "*";

impl Store {
    /// Brings the rollups up to date with all that is committed, whichever run has left it; tells `watch` how
    /// many of how many months are done. Returns how many there were.
    ///
    /// A month is one transaction. On an error, when killed or interrupted, the months that are left are done by the
    /// next call.
    pub fn roll_up(&mut self, mut watch: impl FnMut(usize, usize)) -> std::result::Result<usize, StoreError> {
        let months = self.read(owed_months)?;
        for (done, &month) in months.iter().enumerate() {
            watch(done, months.len());
            self.deferrable(|store| store.in_transaction(|tx, _| bring_up_to_date(tx, month)))?;
        }
        watch(months.len(), months.len());
        Ok(months.len())
    }

    /// How many days of domains the rollups are out of date for.
    pub fn stale_days(&self) -> std::result::Result<u64, StoreError> {
        self.read(count_stale)
    }
}

fn count_stale(connection: &Connection) -> Result<u64> {
    let count: i64 = connection.query_row("SELECT count(*) FROM rollup_due", [], |row| row.get(0))?;
    Ok(to_u64(count))
}

impl Reader {
    /// How many days of domains the rollups do not tell yet as they are committed: a run is under way, or was
    /// killed, or the database is from before the rollups.
    pub fn owed_days(&self) -> std::result::Result<u64, StoreError> {
        let count = || {
            let connection = self.connection();
            if !connection.table_exists(None, "rollup_due")? {
                return Ok(0);
            }
            count_stale(connection)
        };
        self.told(count())
    }
}

/// Notes that the days of `window`, a range of labels, have changed.
pub(crate) fn owe(tx: &Connection, domain: i64, window: Span, label: SlotLabel) -> Result<()> {
    note_days(tx, domain, window.moved(-label.shift()))
}

/// Takes all rollups away and notes every day that was asked for; returns how many that are.
pub(crate) fn discard(tx: &Connection) -> Result<u64> {
    for table in [
        "origin_hourly",
        "origin_daily",
        "origin_status_daily",
        "origin_monthly",
        "rollup_due",
    ] {
        tx.execute(&["DELETE FROM ", table].concat(), [])?;
    }
    let label = slot_label::in_force(tx)?;
    // Points lie only where coverage does.
    for (id, _) in domains(tx)? {
        for piece in coverage::all(tx, id)? {
            owe(tx, id, piece.span, label)?;
        }
    }
    let days: i64 = tx.query_row("SELECT count(*) FROM rollup_due", [], |row| row.get(0))?;
    Ok(to_u64(days))
}

/// Notes the days of `window`, which is counted from their midnights.
fn note_days(tx: &Connection, domain: i64, window: Span) -> Result<()> {
    let mut note =
        tx.prepare_cached("INSERT OR IGNORE INTO rollup_due (domain_id, day_ts) VALUES (?1, ?2)")?;
    let mut day = cst_day_floor(window.start());
    while day < window.end() {
        note.execute([domain, day])?;
        day += DAY_SECONDS;
    }
    Ok(())
}

/// The UTC+8 months of which days are noted, in order.
pub(crate) fn owed_months(connection: &Connection) -> Result<Vec<Span>> {
    let mut select = connection.prepare_cached("SELECT DISTINCT day_ts FROM rollup_due ORDER BY day_ts")?;
    let mut rows = select.query([])?;
    let mut months: Vec<Span> = Vec::new();
    while let Some(row) = rows.next()? {
        let day = row.get(0)?;
        if months.last().is_some_and(|month| month.contains(day)) {
            continue;
        }
        let bounds = civil::cst_month_bounds(day);
        months.extend(bounds.and_then(|(start, end)| Span::new(start, end)));
    }
    Ok(months)
}

/// Brings all months up to date on a connection of its own, such as that of a copy.
pub(crate) fn catch_up(connection: &Connection) -> Result<usize> {
    let months = owed_months(connection)?;
    for &month in &months {
        let tx = connection.unchecked_transaction()?;
        bring_up_to_date(&tx, month)?;
        tx.commit()?;
    }
    Ok(months.len())
}

/// Computes the noted days of `month`, and the month, anew.
///
/// The points of every domain of the month are read once, for the account's sums; one domain's are held at a
/// time.
pub(crate) fn bring_up_to_date(tx: &Connection, month: Span) -> Result<()> {
    let label = slot_label::in_force(tx)?;
    let owed = owed_days(tx, month)?;
    let mut codes = Codes::read(tx)?;
    let mut account = AccountMonth::new(month);
    let mut fetched_any = false;
    for (id, name) in domains(tx)? {
        let covered = covered(tx, id, month, label)?;
        for piece in &covered {
            account.ask(piece.span);
        }
        let fetched = covered.iter().any(|piece| piece.age_when_fetched.is_some());
        fetched_any |= fetched;
        match owed.get(&id) {
            Some(days) if fetched => {
                let of = DomainMonth {
                    id,
                    name: &name,
                    month,
                    label,
                    covered: &covered,
                };
                of.write(tx, days, &mut account, &mut codes)?;
            }
            _ => each_point(tx, id, (month, label), |start, point| {
                account.add(start, point.bandwidth, point.pv);
            })?,
        }
    }
    if fetched_any {
        write_month(tx, ACCOUNT, month, &account.figures())?;
    }
    tx.prepare_cached("DELETE FROM rollup_due WHERE day_ts >= ?1 AND day_ts < ?2")?
        .execute([month.start(), month.end()])?;
    Ok(())
}

/// A month of a domain of which something was fetched.
struct DomainMonth<'a> {
    id: i64,
    name: &'a str,
    month: Span,
    label: SlotLabel,
    covered: &'a [CoverageSpan],
}

impl DomainMonth<'_> {
    /// Writes the days that are owed, and the month; adds the points to the account.
    fn write(
        &self,
        tx: &Connection,
        owed: &[UnixSeconds],
        account: &mut AccountMonth,
        codes: &mut Codes,
    ) -> Result<()> {
        let mut days: BTreeMap<UnixSeconds, Day> = owed.iter().map(|&day| (day, Day::default())).collect();
        let mut figures = Month::default();
        for piece in self.covered {
            figures.ask(piece.span);
        }
        each_point(tx, self.id, (self.month, self.label), |start, point| {
            account.add(start, point.bandwidth, point.pv);
            figures.add(start, point.bandwidth, point.pv);
            let midnight = cst_day_floor(start);
            if let Some(day) = days.get_mut(&midnight) {
                day.add(start - midnight, &point);
            }
        })?;
        for (&midnight, sums) in &days {
            let Some(day) = Span::new(midnight, midnight + DAY_SECONDS) else {
                continue;
            };
            let covered = cut(self.covered, day);
            if covered.iter().any(|piece| piece.age_when_fetched.is_some()) {
                let row = DayRow {
                    id: self.id,
                    domain: self.name,
                    midnight,
                    labels: day.moved(self.label.shift()),
                    expected: covered.iter().map(|piece| piece.span.slots()).sum(),
                    sums,
                };
                write_day(tx, &row, codes)?;
            }
        }
        write_month(tx, self.name, self.month, &figures.figures())
    }
}

/// Hands over every point of a domain whose five minutes begin in `span`, with the moment at which they do.
fn each_point(
    tx: &Connection,
    domain: i64,
    (span, label): (Span, SlotLabel),
    mut take: impl FnMut(UnixSeconds, Point),
) -> Result<()> {
    let labels = span.moved(label.shift());
    let mut select = tx.prepare_cached(
        "SELECT ts, bandwidth, pv, code_set_id FROM point WHERE domain_id = ?1 AND ts >= ?2 AND ts < ?3",
    )?;
    let mut rows = select.query([domain, labels.start(), labels.end()])?;
    while let Some(row) = rows.next()? {
        let ts: UnixSeconds = row.get(0)?;
        let point = Point {
            ts,
            bandwidth: row.get(1)?,
            pv: row.get(2)?,
            set: row.get(3)?,
        };
        take(ts - label.shift(), point);
    }
    Ok(())
}

/// What of `span` a domain was asked for.
pub(crate) fn covered(
    tx: &Connection,
    domain: i64,
    span: Span,
    label: SlotLabel,
) -> Result<Vec<CoverageSpan>> {
    let found = coverage::around(tx, domain, span.moved(label.shift()))?;
    let moved: Vec<CoverageSpan> = found
        .into_iter()
        .map(|piece| CoverageSpan {
            span: piece.span.moved(-label.shift()),
            ..piece
        })
        .collect();
    Ok(cut(&moved, span))
}

/// The numbers and names of all domains.
pub(crate) fn domains(tx: &Connection) -> Result<Vec<(i64, String)>> {
    let mut select = tx.prepare_cached("SELECT id, name FROM domain ORDER BY id")?;
    let domains = select.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(domains.collect::<rusqlite::Result<_>>()?)
}

/// The noted days of a month, by domain.
pub(crate) fn owed_days(tx: &Connection, month: Span) -> Result<BTreeMap<i64, Vec<UnixSeconds>>> {
    let mut select =
        tx.prepare_cached("SELECT domain_id, day_ts FROM rollup_due WHERE day_ts >= ?1 AND day_ts < ?2")?;
    let mut rows = select.query([month.start(), month.end()])?;
    let mut days: BTreeMap<i64, Vec<UnixSeconds>> = BTreeMap::new();
    while let Some(row) = rows.next()? {
        days.entry(row.get(0)?).or_default().push(row.get(1)?);
    }
    Ok(days)
}

/// The parts of `covered` that lie in `span`.
pub(crate) fn cut(covered: &[CoverageSpan], span: Span) -> Vec<CoverageSpan> {
    covered.iter().filter_map(|piece| piece.cut(span)).collect()
}
