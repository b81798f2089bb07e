//! The domains, the days and the time step of a report.

use rusqlite::types::ValueRef;

use super::error::ReportError;
use crate::model::convert::to_usize;
use crate::model::slot::{DAY_SECONDS, HOUR_SECONDS, SLOT_SECONDS, cst_day_ceil, cst_day_floor};
use crate::model::{Refresh, SlotLabel, Span, UnixSeconds, moment, text};
use crate::store::Reader;

/// The most 5-minute points, of all domains together: 3 domains and 30 days are 25 920.
pub const POINT_CELLS: i64 = 40_000;
/// The most hours, days or groups of days, of all domains together: 100 domains with 41 days by hour, or with two and a
/// half years by day. About 25 bytes each.
pub const CELLS: i64 = 100_000;
/// The most days by status class, of all domains together. About 25 bytes each.
pub const STATUS_CELLS: i64 = 60_000;
/// The most domains. Beyond them, those with the least traffic are left out, and the page says so.
pub const DOMAINS: usize = 1_000;

/// The domains and the range that the user chose.
#[derive(Debug, Clone, Default)]
pub struct ReportRequest {
    /// The domains; empty for all.
    pub domains: Vec<String>,
    /// The start of the range.
    pub from: Option<UnixSeconds>,
    /// The end of the range (exclusive).
    pub to: Option<UnixSeconds>,
    /// When slots are asked for.
    pub refresh: Refresh,
}

/// The domains and the days of a report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scope {
    /// The domains, in the order of their names.
    pub domains: Vec<String>,
    /// Whole UTC+8 days; `None` if the database holds nothing of the request.
    pub span: Option<Span>,
}

impl Scope {
    /// Returns the part of `request` that the database holds. `label` decides the day of a point.
    pub(super) fn find(
        reader: &Reader,
        request: &ReportRequest,
        label: SlotLabel,
    ) -> Result<Self, ReportError> {
        let known = reader.domains()?;
        if let Some(name) = request.domains.iter().find(|name| !known.contains(name)) {
            return Err(unknown(name, &known));
        }
        let mut domains = request.domains.clone();
        domains.sort_unstable();
        domains.dedup();
        if domains.is_empty() {
            domains = known;
        }
        let mut ends: Option<(UnixSeconds, UnixSeconds)> = None;
        for domain in &domains {
            if let Some(span) = fetched(reader, domain)? {
                let (start, end) = ends.unwrap_or((span.start(), span.end()));
                ends = Some((start.min(span.start()), end.max(span.end())));
            }
        }
        let span = ends.and_then(|(start, end)| {
            let (start, end) = (start - label.shift(), end - label.shift());
            let from = request.from.map_or(start, |from| from.max(start));
            let to = request.to.map_or(end, |to| to.min(end));
            Span::new(from, to)
        });
        Ok(Self {
            domains,
            span: span.and_then(|span| Span::new(cst_day_floor(span.start()), cst_day_ceil(span.end()))),
        })
    }
}

/// The time step of a series.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Every 5-minute point.
    Points,
    /// By hour.
    Hours,
    /// By this many days.
    Days(i64),
}

impl Step {
    /// Returns the finest step that stays within the limits.
    #[must_use]
    pub fn finest(domains: usize, span: Span) -> Self {
        let cells = |seconds: i64| domain_cells(domains, span, seconds);
        if cells(SLOT_SECONDS) <= POINT_CELLS {
            Self::Points
        } else if cells(HOUR_SECONDS) <= CELLS {
            Self::Hours
        } else {
            Self::days(domains, span, CELLS)
        }
    }

    /// Returns the fewest days in a step that keep all domains within `cells`.
    #[must_use]
    pub fn days(domains: usize, span: Span, cells: i64) -> Self {
        let days = [1, 7, 28, 364, 3640];
        let fits = |count: &i64| domain_cells(domains, span, count * DAY_SECONDS) <= cells;
        Self::Days(days.into_iter().find(fits).unwrap_or(36_400))
    }

    /// Returns the length of one bucket, in seconds.
    #[must_use]
    pub fn seconds(self) -> i64 {
        match self {
            Self::Points => SLOT_SECONDS,
            Self::Hours => HOUR_SECONDS,
            Self::Days(days) => days * DAY_SECONDS,
        }
    }

    /// Returns the number of buckets in the span. The last one may extend beyond it.
    #[must_use]
    pub fn buckets(self, span: Span) -> usize {
        to_usize((span.seconds() - 1) / self.seconds() + 1)
    }

