//! This machine's clock against the API's.
//!
//! The signature contains the date, and the age of a figure decides whether it is asked for again. A wrong clock spoils
//! both. The `Date` header of an answer gives the API's time.

use crate::api::SigningDate;
use crate::model::UnixSeconds;
use crate::model::slot::{DAY_SECONDS, HOUR_SECONDS};

/// How close to midnight in UTC+8, in seconds, the API may be on the other date.
const MIDNIGHT_DOUBT: i64 = 10 * 60;
/// A larger difference between the clocks, in seconds, is worth a warning. A smaller one only makes figures seem some
/// seconds older or younger.
pub(super) const TOLERABLE_SKEW: i64 = 5 * 60;
/// A `Date` header further off than this is broken itself: the API would have refused a signature of another day.
const PLAUSIBLE_SKEW: i64 = DAY_SECONDS + 2 * HOUR_SECONDS;

/// This machine's clock against the API's, as one answer showed it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClockDifference {
    /// How many seconds this machine's clock is ahead.
    pub ahead: i64,
    /// Whether both clocks show the same date in UTC+8.
    pub same_date: bool,
}

impl ClockDifference {
    /// Returns the difference of two clocks that showed these times at the same moment.
    #[must_use]
    pub fn between(here: UnixSeconds, api: UnixSeconds) -> Self {
        Self {
            ahead: here - api,
            same_date: SigningDate::from_unix(here) == SigningDate::from_unix(api),
        }
    }

    /// Returns whether it explains a refused signature. The signature contains the date and no time of day, so two clocks
    /// that show the same date make the same signature.
    #[must_use]
    pub fn explains_refusal(self) -> bool {
        self.is_large() && !self.same_date
    }

    /// Returns whether it is large enough for a warning.
    #[must_use]
    pub fn is_large(self) -> bool {
        self.ahead.abs() > TOLERABLE_SKEW
    }
}

/// Returns the date for one more try after a signature was refused, if there is one.
///
/// The signature contains the current date in UTC+8 (inferred). Around midnight the two sides may be on different
/// days. Then the next try uses the date of the API's `Date` header, else the date that began during the request,
/// else the neighbour. Away from midnight a refusal means a wrong key, and repeating it would look like an attack.
pub(super) fn other_date(
    used: SigningDate,
    now: UnixSeconds,
    server_time: Option<UnixSeconds>,
) -> Option<SigningDate> {
    let near = SigningDate::neighbour_near_midnight(now, MIDNIGHT_DOUBT);
    let server = server_time
        .filter(|server| (now - server).abs() <= PLAUSIBLE_SKEW)
        .filter(|&server| {
            near.is_some() || SigningDate::neighbour_near_midnight(server, MIDNIGHT_DOUBT).is_some()
        })
        .map(SigningDate::from_unix);
    [server, Some(SigningDate::from_unix(now)), near]
        .into_iter()
        .flatten()
        .find(|&date| date != used)
}

/// Returns how far `now` is ahead of the API's clock; 0 where that does not tell, or is itself broken.
pub(super) fn ahead_of(server_time: Option<UnixSeconds>, now: UnixSeconds) -> i64 {
    server_time
        .map(|server| now - server)
        .filter(|ahead| ahead.abs() <= PLAUSIBLE_SKEW)
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::moment::parse_moment;

    fn at(text: &str) -> UnixSeconds {
        parse_moment(text, 0).unwrap()
    }

    #[test]
    fn only_near_midnight_is_there_another_date_to_try() {
        let today = |text| SigningDate::from_unix(at(text));
        let noon = at("2026-01-02 12:00");
        assert_eq!(other_date(today("2026-01-02"), noon, Some(noon)), None);
        assert_eq!(other_date(today("2026-01-02"), noon, None), None);
        let before = at("2026-01-02 23:58");
        assert_eq!(
            other_date(today("2026-01-02"), before, None),
            Some(today("2026-01-03"))
        );
        assert_eq!(
            other_date(today("2026-01-02"), before, Some(before + 180)),
            Some(today("2026-01-03"))
        );
        let after = at("2026-01-03 00:01");
        assert_eq!(
            other_date(today("2026-01-02"), after, None),
            Some(today("2026-01-03"))
        );
        assert_eq!(
            other_date(today("2026-01-03"), after, None),
            Some(today("2026-01-02"))
        );
        // A clock that is wrong by hours is reported, not worked around.
        assert_eq!(
            other_date(today("2026-01-02"), noon, Some(noon + 14 * 3600)),
            None
        );
    }

    #[test]
    fn only_another_date_explains_a_refused_signature() {
        let explains = |here, api| ClockDifference::between(at(here), at(api)).explains_refusal();
        assert!(!explains("2026-01-02 12:00", "2026-01-02 12:00"));
        // Far off, but the same date, and so the same signature.
        assert!(!explains("2026-01-02 12:10", "2026-01-02 12:00"));
        assert!(!explains("2026-01-02 23:59", "2026-01-02 00:01"));
        assert!(explains("2026-01-03 03:00", "2026-01-02 12:00"));
        assert!(explains("2026-01-01 22:00", "2026-01-02 12:00"));
        // Seconds around midnight: the other date was tried.
        assert!(!explains("2026-01-03 00:00:01", "2026-01-02 23:59:59"));
    }

    #[test]
    fn the_difference_to_a_broken_clock_is_none() {
        assert_eq!(ahead_of(Some(4_000), 10_000), 6_000);
        assert_eq!(ahead_of(Some(10_000), 4_000), -6_000);
        assert_eq!(ahead_of(Some(0), 1_780_000_000), 0);
        assert_eq!(ahead_of(None, 7), 0);
    }
}
