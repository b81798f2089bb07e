//! The rows of the rollups: what is computed of a day or a month, written where it differs.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, BTreeSet, HashMap};

use rusqlite::Connection;

use crate::model::billing::MonthlyFigures;
use crate::model::convert::to_i64;
use crate::model::rollup::{PointSums, class};
use crate::model::slot::HOUR_SECONDS;
use crate::model::{Span, UnixSeconds, civil};
use crate::store::error::Result;

const HOURS_A_DAY: usize = 24;

/// A point, without its counts.
pub(crate) struct Point {
    pub(crate) ts: UnixSeconds,
    pub(crate) bandwidth: i64,
    pub(crate) pv: i64,
    pub(crate) set: i64,
}

/// What is to be written of a day.
#[derive(Default)]
pub(crate) struct Day {
    tally: PointSums,
    hours: [PointSums; HOURS_A_DAY],
    /// The sets of codes that the day's points have reported.
    sets: BTreeSet<i64>,
}

impl Day {
    /// Adds a point whose five minutes begin so many seconds after midnight.
    pub(crate) fn add(&mut self, second: i64, point: &Point) {
        let Point {
            ts, bandwidth, pv, ..
        } = *point;
        self.tally.add(ts, bandwidth, pv);
        let hour = usize::try_from(second / HOUR_SECONDS).ok();
        if let Some(hour) = hour.and_then(|hour| self.hours.get_mut(hour)) {
            hour.add(ts, bandwidth, pv);
        }
        self.sets.insert(point.set);
    }

    /// What the day's points add up to.
    pub(crate) fn tally(&self) -> &PointSums {
        &self.tally
    }

    /// The same of each of its hours.
    pub(crate) fn hours(&self) -> &[PointSums] {
        &self.hours
    }

    /// The sets of codes that the day's points have reported.
    pub(crate) fn sets(&self) -> impl Iterator<Item = i64> {
        self.sets.iter().copied()
    }
}

/// A day of a domain that is to be written.
pub(crate) struct DayRow<'a> {
    pub(crate) id: i64,
    pub(crate) domain: &'a str,
    /// The UTC+8 midnight that begins it.
    pub(crate) midnight: UnixSeconds,
    /// The labels of its slots.
    pub(crate) labels: Span,
    /// How many of its slots were asked for.
    pub(crate) expected: i64,
    pub(crate) sums: &'a Day,
}

// Rows of hours, days and months are only ever added or changed, never taken away: points and coverage only
// grow.

/// Writes a day of a domain, its hours and its codes.
pub(crate) fn write_day(tx: &Connection, row: &DayRow<'_>, codes: &mut Codes) -> Result<()> {
    write_sums(tx, row)?;
    write_hours(tx, row)?;
    write_codes(tx, row, codes)
}

fn write_hours(tx: &Connection, row: &DayRow<'_>) -> Result<()> {
    let mut upsert = tx.prepare_cached(
        "INSERT INTO origin_hourly
             (domain, hour_cst, points, bandwidth_avg, bandwidth_peak, traffic_bytes, pv)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
         ON CONFLICT DO UPDATE SET points = excluded.points, bandwidth_avg = excluded.bandwidth_avg,
             bandwidth_peak = excluded.bandwidth_peak, traffic_bytes = excluded.traffic_bytes, pv = excluded.pv
         WHERE (points, bandwidth_avg, bandwidth_peak, traffic_bytes, pv)
             IS NOT (excluded.points, excluded.bandwidth_avg, excluded.bandwidth_peak, excluded.traffic_bytes,
                     excluded.pv)",
    )?;
    let mut start = row.midnight;
    for hour in &row.sums.hours {
        if let Some(figures) = hour.figures() {
            upsert.execute((
                row.domain,
                civil::cst_second(start),
                to_i64(hour.points()),
                figures.bandwidth_avg,
                figures.peak.bandwidth,
                figures.traffic_bytes,
                figures.pv,
            ))?;
        }
        start += HOUR_SECONDS;
    }
    Ok(())
}

fn write_sums(tx: &Connection, row: &DayRow<'_>) -> Result<()> {
    let tally = &row.sums.tally;
    let figures = tally.figures();
    tx.prepare_cached(
        "INSERT INTO origin_daily
             (domain, date_cst, points, expected_points, bandwidth_avg, bandwidth_peak, peak_ts, traffic_bytes, pv)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)
         ON CONFLICT DO UPDATE SET points = excluded.points, expected_points = excluded.expected_points,
             bandwidth_avg = excluded.bandwidth_avg, bandwidth_peak = excluded.bandwidth_peak,
             peak_ts = excluded.peak_ts, traffic_bytes = excluded.traffic_bytes, pv = excluded.pv
         WHERE (points, expected_points, bandwidth_avg, bandwidth_peak, peak_ts, traffic_bytes, pv)
             IS NOT (excluded.points, excluded.expected_points, excluded.bandwidth_avg, excluded.bandwidth_peak,
                     excluded.peak_ts, excluded.traffic_bytes, excluded.pv)",
    )?
    .execute((
        row.domain,
        civil::cst_date(row.midnight),
        to_i64(tally.points()),
        row.expected,
        figures.map(|figures| figures.bandwidth_avg),
        figures.map(|figures| figures.peak.bandwidth),
        figures.map(|figures| figures.peak.ts),
        figures.map(|figures| figures.traffic_bytes),
        figures.map(|figures| figures.pv),
    ))?;
    Ok(())
}

