//! What is true: the point of any domain at any slot, as known at any moment.
//!
//! Tests compare the database with this function and with nothing else.

use super::noise::Noise;
use super::presence::{Idle, LATE_KINDS, Late, Presence, Rhythm};
use super::traffic::Traffic;

/// The spacing of points, in seconds.
pub const POINT_SECONDS: i64 = 300;

/// At this age, in seconds, every point exists; the first ones exist at [`POINT_SECONDS`].
pub const ALL_EXIST_AFTER: i64 = 600;

/// The ages, in seconds, at which late log lines change some points; past the last all are final.
///
/// Sibling vendors say "mostly stable after 12 hours"; the steps in between are invented.
pub const REVISED_AT: [i64; 3] = [3_600, 4 * 3_600, 12 * 3_600];

/// How many points of a million change at each of [`REVISED_AT`].
const REVISED_SHARE: [i64; 3] = [300_000, 150_000, 80_000];

/// Points of a million whose codes do not add up to their requests.
const UNEVEN_SHARE: i64 = 400;

const REVISION: u64 = 100;
const DELAY: u64 = 101;
const UNEVEN: u64 = 102;
const DRAFT: u64 = 103;

/// One point as the API reports it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TruthPoint {
    /// Unix seconds, a multiple of [`POINT_SECONDS`].
    pub ts: i64,
    /// Back-to-origin bandwidth in bit/s.
    pub bandwidth: i64,
    /// Back-to-origin requests.
    pub pv: i64,
    /// Every status code the point reports, zeros too, in the order of the answer.
    pub codes: Vec<(&'static str, i64)>,
}

/// The traffic of all domains, decided by one seed.
#[derive(Debug, Clone, Copy)]
pub struct Truth {
    noise: Noise,
    idle: Idle,
    late: [Late; LATE_KINDS],
    light: bool,
}

impl Truth {
    /// The truth that `seed` stands for.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self {
            noise: Noise::new(seed),
            idle: Idle::default(),
            late: [Late::default(); LATE_KINDS],
            light: false,
        }
    }

    /// The same truth, in which some domains have points in some slots only.
    #[must_use]
    pub fn with_idle(self, idle: Idle) -> Self {
        Self { idle, ..self }
    }

    /// The same truth, in which some points appear late.
    #[must_use]
    pub fn with_late(self, late: [Late; LATE_KINDS]) -> Self {
        Self { late, ..self }
    }

    /// The same traffic, in points that report three status codes in place of twenty.
    #[must_use]
    pub fn with_few_codes(self) -> Self {
        Self { light: true, ..self }
    }

    /// Whether the domain lacks points for good.
    #[must_use]
    pub fn is_idle(self, domain: &str) -> bool {
        self.domain(domain).presence.rhythm != Rhythm::Busy
    }

    /// What the API reports for `slot` when asked at the moment `at` (both Unix seconds).
    ///
    /// None when the point does not exist yet, or when `slot` is off the grid. The case of `domain` is of no
    /// account.
    #[must_use]
    pub fn point(self, domain: &str, slot: i64, at: i64) -> Option<TruthPoint> {
        self.domain(domain).point(slot, at)
    }

    /// What the API reports for `slot` once nothing changes any more; None when `slot` is off the grid, or when
    /// an idle domain has no point there.
    #[must_use]
    pub fn final_point(self, domain: &str, slot: i64) -> Option<TruthPoint> {
        self.point(domain, slot, i64::MAX)
    }

    /// The truth of one domain, for asking about many of its points.
    #[must_use]
    pub fn domain(self, domain: &str) -> DomainTruth {
        let domain = domain.to_ascii_lowercase();
        let traffic = Traffic::new(self.noise, &domain, self.light);
        DomainTruth {
            presence: Presence::new(self.idle, self.late, traffic.noise(), &domain),
            traffic,
        }
    }
}

/// The truth of one domain.
#[derive(Debug, Clone, Copy)]
pub struct DomainTruth {
    traffic: Traffic,
    presence: Presence,
}

impl DomainTruth {
    /// As [`Truth::point`].
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

    /// The points of `[start, end)` that exist at the moment `at`, in order.
    pub fn points(self, start: i64, end: i64, at: i64) -> impl Iterator<Item = TruthPoint> {
        let first = start.saturating_add((-start.rem_euclid(POINT_SECONDS)).rem_euclid(POINT_SECONDS));
        std::iter::successors(Some(first), |slot| slot.checked_add(POINT_SECONDS))
            // Nothing younger than this can exist, so an end in the far future costs nothing.
            .take_while(move |slot| *slot < end && at.saturating_sub(*slot) >= POINT_SECONDS)
            .filter_map(move |slot| self.point(slot, at))
    }

    fn report(&self, noise: Noise, slot: i64, age: i64) -> TruthPoint {
        let mut load = self.traffic.load(slot);
        // The draft is what is known so far; the final point is the one with nothing left to come.
        let mut draft = noise;
        for (step, (revised_at, share)) in (0..).zip(REVISED_AT.iter().zip(REVISED_SHARE)) {
            let revision = noise.branch(REVISION).at(step);
            if age < *revised_at && load.requests > 0 && revision.happens(share) {
                draft = draft.branch(DRAFT).at(step);
                load.requests = before_revision(load.requests, revision);
            }
        }
        let codes = self.traffic.codes(load, draft);
        let bandwidth = self.traffic.bandwidth(&codes, draft);
        let uneven = load.requests > 10 && noise.branch(UNEVEN).happens(UNEVEN_SHARE);
        TruthPoint {
            ts: slot,
            bandwidth,
            pv: load.requests + i64::from(uneven),
            codes,
        }
    }
}

/// Late lines mostly add requests (up to 8 %), and now and then duplicates are taken out again.
fn before_revision(requests: i64, revision: Noise) -> i64 {
    let change = revision.branch(DRAFT).between(-80, 20);
    match requests * change / 1_000 {
        0 => requests - 1,
        change => requests + change,
    }
}
