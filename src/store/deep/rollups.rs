//! Compares the rows that the points add up to with the stored ones.

use std::collections::{BTreeMap, BTreeSet};

use rusqlite::Connection;
use rusqlite::types::Value;

use super::report::{Deep, Subject};
use crate::model::billing::{Month, MonthlyFigures};
use crate::model::convert::{to_i64, to_u64};
use crate::model::slot::{DAY_SECONDS, cst_day_floor};
use crate::model::{CoverageSpan, Span, UnixSeconds, civil};
use crate::store::error::Result;
use crate::store::file::statements::Statements as _;
use crate::store::ledger::coverage::cut;
use crate::store::origin::codes::CodeLookup;
use crate::store::origin::rollups::{ACCOUNT, DayTally, MONTHS, RollupTable, TABLES, month_row};
use crate::store::origin::walk::{StoredCount, StoredPoint};
use crate::store::write::roll_up::is_fetched;

type ExpectedRows = BTreeMap<Vec<String>, Vec<Value>>;

/// A domain's month.
pub(super) struct CheckedMonth<'a> {
    pub(super) name: &'a str,
    pub(super) month: Span,
    /// The midnights of the days with stale rollups.
    pub(super) stale: &'a [UnixSeconds],
}

/// What the points of a domain's month add up to.
pub(super) struct MonthTally<'a> {
    covered: &'a [CoverageSpan],
    days: BTreeMap<UnixSeconds, DayTally>,
    month: Month,
}

impl<'a> MonthTally<'a> {
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
    pub(super) fn add(&mut self, start: UnixSeconds, point: StoredPoint, counts: &[StoredCount]) {
        self.month.add(start, point.bandwidth, point.pv);
        let midnight = cst_day_floor(start);
        let day = self.days.entry(midnight).or_default();
        day.add(start - midnight, point);
        for &count in counts {
            day.add_count(count);
        }
    }

    /// Returns the rows that should be stored, by relation.
    fn rows(
        self,
        connection: &Connection,
        month: Span,
        codes: &mut CodeLookup,
    ) -> Result<BTreeMap<&'static str, ExpectedRows>> {
        let mut rows = Vec::new();
        let no_points = DayTally::default();
        let mut midnight = month.start();
        while let Some(day) = Span::new(midnight, (midnight + DAY_SECONDS).min(month.end())) {
            let covered = cut(self.covered, day);
            if is_fetched(&covered) {
                let tally = self.days.get(&midnight).unwrap_or(&no_points);
                let expected = covered.iter().map(|piece| piece.span.slots()).sum();
                rows.extend(tally.rows(connection, midnight, expected, codes)?);
            }
            midnight += DAY_SECONDS;
        }
        if is_fetched(self.covered) {
            rows.push(month_row(month, &self.month.figures()));
        }
        let mut by_table: BTreeMap<&'static str, ExpectedRows> = BTreeMap::new();
        for row in rows {
            by_table
                .entry(row.table.name)
                .or_default()
                .insert(row.key, row.values);
        }
        Ok(by_table)
    }
}

/// Returns how many rows a table has.
pub(super) fn count(connection: &Connection, table: &str) -> Result<i64> {
    connection.value(&["SELECT count(*) FROM ", table].concat(), [])
}

/// Counts the compared rows of each relation.
#[derive(Debug, Default)]
pub(super) struct RollupCheck {
    seen: BTreeMap<&'static str, i64>,
    stale: u64,
}

impl RollupCheck {
    pub(super) fn detail(&self) -> String {
        let rows: i64 = self.seen.values().sum();
        match self.stale {
            0 => format!("{rows} rows are what the points add up to"),
            stale => format!(
                "{rows} rows are what the points add up to, except {stale} stale domain-days, which the next run updates"
            ),
        }
    }