/// Writes every code that the day's points have reported, and takes away those that a correction has.
fn write_codes(tx: &Connection, row: &DayRow<'_>, codes: &mut Codes) -> Result<()> {
    let mut requests: BTreeMap<i64, i64> = BTreeMap::new();
    for &set in &row.sums.sets {
        for &code in codes.members(tx, set)? {
            requests.insert(code, 0);
        }
    }
    let mut select = tx.prepare_cached(
        "SELECT code_id, count FROM code_count WHERE domain_id = ?1 AND ts >= ?2 AND ts < ?3",
    )?;
    let mut counts = select.query([row.id, row.labels.start(), row.labels.end()])?;
    while let Some(count) = counts.next()? {
        let total = requests.entry(count.get(0)?).or_insert(0);
        *total = total.saturating_add(count.get(1)?);
    }
    let date = civil::cst_date(row.midnight);
    let mut upsert = tx.prepare_cached(
        "INSERT INTO origin_status_daily (domain, date_cst, code, class, requests) VALUES (?1, ?2, ?3, ?4, ?5)
         ON CONFLICT DO UPDATE SET requests = excluded.requests WHERE requests <> excluded.requests",
    )?;
    let mut names = Vec::with_capacity(requests.len());
    for (code, requests) in requests {
        let Some(code) = codes.names.get(&code) else {
            continue;
        };
        upsert.execute((row.domain, &date, code, class(code), requests))?;
        names.push(code);
    }
    tx.prepare_cached(
        "DELETE FROM origin_status_daily WHERE domain = ?1 AND date_cst = ?2
         AND code NOT IN (SELECT value FROM json_each(?3))",
    )?
    .execute((
        row.domain,
        &date,
        serde_json::to_string(&names).unwrap_or_default(),
    ))?;
    Ok(())
}

/// Writes a month of a domain, or of the account.
pub(crate) fn write_month(
    tx: &Connection,
    domain: &str,
    month: Span,
    figures: &MonthlyFigures,
) -> Result<()> {
    tx.prepare_cached(
        "INSERT INTO origin_monthly
             (domain, month_cst, points, expected_points, bandwidth_95, bandwidth_peak, bandwidth_fourth_peak,
              bandwidth_daily_peak_avg, traffic_bytes, pv)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)
         ON CONFLICT DO UPDATE SET points = excluded.points, expected_points = excluded.expected_points,
             bandwidth_95 = excluded.bandwidth_95, bandwidth_peak = excluded.bandwidth_peak,
             bandwidth_fourth_peak = excluded.bandwidth_fourth_peak,
             bandwidth_daily_peak_avg = excluded.bandwidth_daily_peak_avg,
             traffic_bytes = excluded.traffic_bytes, pv = excluded.pv
         WHERE (points, expected_points, bandwidth_95, bandwidth_peak, bandwidth_fourth_peak,
                bandwidth_daily_peak_avg, traffic_bytes, pv)
             IS NOT (excluded.points, excluded.expected_points, excluded.bandwidth_95, excluded.bandwidth_peak,
                     excluded.bandwidth_fourth_peak, excluded.bandwidth_daily_peak_avg, excluded.traffic_bytes,
                     excluded.pv)",
    )?
    .execute((
        domain,
        civil::cst_month(month.start()),
        to_i64(figures.points),
        to_i64(figures.expected_points),
        figures.bandwidth_95,
        figures.bandwidth_peak,
        figures.bandwidth_fourth_peak,
        figures.bandwidth_daily_peak_avg,
        figures.traffic_bytes,
        figures.pv,
    ))?;
    Ok(())
}

/// The codes by their numbers, and the sets as they are met.
pub(crate) struct Codes {
    names: HashMap<i64, String>,
    sets: HashMap<i64, Vec<i64>>,
}

impl Codes {
    pub(crate) fn read(tx: &Connection) -> Result<Self> {
        let names = tx
            .prepare_cached("SELECT id, code FROM code")?
            .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
            .collect::<rusqlite::Result<_>>()?;
        Ok(Self {
            names,
            sets: HashMap::new(),
        })
    }

    /// The code with this number.
    pub(crate) fn name(&self, code: i64) -> Option<&str> {
        self.names.get(&code).map(String::as_str)
    }

    /// The codes of a set.
    pub(crate) fn members(&mut self, tx: &Connection, set: i64) -> Result<&[i64]> {
        Ok(match self.sets.entry(set) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(new) => new.insert(
                tx.prepare_cached("SELECT code_id FROM code_set_member WHERE code_set_id = ?1")?
                    .query_map([set], |row| row.get(0))?
                    .collect::<rusqlite::Result<_>>()?,
            ),
        })
    }
}
