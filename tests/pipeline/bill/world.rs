//! What the tests of the bill share: small accounts, and the measures of a month computed from the points.

use std::collections::BTreeMap;

use jdcdn_stats::simulator::Settings;
use serde_json::Value;

use crate::sandbox::{Sandbox, at, domains};

pub(super) const USER: &str = "jcloud_00";
/// A bandwidth and the requests of a point.
pub(super) type Point = (i64, i64);
/// The points of a domain, by their time.
pub(super) type Points = BTreeMap<i64, Point>;

/// An account whose answers are quickly written and read.
pub(super) fn account(count: usize) -> Settings {
    Settings {
        domains: domains(count),
        few_codes: true,
        gzip: false,
        ..Settings::default()
    }
}

/// A world that is configured to begin at `start`, at the time `now`.
pub(super) fn world(settings: Settings, start: &str, now: &str) -> Sandbox {
    let sandbox = Sandbox::new(settings);
    sandbox.configure(USER, &format!("start = {start:?}"));
    sandbox.clock.set(at(now));
    sandbox
}

/// May of two domains, settled in the middle of June.
pub(super) fn may() -> Sandbox {
    let sandbox = world(account(2), "2026-05-01", "2026-06-15 12:00");
    sandbox.backfill("2026-05-01", "2026-06-01", &[]).with(0);
    sandbox
}

/// The bill as JSON.
#[track_caller]
pub(super) fn bill(sandbox: &Sandbox, args: &[&str]) -> Value {
    sandbox
        .run(&[&["bill"], args, &["--format", "json"]].concat())
        .json(0)
}

/// The stored points of each domain in `[from, to)`.
pub(super) fn points(sandbox: &Sandbox, (from, to): (&str, &str)) -> BTreeMap<String, Points> {
    let database = sandbox.database();
    let mut select = database
        .prepare("SELECT domain, ts, bandwidth, pv FROM origin_stats WHERE ts >= ?1 AND ts < ?2")
        .unwrap();
    let mut found: BTreeMap<String, Points> = BTreeMap::new();
    let mut rows = select.query([at(from), at(to)]).unwrap();
    while let Some(row) = rows.next().unwrap() {
        let point = (row.get(2).unwrap(), row.get(3).unwrap());
        let domain: String = row.get(0).unwrap();
        found
            .entry(domain)
            .or_default()
            .insert(row.get(1).unwrap(), point);
    }
    found
}

/// The sums of the slots of all domains.
pub(super) fn summed(all: &BTreeMap<String, Points>) -> Points {
    let mut sums = Points::new();
    for (ts, (bandwidth, pv)) in all.values().flatten() {
        let sum = sums.entry(*ts).or_default();
        *sum = (sum.0 + bandwidth, sum.1 + pv);
    }
    sums
}

/// The measures of a month of which `asked` slots were asked for, on `days` days.
#[derive(Debug)]
pub(super) struct Expected {
    pub(super) peak_95: i64,
    pub(super) ts_95: Option<i64>,
    pub(super) peak: i64,
    pub(super) fourth: i64,
    pub(super) daily_peaks: f64,
    pub(super) traffic: i64,
    pub(super) pv: i64,
}

impl PartialEq for Expected {
    /// The mean is read back from text, which may cost its last bit.
    fn eq(&self, other: &Self) -> bool {
        let whole = |of: &Self| (of.peak_95, of.ts_95, of.peak, of.fourth, of.traffic, of.pv);
        let off = (self.daily_peaks - other.daily_peaks).abs();
        whole(self) == whole(other) && off <= other.daily_peaks * 1e-12
    }
}

#[expect(
    clippy::cast_precision_loss,
    clippy::as_conversions,
    reason = "as the program computes it"
)]
pub(super) fn measured(points: &Points, asked: usize, days: usize) -> Expected {
    let mut ranked: Vec<i64> = points.values().map(|(bandwidth, _)| *bandwidth).collect();
    ranked.sort_unstable_by(|a, b| b.cmp(a));
    let rank = |rank: usize| ranked.get(rank).copied();
    let mut peaks: BTreeMap<i64, i64> = BTreeMap::new();
    for (ts, (bandwidth, _)) in points {
        let peak = peaks.entry((ts + 28_800) / 86_400).or_default();
        *peak = (*bandwidth).max(*peak);
    }
    let first_of = |value: i64| {
        points
            .iter()
            .find(|(_, point)| point.0 == value)
            .map(|(ts, _)| *ts)
    };
    Expected {
        peak_95: rank(asked / 20).unwrap_or(0),
        ts_95: rank(asked / 20).and_then(first_of),
        peak: rank(0).unwrap_or(0),
        fourth: rank(3).unwrap_or(0),
        daily_peaks: peaks.values().sum::<i64>() as f64 / days as f64,
        traffic: ranked.iter().sum::<i64>() * 300 / 8,
        pv: points.values().map(|(_, pv)| pv).sum(),
    }
}

/// The measures that a month of the JSON output shows.
pub(super) fn shown(month: &Value) -> Expected {
    let number = |name: &str| month[name].as_i64().unwrap_or_else(|| panic!("{name}: {month}"));
    Expected {
        peak_95: number("bandwidth_95"),
        ts_95: month["bandwidth_95_ts"].as_i64(),
        peak: number("bandwidth_peak"),
        fourth: number("bandwidth_fourth_peak"),
        daily_peaks: month["bandwidth_daily_peak_avg"].as_f64().unwrap(),
        traffic: number("traffic_bytes"),
        pv: number("pv"),
    }
}
