//! What the API's answers taught about its limits during a run.
//!
//! The documents state no limits for this endpoint, so they are learned: a window that was too long is cut,
//! and no later window of the run is as long again. Nothing here outlives the run; the API may change.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::model::{Domain, UnixSeconds};

/// The limits known so far, shared by all workers of a run.
#[derive(Debug, Default)]
pub struct Learned(Mutex<Limits>);

#[derive(Debug, Default)]
struct Limits {
    max_span: Option<i64>,
    max_domains: Option<usize>,
    refused: BTreeMap<Domain, String>,
    retention_met: bool,
    beyond_before: Option<UnixSeconds>,
}

impl Learned {
    /// The longest window, in seconds.
    #[must_use]
    pub fn max_span(&self) -> Option<i64> {
        self.limits().max_span
    }

    /// No window may be longer than `seconds`.
    pub fn limit_span(&self, seconds: i64) {
        let mut limits = self.limits();
        limits.max_span = Some(limits.max_span.map_or(seconds, |known| known.min(seconds)));
    }

    /// The most domains in one request.
    #[must_use]
    pub fn max_domains(&self) -> Option<usize> {
        self.limits().max_domains
    }

    /// No request may hold more than `count` domains.
    pub fn limit_domains(&self, count: usize) {
        let mut limits = self.limits();
        limits.max_domains = Some(limits.max_domains.map_or(count, |known| known.min(count)));
    }

    /// Leaves `domain` out for the rest of the run. True for the first worker to say so.
    pub fn refuse(&self, domain: &Domain, reason: &str) -> bool {
        self.limits()
            .refused
            .insert(domain.clone(), reason.to_owned())
            .is_none()
    }

    /// Takes the refused domains out of `domains`.
    pub fn retain_served(&self, domains: &mut Vec<Domain>) {
        let limits = self.limits();
        domains.retain(|domain| !limits.refused.contains_key(domain));
    }

    /// Some window was beyond retention: the rest of the plan is better taken from its newest end.
    pub fn meet_retention(&self) {
        self.limits().retention_met = true;
    }

    /// Whether the API has refused a window as too old.
    #[must_use]
    pub fn retention_met(&self) -> bool {
        self.limits().retention_met
    }

    /// Everything before `ts` is beyond retention.
    pub fn set_beyond_before(&self, ts: UnixSeconds) {
        let mut limits = self.limits();
        limits.beyond_before = Some(limits.beyond_before.map_or(ts, |known| known.max(ts)));
    }

    /// The moment before which the API serves nothing, as far as is known.
    #[must_use]
    pub fn beyond_before(&self) -> Option<UnixSeconds> {
        self.limits().beyond_before
    }

    /// The limits are single values: a worker that panicked cannot have left them half-changed.
    fn limits(&self) -> MutexGuard<'_, Limits> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
