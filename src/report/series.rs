//! Bandwidth and requests of a domain over time.

use serde::Serialize;

use super::daily::DailyRow;
use super::error::ReportError;
use super::number::{RunLengths, weight, whole};
use super::scope::{Step, rollup_time};
use super::source::Source;
use crate::model::{SlotLabel, Span, civil};
use crate::store::Reader;

/// The figures of a domain, one for each bucket of the report. `null` where there is no point.
#[derive(Debug, Clone, Default, Serialize)]
pub struct TimeSeries {
    /// The mean bandwidth, in whole bit/s.
    avg: Vec<Option<i64>>,
    /// The difference between the highest point and the mean. Left out where every bucket is one point.
    #[serde(skip_serializing_if = "Option::is_none")]
    above: Option<Vec<Option<i64>>>,
    /// Requests.
    pv: Vec<Option<i64>>,
    /// The number of points. Left out where every bucket is one point.
    #[serde(skip_serializing_if = "Option::is_none")]
    points: Option<RunLengths<i64>>,
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

    fn average(&self) -> i64 {
        whole(self.weighted / weight(self.points))
    }
}

impl TimeSeries {
    fn new(buckets: &[Bucket], step: Step) -> Self {
        let is_one_point = step == Step::Points;
        let figures = |figure: fn(&Bucket) -> i64| {
            let values = buckets
                .iter()
                .map(|bucket| (bucket.points > 0).then(|| figure(bucket)));
            values.collect::<Vec<_>>()
        };
        Self {
            // A float rounds large integers, and the only point of a bucket is its mean and its peak.
            avg: figures(if is_one_point {
                |bucket| bucket.peak
            } else {
                Bucket::average
            }),
            above: (!is_one_point).then(|| figures(|bucket| bucket.peak.saturating_sub(bucket.average()))),
            pv: figures(|bucket| bucket.pv),
            points: (!is_one_point).then(|| buckets.iter().map(|bucket| bucket.points).collect()),
        }
    }
}

/// Reads the series of a domain. `days` are its daily rows, and `label` decides which bucket a point belongs to.
pub(super) fn read(
    reader: &Reader,
    domain: &str,
    (span, label): (Span, SlotLabel),
    step: Step,
    days: &[DailyRow],
) -> Result<TimeSeries, ReportError> {
    let buckets = match step {
        Step::Points => add_points(reader, domain, span.moved(label.shift()))?,
        Step::Hours => add_hours(reader, Source::Domain(domain), span)?,
        Step::Days(_) => add_days(span, step, days),
    };
    Ok(TimeSeries::new(&buckets, step))
}

/// Reads the series of the account by hour and by longer steps. `days` are its daily rows. Its points are summed from
/// those of the domains.
pub(super) fn of_account(
    reader: &Reader,
    span: Span,
    step: Step,
    days: &[DailyRow],
) -> Result<TimeSeries, ReportError> {
    let buckets = match step {
        Step::Points | Step::Hours => add_hours(reader, Source::Account, span)?,
        Step::Days(_) => add_days(span, step, days),
    };
    Ok(TimeSeries::new(&buckets, step))
}

fn add_points(reader: &Reader, domain: &str, labels: Span) -> Result<Vec<Bucket>, ReportError> {
    let step = Step::Points;
    let mut buckets = vec![Bucket::default(); step.buckets(labels)];
    reader.each::<ReportError>(
        "SELECT ts, bandwidth, pv FROM origin_stats WHERE domain = ?1 AND ts >= ?2 AND ts < ?3",
        (domain, labels.start(), labels.end()),
        |row| {
            let at = step.bucket(labels, row.get(0)?);
            if let Some(bucket) = at.and_then(|at| buckets.get_mut(at)) {
                bucket.add(1, 0.0, row.get(1)?, row.get(2)?);
            }
            Ok(())
        },
    )?;
    Ok(buckets)
}

fn add_hours(reader: &Reader, source: Source<'_>, span: Span) -> Result<Vec<Bucket>, ReportError> {
    let step = Step::Hours;
    let mut buckets = vec![Bucket::default(); step.buckets(span)];
    let (from, to) = (civil::cst_second(span.start()), civil::cst_second(span.end()));
    reader.each::<ReportError>(
        &format!(
            "SELECT hour_cst, points, bandwidth_avg, bandwidth_peak, pv {} AND hour_cst >= ?2 AND hour_cst < ?3",
            source.rows("hourly")
        ),
        (source.name(), from, to),
        |row| {
            let ts = rollup_time("origin_hourly", row.get_ref(0)?)?;
            if let Some(bucket) = step.bucket(span, ts).and_then(|at| buckets.get_mut(at)) {
                bucket.add(row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?);
            }
            Ok(())
        },
    )?;
    Ok(buckets)
}

fn add_days(span: Span, step: Step, days: &[DailyRow]) -> Vec<Bucket> {
    let mut buckets = vec![Bucket::default(); step.buckets(span)];
    for day in days {
        if let Some(figures) = &day.figures
            && let Some(bucket) = step.bucket(span, day.ts).and_then(|at| buckets.get_mut(at))
        {
            bucket.add(day.points, figures.average, figures.peak, figures.pv);
        }
    }
    buckets
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::slot::DAY_SECONDS;
    use crate::report::daily::DailyFigures;

    #[test]
    fn days_together_weigh_by_their_points_and_keep_the_highest_peak() {
        let start = -28_800;
        let day = |at: i64, points, average, peak| DailyRow {
            ts: start + at * DAY_SECONDS,
            points,
            expected: 288,
            empty: 0,
            complete: true,
            figures: Some(DailyFigures {
                average,
                peak,
                peak_ts: 0,
                traffic_bytes: 0,
                pv: 5,
            }),
        };
        let span = Span::new(start, start + 21 * DAY_SECONDS).unwrap();
        let days = [day(0, 288, 10.0, 70), day(6, 144, 40.0, 50), day(7, 1, 3.4, 3)];
        let step = Step::Days(7);
        let series = TimeSeries::new(&add_days(span, step, &days), step);
        assert_eq!(
            serde_json::to_string(&series).unwrap(),
            r#"{"avg":[20,3,null],"above":[50,0,null],"pv":[10,5,null],"points":[[432,1],[1,1],[0,1]]}"#
        );
    }
}
