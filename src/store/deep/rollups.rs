//! The rows that the points add up to, against those that are stored.

use std::collections::{BTreeMap, BTreeSet};

use rusqlite::Connection;
use rusqlite::types::Value;

use super::months::count;
use super::report::{Deep, Subject};
use crate::model::billing::{Month, MonthlyFigures};
use crate::model::convert::{to_i64, to_u64};
use crate::model::rollup::class;
use crate::model::slot::{DAY_SECONDS, HOUR_SECONDS, cst_day_floor};
use crate::model::{CoverageSpan, Span, UnixSeconds, civil};
use crate::store::error::Result;
use crate::store::origin::rollup_rows::{Codes, Day, Point};
use crate::store::origin::rollups::{ACCOUNT, cut};
use crate::store::origin::stored::Count;

/// A relation, and how its rows of a domain are read: their key first. The key begins with a date or a month, from ?2 to
/// before ?3.
struct Relation {
    name: &'static str,
    sql: &'static str,
}

const HOURLY: Relation = Relation {
    name: "origin_hourly",
    sql: "SELECT hour_cst, points, bandwidth_avg, bandwidth_peak, traffic_bytes, pv FROM origin_hourly
          WHERE domain = ?1 AND hour_cst >= ?2 AND hour_cst < ?3",
};
const DAILY: Relation = Relation {
    name: "origin_daily",
    sql: "SELECT date_cst, points, expected_points, bandwidth_avg, bandwidth_peak, peak_ts, traffic_bytes, pv
          FROM origin_daily WHERE domain = ?1 AND date_cst >= ?2 AND date_cst < ?3",
};
const STATUS_DAILY: Relation = Relation {
    name: "origin_status_daily",
    sql: "SELECT date_cst || ' ' || code, class, requests FROM origin_status_daily
          WHERE domain = ?1 AND date_cst >= ?2 AND date_cst < ?3",
};
const MONTHLY: Relation = Relation {
    name: "origin_monthly",
    sql: "SELECT month_cst, points, expected_points, bandwidth_95, bandwidth_peak, bandwidth_fourth_peak,
                 bandwidth_daily_peak_avg, traffic_bytes, pv
          FROM origin_monthly WHERE domain = ?1 AND month_cst >= ?2 AND month_cst < ?3",
};

type Rows = BTreeMap<String, Vec<Value>>;

/// A domain's month.
pub(super) struct DomainMonth<'a> {
    pub(super) name: &'a str,
    pub(super) month: Span,
    /// The days, by their midnights, whose rollups are known to be out of date.
    pub(super) stale: &'a [UnixSeconds],
}

/// What the points of a domain's month add up to.
pub(super) struct Figures<'a> {
    covered: &'a [CoverageSpan],
    days: BTreeMap<UnixSeconds, (Day, BTreeMap<i64, i64>)>,
    month: Month,
}

impl<'a> Figures<'a> {
    pub(super) fn new(covered: &'a [CoverageSpan]) -> Self {
        let mut month = Month::default();
        for piece in covered {
            month.ask(piece.span);
        }
        Self {
            covered,
            days: BTreeMap::new(),
            month,
        }
    }

    /// Adds a point whose five minutes begin at `start`.
    pub(super) fn add(&mut self, start: UnixSeconds, point: &Point, counts: &[Count]) {
        self.month.add(start, point.bandwidth, point.pv);
        let midnight = cst_day_floor(start);
        let (day, codes) = self.days.entry(midnight).or_default();
        day.add(start - midnight, point);
        for count in counts {
            let requests = codes.entry(count.code).or_insert(0);
            *requests = requests.saturating_add(count.count);
        }
    }
}

/// How many rows of each relation were compared.
#[derive(Debug, Default)]
pub(super) struct Rollups {
    seen: BTreeMap<&'static str, i64>,
    stale: u64,
}

impl Rollups {
    pub(super) fn detail(&self) -> String {
        let rows: i64 = self.seen.values().sum();
        match self.stale {
            0 => format!("{rows} rows are what the points add up to"),
            stale => format!(
                "{rows} rows are what the points add up to, but for {stale} stale days of domains, which the next run brings up to date"
            ),
        }
    }

