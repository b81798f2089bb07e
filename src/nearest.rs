//! The name that was probably meant, for messages about unknown names.

use strsim::damerau_levenshtein;

/// Returns the one of `known` that is most like `given`, or `None` where none is close.
///
/// Close means that a third of the letters, and at least one, may differ; case does not count.
///
/// ```
/// use jdcdn_stats::nearest::nearest;
/// assert_eq!(nearest("widnow", ["window", "timeout"]), Some("window"));
/// assert_eq!(nearest("colour", ["window", "timeout"]), None);
/// ```
#[must_use]
pub fn nearest<'k>(given: &str, known: impl IntoIterator<Item = &'k str>) -> Option<&'k str> {
    let given = given.to_lowercase();
    let tolerated = (given.chars().count() / 3).max(1);
    known
        .into_iter()
        .map(|name| (damerau_levenshtein(&given, &name.to_lowercase()), name))
        .filter(|(distance, _)| *distance <= tolerated)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_closest_name_wins_and_a_far_one_is_not_offered() {
        let known = ["origin_stats", "origin_status_daily", "origin_runs"];
        assert_eq!(nearest("origin_stat", known), Some("origin_stats"));
        assert_eq!(nearest("ORIGIN_RUN", known), Some("origin_runs"));
        assert_eq!(nearest("orders", known), None);
        assert_eq!(nearest("", known), None);
    }
}
