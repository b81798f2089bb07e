//! Sums over the points of an hour or a day.

use super::billing::{mean, traffic_bytes};
use super::convert::{to_i64, to_u64, to_usize};
use super::slot::UnixSeconds;

/// The sum of some points.
#[derive(Debug, Clone, Default)]
pub struct PointSums {
    points: usize,
    bandwidth: i128,
    pv: i128,
    peak: Option<Peak>,
}

/// The highest point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Peak {
    /// Its time; of several that are equally high, the earliest.
    pub ts: UnixSeconds,
    /// Its bandwidth in bit/s.
    pub bandwidth: i64,
}

/// The figures of at least one point.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RollupFigures {
    /// The mean bandwidth of the points that are there, in bit/s.
    pub bandwidth_avg: f64,
    /// The highest point.
    pub peak: Peak,
    /// Bandwidth summed over time, in bytes.
    pub traffic_bytes: i64,
    /// Requests.
    pub pv: i64,
}

impl RollupFigures {
    /// Returns the figures of points that are `seconds` later.
    #[must_use]
    pub const fn moved(mut self, seconds: i64) -> Self {
        self.peak.ts += seconds;
        self
    }
}

/// What the points of a day add up to, exactly.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DayTotals {
    /// How many points.
    pub points: u64,
    /// Their bandwidths in bit/s.
    pub bandwidth: i128,
    /// Their requests.
    pub pv: i128,
    /// The highest bandwidth in bit/s; 0 without points.
    pub peak: i64,
}

impl DayTotals {
    /// Returns the totals that have these figures; `None` if a figure is as large as a number can be, so it may have been
    /// larger.
    #[must_use]
    pub fn of_figures(points: u64, traffic_bytes: i64, pv: i64, peak: i64) -> Option<Self> {
        // Half a byte may have been cut: the sum of the bandwidths is the smallest one with this traffic.
        let bandwidth = (2 * i128::from(traffic_bytes) + 74) / 75;
        (traffic_bytes < i64::MAX && pv < i64::MAX).then_some(Self {
            points,
            bandwidth,
            pv: pv.into(),
            peak,
        })
    }
}

impl PointSums {
    /// Returns the sums of this number of points that have these figures; `None` if no sums have them, or they do not tell
    /// exactly.
    #[must_use]
    pub fn of_figures(points: u64, figures: &RollupFigures) -> Option<Self> {
        let RollupFigures {
            peak,
            traffic_bytes,
            pv,
            ..
        } = *figures;
        let totals = DayTotals::of_figures(points, traffic_bytes, pv, peak.bandwidth)?;
        let sums = Self {
            points: to_usize(to_i64(points)),
            bandwidth: totals.bandwidth,
            pv: totals.pv,
            peak: Some(peak),
        };
        (sums.figures()? == *figures).then_some(sums)
    }

    /// Adds the points of other sums.
    pub fn add_all(&mut self, other: &Self) {
        if let Some(Peak { ts, bandwidth }) = other.peak {
            self.raise(ts, bandwidth);
        }
        self.points += other.points;
        self.bandwidth += other.bandwidth;
        self.pv += other.pv;
    }

    fn raise(&mut self, ts: UnixSeconds, bandwidth: i64) {
        let is_higher = |peak: Peak| (bandwidth, peak.ts) > (peak.bandwidth, ts);
        if self.peak.is_none_or(is_higher) {
            self.peak = Some(Peak { ts, bandwidth });
        }
    }

    /// Adds a point: bandwidth in bit/s, pv in requests.
    pub fn add(&mut self, ts: UnixSeconds, bandwidth: i64, pv: i64) {
        self.points += 1;
        self.bandwidth += i128::from(bandwidth);
        self.pv += i128::from(pv);
        self.raise(ts, bandwidth);
    }

    /// Returns how many points were added.
    #[must_use]
    pub fn points(&self) -> usize {
        self.points
    }

    /// Returns what they add up to.
    #[must_use]
    pub fn totals(&self) -> DayTotals {
        DayTotals {
            points: to_u64(self.points),
            bandwidth: self.bandwidth,
            pv: self.pv,
            peak: self.peak.map_or(0, |peak| peak.bandwidth),
        }
    }

    /// Returns the figures; `None` without points.
    #[must_use]
    pub fn figures(&self) -> Option<RollupFigures> {
        Some(RollupFigures {
            bandwidth_avg: mean(self.bandwidth, self.points)?,
            peak: self.peak?,
            traffic_bytes: traffic_bytes(self.bandwidth),
            pv: to_i64(self.pv),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_add_up_in_any_order_and_the_earliest_of_equal_peaks_is_the_peak() {
        let mut tally = PointSums::default();
        assert_eq!((tally.points(), tally.figures()), (0, None));
        for (ts, bandwidth) in [(600, 7), (300, 9), (0, 9), (900, 2)] {
            tally.add(ts, bandwidth, 10);
        }
        assert_eq!(tally.points(), 4);
        let figures = tally.figures().unwrap();
        assert_eq!(figures.peak, Peak { ts: 0, bandwidth: 9 });
        assert!((figures.bandwidth_avg - 6.75).abs() < f64::EPSILON);
        // 27 bit/s for 300 s are 1012.5 bytes.
        assert_eq!((figures.traffic_bytes, figures.pv), (1012, 40));
    }

    #[test]
    fn the_exact_totals_of_a_day_follow_from_its_figures() {
        for bandwidth in [
            0_i64,
            1,
            2,
            3,
            27,
            74,
            75,
            76,
            5_033_164,
            9_000_000_000_000,
            9_000_000_000_001,
        ] {
            let mut sums = PointSums::default();
            sums.add(0, bandwidth, 7);
            sums.add(300, 1, 2);
            let figures = sums.figures().unwrap();
            let totals = DayTotals::of_figures(2, figures.traffic_bytes, figures.pv, figures.peak.bandwidth);
            assert_eq!(totals, Some(sums.totals()), "{bandwidth}");
        }
        let mut huge = PointSums::default();
        huge.add(0, i64::MAX, i64::MAX);
        let figures = huge.figures().unwrap();
        assert_eq!(DayTotals::of_figures(1, figures.traffic_bytes, 0, 0), None);
        assert_eq!(DayTotals::of_figures(1, 0, figures.pv, 0), None);
    }
}
