//! The thresholds of `status`, for monitors.

use std::io::Write;
use std::ops::RangeInclusive;
use std::time::Duration;

use clap::Args;
use serde::Serialize;

use crate::cli::CliError;
use crate::cli::commands::gaps::{expected, in_words};
use crate::cli::options::length;
use crate::cli::view::text::counted;
use crate::config::Config;
use crate::model::convert::to_u64;
use crate::model::duration::show_duration;
use crate::model::slot::SLOT_SECONDS;
use crate::model::{Domain, Gap, GapReason, SlotsByReason, Span, UnixSeconds, civil};
use crate::store::Reader;

/// The shortest and the longest limit of an age. Zero would always fail, and a limit of many years never.
const LIMITS: RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_hours(3_660 * 24);

/// When to exit with 6. Only configured domains count, or those that -d names.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Thresholds (exit code 6, domains named on standard error)")]
pub struct ThresholdArgs {
    /// Fail if the newest point of a domain is older than this, such as 30m, or if it has no point
    #[arg(long, value_name = "AGE", allow_hyphen_values = true)]
    fail_if_older: Option<String>,
    /// Fail if a domain has gaps. Slots beyond the API's retention do not count, and neither do slots that
    /// became available within the last `watch.every` and 5 minutes
    #[arg(long)]
    fail_if_gaps: bool,
}

/// A threshold that a domain does not meet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ThresholdAlarm {
    domain: String,
    /// `older` or `gaps`.
    threshold: &'static str,
    message: String,
}

impl ThresholdArgs {
    /// Returns the thresholds that are not met at `now`.
    pub fn check(
        &self,
        config: &Config,
        reader: &Reader,
        now: UnixSeconds,
    ) -> Result<Vec<ThresholdAlarm>, CliError> {
        let mut alarms = Vec::new();
        if let Some(age) = &self.fail_if_older {
            let limit = length("--fail-if-older", age, LIMITS)?;
            for domain in config.require_domains()? {
                let newest = reader.newest_point(domain.as_str())?;
                alarms.extend(older(domain, newest, now, limit));
            }
        }
        if self.fail_if_gaps {
            let settled = now
                .saturating_sub(config.watch_every)
                .saturating_sub(SLOT_SECONDS);
            let expected = expected(config, settled);
            let range = Span::new(i64::MIN / 4, expected.until);
            for domain in config.require_domains()? {
                let found = range.map(|range| reader.noted_gaps(domain.as_str(), &expected, range));
                let found = found.transpose()?.unwrap_or_default();
                alarms.extend(match found.range {
                    Some(_) => gaps(domain, &found.gaps),
                    None if reader.newest_point(domain.as_str())?.is_some() => None,
                    None => Some(alarm(domain, "gaps", "it was never asked for".to_owned())),
                });
            }
        }
        Ok(alarms)
    }
}

/// Prints the alarms, and what to do next.
pub fn print(alarms: &[ThresholdAlarm], out: &mut dyn Write) -> std::io::Result<()> {
    for alarm in alarms {
        writeln!(out, "error: {}: {}", alarm.domain, alarm.message)?;
    }
    if alarms.iter().any(|alarm| alarm.threshold == "gaps") {
        writeln!(out, "help: `jdcdn-stats gaps` lists them")?;
    }
    Ok(())
}

fn alarm(domain: &Domain, threshold: &'static str, message: String) -> ThresholdAlarm {
    ThresholdAlarm {
        domain: domain.to_string(),
        threshold,
        message,
    }
}

fn older(
    domain: &Domain,
    newest: Option<UnixSeconds>,
    now: UnixSeconds,
    limit: Duration,
) -> Option<ThresholdAlarm> {
    let Some(newest) = newest else {
        return Some(alarm(domain, "older", "it has no point".to_owned()));
    };
    let age = Duration::from_secs(to_u64(now - newest));
    (age > limit).then(|| {
        let message = format!(
            "newest point is {} old ({} UTC+8); the limit is {}",
            show_duration(age),
            civil::cst_minute(newest),
            show_duration(limit)
        );
        alarm(domain, "older", message)
    })
}

fn gaps(domain: &Domain, gaps: &[Gap]) -> Option<ThresholdAlarm> {
    let counts = |gap: &&Gap| gap.reason != GapReason::BeyondRetention;
    let first = gaps.iter().find(counts)?;
    let slots = SlotsByReason::of(gaps.iter().filter(counts));
    let parts: Vec<String> = slots
        .iter()
        .filter(|(_, slots)| *slots > 0)
        .map(|(reason, slots)| format!("{slots} {}", in_words(reason)))
        .collect();
    let total: i64 = slots.iter().map(|(_, slots)| slots).sum();
    let message = format!(
        "{} without a point from {} (UTC+8) on: {}",
        counted(to_u64(total), "slot"),
        civil::cst_minute(first.span.start()),
        parts.join(", ")
    );
    Some(alarm(domain, "gaps", message))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: UnixSeconds = 1_780_000_200;

    #[test]
    fn a_point_may_be_exactly_as_old_as_the_limit() {
        let domain = "www.a.com".parse().unwrap();
        let limit = Duration::from_mins(30);
        assert_eq!(older(&domain, Some(NOW - 1_800), NOW, limit), None);
        // A clock that is behind the newest point does not make the point late.
        assert_eq!(older(&domain, Some(NOW + 600), NOW, limit), None);
        let late = older(&domain, Some(NOW - 2_100), NOW, limit).unwrap();
        assert_eq!(
            late.message,
            "newest point is 35m old (2026-05-29 03:55 UTC+8); the limit is 30m"
        );
        assert!(older(&domain, None, NOW, limit).is_some());
    }

    #[test]
    fn what_the_api_no_longer_serves_is_no_alarm() {
        let domain = "www.a.com".parse().unwrap();
        let gap = |start: i64, end: i64, reason| {
            Gap::new(Span::new(NOW + start * 300, NOW + end * 300).unwrap(), reason)
        };
        let beyond = gap(0, 5, GapReason::BeyondRetention);
        assert_eq!(gaps(&domain, &[beyond]), None);
        let all = [
            beyond,
            gap(6, 7, GapReason::Empty),
            gap(8, 10, GapReason::NeverAsked),
        ];
        assert_eq!(
            gaps(&domain, &all).unwrap().message,
            "3 slots without a point from 2026-05-29 05:00 (UTC+8) on: 2 never asked, 1 empty"
        );
    }
}
