//! Compares the rows that the points add up to with the stored ones.

use std::collections::{BTreeMap, BTreeSet};

use rusqlite::Connection;
use rusqlite::types::Value;

use super::report::{Deep, Subject};
use crate::model::account::AccountMonth;
use crate::model::billing::Month;
use crate::model::completeness::DomainLedger;
use crate::model::convert::{to_i64, to_u64};
use crate::model::slot::{DAY_SECONDS, cst_day_floor};
use crate::model::top_points::TopPoints;
use crate::model::{Span, UnixSeconds, civil};
use crate::store::error::Result;
use crate::store::file::statements::Statements as _;
use crate::store::origin::codes::CodeLookup;
use crate::store::origin::month_rows;
use crate::store::origin::rollup_tables::{ACCOUNT_TABLES, RollupRow, RollupTable, RowKey, TABLES};
use crate::store::origin::rollups::DayTally;
use crate::store::origin::walk::{StoredCount, StoredPoint};
use crate::store::origin::{account_rollups, month_tops};

type ExpectedRows = BTreeMap<RowKey, Vec<Value>>;

/// A domain's month.
pub(super) struct CheckedMonth<'a> {
    pub(super) id: i64,
    pub(super) name: &'a str,
    pub(super) month: Span,
    /// The midnights of the days with stale rollups.
    pub(super) stale: &'a [UnixSeconds],
}

/// What the points of a domain's month add up to.
pub(super) struct MonthTally<'a> {
    ledger: &'a DomainLedger,
    /// The month, and how many seconds a label is later than the start of its slot.
    of: (Span, i64),
    days: BTreeMap<UnixSeconds, DayTally>,
    month: Month,
}

impl<'a> MonthTally<'a> {
    pub(super) fn new(ledger: &'a DomainLedger, of: (Span, i64)) -> Self {
        let mut month = Month::default();
        for piece in &ledger.asked {
            month.ask_in(of.0, piece.span);
        }
        Self {
            ledger,
            of,
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

    /// Returns the rows that should be stored, and the highest points.
    fn rows(self, connection: &Connection, codes: &mut CodeLookup) -> Result<(Vec<RollupRow>, TopPoints)> {
        let (month, _) = self.of;
        let mut rows = Vec::new();
        let no_points = DayTally::default();
        for day in month.pieces(DAY_SECONDS) {
            if self.ledger.is_fetched(day) {
                let tally = self.days.get(&day.start()).unwrap_or(&no_points);
                rows.extend(tally.rows(connection, day.start(), self.ledger, codes)?);
            }
        }
        let (figures, top) = self.month.measured();
        if self.ledger.is_fetched(month) {
            rows.push(month_rows::row(self.of, &figures, self.ledger));
        }
        Ok((rows, top))
    }
}

/// Returns rows by their relation and their key.
fn by_table(rows: Vec<RollupRow>) -> BTreeMap<&'static str, ExpectedRows> {
    let mut by_table: BTreeMap<&'static str, ExpectedRows> = BTreeMap::new();
    for row in rows {
        by_table
            .entry(row.table.name)
            .or_default()
            .insert(row.key, row.values);
    }
    by_table
}

/// Whose rows are compared, and in which month.
struct Compared<'a> {
    /// The domain; `None` for the account.
    domain: Option<(i64, &'a str)>,
    month: Span,
    /// The dates whose rows may be out of date.
    stale: BTreeSet<String>,
}

impl Compared<'_> {
    /// Returns whether a row of this time should be up to date.
    fn is_fresh(&self, table: &RollupTable, time: &str) -> bool {
        if table.is_monthly() {
            self.stale.is_empty()
        } else {
            !self.stale.iter().any(|stale| time.starts_with(stale.as_str()))
        }
    }

    /// Returns the relation and the domain, as findings name them.
    fn name(&self, table: &RollupTable) -> String {
        match self.domain {
            Some((_, domain)) => format!("`{}` of `{domain}`", table.name),
            None => format!("`{}`", table.name),
        }
    }
}

