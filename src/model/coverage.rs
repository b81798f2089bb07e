//! Coverage: the ranges of a domain that were asked for, and the age of their slots at that time.

use super::slot::UnixSeconds;
use super::span::Span;

/// A range of slots of one domain that share a history.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CoverageSpan {
    /// The range, on the grid.
    pub span: Span,
    /// The highest refresh age, in seconds, that every slot had when it was last fetched; 0 for slots younger than all
    /// refresh ages. `None`: never fetched, known to be beyond retention.
    ///
    /// It is kept in seconds and not as an index, so that it stays true when the configured ages change.
    pub age_when_fetched: Option<i64>,
    /// The API said that it no longer serves the range (status 21): it is never asked for again.
    pub beyond_retention: bool,
    /// When a part of the range was last fetched, or refused as too old.
    pub fetched_at: UnixSeconds,
}

impl CoverageSpan {
    /// Returns a range that was fetched when its slots had the refresh age `age`.
    #[must_use]
    pub const fn fetched(span: Span, age: i64, at: UnixSeconds) -> Self {
        Self {
            span,
            age_when_fetched: Some(age),
            beyond_retention: false,
            fetched_at: at,
        }
    }

    /// Returns a range that is never due again.
    #[must_use]
    pub const fn settled(span: Span, at: UnixSeconds) -> Self {
        Self::fetched(span, i64::MAX, at)
    }

    /// Returns a range that was never fetched, and is beyond retention.
    #[must_use]
    pub const fn beyond_retention(span: Span, at: UnixSeconds) -> Self {
        Self {
            span,
            age_when_fetched: None,
            beyond_retention: true,
            fetched_at: at,
        }
    }

    /// Whether no further fetch is expected to change the range, given the last refresh age.
    #[must_use]
    pub fn is_settled(&self, last_age: i64) -> bool {
        self.age_when_fetched.is_some_and(|reached| reached >= last_age)
    }

    /// Returns the state as `origin_coverage` shows it.
    #[must_use]
    pub fn state(&self, last_age: i64) -> &'static str {
        if self.is_settled(last_age) {
            "settled"
        } else if self.beyond_retention {
            "beyond_retention"
        } else {
            "provisional"
        }
    }

    /// Whether its slots have the same history as those of `other`.
    #[must_use]
    pub fn is_like(&self, other: &Self) -> bool {
        self.age_when_fetched == other.age_when_fetched && self.beyond_retention == other.beyond_retention
    }

    fn continues(&self, next: &Self) -> bool {
        self.span.end() == next.span.start() && self.is_like(next)
    }

    /// Returns the part that lies in `span`.
    #[must_use]
    pub fn cut(&self, span: Span) -> Option<Self> {
        Some(self.within(self.span.intersect(&span)?))
    }

    fn within(&self, span: Span) -> Self {
        Self { span, ..*self }
    }
}

/// Returns `existing` with everything inside the spans of `new` replaced by `new`. Neighbours of the same history are
/// merged.
///
/// Both lists are in order and do not overlap, and so is the result. This keeps the table at a few rows a domain after
/// years of 5-minute runs.
#[must_use]
pub fn splice(existing: &[CoverageSpan], new: &[CoverageSpan]) -> Vec<CoverageSpan> {
    let mut pieces = Vec::with_capacity(existing.len() + 2 * new.len());
    for old in existing {
        let mut from = old.span.start();
        for fresh in new {
            if fresh.span.end() <= from || fresh.span.start() >= old.span.end() {
                continue;
            }
            pieces.extend(Span::new(from, fresh.span.start()).map(|span| old.within(span)));
            from = fresh.span.end();
        }
        pieces.extend(Span::new(from, old.span.end()).map(|span| old.within(span)));
    }
    pieces.extend_from_slice(new);
    pieces.sort_by_key(|piece| piece.span);
    merge(&pieces)
}

/// Returns `existing` with `span` marked as beyond retention. Ranges in it that were never fetched are added.
///
/// A range that was fetched once, and could not be refreshed in time, keeps its `age_when_fetched`. Its points stay as
/// they are, and it is not asked for again.
#[must_use]
pub fn mark_beyond_retention(existing: &[CoverageSpan], span: Span, at: UnixSeconds) -> Vec<CoverageSpan> {
    let unknown = |span| CoverageSpan::beyond_retention(span, at);
    let mut marked = Vec::new();
    let mut from = span.start();
    for old in existing {
        if let Some(inside) = old.span.intersect(&span) {
            marked.extend(Span::new(from, inside.start()).map(unknown));
            marked.push(CoverageSpan {
                beyond_retention: true,
                ..old.within(inside)
            });
            from = inside.end();
        }
    }
    marked.extend(Span::new(from, span.end()).map(unknown));
    splice(existing, &marked)
}

/// Returns `existing` without the marks in `span`. Ranges that were never fetched are removed, and ranges that were
/// fetched are asked for again at their next age.
#[must_use]
pub fn reopen(existing: &[CoverageSpan], span: Span) -> Vec<CoverageSpan> {
    let mut pieces = Vec::with_capacity(existing.len() + 2);
    for old in existing {
        let Some(inside) = old.span.intersect(&span).filter(|_| old.beyond_retention) else {
            pieces.push(*old);
            continue;
        };
        pieces.extend(Span::new(old.span.start(), inside.start()).map(|outside| old.within(outside)));
        pieces.extend(old.age_when_fetched.map(|_| CoverageSpan {
            beyond_retention: false,
            ..old.within(inside)
        }));
        pieces.extend(Span::new(inside.end(), old.span.end()).map(|outside| old.within(outside)));
    }
    merge(&pieces)
}

