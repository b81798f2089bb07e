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

use crate::model::account::{AccountPeriod, AskedDomains};
use crate::model::billing::MonthlyFigures;
use crate::model::completeness::DomainLedger;
use crate::model::convert::{to_i64, to_usize};
use crate::model::rollup::{PointSums, class};
use crate::model::slot::{DAY_SECONDS, HOUR_SECONDS, SLOT_SECONDS};
use crate::model::{Span, UnixSeconds, civil};
use crate::store::error::Result;
use crate::store::file::statements::{Statements as _, names, upsert};
use crate::store::origin::codes::CodeLookup;
use crate::store::origin::walk::{StoredCount, StoredPoint};

const HOURS_A_DAY: usize = 24;

/// A relation of rollups, and the table that stores it.
#[derive(Debug)]
pub(crate) struct RollupTable {
    /// The public name.
    pub(crate) name: &'static str,
    /// The table. Its key is the number of the domain, except for the account, and then `key`.
    pub(crate) table: &'static str,
    /// A date, an hour or a month, and perhaps a code.
    key: &'static str,
    columns: &'static str,
    upsert: LazyLock<String>,
}

/// The key of a row in its relation, without the domain: the text of its time, and the number of its code.
pub(crate) type RowKey = (String, Option<i64>);

/// A row of a rollup, without its domain.
#[derive(Debug)]
pub(crate) struct RollupRow {
    pub(crate) table: &'static RollupTable,
    pub(crate) key: RowKey,
    pub(crate) values: Vec<Value>,
}

macro_rules! rollup_table {
    ($static:ident, $name:literal, $table:literal, $owner:literal, $key:literal, $columns:literal) => {
        static $static: RollupTable = RollupTable {
            name: $name,
            table: $table,
            key: $key,
            columns: $columns,
            upsert: LazyLock::new(|| {
                let key = if $owner.is_empty() {
                    $key.to_owned()
                } else {
                    [$owner, $key].join(", ")
                };
                upsert($table, &key, $columns)
            }),
        };
    };
}

rollup_table!(
    HOURLY,
    "origin_hourly",
    "rollup_hour",
    "domain_id",
    "hour_cst",
    "points, bandwidth_avg, bandwidth_peak, traffic_bytes, pv"
);
rollup_table!(
    DAILY,
    "origin_daily",
    "rollup_day",
    "domain_id",
    "date_cst",
    "points, expected_points, bandwidth_avg, bandwidth_peak, peak_ts, traffic_bytes, pv, period_slots, empty_slots, \
     complete"
);
rollup_table!(
    STATUS_DAILY,
    "origin_status_daily",
    "rollup_code_day",
    "domain_id",
    "date_cst, code_id",
    "class, requests"
);
rollup_table!(
    MONTHLY,
    "origin_monthly",
    "rollup_month",
    "domain_id",
    "month_cst",
    "points, expected_points, bandwidth_95, bandwidth_peak, bandwidth_fourth_peak, bandwidth_daily_peak_avg, \
     traffic_bytes, pv, period_slots, empty_slots, complete, bandwidth_95_ts"
);
rollup_table!(
    ACCOUNT_HOURLY,
    "origin_account_hourly",
    "origin_account_hourly",
    "",
    "hour_cst",
    "domains, points, expected_points, bandwidth_avg, bandwidth_peak, traffic_bytes, pv"
);
rollup_table!(
    ACCOUNT_DAILY,
    "origin_account_daily",
    "origin_account_daily",
    "",
    "date_cst",
    "domains, points, expected_points, bandwidth_avg, bandwidth_peak, peak_ts, traffic_bytes, pv, period_slots, \
     empty_slots, complete"
);
rollup_table!(
    ACCOUNT_MONTHLY,
    "origin_account_monthly",
    "origin_account_monthly",
    "",
    "month_cst",
    "domains, points, expected_points, bandwidth_95, bandwidth_peak, bandwidth_fourth_peak, bandwidth_daily_peak_avg, \
     traffic_bytes, pv, period_slots, empty_slots, complete, bandwidth_95_ts"
);

