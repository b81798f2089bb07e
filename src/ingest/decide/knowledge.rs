//! The knowledge of a run about the service, from the database and from the answers of this run.

use std::collections::{BTreeMap, BTreeSet};

use super::api_limits::ApiLimits;
use super::evidence::{self, REFUSED_WINDOWS, TooOld};
use crate::model::{Domain, Span, UnixSeconds};

/// How many confirmations of windows up to an hour may bring nothing in one run. Otherwise a run every five minutes
/// over a thousand domains, half of them idle, would make fifty. The other holes are asked for again as whole days.
const SHORT_CONFIRMATIONS: u32 = 2;

/// How often confirmations for a domain brought nothing, and how many were skipped since.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sampling {
    /// Confirmations in a row that brought nothing.
    pub fruitless: u32,
    /// Windows with holes that were not confirmed since.
    pub skipped: u32,
}

/// The knowledge that earlier runs left in the database.
#[derive(Debug, Clone, Default)]
pub struct PriorKnowledge {
    /// The greatest age at which a slot was served lately, in seconds.
    pub served_age: Option<i64>,
    /// Whether points less than an hour apart were served within the last day.
    pub sub_hour: bool,
    /// How many points a complete answer held, if some answers were cut.
    pub complete_points: Option<u64>,
    /// The sampling of idle domains.
    pub sampling: BTreeMap<Domain, Sampling>,
    /// The newest point of each domain that has one.
    pub newest_points: BTreeMap<Domain, UnixSeconds>,
    /// Ranges that are refused as too old, and on how many days (with today) they were refused while newer slots were
    /// served.
    pub refused_days: Vec<(Domain, Span, u32)>,
    /// Whether conclusions are ignored (`--force`).
    pub force: bool,
}

/// The knowledge that all tasks of a run share.
#[derive(Debug, Default)]
pub struct Knowledge {
    pub(super) limits: ApiLimits,
    prior: PriorKnowledge,
    /// Two refusals prove that everything before this time is too old.
    edges: BTreeMap<Domain, UnixSeconds>,
    /// How many young windows were refused as too old, and the end of the newest one.
    young: BTreeMap<Domain, (u32, UnixSeconds)>,
    retention_met: bool,
    oldest_served: Option<UnixSeconds>,
    newest_served: Option<UnixSeconds>,
    sub_hour: bool,
    /// Domains that are left out for the rest of the run.
    refused: BTreeSet<Domain>,
    /// Domains that are asked alone, because no answer with them could be read.
    suspects: BTreeSet<Domain>,
    short_confirmations: u32,
}

impl Knowledge {
    /// Returns the knowledge at the start of a run.
    #[must_use]
    pub fn new(prior: PriorKnowledge) -> Self {
        Self {
            limits: ApiLimits::new(prior.complete_points),
            prior,
            ..Self::default()
        }
    }

    /// Notes that an answer held points from `oldest` to `newest`.
    pub(super) fn served(&mut self, oldest: UnixSeconds, newest: UnixSeconds) {
        self.oldest_served = Some(self.oldest_served.map_or(oldest, |known| known.min(oldest)));
        self.newest_served = Some(self.newest_served.map_or(newest, |known| known.max(newest)));
    }

    /// Returns the oldest slot of which a point came in this run.
    #[must_use]
    pub fn oldest_served(&self) -> Option<UnixSeconds> {
        self.oldest_served
    }

    /// Whether a slot newer than `slot` was served in this run.
    pub(super) fn served_newer_than(&self, slot: UnixSeconds) -> bool {
        self.newest_served.is_some_and(|newest| newest > slot)
    }

    /// Returns the evidence about a slot of these domains that was refused as too old.
    pub(super) fn too_old(
        &self,
        domains: &[Domain],
        slot: UnixSeconds,
        now: UnixSeconds,
        retention: i64,
    ) -> TooOld {
        let days = |domain: &Domain| {
            let mut rows = self.prior.refused_days.iter();
            rows.find(|(of, span, _)| of == domain && span.contains(slot))
                .map_or(0, |(_, _, days)| *days)
        };
        TooOld {
            slot,
            now,
            retention,
            oldest_served: self.oldest_served,
            served_age: self.prior.served_age.filter(|_| !self.prior.force),
            // A day counts only where newer slots were served.
            days: if self.served_newer_than(slot) {
                domains.iter().map(days).min().unwrap_or(0)
            } else {
                0
            },
        }
    }

    /// Notes that a window was refused as too old. The plan continues from its newest end.
    pub(super) fn meet_retention(&mut self) {
        self.retention_met = true;
    }

    /// Whether the API has refused a window as too old.
    #[must_use]
    pub fn retention_met(&self) -> bool {
        self.retention_met
    }

