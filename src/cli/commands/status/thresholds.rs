//! The thresholds of `status`, for monitors.

use std::ops::RangeInclusive;
use std::time::Duration;

use bytesize::ByteSize;
use clap::Args;

use super::alarm::ThresholdAlarm;
use crate::cli::CliError;
use crate::cli::commands::gaps::{expected, in_words};
use crate::cli::options::length;
use crate::cli::view::text::{self, counted};
use crate::config::Config;
use crate::model::convert::to_u64;
use crate::model::duration::show_duration;
use crate::model::slot::SLOT_SECONDS;
use crate::model::{Discover, Domain, FactName, Gap, GapReason, SlotsByReason, Span, UnixSeconds, civil};
use crate::store::{Reader, Volume};

/// The shortest and the longest limit of an age. Zero would always fail, and a limit of many years never.
const LIMITS: RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_hours(3_660 * 24);

/// When to exit with 6. Of thresholds for domains, only configured and followed domains count, or those that -d names.
/// For --fail-if-older, a followed domain that its owner has stopped does not.
#[derive(Debug, Default, PartialEq, Eq, Args)]
#[command(
    next_help_heading = "Thresholds (exit code 6, the reasons on standard error; with -q no text besides)"
)]
pub struct ThresholdArgs {
    /// Fail if the newest point of a domain is older than this, such as 30m, or if it has no point
    #[arg(long = "fail-if-older", value_name = "AGE", allow_hyphen_values = true)]
    older: Option<String>,
    /// Fail if a domain has gaps. Slots beyond the API's retention do not count, and neither do slots that
    /// became available within the last `watch.every` and 5 minutes
    #[arg(long = "fail-if-gaps")]
    gaps: bool,
    /// Fail if parts of a domain's answers were rejected: see `rejects list`
    #[arg(long = "fail-if-rejects")]
    rejects: bool,
    /// Fail if no run of `sync` or `watch` within this time, such as 2h, stored everything that was due
    #[arg(long = "fail-if-no-success", value_name = "AGE", allow_hyphen_values = true)]
    no_success: Option<String>,
    /// Fail if the API refused the account in the last run
    #[arg(long = "fail-if-refused")]
    refused: bool,
    /// Fail if rollups are out of date and no run is at work
    #[arg(long = "fail-if-stale")]
    stale: bool,
    /// Fail if this machine's clock differed from the API's by more than this in the last run, such as 5m
    #[arg(long = "fail-if-clock", value_name = "LENGTH", allow_hyphen_values = true)]
    clock: Option<String>,
    /// Fail if less than this is free where the database is, such as 1GiB
    #[arg(long = "fail-if-disk-below", value_name = "SIZE")]
    disk_below: Option<ByteSize>,
}