/// The relations of the domains.
pub(crate) static TABLES: [&RollupTable; 4] = [&HOURLY, &DAILY, &STATUS_DAILY, &MONTHLY];
/// The relations of the account.
pub(crate) static ACCOUNT_TABLES: [&RollupTable; 3] = [&ACCOUNT_HOURLY, &ACCOUNT_DAILY, &ACCOUNT_MONTHLY];

impl RollupTable {
    /// Returns whether its rows are months.
    pub(crate) fn is_monthly(&self) -> bool {
        self.key == MONTHLY.key
    }

    /// Returns the stored rows of a domain, or of the account, by key, from the first date or month to before the last
    /// one.
    pub(crate) fn rows(
        &self,
        connection: &Connection,
        domain: Option<i64>,
        (first, end): (&str, &str),
    ) -> Result<BTreeMap<RowKey, Vec<Value>>> {
        let time = names(self.key).next().unwrap_or_default();
        let (table, columns) = (self.table, self.columns);
        let code = names(self.key).nth(1).unwrap_or("NULL");
        let owner = domain.map_or("?3 IS NULL", |_| "domain_id = ?3");
        let sql = format!(
            "SELECT {time}, {code}, {columns} FROM {table} WHERE {owner} AND {time} >= ?1 AND {time} < ?2"
        );
        let all = 2 + names(columns).count();
        let rows = connection.rows(&sql, (first, end, domain), |row| {
            let values = (2..all).map(|at| row.get(at)).collect::<rusqlite::Result<_>>()?;
            Ok(((row.get(0)?, row.get(1)?), values))
        })?;
        Ok(rows.into_iter().collect())
    }
}

impl RollupRow {
    // Rows of hours, days and months are added or changed, never deleted: points and coverage only grow.
    fn write(&self, tx: &Connection, domain: Option<i64>) -> Result<()> {
        let (time, code) = &self.key;
        let owner = domain.map(Value::from).into_iter();
        let key = [Value::from(time.clone())]
            .into_iter()
            .chain(code.map(Value::from));
        let row = owner.chain(key).chain(self.values.iter().cloned());
        tx.run(&self.table.upsert, params_from_iter(row))?;
        Ok(())
    }
}

