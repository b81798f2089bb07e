//! Gaps: the slots of a domain that hold no point, and why.

use serde::Serialize;

use super::coverage::CoverageSpan;
use super::slot::{SLOT_SECONDS, UnixSeconds, slot_floor};
use super::span::Span;

/// Why a slot holds no point. The text form is what `origin_gaps.reason` holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum GapReason {
    /// Nobody has asked for it.
    NeverAsked,
    /// It was asked for, and the answer held no point.
    Empty,
    /// It was asked for, and the answer's point could not be taken.
    Rejected,
    /// The API no longer served it when it was asked for.
    BeyondRetention,
}

impl GapReason {
    /// All reasons.
    pub const ALL: [Self; 4] = [
        Self::NeverAsked,
        Self::Empty,
        Self::Rejected,
        Self::BeyondRetention,
    ];

    /// The text that is stored and printed.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NeverAsked => "never_asked",
            Self::Empty => "empty",
            Self::Rejected => "rejected",
            Self::BeyondRetention => "beyond_retention",
        }
    }

    /// The reason whose text form is `text`.
    #[must_use]
    pub fn from_text(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.as_str() == text)
    }
}

/// A range of slots that hold no point, on the grid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gap {
    /// The range.
    pub span: Span,
    /// Why.
    pub reason: GapReason,
}

/// Finds the gaps of one domain while its points pass by; what it holds grows with the gaps alone.
#[derive(Debug)]
pub struct GapFinder<'a> {
    /// What is left of the coverage.
    coverage: &'a [CoverageSpan],
    /// What is left of the slots whose point was rejected.
    rejected: &'a [UnixSeconds],
    /// The first slot that is not judged yet.
    next: UnixSeconds,
    end: UnixSeconds,
    found: Vec<Gap>,
}

impl<'a> GapFinder<'a> {
    /// Looks at `range`, which lies on the grid. `coverage` and `rejected`, the starts of slots of which a point
    /// was rejected, are ordered.
    #[must_use]
    pub fn new(range: Span, coverage: &'a [CoverageSpan], rejected: &'a [UnixSeconds]) -> Self {
        Self {
            coverage,
            rejected,
            next: range.start(),
            end: range.end(),
            found: Vec::new(),
        }
    }

    /// There is a point at `ts`; to be told in the order of time.
    pub fn point(&mut self, ts: UnixSeconds) {
        let slot = slot_floor(ts);
        if self.next <= slot && slot < self.end {
            self.no_point_before(slot);
            self.next = slot + SLOT_SECONDS;
        }
    }

    /// The gaps, ordered, neighbours of the same reason joined.
    #[must_use]
    pub fn finish(mut self) -> Vec<Gap> {
        self.no_point_before(self.end);
        self.found
    }

    fn no_point_before(&mut self, until: UnixSeconds) {
        while let Some(rest) = Span::new(self.next, until) {
            while let Some((past, left)) = self.coverage.split_first()
                && past.span.end() <= rest.start()
            {
                self.coverage = left;
            }
            let gap = match self.coverage.first() {
                Some(piece) => match rest.intersect(&piece.span) {
                    Some(inside) if inside.start() == rest.start() => self.asked_for(inside, piece),
                    _ => before(rest, piece.span.start(), GapReason::NeverAsked),
                },
                None => Gap {
                    span: rest,
                    reason: GapReason::NeverAsked,
                },
            };
            self.next = gap.span.end();
            add(&mut self.found, gap);
        }
    }

    /// The beginning of a covered range without points, as far as one reason holds.
    fn asked_for(&mut self, span: Span, piece: &CoverageSpan) -> Gap {
        if piece.reached.is_none() {
            return Gap {
                span,
                reason: GapReason::BeyondRetention,
            };
        }
        while let Some((past, left)) = self.rejected.split_first()
            && *past < span.start()
        {
            self.rejected = left;
        }
        match self.rejected.first() {
            Some(slot) if *slot == span.start() => Gap {
                span: Span::slot_of(*slot),
                reason: GapReason::Rejected,
            },
            Some(slot) => before(span, *slot, GapReason::Empty),
            None => Gap {
                span,
                reason: GapReason::Empty,
            },
        }
    }
}

