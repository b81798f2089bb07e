//! Which domains and days a report is about, and how finely it tells of them.

use rusqlite::Connection;

use super::error::ReportError;
use crate::model::convert::to_usize;
use crate::model::slot::{DAY_SECONDS, HOUR_SECONDS, SLOT_SECONDS, cst_day_ceil, cst_day_floor};
use crate::model::{SlotLabel, Span, UnixSeconds, moment, text};

/// The most 5-minute points, of all domains together: 3 domains and 30 days are 25 920.
pub const POINT_CELLS: i64 = 40_000;
/// The most hours, days or groups of days, of all domains together: 100 domains and 41 days by hour, or two
/// and a half years by day. About 25 bytes each.
pub const CELLS: i64 = 100_000;
/// The most days by status class, of all domains together. About 25 bytes each.
pub const STATUS_CELLS: i64 = 60_000;
/// The most domains. Beyond them, those with the least traffic are left out, and the page says so.
pub const DOMAINS: usize = 1_000;

/// What a report was asked to be about.
#[derive(Debug, Clone, Default)]
pub struct Asked {
    /// The domains; none: all.
    pub domains: Vec<String>,
    /// The first moment.
    pub from: Option<UnixSeconds>,
    /// The first moment after.
    pub to: Option<UnixSeconds>,
}

/// What a report is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scope {
    /// The domains, in the order of their names.
    pub domains: Vec<String>,
    /// Whole UTC+8 days; `None` where nothing is stored of what was asked for.
    pub span: Option<Span>,
}

impl Scope {
    /// What of `asked` the database knows. Its days hold the points that `label` puts there.
    pub fn find(connection: &Connection, asked: &Asked, label: SlotLabel) -> Result<Self, ReportError> {
        let known = known_domains(connection)?;
        let domains = if asked.domains.is_empty() {
            known
        } else {
            for name in &asked.domains {
                if !known.contains(name) {
                    return Err(unknown(name, &known));
                }
            }
            let mut named = asked.domains.clone();
            named.sort_unstable();
            named.dedup();
            named
        };
        let mut held: Option<Span> = None;
        for domain in &domains {
            held = union(held, extent(connection, domain)?);
        }
        let span = held.map(|held| held.moved(-label.shift())).and_then(|held| {
            let from = asked.from.map_or(held.start(), |from| from.max(held.start()));
            let to = asked.to.map_or(held.end(), |to| to.min(held.end()));
            Span::new(from, to)
        });
        Ok(Self {
            domains,
            span: span.and_then(|span| Span::new(cst_day_floor(span.start()), cst_day_ceil(span.end()))),
        })
    }
}

/// How finely a time series is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Every 5-minute point.
    Points,
    /// By hour.
    Hours,
    /// By so many days.
    Days(i64),
}

impl Step {
    /// The finest step that stays within the bounds.
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

    /// As many days together as keep all domains within `cells`.
    #[must_use]
    pub fn days(domains: usize, span: Span, cells: i64) -> Self {
        let days = [1, 7, 28, 364, 3640];
        let fits = |count: &i64| domain_cells(domains, span, count * DAY_SECONDS) <= cells;
        Self::Days(days.into_iter().find(fits).unwrap_or(36_400))
    }

    /// The length of one bucket.
    #[must_use]
    pub fn seconds(self) -> i64 {
        match self {
            Self::Points => SLOT_SECONDS,
            Self::Hours => HOUR_SECONDS,
            Self::Days(days) => days * DAY_SECONDS,
        }
    }

    /// How many buckets the span takes; the last may reach beyond it.
    #[must_use]
    pub fn buckets(self, span: Span) -> usize {
        to_usize((span.seconds() - 1) / self.seconds() + 1)
    }

    /// The bucket that holds `ts`.
    #[must_use]
    pub fn bucket(self, span: Span, ts: UnixSeconds) -> Option<usize> {
        if !span.contains(ts) {
            return None;
        }
        usize::try_from((ts - span.start()) / self.seconds()).ok()
    }
}

/// Reads the time of a rollup: `2026-01-01 08:00:00` or `2026-01-01`, in UTC+8.
pub(super) fn rollup_time(relation: &'static str, given: &str) -> Result<UnixSeconds, ReportError> {
    match given.len() {
        10 | 19 => moment::parse_moment(given, 0).ok(),
        _ => None,
    }
    .ok_or_else(|| ReportError::Odd {
        relation,
        value: text::printable(given),
    })
}

fn domain_cells(domains: usize, span: Span, seconds: i64) -> i64 {
    let buckets = (span.seconds() - 1) / seconds + 1;
    i64::try_from(domains).map_or(i64::MAX, |domains| buckets.saturating_mul(domains))
}

/// Every domain that was asked for, or ought to have been.
fn known_domains(connection: &Connection) -> rusqlite::Result<Vec<String>> {
    let mut select = connection.prepare(
        "SELECT d.name FROM domain d
         WHERE EXISTS (SELECT 1 FROM coverage c WHERE c.domain_id = d.id)
            OR EXISTS (SELECT 1 FROM gap g WHERE g.domain_id = d.id)
         ORDER BY d.name",
    )?;
    select.query_map([], |row| row.get(0))?.collect()
}

/// From the first to the last slot that was fetched of `domain`. What was never asked for, or is beyond
/// retention, may reach years further back and would make the rest small.
fn extent(connection: &Connection, domain: &str) -> rusqlite::Result<Option<Span>> {
    let mut select = connection.prepare_cached(
        "SELECT min(start_ts), max(end_ts) FROM origin_coverage
         WHERE domain = ?1 AND state <> 'beyond_retention'",
    )?;
    select.query_row([domain], |row| {
        let ends: (Option<i64>, Option<i64>) = (row.get(0)?, row.get(1)?);
        Ok(match ends {
            (Some(start), Some(end)) => Span::new(start, end),
            _ => None,
        })
    })
}

fn union(one: Option<Span>, other: Option<Span>) -> Option<Span> {
    match (one, other) {
        (Some(one), Some(other)) => Span::new(one.start().min(other.start()), one.end().max(other.end())),
        (one, other) => one.or(other),
    }
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
    fn a_rollup_time_is_utc8_and_anything_else_is_told() {
        assert_eq!(rollup_time("origin_daily", "2019-09-15").unwrap(), 1_568_476_800);
        assert_eq!(
            rollup_time("origin_hourly", "2019-09-15 01:00:00").unwrap(),
            1_568_480_400
        );
        for odd in ["", "now", "7d", "2019-09", "2019-13-01"] {
            assert!(
                matches!(rollup_time("origin_daily", odd), Err(ReportError::Odd { .. })),
                "{odd}"
            );
        }
    }
}
