//! Unix seconds as text, in UTC and UTC+8.
//!
//! Inside the program time is Unix seconds; text is made here and nowhere else. The host's zone has no
//! effect.

use chrono::{DateTime, NaiveDate, NaiveDateTime};

use super::slot::{CST_OFFSET_SECONDS, UnixSeconds};

/// `2026-01-01 08:00:00` in UTC.
#[must_use]
pub fn utc_second(ts: UnixSeconds) -> String {
    format(ts, "%Y-%m-%d %H:%M:%S")
}

/// `2026-01-01 16:00:00` in UTC+8.
#[must_use]
pub fn cst_second(ts: UnixSeconds) -> String {
    format(ts.saturating_add(CST_OFFSET_SECONDS), "%Y-%m-%d %H:%M:%S")
}

/// `2026-01-01 16:00` in UTC+8.
#[must_use]
pub fn cst_minute(ts: UnixSeconds) -> String {
    format(ts.saturating_add(CST_OFFSET_SECONDS), "%Y-%m-%d %H:%M")
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
    format(ts.saturating_add(CST_OFFSET_SECONDS), "%Y-%m-%d")
}

/// `2026-01`: the UTC+8 month.
#[must_use]
pub fn cst_month(ts: UnixSeconds) -> String {
    format(ts.saturating_add(CST_OFFSET_SECONDS), "%Y-%m")
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
    fn an_absurd_moment_prints_instead_of_panicking() {
        assert_eq!(cst_second(i64::MAX), i64::MAX.to_string());
        assert_eq!(cst_month_bounds(i64::MAX), None);
    }
}
