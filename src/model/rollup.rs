//! Sums over the points of an hour or a day.

use super::billing::{mean, traffic_bytes};
use super::convert::to_i64;
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

impl PointSums {
    /// Adds a point: bandwidth in bit/s, pv in requests.
    pub fn add(&mut self, ts: UnixSeconds, bandwidth: i64, pv: i64) {
        self.points += 1;
        self.bandwidth += i128::from(bandwidth);
        self.pv += i128::from(pv);
        let is_higher = |peak: Peak| (bandwidth, peak.ts) > (peak.bandwidth, ts);
        if self.peak.is_none_or(is_higher) {
            self.peak = Some(Peak { ts, bandwidth });
        }
    }

    /// Returns how many points were added.
    #[must_use]
    pub fn points(&self) -> usize {
        self.points
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
}
