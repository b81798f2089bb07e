//! What each value may be.
//!
//! One rule serves the flag, the variable and the key of the file. Each takes the text that was written, and
//! its error begins with that text and ends with what is expected.

use std::time::Duration;

use bytesize::ByteSize;

use crate::model::duration::parse_duration;
use crate::model::label::SlotLabelError;
use crate::model::moment;
use crate::model::slot::{DAY_SECONDS, SLOT_SECONDS};
use crate::model::{SlotLabel, UnixSeconds, text};

/// The longest window, in seconds: no endpoint of the API family is documented to take more than 31 days.
pub const MAX_WINDOW: i64 = 31 * DAY_SECONDS;
/// The most requests at a time; each holds an answer in memory.
pub const MAX_CONCURRENCY: usize = 64;
/// The most domains a request; the API's own limit is unknown (sibling vendors: 20 to 50) and learnt.
pub const MAX_DOMAINS_PER_REQUEST: usize = 1_000;
/// The lowest and highest rate that can be told from none, in requests per second.
pub const RATES: std::ops::RangeInclusive<f64> = 0.001..=10_000.0;
/// The longest wait of any kind, in seconds.
const MAX_WAIT: u64 = 3_600;
/// The oldest age, in seconds, at which a slot may be asked for again; the API keeps a month or so.
const MAX_AGE: i64 = 366 * DAY_SECONDS;

/// The longest time that something is kept or believed, in days.
const MAX_DAYS: i64 = 3_660;
/// The most texts of rejected points that may be kept; each has up to 64 KiB.
const MAX_KEPT: u64 = 1_000_000;

type Checked<T> = Result<T, String>;

/// Any text that is not empty.
pub fn present(given: &str) -> Checked<String> {
    if given.trim().is_empty() {
        return Err("the value is empty".to_owned());
    }
    Ok(given.to_owned())
}

/// A time; ages count back from `now`.
pub fn moment(given: &str, now: UnixSeconds) -> Checked<UnixSeconds> {
    moment::parse_moment(given, now).map_err(|error| error.to_string())
}

/// The span of a request, in seconds: whole slots up to a day, above it whole days up to [`MAX_WINDOW`].
///
/// Longer windows begin and end at midnight, so 36 hours would be cut to a day.
pub fn window(given: &str) -> Checked<i64> {
    let seconds = whole_seconds(given)?;
    let unit = if seconds > DAY_SECONDS {
        DAY_SECONDS
    } else {
        SLOT_SECONDS
    };
    if seconds < SLOT_SECONDS || seconds % unit != 0 || seconds > MAX_WINDOW {
        return refuse(given, "a multiple of `5m` up to `1d`, or of `1d` up to `31d`");
    }
    Ok(seconds)
}

/// An age of slots, in seconds; may be zero.
pub fn age(given: &str) -> Checked<i64> {
    let seconds = whole_seconds(given)?;
    if seconds > MAX_AGE {
        return refuse(given, "an age of at most `366d`");
    }
    Ok(seconds)
}

/// Ages of slots, in seconds: above zero, ascending. None at all means that nothing is asked for twice.
pub fn ages(given: &[String]) -> Checked<Vec<i64>> {
    let mut ages: Vec<i64> = Vec::with_capacity(given.len());
    for text in given {
        let next = age(text)?;
        if next == 0 || ages.last().is_some_and(|last| *last >= next) {
            return refuse(
                text,
                "ages above zero in ascending order, such as [\"1h\", \"24h\"]",
            );
        }
        ages.push(next);
    }
    Ok(ages)
}

/// A long time, in whole seconds: at least a day.
pub fn days(given: &str) -> Checked<i64> {
    let seconds = whole_seconds(given)?;
    if !(DAY_SECONDS..=MAX_DAYS * DAY_SECONDS).contains(&seconds) {
        return refuse(given, &format!("whole seconds, from `1d` to `{MAX_DAYS}d`"));
    }
    Ok(seconds)
}

/// Which end of its five minutes a slot's label names.
pub fn slot_label(given: &str) -> Result<SlotLabel, SlotLabelError> {
    given.trim().parse()
}

/// How often `watch` runs: whole seconds, at least one, at most a day. New figures come every 5 minutes, so
/// less than a minute is of use against the simulator only; a run with nothing due makes no request.
pub fn every(given: &str) -> Checked<Duration> {
    let seconds = whole_seconds(given)?;
    if !(1..=DAY_SECONDS).contains(&seconds) {
        return refuse(given, "whole seconds, from `1s` to `1d`");
    }
    Ok(Duration::from_secs(seconds.unsigned_abs()))
}

/// A wait: above zero, at most an hour.
pub fn wait(given: &str) -> Checked<Duration> {
    let wait = length(given)?;
    if wait.is_zero() || wait > Duration::from_secs(MAX_WAIT) {
        return refuse(given, "a length of time above zero, at most `1h`");
    }
    Ok(wait)
}

/// A whole number from 1 to `most`.
pub fn count(given: &str, most: usize) -> Checked<usize> {
    match given.trim().parse() {
        Ok(count) if (1..=most).contains(&count) => Ok(count),
        _ => refuse(given, &format!("a whole number from 1 to {most}")),
    }
}

