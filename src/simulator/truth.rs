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

#[cfg(test)]
mod tests {
    use super::super::traffic::{EXTRA_CODES, LISTED_CODES};
    use super::*;

    /// 2026-01-05 00:00 in UTC+8, a Monday.
    const MONDAY: i64 = 1_767_542_400;
    const DAY: i64 = 86_400;
    const DOMAINS: [&str; 3] = ["www.example.com", "img.example.com", "download.example.com"];

    fn final_points(domain: &str, start: i64, days: i64) -> Vec<TruthPoint> {
        let truth = Truth::new(1);
        truth
            .domain(domain)
            .points(start, start + days * DAY, i64::MAX)
            .collect()
    }

    #[test]
    fn the_same_question_always_has_the_same_answer() {
        let slot = MONDAY + 300;
        let one = Truth::new(9).final_point("WWW.A.com", slot);
        assert_eq!(one, Truth::new(9).final_point("www.a.com", slot));
        assert_ne!(one, Truth::new(10).final_point("www.a.com", slot));
        assert_ne!(one, Truth::new(9).final_point("www.b.com", slot));
        assert_eq!(Truth::new(9).final_point("www.a.com", slot + 1), None);
    }

    #[test]
    fn every_listed_code_is_reported_in_order_and_extra_ones_only_when_counted() {
        for domain in DOMAINS {
            for point in final_points(domain, MONDAY, 30) {
                let keys: Vec<_> = point.codes.iter().map(|(code, _)| *code).collect();
                assert!(keys.starts_with(&LISTED_CODES));
                assert!(
                    point.codes[17..]
                        .iter()
                        .all(|(code, n)| EXTRA_CODES.contains(code) && *n > 0)
                );
            }
        }
    }

    #[test]
    fn few_codes_say_as_much_with_less() {
        let few = Truth::new(1).with_few_codes().domain(DOMAINS[0]);
        for point in few.points(MONDAY, MONDAY + DAY, i64::MAX) {
            let full = Truth::new(1).final_point(DOMAINS[0], point.ts);
            assert_eq!(full.map(|full| full.pv), Some(point.pv));
            assert_eq!(point.codes.len(), 3);
        }
    }

    #[test]
    fn codes_add_up_to_the_requests_but_for_a_rare_few() {
        let points: Vec<_> = DOMAINS.iter().flat_map(|d| final_points(d, MONDAY, 30)).collect();
        let sum = |point: &TruthPoint| point.codes.iter().map(|(_, n)| n).sum::<i64>();
        let uneven = points.iter().filter(|point| sum(point) != point.pv).count();
        assert!((1..points.len() / 1_000).contains(&uneven), "{uneven}");
        assert!(
            points
                .iter()
                .all(|p| p.bandwidth >= 0 && p.codes.iter().all(|(_, n)| *n >= 0))
        );
    }

    #[test]
    fn evenings_are_busy_nights_are_quiet_and_weekends_differ() {
        let hour = |points: &[TruthPoint], hour: i64| -> i64 {
            let of_hour = |p: &&TruthPoint| (p.ts - MONDAY) % DAY / 3_600 == hour;
            points.iter().filter(of_hour).map(|p| p.pv).sum()
        };
        for domain in DOMAINS {
            let points = final_points(domain, MONDAY, 28);
            assert!(hour(&points, 21) > 4 * hour(&points, 3), "{domain}");
            let on = |weekday: i64| -> i64 {
                let of_day = |p: &&TruthPoint| (p.ts - MONDAY) / DAY % 7 == weekday;
                points.iter().filter(of_day).map(|p| p.pv).sum()
            };
            assert!(on(5) > on(1), "{domain}");
        }
    }

