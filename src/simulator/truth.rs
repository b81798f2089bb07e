//! The truth: the point of any domain at any slot, as known at any moment.
//!
//! Tests compare the database with it.

use super::noise::Noise;
use super::presence::{Idle, LATE_KINDS, Late, Presence};
use super::time::{HOUR, POINT_SECONDS, next_multiple};
use super::traffic::DomainTraffic;

/// The age in seconds at which every point exists. The first ones exist at [`POINT_SECONDS`].
pub const ALL_EXIST_AFTER: i64 = 600;

/// The ages, in seconds, at which late log lines change some points, and how many of a million change then. After the
/// last age every point is final.
///
/// Sibling vendors say "mostly stable after 12 hours"; the steps before that are invented.
const REVISIONS: [(i64, i64); 3] = [(HOUR, 300_000), (4 * HOUR, 150_000), (12 * HOUR, 80_000)];

/// How many of a million points have codes that do not add up to their requests.
const UNEVEN_SHARE: i64 = 400;

const REVISION: u64 = 100;
const DELAY: u64 = 101;
const UNEVEN: u64 = 102;
const STATE: u64 = 103;

/// One point as the API reports it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TruthPoint {
    /// Unix seconds, a multiple of [`POINT_SECONDS`].
    pub ts: i64,
    /// Back-to-origin bandwidth in bit/s.
    pub bandwidth: i64,
    /// Back-to-origin requests.
    pub pv: i64,
    /// Every status code that the point reports, including zeros, in the order of the answer.
    pub codes: Vec<(&'static str, i64)>,
}

/// The traffic of all domains. One seed decides it.
#[derive(Debug, Clone, Copy)]
pub struct Truth {
    pub(crate) noise: Noise,
    /// Some domains have points only in some slots.
    pub(crate) idle: Idle,
    /// Some points appear late.
    pub(crate) late: [Late; LATE_KINDS],
    /// Points report three status codes instead of twenty.
    pub(crate) few_codes: bool,
}

impl Truth {
    /// Returns the truth of `seed`.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self {
            noise: Noise::new(seed),
            idle: Idle::default(),
            late: [Late::default(); LATE_KINDS],
            few_codes: false,
        }
    }

    /// Returns the point that the API reports for `slot` at the moment `at` (both Unix seconds).
    ///
    /// `None` when the point does not exist yet, or when `slot` is off the grid. The case of `domain` does not matter.
    #[must_use]
    pub fn point(self, domain: &str, slot: i64, at: i64) -> Option<TruthPoint> {
        self.domain(domain).point(slot, at)
    }

    /// Returns the point that the API reports for `slot` when nothing changes any more. `None` when `slot` is off the
    /// grid, or when an idle domain has no point there.
    #[must_use]
    pub fn final_point(self, domain: &str, slot: i64) -> Option<TruthPoint> {
        self.point(domain, slot, i64::MAX)
    }

    /// Returns the truth of one domain, which is faster for many points.
    #[must_use]
    pub fn domain(self, domain: &str) -> DomainTruth {
        let domain = domain.to_ascii_lowercase();
        let traffic = DomainTraffic::new(self.noise, &domain, self.few_codes);
        DomainTruth {
            presence: Presence::new(self.idle, self.late, traffic.noise(), &domain),
            traffic,
        }
    }
}

/// The truth of one domain.
#[derive(Debug, Clone, Copy)]
pub struct DomainTruth {
    traffic: DomainTraffic,
    presence: Presence,
}

impl DomainTruth {
    /// Like [`Truth::point`].
    #[must_use]
    pub fn point(self, slot: i64, at: i64) -> Option<TruthPoint> {
        let age = at.saturating_sub(slot);
        if slot.rem_euclid(POINT_SECONDS) != 0
            || age < self.presence.exists_from(self.traffic.noise(), slot)?
        {
            return None;
        }
        let noise = self.traffic.noise().at(slot);
        let exists = || age >= noise.branch(DELAY).between(POINT_SECONDS, ALL_EXIST_AFTER);
        (age >= ALL_EXIST_AFTER || exists()).then(|| self.report(noise, slot, age))
    }

    /// Returns the points of `[start, end)` that exist at the moment `at`, in order.
    pub fn points(self, start: i64, end: i64, at: i64) -> impl Iterator<Item = TruthPoint> {
        let first = next_multiple(start, POINT_SECONDS);
        std::iter::successors(Some(first), |slot| slot.checked_add(POINT_SECONDS))
            // Younger points cannot exist, so an end in the far future costs nothing.
            .take_while(move |slot| *slot < end && at.saturating_sub(*slot) >= POINT_SECONDS)
            .filter_map(move |slot| self.point(slot, at))
    }

    fn report(&self, noise: Noise, slot: i64, age: i64) -> TruthPoint {
        let mut load = self.traffic.load(slot);
        // Each revision that is still to come changes the point, backwards from its final state.
        let mut state = noise;
        for (step, (revised_at, share)) in (0..).zip(REVISIONS) {
            let revision = noise.branch(REVISION).at(step);
            if age < revised_at && load.requests > 0 && revision.happens(share) {
                state = state.branch(STATE).at(step);
                load.requests = before_revision(load.requests, revision);
            }
        }
        let codes = self.traffic.codes(load, state);
        let bandwidth = self.traffic.bandwidth(&codes, state);
        let uneven = load.requests > 10 && noise.branch(UNEVEN).happens(UNEVEN_SHARE);
        TruthPoint {
            ts: slot,
            bandwidth,
            pv: load.requests + i64::from(uneven),
            codes,
        }
    }
}

/// Returns the requests before a revision. Late lines mostly add requests (up to 8 %); sometimes duplicates are
/// removed.
fn before_revision(requests: i64, revision: Noise) -> i64 {
    let change = revision.branch(STATE).between(-80, 20);
    match requests * change / 1_000 {
        0 => requests - 1,
        change => requests + change,
    }
}
