//! The rollups of the account: the points of all domains, summed for each slot.

use std::collections::BTreeMap;

use rusqlite::Connection;
use rusqlite::types::Value;

use crate::model::account::AccountMonth;
use crate::model::account_day::{AccountPeriod, AskedDomains, KeptHour};
use crate::model::billing::MonthlyFigures;
use crate::model::convert::{to_i64, to_u64, to_usize};
use crate::model::rollup::{Peak, RollupFigures};
use crate::model::slot::{DAY_SECONDS, HOUR_SECONDS, SLOT_SECONDS};
use crate::model::{Span, UnixSeconds, civil};
use crate::store::error::Result;
use crate::store::file::statements::Statements as _;
use crate::store::origin::month_rows;
use crate::store::origin::rollup_tables::{self, ACCOUNT_DAILY, ACCOUNT_HOURLY, ACCOUNT_MONTHLY, RollupRow};
use crate::store::origin::rollups::{StoredDay, period_columns};

/// Returns the rows of the account for these days of a month, and for the month, which has these figures.
pub(crate) fn rows(
    account: &AccountMonth,
    (month, shift): (Span, i64),
    days: impl Iterator<Item = UnixSeconds>,
    figures: &MonthlyFigures,
) -> Vec<RollupRow> {
    let mut rows = Vec::new();
    for day in days.filter_map(|day| Span::new(day, day + DAY_SECONDS)) {
        rows.extend(day_row(day.start(), shift, &account.day(day.start())));
        let hours = day.pieces(HOUR_SECONDS).map(|hour| hour.start());
        rows.extend(hours.filter_map(|hour| hour_row(hour, &account.hour(hour))));
    }
    let asked = account.asked();
    if asked.domains > 0 {
        rows.push(month_row((month, shift), figures, &asked));
    }
    rows
}

fn account_columns(slots: i64, asked: &AskedDomains) -> [Value; 3] {
    let slots = slots.saturating_mul(to_i64(asked.domains));
    period_columns(slots, asked.empty_slots, asked.is_complete())
}

/// Returns the row of a month of the account.
fn month_row((month, shift): (Span, i64), figures: &MonthlyFigures, asked: &AskedDomains) -> RollupRow {
    let period = account_columns(month.slots(), asked);
    let domains = [to_i64(asked.domains).into()];
    RollupRow {
        table: &ACCOUNT_MONTHLY,
        key: (civil::cst_month(month.start()), None),
        values: domains
            .into_iter()
            .chain(month_rows::columns(figures, period, shift))
            .collect(),
    }
}

/// Returns the row of a day of the account that begins at `midnight`; `None` if nothing was fetched.
fn day_row(midnight: UnixSeconds, shift: i64, day: &AccountPeriod) -> Option<RollupRow> {
    let AccountPeriod { points, sums, asked } = day;
    let figures = sums.figures();
    let measures = [
        to_i64(asked.domains).into(),
        to_i64(*points).into(),
        to_i64(asked.expected_points).into(),
        figures.map(|figures| figures.bandwidth_avg).into(),
        figures.map(|figures| figures.peak.bandwidth).into(),
        figures.map(|figures| figures.peak.ts + shift).into(),
        figures.map(|figures| figures.traffic_bytes).into(),
        figures.map(|figures| figures.pv).into(),
    ];
    let slots = DAY_SECONDS / SLOT_SECONDS;
    (asked.domains > 0).then(|| RollupRow {
        table: &ACCOUNT_DAILY,
        key: (civil::cst_date(midnight), None),
        values: measures
            .into_iter()
            .chain(account_columns(slots, asked))
            .collect(),
    })
}

/// Returns the row of an hour of the account that begins at `start`; `None` if it has no point.
fn hour_row(start: UnixSeconds, hour: &AccountPeriod) -> Option<RollupRow> {
    let figures = hour.sums.figures()?;
    Some(RollupRow {
        table: &ACCOUNT_HOURLY,
        key: (civil::cst_second(start), None),
        values: vec![
            to_i64(hour.asked.domains).into(),
            to_i64(hour.points).into(),
            to_i64(hour.asked.expected_points).into(),
            figures.bandwidth_avg.into(),
            figures.peak.bandwidth.into(),
            figures.traffic_bytes.into(),
            figures.pv.into(),
        ],
    })
}

/// Returns the first hours of a stored day of the account, up to `end`. `None` if the hours of the day do not tell exactly what
/// they add up to, or do not add up to the day: damage must not grow into the day.
pub(crate) fn first_hours(
    connection: &Connection,
    (day, shift): (&StoredDay, i64),
    end: UnixSeconds,
) -> Result<Option<Vec<KeptHour>>> {
    let midnight = day.other.midnight;
    let starts = (midnight..midnight + DAY_SECONDS).step_by(to_usize(HOUR_SECONDS));
    let names: BTreeMap<String, UnixSeconds> =
        starts.map(|start| (civil::cst_second(start), start)).collect();
    let Some(((first, _), (last, _))) = names.first_key_value().zip(names.last_key_value()) else {
        return Ok(None);
    };
    // Only the time of the day's peak is stored. The start of its hour does for any other peak: of equal ones, the day's is
    // the first.
    let peak = day.figures.map(|figures| figures.peak);
    let peak_in = |hour: UnixSeconds| {
        let start = peak.map(|peak| peak.ts - shift);
        start.filter(|start| (hour..hour + HOUR_SECONDS).contains(start))
    };
    let rows = connection.rows(
        "SELECT hour_cst, points, bandwidth_avg, bandwidth_peak, traffic_bytes, pv
         FROM origin_account_hourly WHERE hour_cst >= ?1 AND hour_cst <= ?2",
        (first, last),
        |row| {
            let Some(&start) = names.get(row.get_ref(0)?.as_str().unwrap_or_default()) else {
                return Ok(None);
            };
            let figures = RollupFigures {
                bandwidth_avg: row.get(2)?,
                peak: Peak {
                    bandwidth: row.get(3)?,
                    ts: peak_in(start).unwrap_or(start),
                },
                traffic_bytes: row.get(4)?,
                pv: row.get(5)?,
            };
            let kept = KeptHour::of_figures(to_u64(row.get::<_, i64>(1)?), &figures);
            Ok(kept.map(|kept| (start, kept)))
        },
    )?;
    let Some(hours) = rows.into_iter().collect::<Option<BTreeMap<_, _>>>() else {
        return Ok(None);
    };
    let mut whole = KeptHour::default();
    for hour in hours.values() {
        whole.points = whole.points.saturating_add(hour.points);
        whole.sums.add_all(&hour.sums);
    }
    let figures = whole.sums.figures().map(|figures| figures.moved(shift));
    if (whole.points, figures) != (day.other.points, day.figures) {
        return Ok(None);
    }
    let kept = names.values().filter(|start| **start < end);
    Ok(Some(
        kept.map(|start| hours.get(start).cloned().unwrap_or_default())
            .collect(),
    ))
}

/// Writes rows of the account.
pub(crate) fn write(tx: &Connection, rows: &[RollupRow]) -> Result<()> {
    rollup_tables::write(tx, None, rows)
}
