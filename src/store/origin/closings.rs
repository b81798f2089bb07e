//! Closings: the figures of a month as they stood.
//!
//! A closing is copied from the rollups in one transaction. Nothing changes or deletes one.

use rusqlite::Connection;

use crate::model::slot::{DAY_SECONDS, SLOT_SECONDS};
use crate::model::{CalendarMonth, SlotLabel, Span, UnixSeconds, civil};
use crate::store::error::{Result, StoreErrorKind};
use crate::store::file::statements::Statements as _;
use crate::store::origin::slot_label;

/// The number of the account in place of that of a domain.
pub(crate) const ACCOUNT: i64 = 0;
/// The number of the row of the whole month in place of that of a day.
pub(crate) const MONTH: i64 = 0;
const SLOTS_A_DAY: usize = 288;
const MASK_BYTES: usize = SLOTS_A_DAY / 8;

/// What a closing is made with.
#[derive(Debug, Clone, Copy)]
pub struct NewClosing<'n> {
    /// The month to close.
    pub month: CalendarMonth,
    /// When.
    pub closed_at: UnixSeconds,
    /// What a person says about it.
    pub note: Option<&'n str>,
}

/// A closing that was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Closed {
    /// Its number.
    pub id: i64,
    /// How many domains it has figures of.
    pub domains: i64,
    /// How many rows it has.
    pub rows: i64,
    /// Whether the month of the account was complete.
    pub is_complete: bool,
    /// The slot label that was in force.
    pub slot_label: SlotLabel,
}

/// The head of a stored closing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClosingHead {
    /// Its number.
    pub id: i64,
    /// When the month was closed.
    pub closed_at: UnixSeconds,
    /// What a person said about it, as it was given.
    pub note: Option<String>,
    /// The slot label that was in force.
    pub slot_label: SlotLabel,
}

/// Writes a closing. Returns `None` if nothing was fetched for the month.
pub(crate) fn write(tx: &Connection, new: &NewClosing<'_>) -> Result<Option<Closed>> {
    let month = new.month.to_string();
    let known = "SELECT domains, complete FROM origin_account_monthly WHERE month_cst = ?1";
    let account = tx.first(known, [&month], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let Some((domains, is_complete)) = account else {
        return Ok(None);
    };
    let slot_label = slot_label::in_force(tx)?;
    let span = new.month.span();
    let id: i64 = tx.value("SELECT coalesce(max(id), 0) + 1 FROM closing", [])?;
    tx.run(
        "INSERT INTO closing (id, month_cst, start_ts, end_ts, closed_at, closed_cst, note, slot_label)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        (
            id,
            &month,
            span.start(),
            span.end(),
            new.closed_at,
            civil::cst_second(new.closed_at),
            new.note,
            slot_label.as_str(),
        ),
    )?;
    let mut rows = 0;
    for (insert, source) in [
        (
            MONTH_COLUMNS,
            "'account', 0, r.domains FROM origin_account_monthly r",
        ),
        (MONTH_COLUMNS, "'domain', r.domain_id, NULL FROM rollup_month r"),
    ] {
        let sql = insert.replace("SOURCE", source);
        rows += tx.run(&sql, (id, &month))?;
    }
    let days = (civil::cst_date(span.start()), civil::cst_date(span.end()));
    for source in [
        "'account', 0, r.domains FROM origin_account_daily r",
        "'domain', r.domain_id, NULL FROM rollup_day r",
    ] {
        let sql = DAY_COLUMNS.replace("SOURCE", source);
        rows += tx.run(&sql, (id, &days.0, &days.1))?;
    }
    mark_slots(tx, id, span, slot_label)?;
    Ok(Some(Closed {
        id,
        domains,
        rows: crate::model::convert::to_i64(rows),
        is_complete,
        slot_label,
    }))
}

const MONTH_COLUMNS: &str =
    "INSERT INTO closing_row (closing_id, day, period, points, expected_points, period_slots, empty_slots, complete,
         bandwidth_95, bandwidth_95_ts, bandwidth_peak, bandwidth_fourth_peak, bandwidth_daily_peak_avg, traffic_bytes, pv,
         scope, domain_id, domains)
     SELECT ?1, 0, 'month', r.points, r.expected_points, r.period_slots, r.empty_slots, r.complete, r.bandwidth_95,
         r.bandwidth_95_ts, r.bandwidth_peak, r.bandwidth_fourth_peak, r.bandwidth_daily_peak_avg, r.traffic_bytes, r.pv,
         SOURCE WHERE r.month_cst = ?2";
