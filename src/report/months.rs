//! The billing measures of the months.

use std::collections::BTreeMap;

use serde::Serialize;

use super::error::ReportError;
use super::number::{Exact, whole};
use super::source::Source;
use crate::model::open_slots::{OpenSlots, PeriodState};
use crate::model::{CalendarMonth, Refresh, Span, UnixSeconds, civil};
use crate::store::Reader;

/// The most rows. Beyond them the oldest months are left out.
pub const ROWS: usize = 20_000;

/// For how many months that are not complete the page says why.
const EXPLAINED: usize = 6;

/// A month of a domain, or of the account.
#[derive(Debug, Clone, Serialize)]
pub struct MonthRow {
    /// The domain's place in the report; `null` is the account.
    pub domain: Option<usize>,
    /// The UTC+8 month.
    pub month: String,
    /// The number of points.
    pub points: i64,
    /// The number of slots that were asked for.
    pub expected: i64,
    /// The number of its slots, those to come included.
    pub slots: i64,
    /// Whether no figure can change any more.
    pub complete: bool,
    /// How far it is complete.
    pub words: String,
    /// The 95 peak, in bit/s.
    pub p95: Exact,
    /// The time of the point that is the 95 peak; `null` if it is a slot without a point.
    pub p95_ts: Option<UnixSeconds>,
    /// The highest point, in bit/s.
    pub peak: Exact,
    /// The fourth highest point, in bit/s.
    pub fourth: Exact,
    /// The mean of the daily peaks, in whole bit/s.
    pub daily: Exact,
    /// Bandwidth summed over time.
    pub traffic: Exact,
    /// Requests.
    pub pv: Exact,
}

/// How far months are complete, in words, by month and domain. `None` is the account.
pub type MonthWords = BTreeMap<String, BTreeMap<Option<String>, String>>;

/// Returns in words why months are not complete: for the latest ones of the account that are not.
pub(super) fn words(
    reader: &Reader,
    rows: &[MonthRow],
    (refresh, now): (&Refresh, UnixSeconds),
) -> Result<MonthWords, ReportError> {
    let open = rows.iter().rev().filter(|row| !row.complete).take(EXPLAINED);
    let mut words = MonthWords::new();
    for name in open.map(|row| &row.month) {
        let Ok(month) = name.parse::<CalendarMonth>() else {
            continue;
        };
        let bills = reader.bill(month, now, refresh)?;
        let account = bills.account.iter().map(|bill| (None, bill));
        let domains = bills
            .domains
            .iter()
            .map(|(name, bill)| (Some(name.clone()), bill));
        let of_month = account
            .chain(domains)
            .map(|(name, bill)| (name, bill.state.in_words()));
        words.insert(name.clone(), of_month.collect());
    }
    Ok(words)
}

/// Writes the words into the rows of a domain, or of the account.
pub(super) fn explain(rows: &mut [MonthRow], name: Option<&str>, words: &MonthWords) {
    for row in rows {
        let of_month = words.get(&row.month);
        if let Some(found) = of_month.and_then(|of_month| of_month.get(&name.map(ToOwned::to_owned))) {
            row.words.clone_from(found);
        }
    }
}

/// Returns the first month to show, so that `domains` and the account stay within [`ROWS`].
#[must_use]
pub fn first(domains: usize, span: Span) -> String {
    let first = civil::cst_month(span.start());
    let mut month = civil::cst_month(span.end() - 1);
    let mut bounds = civil::cst_month_bounds(span.end() - 1);
    let mut left = ROWS / (domains + 1);
    while month > first
        && left > 1
        && let Some((start, _)) = bounds
    {
        month = civil::cst_month(start - 1);
        bounds = civil::cst_month_bounds(start - 1);
        left -= 1;
    }
    month
}

/// Reads the months of `source`, which is the domain at `place` in the report or the account, from `first` to the end of
/// `span`, in order. Months are whole, even if `span` covers a part of them.
pub(super) fn read(
    reader: &Reader,
    (source, place): (Source<'_>, Option<usize>),
    first: &str,
    span: Span,
) -> Result<Vec<MonthRow>, ReportError> {
    let mut months = Vec::new();
    reader.each::<ReportError>(
        &format!(
            "SELECT month_cst, points, expected_points, bandwidth_95, bandwidth_peak, bandwidth_fourth_peak,
                    bandwidth_daily_peak_avg, traffic_bytes, pv, period_slots, empty_slots, complete, bandwidth_95_ts
             {} AND month_cst >= ?2 AND month_cst <= ?3 ORDER BY month_cst",
            source.rows("monthly")
        ),
        (source.name(), first, civil::cst_month(span.end() - 1)),
        |row| {
            let state = PeriodState {
                is_complete: row.get(11)?,
                empty: row.get(10)?,
                open: OpenSlots::default(),
            };
            months.push(MonthRow {
                domain: place,
                month: row.get(0)?,
                points: row.get(1)?,
                expected: row.get(2)?,
                slots: row.get(9)?,
                complete: state.is_complete,
                words: state.in_words(),
                p95: Exact(row.get(3)?),
                p95_ts: row.get(12)?,
                peak: Exact(row.get(4)?),
                fourth: Exact(row.get(5)?),
                daily: Exact(whole(row.get(6)?)),
                traffic: Exact(row.get(7)?),
                pv: Exact(row.get(8)?),
            });
            Ok(())
        },
    )?;
    Ok(months)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::slot::DAY_SECONDS;

    #[test]
    fn of_many_domains_the_newest_months_are_shown() {
        let (start, end) = (1_767_196_800, 1_767_196_800 + 365 * DAY_SECONDS); // 2026 in UTC+8
        let year = Span::new(start, end).unwrap();
        assert_eq!(first(100, year), "2026-01");
        assert_eq!(first(4_999, year), "2026-09");
        assert_eq!(first(1_000_000, year), "2026-12");
    }
}
