//! A month of the bill: a calendar month of UTC+8.

use std::fmt;
use std::str::FromStr;

use chrono::NaiveDate;

use super::civil::{cst_month, cst_month_bounds, from_cst};
use super::slot::UnixSeconds;
use super::span::Span;
use super::text;

/// A calendar month of UTC+8, in the time of the data: the label of a point minus the shift of its slot label.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CalendarMonth(Span);

/// A text that names no month; the text is part of the message.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{given}` is not a month: write it as `2026-10`")]
pub struct MonthError {
    given: String,
}

impl CalendarMonth {
    /// Returns the month of `ts`; `None` only for a moment beyond all calendars.
    #[must_use]
    pub fn of(ts: UnixSeconds) -> Option<Self> {
        let (start, end) = cst_month_bounds(ts)?;
        Span::new(start, end).map(Self)
    }

    /// Returns its first and its last midnight.
    #[must_use]
    pub const fn span(&self) -> Span {
        self.0
    }

    /// Returns the month before.
    #[must_use]
    pub fn before(&self) -> Option<Self> {
        Self::of(self.0.start() - 1)
    }

    /// Returns whether it is over at `now`.
    #[must_use]
    pub const fn is_over(&self, now: UnixSeconds) -> bool {
        self.0.end() <= now
    }

    /// Returns whether it has not begun at `now`.
    #[must_use]
    pub const fn is_to_come(&self, now: UnixSeconds) -> bool {
        now < self.0.start()
    }
}

/// As the relations write it: `2026-10`.
impl fmt::Display for CalendarMonth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&cst_month(self.0.start()))
    }
}

impl FromStr for CalendarMonth {
    type Err = MonthError;

    fn from_str(given: &str) -> Result<Self, MonthError> {
        // chrono accepts years and months of any width.
        let digits = |at: std::ops::Range<usize>| {
            let part = given.get(at)?;
            part.bytes().all(|byte| byte.is_ascii_digit()).then_some(part)
        };
        let first = (given.len() == 7 && given.get(4..5) == Some("-"))
            .then(|| {
                let (year, month) = (digits(0..4)?.parse().ok()?, digits(5..7)?.parse().ok()?);
                NaiveDate::from_ymd_opt(year, month, 1)?.and_hms_opt(0, 0, 0)
            })
            .flatten();
        first
            .and_then(|first| Self::of(from_cst(first)))
            .ok_or_else(|| MonthError {
                given: text::printable(given),
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::slot::DAY_SECONDS;

    #[test]
    fn a_month_is_read_as_it_is_written_and_nothing_else_is() {
        for (given, days) in [("2026-10", 31), ("2024-02", 29), ("2026-02", 28)] {
            let month: CalendarMonth = given.parse().unwrap();
            assert_eq!(month.to_string(), given);
            assert_eq!(month.span().seconds(), days * DAY_SECONDS);
        }
        for given in [
            "",
            "2026",
            "2026-1",
            "2026-13",
            "2026-00",
            "2026-10-01",
            "26-10",
            "2026/10",
            "+026-10",
            "2026-+1",
            " 2026-10",
            "now",
            "\u{1b}[2J",
            "２０２６-10",
        ] {
            let error = given.parse::<CalendarMonth>().unwrap_err().to_string();
            assert!(
                error.ends_with("is not a month: write it as `2026-10`"),
                "{error}"
            );
            assert!(!error.contains('\u{1b}'), "{error:?}");
        }
    }

    #[test]
    fn a_month_runs_from_its_first_midnight_of_utc8_to_the_next_one() {
        let month: CalendarMonth = "2019-09".parse().unwrap();
        let (start, end) = (month.span().start(), month.span().end());
        assert_eq!(start, 1_567_267_200); // 2019-08-31 16:00 UTC
        assert!(month.is_to_come(start - 1) && !month.is_to_come(start));
        assert!(!month.is_over(end - 1) && month.is_over(end));
        assert_eq!(CalendarMonth::of(end - 1), Some(month));
        assert_eq!(
            CalendarMonth::of(end).map(|next| next.to_string()).as_deref(),
            Some("2019-10")
        );
        assert_eq!(
            month.before().map(|before| before.to_string()).as_deref(),
            Some("2019-08")
        );
        assert_eq!(CalendarMonth::of(i64::MAX), None);
    }
}