    /// Compares the rows of a domain's month.
    pub(super) fn domain(
        &mut self,
        connection: &Connection,
        deep: &mut Deep,
        of: &DomainMonth<'_>,
        figures: Figures<'_>,
        codes: &mut Codes,
    ) -> Result<()> {
        self.stale += to_u64(of.stale.len());
        let stale: BTreeSet<String> = of.stale.iter().copied().map(civil::cst_date).collect();
        let (mut hourly, mut daily, mut status) = (Rows::new(), Rows::new(), Rows::new());
        let empty = (Day::default(), BTreeMap::new());
        let mut midnight = of.month.start();
        while let Some(day) = Span::new(midnight, (midnight + DAY_SECONDS).min(of.month.end())) {
            let covered = cut(figures.covered, day);
            if covered.iter().any(|piece| piece.age_when_fetched.is_some()) {
                let (sums, requests) = figures.days.get(&midnight).unwrap_or(&empty);
                let expected = covered.iter().map(|piece| piece.span.slots()).sum();
                daily.insert(civil::cst_date(midnight), daily_row(sums, expected));
                hourly.extend(hourly_rows(midnight, sums));
                status.extend(status_rows(connection, midnight, sums, requests, codes)?);
            }
            midnight += DAY_SECONDS;
        }
        let fetched = figures
            .covered
            .iter()
            .any(|piece| piece.age_when_fetched.is_some());
        let fresh = |key: &str| !stale.iter().any(|date| key.starts_with(date.as_str()));
        let place = Place::new(of.name, of.month);
        self.compare(connection, deep, (&HOURLY, &place), &hourly, fresh)?;
        self.compare(connection, deep, (&DAILY, &place), &daily, fresh)?;
        self.compare(connection, deep, (&STATUS_DAILY, &place), &status, fresh)?;
        let monthly = fetched.then(|| monthly_row(of.month, &figures.month.figures()));
        let monthly = monthly.into_iter().collect();
        self.compare(connection, deep, (&MONTHLY, &place), &monthly, |_| {
            stale.is_empty()
        })
    }

    /// Compares the account's month.
    pub(super) fn account(
        &mut self,
        connection: &Connection,
        deep: &mut Deep,
        month: Span,
        figures: Option<&MonthlyFigures>,
    ) -> Result<()> {
        let expected = figures
            .map(|figures| monthly_row(month, figures))
            .into_iter()
            .collect();
        let place = Place::new(ACCOUNT, month);
        self.compare(connection, deep, (&MONTHLY, &place), &expected, |_| true)
    }

    /// Leaves the account's month out.
    pub(super) fn pass_account(
        &mut self,
        connection: &Connection,
        deep: &mut Deep,
        month: Span,
    ) -> Result<()> {
        let place = Place::new(ACCOUNT, month);
        self.compare(connection, deep, (&MONTHLY, &place), &Rows::new(), |_| false)
    }

    /// Rows that no month has met are of no domain or of no month that was asked for.
    pub(super) fn totals(&mut self, connection: &Connection, deep: &mut Deep) -> Result<()> {
        for relation in [HOURLY, DAILY, STATUS_DAILY, MONTHLY] {
            let name = relation.name;
            let all = count(connection, name);
            let all = deep.judge(Subject::Rollups, &format!("`{name}` cannot be counted"), all)?;
            let seen = self.seen.get(name).copied().unwrap_or(0);
            if let Some(all) = all.filter(|all| *all != seen) {
                let finding =
                    format!("`{name}` holds {all} rows, and only {seen} belong to a domain and a month");
                deep.found(Subject::Rollups, finding);
            }
        }
        Ok(())
    }