/// The part of `span` before `until`, which is later than its start.
fn before(span: Span, until: UnixSeconds, reason: GapReason) -> Gap {
    let span = Span::new(span.start(), span.end().min(until)).unwrap_or(span);
    Gap { span, reason }
}

/// Appends a gap, joined to the one before where they meet and share the reason.
fn add(found: &mut Vec<Gap>, gap: Gap) {
    if let Some(last) = found.last_mut()
        && last.span.end() == gap.span.start()
        && last.reason == gap.reason
        && let Some(span) = Span::new(last.span.start(), gap.span.end())
    {
        last.span = span;
    } else {
        found.push(gap);
    }
}

fn joined(mut pieces: Vec<Gap>) -> Vec<Gap> {
    pieces.sort_unstable_by_key(|gap| gap.span);
    let mut gaps = Vec::with_capacity(pieces.len());
    for gap in pieces {
        add(&mut gaps, gap);
    }
    gaps
}

/// What of `range` no coverage speaks of; `coverage` is ordered.
#[must_use]
pub fn never_asked(range: Span, coverage: &[CoverageSpan]) -> Vec<Gap> {
    let mut found = Vec::new();
    let mut from = range.start();
    let edges = coverage.iter().filter_map(|piece| piece.span.intersect(&range));
    let end = Span::new(range.end(), range.end() + SLOT_SECONDS);
    for covered in edges.chain(end) {
        found.extend(Span::new(from, covered.start()).map(|span| Gap {
            span,
            reason: GapReason::NeverAsked,
        }));
        from = covered.end();
    }
    found
}

/// `known` with everything inside `window` replaced by what was `found` in it.
///
/// Who is expected to ask for a slot cannot be seen in a window: of what was never asked for, only what was
/// known as such stays.
#[must_use]
pub fn repaint(known: &[Gap], window: Span, found: &[Gap]) -> Vec<Gap> {
    let mut pieces = Vec::with_capacity(known.len() + found.len() + 1);
    for old in known {
        let outside = [
            Span::new(old.span.start(), old.span.end().min(window.start())),
            Span::new(old.span.start().max(window.end()), old.span.end()),
        ];
        let still = found
            .iter()
            .filter(|new| old.reason == GapReason::NeverAsked && new.reason == GapReason::NeverAsked)
            .filter_map(|new| new.span.intersect(&old.span));
        pieces.extend(outside.into_iter().flatten().chain(still).map(|span| Gap {
            span,
            reason: old.reason,
        }));
    }
    pieces.extend(found.iter().filter(|new| new.reason != GapReason::NeverAsked));
    joined(pieces)
}