    /// Notes that everything before `before` is refused for these domains.
    pub(super) fn set_edge(&mut self, domains: &[Domain], before: UnixSeconds) {
        for domain in domains {
            let edge = self.edges.entry(domain.clone()).or_insert(before);
            *edge = before.max(*edge);
        }
    }

    /// Notes that a young window, which ends at `end`, was refused twice for these domains. After several of them,
    /// this run asks for no older ones, unless older ones were served.
    pub(super) fn refuse_young(&mut self, domains: &[Domain], end: UnixSeconds) {
        for domain in domains {
            let (windows, newest) = self.young.entry(domain.clone()).or_insert((0, end));
            *windows += 1;
            *newest = end.max(*newest);
            let (windows, newest) = (*windows, *newest);
            if windows >= REFUSED_WINDOWS && self.oldest_served.is_none_or(|served| served >= newest) {
                self.set_edge(std::slice::from_ref(domain), newest);
            }
        }
    }

    /// Returns the moment before which the API serves nothing of `domain`, as far as this run knows.
    #[must_use]
    pub fn edge(&self, domain: &Domain) -> Option<UnixSeconds> {
        self.edges.get(domain).copied()
    }

    /// Returns the latest of the edges.
    #[must_use]
    pub fn latest_edge(&self) -> Option<UnixSeconds> {
        self.edges.values().copied().max()
    }

    /// Notes that an answer held points less than an hour apart.
    pub(super) fn see_sub_hour(&mut self) {
        self.sub_hour = true;
    }

    /// Whether this run has seen points less than an hour apart.
    #[must_use]
    pub fn has_seen_sub_hour(&self) -> bool {
        self.sub_hour
    }

    /// Whether such points were seen within the last day.
    pub(super) fn sub_hour_lately(&self) -> bool {
        self.sub_hour || self.prior.sub_hour
    }

    /// Leaves `domain` out for the rest of the run. Returns whether it was not left out before.
    pub fn refuse(&mut self, domain: &Domain) -> bool {
        self.refused.insert(domain.clone())
    }

    /// Whether `domain` is left out.
    pub(super) fn is_refused(&self, domain: &Domain) -> bool {
        self.refused.contains(domain)
    }

    /// Whether `domain` had a point within the last days before `now`.
    pub(in crate::ingest) fn had_a_point_lately(&self, domain: &Domain, now: UnixSeconds) -> bool {
        let newest = self.prior.newest_points.get(domain);
        newest.is_some_and(|ts| now - ts <= evidence::RECENT_POINT)
    }

    /// Notes that `domain` spoils answers: it is asked alone from now on.
    pub(super) fn suspect(&mut self, domain: &Domain) {
        self.suspects.insert(domain.clone());
    }

    /// Notes that an answer with `domain` could be read.
    pub(super) fn clear(&mut self, domain: &Domain) {
        self.suspects.remove(domain);
    }

    pub(super) fn is_suspect(&self, domain: &Domain) -> bool {
        self.suspects.contains(domain)
    }

    /// Whether the holes of `domain` are confirmed this time. If not, they count as skipped.
    pub(super) fn samples(&mut self, domain: &Domain) -> bool {
        let Some(sampling) = self.prior.sampling.get_mut(domain) else {
            return true;
        };
        let confirmed = self.prior.force || evidence::is_sampled(sampling.fruitless, sampling.skipped);
        if !confirmed {
            sampling.skipped += 1;
        }
        confirmed
    }

    /// Notes whether a confirmation of holes of `domain` brought a point.
    pub(super) fn confirmed(&mut self, domain: &Domain, brought: bool) {
        let sampling = self.prior.sampling.entry(domain.clone()).or_default();
        *sampling = Sampling {
            fruitless: if brought {
                0
            } else {
                sampling.fruitless.saturating_add(1)
            },
            skipped: 0,
        };
    }

    /// Returns the sampling of `domain` as the file is to keep it.
    pub(super) fn sampling(&self, domain: &Domain) -> Option<Sampling> {
        self.prior.sampling.get(domain).copied()
    }

    /// Whether one more window of at most an hour may be confirmed. If so, it counts.
    pub(super) fn take_short_confirmation(&mut self) -> bool {
        let left = self.short_confirmations < SHORT_CONFIRMATIONS;
        self.short_confirmations += u32::from(left);
        left
    }

    /// Uncounts a short confirmation that brought a point.
    pub(super) fn give_back_short_confirmation(&mut self) {
        self.short_confirmations = self.short_confirmations.saturating_sub(1);
    }

    /// Returns how many points a complete answer held, if some answers were cut.
    #[must_use]
    pub fn complete_points(&self) -> Option<u64> {
        self.limits.points()
    }
}
