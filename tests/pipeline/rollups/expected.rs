//! The rollups computed from the points a second time, the plain way.

use std::collections::BTreeMap;

use jdcdn_stats::model::civil::{cst_date, cst_second};
use rusqlite::Connection;

use super::slots::{Period, Slots};
use super::{DAY, Rows, SLOT, shift};

const HOUR: i64 = 3_600;

/// What the rollups should hold.
#[derive(Default)]
pub(super) struct Expected {
    pub(super) hourly: Rows,
    pub(super) daily: Rows,
    pub(super) codes: Rows,
    pub(super) monthly: Rows,
    pub(super) account_hourly: Rows,
    pub(super) account_daily: Rows,
    pub(super) account_monthly: Rows,
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

/// The sum, or the largest 64-bit number if it is larger.
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
    /// Bandwidth, and the time that tells which of equal ones is the first.
    points: Vec<(i64, i64)>,
    peaks: BTreeMap<i64, i64>,
    slots: i64,
    pv: i128,
}

impl Bill {
    fn add(&mut self, (start, ts): (i64, i64), bandwidth: i64, pv: i64) {
        self.points.push((bandwidth, ts));
        let peak = self.peaks.entry((start + 28_800).div_euclid(DAY)).or_default();
        *peak = bandwidth.max(*peak);
        self.pv += i128::from(pv);
    }

    fn ask(&mut self, slot: i64) {
        self.slots += 1;
        self.peaks.entry((slot + 28_800).div_euclid(DAY)).or_default();
    }

    /// The row of a month with this many points and requested slots, and these three columns of completeness.
    #[expect(
        clippy::as_conversions,
        clippy::cast_precision_loss,
        reason = "the mean is a double"
    )]
    fn row(self, points: i64, asked: i64, completeness: &str) -> String {
        let mut bandwidths: Vec<i64> = self.points.iter().map(|(bandwidth, _)| *bandwidth).collect();
        // Missing slots as 0: the list is as long as what was asked for.
        let length = usize::try_from(self.slots).unwrap().max(bandwidths.len());
        bandwidths.resize(length.max(4), 0);
        bandwidths.sort_unstable();
        bandwidths.reverse();
        let dropped = length * 5 / 100;
        let billed = bandwidths[dropped];
        let equal = self.points.iter().filter(|(bandwidth, _)| *bandwidth == billed);
        let first = equal.map(|(_, ts)| *ts).min();
        let first = first.filter(|_| dropped < self.points.len());
        let month = *self.peaks.keys().next().unwrap() * DAY - 28_800;
        let (start, end) = jdcdn_stats::model::civil::cst_month_bounds(month).unwrap();
        let of_all_slots = usize::try_from((end - start) / 300 * 5 / 100).unwrap();
        let least = bandwidths.get(of_all_slots).copied().unwrap_or(0);
        let bytes = bandwidths.iter().map(|bits| i128::from(*bits)).sum::<i128>() * 300 / 8;
        let bytes = bounded(bytes);
        let peaks: i128 = self.peaks.values().map(|peak| i128::from(*peak)).sum();
        format!(
            "{points}|{asked}|{billed}|{}|{}|{:?}|{bytes}|{}|{completeness}|{}|{least}",
            bandwidths[0],
            bandwidths[3],
            peaks as f64 / self.peaks.len() as f64,
            bounded(self.pv),
            first.map_or("NULL".to_owned(), |ts| ts.to_string())
        )
    }
}

/// What all domains say of an hour, a day or a month.
#[derive(Default)]
struct Asked {
    domains: i64,
    slots: i64,
    empty: i64,
    is_void: bool,
}

impl Asked {
    fn add(&mut self, period: Period) {
        self.is_void |= period.is_void;
        if period.is_fetched {
            self.domains += 1;
            self.slots += period.asked;
            self.empty += period.empty;
        }
    }

    fn completeness(&self, slots: i64) -> String {
        completeness(
            slots * self.domains,
            self.empty,
            self.domains > 0 && !self.is_void,
        )
    }
}

fn completeness(slots: i64, empty: i64, is_complete: bool) -> String {
    format!("{slots}|{empty}|{}", i64::from(is_complete))
}

/// A slot of the account.
#[derive(Default)]
struct AccountSlot {
    bandwidth: i64,
    pv: i64,
    is_asked: bool,
    points: i64,
}

/// The account, by slot, and what was asked in each hour, in each day and in the month.
#[derive(Default)]
struct Account {
    slots: BTreeMap<i64, AccountSlot>,
    hours: BTreeMap<i64, Asked>,
    days: BTreeMap<i64, Asked>,
    month: Asked,
}

fn steps(from: i64, to: i64, by: i64) -> impl Iterator<Item = i64> {
    (from..to).step_by(usize::try_from(by).unwrap())
}