    fn compare(
        &mut self,
        connection: &Connection,
        deep: &mut Deep,
        (relation, place): (&Relation, &Place<'_>),
        expected: &Rows,
        is_fresh: impl Fn(&str) -> bool,
    ) -> Result<()> {
        let Relation { name, sql } = relation;
        let found = read(connection, sql, place);
        let domain = place.domain;
        let what = format!("`{name}` of `{domain}` in {} cannot be read", place.from);
        let Some(found) = deep.judge(Subject::Rollups, &what, found)? else {
            return Ok(());
        };
        *self.seen.entry(name).or_insert(0) += to_i64(found.len());
        for (key, row) in expected.iter().filter(|(key, _)| is_fresh(key)) {
            match found.get(key) {
                Some(same) if same == row => {}
                Some(_) => deep.found(
                    Subject::Rollups,
                    format!("`{name}` of `{domain}` at {key} is not what the points add up to"),
                ),
                None => deep.found(Subject::Rollups, format!("`{name}` of `{domain}` lacks {key}")),
            }
        }
        for key in found
            .keys()
            .filter(|key| is_fresh(key) && !expected.contains_key(*key))
        {
            let finding =
                format!("`{name}` of `{domain}` holds {key}, for which nothing was fetched or reported");
            deep.found(Subject::Rollups, finding);
        }
        Ok(())
    }
}

/// Which rows are compared: those of a name whose key lies in a month.
struct Place<'a> {
    domain: &'a str,
    from: String,
    to: String,
}

impl<'a> Place<'a> {
    fn new(domain: &'a str, month: Span) -> Self {
        Self {
            domain,
            from: civil::cst_month(month.start()),
            to: civil::cst_month(month.end()),
        }
    }
}

fn read(connection: &Connection, sql: &str, place: &Place<'_>) -> Result<Rows> {
    let mut select = connection.prepare_cached(sql)?;
    let columns = select.column_count();
    let mut rows = select.query((place.domain, &place.from, &place.to))?;
    let mut found = Rows::new();
    while let Some(row) = rows.next()? {
        let values = (1..columns).map(|at| row.get(at));
        found.insert(row.get(0)?, values.collect::<rusqlite::Result<_>>()?);
    }
    Ok(found)
}

fn hourly_rows(midnight: UnixSeconds, day: &Day) -> impl Iterator<Item = (String, Vec<Value>)> {
    let starts = (0..).map(move |hour| midnight + hour * HOUR_SECONDS);
    starts.zip(day.hours()).filter_map(|(start, hour)| {
        let figures = hour.figures()?;
        let row = vec![
            to_i64(hour.points()).into(),
            figures.bandwidth_avg.into(),
            figures.peak.bandwidth.into(),
            figures.traffic_bytes.into(),
            figures.pv.into(),
        ];
        Some((civil::cst_second(start), row))
    })
}

fn daily_row(day: &Day, expected: i64) -> Vec<Value> {
    let figures = day.tally().figures();
    vec![
        to_i64(day.tally().points()).into(),
        expected.into(),
        figures.map(|figures| figures.bandwidth_avg).into(),
        figures.map(|figures| figures.peak.bandwidth).into(),
        figures.map(|figures| figures.peak.ts).into(),
        figures.map(|figures| figures.traffic_bytes).into(),
        figures.map(|figures| figures.pv).into(),
    ]
}

fn status_rows(
    connection: &Connection,
    midnight: UnixSeconds,
    day: &Day,
    counts: &BTreeMap<i64, i64>,
    codes: &mut Codes,
) -> Result<Rows> {
    let mut requests = BTreeMap::new();
    for set in day.sets() {
        for &code in codes.members(connection, set)? {
            requests.insert(code, 0);
        }
    }
    requests.extend(counts);
    let date = civil::cst_date(midnight);
    let named = requests
        .iter()
        .filter_map(|(code, requests)| Some((codes.name(*code)?, *requests)));
    Ok(named
        .map(|(code, requests)| {
            let row = vec![class(code).to_owned().into(), requests.into()];
            (format!("{date} {code}"), row)
        })
        .collect())
}

fn monthly_row(month: Span, figures: &MonthlyFigures) -> (String, Vec<Value>) {
    let row = vec![
        to_i64(figures.points).into(),
        to_i64(figures.expected_points).into(),
        figures.bandwidth_95.into(),
        figures.bandwidth_peak.into(),
        figures.bandwidth_fourth_peak.into(),
        figures.bandwidth_daily_peak_avg.into(),
        figures.traffic_bytes.into(),
        figures.pv.into(),
    ];
    (civil::cst_month(month.start()), row)
}
