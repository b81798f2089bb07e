//! The rollups: what the points of an hour, a day or a month add up to, and the relations that store it.
//!
//! The writer stores these rows, and the verification compares them with the stored ones.
//!
//! The sums are computed here and not in SQL, because SQLite's `sum()` fails beyond 64 bits. Hours and days are cut
//! by the slot label in force ([`super::slot_label`]): all times here are starts of slots.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use rusqlite::types::Value;
use rusqlite::{Connection, params_from_iter};

use crate::model::billing::MonthlyFigures;
use crate::model::convert::{to_i64, to_usize};
use crate::model::rollup::{PointSums, class};
use crate::model::slot::HOUR_SECONDS;
use crate::model::{Span, UnixSeconds, civil};
use crate::store::error::Result;
use crate::store::file::statements::{Statements as _, names, upsert};
use crate::store::origin::codes::CodeLookup;
use crate::store::origin::walk::{StoredCount, StoredPoint};

/// The name under which `origin_monthly` stores the account.
pub const ACCOUNT: &str = "*";

const HOURS_A_DAY: usize = 24;

/// A relation of rollups. Its key is the domain and `key`; the first column of `key` is a date or a month.
#[derive(Debug)]
pub(crate) struct RollupTable {
    pub(crate) name: &'static str,
    key: &'static str,
    columns: &'static str,
    upsert: LazyLock<String>,
}

/// A row of a rollup, without its domain.
#[derive(Debug)]
pub(crate) struct RollupRow {
    pub(crate) table: &'static RollupTable,
    pub(crate) key: Vec<String>,
    pub(crate) values: Vec<Value>,
}

macro_rules! rollup_table {
    ($table:ident, $name:literal, $key:literal, $columns:literal) => {
        static $table: RollupTable = RollupTable {
            name: $name,
            key: $key,
            columns: $columns,
            upsert: LazyLock::new(|| upsert($name, concat!("domain, ", $key), $columns)),
        };
    };
}

rollup_table!(
    HOURLY,
    "origin_hourly",
    "hour_cst",
    "points, bandwidth_avg, bandwidth_peak, traffic_bytes, pv"
);
rollup_table!(
    DAILY,
    "origin_daily",
    "date_cst",
    "points, expected_points, bandwidth_avg, bandwidth_peak, peak_ts, traffic_bytes, pv"
);
rollup_table!(
    STATUS_DAILY,
    "origin_status_daily",
    "date_cst, code",
    "class, requests"
);
rollup_table!(
    MONTHLY,
    "origin_monthly",
    "month_cst",
    "points, expected_points, bandwidth_95, bandwidth_peak, bandwidth_fourth_peak, bandwidth_daily_peak_avg, \
     traffic_bytes, pv"
);

/// The relations of rollups.
pub(crate) static TABLES: [&RollupTable; 4] = [&HOURLY, &DAILY, &STATUS_DAILY, &MONTHLY];
/// The relation of months.
pub(crate) static MONTHS: &RollupTable = &MONTHLY;

impl RollupTable {
    /// Returns the stored rows of a domain, by key, from the first date or month to before the last one.
    pub(crate) fn rows(
        &self,
        connection: &Connection,
        domain: &str,
        (first, end): (&str, &str),
    ) -> Result<BTreeMap<Vec<String>, Vec<Value>>> {
        let date = names(self.key).next().unwrap_or_default();
        let (name, key, columns) = (self.name, self.key, self.columns);
        let sql =
            format!("SELECT {key}, {columns} FROM {name} WHERE domain = ?1 AND {date} >= ?2 AND {date} < ?3");
        let keys = names(key).count();
        let all = keys + names(columns).count();
        let rows = connection.rows(&sql, [domain, first, end], |row| {
            let key = (0..keys).map(|at| row.get(at)).collect::<rusqlite::Result<_>>()?;
            let values = (keys..all)
                .map(|at| row.get(at))
                .collect::<rusqlite::Result<_>>()?;
            Ok((key, values))
        })?;
        Ok(rows.into_iter().collect())
    }
}

impl RollupRow {
    // Rows of hours, days and months are added or changed, never deleted: points and coverage only grow.
    fn write(&self, tx: &Connection, domain: &str) -> Result<()> {
        let key = std::iter::once(domain.to_owned()).chain(self.key.iter().cloned());
        let row = key.map(Value::from).chain(self.values.iter().cloned());
        tx.run(&self.table.upsert, params_from_iter(row))?;
        Ok(())
    }
}

/// What the points of a day add up to.
#[derive(Debug, Default)]
pub(crate) struct DayTally {
    day: PointSums,
    hours: [PointSums; HOURS_A_DAY],
    /// The sets of codes of the day's points.
    sets: BTreeSet<i64>,
    /// The requests of each code.
    requests: BTreeMap<i64, i64>,
}

impl DayTally {
    /// Adds a point. Its five minutes begin `second` seconds after midnight.
    pub(crate) fn add(&mut self, second: i64, point: StoredPoint) {
        let StoredPoint {
            ts, bandwidth, pv, ..
        } = point;
        self.day.add(ts, bandwidth, pv);
        if let Some(hour) = self.hours.get_mut(to_usize(second / HOUR_SECONDS)) {
            hour.add(ts, bandwidth, pv);
        }
        self.sets.insert(point.set);
    }

