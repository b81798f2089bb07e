//! The months, as they are billed.

use rusqlite::Connection;
use serde::Serialize;

use super::column::{Exact, whole};
use super::error::ReportError;
use crate::model::{Span, civil};

/// The most rows; beyond them, the oldest months are left out.
pub const ROWS: usize = 20_000;

/// A month of a domain, or of the account.
#[derive(Debug, Clone, Serialize)]
pub struct MonthRow {
    /// The domain's place in the report; `null` is the account.
    pub domain: Option<usize>,
    /// The UTC+8 month.
    pub month: String,
    /// Points that are there.
    pub points: i64,
    /// Slots that were asked for.
    pub expected: i64,
    /// The 95 peak, in bit/s.
    pub p95: Exact,
    /// The highest point, in bit/s.
    pub peak: Exact,
    /// The highest point but three, in bit/s.
    pub fourth: Exact,
    /// The mean of the daily peaks, in whole bit/s.
    pub daily: Exact,
    /// Bandwidth summed over time.
    pub traffic: Exact,
    /// Requests.
    pub pv: Exact,
}

/// The first month that is shown, so that `domains` and the account stay within [`ROWS`].
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

/// The months of `name`, which stands at `domain` in the report, from `first` to the end of `span`, in order.
/// Months are shown whole, though `span` may cut them.
pub fn read(
    connection: &Connection,
    name: &str,
    domain: Option<usize>,
    first: &str,
    span: Span,
) -> Result<Vec<MonthRow>, ReportError> {
    let mut select = connection.prepare_cached(
        "SELECT month_cst, points, expected_points, bandwidth_95, bandwidth_peak, bandwidth_fourth_peak,
                bandwidth_daily_peak_avg, traffic_bytes, pv
         FROM origin_monthly WHERE domain = ?1 AND month_cst >= ?2 AND month_cst <= ?3 ORDER BY month_cst",
    )?;
    let rows = select.query_map((name, first, civil::cst_month(span.end() - 1)), |row| {
        Ok(MonthRow {
            domain,
            month: row.get(0)?,
            points: row.get(1)?,
            expected: row.get(2)?,
            p95: Exact(row.get(3)?),
            peak: Exact(row.get(4)?),
            fourth: Exact(row.get(5)?),
            daily: Exact(whole(row.get(6)?)),
            traffic: Exact(row.get(7)?),
            pv: Exact(row.get(8)?),
        })
    })?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
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