fn dates(days: &[UnixSeconds]) -> BTreeSet<String> {
    days.iter().copied().map(civil::cst_date).collect()
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
        let compared = Compared {
            domain: Some((of.id, of.name)),
            month: of.month,
            stale: dates(of.stale),
        };
        let (rows, top) = tally.rows(connection, codes)?;
        let expected = by_table(rows);
        compare_top(connection, deep, &compared, &top)?;
        for table in TABLES {
            self.compare(
                connection,
                deep,
                (table, &compared),
                expected.get(table.name),
                codes,
            )?;
        }
        Ok(())
    }

    /// Compares the account's month; `account` is `None` if something of it could not be read. `stale` are the midnights of
    /// the days with stale rollups.
    pub(super) fn account(
        &mut self,
        connection: &Connection,
        deep: &mut Deep,
        (month, shift): (Span, i64),
        account: Option<&AccountMonth>,
        stale: &[UnixSeconds],
        codes: &mut CodeLookup,
    ) -> Result<()> {
        let all = || month.pieces(DAY_SECONDS).map(|day| day.start());
        let compared = Compared {
            domain: None,
            month,
            stale: account.map_or_else(|| dates(&all().collect::<Vec<_>>()), |_| dates(stale)),
        };
        let mut rows = Vec::new();
        if let Some(account) = account
            && let Some((figures, top)) = account.month(&[], TopPoints::default())
        {
            rows = account_rollups::rows(account, (month, shift), all(), &figures);
            compare_top(connection, deep, &compared, &top)?;
        }
        let expected = by_table(rows);
        for table in ACCOUNT_TABLES {
            self.compare(
                connection,
                deep,
                (table, &compared),
                expected.get(table.name),
                codes,
            )?;
        }
        Ok(())
    }

    /// Finds rows that no month has met: their domain or their month was never asked for.
    pub(super) fn totals(&mut self, connection: &Connection, deep: &mut Deep) -> Result<()> {
        for RollupTable { name, table, .. } in TABLES.iter().chain(&ACCOUNT_TABLES) {
            let all = count(connection, table);
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

    /// Compares the stored rows of a month in one relation with the expected ones.
    fn compare(
        &mut self,
        connection: &Connection,
        deep: &mut Deep,
        (table, of): (&RollupTable, &Compared<'_>),
        expected: Option<&ExpectedRows>,
        codes: &mut CodeLookup,
    ) -> Result<()> {
        let name = of.name(table);
        let (first, end) = (
            civil::cst_month(of.month.start()),
            civil::cst_month(of.month.end()),
        );
        let stored = table.rows(connection, of.domain.map(|(id, _)| id), (&first, &end));
        let what = format!("{name} in {first} cannot be read");
        let Some(stored) = deep.judge(Subject::Rollups, &what, stored)? else {
            return Ok(());
        };
        *self.seen.entry(table.name).or_insert(0) += to_i64(stored.len());
        let no_rows = ExpectedRows::new();
        let expected = expected.unwrap_or(&no_rows);
        let keys: BTreeSet<&RowKey> = expected.keys().chain(stored.keys()).collect();
        for key in keys {
            let (time, code) = key;
            if !of.is_fresh(table, time) || expected.get(key) == stored.get(key) {
                continue;
            }
            let code = match code {
                Some(id) => codes
                    .code(connection, *id)?
                    .map_or_else(|| format!(" code {id}"), |code| [" ", code].concat()),
                None => String::new(),
            };
            let finding = match (expected.get(key), stored.get(key)) {
                (Some(_), Some(_)) => format!("{name} at {time}{code} is not what the points add up to"),
                (Some(_), None) => format!("{name} lacks {time}{code}"),
                (None, _) => format!("{name} has {time}{code}, for which nothing was fetched or reported"),
            };
            deep.found(Subject::Rollups, finding);
        }
        Ok(())
    }
}

/// Compares the highest points that are kept of a month with those that there are.
fn compare_top(connection: &Connection, deep: &mut Deep, of: &Compared<'_>, top: &TopPoints) -> Result<()> {
    let owner = of.domain.map_or(month_tops::ACCOUNT, |(id, _)| id);
    let whose = of.domain.map_or("the account", |(_, name)| name);
    let month = civil::cst_month(of.month.start());
    let kept = month_tops::read(connection, owner, of.month);
    let what = format!("the highest points of `{whose}` in {month} cannot be read");
    let kept = deep.judge(Subject::Rollups, &what, kept)?.flatten();
    if of.stale.is_empty() && kept.is_some_and(|kept| !kept.begin(top)) {
        let finding = format!("the highest points of `{whose}` in {month} are not those of its points");
        deep.found(Subject::Rollups, finding);
    }
    Ok(())
}
