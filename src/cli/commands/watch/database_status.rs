//! The state of the database for the metrics.

use super::setup::pull;
use crate::cli::CliError;
use crate::config::Config;
use crate::model::slot::HOUR_SECONDS;
use crate::model::{Domain, SlotsByReason, UnixSeconds, discovery};
use crate::store::{Reader, StoreError};

/// The state of the database at one moment.
#[derive(Debug)]
pub(super) struct DatabaseStatus {
    /// How many domains are configured or followed.
    pub(super) domains: usize,
    /// Each of them that should have new points, with the time of its newest point.
    pub(super) newest: Vec<(Domain, Option<UnixSeconds>)>,
    /// Slots that are due, summed over the domains.
    pub(super) due_slots: u64,
    /// Those of them that were due already [`lateness`] ago.
    pub(super) late_slots: u64,
    /// Slots of the domains without a point, by reason.
    pub(super) gaps: SlotsByReason,
    /// Rejected points that wait for somebody to look.
    pub(super) rejects: u64,
    /// Days of domains whose rollups are out of date.
    pub(super) stale_days: u64,
    /// The size of the file and its log in bytes.
    pub(super) bytes: u64,
    /// When the last run of `sync` or `watch` that stored everything ended.
    pub(super) last_success: Option<UnixSeconds>,
}

impl DatabaseStatus {
    /// Reads the state, without keeping anybody from writing. Reads the ledger, and one point of each domain.
    pub(super) fn read(config: &Config, now: UnixSeconds) -> Result<Self, CliError> {
        let reader = Reader::open(&config.database)?;
        // The followed domains may have changed since the configuration was read.
        let mut config = config.clone();
        let known = reader.account_domains()?;
        config.follow(&discovery::followed(&known));
        let config = &config;
        let due = |at: UnixSeconds| -> Result<u64, CliError> {
            Ok(pull(config, at)?.plan(Some(&reader), config, at)?.size().slots)
        };
        let domains = &config.selected_domains;
        let newest = config.active_domains(&known).into_iter().map(|domain| {
            let newest = reader.newest_point(domain.as_str())?;
            Ok((domain, newest))
        });
        Ok(Self {
            domains: domains.len(),
            newest: newest.collect::<Result<_, StoreError>>()?,
            due_slots: due(now)?,
            late_slots: due(now.saturating_sub(lateness(config.watch_every)))?,
            gaps: reader.gap_slots(domains)?,
            rejects: reader.reject_count()?,
            stale_days: reader.stale_days()?,
            bytes: reader.bytes().saturating_add(reader.wal_bytes()),
            last_success: reader.last_success()?,
        })
    }
}

/// Returns after how many seconds a slot that is still due is late, with `every` seconds between runs: two runs have
/// had their chance, and 20 minutes have passed. The size of the account does not matter.
fn lateness(every: i64) -> i64 {
    every.saturating_mul(2).saturating_add(HOUR_SECONDS / 3)
}

/// Returns why the database cannot be read; `None` if it can.
pub(super) fn unreadable(config: &Config) -> Option<String> {
    let read = || -> Result<(), CliError> {
        let reader = Reader::open(&config.database)?;
        reader.last_success()?;
        Ok(())
    };
    read().err().map(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slot_is_late_after_two_runs_however_rare_they_are() {
        assert_eq!(lateness(300), 30 * 60);
        assert_eq!(lateness(HOUR_SECONDS), 2 * HOUR_SECONDS + 20 * 60);
        assert_eq!(lateness(i64::MAX), i64::MAX);
    }
}
