//! Decides which points exist, and from which age: idle domains and late log lines.

use super::noise::Noise;
use super::time::{POINT_SECONDS, UTC8_SECONDS};

const LATE: u64 = 104;
const SELDOM: u64 = 105;
const IDLE: u64 = 106;

/// The slots in which a domain has a point.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Rhythm {
    /// Every slot.
    #[default]
    Busy,
    /// One slot in each step; steps are counted from midnight in UTC+8.
    ///
    /// With an offset of 0 and steps of whole hours, the slots lie on full hours.
    Every {
        /// The step.
        seconds: i64,
        /// The position of the slot in the step.
        offset: i64,
    },
    /// Random slots, this many of a million.
    Seldom {
        /// The share.
        millionths: i64,
    },
}

impl Rhythm {
    fn has_point(self, noise: Noise, slot: i64) -> bool {
        match self {
            Self::Busy => true,
            Self::Every { seconds, offset } => {
                let local = slot.saturating_add(UTC8_SECONDS).saturating_sub(offset);
                local.rem_euclid(seconds.max(POINT_SECONDS)) == 0
            }
            Self::Seldom { millionths } => noise.branch(SELDOM).at(slot).happens(millionths),
        }
    }
}

/// Which domains are idle.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Idle {
    /// These domains, in lower case, each with its own rhythm.
    pub named: &'static [(&'static str, Rhythm)],
    /// How many of a thousand other domains are idle; the seed chooses them.
    pub thousandths: i64,
    /// The rhythm of those domains.
    pub rhythm: Rhythm,
}

impl Idle {
    fn rhythm_of(self, noise: Noise, domain: &str) -> Rhythm {
        match self.named.iter().find(|(name, _)| *name == domain) {
            Some((_, rhythm)) => *rhythm,
            None if noise.branch(IDLE).happens(self.thousandths.saturating_mul(1_000)) => self.rhythm,
            None => Rhythm::Busy,
        }
    }
}

/// Points that appear long after their time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Late {
    /// The age at which they appear.
    pub seconds: i64,
    /// How many of a million points are late.
    pub millionths: i64,
    /// Points of this many seconds are late together, as after the failure of a log server. 0: each on its own.
    pub together: i64,
}

/// How many kinds of [`Late`] points a truth can have.
pub const LATE_KINDS: usize = 3;

/// When the points of one domain exist.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Presence {
    pub(crate) rhythm: Rhythm,
    late: [Late; LATE_KINDS],
}

impl Presence {
    /// Returns the presence of the domain with this lower-case name and noise.
    pub(crate) fn new(idle: Idle, late: [Late; LATE_KINDS], noise: Noise, domain: &str) -> Self {
        Self {
            rhythm: idle.rhythm_of(noise, domain),
            late,
        }
    }

    /// Returns the age from which the point of `slot` may exist; `None` when it never exists.
    pub(crate) fn exists_from(self, noise: Noise, slot: i64) -> Option<i64> {
        if !self.rhythm.has_point(noise, slot) {
            return None;
        }
        let is_late = |(kind, late): &(i64, Late)| {
            let run = slot.div_euclid(late.together.max(POINT_SECONDS));
            late.millionths > 0 && noise.branch(LATE).at(*kind).at(run).happens(late.millionths)
        };
        let ages = (0..).zip(self.late).filter(is_late).map(|(_, late)| late.seconds);
        Some(ages.max().unwrap_or(0))
    }
}

#[cfg(test)]
mod tests {
    use super::super::time::{DAY, HOUR};
    use super::super::truth::{ALL_EXIST_AFTER, Truth};
    use super::*;

    /// 2026-01-05 00:00 in UTC+8.
    const MONDAY: i64 = 1_767_542_400;

    fn slots(truth: Truth, domain: &str, days: i64, at: i64) -> Vec<i64> {
        let points = truth.domain(domain).points(MONDAY, MONDAY + days * DAY, at);
        points.map(|point| point.ts - MONDAY).collect()
    }

    #[test]
    fn a_named_domain_has_points_in_its_rhythm_and_others_have_all() {
        let idle = Idle {
            named: &[
                (
                    "on.com",
                    Rhythm::Every {
                        seconds: 3 * HOUR,
                        offset: 0,
                    },
                ),
                (
                    "off.com",
                    Rhythm::Every {
                        seconds: 3 * HOUR,
                        offset: 1_500,
                    },
                ),
                ("seldom.com", Rhythm::Seldom { millionths: 2_000 }),
            ],
            ..Idle::default()
        };
        let truth = Truth {
            idle,
            ..Truth::new(1)
        };
        let of = |domain| slots(truth, domain, 1, i64::MAX);
        assert_eq!(of("ON.com").len(), 8);
        assert!(of("on.com").iter().all(|slot| slot % (3 * HOUR) == 0));
        assert_eq!(of("off.com")[..2], [1_500, 3 * HOUR + 1_500]);
        assert_eq!(of("busy.com").len(), 288);
        let seldom = slots(truth, "seldom.com", 30, i64::MAX).len();
        assert!((5..40).contains(&seldom), "{seldom}");
        let (idle, busy) = (truth.domain("on.com"), Truth::new(1).domain("on.com"));
        assert_eq!(idle.point(MONDAY, i64::MAX), busy.point(MONDAY, i64::MAX));
    }

    #[test]
    fn a_share_of_the_domains_can_be_idle() {
        let idle = Idle {
            thousandths: 500,
            rhythm: Rhythm::Seldom { millionths: 0 },
            ..Idle::default()
        };
        let truth = Truth {
            idle,
            ..Truth::new(1)
        };
        let idle = |n: &i32| {
            let domain = format!("d{n:03}.example.com");
            truth.final_point(&domain, MONDAY).is_none()
        };
        let count = (0..1_000).filter(idle).count();
        assert!((450..550).contains(&count), "{count}");
        let first = (0..1_000).find(idle).map(|n| format!("d{n:03}.example.com"));
        assert!(slots(truth, &first.unwrap(), 1, i64::MAX).is_empty());
    }

    #[test]
    fn late_points_appear_at_their_age_with_the_same_value() {
        let late = |seconds, millionths, together| Late {
            seconds,
            millionths,
            together,
        };
        let late = [
            late(2 * HOUR, 50_000, 0),
            late(30 * HOUR, 50_000, HOUR),
            late(5 * DAY, 0, 0),
        ];
        let truth = Truth {
            late,
            ..Truth::new(1)
        };
        let domain = truth.domain("www.a.com");
        let missing = |age: i64| -> Vec<i64> {
            let all = (0..2_000).map(|n| MONDAY + n * POINT_SECONDS);
            all.filter(|slot| domain.point(*slot, slot + age).is_none())
                .collect()
        };
        let (early, later) = (missing(2 * HOUR - 1), missing(2 * HOUR));
        assert!((120..300).contains(&early.len()), "{}", early.len());
        assert!(later.len() < early.len() && later.iter().all(|slot| early.contains(slot)));
        let hours = |slot: &i64| slot.div_euclid(HOUR);
        let whole = later
            .iter()
            .filter(|slot| hours(slot) == hours(&later[0]))
            .count();
        assert_eq!(whole, 12);
        assert_eq!(missing(30 * HOUR), Vec::<i64>::new());
        assert_eq!(missing(ALL_EXIST_AFTER), early);
        let slot = later[0];
        assert_eq!(
            domain.point(slot, i64::MAX),
            Truth::new(1).final_point("www.a.com", slot)
        );
    }
}
