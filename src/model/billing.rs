//! The measures that a month is billed by.
//!
//! The rules are the vendor's ("Billing overview", documented): of a month's 5-minute points in descending
//! order of bandwidth, the highest 5 % are dropped and the highest one left is the 95 peak. A month of 30
//! days has 8640 points; 432 are dropped and the 433rd is billed. Days and months are those of UTC+8.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use super::civil::cst_month_bounds;
use super::convert::{to_i64, to_u64};
use super::rollup::DayTotals;
use super::slot::{DAY_SECONDS, SLOT_SECONDS, UnixSeconds, cst_day_floor};
use super::span::Span;
use super::top_points::{RankedPoint, TopPoints};

/// The billing measures of a month, and the number of points behind them.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct MonthlyFigures {
    /// Stored points.
    pub points: u64,
    /// Slots that were asked for. If there are fewer points, the month is incomplete.
    pub expected_points: u64,
    /// The 95 peak, in bit/s.
    pub bandwidth_95: i64,
    /// The time of the point that is the 95 peak, of the first one if several are equal. `None` if a slot without a
    /// point is the 95 peak.
    pub bandwidth_95_ts: Option<UnixSeconds>,
    /// What the 95 peak is at least when the month ends, in bit/s: what is left of the points without 5 % of all slots of
    /// the month. New points can only raise it; a point that is restated lower can lower it.
    pub bandwidth_95_least: i64,
    /// The highest point, in bit/s.
    pub bandwidth_peak: i64,
    /// The highest point but three ("omitting three peaks"), in bit/s.
    pub bandwidth_fourth_peak: i64,
    /// The mean of the daily peaks, in bit/s.
    pub bandwidth_daily_peak_avg: f64,
    /// Bandwidth summed over time, in bytes.
    pub traffic_bytes: i64,
    /// Requests.
    pub pv: i64,
}

/// What the row of a month tells of its points.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MonthTotals {
    /// Stored points.
    pub points: u64,
    /// Bandwidth summed over time, in bytes.
    pub traffic_bytes: i64,
    /// Requests.
    pub pv: i64,
    /// The mean of the daily peaks, in bit/s.
    pub bandwidth_daily_peak_avg: f64,
}

/// What the points of a month add up to, and the ranges that were asked for.
#[derive(Debug, Clone, Default)]
pub struct MonthSums {
    points: u64,
    bandwidth: i128,
    pv: i128,
    /// The peak of every day that was asked for or has a point. It is 0 for a day without points, because the API may
    /// leave out idle slots. Points that are really missing show in `points`.
    daily_peaks: BTreeMap<UnixSeconds, i64>,
    /// The mean of the daily peaks, if it is that of a stored row and not of `daily_peaks`.
    kept_peak_avg: Option<f64>,
    expected_points: u64,
}

impl MonthSums {
    /// Goes on from a stored month in which the totals of some days have changed, each from the first to the second. The same
    /// days were asked for before. `None` if the row does not tell exactly what its points add up to, or if a daily peak has
    /// changed: a mean cannot be taken apart.
    pub fn resume(
        stored: &MonthTotals,
        changed: impl IntoIterator<Item = (DayTotals, DayTotals)>,
    ) -> Option<Self> {
        let month = DayTotals::of_figures(stored.points, stored.traffic_bytes, stored.pv, 0)?;
        let mut sums = Self {
            points: month.points,
            bandwidth: month.bandwidth,
            pv: month.pv,
            kept_peak_avg: Some(stored.bandwidth_daily_peak_avg),
            ..Self::default()
        };
        for (before, after) in changed {
            sums.points = sums.points.checked_sub(before.points)? + after.points;
            sums.bandwidth += after.bandwidth - before.bandwidth;
            sums.pv += after.pv - before.pv;
            if after.peak != before.peak {
                return None;
            }
        }
        Some(sums)
    }

    /// Adds a range that was asked for; ranges do not overlap, and lie on the grid and in the month.
    pub fn ask(&mut self, asked: Span) {
        self.expected_points += to_u64(asked.slots());
        let mut day = cst_day_floor(asked.start());
        while day < asked.end() {
            self.daily_peaks.entry(day).or_insert(0);
            day += DAY_SECONDS;
        }
    }

    /// Adds the part of a range that lies in `month`.
    pub fn ask_in(&mut self, month: Span, asked: Span) {
        if let Some(asked) = asked.intersect(&month) {
            self.ask(asked);
        }
    }

    /// Adds a day that begins at `midnight`, with all of its points.
    pub fn add_day(&mut self, midnight: UnixSeconds, day: &DayTotals) {
        self.points += day.points;
        self.bandwidth += day.bandwidth;
        self.pv += day.pv;
        if day.points > 0 {
            self.raise_peak(midnight, day.peak);
        }
    }