/// `known` with what was never asked for replaced by `never_asked`, all cut to `range`.
#[must_use]
pub fn with_never_asked(known: &[Gap], never_asked: &[Gap], range: Span) -> Vec<Gap> {
    let stored = known.iter().filter(|gap| gap.reason != GapReason::NeverAsked);
    let inside = stored.chain(never_asked).filter_map(|gap| {
        let span = gap.span.intersect(&range)?;
        Some(Gap { span, ..*gap })
    });
    joined(inside.collect())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn span(start: i64, end: i64) -> Span {
        Span::new(start * SLOT_SECONDS, end * SLOT_SECONDS).unwrap()
    }

    fn covered(start: i64, end: i64, reached: Option<i64>) -> CoverageSpan {
        CoverageSpan {
            span: span(start, end),
            reached,
            beyond_retention: reached.is_none(),
            fetched_at: 0,
        }
    }

    fn gap(start: i64, end: i64, reason: GapReason) -> Gap {
        Gap {
            span: span(start, end),
            reason,
        }
    }

    fn find(range: Span, coverage: &[CoverageSpan], rejected: &[i64], points: &[i64]) -> Vec<Gap> {
        let rejected: Vec<_> = rejected.iter().map(|slot| slot * SLOT_SECONDS).collect();
        let mut finder = GapFinder::new(range, coverage, &rejected);
        for ts in points {
            finder.point(*ts);
        }
        finder.finish()
    }

    #[test]
    fn each_reason_has_its_range_and_neighbours_of_one_reason_are_one() {
        let coverage = [
            covered(2, 4, None),
            covered(4, 7, Some(0)),
            covered(7, 10, Some(3_600)),
        ];
        // Off the grid a point belongs to the slot that holds it.
        let points = [4 * 300 + 17, 8 * 300];
        assert_eq!(
            find(span(0, 12), &coverage, &[1, 4, 9], &points),
            [
                gap(0, 2, GapReason::NeverAsked),
                gap(2, 4, GapReason::BeyondRetention),
                gap(5, 8, GapReason::Empty),
                gap(9, 10, GapReason::Rejected),
                gap(10, 12, GapReason::NeverAsked),
            ]
        );
        assert_eq!(find(span(8, 9), &coverage, &[], &points), []);
    }

    #[test]
    fn what_nobody_is_expected_to_ask_for_does_not_become_a_gap_by_a_repaint() {
        let known = [gap(0, 4, GapReason::NeverAsked), gap(8, 9, GapReason::Empty)];
        let found = [gap(2, 3, GapReason::Empty), gap(3, 6, GapReason::NeverAsked)];
        assert_eq!(
            repaint(&known, span(1, 8), &found),
            [
                gap(0, 1, GapReason::NeverAsked),
                gap(2, 3, GapReason::Empty),
                gap(3, 4, GapReason::NeverAsked),
                gap(8, 9, GapReason::Empty),
            ]
        );
    }

    const CELLS: i64 = 40;

    proptest! {
        /// The oracle judges slot by slot.
        #[test]
        fn the_intervals_equal_the_rule_applied_to_every_slot(
            cover in prop::collection::vec(prop::option::of(prop::option::of(0_i64..2)), 40),
            points in prop::collection::vec(any::<bool>(), 40), rejects in prop::collection::vec(any::<bool>(), 40),
            from in 0_i64..CELLS, length in 1_i64..CELLS,
        ) {
            let coverage: Vec<_> = (0..).zip(&cover).filter_map(|(at, cell)| Some(covered(at, at + 1, (*cell)?))).collect();
            let marked = |marks: &[bool]| -> Vec<i64> { (0..).zip(marks).filter(|(_, mark)| **mark).map(|(at, _)| at).collect() };
            let times: Vec<_> = marked(&points).iter().map(|slot| slot * SLOT_SECONDS).collect();
            let range = span(from, (from + length).min(CELLS));
            let found = find(range, &coverage, &marked(&rejects), &times);
            for pair in found.windows(2) {
                prop_assert!(pair[0].span.end() < pair[1].span.start() || pair[0].reason != pair[1].reason);
            }
            for slot in 0..CELLS {
                let at = usize::try_from(slot).unwrap();
                let expected = if !range.contains(slot * SLOT_SECONDS) || points[at] {
                    None
                } else {
                    Some(match cover[at] {
                        None => GapReason::NeverAsked,
                        Some(None) => GapReason::BeyondRetention,
                        Some(Some(_)) if rejects[at] => GapReason::Rejected,
                        Some(Some(_)) => GapReason::Empty,
                    })
                };
                let told = found.iter().find(|gap| gap.span.contains(slot * SLOT_SECONDS)).map(|gap| gap.reason);
                prop_assert_eq!(told, expected, "slot {}", slot);
            }
            let never: Vec<_> = found.iter().copied().filter(|gap| gap.reason == GapReason::NeverAsked).collect();
            let uncovered = never_asked(range, &coverage);
            for slot in 0..CELLS {
                let at = usize::try_from(slot).unwrap();
                let told = uncovered.iter().any(|gap| gap.span.contains(slot * SLOT_SECONDS));
                prop_assert_eq!(told, range.contains(slot * SLOT_SECONDS) && cover[at].is_none());
            }
            prop_assert!(never.iter().all(|gap| uncovered.iter().any(|all| all.span.intersect(&gap.span) == Some(gap.span))));
        }
    }
}
