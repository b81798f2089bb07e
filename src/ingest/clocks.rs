//! This machine's clock against the API's.
//!
//! The signature contains the date, and the age of a figure decides whether it is asked for again. A wrong clock spoils
//! both. The `Date` header of an answer gives the API's time.

use crate::api::SigningDate;
use crate::model::UnixSeconds;
use crate::model::slot::{DAY_SECONDS, HOUR_SECONDS};

/// How close to midnight in UTC+8, in seconds, the API may be on the other date.
const MIDNIGHT_DOUBT: i64 = 10 * 60;
/// A larger difference between the clocks, in seconds, is worth a warning, and explains a refused signature. A
/// smaller one only makes figures seem some seconds older or younger.
pub(super) const TOLERABLE_SKEW: i64 = 5 * 60;
/// A `Date` header further off than this is broken itself: the API would have refused a signature of another day.
const PLAUSIBLE_SKEW: i64 = DAY_SECONDS + 2 * HOUR_SECONDS;

/// Whether a clock that is `ahead` seconds ahead explains a refused signature, which contains the date.
pub(super) fn explaining_skew(ahead: i64) -> bool {
    ahead.abs() > TOLERABLE_SKEW
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
    fn the_difference_to_a_broken_clock_is_none() {
        assert_eq!(ahead_of(Some(4_000), 10_000), 6_000);
        assert_eq!(ahead_of(Some(10_000), 4_000), -6_000);
        assert_eq!(ahead_of(Some(0), 1_780_000_000), 0);
        assert_eq!(ahead_of(None, 7), 0);
    }
}