const DAY_COLUMNS: &str =
    "INSERT INTO closing_row (closing_id, day, period, date_cst, points, expected_points, period_slots, empty_slots,
         complete, bandwidth_avg, bandwidth_peak, peak_ts, traffic_bytes, pv, scope, domain_id, domains)
     SELECT ?1, CAST(substr(r.date_cst, 9) AS INTEGER), 'day', r.date_cst, r.points, r.expected_points, r.period_slots,
         r.empty_slots, r.complete, r.bandwidth_avg, r.bandwidth_peak, r.peak_ts, r.traffic_bytes, r.pv, SOURCE
     WHERE r.date_cst >= ?2 AND r.date_cst < ?3";

/// Notes which slots have a point, for the days that have some without.
fn mark_slots(tx: &Connection, id: i64, month: Span, label: SlotLabel) -> Result<()> {
    let partial = "SELECT domain_id, day FROM closing_row
         WHERE closing_id = ?1 AND domain_id <> 0 AND day <> 0 AND points > 0 AND points < period_slots";
    let days: Vec<(i64, i64)> = tx.tuples(partial, [id])?;
    for (domain, day) in days {
        let midnight = month.start() + (day - 1) * DAY_SECONDS;
        let mut mask = [0_u8; MASK_BYTES];
        let points = "SELECT ts FROM point WHERE domain_id = ?1 AND ts >= ?2 AND ts < ?3";
        let first = midnight + label.shift();
        tx.each(points, [domain, first, first + DAY_SECONDS], |row| {
            let slot = slot_of_day(row.get::<_, i64>(0)? - first);
            if let Some(byte) = mask.get_mut(slot / 8) {
                *byte |= 1 << (slot % 8);
            }
            Ok(())
        })?;
        let note = "UPDATE closing_row SET slots = ?4 WHERE closing_id = ?1 AND domain_id = ?2 AND day = ?3";
        tx.run(note, (id, domain, day, &mask[..]))?;
    }
    Ok(())
}

fn slot_of_day(second: i64) -> usize {
    crate::model::convert::to_usize(second / SLOT_SECONDS)
}

/// Returns whether a slot of a closed day had a point, `second` seconds after its midnight. `slots` is the stored mask
/// of the day, and `points` the number of points that it had.
pub(crate) fn had_point(slots: Option<&[u8]>, points: i64, second: i64) -> bool {
    let slot = slot_of_day(second);
    slots.map_or(points > 0, |mask| {
        mask.get(slot / 8)
            .is_some_and(|byte| byte & (1 << (slot % 8)) != 0)
    })
}

/// Notes that a point of a closed month was restated. `nth` is the number of the restatement of this point.
///
/// A label that names the end of its slot can belong to the month before. So the first label after a month counts, too.
pub(crate) fn note_restatement(tx: &Connection, domain: i64, ts: UnixSeconds) -> Result<()> {
    tx.run(
        "INSERT INTO closed_restatement (domain_id, ts, nth, closing_id)
         SELECT ?1, ?2, (SELECT max(nth) FROM restatement WHERE domain_id = ?1 AND ts = ?2), (SELECT max(id) FROM closing)
         WHERE EXISTS (SELECT 1 FROM closing WHERE start_ts <= ?2 AND end_ts + ?3 > ?2)",
        [domain, ts, SLOT_SECONDS],
    )?;
    Ok(())
}

/// Returns the closing of a month with this number, or its last one; `None` if there is none.
pub(crate) fn find(
    connection: &Connection,
    month: CalendarMonth,
    id: Option<i64>,
) -> Result<Option<ClosingHead>> {
    let sql = "SELECT id, closed_at, note, slot_label FROM closing
               WHERE month_cst = ?1 AND id = coalesce(?2, id) ORDER BY id DESC LIMIT 1";
    let head = connection.first(sql, (month.to_string(), id), |row| {
        Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get::<_, String>(3)?))
    })?;
    head.map(|(id, closed_at, note, label)| {
        let slot_label = label
            .parse()
            .map_err(|_| StoreErrorKind::Impossible("a closing has an unknown slot label".to_owned()))?;
        Ok(ClosingHead {
            id,
            closed_at,
            note,
            slot_label,
        })
    })
    .transpose()
}
