//! Unix seconds as text, in UTC and UTC+8.
//!
//! Inside the program time is Unix seconds; text is made here and nowhere else. The host's zone has no
//! effect.

use chrono::{DateTime, Datelike as _, NaiveDate, NaiveDateTime, Timelike as _};

use super::slot::{CST_OFFSET_SECONDS, UnixSeconds};

/// A part of `2026-01-01 08:00:00`, by chrono's pattern and its length.
type Form = (&'static str, usize);

const MONTH: Form = ("%Y-%m", 7);
const DATE: Form = ("%Y-%m-%d", 10);
const MINUTE: Form = ("%Y-%m-%d %H:%M", 16);
const SECOND: Form = ("%Y-%m-%d %H:%M:%S", 19);

/// `2026-01-01 08:00:00` in UTC.
#[must_use]
pub fn utc_second(ts: UnixSeconds) -> String {
    plain(ts, SECOND)
}

/// `2026-01-01 16:00:00` in UTC+8.
#[must_use]
pub fn cst_second(ts: UnixSeconds) -> String {
    plain(ts.saturating_add(CST_OFFSET_SECONDS), SECOND)
}

/// `2026-01-01 16:00` in UTC+8.
#[must_use]
pub fn cst_minute(ts: UnixSeconds) -> String {
    plain(ts.saturating_add(CST_OFFSET_SECONDS), MINUTE)
}

/// `2026-01-01T16:00:00+08:00`, the form that machines read without asking for the zone.
#[must_use]
pub fn cst_rfc3339(ts: UnixSeconds) -> String {
    format(ts.saturating_add(CST_OFFSET_SECONDS), "%Y-%m-%dT%H:%M:%S+08:00")
}

/// `20260101`: the UTC+8 date as the signature wants it.
#[must_use]
pub fn cst_compact_date(ts: UnixSeconds) -> String {
    format(ts.saturating_add(CST_OFFSET_SECONDS), "%Y%m%d")
}

/// `20260101-160000`: a UTC+8 time for the name of a file.
#[must_use]
pub fn cst_compact(ts: UnixSeconds) -> String {
    format(ts.saturating_add(CST_OFFSET_SECONDS), "%Y%m%d-%H%M%S")
}

/// `2026-01-01`: the UTC+8 date.
#[must_use]
pub fn cst_date(ts: UnixSeconds) -> String {
    plain(ts.saturating_add(CST_OFFSET_SECONDS), DATE)
}

/// `2026-01`: the UTC+8 month.
#[must_use]
pub fn cst_month(ts: UnixSeconds) -> String {
    plain(ts.saturating_add(CST_OFFSET_SECONDS), MONTH)
}

/// Returns the moment at which clocks in UTC+8 show `local`.
#[must_use]
pub fn from_cst(local: NaiveDateTime) -> UnixSeconds {
    local.and_utc().timestamp() - CST_OFFSET_SECONDS
}

/// Returns the UTC+8 midnight that begins the month of `ts`, and the one that ends it.
#[must_use]
pub fn cst_month_bounds(ts: UnixSeconds) -> Option<(UnixSeconds, UnixSeconds)> {
    use chrono::{Datelike as _, Months};
    let day = DateTime::from_timestamp(ts.checked_add(CST_OFFSET_SECONDS)?, 0)?.date_naive();
    let first = NaiveDate::from_ymd_opt(day.year(), day.month(), 1)?;
    let next = first.checked_add_months(Months::new(1))?;
    Some((
        from_cst(first.and_hms_opt(0, 0, 0)?),
        from_cst(next.and_hms_opt(0, 0, 0)?),
    ))
}

/// Does what [`fn@format`] does without its reading of the pattern, which takes most of the time: every row of a rollup has such
/// a text in its key.
fn plain(shifted: i64, (pattern, length): Form) -> String {
    let time = DateTime::from_timestamp(shifted, 0);
    let year = time.and_then(|time| u32::try_from(time.year()).ok());
    let Some((time, year)) = time.zip(year.filter(|year| *year <= 9999)) else {
        return format(shifted, pattern);
    };
    let parts = [
        ("", year / 100),
        ("", year % 100),
        ("-", time.month()),
        ("-", time.day()),
        (" ", time.hour()),
        (":", time.minute()),
        (":", time.second()),
    ];
    let mut text = String::with_capacity(SECOND.1);
    for (mark, number) in parts {
        if text.len() < length {
            text.push_str(mark);
            text.extend(
                [number / 10, number % 10]
                    .into_iter()
                    .filter_map(|digit| char::from_digit(digit, 10)),
            );
        }
    }
    text
}

/// A moment outside chrono's range (beyond the year 262000) prints as its number of seconds.
fn format(shifted: i64, pattern: &str) -> String {
    DateTime::from_timestamp(shifted, 0)
        .map_or_else(|| shifted.to_string(), |time| time.format(pattern).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_documented_example_point_reads_as_five_past_midnight_in_utc8() {
        let ts = 1_568_477_100;
        assert_eq!(cst_second(ts), "2019-09-15 00:05:00");
        assert_eq!(utc_second(ts), "2019-09-14 16:05:00");
        assert_eq!(cst_minute(ts), "2019-09-15 00:05");
        assert_eq!(cst_rfc3339(ts), "2019-09-15T00:05:00+08:00");
        assert_eq!(cst_compact_date(ts), "20190915");
        assert_eq!(cst_date(ts), "2019-09-15");
        assert_eq!(cst_month(ts), "2019-09");
    }

    #[test]
    fn a_month_begins_and_ends_at_utc8_midnights() {
        let (start, end) = cst_month_bounds(1_568_477_100).unwrap();
        assert_eq!(
            (cst_second(start).as_str(), cst_second(end).as_str()),
            ("2019-09-01 00:00:00", "2019-10-01 00:00:00")
        );
        assert_eq!(cst_month_bounds(start), Some((start, end)));
        assert_eq!(cst_month_bounds(end - 1), Some((start, end)));
    }

    #[test]
    fn every_form_is_the_one_of_its_pattern() {
        let mut random = fastrand::Rng::with_seed(1);
        let any = std::iter::repeat_with(|| random.i64(-70_000_000_000..300_000_000_000));
        let edges = [
            -1,
            0,
            253_402_300_799,
            253_402_300_800,
            -62_167_219_200,
            -62_167_219_201,
        ];
        for ts in edges.into_iter().chain(any.take(10_000)) {
            for form in [MONTH, DATE, MINUTE, SECOND] {
                assert_eq!(plain(ts, form), format(ts, form.0), "{ts}");
            }
        }
    }

    #[test]
    fn an_absurd_moment_prints_instead_of_panicking() {
        assert_eq!(cst_second(i64::MAX), i64::MAX.to_string());
        assert_eq!(cst_month_bounds(i64::MAX), None);
    }
}
