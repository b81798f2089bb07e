//! Hours, days and months, computed a second time from what the public relations and coverage tell.

use std::collections::{BTreeMap, BTreeSet};

use jdcdn_stats::model::civil::{cst_date, cst_month_bounds, cst_second};
use rusqlite::Connection;

const SLOT: i64 = 300;
const DAY: i64 = 86_400;

/// How long after the start of its five minutes a point's time is, by what the file says of itself.
pub(crate) fn shift(database: &Connection) -> i64 {
    let sql = "SELECT value = 'end' FROM origin_settings WHERE name = 'slot_label'";
    let is_end: bool = database.query_row(sql, [], |row| row.get(0)).unwrap();
    if is_end { SLOT } else { 0 }
}

/// Rows by their key, both as text, so that a difference reads well.
type Rows = BTreeMap<String, String>;

/// What the four rollups should hold.
#[derive(Default)]
struct Expected {
    hourly: Rows,
    daily: Rows,
    codes: Rows,
    monthly: Rows,
}

/// Points that are summed up.
#[derive(Default)]
struct Sum {
    points: i64,
    bandwidth: i128,
    /// Higher first, then earlier.
    peak: Option<(i64, std::cmp::Reverse<i64>)>,
    pv: i128,
}

/// What does not fit into 64 bits stands as the most that does.
fn bounded(sum: i128) -> i64 {
    i64::try_from(sum).unwrap_or(i64::MAX)
}

impl Sum {
    fn add(&mut self, ts: i64, bandwidth: i64, pv: i64) {
        self.points += 1;
        self.bandwidth += i128::from(bandwidth);
        self.peak = self.peak.max(Some((bandwidth, std::cmp::Reverse(ts))));
        self.pv += i128::from(pv);
    }

    #[expect(
        clippy::as_conversions,
        clippy::cast_precision_loss,
        reason = "the mean is a double"
    )]
    fn average(&self) -> f64 {
        self.bandwidth as f64 / self.points as f64
    }

    fn bytes(&self) -> i64 {
        bounded(self.bandwidth * 300 / 8)
    }
}

/// What a month is billed by, found the plain way.
#[derive(Default)]
struct Bill {
    bandwidths: Vec<i64>,
    peaks: BTreeMap<i64, i64>,
    asked: i64,
    whole: i64,
    pv: i128,
}

impl Bill {
    fn add(&mut self, ts: i64, bandwidth: i64, pv: i64) {
        self.bandwidths.push(bandwidth);
        let peak = self.peaks.entry((ts + 28_800).div_euclid(DAY)).or_default();
        *peak = bandwidth.max(*peak);
        self.pv += i128::from(pv);
    }

    fn ask(&mut self, slot: i64) {
        self.asked += 1;
        self.peaks.entry((slot + 28_800).div_euclid(DAY)).or_default();
    }

    #[expect(
        clippy::as_conversions,
        clippy::cast_precision_loss,
        reason = "the mean is a double"
    )]
    fn row(mut self) -> String {
        // Missing slots as 0: the list is as long as what was asked for.
        let length = usize::try_from(self.asked).unwrap().max(self.bandwidths.len());
        self.bandwidths.resize(length.max(4), 0);
        self.bandwidths.sort_unstable();
        self.bandwidths.reverse();
        let bytes = self.bandwidths.iter().map(|bits| i128::from(*bits)).sum::<i128>() * 300 / 8;
        let bytes = bounded(bytes);
        let peaks: i128 = self.peaks.values().map(|peak| i128::from(*peak)).sum();
        format!(
            "{}|{}|{}|{}|{}|{:?}|{bytes}|{}",
            self.whole,
            self.asked,
            self.bandwidths[length * 5 / 100],
            self.bandwidths[0],
            self.bandwidths[3],
            peaks as f64 / self.peaks.len() as f64,
            bounded(self.pv)
        )
    }
}

/// Where each rollup is read, a month at a time: its key, and the rest of its row.
const READ: [&str; 4] = [
    "SELECT domain || '|' || hour_cst, points, bandwidth_avg, bandwidth_peak, traffic_bytes, pv
     FROM origin_hourly WHERE substr(hour_cst, 1, 7) = ?1",
    "SELECT domain || '|' || date_cst, points, expected_points, bandwidth_avg, bandwidth_peak, peak_ts,
            traffic_bytes, pv
     FROM origin_daily WHERE substr(date_cst, 1, 7) = ?1",
    "SELECT domain || '|' || date_cst || '|' || code, class, requests
     FROM origin_status_daily WHERE substr(date_cst, 1, 7) = ?1",
    "SELECT domain || '|' || month_cst, points, expected_points, bandwidth_95, bandwidth_peak,
            bandwidth_fourth_peak, bandwidth_daily_peak_avg, traffic_bytes, pv
     FROM origin_monthly WHERE month_cst = ?1",
];

