//! Gaps: the slots of a domain without a point, and the reason.

use serde::Serialize;

use super::coverage::CoverageSpan;
use super::slot::{SLOT_SECONDS, UnixSeconds, slot_floor};
use super::span::Span;

/// Why a slot has no point. `origin_gaps.reason` holds the text form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum GapReason {
    /// It was never asked for.
    NeverAsked,
    /// It was asked for, and no usable answer came.
    Failed,
    /// It was asked for, and the answer held no point.
    Empty,
    /// It was asked for, and the answer's point could not be taken.
    Rejected,
    /// The API no longer served it when it was asked for.
    BeyondRetention,
}

impl GapReason {
    /// All reasons.
    pub const ALL: [Self; 5] = [
        Self::NeverAsked,
        Self::Failed,
        Self::Empty,
        Self::Rejected,
        Self::BeyondRetention,
    ];

    /// Returns the text that is stored and printed.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NeverAsked => "never_asked",
            Self::Failed => "failed",
            Self::Empty => "empty",
            Self::Rejected => "rejected",
            Self::BeyondRetention => "beyond_retention",
        }
    }

    /// Returns the reason whose text form is `text`.
    #[must_use]
    pub fn from_text(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.as_str() == text)
    }
}

/// The size of the request that left a hole. It shows later whether another request is different.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shape {
    /// How many domains it asked for.
    pub domains: u32,
    /// How many slots it asked for.
    pub slots: u32,
}

impl Shape {
    /// Returns the shape of two neighbouring holes that become one: the fewest domains and the most slots, so that a
    /// request counts as different only if it has fewer domains or more slots than both.
    #[must_use]
    pub fn joined(self, other: Self) -> Self {
        Self {
            domains: self.domains.min(other.domains),
            slots: self.slots.max(other.slots),
        }
    }
}

/// A range of slots without a point, on the grid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gap {
    /// The range.
    pub span: Span,
    /// Why.
    pub reason: GapReason,
    /// Whether two answers to different requests agree. Only for [`GapReason::Empty`].
    pub confirmed: bool,
    /// The request that left it. `None` for confirmed gaps, for other reasons, and if it is not known.
    pub shape: Option<Shape>,
}

impl Gap {
    /// Returns a gap of which nothing else is known.
    #[must_use]
    pub const fn new(span: Span, reason: GapReason) -> Self {
        Self {
            span,
            reason,
            confirmed: false,
            shape: None,
        }
    }

    /// Returns a hole that two answers agree on.
    #[must_use]
    pub const fn confirmed(span: Span) -> Self {
        Self {
            confirmed: true,
            ..Self::new(span, GapReason::Empty)
        }
    }

    /// Returns a hole that one answer left.
    #[must_use]
    pub const fn empty(span: Span, shape: Option<Shape>) -> Self {
        Self {
            shape,
            ..Self::new(span, GapReason::Empty)
        }
    }

    pub(super) const fn within(&self, span: Span) -> Self {
        Self { span, ..*self }
    }

    pub(super) fn cut(&self, range: Span) -> Option<Self> {
        Some(self.within(self.span.intersect(&range)?))
    }

    pub(super) const fn is_open(&self) -> bool {
        matches!(self.reason, GapReason::Empty) && !self.confirmed
    }

    /// Whether both are one gap if they meet.
    #[must_use]
    pub fn is_like(&self, next: &Self) -> bool {
        self.reason == next.reason && self.confirmed == next.confirmed
    }
}

/// Finds the slots of one domain without a point, from its points in order of time. Its memory grows only with the
/// gaps.
///
/// The reason follows from the coverage: never asked, beyond retention, or else empty.
/// [`explained`](super::gap_rules::explained) adds the other reasons.
#[derive(Debug)]
pub struct GapFinder<'a> {
    /// The rest of the coverage.
    coverage: &'a [CoverageSpan],
    /// The first slot that is not judged yet.
    next: UnixSeconds,
    end: UnixSeconds,
    found: Vec<Gap>,
}

