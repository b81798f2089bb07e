//! The grid of the API's times.

/// The spacing of points, in seconds.
pub const POINT_SECONDS: i64 = 300;

/// An hour, in seconds.
pub(crate) const HOUR: i64 = 3_600;
/// A day, in seconds.
pub(crate) const DAY: i64 = 86_400;

/// China Standard Time (UTC+8), in seconds ahead of UTC. Times in requests carry no zone; this one is inferred.
pub(crate) const UTC8_SECONDS: i64 = 8 * HOUR;

/// Returns the first multiple of `step` that is not before `ts`.
pub(crate) fn next_multiple(ts: i64, step: i64) -> i64 {
    ts.saturating_add((-ts.rem_euclid(step)).rem_euclid(step))
}
