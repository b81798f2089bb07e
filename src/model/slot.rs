//! The 5-minute grid and the UTC+8 day, in Unix seconds.
//!
//! The API reports one point for every 5 minutes, 288 a day (documented for billing). Its times carry no
//! zone; they are those of UTC+8 all year round (inferred: the vendor's zone, and the documented example
//! point 1568477100 is the first 5 minutes of a day there).

/// Seconds since 1970-01-01T00:00:00Z.
pub type UnixSeconds = i64;

/// Length of a slot.
pub const SLOT_SECONDS: i64 = 300;
/// An hour.
pub const HOUR_SECONDS: i64 = 3_600;
/// A day. UTC+8 knows no daylight saving, so every day has this length.
pub const DAY_SECONDS: i64 = 86_400;
/// How far UTC+8 is ahead of UTC.
pub const CST_OFFSET_SECONDS: i64 = 8 * HOUR_SECONDS;

/// Returns the start of the slot that holds `ts`.
#[must_use]
pub const fn slot_floor(ts: UnixSeconds) -> UnixSeconds {
    ts - ts.rem_euclid(SLOT_SECONDS)
}

/// Returns the first slot start at or after `ts`.
#[must_use]
pub const fn slot_ceil(ts: UnixSeconds) -> UnixSeconds {
    slot_floor(ts + SLOT_SECONDS - 1)
}

/// Returns the UTC+8 midnight at or before `ts`.
#[must_use]
pub const fn cst_day_floor(ts: UnixSeconds) -> UnixSeconds {
    ts - (ts + CST_OFFSET_SECONDS).rem_euclid(DAY_SECONDS)
}

/// Returns the first UTC+8 midnight at or after `ts`.
#[must_use]
pub const fn cst_day_ceil(ts: UnixSeconds) -> UnixSeconds {
    cst_day_floor(ts + DAY_SECONDS - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The documented example point, 2019-09-15 00:05 in UTC+8.
    const EXAMPLE: UnixSeconds = 1_568_477_100;

    #[test]
    fn the_documented_example_point_is_the_second_slot_of_a_utc8_day() {
        assert_eq!(slot_floor(EXAMPLE), EXAMPLE);
        assert_eq!(cst_day_floor(EXAMPLE), EXAMPLE - SLOT_SECONDS);
    }

    #[test]
    fn rounding_holds_on_before_and_after_an_edge_and_before_1970() {
        for edge in [EXAMPLE, 0, -SLOT_SECONDS] {
            assert_eq!((slot_floor(edge), slot_ceil(edge)), (edge, edge));
            assert_eq!(
                (slot_floor(edge + 1), slot_ceil(edge + 1)),
                (edge, edge + SLOT_SECONDS)
            );
            assert_eq!(
                (slot_floor(edge - 1), slot_ceil(edge - 1)),
                (edge - SLOT_SECONDS, edge)
            );
        }
        let midnight = EXAMPLE - SLOT_SECONDS;
        assert_eq!(
            (cst_day_floor(midnight), cst_day_ceil(midnight)),
            (midnight, midnight)
        );
        assert_eq!(cst_day_ceil(midnight + 1), midnight + DAY_SECONDS);
        assert_eq!(cst_day_floor(midnight - 1), midnight - DAY_SECONDS);
    }
}
