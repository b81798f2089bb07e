//! The one rule for when a slot is due.
//!
//! Values change after they first appear (sibling vendors: "mostly stable after 12 hours"). So a slot is asked for
//! when it becomes available, and once more at each refresh age. A slot `s` is due
//!
//! 1. if it was never fetched, or
//! 2. if there is an age `a` with `age_when_fetched < a <= now - s`.
//!
//! But it is never due while it is younger than `available_after`, and never again if it is known to be beyond the
//! API's retention. A slot that was fetched at the last age is settled.

use crate::model::refresh::aged_until;
use crate::model::{CoverageSpan, Refresh, Span, UnixSeconds};

/// Returns the due parts of `range`, ordered, apart and on the grid. `coverage` is one domain's, ordered.
///
/// With `force`, all available slots are due.
#[must_use]
pub fn due(
    range: Span,
    coverage: &[CoverageSpan],
    now: UnixSeconds,
    refresh: &Refresh,
    force: bool,
) -> Vec<Span> {
    let range = range.to_grid();
    let Some(available) = Span::new(range.start(), range.end().min(refresh.horizon(now))) else {
        return Vec::new();
    };
    if force {
        return vec![available];
    }
    let mut found = Vec::new();
    let mut from = available.start();
    for piece in coverage {
        let Some(inside) = piece.span.intersect(&available) else {
            continue;
        };
        push(&mut found, Span::new(from, inside.start()));
        push(&mut found, again(inside, piece, now, refresh));
        from = inside.end();
    }
    push(&mut found, Span::new(from, available.end()));
    found
}

/// Returns the part of a covered range that is due for a refresh.
fn again(inside: Span, piece: &CoverageSpan, now: UnixSeconds, refresh: &Refresh) -> Option<Span> {
    if piece.beyond_retention {
        return None;
    }
    let age = refresh.next_age(piece.age_when_fetched?)?;
    Span::new(inside.start(), inside.end().min(aged_until(now, age)))
}

/// Appends `span`, joined to the one before where they meet.
fn push(found: &mut Vec<Span>, span: Option<Span>) {
    let Some(span) = span else { return };
    if let Some(last) = found.last_mut()
        && last.end() == span.start()
        && let Some(joined) = Span::new(last.start(), span.end())
    {
        *last = joined;
    } else {
        found.push(span);
    }
}