/// All rollups say what the points add up to, but for the days that are still noted as due.
#[track_caller]
pub(crate) fn assert_rollups(database: &Connection) {
    assert_eq!(rollup_violations(database), Vec::<String>::new());
}

/// The rows of the rollups that do not say what the points add up to, but for the days that are still noted as due.
pub(crate) fn rollup_violations(database: &Connection) -> Vec<String> {
    let edges: (Option<i64>, Option<i64>) = database
        .query_row("SELECT min(start_ts), max(end_ts) FROM coverage", [], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })
        .unwrap();
    let owed = owed(database);
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
            } = compute(database, (start, end), &month);
            for (sql, mut expected) in READ.into_iter().zip([hourly, daily, codes, monthly]) {
                let mut stored = read(database, sql, &month);
                seen += stored.len();
                expected.retain(|key, _| !is_owed(&owed, key));
                stored.retain(|key, _| !is_owed(&owed, key));
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
    let all: i64 = database
        .query_row(
            "SELECT (SELECT count(*) FROM origin_hourly) + (SELECT count(*) FROM origin_daily)
                  + (SELECT count(*) FROM origin_status_daily) + (SELECT count(*) FROM origin_monthly)",
            [],
            |row| row.get(0),
        )
        .unwrap();
    if i64::try_from(seen) != Ok(all) {
        violations.push(format!("{all} rows, and {seen} of months that were asked for"));
    }
    violations
}

/// Nothing is left to be brought up to date.
#[track_caller]
pub(crate) fn assert_nothing_owed(database: &Connection) {
    let owed: i64 = database
        .query_row("SELECT count(*) FROM rollup_due", [], |row| row.get(0))
        .unwrap();
    assert_eq!(owed, 0, "days that the rollups do not tell yet");
}

/// The days that are noted as due, and their months with those of the account, as keys.
fn owed(database: &Connection) -> BTreeSet<String> {
    let mut keys = BTreeSet::new();
    let mut select = database
        .prepare("SELECT d.name, r.day_ts FROM rollup_due r JOIN domain d ON d.id = r.domain_id")
        .unwrap();
    let mut rows = select.query([]).unwrap();
    while let Some(row) = rows.next().unwrap() {
        let (name, date): (String, String) = (row.get(0).unwrap(), cst_date(row.get(1).unwrap()));
        keys.insert(format!("{name}|{}", &date[..7]));
        keys.insert(format!("*|{}", &date[..7]));
        keys.insert(format!("{name}|{date}"));
    }
    keys
}

/// Whether the day of a row, or its month where it is one of a month, is noted as due.
fn is_owed(owed: &BTreeSet<String>, key: &str) -> bool {
    let mut parts = key.split('|');
    let (name, time) = (parts.next().unwrap(), parts.next().unwrap());
    owed.contains(&format!("{name}|{}", time.get(..10).unwrap_or(time)))
}

/// Every slot of a range that a domain was asked for: when its five minutes began, the date of that, and whether it was
/// fetched.
fn asked(database: &Connection, domain: i64, (start, end): (i64, i64)) -> Vec<(i64, String, bool)> {
    let mut select = database
        .prepare_cached("SELECT start_ts, end_ts, reached IS NOT NULL FROM coverage WHERE domain_id = ?1")
        .unwrap();
    let shift = shift(database);
    let mut rows = select.query([domain]).unwrap();
    let mut slots = Vec::new();
    while let Some(row) = rows.next().unwrap() {
        let (from, to): (i64, i64) = (row.get(0).unwrap(), row.get(1).unwrap());
        let (from, to) = ((from - shift).max(start), (to - shift).min(end));
        let fetched: bool = row.get(2).unwrap();
        let mut date = (i64::MIN, String::new());
        for slot in (from..to).step_by(300) {
            let day = (slot + 28_800).div_euclid(DAY);
            if date.0 != day {
                date = (day, cst_date(slot));
            }
            slots.push((slot, date.1.clone(), fetched));
        }
    }
    slots
}

