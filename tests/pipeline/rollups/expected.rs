//! The rollups computed from the points a second time, the plain way.

use std::collections::BTreeMap;

use jdcdn_stats::model::civil::{cst_date, cst_second};
use rusqlite::Connection;

use super::{DAY, Rows, SLOT, shift};

/// What the four rollups should hold.
#[derive(Default)]
pub(super) struct Expected {
    pub(super) hourly: Rows,
    pub(super) daily: Rows,
    pub(super) codes: Rows,
    pub(super) monthly: Rows,
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

/// Every requested slot of a domain in a range: its start, the date of the start, and whether it was fetched.
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

pub(super) fn compute(database: &Connection, (start, end): (i64, i64), month: &str) -> Expected {
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

/// The row of a day with this many requested slots.
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
