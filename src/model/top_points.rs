//! The highest points of a month. The ranked measures of the bill follow from them, so a month need not be read again for
//! every new point.

use std::cmp::Reverse;

use super::convert::to_usize;
use super::slot::{SLOT_SECONDS, UnixSeconds};

/// A point: the higher first, and of equal ones the earlier first.
pub type RankedPoint = (Reverse<i64>, UnixSeconds);

/// How many points are kept. A month of 31 days needs 447 for its 95 peak; the others are a reserve for points that a later
/// answer lowers.
const KEPT: usize = 480;

/// The highest points of a month, in their order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopPoints {
    points: Vec<RankedPoint>,
    /// Whether the month has no other points.
    are_all: bool,
}

impl Default for TopPoints {
    /// Returns those of a month without points.
    fn default() -> Self {
        Self {
            points: Vec::new(),
            are_all: true,
        }
    }
}

impl TopPoints {
    /// Returns the highest of all points of a month, at least as far as `rank`.
    #[must_use]
    pub fn of(mut points: Vec<RankedPoint>, rank: u64) -> Self {
        points.sort_unstable();
        let kept = KEPT.max(to_usize(rank).saturating_add(1));
        let are_all = points.len() <= kept;
        points.truncate(kept);
        Self { points, are_all }
    }

    /// Returns the highest points after some times were read again. `is_read` says whether a time is one of these, and `read`
    /// are all points there.
    #[must_use]
    pub fn with(self, is_read: impl Fn(UnixSeconds) -> bool, read: Vec<RankedPoint>) -> Self {
        let Self { mut points, are_all } = self;
        let lowest = points.last().copied();
        points.retain(|(_, ts)| !is_read(*ts));
        // The points that are not kept come after the lowest one. So it is not known whether others follow it.
        let is_known = |point: &RankedPoint| are_all || lowest.is_some_and(|lowest| *point <= lowest);
        points.extend(read.into_iter().filter(is_known));
        // The stable sort is the faster one here: most of them are in order.
        points.sort();
        let are_all = are_all && points.len() <= KEPT;
        points.truncate(KEPT);
        Self { points, are_all }
    }

    /// Returns the point of this rank, from 0 on; `None` in it if the month has fewer points. `None` if the points that are
    /// kept do not reach so far.
    #[must_use]
    pub fn ranked(&self, rank: u64) -> Option<Option<RankedPoint>> {
        let point = usize::try_from(rank)
            .ok()
            .and_then(|rank| self.points.get(rank).copied());
        (point.is_some() || self.are_all).then_some(point)
    }

    /// Returns the first of the points that are as high as `point`, one of these.
    #[must_use]
    pub fn first_like(&self, point: RankedPoint) -> RankedPoint {
        let higher = self.points.partition_point(|(height, _)| *height < point.0);
        self.points.get(higher).copied().unwrap_or(point)
    }

    /// Returns whether these are the first of `all` points that are kept of the same month.
    #[must_use]
    pub fn begin(&self, all: &Self) -> bool {
        all.points.starts_with(&self.points) && (!self.are_all || *self == *all)
    }

    /// Returns the stored form. `start` is the start of the month.
    #[must_use]
    pub fn to_bytes(&self, start: UnixSeconds) -> Vec<u8> {
        let mut bytes = vec![u8::from(self.are_all)];
        let mut last = i64::MAX;
        for (Reverse(bandwidth), ts) in &self.points {
            let offset = ts.wrapping_sub(start);
            let (slot, rest) = (offset.div_euclid(SLOT_SECONDS), offset.rem_euclid(SLOT_SECONDS));
            put(&mut bytes, last.wrapping_sub(*bandwidth).cast_unsigned());
            put(&mut bytes, (slot << 1 | i64::from(rest > 0)).cast_unsigned());
            if rest > 0 {
                put(&mut bytes, rest.cast_unsigned());
            }
            last = *bandwidth;
        }
        bytes
    }

    /// Reads the stored form; `None` if it is damaged.
    #[must_use]
    pub fn from_bytes(bytes: &[u8], start: UnixSeconds) -> Option<Self> {
        let (&first, mut rest) = bytes.split_first()?;
        let mut points: Vec<RankedPoint> = Vec::new();
        let mut last = i64::MAX;
        while !rest.is_empty() {
            last = last.wrapping_sub(take(&mut rest)?.cast_signed());
            let slot = take(&mut rest)?;
            let seconds = if slot & 1 == 1 { take(&mut rest)? } else { 0 };
            let offset = (slot >> 1).cast_signed().checked_mul(SLOT_SECONDS)?;
            let ts = start.checked_add(offset)?.checked_add(seconds.cast_signed())?;
            points.push((Reverse(last), ts));
        }
        let is_sound = first <= 1 && points.is_sorted_by(|one, next| one < next);
        is_sound.then_some(Self {
            points,
            are_all: first == 1,
        })
    }
}