fn compute(database: &Connection, (start, end): (i64, i64), month: &str) -> Expected {
    let mut expected = Expected::default();
    let mut account: BTreeMap<i64, (i64, i64, u32, u32)> = BTreeMap::new();
    let mut fetched_any = false;
    let shift = shift(database);
    let domains: Vec<(i64, String)> = database
        .prepare_cached("SELECT id, name FROM domain")
        .unwrap()
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))
        .unwrap()
        .map(Result::unwrap)
        .collect();
    for (id, name) in domains {
        // Slots by day: asked for, and fetched.
        let mut days: BTreeMap<String, (i64, i64)> = BTreeMap::new();
        let mut bill = Bill::default();
        for (slot, date, fetched) in asked(database, id, (start, end)) {
            let (asked, got) = days.entry(date).or_default();
            *asked += 1;
            *got += i64::from(fetched);
            bill.ask(slot);
            account.entry(slot).or_default().2 += 1;
        }
        let mut hours: BTreeMap<String, Sum> = BTreeMap::new();
        let mut sums: BTreeMap<String, Sum> = BTreeMap::new();
        let mut select = database
            .prepare_cached(
                "SELECT ts, bandwidth, pv FROM origin_stats WHERE domain = ?1 AND ts >= ?2 AND ts < ?3",
            )
            .unwrap();
        let mut rows = select.query((&name, start + shift, end + shift)).unwrap();
        while let Some(row) = rows.next().unwrap() {
            let ts: i64 = row.get(0).unwrap();
            let (bandwidth, pv): (i64, i64) = (row.get(1).unwrap(), row.get(2).unwrap());
            let began = ts - shift;
            let time = cst_second(began);
            assert_eq!(&time[..7], month, "{ts}");
            hours
                .entry(format!("{name}|{}:00:00", &time[..13]))
                .or_default()
                .add(ts, bandwidth, pv);
            sums.entry(time[..10].to_owned())
                .or_default()
                .add(ts, bandwidth, pv);
            bill.add(began, bandwidth, pv);
            bill.whole += 1;
            let slot = account.entry(began - began.rem_euclid(SLOT)).or_default();
            *slot = (
                slot.0.saturating_add(bandwidth),
                slot.1.saturating_add(pv),
                slot.2,
                slot.3 + 1,
            );
        }
        for (key, sum) in hours {
            let (peak, _) = sum.peak.unwrap();
            let row = format!(
                "{}|{:?}|{peak}|{}|{}",
                sum.points,
                sum.average(),
                sum.bytes(),
                bounded(sum.pv)
            );
            expected.hourly.insert(key, row);
        }
        let mut fetched = false;
        for (date, (asked, got)) in days {
            if got == 0 {
                continue;
            }
            fetched = true;
            let row = day_row(sums.get(&date), asked);
            expected.daily.insert(format!("{name}|{date}"), row);
        }
        if fetched {
            expected.monthly.insert(format!("{name}|{month}"), bill.row());
        }
        fetched_any |= fetched;
        codes(database, (id, &name), (start, end), &mut expected.codes);
    }
    if fetched_any {
        let mut bill = Bill::default();
        for (slot, (bandwidth, pv, asked, held)) in account {
            if asked > 0 {
                bill.ask(slot);
            }
            if held > 0 {
                bill.add(slot, bandwidth, pv);
                bill.whole += i64::from(held == asked);
            }
        }
        expected.monthly.insert(format!("*|{month}"), bill.row());
    }
    expected
}

/// The row of a day of which so many slots were asked for.
fn day_row(sum: Option<&Sum>, asked: i64) -> String {
    let Some(sum) = sum else {
        return format!("0|{asked}|NULL|NULL|NULL|NULL|NULL");
    };
    let (peak, std::cmp::Reverse(at)) = sum.peak.unwrap();
    format!(
        "{}|{asked}|{:?}|{peak}|{at}|{}|{}",
        sum.points,
        sum.average(),
        sum.bytes(),
        bounded(sum.pv)
    )
}

/// The counts of each day and code, with a zero for each code that was only reported as zero.
fn codes(database: &Connection, (id, name): (i64, &str), (start, end): (i64, i64), rows: &mut Rows) {
    let mut sums: BTreeMap<(i64, String), i64> = BTreeMap::new();
    let shift = shift(database);
    let (start, end) = (start + shift, end + shift);
    let mut select = database
        .prepare_cached(
            "SELECT DISTINCT (p.ts + 28800 - ?4) / 86400, s.codes FROM point p JOIN code_set s ON s.id = p.code_set_id
             WHERE p.domain_id = ?1 AND p.ts >= ?2 AND p.ts < ?3",
        )
        .unwrap();
    let mut found = select.query([id, start, end, shift]).unwrap();
    while let Some(row) = found.next().unwrap() {
        let (day, codes): (i64, String) = (row.get(0).unwrap(), row.get(1).unwrap());
        for code in serde_json::from_str::<Vec<String>>(&codes).unwrap() {
            sums.entry((day, code)).or_default();
        }
    }
    let mut select = database
        .prepare_cached(
            "SELECT (ts + 28800 - ?4) / 86400, code, count FROM origin_status_nonzero
             WHERE domain = ?1 AND ts >= ?2 AND ts < ?3",
        )
        .unwrap();
    let mut found = select.query((name, start, end, shift)).unwrap();
    while let Some(row) = found.next().unwrap() {
        let key = (row.get(0).unwrap(), row.get(1).unwrap());
        let sum = sums.get_mut(&key).unwrap();
        *sum = sum.saturating_add(row.get(2).unwrap());
    }
    for ((day, code), requests) in sums {
        let class = match code.as_str() {
            code if code.len() == 3 && "12345".contains(&code[..1]) && code.parse::<u16>().is_ok() => {
                format!("{}xx", &code[..1])
            }
            _ => "other".to_owned(),
        };
        let date = cst_date(day * DAY - 28_800);
        rows.insert(format!("{name}|{date}|{code}"), format!("{class}|{requests}"));
    }
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