    /// Returns how many points are dropped for the 95 peak.
    fn billed_rank(&self) -> u64 {
        self.expected_points.max(self.points) / 20
    }

    /// Returns how many points are dropped when the whole month has been asked for.
    fn least_rank(&self) -> u64 {
        self.slots_of_month() / 20
    }

    /// Returns how many slots the calendar month has.
    fn slots_of_month(&self) -> u64 {
        let (day, _) = self.daily_peaks.first_key_value().unzip();
        let bounds = day.and_then(|day| cst_month_bounds(*day));
        bounds.map_or(0, |(start, end)| to_u64((end - start) / SLOT_SECONDS))
    }

    fn raise_peak(&mut self, midnight: UnixSeconds, bandwidth: i64) {
        let peak = self.daily_peaks.entry(midnight).or_insert(bandwidth);
        *peak = bandwidth.max(*peak);
    }

    /// Returns the figures; `None` if `top`, the highest points of the month, does not reach as far as the 95 peak of the
    /// whole month. A slot that was asked for and has no point counts as 0.
    #[must_use]
    pub fn figures(&self, top: &TopPoints) -> Option<MonthlyFigures> {
        let bandwidth = |point: Option<RankedPoint>| point.map_or(0, |(Reverse(bandwidth), _)| bandwidth);
        let billed = top.ranked(self.billed_rank())?;
        let least = top.ranked(self.least_rank())?;
        let peaks: i128 = self.daily_peaks.values().map(|&peak| i128::from(peak)).sum();
        let peak_avg = self.kept_peak_avg.or(mean(peaks, self.daily_peaks.len()));
        Some(MonthlyFigures {
            points: self.points,
            expected_points: self.expected_points,
            bandwidth_95: bandwidth(billed),
            bandwidth_95_ts: billed.map(|billed| top.first_like(billed).1),
            bandwidth_95_least: bandwidth(least),
            bandwidth_peak: bandwidth(top.ranked(0)?),
            bandwidth_fourth_peak: bandwidth(top.ranked(3)?),
            bandwidth_daily_peak_avg: peak_avg.unwrap_or(0.0),
            traffic_bytes: traffic_bytes(self.bandwidth),
            pv: to_i64(self.pv),
        })
    }
}

/// Collects all points of one month, and the ranges that were asked for.
#[derive(Debug, Default)]
pub struct Month {
    sums: MonthSums,
    points: Vec<RankedPoint>,
}

impl Month {
    /// Adds a range that was asked for, as [`MonthSums::ask`] does.
    pub fn ask(&mut self, asked: Span) {
        self.sums.ask(asked);
    }

    /// Adds the part of a range that lies in `month`.
    pub fn ask_in(&mut self, month: Span, asked: Span) {
        self.sums.ask_in(month, asked);
    }

    /// Adds a point: bandwidth in bit/s, pv in requests. The order does not matter.
    pub fn add(&mut self, ts: UnixSeconds, bandwidth: i64, pv: i64) {
        self.points.push((Reverse(bandwidth), ts));
        self.sums.points += 1;
        self.sums.bandwidth += i128::from(bandwidth);
        self.sums.pv += i128::from(pv);
        self.sums.raise_peak(cst_day_floor(ts), bandwidth);
    }

    /// Returns the figures. A slot that was asked for and has no point counts as 0.
    #[must_use]
    pub fn figures(self) -> MonthlyFigures {
        self.measured().0
    }

    /// Returns the figures, and the highest points.
    #[must_use]
    pub fn measured(self) -> (MonthlyFigures, TopPoints) {
        let top = TopPoints::of(self.points, self.sums.billed_rank().max(self.sums.least_rank()));
        // It reaches as far as both ranks.
        let figures = self.sums.figures(&top).unwrap_or_default();
        (figures, top)
    }
}

/// Returns the traffic in bytes of 5-minute points whose bandwidths add up to `bandwidth_sum` bit/s, rounded down.
#[must_use]
pub fn traffic_bytes(bandwidth_sum: i128) -> i64 {
    to_i64(bandwidth_sum * i128::from(SLOT_SECONDS) / 8)
}