    /// Adds a count of one of its points.
    pub(crate) fn add_count(&mut self, count: StoredCount) {
        let requests = self.requests.entry(count.code).or_insert(0);
        *requests = requests.saturating_add(count.count);
    }

    /// Returns the rows of the day: one of the day, and one of each hour and each code that was reported. `expected`
    /// is the number of slots that were asked for.
    pub(crate) fn rows(
        &self,
        connection: &Connection,
        midnight: UnixSeconds,
        expected: i64,
        codes: &mut CodeLookup,
    ) -> Result<Vec<RollupRow>> {
        let figures = self.day.figures();
        let mut rows = vec![RollupRow {
            table: &DAILY,
            key: vec![civil::cst_date(midnight)],
            values: vec![
                to_i64(self.day.points()).into(),
                expected.into(),
                figures.map(|figures| figures.bandwidth_avg).into(),
                figures.map(|figures| figures.peak.bandwidth).into(),
                figures.map(|figures| figures.peak.ts).into(),
                figures.map(|figures| figures.traffic_bytes).into(),
                figures.map(|figures| figures.pv).into(),
            ],
        }];
        let starts = (0..).map(|hour| midnight + hour * HOUR_SECONDS);
        rows.extend(starts.zip(&self.hours).filter_map(|(start, hour)| {
            let figures = hour.figures()?;
            Some(RollupRow {
                table: &HOURLY,
                key: vec![civil::cst_second(start)],
                values: vec![
                    to_i64(hour.points()).into(),
                    figures.bandwidth_avg.into(),
                    figures.peak.bandwidth.into(),
                    figures.traffic_bytes.into(),
                    figures.pv.into(),
                ],
            })
        }));
        let mut requests = BTreeMap::new();
        for &set in &self.sets {
            requests.extend(codes.members(connection, set)?.iter().map(|&code| (code, 0)));
        }
        requests.extend(&self.requests);
        for (code, requests) in requests {
            if let Some(code) = codes.code(connection, code)? {
                rows.push(RollupRow {
                    table: &STATUS_DAILY,
                    key: vec![civil::cst_date(midnight), code.to_owned()],
                    values: vec![class(code).to_owned().into(), requests.into()],
                });
            }
        }
        Ok(rows)
    }
}

/// Returns the row of a month of a domain, or of the account.
pub(crate) fn month_row(month: Span, figures: &MonthlyFigures) -> RollupRow {
    RollupRow {
        table: &MONTHLY,
        key: vec![civil::cst_month(month.start())],
        values: vec![
            to_i64(figures.points).into(),
            to_i64(figures.expected_points).into(),
            figures.bandwidth_95.into(),
            figures.bandwidth_peak.into(),
            figures.bandwidth_fourth_peak.into(),
            figures.bandwidth_daily_peak_avg.into(),
            figures.traffic_bytes.into(),
            figures.pv.into(),
        ],
    }
}

/// Writes the row of a month of a domain, or of the account.
pub(crate) fn write_month(
    tx: &Connection,
    domain: &str,
    month: Span,
    figures: &MonthlyFigures,
) -> Result<()> {
    month_row(month, figures).write(tx, domain)
}

/// Writes the rows of a day of a domain, and deletes those of codes that a correction removed.
pub(crate) fn write_day(
    tx: &Connection,
    domain: &str,
    midnight: UnixSeconds,
    rows: &[RollupRow],
) -> Result<()> {
    for row in rows {
        row.write(tx, domain)?;
    }
    let codes = rows.iter().filter_map(|row| row.key.get(1));
    tx.run(
        "DELETE FROM origin_status_daily WHERE domain = ?1 AND date_cst = ?2
         AND code NOT IN (SELECT value FROM json_each(?3))",
        (
            domain,
            civil::cst_date(midnight),
            serde_json::json!(codes.collect::<Vec<_>>()).to_string(),
        ),
    )?;
    Ok(())
}

/// Adds the stored counts of a day to its tally. `labels` are the labels of the day's slots.
pub(crate) fn add_counts(tx: &Connection, domain: i64, labels: Span, day: &mut DayTally) -> Result<()> {
    tx.each(
        "SELECT code_id, count FROM code_count WHERE domain_id = ?1 AND ts >= ?2 AND ts < ?3",
        [domain, labels.start(), labels.end()],
        |row| {
            day.add_count(StoredCount {
                code: row.get(0)?,
                count: row.get(1)?,
            });
            Ok(())
        },
    )
}

/// Hands every point of a domain with a label in `labels` to `take`, without its counts.
pub(crate) fn each_point(
    tx: &Connection,
    domain: i64,
    labels: Span,
    mut take: impl FnMut(StoredPoint),
) -> Result<()> {
    tx.each(
        "SELECT ts, bandwidth, pv, code_set_id FROM point WHERE domain_id = ?1 AND ts >= ?2 AND ts < ?3",
        [domain, labels.start(), labels.end()],
        |row| {
            take(StoredPoint::read(row)?);
            Ok(())
        },
    )
}

/// Deletes all rollups.
pub(crate) fn delete_all(tx: &Connection) -> Result<()> {
    for table in TABLES {
        tx.execute(&["DELETE FROM ", table.name].concat(), [])?;
    }
    Ok(())
}
