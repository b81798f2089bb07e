//! What a conclusion needs: the one place that says when "no" is believed.
//!
//! A point needs one well-formed answer. A failure needs nothing: the slot stays due. Everything that stops the
//! program from asking again is decided here.

use crate::model::UnixSeconds;
use crate::model::slot::{HOUR_SECONDS, SLOT_SECONDS};

/// On so many different days a young slot must be refused as too old, while newer ones were served each time,
/// before that is believed: an API that keeps 7 days.
pub const DAYS_OF_REFUSALS: u32 = 3;
/// After so many windows that were refused as too old, each twice, older ones are not asked for in this run.
pub const REFUSED_WINDOWS: u32 = 3;
/// After so many confirmations that brought nothing, a domain counts as idle.
pub const FRUITLESS_CONFIRMATIONS: u32 = 3;
/// Of an idle domain, one window in so many is confirmed.
pub const SAMPLE: u32 = 10;
/// A domain that had a point this recently is not taken for one that is not the account's.
pub const RECENT_POINT: i64 = 7 * 24 * HOUR_SECONDS;
/// For so long a fact about what the service serves is believed.
pub const LATELY: i64 = 7 * 24 * HOUR_SECONDS;

/// What tells whether a slot that was refused as too old (status 21) is.
#[derive(Debug, Clone, Copy)]
pub struct TooOld {
    /// The slot's start.
    pub slot: UnixSeconds,
    /// The moment of asking.
    pub now: UnixSeconds,
    /// `fetch.retention`: younger slots are not believed to be too old.
    pub retention: i64,
    /// The oldest slot that was served in this run.
    pub oldest_served: Option<UnixSeconds>,
    /// The greatest age at which a slot was served lately, by the file.
    pub served_age: Option<i64>,
    /// On how many different days it was refused while newer slots were served.
    pub days: u32,
}

impl TooOld {
    /// Whether two refusals of different cuts are believed.
    #[must_use]
    pub fn is_believed(&self) -> bool {
        !self.is_contradicted() && (self.age() > self.retention || self.days >= DAYS_OF_REFUSALS)
    }

    /// Whether a slot as old or older was served.
    #[must_use]
    pub fn is_contradicted(&self) -> bool {
        let in_this_run = self.oldest_served.is_some_and(|served| served <= self.slot);
        // A slot whose day of refusals has come was served at this age before the service kept less.
        let lately = self.days < DAYS_OF_REFUSALS && self.served_age.is_some_and(|age| self.age() <= age);
        in_this_run || lately
    }

    fn age(&self) -> i64 {
        self.now - self.slot
    }
}

/// From how far back two refusals of different cuts prove a range as refused: a request is refused for the
/// oldest slot in it, so the second latest of the starts is refused by two.
#[must_use]
pub fn refused_twice(mut starts: Vec<UnixSeconds>) -> Option<UnixSeconds> {
    starts.sort_unstable();
    starts.iter().rev().nth(1).copied()
}

/// What the second answer says of an answer without two points less than an hour apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Spacing {
    /// The points are 5-minute points with hours between them.
    Sparse,
    /// They are sums or peaks of longer steps.
    Coarse,
    /// Nothing tells.
    Undecided,
}

/// Judges a point at `ts` by a second request for its slot alone, which brought the `same` figures or not.
///
/// Hourly sums stand on full hours, and a service that only has these answers with the same sum again: there
/// the same figure proves nothing, unless the service was seen to serve 5-minute points lately.
#[must_use]
pub fn spacing(ts: UnixSeconds, same: bool, sub_hour_lately: bool) -> Spacing {
    if !same {
        Spacing::Coarse
    } else if ts.rem_euclid(HOUR_SECONDS) >= SLOT_SECONDS || sub_hour_lately {
        Spacing::Sparse
    } else {
        Spacing::Undecided
    }
}

/// Whether the holes of a domain are confirmed this time, from how many confirmations in a row brought nothing,
/// and how many windows were left out since the last one.
#[must_use]
pub fn is_sampled(fruitless: u32, skipped: u32) -> bool {
    fruitless < FRUITLESS_CONFIRMATIONS || skipped + 1 >= SAMPLE
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: UnixSeconds = 1_780_000_000;
    const DAY: i64 = 86_400;

    fn slot(age: i64) -> TooOld {
        TooOld {
            slot: NOW - age,
            now: NOW,
            retention: 28 * DAY,
            oldest_served: None,
            served_age: None,
            days: 0,
        }
    }

    #[test]
    fn a_young_slot_is_believed_to_be_too_old_only_after_three_days() {
        assert!(!slot(27 * DAY).is_believed());
        assert!(slot(29 * DAY).is_believed());
        for days in 0..5 {
            let refused = TooOld {
                days,
                ..slot(9 * DAY)
            };
            assert_eq!(refused.is_believed(), days >= 3);
        }
    }

    #[test]
    fn a_served_slot_as_old_or_older_contradicts_and_a_newer_one_does_not() {
        let refused = slot(40 * DAY);
        for (served, believed) in [(40, false), (41, false), (39, true)] {
            let in_run = TooOld {
                oldest_served: Some(NOW - served * DAY),
                ..refused
            };
            let lately = TooOld {
                served_age: Some(served * DAY),
                ..refused
            };
            assert_eq!((in_run.is_believed(), lately.is_believed()), (believed, believed));
        }
    }

    #[test]
    fn two_refusals_prove_the_second_latest_start() {
        assert_eq!(refused_twice(vec![600]), None);
        assert_eq!(refused_twice(vec![600, 300]), Some(300));
        assert_eq!(refused_twice(vec![900, 300, 900]), Some(900));
    }

    #[test]
    fn only_the_same_figure_off_the_hour_tells_sparse_points_from_sums() {
        let hour = 1_780_002_000;
        assert_eq!(hour % 3_600, 0);
        assert_eq!(spacing(hour, false, true), Spacing::Coarse);
        assert_eq!(spacing(hour + 300, true, false), Spacing::Sparse);
        assert_eq!(spacing(hour, true, false), Spacing::Undecided);
        assert_eq!(spacing(hour + 7, true, false), Spacing::Undecided);
        assert_eq!(spacing(hour, true, true), Spacing::Sparse);
    }

    #[test]
    fn an_idle_domain_is_confirmed_one_window_in_ten() {
        let (mut fruitless, mut skipped, mut confirmed) = (0, 0, 0);
        for _ in 0..103 {
            if is_sampled(fruitless, skipped) {
                (fruitless, skipped, confirmed) = (fruitless + 1, 0, confirmed + 1);
            } else {
                skipped += 1;
            }
        }
        assert_eq!(confirmed, 3 + 10);
    }
}