fn period_columns(period_slots: i64, empty_slots: u64, is_complete: bool) -> [Value; 3] {
    [
        period_slots.into(),
        to_i64(empty_slots).into(),
        i64::from(is_complete).into(),
    ]
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

    /// Returns the rows of the day that begins at `midnight`: one of the day, and one of each hour and each code that was
    /// reported.
    pub(crate) fn rows(
        &self,
        connection: &Connection,
        midnight: UnixSeconds,
        ledger: &DomainLedger,
        codes: &mut CodeLookup,
    ) -> Result<Vec<RollupRow>> {
        let Some(day) = Span::new(midnight, midnight + DAY_SECONDS) else {
            return Ok(Vec::new());
        };
        let figures = self.day.figures();
        let period = period_columns(day.slots(), ledger.empty_slots(day), ledger.is_complete(day));
        let mut rows = vec![RollupRow {
            table: &DAILY,
            key: (civil::cst_date(midnight), None),
            values: [
                to_i64(self.day.points()).into(),
                to_i64(ledger.expected_points(day)).into(),
                figures.map(|figures| figures.bandwidth_avg).into(),
                figures.map(|figures| figures.peak.bandwidth).into(),
                figures.map(|figures| figures.peak.ts).into(),
                figures.map(|figures| figures.traffic_bytes).into(),
                figures.map(|figures| figures.pv).into(),
            ]
            .into_iter()
            .chain(period)
            .collect(),
        }];
        let starts = (0..).map(|hour| midnight + hour * HOUR_SECONDS);
        rows.extend(starts.zip(&self.hours).filter_map(|(start, hour)| {
            let figures = hour.figures()?;
            Some(RollupRow {
                table: &HOURLY,
                key: (civil::cst_second(start), None),
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
        for (id, requests) in requests {
            if let Some(code) = codes.code(connection, id)? {
                rows.push(RollupRow {
                    table: &STATUS_DAILY,
                    key: (civil::cst_date(midnight), Some(id)),
                    values: vec![class(code).to_owned().into(), requests.into()],
                });
            }
        }
        Ok(rows)
    }
}

/// Returns the row of a month of a domain. The times in `figures` are starts of slots; a label is `shift` seconds later.
pub(crate) fn month_row(
    (month, shift): (Span, i64),
    figures: &MonthlyFigures,
    ledger: &DomainLedger,
) -> RollupRow {
    let period = period_columns(
        month.slots(),
        ledger.empty_slots(month),
        ledger.is_complete(month),
    );
    RollupRow {
        table: &MONTHLY,
        key: (civil::cst_month(month.start()), None),
        values: month_columns(figures, period, shift).collect(),
    }
}

fn month_columns(figures: &MonthlyFigures, period: [Value; 3], shift: i64) -> impl Iterator<Item = Value> {
    let measures = [
        to_i64(figures.points).into(),
        to_i64(figures.expected_points).into(),
        figures.bandwidth_95.into(),
        figures.bandwidth_peak.into(),
        figures.bandwidth_fourth_peak.into(),
        figures.bandwidth_daily_peak_avg.into(),
        figures.traffic_bytes.into(),
        figures.pv.into(),
    ];
    let billed = figures.bandwidth_95_ts.map(|start| start + shift);
    measures.into_iter().chain(period).chain([billed.into()])
}

fn account_period_columns(slots: i64, asked: &AskedDomains) -> [Value; 3] {
    let slots = slots.saturating_mul(to_i64(asked.domains));
    period_columns(slots, asked.empty_slots, asked.is_complete())
}

/// Returns the row of a month of the account.
pub(crate) fn account_month_row(
    (month, shift): (Span, i64),
    (figures, asked): &(MonthlyFigures, AskedDomains),
) -> RollupRow {
    let period = account_period_columns(month.slots(), asked);
    let domains = [to_i64(asked.domains).into()];
    RollupRow {
        table: &ACCOUNT_MONTHLY,
        key: (civil::cst_month(month.start()), None),
        values: domains
            .into_iter()
            .chain(month_columns(figures, period, shift))
            .collect(),
    }
}

/// Returns the row of a day of the account that begins at `midnight`; `None` if nothing was fetched.
pub(crate) fn account_day_row(midnight: UnixSeconds, shift: i64, day: &AccountPeriod) -> Option<RollupRow> {
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
            .chain(account_period_columns(slots, asked))
            .collect(),
    })
}

/// Returns the row of an hour of the account that begins at `start`; `None` if it has no point.
pub(crate) fn account_hour_row(start: UnixSeconds, hour: &AccountPeriod) -> Option<RollupRow> {
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

/// Writes rows of the account.
pub(crate) fn write_account(tx: &Connection, rows: impl IntoIterator<Item = RollupRow>) -> Result<()> {
    rows.into_iter().try_for_each(|row| row.write(tx, None))
}

/// Writes the row of a month of a domain.
pub(crate) fn write_month(tx: &Connection, domain: i64, row: &RollupRow) -> Result<()> {
    row.write(tx, Some(domain))
}

/// Writes the rows of a day of a domain, and deletes those of codes that a correction removed.
pub(crate) fn write_day(
    tx: &Connection,
    domain: i64,
    midnight: UnixSeconds,
    rows: &[RollupRow],
) -> Result<()> {
    for row in rows {
        row.write(tx, Some(domain))?;
    }
    let codes: Vec<i64> = rows.iter().filter_map(|row| row.key.1).collect();
    tx.run(
        "DELETE FROM rollup_code_day WHERE domain_id = ?1 AND date_cst = ?2
         AND code_id NOT IN (SELECT value FROM json_each(?3))",
        (
            domain,
            civil::cst_date(midnight),
            serde_json::json!(codes).to_string(),
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
    for table in TABLES.iter().chain(&ACCOUNT_TABLES) {
        tx.execute(&["DELETE FROM ", table.table].concat(), [])?;
    }
    Ok(())
}
