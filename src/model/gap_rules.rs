//! The rules of gaps: which reason wins, which holes are confirmed, what becomes one row.

use super::gaps::{Gap, GapReason, Shape, add, joined};
use super::slot::UnixSeconds;
use super::span::Span;

/// The longest confirmed run, in slots, that becomes part of an unconfirmed neighbour.
///
/// Holes come in bursts. Without this, each slot that was confirmed at another time would be a row of its own.
pub const ABSORBED_SLOTS: i64 = 12;

/// Returns `found` with the reasons of `marks`, which do not follow from points and coverage. Both are in order and do
/// not overlap.
///
/// A mark counts only where it fits: `failed` for slots that were never asked for, `rejected` and `empty` for slots
/// that were asked for and are empty.
#[must_use]
pub fn explained(found: &[Gap], mut marks: &[Gap]) -> Vec<Gap> {
    let fits = |gap: &Gap, mark: &Gap| match mark.reason {
        GapReason::Failed => gap.reason == GapReason::NeverAsked,
        GapReason::Rejected | GapReason::Empty => gap.reason == GapReason::Empty,
        GapReason::NeverAsked | GapReason::BeyondRetention => false,
    };
    let mut explained = Vec::with_capacity(found.len());
    for gap in found {
        while let Some((past, left)) = marks.split_first()
            && past.span.end() <= gap.span.start()
        {
            marks = left;
        }
        let mut from = gap.span.start();
        for mark in marks.iter().take_while(|mark| mark.span.start() < gap.span.end()) {
            if let Some(marked) = mark.cut(gap.span).filter(|_| fits(gap, mark)) {
                let before = Span::new(from, marked.span.start());
                explained.extend(before.map(|before| gap.within(before)));
                from = marked.span.end();
                explained.push(marked);
            }
        }
        explained.extend(Span::new(from, gap.span.end()).map(|rest| gap.within(rest)));
    }
    joined(explained)
}

/// The evidence of a commit about the slots of its window that have no point.
#[derive(Debug, Clone, Copy)]
pub enum WindowAnswer<'a> {
    /// The window was answered for.
    Fetched {
        /// Starts of slots whose point could not be taken.
        rejected: &'a [UnixSeconds],
        /// Holes that two answers agree on.
        confirmed: &'a [Span],
        /// The request that left the other holes.
        shape: Option<Shape>,
    },
    /// No usable answer came.
    Failed,
    /// None: the known reasons stay, as far as they still fit.
    Nothing,
}

/// Returns the slots without a point that were `found` in `window`, with their reasons by the evidence of a commit and
/// by what is `known`, the gaps of before.
#[must_use]
pub fn judged(found: &[Gap], known: &[Gap], window: Span, evidence: &WindowAnswer<'_>) -> Vec<Gap> {
    match *evidence {
        WindowAnswer::Fetched {
            rejected: starts,
            confirmed,
            shape,
        } => {
            // One more answer without a point does not withdraw what two answers agree on.
            let agreed: Vec<_> = known.iter().filter(|gap| gap.confirmed).copied().collect();
            let found = explained(found, &[Gap::empty(window, shape)]);
            let found = explained(&found, &agreed);
            let found = explained(&found, &agreed_on(confirmed));
            explained(&found, &rejected(starts))
        }
        WindowAnswer::Failed => {
            let found = explained(found, known);
            explained(&found, &[Gap::new(window, GapReason::Failed)])
        }
        WindowAnswer::Nothing => explained(found, known),
    }
}

/// Spans in any order, as confirmed gaps.
fn agreed_on(spans: &[Span]) -> Vec<Gap> {
    let mut spans = spans.to_vec();
    spans.sort_unstable();
    let mut gaps: Vec<Gap> = Vec::with_capacity(spans.len());
    for span in spans {
        let from = gaps
            .last()
            .map_or(span.start(), |last| last.span.end().max(span.start()));
        gaps.extend(Span::new(from, span.end()).map(Gap::confirmed));
    }
    joined(gaps)
}

/// Returns the slots that begin at `starts`, as gaps of a rejected point.
#[must_use]
pub fn rejected(starts: &[UnixSeconds]) -> Vec<Gap> {
    let slot = |start: &UnixSeconds| Gap::new(Span::slot_of(*start), GapReason::Rejected);
    let mut slots: Vec<_> = starts.iter().map(slot).collect();
    slots.sort_unstable_by_key(|gap| gap.span);
    slots.dedup();
    joined(slots)
}

/// Returns `gaps`, with each short confirmed run made a part of the unconfirmed neighbour that it touches. It is
/// asked for once more with that neighbour, and a run of holes stays one row.
fn absorbed(gaps: &[Gap]) -> Vec<Gap> {
    let open_at = |at: Option<usize>, touches: &dyn Fn(&Gap) -> bool| {
        at.and_then(|at| gaps.get(at))
            .filter(|gap| gap.is_open() && touches(gap))
            .map(|gap| gap.shape)
    };
    let mut pieces = Vec::with_capacity(gaps.len());
    for (at, gap) in gaps.iter().enumerate() {
        let mut piece = *gap;
        if gap.confirmed && gap.span.slots() <= ABSORBED_SLOTS {
            let before = open_at(at.checked_sub(1), &|other| other.span.end() == gap.span.start());
            let after = open_at(Some(at + 1), &|other| other.span.start() == gap.span.end());
            if let Some(shape) = before.or(after) {
                piece = Gap::empty(gap.span, shape);
            }
        }
        add(&mut pieces, piece);
    }
    pieces
}

/// Returns `known` with everything inside `window` replaced by `found`. `known` holds every gap that overlaps or
/// touches the window, and every gap that touches one of those.
///
/// A window does not show which slots should have been asked for. So a `never_asked` slot stays only if it was known
/// before.
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
        pieces.extend(
            outside
                .into_iter()
                .flatten()
                .chain(still)
                .map(|span| old.within(span)),
        );
    }
    pieces.extend(found.iter().filter(|new| new.reason != GapReason::NeverAsked));
    absorbed(&joined(pieces))
}

/// Returns `known` with the slots outside of all coverage replaced by `never_asked`, cut to `range`. Slots that are
/// known as failed stay failed.
#[must_use]
pub fn with_never_asked(known: &[Gap], never_asked: &[Gap], range: Span) -> Vec<Gap> {
    let uncovered = explained(never_asked, known);
    let stored = known
        .iter()
        .filter(|gap| !matches!(gap.reason, GapReason::NeverAsked | GapReason::Failed));
    let inside = stored.chain(&uncovered).filter_map(|gap| gap.cut(range));
    joined(inside.collect())
}

/// Returns how many slots of `uncovered` no gap of `listed` holds. Both are slots outside of all coverage, in order; the
/// gaps of each list do not overlap.
#[must_use]
pub fn unlisted_slots(uncovered: &[Gap], listed: &[Span]) -> i64 {
    let slots = |gap: &Gap| {
        let held = listed.iter().filter_map(|span| span.intersect(&gap.span));
        gap.span.slots() - held.map(|span| span.slots()).sum::<i64>()
    };
    uncovered.iter().map(slots).sum()
}

#[cfg(test)]
mod tests;
