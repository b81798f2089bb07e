//! How the service reads `start_time` and `end_time`.
//!
//! The document leaves it open which points a range selects. Sister endpoints label a slot by its end.

use super::truth::POINT_SECONDS;

const HOUR: i64 = 3_600;

/// The points that a range selects.
///
/// The default is a selection by label, with both ends in the range: `07:00` to `07:59` selects the labels
/// 07:00 to 07:55. Whatever the reading, the point with a label is the same point.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Reading {
    /// What has to lie in the range.
    pub selects: Selects,
    /// Whether `start_time` itself is in the range.
    pub start: Bound,
    /// Whether the minute of `end_time` is in the range.
    pub end: Bound,
    /// The range is widened to whole hours first.
    pub whole_hours: bool,
}

/// What of a point has to lie in the range.
///
/// In all but the first, a point labelled L holds the data of the 5 minutes before L.
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

/// Whether an end belongs to the range.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Bound {
    /// It does.
    #[default]
    Inclusive,
    /// It does not.
    Exclusive,
}

impl Reading {
    /// The labels selected by a request from `start` to the minute that ends at `end`: the first possible
    /// one, and the first that is too late.
    pub(crate) fn labels(self, start: i64, end: i64) -> (i64, i64) {
        let mut from = start;
        let mut to = match self.end {
            Bound::Inclusive => end,
            Bound::Exclusive => end.saturating_sub(60),
        };
        if self.whole_hours {
            from -= from.rem_euclid(HOUR);
            to = to.saturating_add((-to.rem_euclid(HOUR)).rem_euclid(HOUR));
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
    fn labels(reading: Reading, start: i64, end: i64) -> Vec<i64> {
        let seven = 7 * HOUR;
        let (first, end) = reading.labels(seven + start * 60, seven + end * 60 + 60);
        (first..end)
            .filter(|label| label % POINT_SECONDS == 0)
            .map(|label| (label - seven) / 60)
            .collect()
    }

    fn selecting(selects: Selects) -> Reading {
        Reading {
            selects,
            ..Reading::default()
        }
    }

    #[test]
    fn a_label_is_selected_as_the_ends_say() {
        let reading = Reading::default();
        assert_eq!(labels(reading, 0, 9), [0, 5]);
        assert_eq!(labels(reading, 0, 10), [0, 5, 10]);
        let exclusive = Reading {
            end: Bound::Exclusive,
            ..reading
        };
        assert_eq!(labels(exclusive, 0, 9), [0, 5]);
        assert_eq!(labels(exclusive, 0, 10), [0, 5]);
        let open = Reading {
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
        let exclusive = Reading {
            end: Bound::Exclusive,
            ..selecting(Selects::WholeData)
        };
        assert_eq!(labels(exclusive, 0, 9), [5]);
        let open = Reading {
            start: Bound::Exclusive,
            ..selecting(Selects::DataStart)
        };
        assert_eq!(labels(open, 0, 9), [10]);
    }

    #[test]
    fn hours_are_rounded_outwards() {
        let hours = Reading {
            whole_hours: true,
            ..Reading::default()
        };
        let hour: Vec<i64> = (0..12).map(|slot| slot * 5).collect();
        assert_eq!(labels(hours, 35, 39), hour);
        assert_eq!(labels(hours, 0, 59), hour);
        assert_eq!(labels(hours, 0, 60).len(), 24);
        let exclusive = Reading {
            end: Bound::Exclusive,
            ..hours
        };
        assert_eq!(labels(exclusive, 35, 60), hour);
    }
}
