//! Hours, days and months, computed a second time from what the public relations and coverage tell.

mod expected;
mod random;
mod slots;

use std::collections::{BTreeMap, BTreeSet};

use jdcdn_stats::model::civil::{cst_date, cst_month_bounds};
use rusqlite::Connection;

use self::expected::{Expected, compute};

const SLOT: i64 = 300;
const DAY: i64 = 86_400;

/// The seconds from the start of a slot to the time of its point, from the file's setting.
pub(crate) fn shift(database: &Connection) -> i64 {
    let sql = "SELECT value = 'end' FROM origin_settings WHERE name = 'slot_label'";
    let is_end: bool = database.query_row(sql, [], |row| row.get(0)).unwrap();
    if is_end { SLOT } else { 0 }
}

/// Rows by their key, both as text, so that a difference reads well.
type Rows = BTreeMap<String, String>;

/// Where each rollup is read, a month at a time: its key, and the rest of its row. The account's key begins with `*`.
const READ: [&str; 7] = [
    "SELECT domain || '|' || hour_cst, points, bandwidth_avg, bandwidth_peak, traffic_bytes, pv
     FROM origin_hourly WHERE substr(hour_cst, 1, 7) = ?1",
    "SELECT domain || '|' || date_cst, points, expected_points, bandwidth_avg, bandwidth_peak, peak_ts,
            traffic_bytes, pv, period_slots, empty_slots, complete
     FROM origin_daily WHERE substr(date_cst, 1, 7) = ?1",
    "SELECT domain || '|' || date_cst || '|' || code, class, requests
     FROM origin_status_daily WHERE substr(date_cst, 1, 7) = ?1",
    "SELECT domain || '|' || month_cst, points, expected_points, bandwidth_95, bandwidth_peak,
            bandwidth_fourth_peak, bandwidth_daily_peak_avg, traffic_bytes, pv, period_slots, empty_slots, complete,
            bandwidth_95_ts, bandwidth_95_least
     FROM origin_monthly WHERE month_cst = ?1",
    "SELECT '*|' || hour_cst, domains, points, expected_points, bandwidth_avg, bandwidth_peak, traffic_bytes, pv
     FROM origin_account_hourly WHERE substr(hour_cst, 1, 7) = ?1",
    "SELECT '*|' || date_cst, domains, points, expected_points, bandwidth_avg, bandwidth_peak, peak_ts,
            traffic_bytes, pv, period_slots, empty_slots, complete
     FROM origin_account_daily WHERE substr(date_cst, 1, 7) = ?1",
    "SELECT '*|' || month_cst, domains, points, expected_points, bandwidth_95, bandwidth_peak,
            bandwidth_fourth_peak, bandwidth_daily_peak_avg, traffic_bytes, pv, period_slots, empty_slots, complete,
            bandwidth_95_ts, bandwidth_95_least
     FROM origin_account_monthly WHERE month_cst = ?1",
];
/// The tables behind them.
const TABLES: [&str; 7] = [
    "rollup_hour",
    "rollup_day",
    "rollup_code_day",
    "rollup_month",
    "origin_account_hourly",
    "origin_account_daily",
    "origin_account_monthly",
];

/// All rollups equal the sums of the points, except on days that are noted as stale.
#[track_caller]
pub(crate) fn assert_rollups(database: &Connection) {
    assert_eq!(rollup_violations(database), Vec::<String>::new());
}

/// The rows of the rollups that differ from the sums of the points, without the days that are noted as stale.
pub(crate) fn rollup_violations(database: &Connection) -> Vec<String> {
    let edges: (Option<i64>, Option<i64>) = database
        .query_row("SELECT min(start_ts), max(end_ts) FROM coverage", [], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })
        .unwrap();
    let stale = stale(database);
    let mut violations = Vec::new();
    let mut seen = 0;
    let shift = shift(database);
    if let (Some(from), Some(to)) = edges {
        let (mut from, to) = (from - shift, to - shift);
        while from < to {
            let (start, end) = cst_month_bounds(from).unwrap();
            let month = cst_date(start)[..7].to_owned();
            let Expected {
                hourly,
                daily,
                codes,
                monthly,
                account_hourly,
                account_daily,
                account_monthly,
            } = compute(database, (start, end), &month);
            let domains = [hourly, daily, codes, monthly];
            let account = [account_hourly, account_daily, account_monthly];
            for (sql, mut expected) in READ.into_iter().zip(domains.into_iter().chain(account)) {
                let mut stored = read(database, sql, &month);
                seen += stored.len();
                expected.retain(|key, _| !is_stale(&stale, key));
                stored.retain(|key, _| !is_stale(&stale, key));
                for (key, row) in expected {
                    let told = stored.remove(&key);
                    if told.as_ref() != Some(&row) {
                        violations.push(format!("{key} is {told:?}, the points say {row}, by {sql}"));
                    }
                }
                let surplus = stored.into_iter();
                violations
                    .extend(surplus.map(|row| format!("more than the points add up to: {row:?}, by {sql}")));
            }
            from = end;
        }
    }
    let counts = TABLES.map(|table| {
        let sql = format!("SELECT count(*) FROM {table}");
        database.query_row(&sql, [], |row| row.get::<_, i64>(0)).unwrap()
    });
    let all: i64 = counts.iter().sum();
    if i64::try_from(seen) != Ok(all) {
        violations.push(format!("{all} rows, and {seen} of months that were asked for"));
    }
    violations
}

/// No day is noted as stale.
#[track_caller]
pub(crate) fn assert_nothing_stale(database: &Connection) {
    let stale: i64 = database
        .query_row("SELECT count(*) FROM rollup_due", [], |row| row.get(0))
        .unwrap();
    assert_eq!(stale, 0, "days that the rollups do not tell yet");
}

/// The stale days, and their months with those of the account, as keys.
fn stale(database: &Connection) -> BTreeSet<String> {
    let mut keys = BTreeSet::new();
    let mut select = database
        .prepare("SELECT d.name, r.day_ts FROM rollup_due r JOIN domain d ON d.id = r.domain_id")
        .unwrap();
    let mut rows = select.query([]).unwrap();
    while let Some(row) = rows.next().unwrap() {
        let (name, date): (String, String) = (row.get(0).unwrap(), cst_date(row.get(1).unwrap()));
        keys.insert(format!("{name}|{}", &date[..7]));
        keys.insert(format!("*|{}", &date[..7]));
        keys.insert(format!("*|{date}"));
        keys.insert(format!("{name}|{date}"));
    }
    keys
}

/// Whether the day or the month of a row is stale.
fn is_stale(stale: &BTreeSet<String>, key: &str) -> bool {
    let mut parts = key.split('|');
    let (name, time) = (parts.next().unwrap(), parts.next().unwrap());
    stale.contains(&format!("{name}|{}", time.get(..10).unwrap_or(time)))
}

fn read(database: &Connection, sql: &str, month: &str) -> Rows {
    let mut select = database.prepare_cached(sql).unwrap();
    let columns = select.column_count();
    let mut rows = select.query([month]).unwrap();
    let mut read = Rows::new();
    while let Some(row) = rows.next().unwrap() {
        let values: Vec<String> = (1..columns)
            .map(|at| match row.get_ref(at).unwrap() {
                rusqlite::types::ValueRef::Null => "NULL".to_owned(),
                rusqlite::types::ValueRef::Integer(number) => number.to_string(),
                rusqlite::types::ValueRef::Real(number) => format!("{number:?}"),
                other => other.as_str().unwrap().to_owned(),
            })
            .collect();
        read.insert(row.get(0).unwrap(), values.join("|"));
    }
    read
}