impl ThresholdArgs {
    /// Returns the thresholds that are not met at `now`.
    pub fn check(
        &self,
        config: &Config,
        reader: &Reader,
        now: UnixSeconds,
    ) -> Result<Vec<ThresholdAlarm>, CliError> {
        let mut alarms = self.check_account(reader, now)?;
        let older_than = self.older.as_ref();
        let older_than = older_than
            .map(|age| length("--fail-if-older", age, LIMITS))
            .transpose()?;
        if waits_for_domains(config) {
            // A domain that is followed later has no rejects yet.
            for (is_given, threshold) in [(older_than.is_some(), "older"), (self.gaps, "gaps")] {
                if is_given {
                    let message =
                        "no domain is configured, and none of the account is followed yet".to_owned();
                    alarms.push(ThresholdAlarm::of_account(threshold, message));
                }
            }
            return Ok(alarms);
        }
        if let Some(limit) = older_than {
            config.require_domains()?;
            for domain in config.active_domains(&reader.account_domains()?) {
                let newest = reader.newest_point(domain.as_str())?;
                alarms.extend(older(&domain, newest, now, limit));
            }
        }
        if self.gaps {
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
                    None => Some(ThresholdAlarm::of_domain(
                        domain,
                        "gaps",
                        "it was never asked for".to_owned(),
                    )),
                });
            }
        }
        if self.rejects {
            for domain in config.require_domains()? {
                let rejects = reader.rejects_of(domain.as_str())?;
                if rejects > 0 {
                    let message = format!("{} of its answers", counted(rejects, "rejected part"));
                    alarms.push(ThresholdAlarm::of_domain(domain, "rejects", message));
                }
            }
        }
        Ok(alarms)
    }

    /// Returns the thresholds of the whole account that are not met at `now`.
    fn check_account(&self, reader: &Reader, now: UnixSeconds) -> Result<Vec<ThresholdAlarm>, CliError> {
        let mut alarms = Vec::new();
        if self.refused
            && let Some(since) = reader.refused_since()?
        {
            let since = civil::cst_minute(since);
            let message = format!("the API refuses the account since the run at {since} (UTC+8)");
            alarms.push(ThresholdAlarm::of_account("refused", message));
        }
        if let Some(age) = &self.no_success {
            let limit = length("--fail-if-no-success", age, LIMITS)?;
            alarms.extend(no_success(reader.last_success()?, now, limit));
        }
        if self.stale {
            let stale = reader.stale_days()?;
            // A run updates the rollups at its end.
            let at_work = reader.as_of()?.unfinished.is_some_and(|run| !run.killed);
            if stale > 0 && !at_work {
                let message = format!("rollups are out of date for {}", counted(stale, "domain-day"));
                alarms.push(ThresholdAlarm::of_account("stale", message));
            }
        }
        if let Some(difference) = &self.clock {
            let limit = length("--fail-if-clock", difference, LIMITS)?;
            let ahead = reader.fact(&FactName::ClockAhead)?.map_or(0, |fact| fact.value);
            alarms.extend(wrong_clock(ahead, limit));
        }
        if let Some(least) = self.disk_below {
            let directory = reader.path().parent().unwrap_or(reader.path());
            let free = Volume::of(directory).map_err(|error| {
                let path = text::path(directory);
                CliError::failed(format!("cannot tell how much space is free in `{path}`: {error}"))
            })?;
            let free = ByteSize(free.free_bytes);
            if free < least {
                let message = format!("{free} is free where the database is; the limit is {least}");
                alarms.push(ThresholdAlarm::of_account("disk", message));
            }
        }
        Ok(alarms)
    }

    /// Returns whether there is any.
    #[must_use]
    pub fn are_given(&self) -> bool {
        *self != Self::default()
    }
}

fn no_success(last: Option<UnixSeconds>, now: UnixSeconds, limit: Duration) -> Option<ThresholdAlarm> {
    let message = match last {
        None => "no run has stored everything that was due yet".to_owned(),
        Some(last) => {
            let age = Duration::from_secs(to_u64(now - last));
            if age <= limit {
                return None;
            }
            format!(
                "the last run that stored everything that was due ended {} ago ({} UTC+8); the limit is {}",
                show_duration(age),
                civil::cst_minute(last),
                show_duration(limit)
            )
        }
    };
    Some(ThresholdAlarm::of_account("no_success", message))
}

/// Whether the domains are to come with a listing, and none has come yet.
fn waits_for_domains(config: &Config) -> bool {
    config.selected_domains.is_empty() && config.discover == Discover::Follow
}

fn wrong_clock(ahead: i64, limit: Duration) -> Option<ThresholdAlarm> {
    let difference = Duration::from_secs(ahead.unsigned_abs());
    (difference > limit).then(|| {
        let message = format!(
            "this machine's clock was {} {} the API's in the last run; the limit is {}",
            show_duration(difference),
            if ahead > 0 { "ahead of" } else { "behind" },
            show_duration(limit)
        );
        ThresholdAlarm::of_account("clock", message)
    })
}

fn older(
    domain: &Domain,
    newest: Option<UnixSeconds>,
    now: UnixSeconds,
    limit: Duration,
) -> Option<ThresholdAlarm> {
    let Some(newest) = newest else {
        return Some(ThresholdAlarm::of_domain(
            domain,
            "older",
            "it has no point".to_owned(),
        ));
    };
    let age = Duration::from_secs(to_u64(now - newest));
    (age > limit).then(|| {
        let message = format!(
            "newest point is {} old ({} UTC+8); the limit is {}",
            show_duration(age),
            civil::cst_minute(newest),
            show_duration(limit)
        );
        ThresholdAlarm::of_domain(domain, "older", message)
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
    Some(ThresholdAlarm::of_domain(domain, "gaps", message))
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
            late.message(),
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
            gaps(&domain, &all).unwrap().message(),
            "3 slots without a point from 2026-05-29 05:00 (UTC+8) on: 2 never asked, 1 empty"
        );
    }
}
