//! The evidence that each conclusion needs: the one place that decides when "no" is believed.
//!
//! A point needs one well-formed answer. A failure needs nothing, because the slot stays due. Everything that stops the
//! program from asking again is decided here.

use crate::model::slot::{HOUR_SECONDS, SLOT_SECONDS, slot_ceil};
use crate::model::{Fact, UnixSeconds};

/// On how many different days a young slot must be refused as too old, while newer ones were served each time, before
/// that is believed. This is the case of an API that keeps 7 days.
pub const DAYS_OF_REFUSALS: u32 = 3;
/// After how many windows that were refused as too old, each twice, this run asks for no older ones.
pub const REFUSED_WINDOWS: u32 = 3;
/// After how many confirmations that brought nothing a domain counts as idle.
pub const FRUITLESS_CONFIRMATIONS: u32 = 3;
/// One window in this many is confirmed for an idle domain.
pub const SAMPLE: u32 = 10;
/// A domain with a point this recent, in seconds, belongs to the account whatever the API says.
pub const RECENT_POINT: i64 = 7 * 24 * HOUR_SECONDS;
/// How long, in seconds, a fact about the service is believed.
pub const LATELY: i64 = 7 * 24 * HOUR_SECONDS;

/// Whether `fact` was learned at most `seconds` before `now`. A fact from the future was noted by a wrong clock.
#[must_use]
pub fn is_recent(fact: &Fact, seconds: i64, now: UnixSeconds) -> bool {
    (0..=seconds).contains(&(now - fact.learned_at))
}

/// What is known about a slot that was refused as too old (status 21).
#[derive(Debug, Clone, Copy)]
pub struct TooOld {
    /// The slot's start.
    pub slot: UnixSeconds,
    /// When it was asked for.
    pub now: UnixSeconds,
    /// `fetch.retention`: younger slots are not believed to be too old.
    pub retention: i64,
    /// The oldest slot that was served in this run.
    pub oldest_served: Option<UnixSeconds>,
    /// The greatest age of a slot that was served lately, from the database.
    pub served_age: Option<i64>,
    /// On how many different days it was refused while newer slots were served.
    pub days: u32,
}

impl TooOld {
    /// Whether a slot as old or older was served.
    #[must_use]
    pub fn is_contradicted(&self) -> bool {
        let in_this_run = self.oldest_served.is_some_and(|served| served <= self.slot);
        let age = self.now - self.slot;
        // After enough days of refusals, the slot was served at this age before the service began to keep less.
        let lately = !self.has_enough_days() && self.served_age.is_some_and(|served| age <= served);
        in_this_run || lately
    }

    /// Returns the end of the slots that are believed to be too old, at most `end`.
    #[must_use]
    pub fn believed_before(&self, end: UnixSeconds) -> UnixSeconds {
        if self.has_enough_days() {
            end
        } else {
            slot_ceil(self.now - self.retention).min(end)
        }
    }

    fn has_enough_days(&self) -> bool {
        self.days >= DAYS_OF_REFUSALS
    }
}

/// Returns the latest slot that two requests of different ranges prove as refused. A request is refused because of its
/// oldest slot, so this is the second latest of the starts.
#[must_use]
pub fn refused_twice(mut starts: Vec<UnixSeconds>) -> Option<UnixSeconds> {
    starts.sort_unstable();
    starts.iter().rev().nth(1).copied()
}

/// What a second answer says about an answer without two points less than an hour apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Spacing {
    /// The points are 5-minute points with hours between them.
    Sparse,
    /// They are sums or peaks of longer steps.
    Coarse,
    /// It cannot be decided.
    Undecided,
}

/// Decides about a point at `ts` from a second request for its slot alone, which brought the `same` figures or not.
///
/// Hourly sums are labelled with full hours, and a service that only has sums answers with the same sum again. There
/// the same figure proves nothing, unless the service served 5-minute points lately.
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

/// Whether the holes of a domain are confirmed this time. `fruitless` confirmations in a row brought nothing, and
/// `skipped` windows were not confirmed since.
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

    fn is_believed(refused: TooOld) -> bool {
        !refused.is_contradicted() && refused.believed_before(refused.slot + SLOT_SECONDS) > refused.slot
    }

    #[test]
    fn a_young_slot_is_believed_to_be_too_old_only_after_three_days() {
        assert!(!is_believed(slot(27 * DAY)));
        assert!(is_believed(slot(29 * DAY)));
        for days in 0..5 {
            let refused = TooOld {
                days,
                ..slot(9 * DAY)
            };
            assert_eq!(is_believed(refused), days >= 3);
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
            assert_eq!((is_believed(in_run), is_believed(lately)), (believed, believed));
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
