//! The daily rows of a domain, their totals, and the calendar of completeness.

use super::error::ReportError;
use super::number::{Exact, RunLengths, weight, whole};
use super::scope::{Step, rollup_time};
use super::source::Source;
use crate::model::{Span, UnixSeconds, civil};
use crate::store::Reader;

/// One row of `origin_daily`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DailyRow {
    /// Its UTC+8 midnight.
    pub ts: UnixSeconds,
    /// The number of points.
    pub points: i64,
    /// The number of slots that were asked for.
    pub expected: i64,
    /// The number of slots that hold nothing, as two answers agree.
    pub empty: i64,
    /// Whether no figure of the day can change any more.
    pub complete: bool,
    /// The figures, if the day has points.
    pub figures: Option<DailyFigures>,
}

/// The figures of a day with points.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DailyFigures {
    /// The mean, in bit/s.
    pub average: f64,
    /// The highest point, in bit/s.
    pub peak: i64,
    /// The time of the highest point.
    pub peak_ts: UnixSeconds,
    /// Bandwidth summed over time.
    pub traffic_bytes: i64,
    /// Requests.
    pub pv: i64,
}

/// The totals of a domain's days.
#[derive(Debug, Clone, Default)]
pub struct DomainTotals {
    /// The number of points.
    pub points: i64,
    /// The number of slots that were asked for.
    pub expected: i64,
    /// Bandwidth summed over time.
    pub traffic_bytes: i64,
    /// Requests.
    pub pv: i64,
    /// The highest point, in bit/s, and its time.
    pub peak: Option<(i64, UnixSeconds)>,
    weighted: f64,
}

impl DomainTotals {
    /// Returns the totals of `days`.
    #[must_use]
    pub fn of(days: &[DailyRow]) -> Self {
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

    /// Returns the mean of all points, in whole bit/s.
    #[must_use]
    pub fn average(&self) -> Option<Exact> {
        (self.points > 0).then(|| Exact(whole(self.weighted / weight(self.points))))
    }
}

/// Points, expected points, empty slots, and 1 if it is complete, of every day of a report. All are 0 for a day that was
/// never asked for.
pub type Calendar = RunLengths<(i64, i64, i64, u8)>;

/// Returns the calendar of `days` in `span`.
#[must_use]
pub fn calendar(span: Span, days: &[DailyRow]) -> Calendar {
    let step = Step::Days(1);
    let mut cells = vec![(0, 0, 0, 0); step.buckets(span)];
    for day in days {
        if let Some(cell) = step.bucket(span, day.ts).and_then(|at| cells.get_mut(at)) {
            *cell = (day.points, day.expected, day.empty, u8::from(day.complete));
        }
    }
    cells.into_iter().collect()
}

/// Reads the days of `source` in `span`, in order.
pub(super) fn read(reader: &Reader, source: Source<'_>, span: Span) -> Result<Vec<DailyRow>, ReportError> {
    let (from, to) = (civil::cst_date(span.start()), civil::cst_date(span.end()));
    let mut days = Vec::new();
    reader.each::<ReportError>(
        &format!(
            "SELECT date_cst, points, expected_points, bandwidth_avg, bandwidth_peak, peak_ts, traffic_bytes, pv,
                    empty_slots, complete
             {} AND date_cst >= ?2 AND date_cst < ?3 ORDER BY date_cst",
            source.rows("daily")
        ),
        (source.name(), from, to),
        |row| {
            let points: i64 = row.get(1)?;
            let figures = || -> rusqlite::Result<_> {
                Ok(DailyFigures {
                    average: row.get(3)?,
                    peak: row.get(4)?,
                    peak_ts: row.get(5)?,
                    traffic_bytes: row.get(6)?,
                    pv: row.get(7)?,
                })
            };
            days.push(DailyRow {
                ts: rollup_time("origin_daily", row.get_ref(0)?)?,
                points,
                expected: row.get(2)?,
                empty: row.get(8)?,
                complete: row.get(9)?,
                figures: (points > 0).then(figures).transpose()?,
            });
            Ok(())
        },
    )?;
    Ok(days)
}
