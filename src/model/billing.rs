//! What a month will be billed by.
//!
//! The rules are the vendor's ("Billing overview", documented): of a month's 5-minute points in descending
//! order of bandwidth, the highest 5 % are dropped and the highest one left is the 95 peak. A month of 30
//! days has 8640 points; 432 are dropped and the 433rd is billed. Days and months are those of UTC+8.

use std::collections::BTreeMap;

use super::slot::{SLOT_SECONDS, UnixSeconds, cst_day_floor};

/// The four billing measures of a month, and what they rest on.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MonthlyFigures {
    /// Points that are there.
    pub points: u64,
    /// Slots that were asked for. Fewer points than that: the month is incomplete.
    pub expected_points: u64,
    /// The 95 peak, in bit/s.
    pub bandwidth_95: i64,
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

/// Collects the points of one month.
#[derive(Debug, Default)]
pub struct Month {
    bandwidths: Vec<i64>,
    daily_peaks: BTreeMap<UnixSeconds, i64>,
    pv: i128,
}

impl Month {
    /// Adds a point: bandwidth in bit/s, pv in requests. The order does not matter.
    pub fn add(&mut self, ts: UnixSeconds, bandwidth: i64, pv: i64) {
        self.bandwidths.push(bandwidth);
        let peak = self.daily_peaks.entry(cst_day_floor(ts)).or_insert(bandwidth);
        *peak = bandwidth.max(*peak);
        self.pv += i128::from(pv);
    }

    /// The figures, where `expected_points` slots were asked for. A slot without a point counts as 0.
    #[must_use]
    pub fn figures(mut self, expected_points: u64) -> MonthlyFigures {
        self.bandwidths.sort_unstable_by(|a, b| b.cmp(a));
        let ranked = |rank: u64| {
            usize::try_from(rank)
                .ok()
                .and_then(|rank| self.bandwidths.get(rank).copied())
                .unwrap_or(0)
        };
        let points = u64::try_from(self.bandwidths.len()).unwrap_or(u64::MAX);
        let bits: i128 = self
            .bandwidths
            .iter()
            .map(|&bandwidth| i128::from(bandwidth))
            .sum();
        let peaks: i128 = self.daily_peaks.values().map(|&peak| i128::from(peak)).sum();
        MonthlyFigures {
            points,
            expected_points,
            bandwidth_95: ranked(expected_points.max(points) / 20),
            bandwidth_peak: ranked(0),
            bandwidth_fourth_peak: ranked(3),
            bandwidth_daily_peak_avg: mean(peaks, self.daily_peaks.len()),
            traffic_bytes: clamp(bits * i128::from(SLOT_SECONDS) / 8),
            pv: clamp(self.pv),
        }
    }
}

/// The mean of `count` values that sum up to `sum`; 0 of none.
#[expect(
    clippy::as_conversions,
    clippy::cast_precision_loss,
    reason = "a mean of bit/s needs no 53rd bit"
)]
fn mean(sum: i128, count: usize) -> f64 {
    if count == 0 {
        0.0
    } else {
        sum as f64 / count as f64
    }
}

/// A month's sum stays far below the bound (2^63 bytes a month are 28 Tbit/s); beyond it, the bound.
fn clamp(sum: i128) -> i64 {
    i64::try_from(sum).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MONTH: UnixSeconds = 1_756_656_000; // 2025-09-01 00:00 in UTC+8, a month of 30 days

    #[test]
    fn of_the_documented_8640_points_the_433rd_is_billed() {
        let mut month = Month::default();
        // Shuffled: 4799 shares no factor with 8640.
        for at in 0..8640_i64 {
            month.add(MONTH + at * SLOT_SECONDS, 1 + at * 4799 % 8640, 2);
        }
        let figures = month.figures(8640);
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
    fn a_slot_without_a_point_counts_as_zero() {
        let mut month = Month::default();
        for at in 0..100 {
            month.add(MONTH + at * SLOT_SECONDS, 10 + at, 1);
        }
        // 5 % of 8640 are more than there are points.
        assert_eq!(month.figures(8640).bandwidth_95, 0);
        let empty = Month::default().figures(288);
        assert_eq!(
            (empty.bandwidth_95, empty.bandwidth_peak, empty.points),
            (0, 0, 0)
        );
        assert!(empty.bandwidth_daily_peak_avg.abs() < f64::EPSILON);
    }

    #[test]
    fn daily_peaks_are_those_of_utc8_days() {
        let mut month = Month::default();
        month.add(MONTH, 100, 0);
        month.add(MONTH + 86_400 - SLOT_SECONDS, 300, 0);
        month.add(MONTH + 86_400, 500, 0);
        assert!((month.figures(577).bandwidth_daily_peak_avg - 400.0).abs() < f64::EPSILON);
    }

    #[test]
    fn sums_beyond_64_bits_do_not_wrap() {
        let mut month = Month::default();
        for at in 0..3 {
            month.add(MONTH + at * SLOT_SECONDS, i64::MAX, i64::MAX);
        }
        let figures = month.figures(3);
        assert_eq!((figures.traffic_bytes, figures.pv), (i64::MAX, i64::MAX));
    }
}