/// How often one request is tried: a whole number from 1 to 100.
pub fn attempts(given: &str) -> Checked<u32> {
    let attempts = count(given, 100)?;
    Ok(u32::try_from(attempts).unwrap_or(u32::MAX))
}

/// How many are kept: a whole number, from 0, which keeps none.
pub fn kept(given: &str) -> Checked<u64> {
    match given.trim().parse() {
        Ok(count) if count <= MAX_KEPT => Ok(count),
        _ => refuse(given, &format!("a whole number from 0 to {MAX_KEPT}")),
    }
}

/// Requests per second, fractions allowed; 0 means no limit, which is `None`.
pub fn rate(given: &str) -> Checked<Option<f64>> {
    match given.trim().parse::<f64>() {
        Ok(0.0) => Ok(None),
        Ok(rate) if RATES.contains(&rate) => Ok(Some(rate)),
        _ => refuse(
            given,
            "requests per second from 0.001 to 10000, such as `5` or `0.5`, or `0` for no limit",
        ),
    }
}

/// A size in bytes, above zero.
pub fn size(given: &str) -> Checked<u64> {
    match given.trim().parse::<ByteSize>() {
        Ok(ByteSize(bytes)) if bytes > 0 => Ok(bytes),
        _ => refuse(given, "a size above zero, such as `64MiB` or `1GB`"),
    }
}

fn length(given: &str) -> Checked<Duration> {
    parse_duration(given).map_err(|error| error.to_string())
}

fn whole_seconds(given: &str) -> Checked<i64> {
    let length = length(given)?;
    match i64::try_from(length.as_secs()) {
        Ok(seconds) if length.subsec_nanos() == 0 => Ok(seconds),
        _ => refuse(given, "whole seconds"),
    }
}

fn refuse<T>(given: &str, expected: &str) -> Checked<T> {
    Err(format!("`{}` is not {expected}", text::printable(given)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_is_whole_slots_up_to_31_days() {
        assert_eq!(window("5m"), Ok(300));
        assert_eq!(window("1d"), Ok(86_400));
        assert_eq!(window("31d"), Ok(31 * 86_400));
        for given in [
            "0s",
            "1m",
            "7m",
            "36h",
            "1d5m",
            "32d",
            "300500ms",
            "1",
            "",
            "9999999999999999w",
        ] {
            assert!(
                window(given).unwrap_err().contains(&format!("`{given}`")),
                "{given}"
            );
        }
    }

    #[test]
    fn ages_ascend_above_zero_and_may_be_none() {
        let list = |given: &[&str]| ages(&given.iter().map(ToString::to_string).collect::<Vec<_>>());
        assert_eq!(list(&["1h", "24h"]), Ok(vec![3_600, 86_400]));
        assert_eq!(list(&[]), Ok(vec![]));
        for wrong in [&["24h", "1h"][..], &["1h", "60m"], &["0s"], &["soon"], &["367d"]] {
            assert!(list(wrong).is_err(), "{wrong:?}");
        }
        assert_eq!(age("0s"), Ok(0));
    }

    #[test]
    fn a_long_time_is_a_day_at_least_in_the_grammar_of_all_lengths() {
        assert_eq!(days("1d"), Ok(DAY_SECONDS));
        assert_eq!(days("28d"), Ok(28 * DAY_SECONDS));
        assert_eq!(days("36h 1s"), Ok(129_601));
        for given in [
            "23h",
            "1m",
            "0s",
            "86400500ms",
            "3661d",
            "1M",
            "1y",
            "28",
            "",
            "forever",
        ] {
            assert!(
                days(given).unwrap_err().contains(&format!("`{given}`")),
                "{given}"
            );
        }
    }

    #[test]
    fn none_or_many_may_be_kept() {
        assert_eq!((kept("0"), kept("10000")), (Ok(0), Ok(10_000)));
        for given in ["-1", "1.5", "1000001", "all", ""] {
            assert_eq!(
                kept(given),
                Err(format!("`{given}` is not a whole number from 0 to 1000000"))
            );
        }
    }

    #[test]
    fn a_rate_may_be_a_fraction_and_zero_is_no_limit() {
        assert_eq!(rate("5"), Ok(Some(5.0)));
        assert_eq!(rate("0.5"), Ok(Some(0.5)));
        assert_eq!((rate("0"), rate("0.0")), (Ok(None), Ok(None)));
        for given in ["-1", "NaN", "inf", "1e-300", "1e9", "fast", ""] {
            assert!(rate(given).is_err(), "{given}");
        }
    }

    #[test]
    fn counts_sizes_and_waits_keep_their_bounds() {
        assert_eq!(count("64", MAX_CONCURRENCY), Ok(64));
        for given in ["0", "65", "-1", "1.5", "four"] {
            assert_eq!(
                count(given, MAX_CONCURRENCY),
                Err(format!("`{given}` is not a whole number from 1 to 64"))
            );
        }
        assert_eq!(size("64MiB"), Ok(64 * 1024 * 1024));
        assert!(size("0").is_err() && size("-1MiB").is_err() && size("many").is_err());
        assert_eq!(wait("500ms"), Ok(Duration::from_millis(500)));
        assert!(wait("0s").is_err() && wait("2h").is_err());
        assert_eq!(every("5m"), Ok(Duration::from_mins(5)));
        assert!(every("1500ms").is_err() && every("2d").is_err() && every("0s").is_err());
    }
}
