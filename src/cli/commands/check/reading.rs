//! How the API reads `start_time` and `end_time`, as the labels of one answer show it.
//!
//! Nothing documents it. A run works under every reading, because it asks for more than it wants and ignores the rest;
//! people need it to choose `slot_label`.

use std::fmt;

use crate::model::slot::{SLOT_SECONDS, slot_floor};
use crate::model::{Span, UnixSeconds, civil};

/// How a range that was asked for was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reading {
    /// Labels from the first slot that was asked for to the last one.
    AsAsked,
    /// One slot later at both ends: selected by the time of the data, and a label names the end of its slot.
    EndLabels,
    /// The label at the end of the range came as well as the one at its start.
    BothEnds,
    /// Labels before the range or after it.
    Widened {
        /// The first one.
        first: UnixSeconds,
        /// The last one.
        last: UnixSeconds,
    },
    /// Nothing came, or nothing at one of the ends, so it cannot be told.
    Unknown,
}

/// Tells the reading from the `labels` that an answer held to a question for `span`. Their order does not matter, and a
/// label counts as the slot that holds it.
#[must_use]
pub fn reading(span: Span, labels: &[UnixSeconds]) -> Reading {
    let slots = || labels.iter().map(|&label| slot_floor(label));
    let (Some(first), Some(last)) = (slots().min(), slots().max()) else {
        return Reading::Unknown;
    };
    if first < span.start() || last > span.end() {
        return Reading::Widened { first, last };
    }
    match (first - span.start(), span.end() - last) {
        (0, 0) => Reading::BothEnds,
        (0, SLOT_SECONDS) => Reading::AsAsked,
        (SLOT_SECONDS, 0) => Reading::EndLabels,
        _ => Reading::Unknown,
    }
}

impl Reading {
    /// As JSON names it.
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

/// In plain words.
impl fmt::Display for Reading {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AsAsked => f.write_str("as asked, which does not show whether a label names the start or the end of its slot"),
            Self::EndLabels => {
                f.write_str("one slot later: the API selects by the time of the data, and a label names the end of its slot")
            }
            Self::BothEnds => f.write_str("both ends included: the label at the end of the range came, too"),
            Self::Widened { first, last } => write!(
                f,
                "widened: labels from {} to {} came",
                civil::cst_minute(*first),
                civil::cst_minute(*last)
            ),
            Self::Unknown => f.write_str("not known: points are missing at an end of the range"),
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
    fn of(first: i64, last: i64) -> Reading {
        let labels: Vec<_> = (first..=last)
            .rev()
            .map(|slot| START + slot * SLOT_SECONDS)
            .collect();
        reading(hour(), &labels)
    }

    #[test]
    fn the_labels_at_both_ends_decide() {
        assert_eq!(of(0, 11), Reading::AsAsked);
        assert_eq!(of(1, 12), Reading::EndLabels);
        assert_eq!(of(0, 12), Reading::BothEnds);
    }

    #[test]
    fn labels_outside_are_a_widened_range_whatever_is_missing_inside() {
        for (first, last) in [(-6, 17), (-5, 18), (-1, 11), (0, 13), (1, 13), (-6, -6), (20, 20)] {
            let widened = Reading::Widened {
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
        assert_eq!(reading(hour(), &[]), Reading::Unknown);
        for (first, last) in [(0, 0), (0, 10), (1, 11), (2, 12), (5, 5), (12, 12)] {
            assert_eq!(of(first, last), Reading::Unknown, "{first} to {last}");
        }
    }

    #[test]
    fn holes_between_the_ends_and_labels_off_the_grid_change_nothing() {
        assert_eq!(
            reading(hour(), &[START, START + 11 * SLOT_SECONDS]),
            Reading::AsAsked
        );
        assert_eq!(
            reading(hour(), &[START + 299, START + 11 * SLOT_SECONDS + 60]),
            Reading::AsAsked
        );
    }
}
