//! How the service interprets `start_time` and `end_time`.
//!
//! The documentation does not say which points a range selects. Sister endpoints label a slot by its end.

use super::time::{HOUR, POINT_SECONDS, next_multiple};

/// Which points a range selects.
///
/// By default a range selects points by their label and includes both ends: `07:00` to `07:59` selects the labels 07:00
/// to 07:55. The point with a label is the same one under every rule.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RangeRule {
    /// The part of a point that has to lie in the range.
    pub selects: Selects,
    /// Whether `start_time` itself is in the range.
    pub start: Bound,
    /// Whether the minute of `end_time` is in the range.
    pub end: Bound,
    /// The range is widened to whole hours first.
    pub whole_hours: bool,
}

/// The part of a point that has to lie in the range.
///
/// Except for the first, a point labelled L holds the data of the 5 minutes before L.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Selects {
    /// The label.
    #[default]
    Label,
    /// The first second of the data.
    DataStart,
    /// All of the data.
    WholeData,
    /// Any of the data.
    AnyData,
}

/// Whether an end of the range belongs to it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Bound {
    /// It does.
    #[default]
    Inclusive,
    /// It does not.
    Exclusive,
}

impl RangeRule {
    /// Returns the range of labels that a request from `start` to the minute that ends at `end` selects: its first
    /// second, and the first second after it.
    pub(crate) fn labels(self, start: i64, end: i64) -> (i64, i64) {
        let mut from = start;
        let mut to = match self.end {
            Bound::Inclusive => end,
            Bound::Exclusive => end.saturating_sub(60),
        };
        if self.whole_hours {
            from -= from.rem_euclid(HOUR);
            to = next_multiple(to, HOUR);
        }
        if self.start == Bound::Exclusive {
            from = from.saturating_add(1);
        }
        let (from_shift, to_shift) = match self.selects {
            Selects::Label => (0, 0),
            Selects::DataStart => (POINT_SECONDS, POINT_SECONDS),
            Selects::WholeData => (POINT_SECONDS, 1),
            Selects::AnyData => (1, POINT_SECONDS),
        };
        (from.saturating_add(from_shift), to.saturating_add(to_shift))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The labels, in minutes after 07:00, selected by `start_time` 07:00 + `start` and `end_time` 07:00 + `end`.
    fn labels(reading: RangeRule, start: i64, end: i64) -> Vec<i64> {
        let seven = 7 * HOUR;
        let (first, end) = reading.labels(seven + start * 60, seven + end * 60 + 60);
        (first..end)
            .filter(|label| label % POINT_SECONDS == 0)
            .map(|label| (label - seven) / 60)
            .collect()
    }

    fn selecting(selects: Selects) -> RangeRule {
        RangeRule {
            selects,
            ..RangeRule::default()
        }
    }

    #[test]
    fn a_label_is_selected_as_the_ends_say() {
        let reading = RangeRule::default();
        assert_eq!(labels(reading, 0, 9), [0, 5]);
        assert_eq!(labels(reading, 0, 10), [0, 5, 10]);
        let exclusive = RangeRule {
            end: Bound::Exclusive,
            ..reading
        };
        assert_eq!(labels(exclusive, 0, 9), [0, 5]);
        assert_eq!(labels(exclusive, 0, 10), [0, 5]);
        let open = RangeRule {
            start: Bound::Exclusive,
            ..reading
        };
        assert_eq!(labels(open, 0, 10), [5, 10]);
        assert_eq!(labels(open, -1, 9), [0, 5]);
    }

    #[test]
    fn data_time_selects_labels_at_the_end_of_the_slot() {
        assert_eq!(labels(selecting(Selects::DataStart), 0, 9), [5, 10]);
        assert_eq!(labels(selecting(Selects::DataStart), 0, 10), [5, 10, 15]);
        assert_eq!(labels(selecting(Selects::WholeData), 0, 9), [5, 10]);
        assert_eq!(labels(selecting(Selects::WholeData), 0, 8), [5]);
        assert_eq!(labels(selecting(Selects::WholeData), 1, 14), [10, 15]);
        assert_eq!(labels(selecting(Selects::AnyData), 0, 9), [5, 10]);
        assert_eq!(labels(selecting(Selects::AnyData), 1, 10), [5, 10, 15]);
        let exclusive = RangeRule {
            end: Bound::Exclusive,
            ..selecting(Selects::WholeData)
        };
        assert_eq!(labels(exclusive, 0, 9), [5]);
        let open = RangeRule {
            start: Bound::Exclusive,
            ..selecting(Selects::DataStart)
        };
        assert_eq!(labels(open, 0, 9), [10]);
    }

    #[test]
    fn hours_are_rounded_outwards() {
        let hours = RangeRule {
            whole_hours: true,
            ..RangeRule::default()
        };
        let hour: Vec<i64> = (0..12).map(|slot| slot * 5).collect();
        assert_eq!(labels(hours, 35, 39), hour);
        assert_eq!(labels(hours, 0, 59), hour);
        assert_eq!(labels(hours, 0, 60).len(), 24);
        let exclusive = RangeRule {
            end: Bound::Exclusive,
            ..hours
        };
        assert_eq!(labels(exclusive, 35, 60), hour);
    }
}
