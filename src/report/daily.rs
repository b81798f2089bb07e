//! The sums of a domain over the days of a report, and its calendar of completeness.

use rusqlite::Connection;

use super::column::{Exact, Runs, weight, whole};
use super::error::ReportError;
use super::scope::{Step, rollup_time};
use crate::model::{Span, UnixSeconds, civil};

/// One row of `origin_daily`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Day {
    /// Its UTC+8 midnight.
    pub ts: UnixSeconds,
    /// Points that are there.
    pub points: i64,
    /// Slots that were asked for.
    pub expected: i64,
    /// The figures, of a day with points.
    pub figures: Option<DayFigures>,
}

/// The figures of a day with points.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DayFigures {
    /// The mean, in bit/s.
    pub average: f64,
    /// The highest point, in bit/s.
    pub peak: i64,
    /// When that was.
    pub peak_ts: UnixSeconds,
    /// Bandwidth summed over time.
    pub traffic_bytes: i64,
    /// Requests.
    pub pv: i64,
}

/// What a domain's days come to.
#[derive(Debug, Clone, Default)]
pub struct Totals {
    /// Points that are there.
    pub points: i64,
    /// Slots that were asked for.
    pub expected: i64,
    /// Bandwidth summed over time.
    pub traffic_bytes: i64,
    /// Requests.
    pub pv: i64,
    /// The highest point, in bit/s, and when that was.
    pub peak: Option<(i64, UnixSeconds)>,
    weighted: f64,
}

impl Totals {
    /// The sums of `days`.
    #[must_use]
    pub fn of(days: &[Day]) -> Self {
        let mut totals = Self::default();
        for day in days {
            totals.points += day.points;
            totals.expected += day.expected;
            if let Some(figures) = &day.figures {
                totals.weighted += figures.average * weight(day.points);
                totals.traffic_bytes = totals.traffic_bytes.saturating_add(figures.traffic_bytes);
                totals.pv = totals.pv.saturating_add(figures.pv);
                if totals.peak.is_none_or(|(peak, _)| figures.peak > peak) {
                    totals.peak = Some((figures.peak, figures.peak_ts));
                }
            }
        }
        totals
    }

    /// The mean of all points, in whole bit/s.
    #[must_use]
    pub fn average(&self) -> Option<Exact> {
        (self.points > 0).then(|| Exact(whole(self.weighted / weight(self.points))))
    }
}

/// Points and expected points of every day of a report; both 0 where it was not asked for.
pub type Calendar = Runs<(i64, i64)>;

/// Lays `days` out over `span`.
#[must_use]
pub fn calendar(span: Span, days: &[Day]) -> Calendar {
    let step = Step::Days(1);
    let mut cells = vec![(0, 0); step.buckets(span)];
    for day in days {
        if let Some(cell) = step.bucket(span, day.ts).and_then(|at| cells.get_mut(at)) {
            *cell = (day.points, day.expected);
        }
    }
    cells.into_iter().collect()
}

/// The days of `domain` in `span`, in order.
pub fn read(connection: &Connection, domain: &str, span: Span) -> Result<Vec<Day>, ReportError> {
    let mut select = connection.prepare_cached(
        "SELECT date_cst, points, expected_points, bandwidth_avg, bandwidth_peak, peak_ts, traffic_bytes, pv
         FROM origin_daily WHERE domain = ?1 AND date_cst >= ?2 AND date_cst < ?3 ORDER BY date_cst",
    )?;
    let mut rows = select.query((domain, civil::cst_date(span.start()), civil::cst_date(span.end())))?;
    let mut days = Vec::new();
    while let Some(row) = rows.next()? {
        let ts = rollup_time("origin_daily", row.get_ref(0)?.as_str().unwrap_or_default())?;
        let points: i64 = row.get(1)?;
        let figures = if points > 0 {
            Some(DayFigures {
                average: row.get(3)?,
                peak: row.get(4)?,
                peak_ts: row.get(5)?,
                traffic_bytes: row.get(6)?,
                pv: row.get(7)?,
            })
        } else {
            None
        };
        days.push(Day {
            ts,
            points,
            expected: row.get(2)?,
            figures,
        });
    }
    Ok(days)
}
