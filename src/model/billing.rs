//! The measures that a month is billed by.
//!
//! The rules are the vendor's ("Billing overview", documented): of a month's 5-minute points in descending
//! order of bandwidth, the highest 5 % are dropped and the highest one left is the 95 peak. A month of 30
//! days has 8640 points; 432 are dropped and the 433rd is billed. Days and months are those of UTC+8.

use std::collections::BTreeMap;

use super::convert::{to_i64, to_u64, to_usize};
use super::slot::{DAY_SECONDS, SLOT_SECONDS, UnixSeconds, cst_day_floor};
use super::span::Span;

/// The four billing measures of a month, and the number of points behind them.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MonthlyFigures {
    /// Stored points. For the account: slots for which every domain that was asked for has its point.
    pub points: u64,
    /// Slots that were asked for. If there are fewer points, the month is incomplete.
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

/// Collects the points of one month, and the ranges that were asked for.
#[derive(Debug, Default)]
pub struct Month {
    bandwidths: Vec<i64>,
    /// The peak of every day that was asked for or has a point. It is 0 for a day without points, because the API may
    /// leave out idle slots. Points that are really missing show in `points`.
    daily_peaks: BTreeMap<UnixSeconds, i64>,
    expected_points: u64,
    pv: i128,
}

impl Month {
    /// Adds a range that was asked for; ranges do not overlap, and lie on the grid and in the month.
    pub fn ask(&mut self, asked: Span) {
        self.expected_points += to_u64(asked.slots());
        let mut day = cst_day_floor(asked.start());
        while day < asked.end() {
            self.daily_peaks.entry(day).or_insert(0);
            day += DAY_SECONDS;
        }
    }

    /// Adds a point: bandwidth in bit/s, pv in requests. The order does not matter.
    pub fn add(&mut self, ts: UnixSeconds, bandwidth: i64, pv: i64) {
        self.bandwidths.push(bandwidth);
        let peak = self.daily_peaks.entry(cst_day_floor(ts)).or_insert(bandwidth);
        *peak = bandwidth.max(*peak);
        self.pv += i128::from(pv);
    }

    /// Returns the figures. A slot that was asked for and has no point counts as 0.
    #[must_use]
    pub fn figures(mut self) -> MonthlyFigures {
        self.bandwidths.sort_unstable_by(|a, b| b.cmp(a));
        let ranked = |rank: u64| {
            usize::try_from(rank)
                .ok()
                .and_then(|rank| self.bandwidths.get(rank).copied())
                .unwrap_or(0)
        };
        let points = to_u64(self.bandwidths.len());
        let bits: i128 = self
            .bandwidths
            .iter()
            .map(|&bandwidth| i128::from(bandwidth))
            .sum();
        let peaks: i128 = self.daily_peaks.values().map(|&peak| i128::from(peak)).sum();
        MonthlyFigures {
            points,
            expected_points: self.expected_points,
            bandwidth_95: ranked(self.expected_points.max(points) / 20),
            bandwidth_peak: ranked(0),
            bandwidth_fourth_peak: ranked(3),
            bandwidth_daily_peak_avg: mean(peaks, self.daily_peaks.len()).unwrap_or(0.0),
            traffic_bytes: traffic_bytes(bits),
            pv: to_i64(self.pv),
        }
    }
}

/// Collects a month of the whole account. The points of the domains are summed per slot, and then measured like those
/// of one domain.
#[derive(Debug)]
pub struct AccountMonth {
    month: Span,
    slots: Vec<AccountSlot>,
}

#[derive(Debug, Clone, Default)]
struct AccountSlot {
    bandwidth: i64,
    pv: i64,
    /// How many domains were asked for the slot.
    asked: u32,
    /// How many domains have a point in it.
    points: u32,
}

impl AccountMonth {
    /// Returns an account of which nothing is known in `month`, a range on the grid.
    #[must_use]
    pub fn new(month: Span) -> Self {
        let slots = to_usize(month.slots());
        Self {
            month,
            slots: vec![AccountSlot::default(); slots],
        }
    }

    /// Adds a range that one domain was asked for. The ranges of a domain do not overlap.
    pub fn ask(&mut self, asked: Span) {
        let Some(asked) = asked.intersect(&self.month) else {
            return;
        };
        let (first, slots) = (self.index(asked.start()), usize::try_from(asked.slots()));
        for slot in self.slots.iter_mut().skip(first).take(slots.unwrap_or(0)) {
            slot.asked += 1;
        }
    }

    /// Adds a point of one domain. Points outside the month are ignored.
    pub fn add(&mut self, ts: UnixSeconds, bandwidth: i64, pv: i64) {
        let at = self.index(ts);
        if let Some(slot) = self.slots.get_mut(at) {
            slot.bandwidth = slot.bandwidth.saturating_add(bandwidth);
            slot.pv = slot.pv.saturating_add(pv);
            slot.points += 1;
        }
    }

    /// Returns the figures. `points` counts the slots of which every domain that was asked holds its point, so one
    /// domain's gap shows in the account's month; the sums hold whatever is there.
    #[must_use]
    pub fn figures(&self) -> MonthlyFigures {
        let mut month = Month::default();
        let mut complete = 0;
        let mut start = self.month.start();
        for slot in &self.slots {
            if slot.asked > 0 {
                month.ask(Span::slot_of(start));
            }
            if slot.points > 0 {
                month.add(start, slot.bandwidth, slot.pv);
                complete += u64::from(slot.points >= slot.asked);
            }
            start += SLOT_SECONDS;
        }
        MonthlyFigures {
            points: complete,
            ..month.figures()
        }
    }

    fn index(&self, ts: UnixSeconds) -> usize {
        usize::try_from((ts - self.month.start()).div_euclid(SLOT_SECONDS)).unwrap_or(usize::MAX)
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
    fn the_account_is_measured_by_the_sums_of_its_slots_and_not_by_the_sums_of_its_measures() {
        let span = Span::new(MONTH, MONTH + 30 * DAY_SECONDS).unwrap();
        let mut account = AccountMonth::new(span);
        let two_days = Span::new(MONTH, MONTH + 2 * DAY_SECONDS).unwrap();
        account.ask(two_days);
        account.ask(two_days);
        // Their peaks never coincide; off the grid, a point still belongs to its slot.
        for at in 0..576 {
            let ts = MONTH + at * SLOT_SECONDS;
            account.add(ts, if at % 2 == 0 { 1000 } else { 1 }, 3);
            if at != 7 {
                account.add(ts + 60, if at % 2 == 0 { 1 } else { 1000 }, 4);
            }
        }
        account.add(MONTH - 1, 9999, 1);
        account.add(span.end(), 9999, 1);
        let figures = account.figures();
        // Slot 7 lacks one domain's point and is no whole slot of the account.
        assert_eq!((figures.points, figures.expected_points), (575, 576));
        assert_eq!((figures.bandwidth_peak, figures.bandwidth_95), (1001, 1001));
        assert_eq!(figures.traffic_bytes, (575 * 1001 + 1) * 300 / 8);
        assert_eq!(figures.pv, 575 * 7 + 3);
        assert!((figures.bandwidth_daily_peak_avg - 1001.0).abs() < f64::EPSILON);
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
