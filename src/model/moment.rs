//! Times as people write them on the command line and in the configuration.

use chrono::{DateTime, NaiveDate, NaiveDateTime};

use super::civil::from_cst;
use super::convert::to_i64;
use super::duration::parse_duration;
use super::slot::{DAY_SECONDS, UnixSeconds};
use super::text;

/// The accepted forms of a time, for messages.
pub const FORMS: &str = "`2026-01-01`, `2026-01-01 08:00`, `2026-01` (UTC+8), `2026-01-01T08:00:00+08:00`, `now`, `7d` or `36h` (ago)";

/// The first moment that is accepted: 2000-01-01 in UTC+8, long before there was a CDN.
///
/// An age with a few digits too many would otherwise be a range of millions of years.
pub const EARLIEST: UnixSeconds = 946_656_000;

/// A text that is no time; the text is part of the message.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MomentError {
    /// It has none of the accepted forms.
    #[error("`{given}` is not a time: write {FORMS}")]
    Form {
        /// The text, made safe to print.
        given: String,
    },
    /// It lies before [`EARLIEST`].
    #[error(
        "`{given}` is before 2000-01-01, and no figures are that old; write a later time, such as `30d` (ago)"
    )]
    TooEarly {
        /// The text, made safe to print.
        given: String,
    },
}

/// How far back an age may reach, in seconds, while the clock has lost its time: ten years.
const LOST_CLOCK: i64 = 3_660 * DAY_SECONDS;

/// Reads a time in one of [`FORMS`].
///
/// Without an offset the time is UTC+8, the zone of the API and of its bills. An age counts back from `now`. `now` itself
/// is accepted whatever the clock shows; every other time is [`EARLIEST`] or later, unless the clock itself has lost its time:
/// what comes next says so, and waits for it.
pub fn parse_moment(given: &str, now: UnixSeconds) -> Result<UnixSeconds, MomentError> {
    let trimmed = given.trim();
    if trimmed == "now" {
        return Ok(now);
    }
    let shown = || text::printable(given);
    let time = read(trimmed, now).ok_or_else(|| MomentError::Form { given: shown() })?;
    let earliest = if now < EARLIEST {
        now - LOST_CLOCK
    } else {
        EARLIEST
    };
    if time < earliest {
        return Err(MomentError::TooEarly { given: shown() });
    }
    Ok(time)
}

/// Returns the time that `trimmed` names. An age that reaches beyond the first representable moment is that moment.
fn read(trimmed: &str, now: UnixSeconds) -> Option<UnixSeconds> {
    if let Ok(time) = DateTime::parse_from_rfc3339(trimmed) {
        return Some(time.timestamp());
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
        return Some(from_cst(local));
    }
    let age = parse_duration(trimmed).ok()?;
    Some(now.saturating_sub(to_i64(age.as_secs())))
}

fn midnight(day: NaiveDate) -> Option<NaiveDateTime> {
    day.and_hms_opt(0, 0, 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::civil::cst_second;
    use crate::model::slot::{DAY_SECONDS, HOUR_SECONDS};

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
        assert_eq!(parse_moment("1d12h", NOW), Ok(NOW - 36 * HOUR_SECONDS));
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
            "99999-01-01",
            "99999-01",
            "10000-01-01T00:00:00Z",
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
    fn a_time_before_every_figure_is_refused_and_the_first_moment_is_not() {
        assert_eq!(parse_moment("2000-01-01", NOW), Ok(EARLIEST));
        for given in [
            "1999-12-31 23:59",
            "0001-01-01",
            "0000-01",
            "1970-01-01T00:00:00Z",
            "9999999999d",
            "99999999999d",
        ] {
            let error = parse_moment(given, NOW).unwrap_err();
            assert!(matches!(error, MomentError::TooEarly { .. }), "{given}: {error}");
            assert!(error.to_string().contains(&format!("`{given}`")), "{error}");
        }
        // A clock that lost its time is told to the user by whoever uses it, not here.
        assert_eq!(parse_moment("7d", 86_400), Ok(86_400 - 7 * 86_400));
        assert!(parse_moment("9999999999d", 86_400).is_err());
        assert_eq!(parse_moment("now", 86_400), Ok(86_400));
    }
}