impl<'a> GapFinder<'a> {
    /// Starts at the beginning of `range`, which lies on the grid. `coverage` is in order.
    #[must_use]
    pub fn new(range: Span, coverage: &'a [CoverageSpan]) -> Self {
        Self {
            coverage,
            next: range.start(),
            end: range.end(),
            found: Vec::new(),
        }
    }

    /// Notes a point at `ts`. Points come in order of time.
    pub fn point(&mut self, ts: UnixSeconds) {
        let slot = slot_floor(ts);
        if self.next <= slot && slot < self.end {
            self.no_point_before(slot);
            self.next = slot + SLOT_SECONDS;
        }
    }

    /// Returns the gaps, ordered, neighbours of the same reason joined.
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
            let (end, reason) = match self.coverage.first() {
                Some(piece) if piece.span.start() > rest.start() => {
                    (piece.span.start(), GapReason::NeverAsked)
                }
                Some(piece) if piece.age_when_fetched.is_none() => {
                    (piece.span.end(), GapReason::BeyondRetention)
                }
                Some(piece) => (piece.span.end(), GapReason::Empty),
                None => (until, GapReason::NeverAsked),
            };
            let span = Span::new(rest.start(), end.min(until)).unwrap_or(rest);
            add(&mut self.found, Gap::new(span, reason));
            self.next = span.end();
        }
    }
}

/// Appends a gap, joined to the one before where they meet and are alike.
pub(super) fn add(found: &mut Vec<Gap>, gap: Gap) {
    if let Some(last) = found.last_mut()
        && last.span.end() == gap.span.start()
        && last.is_like(&gap)
        && let Some(span) = Span::new(last.span.start(), gap.span.end())
    {
        last.span = span;
        last.shape = last.shape.zip(gap.shape).map(|(one, other)| one.joined(other));
    } else {
        found.push(gap);
    }
}

/// Returns the pieces in order, joined where they meet and are alike.
pub(super) fn joined(mut pieces: Vec<Gap>) -> Vec<Gap> {
    pieces.sort_unstable_by_key(|gap| gap.span);
    let mut gaps = Vec::with_capacity(pieces.len());
    for gap in pieces {
        add(&mut gaps, gap);
    }
    gaps
}

/// Returns the parts of `range` without coverage. `coverage` is in order.
#[must_use]
pub fn never_asked(range: Span, coverage: &[CoverageSpan]) -> Vec<Gap> {
    let mut found = Vec::new();
    let mut from = range.start();
    let edges = coverage.iter().filter_map(|piece| piece.span.intersect(&range));
    let end = Span::new(range.end(), range.end() + SLOT_SECONDS);
    for covered in edges.chain(end) {
        let uncovered = Span::new(from, covered.start());
        found.extend(uncovered.map(|span| Gap::new(span, GapReason::NeverAsked)));
        from = covered.end();
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn span(start: i64, end: i64) -> Span {
        Span::new(start * SLOT_SECONDS, end * SLOT_SECONDS).unwrap()
    }

    #[test]
    fn every_reason_is_read_back_from_its_text() {
        for reason in GapReason::ALL {
            assert_eq!(GapReason::from_text(reason.as_str()), Some(reason));
        }
        assert_eq!(GapReason::from_text("other"), None);
    }

    #[test]
    fn points_and_coverage_alone_tell_three_reasons() {
        let covered = |start, end, reached: Option<i64>| CoverageSpan {
            span: span(start, end),
            age_when_fetched: reached,
            beyond_retention: reached.is_none(),
            fetched_at: 0,
        };
        let coverage = [covered(2, 4, None), covered(4, 7, Some(0))];
        let mut finder = GapFinder::new(span(0, 9), &coverage);
        // Off the grid a point belongs to the slot that holds it.
        finder.point(4 * SLOT_SECONDS + 17);
        let gap = |start, end, reason| Gap::new(span(start, end), reason);
        assert_eq!(
            finder.finish(),
            [
                gap(0, 2, GapReason::NeverAsked),
                gap(2, 4, GapReason::BeyondRetention),
                gap(5, 7, GapReason::Empty),
                gap(7, 9, GapReason::NeverAsked),
            ]
        );
    }
}
