//! How far a domain is complete, and which months of the account are, by the rollups.

use rusqlite::Connection;

use crate::model::moment::parse_moment;
use crate::model::slot::DAY_SECONDS;
use crate::model::{CalendarMonth, Span, civil};
use crate::store::error::{Result, StoreError, StoreErrorKind};
use crate::store::file::reader::Reader;
use crate::store::file::statements::Statements as _;

/// A month of the account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountMonthState {
    /// The month.
    pub month: CalendarMonth,
    /// Whether no figure can change any more.
    pub complete: bool,
}

/// The first unbroken range of complete days.
#[derive(Debug, Default)]
struct CompleteRange(Option<Span>);

impl CompleteRange {
    /// Takes the next period. Returns whether the range can still grow.
    fn take(&mut self, period: Span, complete: bool) -> bool {
        match self.0 {
            None if complete => self.0 = Some(period),
            None => {}
            Some(range) if complete && range.end() == period.start() => self.0 = Some(range.hull(&period)),
            Some(_) => return false,
        }
        true
    }
}

impl Reader {
    /// Returns the months of the account in order, as far as anything was fetched for them; none in a file of an earlier
    /// version that was not opened for writing since.
    pub fn account_months(&self) -> Result<Vec<AccountMonthState>, StoreError> {
        self.read(|connection| {
            if !connection.table_exists(None, "origin_account_monthly")? {
                return Ok(Vec::new());
            }
            let sql = "SELECT month_cst, complete FROM origin_account_monthly ORDER BY month_cst";
            connection.rows(sql, [], |row| {
                Ok(AccountMonthState {
                    month: month(&row.get::<_, String>(0)?)?,
                    complete: row.get(1)?,
                })
            })
        })
    }
}

/// Returns the first unbroken range of complete days of a domain. Days before it cannot become complete any more, or are
/// still to be asked for: the first of them does not hide what follows.
///
/// Reads the days of the months that are not complete, and no others.
pub(super) fn complete_range(connection: &Connection, domain: i64) -> Result<Option<Span>> {
    let mut range = CompleteRange::default();
    let months: Vec<(String, bool)> = connection.tuples(
        "SELECT month_cst, complete FROM rollup_month WHERE domain_id = ?1 ORDER BY month_cst",
        [domain],
    )?;
    for (name, complete) in months {
        let span = month(&name)?.span();
        if complete {
            if !range.take(span, true) {
                break;
            }
            continue;
        }
        let (from, to) = (civil::cst_date(span.start()), civil::cst_date(span.end()));
        let days: Vec<(String, bool)> = connection.tuples(
            "SELECT date_cst, complete FROM rollup_day
             WHERE domain_id = ?1 AND date_cst >= ?2 AND date_cst < ?3 ORDER BY date_cst",
            (domain, from, to),
        )?;
        for (date, complete) in days {
            if !range.take(day(&date)?, complete) {
                return Ok(range.0);
            }
        }
    }
    Ok(range.0)
}

fn month(name: &str) -> Result<CalendarMonth> {
    name.parse().map_err(|_| impossible(name))
}

fn day(date: &str) -> Result<Span> {
    let start = parse_moment(date, 0).map_err(|_| impossible(date))?;
    Span::new(start, start + DAY_SECONDS).ok_or_else(|| impossible(date))
}

fn impossible(name: &str) -> StoreErrorKind {
    StoreErrorKind::Impossible(format!("{name:?} is not a period of a rollup"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The range of complete periods; each is a start, an end, and whether it is complete.
    fn range(periods: &[(i64, i64, bool)]) -> Option<(i64, i64)> {
        let mut range = CompleteRange::default();
        for &(start, end, complete) in periods {
            if !range.take(Span::new(start, end).unwrap(), complete) {
                break;
            }
        }
        range.0.map(|span| (span.start(), span.end()))
    }

    #[test]
    fn the_first_unbroken_range_of_complete_periods_counts() {
        assert_eq!(range(&[]), None);
        assert_eq!(range(&[(0, 1, false), (1, 2, false)]), None);
        assert_eq!(
            range(&[(0, 1, false), (1, 31, true), (31, 32, true)]),
            Some((1, 32))
        );
        // What follows an incomplete period, or one that was never asked for, is not unbroken.
        assert_eq!(range(&[(0, 1, true), (1, 2, false), (2, 3, true)]), Some((0, 1)));
        assert_eq!(range(&[(0, 1, true), (2, 3, true)]), Some((0, 1)));
    }
}