pub(super) fn compute(database: &Connection, (start, end): (i64, i64), month: &str) -> Expected {
    let mut expected = Expected::default();
    let mut account = Account::default();
    let shift = shift(database);
    let domains: Vec<(i64, String)> = database
        .prepare_cached("SELECT id, name FROM domain")
        .unwrap()
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))
        .unwrap()
        .map(Result::unwrap)
        .collect();
    for (id, name) in domains {
        let slots = Slots::of(database, id);
        let mut bill = Bill::default();
        for (slot, _) in slots.by_start.range(start..end).filter(|(_, slot)| slot.is_asked) {
            bill.ask(*slot);
            account.slots.entry(*slot).or_default().is_asked = true;
        }
        let mut hours: BTreeMap<String, Sum> = BTreeMap::new();
        let mut sums: BTreeMap<String, Sum> = BTreeMap::new();
        let mut select = database
            .prepare_cached(
                "SELECT ts, bandwidth, pv FROM origin_stats WHERE domain = ?1 AND ts >= ?2 AND ts < ?3",
            )
            .unwrap();
        let mut rows = select.query((&name, start + shift, end + shift)).unwrap();
        let mut points = 0;
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
            bill.add((began, ts), bandwidth, pv);
            points += 1;
            let slot = account.slots.entry(began - began.rem_euclid(SLOT)).or_default();
            slot.bandwidth = slot.bandwidth.saturating_add(bandwidth);
            slot.pv = slot.pv.saturating_add(pv);
            slot.points += 1;
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
        for hour in steps(start, end, HOUR) {
            account
                .hours
                .entry(hour)
                .or_default()
                .add(slots.period(hour, hour + HOUR));
        }
        for day in steps(start, end, DAY) {
            let period = slots.period(day, day + DAY);
            account.days.entry(day).or_default().add(period);
            if period.is_fetched {
                let date = cst_date(day);
                let completeness = completeness(DAY / SLOT, period.empty, period.is_complete);
                let points = sums.get(&date).map_or(0, |sum| sum.points);
                let row = format!(
                    "{points}|{}|{completeness}",
                    day_row(sums.get(&date), period.asked)
                );
                expected.daily.insert(format!("{name}|{date}"), row);
            }
        }
        let period = slots.period(start, end);
        account.month.add(period);
        if period.is_fetched {
            let completeness = completeness((end - start) / SLOT, period.empty, period.is_complete);
            let row = bill.row(points, period.asked, &completeness);
            expected.monthly.insert(format!("{name}|{month}"), row);
        }
        codes(database, (id, &name), (start, end), &mut expected.codes);
    }
    measure(&account, (start, end), month, shift, &mut expected);
    expected
}

/// Measures the account like a domain.
fn measure(account: &Account, (start, end): (i64, i64), month: &str, shift: i64, expected: &mut Expected) {
    let sum = |from: i64, to: i64| {
        let (mut sum, mut points) = (Sum::default(), 0);
        for (slot, held) in account.slots.range(from..to).filter(|(_, slot)| slot.points > 0) {
            sum.add(slot + shift, held.bandwidth, held.pv);
            points += held.points;
        }
        (sum, points)
    };
    for (&hour, asked) in &account.hours {
        let (sum, points) = sum(hour, hour + HOUR);
        if let Some((peak, _)) = sum.peak {
            let row = format!(
                "{}|{points}|{}|{:?}|{peak}|{}|{}",
                asked.domains,
                asked.slots,
                sum.average(),
                sum.bytes(),
                bounded(sum.pv)
            );
            expected
                .account_hourly
                .insert(format!("*|{}", cst_second(hour)), row);
        }
    }
    for (&day, asked) in account.days.iter().filter(|(_, asked)| asked.domains > 0) {
        let (sum, points) = sum(day, day + DAY);
        let figures = day_row(Some(&sum).filter(|sum| sum.points > 0), asked.slots);
        let row = format!(
            "{}|{points}|{figures}|{}",
            asked.domains,
            asked.completeness(DAY / SLOT)
        );
        expected.account_daily.insert(format!("*|{}", cst_date(day)), row);
    }
    let Asked { domains, slots, .. } = account.month;
    if domains > 0 {
        let mut bill = Bill::default();
        let mut points = 0;
        for (&slot, held) in &account.slots {
            if held.is_asked {
                bill.ask(slot);
            }
            if held.points > 0 {
                bill.add((slot, slot + shift), held.bandwidth, held.pv);
                points += held.points;
            }
        }
        let completeness = account.month.completeness((end - start) / SLOT);
        let row = format!("{domains}|{}", bill.row(points, slots, &completeness));
        expected.account_monthly.insert(format!("*|{month}"), row);
    }
}

/// The figures of a day with this many requested slots, without the number of points.
fn day_row(sum: Option<&Sum>, asked: i64) -> String {
    let Some(sum) = sum else {
        return format!("{asked}|NULL|NULL|NULL|NULL|NULL");
    };
    let (peak, std::cmp::Reverse(at)) = sum.peak.unwrap();
    format!(
        "{asked}|{:?}|{peak}|{at}|{}|{}",
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