    /// Compares the rows of a domain's month.
    pub(super) fn domain(
        &mut self,
        connection: &Connection,
        deep: &mut Deep,
        of: &CheckedMonth<'_>,
        tally: MonthTally<'_>,
        codes: &mut CodeLookup,
    ) -> Result<()> {
        self.stale += to_u64(of.stale.len());
        let stale: BTreeSet<String> = of.stale.iter().copied().map(civil::cst_date).collect();
        let is_fresh = |date: &str| !stale.iter().any(|stale| date.starts_with(stale.as_str()));
        let expected = tally.rows(connection, of.month, codes)?;
        for table in TABLES {
            let rows = expected.get(table.name);
            let is_month = table.name == MONTHS.name;
            self.compare(connection, deep, (table, of.name, of.month), rows, |date| {
                if is_month {
                    stale.is_empty()
                } else {
                    is_fresh(date)
                }
            })?;
        }
        Ok(())
    }

    /// Compares the account's month.
    pub(super) fn account(
        &mut self,
        connection: &Connection,
        deep: &mut Deep,
        month: Span,
        figures: Option<&MonthlyFigures>,
    ) -> Result<()> {
        let row = figures.map(|figures| month_row(month, figures));
        let rows = row.into_iter().map(|row| (row.key, row.values)).collect();
        self.compare(connection, deep, (MONTHS, ACCOUNT, month), Some(&rows), |_| true)
    }

    /// Skips the account's month.
    pub(super) fn skip_account(
        &mut self,
        connection: &Connection,
        deep: &mut Deep,
        month: Span,
    ) -> Result<()> {
        self.compare(connection, deep, (MONTHS, ACCOUNT, month), None, |_| false)
    }

    /// Finds rows that no month has met: their domain or their month was never asked for.
    pub(super) fn totals(&mut self, connection: &Connection, deep: &mut Deep) -> Result<()> {
        for RollupTable { name, .. } in TABLES {
            let all = count(connection, name);
            let all = deep.judge(Subject::Rollups, &format!("`{name}` cannot be counted"), all)?;
            let seen = self.seen.get(name).copied().unwrap_or(0);
            if let Some(all) = all.filter(|all| *all != seen) {
                let finding =
                    format!("`{name}` has {all} rows, and only {seen} belong to a domain and a month");
                deep.found(Subject::Rollups, finding);
            }
        }
        Ok(())
    }

    /// Compares the stored rows of a domain's month in one relation with the expected ones. `is_fresh` says for a date
    /// whether its rows should be up to date.
    fn compare(
        &mut self,
        connection: &Connection,
        deep: &mut Deep,
        (table, domain, month): (&RollupTable, &str, Span),
        expected: Option<&ExpectedRows>,
        is_fresh: impl Fn(&str) -> bool,
    ) -> Result<()> {
        let name = table.name;
        let (first, end) = (civil::cst_month(month.start()), civil::cst_month(month.end()));
        let stored = table.rows(connection, domain, (&first, &end));
        let what = format!("`{name}` of `{domain}` in {first} cannot be read");
        let Some(stored) = deep.judge(Subject::Rollups, &what, stored)? else {
            return Ok(());
        };
        *self.seen.entry(name).or_insert(0) += to_i64(stored.len());
        let no_rows = ExpectedRows::new();
        let expected = expected.unwrap_or(&no_rows);
        let keys: BTreeSet<&Vec<String>> = expected.keys().chain(stored.keys()).collect();
        for key in keys {
            if !key.first().is_some_and(|date| is_fresh(date)) {
                continue;
            }
            let at = key.join(" ");
            let finding = match (expected.get(key), stored.get(key)) {
                (Some(row), Some(same)) if row == same => continue,
                (Some(_), Some(_)) => {
                    format!("`{name}` of `{domain}` at {at} is not what the points add up to")
                }
                (Some(_), None) => format!("`{name}` of `{domain}` lacks {at}"),
                (None, _) => {
                    format!("`{name}` of `{domain}` has {at}, for which nothing was fetched or reported")
                }
            };
            deep.found(Subject::Rollups, finding);
        }
        Ok(())
    }
}
