//! Times as people write them on the command line and in the configuration.

use std::time::Duration;

use chrono::{DateTime, NaiveDate, NaiveDateTime};

use super::civil::from_cst;
use super::slot::{DAY_SECONDS, HOUR_SECONDS, UnixSeconds};
use super::text;

/// What a time may look like, for messages.
pub const FORMS: &str = "`2026-01-01`, `2026-01-01 08:00`, `2026-01` (UTC+8), `2026-01-01T08:00:00+08:00`, `now`, `7d` or `36h` (ago)";

/// A text that is no time; the text is part of the message.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{given}` is not a time: write {FORMS}")]
pub struct MomentError {
    given: String,
}

/// A text that is no length of time; the text is part of the message.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{given}` is not a length of time: write a number and a unit, such as `500ms`, `30s`, `5m`, `36h` or `7d`"
)]
pub struct DurationError {
    given: String,
}

/// Reads a time in one of [`FORMS`].
///
/// Without an offset the time is UTC+8, the zone of the API and of its bills. An age counts back from `now`.
pub fn parse_moment(given: &str, now: UnixSeconds) -> Result<UnixSeconds, MomentError> {
    let trimmed = given.trim();
    let failed = || MomentError {
        given: text::printable(given),
    };
    if trimmed == "now" {
        return Ok(now);
    }
    if let Ok(time) = DateTime::parse_from_rfc3339(trimmed) {
        return Ok(time.timestamp());
    }
    // chrono takes years of any width and single-digit months; the documented forms have fixed widths.
    let local = match trimmed.len() {
        7 => NaiveDate::parse_from_str(&format!("{trimmed}-01"), "%Y-%m-%d")
            .ok()
            .and_then(midnight),
        10 => NaiveDate::parse_from_str(trimmed, "%Y-%m-%d")
            .ok()
            .and_then(midnight),
        16 => NaiveDateTime::parse_from_str(&trimmed.replacen('T', " ", 1), "%Y-%m-%d %H:%M").ok(),
        19 => NaiveDateTime::parse_from_str(&trimmed.replacen('T', " ", 1), "%Y-%m-%d %H:%M:%S").ok(),
        _ => None,
    };
    if let Some(local) = local {
        return Ok(from_cst(local));
    }
    let age = parse_age_seconds(trimmed).ok_or_else(failed)?;
    now.checked_sub(age).ok_or_else(failed)
}

/// Reads a length of time such as `500ms`, `30s`, `5m`, `36h`, `7d` or `1w`.
pub fn parse_duration(given: &str) -> Result<Duration, DurationError> {
    humantime::parse_duration(given.trim()).map_err(|_| DurationError {
        given: text::printable(given),
    })
}

/// Writes a length of time as [`parse_duration`] reads it: `1d`, `1h 30m`.
#[must_use]
pub fn show_duration(duration: Duration) -> String {
    let seconds = duration.as_secs();
    let day = u64::try_from(DAY_SECONDS).unwrap_or(u64::MAX);
    let hour = u64::try_from(HOUR_SECONDS).unwrap_or(u64::MAX);
    if duration.subsec_nanos() == 0 && seconds > 0 {
        // humantime counts months and years; ranges here are counted in days and hours.
        if seconds.is_multiple_of(day) {
            return format!("{}d", seconds / day);
        }
        if seconds.is_multiple_of(hour) {
            return format!("{}h", seconds / hour);
        }
    }
    humantime::format_duration(duration).to_string()
}

/// An age is a whole number of one unit, so that a mistyped date is not taken for one.
fn parse_age_seconds(given: &str) -> Option<i64> {
    let unit_at = given.find(|char: char| !char.is_ascii_digit())?;
    let (number, unit) = given.split_at_checked(unit_at)?;
    let unit = match unit {
        "s" => 1,
        "m" => 60,
        "h" => HOUR_SECONDS,
        "d" => DAY_SECONDS,
        "w" => 7 * DAY_SECONDS,
        _ => return None,
    };
    number.parse::<i64>().ok()?.checked_mul(unit)
}

fn midnight(day: NaiveDate) -> Option<NaiveDateTime> {
    day.and_hms_opt(0, 0, 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::civil::cst_second;

    const NOW: UnixSeconds = 1_780_000_000;

    #[test]
    fn every_documented_form_is_read_in_utc8() {
        for (given, expected) in [
            ("2026-01-01", "2026-01-01 00:00:00"),
            ("2026-01-01 08:00", "2026-01-01 08:00:00"),
            ("2026-01-01T08:05", "2026-01-01 08:05:00"),
            ("2026-01", "2026-01-01 00:00:00"),
            ("2026-01-01T00:00:00Z", "2026-01-01 08:00:00"),
            ("2026-01-01T08:00:00+08:00", "2026-01-01 08:00:00"),
            ("2024-02-29", "2024-02-29 00:00:00"),
        ] {
            assert_eq!(
                parse_moment(given, NOW).map(cst_second),
                Ok(expected.to_owned()),
                "{given}"
            );
        }
        assert_eq!(parse_moment("now", NOW), Ok(NOW));
        assert_eq!(parse_moment("7d", NOW), Ok(NOW - 7 * DAY_SECONDS));
        assert_eq!(parse_moment("36h", NOW), Ok(NOW - 36 * HOUR_SECONDS));
    }

    #[test]
    fn what_is_no_time_is_refused_with_the_value_and_the_forms() {
        for given in [
            "",
            "yesterday",
            "2026-13-01",
            "2026-02-30",
            "2026-1-1",
            "26-01-01",
            "2026-01-01 25:00",
            "01/02/2026",
            "7",
            "7 d",
            "-7d",
            "99999999999999999999d",
        ] {
            let error = parse_moment(given, NOW).unwrap_err().to_string();
            assert!(
                error.contains(&format!("`{given}`")) && error.contains("2026-01-01"),
                "{error}"
            );
        }
    }

    #[test]
    fn lengths_of_time_are_read_and_written_alike() {
        for given in ["500ms", "30s", "5m", "36h", "7d", "1d"] {
            assert_eq!(show_duration(parse_duration(given).unwrap()), given);
        }
        assert_eq!(show_duration(Duration::from_mins(90)), "1h 30m");
        assert!(
            parse_duration("5 parsecs")
                .unwrap_err()
                .to_string()
                .contains("`5 parsecs`")
        );
    }
}