/// Returns the mean of `count` values that sum up to `sum`; none of none.
#[expect(
    clippy::as_conversions,
    clippy::cast_precision_loss,
    reason = "a mean of bit/s needs no 53rd bit"
)]
pub(super) fn mean(sum: i128, count: usize) -> Option<f64> {
    (count > 0).then(|| sum as f64 / count as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MONTH: UnixSeconds = 1_756_656_000; // 2025-09-01 00:00 in UTC+8, a month of 30 days

    /// Returns a month of which the first `slots` slots were asked for.
    fn asked(slots: i64) -> Month {
        let mut month = Month::default();
        month.ask(Span::new(MONTH, MONTH + slots * SLOT_SECONDS).unwrap());
        month
    }

    #[test]
    fn of_the_documented_8640_points_the_433rd_is_billed() {
        let mut month = asked(8640);
        // Shuffled: 4799 shares no factor with 8640.
        for at in 0..8640_i64 {
            month.add(MONTH + at * SLOT_SECONDS, 1 + at * 4799 % 8640, 2);
        }
        let figures = month.figures();
        assert_eq!((figures.points, figures.expected_points), (8640, 8640));
        assert_eq!(figures.bandwidth_95, 8640 - 432);
        assert_eq!(
            (figures.bandwidth_peak, figures.bandwidth_fourth_peak),
            (8640, 8637)
        );
        assert_eq!(figures.traffic_bytes, 8640 * 8641 / 2 * 300 / 8);
        assert_eq!(figures.pv, 2 * 8640);
    }

    #[test]
    fn the_billing_point_is_the_first_of_equal_ones_and_none_if_a_missing_slot_is_billed() {
        let mut month = asked(40);
        // Two are dropped; three are equal to the third.
        for (at, bandwidth) in [(9, 70), (3, 50), (7, 50), (5, 50), (1, 90), (2, 0)] {
            month.add(MONTH + at * SLOT_SECONDS + 17, bandwidth, 1);
        }
        let figures = month.figures();
        assert_eq!(
            (figures.bandwidth_95, figures.bandwidth_95_ts),
            (50, Some(MONTH + 3 * SLOT_SECONDS + 17))
        );
        let mut month = asked(40);
        month.add(MONTH, 90, 1);
        month.add(MONTH + SLOT_SECONDS, 70, 1);
        assert_eq!(month.figures().bandwidth_95_ts, None);
        // A reported zero is a point.
        let mut month = asked(40);
        for (at, bandwidth) in [(0, 90), (1, 70), (2, 0), (3, 0)] {
            month.add(MONTH + at * SLOT_SECONDS, bandwidth, 1);
        }
        let figures = month.figures();
        assert_eq!(
            (figures.bandwidth_95, figures.bandwidth_95_ts),
            (0, Some(MONTH + 2 * SLOT_SECONDS))
        );
    }

    #[test]
    fn the_95_peak_is_at_least_what_is_left_without_5_percent_of_the_whole_month() {
        let mut month = asked(2000);
        for at in 0..2000 {
            month.add(MONTH + at * SLOT_SECONDS, 1 + at * 7 % 2000, 1);
        }
        let figures = month.figures();
        assert_eq!(
            (figures.bandwidth_95, figures.bandwidth_95_least),
            (1900, 2000 - 432)
        );
        // A day and a half of points are all among the highest 5 %.
        let mut month = asked(433);
        month.add(MONTH, 9, 1);
        assert_eq!(month.figures().bandwidth_95_least, 0);
        for (slots, least) in [(432, 0), (433, 1)] {
            let mut month = asked(slots);
            for at in 0..slots {
                month.add(MONTH + at * SLOT_SECONDS, 1, 1);
            }
            assert_eq!(month.figures().bandwidth_95_least, least);
        }
    }

    #[test]
    fn a_slot_without_a_point_counts_as_zero() {
        // 5 % of 8640 are more than there are points.
        let mut month = asked(8640);
        for at in 0..100 {
            month.add(MONTH + at * SLOT_SECONDS, 10 + at, 1);
        }
        assert_eq!(month.figures().bandwidth_95, 0);
        let empty = asked(288).figures();
        assert_eq!(
            (empty.bandwidth_95, empty.bandwidth_peak, empty.points),
            (0, 0, 0)
        );
        assert!(empty.bandwidth_daily_peak_avg.abs() < f64::EPSILON);
    }

    #[test]
    fn daily_peaks_are_those_of_utc8_days() {
        let mut month = asked(577);
        month.add(MONTH, 100, 0);
        month.add(MONTH + 86_400 - SLOT_SECONDS, 300, 0);
        month.add(MONTH + 86_400, 500, 0);
        // The third day was asked for and has no point.
        assert!((month.figures().bandwidth_daily_peak_avg - 800.0 / 3.0).abs() < 1e-9);
    }

    #[test]
    fn sums_beyond_64_bits_do_not_wrap() {
        let mut month = Month::default();
        for at in 0..3 {
            month.add(MONTH + at * SLOT_SECONDS, i64::MAX, i64::MAX);
        }
        let figures = month.figures();
        assert_eq!((figures.traffic_bytes, figures.pv), (i64::MAX, i64::MAX));
    }
}