/// Appends a number in as few bytes of 7 bits as it needs.
fn put(bytes: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        bytes.push(u8::try_from(number & 0x7f).unwrap_or(0) | 0x80);
        number >>= 7;
    }
    bytes.push(u8::try_from(number).unwrap_or(0));
}

fn take(bytes: &mut &[u8]) -> Option<u64> {
    let mut number = 0_u64;
    for shift in (0..64).step_by(7) {
        let (&byte, rest) = bytes.split_first()?;
        *bytes = rest;
        number |= u64::from(byte & 0x7f).checked_shl(shift)?;
        if byte < 0x80 {
            return Some(number);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const START: UnixSeconds = 1_756_656_000;

    fn point(bandwidth: i64, slot: i64, second: i64) -> RankedPoint {
        (Reverse(bandwidth), START + slot * SLOT_SECONDS + second)
    }

    #[test]
    fn the_points_that_are_kept_reach_as_far_as_a_whole_month_needs_and_no_further() {
        let all: Vec<_> = (0..8928).map(|slot| point(slot % 1000, slot, 0)).collect();
        let top = TopPoints::of(all, 446);
        assert_eq!(top.ranked(446).unwrap().unwrap().0, Reverse(944));
        assert_eq!(top.ranked(479).unwrap().unwrap().0, Reverse(940));
        assert_eq!(top.ranked(480), None);
        assert_eq!(top.first_like(point(944, 8944, 0)), point(944, 944, 0));
        let few = TopPoints::of(vec![point(5, 1, 0), point(7, 0, 0)], 0);
        assert_eq!(
            (few.ranked(1), few.ranked(2)),
            (Some(Some(point(5, 1, 0))), Some(None))
        );
    }

    #[test]
    fn a_stored_form_that_is_cut_or_out_of_order_is_refused() {
        let top = TopPoints::of(vec![point(700, 1, 0), point(7, 0, 17), point(7, 2, 0)], 0);
        let bytes = top.to_bytes(START);
        assert_eq!(TopPoints::from_bytes(&bytes, START), Some(top));
        assert_eq!(TopPoints::from_bytes(&[], START), None);
        assert_eq!(TopPoints::from_bytes(&bytes[..bytes.len() - 1], START), None);
        assert_eq!(TopPoints::from_bytes(&[2], START), None);
        // The same point twice.
        let twice = [&bytes[..], &[0, 4]].concat();
        assert_eq!(TopPoints::from_bytes(&twice, START), None);
    }

    proptest! {
        #[test]
        fn days_that_are_read_again_leave_what_reading_the_month_again_leaves(
            days in prop::collection::vec(prop::collection::vec(0..40_i64, 0..288), 1..6),
            changes in prop::collection::vec((0..6_usize, prop::collection::vec(0..40_i64, 0..288)), 0..6),
            second in 0..2_i64,
        ) {
            let points = |day: usize, bandwidths: &[i64]| -> Vec<RankedPoint> {
                let slots = (i64::try_from(day).unwrap() * 288)..;
                slots.zip(bandwidths).map(|(slot, bandwidth)| point(*bandwidth, slot, second)).collect()
            };
            let all = |days: &[Vec<i64>]| -> Vec<RankedPoint> {
                days.iter().enumerate().flat_map(|(day, bandwidths)| points(day, bandwidths)).collect()
            };
            let mut days = days;
            let mut top = TopPoints::of(all(&days), 0);
            for (day, bandwidths) in changes {
                let day = day % days.len();
                let start = START + i64::try_from(day).unwrap() * 86_400;
                let is_read = |ts: UnixSeconds| (start..start + 86_400).contains(&ts);
                top = top.with(is_read, points(day, &bandwidths));
                days[day] = bandwidths;
                let whole = TopPoints::of(all(&days), 0);
                prop_assert!(top.begin(&whole), "{top:?} {whole:?}");
                prop_assert_eq!(TopPoints::from_bytes(&top.to_bytes(START), START), Some(top.clone()));
            }
        }
    }
}