/// Returns the coverage of an answered `window`: its slots by the highest refresh age that they had at `asked_at`,
/// oldest first. Slots that were not available at that time are left out.
///
/// `asked_at` is the time of the request and not of the answer. The later time would claim an age that the figures
/// may not have had.
#[must_use]
pub fn covered_by(window: Span, asked_at: UnixSeconds, refresh: &Refresh) -> Vec<CoverageSpan> {
    let mut covered = Vec::with_capacity(refresh.ages.len() + 1);
    let mut from = window.start();
    let mut add = |until: UnixSeconds, age: i64| {
        if let Some(span) = Span::new(from, until.min(window.end())) {
            from = span.end();
            covered.push(CoverageSpan::fetched(span, age, asked_at));
        }
    };
    let horizon = refresh.horizon(asked_at);
    for &age in refresh.ages.iter().rev() {
        add(aged_until(asked_at, age).min(horizon), age);
    }
    add(horizon, 0);
    covered
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::coverage::{mark_beyond_retention, splice};

    const NOW: UnixSeconds = 1_780_000_000 - 1_780_000_000 % 300;

    fn refresh() -> Refresh {
        Refresh {
            available_after: 600,
            ages: vec![3_600, 86_400],
        }
    }

    fn span(start: i64, end: i64) -> Span {
        Span::new(start, end).unwrap()
    }

    #[test]
    fn slots_younger_than_available_after_are_not_due() {
        assert_eq!(
            due(span(NOW - 1200, NOW), &[], NOW, &refresh(), false),
            [span(NOW - 1200, NOW - 300)]
        );
        assert_eq!(due(span(NOW - 300, NOW), &[], NOW, &refresh(), false), []);
        assert_eq!(due(span(NOW - 300, NOW + 900), &[], NOW, &refresh(), true), []);
    }

    #[test]
    fn a_slot_costs_one_fetch_and_one_more_for_each_age_however_often_it_is_looked_at() {
        let slot = Span::slot_of(NOW);
        let (mut coverage, mut fetches) = (Vec::new(), Vec::new());
        for minute in 0..3 * 1440 {
            let now = NOW + minute * 60;
            for window in due(slot, &coverage, now, &refresh(), false) {
                fetches.push(minute);
                coverage = splice(&coverage, &covered_by(window, now, &refresh()));
            }
        }
        assert_eq!(fetches, [10, 60, 1440]);
    }

    #[test]
    fn after_a_long_pause_the_ages_in_between_are_not_asked_for_one_by_one() {
        let window = span(NOW - 10 * 86_400, NOW - 9 * 86_400);
        let coverage = covered_by(window, NOW, &refresh());
        assert_eq!(coverage.len(), 1);
        assert!(coverage[0].is_settled(refresh().last_age()));
        assert_eq!(due(window, &coverage, NOW, &refresh(), false), []);
        assert_eq!(due(window, &coverage, NOW, &refresh(), true), [window]);
    }

    #[test]
    fn a_new_age_makes_old_slots_due_once_more_and_a_removed_one_does_not() {
        let window = span(NOW - 10 * 86_400, NOW - 9 * 86_400);
        let coverage = covered_by(window, NOW, &refresh());
        let longer = Refresh {
            ages: vec![3_600, 86_400, 3 * 86_400],
            ..refresh()
        };
        assert_eq!(due(window, &coverage, NOW, &longer, false), [window]);
        let shorter = Refresh {
            ages: vec![3_600],
            ..refresh()
        };
        assert_eq!(due(window, &coverage, NOW, &shorter, false), []);
        let once = Refresh {
            ages: vec![],
            ..refresh()
        };
        assert_eq!(due(window, &coverage, NOW, &once, false), []);
    }

    #[test]
    fn beyond_retention_is_never_due_again_unless_forced() {
        let window = span(NOW - 40 * 86_400, NOW - 39 * 86_400);
        let coverage = mark_beyond_retention(&[], window, NOW);
        assert_eq!(due(window, &coverage, NOW, &refresh(), false), []);
        let wider = span(window.start(), window.end() + 300);
        assert_eq!(
            due(wider, &coverage, NOW, &refresh(), false),
            [span(window.end(), window.end() + 300)]
        );
        assert_eq!(due(window, &coverage, NOW, &refresh(), true), [window]);
    }

    #[test]
    fn coverage_claims_only_slots_that_were_available_when_asked() {
        let covered = covered_by(span(NOW - 1200, NOW + 86_400), NOW, &refresh());
        assert_eq!(covered.last().unwrap().span.end(), NOW - 300);
        assert_eq!(covered_by(span(NOW, NOW + 300), NOW, &refresh()), []);
    }

    proptest::proptest! {
        /// The rule of the module's head, slot by slot, against the interval form.
        #[test]
        fn the_intervals_equal_the_rule_applied_to_every_slot(
            fetches in proptest::collection::vec((0_i64..600, 1_i64..200, 0_i64..900), 0..6),
            now_slot in 300_i64..900, offset in 0_i64..300,
            ages in proptest::collection::btree_set(1_i64..500, 0..4),
            available in 0_i64..10, from in 0_i64..400, length in 1_i64..400,
        ) {
            let refresh = Refresh { available_after: available * 300, ages: ages.iter().map(|age| age * 300).collect() };
            let mut coverage = Vec::new();
            let mut reached = std::collections::BTreeMap::new();
            let mut moments: Vec<_> = fetches;
            moments.sort_by_key(|fetch| fetch.2);
            for (start, length, at) in moments {
                let window = span(start * 300, (start + length) * 300);
                coverage = splice(&coverage, &covered_by(window, at * 300, &refresh));
                for slot in start..start + length {
                    let age = (at - slot) * 300;
                    if age >= refresh.available_after {
                        reached.insert(slot, refresh.ages.iter().copied().filter(|a| *a <= age).max().unwrap_or(0));
                    }
                }
            }
            let now = now_slot * 300 + offset;
            let range = span(from * 300, (from + length) * 300);
            let found = due(range, &coverage, now, &refresh, false);
            for pair in found.windows(2) {
                proptest::prop_assert!(pair[0].end() < pair[1].start());
            }
            for slot in from - 5..from + length + 5 {
                let ts = slot * 300;
                let age = now - ts;
                let expected = range.contains(ts) && age >= refresh.available_after
                    && reached.get(&slot).is_none_or(|reached| refresh.ages.iter().any(|a| reached < a && *a <= age));
                proptest::prop_assert_eq!(found.iter().any(|span| span.contains(ts)), expected, "slot {}", slot);
            }
        }
    }
}