    #[test]
    fn a_month_holds_a_surge_an_outage_and_zero_points() {
        let points = final_points("www.example.com", MONDAY, 30);
        let mut by_requests: Vec<i64> = points.iter().map(|p| p.pv).collect();
        by_requests.sort_unstable();
        let usual_peak = by_requests[by_requests.len() * 95 / 100];
        assert!(by_requests.last().unwrap() > &(usual_peak * 2));

        let failed = |p: &TruthPoint| -> i64 {
            let fails = |(code, _): &&(&str, i64)| code.starts_with('5') && *code != "512";
            p.codes.iter().filter(fails).map(|(_, n)| n).sum()
        };
        let outage = points
            .iter()
            .filter(|p| p.pv > 20 && failed(p) * 3 > p.pv)
            .count();
        assert!((4..40).contains(&outage), "{outage}");

        let zeros: Vec<_> = points.iter().filter(|p| p.pv == 0).collect();
        assert!(zeros.len() > 300, "{}", zeros.len());
        assert!(zeros.iter().all(|p| p.bandwidth == 0 && p.codes.len() == 17));
    }

    #[test]
    fn a_download_domain_exceeds_32_bits() {
        let peak = final_points("download.example.com", MONDAY, 1)
            .iter()
            .map(|p| p.bandwidth)
            .max();
        assert!(peak > Some(1 << 32), "{peak:?}");
    }

    #[test]
    fn the_newest_points_come_five_to_ten_minutes_late() {
        let truth = Truth::new(1);
        let exists = |age: i64| {
            (0..500)
                .filter(|n| {
                    let slot = MONDAY + n * POINT_SECONDS;
                    truth.point("www.a.com", slot, slot + age).is_some()
                })
                .count()
        };
        assert_eq!((exists(-1), exists(299), exists(600)), (0, 0, 500));
        assert!((100..400).contains(&exists(450)));
    }

    #[test]
    fn a_share_of_points_changes_at_each_step_and_none_after_twelve_hours() {
        let truth = Truth::new(1);
        let domain = truth.domain("img.example.com");
        let slots = 2_000;
        let changed = |from: i64, to: i64| {
            (0..slots)
                .map(|n| MONDAY + n * POINT_SECONDS)
                .filter(|slot| domain.point(*slot, slot + from) != domain.point(*slot, slot + to))
                .count()
        };
        let hour = 3_600;
        assert_eq!(changed(600, hour - 1), 0);
        assert!((500..700).contains(&changed(hour - 1, hour)));
        assert_eq!(changed(hour, 4 * hour - 1), 0);
        assert!((200..400).contains(&changed(4 * hour - 1, 4 * hour)));
        assert!((80..240).contains(&changed(12 * hour - 1, 12 * hour)));
        assert_eq!(changed(12 * hour, 24 * hour), 0);
        assert_eq!(changed(12 * hour, i64::MAX / 2), 0);
    }

    #[test]
    fn a_code_may_vanish_when_a_point_is_revised() {
        let truth = Truth::new(1);
        let domain = truth.domain("www.example.com");
        let vanished = (0..5_000).map(|n| MONDAY + n * POINT_SECONDS).any(|slot| {
            let young = domain.point(slot, slot + 600).unwrap();
            let settled = domain.point(slot, i64::MAX).unwrap();
            young
                .codes
                .iter()
                .any(|(code, _)| !settled.codes.iter().any(|(c, _)| c == code))
        });
        assert!(vanished);
    }

    #[test]
    fn a_range_starts_on_the_grid_and_stops_where_points_end() {
        let truth = Truth::new(1);
        let domain = truth.domain("www.a.com");
        let ts: Vec<_> = domain
            .points(MONDAY + 1, MONDAY + 901, i64::MAX)
            .map(|p| p.ts)
            .collect();
        assert_eq!(ts, [MONDAY + 300, MONDAY + 600, MONDAY + 900]);
        assert_eq!(
            domain
                .points(MONDAY, i64::MAX, MONDAY + 1_200)
                .last()
                .map(|p| p.ts),
            Some(MONDAY + 600)
        );
    }
}
