//! Lengths of time as people write them: one grammar for the command line and the configuration.
//!
//! A length is one or more whole numbers, each with a unit: `w`, `d`, `h`, `m`, `s` or `ms`. Larger units come first,
//! and each comes once: `1h30m`. Months and years have no unit, because their lengths differ.

use std::fmt::Write as _;
use std::time::Duration;

use super::convert::to_u64;
use super::text;

/// A second, in milliseconds.
pub const SECOND_MILLIS: u64 = 1_000;
/// An hour, in milliseconds.
pub const HOUR_MILLIS: u64 = 3_600 * SECOND_MILLIS;
/// A day, in milliseconds.
pub const DAY_MILLIS: u64 = 24 * HOUR_MILLIS;

/// The units, largest first, in milliseconds.
const UNITS: [(&str, u64); 6] = [
    ("w", 7 * DAY_MILLIS),
    ("d", DAY_MILLIS),
    ("h", HOUR_MILLIS),
    ("m", 60 * SECOND_MILLIS),
    ("s", SECOND_MILLIS),
    ("ms", 1),
];

/// A text that is not a length of time; the text is part of the message.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{given}` is not a length of time: write whole numbers with `w`, `d`, `h`, `m`, `s` or `ms`, such as `7d`, `1h30m` \
     or `500ms`; for a month or a year write days"
)]
pub struct DurationError {
    given: String,
}

/// Reads a length of time such as `500ms`, `30s`, `1h30m`, `36h`, `7d` or `1w`.
pub fn parse_duration(given: &str) -> Result<Duration, DurationError> {
    milliseconds(given.trim())
        .map(Duration::from_millis)
        .ok_or_else(|| DurationError {
            given: text::printable(given),
        })
}

/// Writes a length of time as [`parse_duration`] reads it, to the millisecond: `1d`, `36h`, `1h30m`.
#[must_use]
pub fn show_duration(duration: Duration) -> String {
    let mut rest = to_u64(duration.as_millis());
    if rest == 0 {
        return "0s".to_owned();
    }
    // Ages and limits are compared in hours up to the day: 36h, not 1d12h.
    let whole_hours = rest.is_multiple_of(HOUR_MILLIS) && !rest.is_multiple_of(DAY_MILLIS);
    let mut shown = String::new();
    for (unit, length) in UNITS {
        if unit == "w" || (unit == "d" && whole_hours) || rest < length {
            continue;
        }
        // Writing to a text cannot fail.
        let _ = write!(shown, "{}{unit}", rest / length);
        rest %= length;
    }
    shown
}

/// Writes whole seconds as [`show_duration`] does; less than none are none.
#[must_use]
pub fn show_seconds(seconds: i64) -> String {
    show_duration(Duration::from_secs(to_u64(seconds)))
}

/// Returns the milliseconds of a trimmed text.
fn milliseconds(given: &str) -> Option<u64> {
    let (mut rest, mut units, mut total) = (given, UNITS.iter(), 0_u64);
    loop {
        let (number, after) = rest.split_at_checked(rest.find(|char: char| !char.is_ascii_digit())?)?;
        let unit_end = after.find(|char: char| !char.is_ascii_alphabetic());
        let (unit, after) = after.split_at_checked(unit_end.unwrap_or(after.len()))?;
        let (_, length) = units.find(|(name, _)| *name == unit)?;
        total = total.checked_add(number.parse::<u64>().ok()?.checked_mul(*length)?)?;
        rest = after.trim_start();
        if rest.is_empty() {
            return Some(total);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_length_is_written_as_it_is_read() {
        for given in [
            "500ms",
            "1s500ms",
            "30s",
            "5m",
            "1h30m",
            "36h",
            "1d",
            "7d",
            "1d1h1m1s1ms",
            "0s",
        ] {
            assert_eq!(show_duration(parse_duration(given).unwrap()), given);
        }
        assert_eq!(show_seconds(5_400), "1h30m");
        assert_eq!(show_seconds(-1), "0s");
    }

    #[test]
    fn units_come_from_the_largest_to_the_smallest_and_may_stand_apart() {
        for (given, seconds) in [
            ("1w", 604_800),
            ("1w1d", 691_200),
            ("36h 1s", 129_601),
            (" 90m ", 5_400),
            ("0d", 0),
        ] {
            assert_eq!(
                parse_duration(given).map(|length| length.as_secs()),
                Ok(seconds),
                "{given}"
            );
        }
    }

    #[test]
    fn another_spelling_is_refused_with_the_value_and_what_to_write() {
        for given in [
            "",
            " ",
            "5",
            "m",
            "5 m",
            "-5m",
            "+5m",
            "1.5h",
            "5m5m",
            "5s1h",
            "1M",
            "1y",
            "1 hour",
            "2hours",
            "5us",
            "5 parsecs",
            "1h30",
            "1h,30m",
            "99999999999999999999d",
            "999999999999999999w",
            "٣m",
        ] {
            let error = parse_duration(given).unwrap_err().to_string();
            assert!(
                error.starts_with(&format!("`{given}` is not a length of time")),
                "{error}"
            );
            assert!(
                error.contains("`1h30m`") && error.contains("write days"),
                "{error}"
            );
        }
    }
}