/// Joins neighbours of the same history in an ordered list.
fn merge(pieces: &[CoverageSpan]) -> Vec<CoverageSpan> {
    let mut merged: Vec<CoverageSpan> = Vec::with_capacity(pieces.len());
    for piece in pieces {
        if let Some(last) = merged.last_mut()
            && last.continues(piece)
            && let Some(span) = Span::new(last.span.start(), piece.span.end())
        {
            *last = CoverageSpan {
                span,
                fetched_at: last.fetched_at.max(piece.fetched_at),
                ..*last
            };
        } else {
            merged.push(*piece);
        }
    }
    merged
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fetched(start: i64, end: i64, reached: i64) -> CoverageSpan {
        CoverageSpan {
            span: Span::new(start * 300, end * 300).unwrap(),
            age_when_fetched: Some(reached),
            beyond_retention: false,
            fetched_at: 0,
        }
    }

    #[test]
    fn neighbours_of_the_same_history_become_one_and_others_stay_apart() {
        let list = splice(
            &[fetched(0, 10, 86_400)],
            &[fetched(10, 12, 86_400), fetched(12, 14, 3_600)],
        );
        assert_eq!(list, [fetched(0, 12, 86_400), fetched(12, 14, 3_600)]);
    }

    #[test]
    fn a_new_range_in_the_middle_splits_the_old_one() {
        let list = splice(&[fetched(0, 10, 0)], &[fetched(4, 6, 3_600)]);
        assert_eq!(list, [fetched(0, 4, 0), fetched(4, 6, 3_600), fetched(6, 10, 0)]);
    }

    #[test]
    fn several_new_ranges_replace_exactly_what_they_span() {
        let list = splice(
            &[fetched(0, 4, 0), fetched(6, 9, 0)],
            &[fetched(1, 2, 3_600), fetched(3, 7, 3_600)],
        );
        assert_eq!(
            list,
            [
                fetched(0, 1, 0),
                fetched(1, 2, 3_600),
                fetched(2, 3, 0),
                fetched(3, 7, 3_600),
                fetched(7, 9, 0)
            ]
        );
    }

    #[test]
    fn beyond_retention_keeps_what_was_fetched_and_adds_what_was_not() {
        let list = mark_beyond_retention(&[fetched(2, 4, 0)], Span::new(0, 1800).unwrap(), 7);
        let unknown = |start, end| CoverageSpan {
            age_when_fetched: None,
            beyond_retention: true,
            fetched_at: 7,
            ..fetched(start, end, 0)
        };
        assert_eq!(
            list,
            [
                unknown(0, 2),
                CoverageSpan {
                    beyond_retention: true,
                    ..fetched(2, 4, 0)
                },
                unknown(4, 6)
            ]
        );
        assert_eq!(list[0].state(86_400), "beyond_retention");
        assert_eq!(list[1].state(0), "settled");
    }

    #[test]
    fn reopening_takes_the_marks_back_and_forgets_only_what_was_never_fetched() {
        let beyond = |start, end, age_when_fetched| CoverageSpan {
            age_when_fetched,
            beyond_retention: true,
            ..fetched(start, end, 0)
        };
        let existing = [
            beyond(0, 4, None),
            beyond(4, 8, Some(3_600)),
            fetched(8, 9, 3_600),
            beyond(12, 20, None),
        ];
        assert_eq!(
            reopen(&existing, Span::new(2 * 300, 14 * 300).unwrap()),
            [beyond(0, 2, None), fetched(4, 9, 3_600), beyond(14, 20, None)]
        );
        assert_eq!(reopen(&existing, Span::new(9 * 300, 12 * 300).unwrap()), existing);
    }

    proptest::proptest! {
        /// The oracle keeps one cell a slot, which nobody would store but anybody can check.
        #[test]
        fn splicing_equals_painting_slot_by_slot(paints in proptest::collection::vec((0_usize..40, 1_usize..20, 0_i64..3), 0..12)) {
            let mut cells = [None; 64];
            let mut list = Vec::new();
            for (start, length, reached) in paints {
                for cell in &mut cells[start..start + length] {
                    *cell = Some(reached);
                }
                let (start, end) = (i64::try_from(start).unwrap(), i64::try_from(start + length).unwrap());
                list = splice(&list, &[fetched(start, end, reached)]);
            }
            for pair in list.windows(2) {
                proptest::prop_assert!(pair[0].span.end() <= pair[1].span.start());
                proptest::prop_assert!(!pair[0].continues(&pair[1]));
            }
            for (slot, cell) in cells.iter().enumerate() {
                let ts = i64::try_from(slot).unwrap() * 300;
                let found = list.iter().find(|piece| piece.span.contains(ts)).and_then(|piece| piece.age_when_fetched);
                proptest::prop_assert_eq!(found, *cell);
            }
        }
    }
}
