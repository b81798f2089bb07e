//! Which end of its five minutes a slot's label names.

use std::fmt;
use std::str::FromStr;

use super::slot::{SLOT_SECONDS, UnixSeconds};
use super::text;

/// Which end of its five minutes a point's time names.
///
/// Sister endpoints label a slot by its end: "13:25" covers 13:20 to 13:25 (documented there). For this endpoint
/// it is unknown, so times are stored as reported and a setting decides which hour, day and month they belong to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum SlotLabel {
    /// The start: 00:00 on the 1st is the first slot of its month.
    #[default]
    Start,
    /// The end: 00:00 on the 1st is the last slot of the month before.
    End,
}

/// A text that names no label; the text is part of the message.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{given}` is not a slot label: write `start` or `end`")]
pub struct SlotLabelError {
    given: String,
}

impl SlotLabel {
    /// Returns how many seconds a label lies after the start of its five minutes.
    ///
    /// A day or month that begins at `midnight` holds the labels from `midnight + shift` on.
    #[must_use]
    pub const fn shift(self) -> UnixSeconds {
        match self {
            Self::Start => 0,
            Self::End => SLOT_SECONDS,
        }
    }

    /// Returns the label that this one is not.
    #[must_use]
    pub const fn other(self) -> Self {
        match self {
            Self::Start => Self::End,
            Self::End => Self::Start,
        }
    }

    /// As the configuration and the database write it: `start` or `end`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::End => "end",
        }
    }
}

impl fmt::Display for SlotLabel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for SlotLabel {
    type Err = SlotLabelError;

    fn from_str(given: &str) -> Result<Self, SlotLabelError> {
        match given {
            "start" => Ok(Self::Start),
            "end" => Ok(Self::End),
            _ => Err(SlotLabelError {
                given: text::printable(given),
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::civil::cst_month;

    #[test]
    fn midnight_of_the_first_belongs_to_the_month_before_where_it_names_an_end() {
        let midnight = 1_569_859_200; // 2019-10-01 00:00 in UTC+8
        for (label, month) in [(SlotLabel::Start, "2019-10"), (SlotLabel::End, "2019-09")] {
            assert_eq!(cst_month(midnight - label.shift()), month);
            assert_eq!(cst_month(midnight + SLOT_SECONDS - label.shift()), "2019-10");
        }
    }

    #[test]
    fn a_label_is_read_as_it_is_written_and_nothing_else_is() {
        for label in [SlotLabel::Start, SlotLabel::End] {
            assert_eq!(label.to_string().parse(), Ok(label));
            assert_ne!(label.other(), label);
        }
        for given in ["", "Start", "END", " end", "middle"] {
            let error = given.parse::<SlotLabel>().unwrap_err().to_string();
            assert_eq!(
                error,
                format!("`{given}` is not a slot label: write `start` or `end`")
            );
        }
    }
}
