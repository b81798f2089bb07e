//! Cuts due ranges into windows.
//!
//! A window is not longer than the configured length, and crosses a UTC+8 midnight only if it starts on one. Because
//! of the cuts at midnight, windows of different runs and domains coincide and can share requests, and the figures of
//! a day are in one transaction. For the same reason a length above one day is rounded down to whole days.

use std::collections::VecDeque;

use crate::model::Span;
use crate::model::slot::{DAY_SECONDS, SLOT_SECONDS, UnixSeconds, cst_day_ceil, cst_day_floor, slot_floor};

/// The windows of an ordered list of ranges. They can be taken from either end, and are the same windows from both
/// ends.
#[derive(Debug, Clone)]
pub struct Cuts {
    rest: VecDeque<Span>,
    length: i64,
}

impl Cuts {
    /// Returns the windows of `ranges`, which are ordered, apart and on the grid; `length` in seconds is rounded down
    /// to whole slots, or whole days above one day, and is at least one slot.
    #[must_use]
    pub fn new(ranges: &[Span], length: i64) -> Self {
        let length = if length > DAY_SECONDS {
            length - length % DAY_SECONDS
        } else {
            slot_floor(length).max(SLOT_SECONDS)
        };
        Self {
            rest: ranges.iter().copied().collect(),
            length,
        }
    }

    /// Returns the oldest window that is left.
    #[must_use]
    pub fn oldest(&self) -> Option<Span> {
        let range = self.rest.front()?;
        let (start, end) = (range.start(), range.end());
        let next_midnight = cst_day_floor(start) + DAY_SECONDS;
        let starts_on_midnight = cst_day_floor(start) == start;
        let limit = if starts_on_midnight && self.length > DAY_SECONDS {
            end
        } else {
            next_midnight
        };
        Span::new(start, (start + self.length).min(limit).min(end))
    }

    /// Returns the newest window that is left.
    #[must_use]
    pub fn newest(&self) -> Option<Span> {
        let range = self.rest.back()?;
        let last = range.end() - SLOT_SECONDS;
        Span::new(self.window_start(range.start(), last), range.end())
    }

    /// Returns where the window that holds the slot `last` of a range from `start` begins.
    fn window_start(&self, start: UnixSeconds, last: UnixSeconds) -> UnixSeconds {
        let origin = if self.length > DAY_SECONDS {
            let midnight = cst_day_ceil(start);
            if last < midnight { start } else { midnight }
        } else {
            start.max(cst_day_floor(last))
        };
        last - (last - origin) % self.length
    }

    /// Takes the oldest window out.
    pub fn take_oldest(&mut self) -> Option<Span> {
        let window = self.oldest()?;
        let range = self.rest.pop_front()?;
        if let Some(rest) = Span::new(window.end(), range.end()) {
            self.rest.push_front(rest);
        }
        Some(window)
    }

    /// Takes the newest window out.
    pub fn take_newest(&mut self) -> Option<Span> {
        let window = self.newest()?;
        let range = self.rest.pop_back()?;
        if let Some(rest) = Span::new(range.start(), window.start()) {
            self.rest.push_back(rest);
        }
        Some(window)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::moment::parse_moment;

    fn at(text: &str) -> UnixSeconds {
        parse_moment(text, 0).unwrap()
    }

    fn windows(from: &str, to: &str, length: i64) -> Vec<String> {
        let mut cuts = Cuts::new(&[Span::new(at(from), at(to)).unwrap()], length);
        std::iter::from_fn(|| cuts.take_oldest())
            .map(|window| window.to_string())
            .collect()
    }

    #[test]
    fn a_range_from_noon_to_noon_is_cut_at_midnights() {
        assert_eq!(
            windows("2026-01-01 12:00", "2026-01-03 12:00", DAY_SECONDS),
            [
                "2026-01-01 12:00 to 2026-01-02 00:00",
                "2026-01-02 00:00 to 2026-01-03 00:00",
                "2026-01-03 00:00 to 2026-01-03 12:00"
            ]
        );
        assert_eq!(
            windows("2026-01-01 12:00", "2026-01-05 12:00", 2 * DAY_SECONDS + 300),
            [
                "2026-01-01 12:00 to 2026-01-02 00:00",
                "2026-01-02 00:00 to 2026-01-04 00:00",
                "2026-01-04 00:00 to 2026-01-05 12:00"
            ]
        );
        assert_eq!(windows("2026-01-01 23:55", "2026-01-02 00:05", 7 * 3600).len(), 2);
    }

    proptest::proptest! {
        #[test]
        fn windows_tile_the_ranges_and_are_the_same_from_both_ends(
            ranges in proptest::collection::vec((1_i64..400, 1_i64..1500), 1..5),
            length in 1_i64..1200, picks in proptest::collection::vec(proptest::bool::ANY, 0..40),
        ) {
            let mut from = 1_700_000_100;
            let ranges: Vec<Span> = ranges.into_iter().map(|(gap, slots)| {
                let span = Span::new(from + gap * 300, from + (gap + slots) * 300).unwrap();
                from = span.end();
                span
            }).collect();
            let length = length * 300;
            let oldest_first: Vec<Span> = { let mut cuts = Cuts::new(&ranges, length); std::iter::from_fn(|| cuts.take_oldest()).collect() };
            let mut newest_first: Vec<Span> = { let mut cuts = Cuts::new(&ranges, length); std::iter::from_fn(|| cuts.take_newest()).collect() };
            newest_first.reverse();
            proptest::prop_assert_eq!(&oldest_first, &newest_first);
            // Any mixture of both ends takes out the same windows.
            let mut cuts = Cuts::new(&ranges, length);
            let mut mixed: Vec<Span> = picks.iter().map_while(|&front| if front { cuts.take_oldest() } else { cuts.take_newest() }).collect();
            mixed.extend(std::iter::from_fn(|| cuts.take_oldest()));
            mixed.sort();
            proptest::prop_assert_eq!(&oldest_first, &mixed);
            // They tile the ranges: joined, they are the ranges again.
            let mut joined: Vec<Span> = Vec::new();
            for window in &oldest_first {
                match joined.last_mut() {
                    Some(last) if last.end() == window.start() => *last = Span::new(last.start(), window.end()).unwrap(),
                    _ => joined.push(*window),
                }
            }
            proptest::prop_assert_eq!(&joined, &ranges);
            for window in &oldest_first {
                proptest::prop_assert!(window.on_grid());
                proptest::prop_assert!(window.seconds() <= length);
                let on_midnight = cst_day_floor(window.start()) == window.start();
                proptest::prop_assert!(on_midnight || window.end() <= cst_day_ceil(window.start()));
            }
        }
    }
}
