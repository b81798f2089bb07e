//! Numbers as the page stores them.

use serde::{Serialize, Serializer};

/// The largest integer that a browser reads from JSON without rounding it.
const BROWSER_MAX: u64 = (1 << 53) - 1;

/// An integer that the browser shows exactly. It is JSON text where the browser would round a JSON number.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Exact(pub i64);

impl Serialize for Exact {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.0.unsigned_abs() <= BROWSER_MAX {
            serializer.serialize_i64(self.0)
        } else {
            serializer.collect_str(&self.0)
        }
    }
}

/// A run-length encoded list: each value with the number of its repetitions.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct RunLengths<T>(Vec<(T, u32)>);

impl<T: PartialEq> FromIterator<T> for RunLengths<T> {
    fn from_iter<I: IntoIterator<Item = T>>(values: I) -> Self {
        let mut runs: Vec<(T, u32)> = Vec::new();
        for value in values {
            match runs.last_mut() {
                Some((last, times)) if *last == value => *times += 1,
                _ => runs.push((value, 1)),
            }
        }
        Self(runs)
    }
}

/// Returns a mean rounded to whole bit/s.
#[must_use]
#[expect(
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    reason = "means of bit/s are far below the bounds of i64"
)]
pub fn whole(mean: f64) -> i64 {
    mean.round() as i64
}

/// Returns a count as a weight of a mean.
#[must_use]
#[expect(
    clippy::as_conversions,
    clippy::cast_precision_loss,
    reason = "counts of points are far below 2^53"
)]
pub fn weight(count: i64) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_that_a_browser_would_round_is_text() {
        let json = |number| serde_json::to_string(&Exact(number)).unwrap();
        assert_eq!(json(9_007_199_254_740_991), "9007199254740991");
        assert_eq!(json(9_007_199_254_740_992), "\"9007199254740992\"");
        assert_eq!(json(i64::MIN), "\"-9223372036854775808\"");
    }

    #[test]
    fn equal_neighbours_are_one_run() {
        let runs: RunLengths<i64> = [12, 12, 7, 12].into_iter().collect();
        assert_eq!(serde_json::to_string(&runs).unwrap(), "[[12,2],[7,1],[12,1]]");
    }
}
