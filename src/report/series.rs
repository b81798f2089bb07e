//! Bandwidth and requests of a domain over time.

use rusqlite::Connection;
use serde::Serialize;

use super::column::{Runs, weight, whole};
use super::daily::{self, Day};
use super::error::ReportError;
use super::scope::{Step, rollup_time};
use crate::model::{SlotLabel, Span, UnixSeconds, civil};

/// A domain's figures, one for each bucket of the report; `null` where there is no point.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Series {
    /// The mean bandwidth, in whole bit/s.
    avg: Vec<Option<i64>>,
    /// How far the highest point lies above the mean; left out where every bucket is one point.
    #[serde(skip_serializing_if = "Option::is_none")]
    above: Option<Vec<Option<i64>>>,
    /// Requests.
    pv: Vec<Option<i64>>,
    /// Points; left out where every bucket is one point.
    #[serde(skip_serializing_if = "Option::is_none")]
    points: Option<Runs<i64>>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Bucket {
    points: i64,
    weighted: f64,
    peak: i64,
    pv: i64,
}

impl Bucket {
    fn add(&mut self, points: i64, average: f64, peak: i64, pv: i64) {
        self.points += points;
        self.weighted += average * weight(points);
        self.peak = self.peak.max(peak);
        self.pv = self.pv.saturating_add(pv);
    }

    fn average(&self) -> Option<i64> {
        (self.points > 0).then(|| whole(self.weighted / weight(self.points)))
    }
}

/// The series of `domain`, of which `days` were read before; `label` says which bucket a point belongs to.
pub fn read(
    connection: &Connection,
    domain: &str,
    (span, label): (Span, SlotLabel),
    step: Step,
    days: &[Day],
) -> Result<Series, ReportError> {
    match step {
        Step::Points => points(connection, domain, span, label),
        Step::Hours => hours(connection, domain, span),
        Step::Days(_) => Ok(of_days(span, step, days)),
    }
}

fn points(
    connection: &Connection,
    domain: &str,
    span: Span,
    label: SlotLabel,
) -> Result<Series, ReportError> {
    let step = Step::Points;
    let labels = span.moved(label.shift());
    let mut series = Series {
        avg: vec![None; step.buckets(span)],
        pv: vec![None; step.buckets(span)],
        ..Series::default()
    };
    let mut select = connection.prepare_cached(
        "SELECT ts, bandwidth, pv FROM origin_stats WHERE domain = ?1 AND ts >= ?2 AND ts < ?3",
    )?;
    let mut rows = select.query((domain, labels.start(), labels.end()))?;
    while let Some(row) = rows.next()? {
        let at = step.bucket(labels, row.get(0)?);
        if let Some(cell) = at.and_then(|at| series.avg.get_mut(at)) {
            *cell = Some(row.get(1)?);
        }
        if let Some(cell) = at.and_then(|at| series.pv.get_mut(at)) {
            *cell = Some(row.get(2)?);
        }
    }
    Ok(series)
}

fn hours(connection: &Connection, domain: &str, span: Span) -> Result<Series, ReportError> {
    let step = Step::Hours;
    let mut buckets = vec![Bucket::default(); step.buckets(span)];
    let mut select = connection.prepare_cached(
        "SELECT hour_cst, points, bandwidth_avg, bandwidth_peak, pv FROM origin_hourly
         WHERE domain = ?1 AND hour_cst >= ?2 AND hour_cst < ?3",
    )?;
    let within = (
        domain,
        civil::cst_second(span.start()),
        civil::cst_second(span.end()),
    );
    let mut rows = select.query(within)?;
    while let Some(row) = rows.next()? {
        let ts: UnixSeconds = rollup_time("origin_hourly", row.get_ref(0)?.as_str().unwrap_or_default())?;
        if let Some(bucket) = step.bucket(span, ts).and_then(|at| buckets.get_mut(at)) {
            bucket.add(row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?);
        }
    }
    Ok(written(&buckets))
}

fn of_days(span: Span, step: Step, days: &[daily::Day]) -> Series {
    let mut buckets = vec![Bucket::default(); step.buckets(span)];
    for day in days {
        if let Some(figures) = &day.figures
            && let Some(bucket) = step.bucket(span, day.ts).and_then(|at| buckets.get_mut(at))
        {
            bucket.add(day.points, figures.average, figures.peak, figures.pv);
        }
    }
    written(&buckets)
}

fn written(buckets: &[Bucket]) -> Series {
    let above = |bucket: &Bucket| {
        bucket
            .average()
            .map(|average| bucket.peak.saturating_sub(average))
    };
    Series {
        avg: buckets.iter().map(Bucket::average).collect(),
        above: Some(buckets.iter().map(above).collect()),
        pv: buckets
            .iter()
            .map(|bucket| (bucket.points > 0).then_some(bucket.pv))
            .collect(),
        points: Some(buckets.iter().map(|bucket| bucket.points).collect()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::slot::DAY_SECONDS;
    use crate::report::daily::DayFigures;

    #[test]
    fn days_together_weigh_by_their_points_and_keep_the_highest_peak() {
        let start = -28_800;
        let day = |at: i64, points, average, peak| Day {
            ts: start + at * DAY_SECONDS,
            points,
            expected: 288,
            figures: Some(DayFigures {
                average,
                peak,
                peak_ts: 0,
                traffic_bytes: 0,
                pv: 5,
            }),
        };
        let span = Span::new(start, start + 21 * DAY_SECONDS).unwrap();
        let days = [day(0, 288, 10.0, 70), day(6, 144, 40.0, 50), day(7, 1, 3.4, 3)];
        let series = of_days(span, Step::Days(7), &days);
        assert_eq!(
            serde_json::to_string(&series).unwrap(),
            r#"{"avg":[20,3,null],"above":[50,0,null],"pv":[10,5,null],"points":[[432,1],[1,1],[0,1]]}"#
        );
    }
}
