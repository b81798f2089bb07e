//! Half-open ranges of time.

use std::fmt;

use super::civil;
use super::slot::{SLOT_SECONDS, UnixSeconds, slot_ceil, slot_floor};

/// The half-open range `[start, end)` in Unix seconds; never empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span {
    start: UnixSeconds,
    end: UnixSeconds,
}

impl Span {
    /// `[start, end)`, or `None` where that holds nothing.
    #[must_use]
    pub const fn new(start: UnixSeconds, end: UnixSeconds) -> Option<Self> {
        if start < end {
            Some(Self { start, end })
        } else {
            None
        }
    }

    /// Returns the slot that holds `ts`.
    #[must_use]
    pub const fn slot_of(ts: UnixSeconds) -> Self {
        let start = slot_floor(ts);
        Self {
            start,
            end: start + SLOT_SECONDS,
        }
    }

    /// Returns the first second in the range.
    #[must_use]
    pub const fn start(&self) -> UnixSeconds {
        self.start
    }

    /// Returns the first second after the range.
    #[must_use]
    pub const fn end(&self) -> UnixSeconds {
        self.end
    }

    /// Returns the length in seconds.
    #[must_use]
    pub const fn seconds(&self) -> i64 {
        self.end - self.start
    }

    /// Returns the number of whole slots; exact for a range on the grid.
    #[must_use]
    pub const fn slots(&self) -> i64 {
        self.seconds() / SLOT_SECONDS
    }

    /// Whether both ends lie on slot boundaries.
    #[must_use]
    pub const fn on_grid(&self) -> bool {
        slot_floor(self.start) == self.start && slot_floor(self.end) == self.end
    }

    /// Returns the smallest range on the grid that holds this one.
    #[must_use]
    pub const fn to_grid(&self) -> Self {
        Self {
            start: slot_floor(self.start),
            end: slot_ceil(self.end),
        }
    }

    /// Returns the ranges of `seconds` that follow one another from the start on and fit into this one.
    pub fn pieces(self, seconds: i64) -> impl Iterator<Item = Self> {
        let next = move |piece: &Self| Self::new(piece.end, piece.end + seconds);
        let first = Self::new(self.start, self.start + seconds);
        std::iter::successors(first, next).take_while(move |piece| piece.end <= self.end)
    }

    /// Whether `ts` lies in the range.
    #[must_use]
    pub const fn contains(&self, ts: UnixSeconds) -> bool {
        self.start <= ts && ts < self.end
    }

    /// Returns the range moved by `seconds`; a negative number moves it back.
    #[must_use]
    pub const fn moved(&self, seconds: i64) -> Self {
        Self {
            start: self.start.saturating_add(seconds),
            end: self.end.saturating_add(seconds),
        }
    }

    /// Returns the shortest range that contains both.
    #[must_use]
    pub fn hull(&self, other: &Self) -> Self {
        Self {
            start: self.start.min(other.start),
            end: self.end.max(other.end),
        }
    }

    /// Returns the range that both share.
    #[must_use]
    pub fn intersect(&self, other: &Self) -> Option<Self> {
        Self::new(self.start.max(other.start), self.end.min(other.end))
    }

    /// Returns the two halves, cut on the grid; `None` for a range of one slot, which cannot be cut.
    #[must_use]
    pub fn halve(&self) -> Option<(Self, Self)> {
        let middle = slot_floor(self.start + self.seconds() / 2);
        Some((Self::new(self.start, middle)?, Self::new(middle, self.end)?))
    }
}

/// A range that contains every slot.
pub const EVER: Span = Span {
    start: -(1 << 60),
    end: 1 << 60,
};

/// Both ends in UTC+8: `2026-01-01 00:00 to 2026-01-02 00:00`.
impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} to {}",
            civil::cst_minute(self.start),
            civil::cst_minute(self.end)
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_or_reversed_range_cannot_be_made() {
        assert_eq!(Span::new(300, 300), None);
        assert_eq!(Span::new(600, 300), None);
    }

    #[test]
    fn halves_meet_on_the_grid_and_one_slot_cannot_be_halved() {
        let span = Span::new(0, 900).unwrap();
        let (older, newer) = span.halve().unwrap();
        assert_eq!(
            (older.start(), older.end(), newer.start(), newer.end()),
            (0, 300, 300, 900)
        );
        assert_eq!(Span::slot_of(301).halve(), None);
    }
}