    /// Returns the bucket that contains `ts`.
    #[must_use]
    pub fn bucket(self, span: Span, ts: UnixSeconds) -> Option<usize> {
        if !span.contains(ts) {
            return None;
        }
        usize::try_from((ts - span.start()) / self.seconds()).ok()
    }
}

/// Parses the time of a rollup: `2026-01-01 08:00:00` or `2026-01-01`, in UTC+8.
pub(super) fn rollup_time(relation: &'static str, value: ValueRef<'_>) -> Result<UnixSeconds, ReportError> {
    let value = value.as_str().unwrap_or_default();
    match value.len() {
        10 | 19 => moment::parse_moment(value, 0).ok(),
        _ => None,
    }
    .ok_or_else(|| ReportError::MalformedTime {
        relation,
        value: text::printable(value),
    })
}

fn domain_cells(domains: usize, span: Span, seconds: i64) -> i64 {
    let buckets = (span.seconds() - 1) / seconds + 1;
    i64::try_from(domains).map_or(i64::MAX, |domains| buckets.saturating_mul(domains))
}

/// Returns the range from the first to the last slot of `domain` that was fetched. Slots that were never asked for, or
/// are beyond retention, may lie years earlier and would make the rest of a chart small.
fn fetched(reader: &Reader, domain: &str) -> Result<Option<Span>, ReportError> {
    let sql = "SELECT min(start_ts), max(end_ts) FROM origin_coverage
               WHERE domain = ?1 AND state <> 'beyond_retention'";
    let mut span = None;
    reader.each::<ReportError>(sql, [domain], |row| {
        let ends: (Option<i64>, Option<i64>) = (row.get(0)?, row.get(1)?);
        span = ends.0.zip(ends.1).and_then(|(start, end)| Span::new(start, end));
        Ok(())
    })?;
    Ok(span)
}

fn unknown(name: &str, known: &[String]) -> ReportError {
    let mut shown: Vec<String> = known
        .iter()
        .take(5)
        .map(|name| format!("`{}`", text::printable(name)))
        .collect();
    if known.len() > shown.len() {
        shown.push(format!("{} more", known.len() - shown.len()));
    }
    ReportError::UnknownDomain {
        name: text::printable(name),
        known: if shown.is_empty() {
            "no domain yet".to_owned()
        } else {
            shown.join(", ")
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn days(count: i64) -> Span {
        Span::new(-28_800, -28_800 + count * DAY_SECONDS).unwrap()
    }

    #[test]
    fn the_step_grows_with_domains_and_days_and_the_cells_stay_bounded() {
        assert_eq!(Step::finest(3, days(30)), Step::Points);
        assert_eq!(Step::finest(3, days(62)), Step::Hours);
        assert_eq!(Step::finest(60, days(62)), Step::Hours);
        assert_eq!(Step::finest(100, days(365)), Step::Days(1));
        assert_eq!(Step::finest(1000, days(365)), Step::Days(7));
        for domains in [1, 3, 10, 100, 1000] {
            for length in [1, 2, 30, 62, 365, 3650, 36_500] {
                let span = days(length);
                let step = Step::finest(domains, span);
                let cells = i64::try_from(domains * step.buckets(span)).unwrap();
                assert!(cells <= CELLS, "{domains} domains, {length} days: {cells}");
            }
        }
    }

    #[test]
    fn every_moment_of_the_span_has_a_bucket() {
        let span = days(30);
        for step in [Step::Points, Step::Hours, Step::Days(1), Step::Days(7)] {
            assert_eq!(step.bucket(span, span.start()), Some(0));
            assert_eq!(step.bucket(span, span.end() - 1), Some(step.buckets(span) - 1));
            assert_eq!(step.bucket(span, span.end()), None);
            assert_eq!(step.bucket(span, span.start() - 1), None);
        }
    }

    #[test]
    fn a_rollup_time_is_in_utc8_and_anything_else_is_an_error() {
        assert_eq!(
            rollup_time("origin_daily", "2019-09-15".into()).unwrap(),
            1_568_476_800
        );
        assert_eq!(
            rollup_time("origin_hourly", "2019-09-15 01:00:00".into()).unwrap(),
            1_568_480_400
        );
        for odd in ["", "now", "7d", "2019-09", "2019-13-01"] {
            assert!(
                matches!(
                    rollup_time("origin_daily", odd.into()),
                    Err(ReportError::MalformedTime { .. })
                ),
                "{odd}"
            );
        }
    }
}
