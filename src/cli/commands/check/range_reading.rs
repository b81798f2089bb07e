//! How the API reads `start_time` and `end_time`, found from the labels of one answer.
//!
//! The API does not document it. A run works with every reading, because it asks for more than it needs and ignores the
//! rest. People need the reading to choose `slot_label`.

use std::fmt;

use crate::model::slot::{SLOT_SECONDS, slot_floor};
use crate::model::{Span, UnixSeconds, civil};

/// How the API read the range of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RangeReading {
    /// Labels from the first requested slot to the last one.
    AsAsked,
    /// Labels one slot later at both ends: the API selects by the time of the data, and a label is the end of its slot.
    EndLabels,
    /// Labels at both ends of the range.
    BothEnds,
    /// Labels before the range or after it.
    Widened {
        /// The first one.
        first: UnixSeconds,
        /// The last one.
        last: UnixSeconds,
    },
    /// No labels, or none at one of the ends.
    Unknown,
}

/// Returns the reading that follows from the `labels` of an answer for `span`, in any order. A label counts as the slot
/// that it lies in.
#[must_use]
pub fn reading(span: Span, labels: &[UnixSeconds]) -> RangeReading {
    let slots = || labels.iter().map(|&label| slot_floor(label));
    let (Some(first), Some(last)) = (slots().min(), slots().max()) else {
        return RangeReading::Unknown;
    };
    if first < span.start() || last > span.end() {
        return RangeReading::Widened { first, last };
    }
    match (first - span.start(), span.end() - last) {
        (0, 0) => RangeReading::BothEnds,
        (0, SLOT_SECONDS) => RangeReading::AsAsked,
        (SLOT_SECONDS, 0) => RangeReading::EndLabels,
        _ => RangeReading::Unknown,
    }
}

impl RangeReading {
    /// Returns its name in JSON.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::AsAsked => "as_asked",
            Self::EndLabels => "end_labels",
            Self::BothEnds => "both_ends",
            Self::Widened { .. } => "widened",
            Self::Unknown => "unknown",
        }
    }
}

impl fmt::Display for RangeReading {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AsAsked => {
                f.write_str("as asked; it stays open whether a label is the start or the end of its slot")
            }
            Self::EndLabels => f.write_str(
                "one slot later: the API selects by the time of the data, and a label is the end of its slot",
            ),
            Self::BothEnds => f.write_str("both ends are included"),
            Self::Widened { first, last } => write!(
                f,
                "widened: labels from {} to {} came",
                civil::cst_minute(*first),
                civil::cst_minute(*last)
            ),
            Self::Unknown => f.write_str("unknown: points are missing at an end of the range"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: UnixSeconds = 1_568_514_600; // 2019-09-15 10:30 in UTC+8

    fn hour() -> Span {
        Span::new(START, START + 3_600).unwrap()
    }

    /// The reading where labels came from the slot with the number `first` after 10:30 to the one with `last`.
    fn of(first: i64, last: i64) -> RangeReading {
        let labels: Vec<_> = (first..=last)
            .rev()
            .map(|slot| START + slot * SLOT_SECONDS)
            .collect();
        reading(hour(), &labels)
    }

    #[test]
    fn the_labels_at_both_ends_decide() {
        assert_eq!(of(0, 11), RangeReading::AsAsked);
        assert_eq!(of(1, 12), RangeReading::EndLabels);
        assert_eq!(of(0, 12), RangeReading::BothEnds);
    }

    #[test]
    fn labels_outside_are_a_widened_range_whatever_is_missing_inside() {
        for (first, last) in [(-6, 17), (-5, 18), (-1, 11), (0, 13), (1, 13), (-6, -6), (20, 20)] {
            let widened = RangeReading::Widened {
                first: START + first * SLOT_SECONDS,
                last: START + last * SLOT_SECONDS,
            };
            assert_eq!(of(first, last), widened);
        }
        assert_eq!(
            of(-6, 17).to_string(),
            "widened: labels from 2019-09-15 10:00 to 2019-09-15 11:55 came"
        );
    }

    #[test]
    fn points_that_are_missing_at_an_end_leave_it_open() {
        assert_eq!(reading(hour(), &[]), RangeReading::Unknown);
        for (first, last) in [(0, 0), (0, 10), (1, 11), (2, 12), (5, 5), (12, 12)] {
            assert_eq!(of(first, last), RangeReading::Unknown, "{first} to {last}");
        }
    }

    #[test]
    fn holes_between_the_ends_and_labels_off_the_grid_change_nothing() {
        assert_eq!(
            reading(hour(), &[START, START + 11 * SLOT_SECONDS]),
            RangeReading::AsAsked
        );
        assert_eq!(
            reading(hour(), &[START + 299, START + 11 * SLOT_SECONDS + 60]),
            RangeReading::AsAsked
        );
    }
}
