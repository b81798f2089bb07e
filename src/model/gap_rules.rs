//! The rules of gaps: which reason wins, which holes are confirmed, what becomes one row.

use super::gaps::{Gap, GapReason, Shape, add, joined};
use super::slot::UnixSeconds;
use super::span::Span;

/// The longest confirmed run of slots, in slots, that becomes part of a run beside it that is not confirmed.
/// Holes come in bursts: without this, each slot that was confirmed at another time would be a row of its own.
pub const ABSORBED_SLOTS: i64 = 12;

/// `found` with the reasons that points and coverage do not tell, from `marks`; both are ordered and without overlap.
///
/// A mark speaks only where it fits: `failed` of what was never asked for, `rejected` and `empty` of what was asked
/// for and is empty.
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

/// What a commit says of the slots of a window that hold no point.
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
    /// Nothing: what is known of a slot stays, as far as it still fits.
    Nothing,
}

/// The slots without a point that were `found` in `window`, with their reasons by the evidence of a commit and by
/// what is `known`, the gaps of before.
#[must_use]
pub fn judged(found: &[Gap], known: &[Gap], window: Span, evidence: &WindowAnswer<'_>) -> Vec<Gap> {
    match *evidence {
        WindowAnswer::Fetched {
            rejected: starts,
            confirmed,
            shape,
        } => {
            // Another answer without a point takes nothing back of what two have agreed on.
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

/// The slots that begin at `starts`, as gaps of a rejected point.
#[must_use]
pub fn rejected(starts: &[UnixSeconds]) -> Vec<Gap> {
    let slot = |start: &UnixSeconds| Gap::new(Span::slot_of(*start), GapReason::Rejected);
    let mut slots: Vec<_> = starts.iter().map(slot).collect();
    slots.sort_unstable_by_key(|gap| gap.span);
    slots.dedup();
    joined(slots)
}

/// `gaps`, ordered and joined, with each short confirmed run that touches one that is not confirmed made a part of
/// it. It is asked for once more with its neighbour, and a run of holes stays one row.
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

/// `known` with everything inside `window` replaced by what was `found` in it. `known` holds every gap that overlaps
/// or touches the window, and every gap that touches one of those.
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

/// `known` with what no coverage speaks of replaced by `never_asked`, all cut to `range`. What is known to have
/// failed of that stays so.
#[must_use]
pub fn with_never_asked(known: &[Gap], never_asked: &[Gap], range: Span) -> Vec<Gap> {
    let uncovered = explained(never_asked, known);
    let stored = known
        .iter()
        .filter(|gap| !matches!(gap.reason, GapReason::NeverAsked | GapReason::Failed));
    let inside = stored.chain(&uncovered).filter_map(|gap| gap.cut(range));
    joined(inside.collect())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::coverage::CoverageSpan;
    use super::super::gaps::{GapFinder, never_asked};
    use super::super::slot::SLOT_SECONDS;
    use super::*;

    fn span(start: i64, end: i64) -> Span {
        Span::new(start * SLOT_SECONDS, end * SLOT_SECONDS).unwrap()
    }

    fn covered(start: i64, end: i64, reached: Option<i64>) -> CoverageSpan {
        CoverageSpan {
            span: span(start, end),
            age_when_fetched: reached,
            beyond_retention: reached.is_none(),
            fetched_at: 0,
        }
    }

    fn gap(start: i64, end: i64, reason: GapReason) -> Gap {
        Gap::new(span(start, end), reason)
    }

    fn open(start: i64, end: i64, domains: u32, slots: u32) -> Gap {
        Gap::empty(span(start, end), Some(Shape { domains, slots }))
    }

    fn confirmed(start: i64, end: i64) -> Gap {
        Gap::confirmed(span(start, end))
    }

    fn find(range: Span, coverage: &[CoverageSpan], points: &[i64]) -> Vec<Gap> {
        let mut finder = GapFinder::new(range, coverage);
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
        let found = find(span(0, 12), &coverage, &points);
        // What was rejected speaks only of what is empty, and what failed only of what was never asked for.
        let marks = [
            gap(0, 1, GapReason::Failed),
            gap(1, 5, GapReason::Rejected),
            gap(9, 10, GapReason::Rejected),
            gap(10, 99, GapReason::Failed),
        ];
        assert_eq!(
            explained(&found, &marks),
            [
                gap(0, 1, GapReason::Failed),
                gap(1, 2, GapReason::NeverAsked),
                gap(2, 4, GapReason::BeyondRetention),
                gap(5, 8, GapReason::Empty),
                gap(9, 10, GapReason::Rejected),
                gap(10, 12, GapReason::Failed),
            ]
        );
        assert_eq!(find(span(8, 9), &coverage, &points), []);
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

    #[test]
    fn open_holes_that_meet_keep_the_fewest_domains_and_the_most_slots_or_nothing() {
        let repaint = |known: &[Gap], found: Gap| repaint(known, found.span, &[found]);
        let known = [open(0, 4, 20, 288)];
        assert_eq!(repaint(&known, open(4, 6, 1, 12)), [open(0, 6, 1, 288)]);
        let unknown = Gap::empty(span(4, 6), None);
        assert_eq!(repaint(&known, unknown), [Gap::empty(span(0, 6), None)]);
        assert_eq!(
            repaint(&known, gap(4, 6, GapReason::Rejected)),
            [known[0], gap(4, 6, GapReason::Rejected)]
        );
    }

    #[test]
    fn a_short_confirmed_run_becomes_part_of_an_open_one_that_it_touches_and_a_long_one_does_not() {
        let found = [open(12, 14, 2, 9)];
        let window = span(12, 14);
        assert_eq!(
            repaint(&[confirmed(0, 12)], window, &found),
            [open(0, 14, 2, 9)],
            "12 slots"
        );
        assert_eq!(
            repaint(&[confirmed(-1, 12)], window, &found),
            [confirmed(-1, 12), found[0]],
            "13 slots"
        );
        // Alone, or beside another reason, it stays; between two open ones it joins them.
        let rejected = gap(14, 15, GapReason::Rejected);
        assert_eq!(
            repaint(&[rejected], span(12, 14), &[confirmed(12, 14)]),
            [confirmed(12, 14), rejected]
        );
        let known = [open(0, 12, 3, 20), open(14, 16, 2, 30)];
        assert_eq!(
            repaint(&known, window, &[confirmed(12, 14)]),
            [open(0, 16, 2, 30)]
        );
        // Cut short by points, a long one is short, and its neighbour lies beyond what touches the window.
        let known = [open(0, 4, 1, 1), confirmed(4, 30)];
        assert_eq!(repaint(&known, span(6, 30), &[]), [open(0, 6, 1, 1)]);
    }

    #[test]
    fn what_failed_stays_failed_where_only_the_coverage_is_looked_at() {
        let known = [
            gap(0, 2, GapReason::Failed),
            gap(2, 3, GapReason::NeverAsked),
            confirmed(4, 5),
        ];
        let never = [gap(1, 4, GapReason::NeverAsked)];
        assert_eq!(
            with_never_asked(&known, &never, span(1, 9)),
            [
                gap(1, 2, GapReason::Failed),
                gap(2, 4, GapReason::NeverAsked),
                confirmed(4, 5)
            ]
        );
    }

    const CELLS: i64 = 40;

    type SlotState = Option<(GapReason, bool, Option<Shape>)>;

    fn cell(gaps: &[Gap], slot: i64) -> SlotState {
        let found = gaps.iter().find(|gap| gap.span.contains(slot * SLOT_SECONDS));
        found.map(|gap| (gap.reason, gap.confirmed, gap.shape))
    }

    /// Maximal runs of cells that are alike, as ranges.
    fn runs(cells: &[SlotState]) -> Vec<std::ops::Range<usize>> {
        let like = |cell: &SlotState| cell.map(|(reason, confirmed, _)| (reason, confirmed));
        let mut runs = Vec::new();
        let mut from = 0;
        for at in 1..=cells.len() {
            if at == cells.len() || like(&cells[at]) != like(&cells[from]) {
                runs.push(from..at);
                from = at;
            }
        }
        runs
    }

    fn is_open(cell: &SlotState) -> bool {
        matches!(cell, Some((GapReason::Empty, false, _)))
    }

    /// The rules for rows, applied to one cell a slot.
    fn settle(cells: &mut [SlotState]) {
        for run in runs(cells) {
            let short = run.len() <= usize::try_from(ABSORBED_SLOTS).unwrap();
            let beside = [
                run.start.checked_sub(1),
                Some(run.end).filter(|end| *end < cells.len()),
            ];
            if short
                && matches!(cells[run.start], Some((_, true, _)))
                && let Some(at) = beside.into_iter().flatten().find(|at| is_open(&cells[*at]))
            {
                let shape = cells[at].unwrap().2;
                cells[run].fill(Some((GapReason::Empty, false, shape)));
            }
        }
        for run in runs(cells) {
            if is_open(&cells[run.start]) {
                let shapes = cells[run.clone()].iter().map(|cell| cell.unwrap().2);
                let shape = shapes
                    .reduce(|one, other| one.zip(other).map(|(one, other)| one.joined(other)))
                    .flatten();
                cells[run].fill(Some((GapReason::Empty, false, shape)));
            }
        }
    }

    /// The gaps that the store reads for a window: those that touch it, and those that touch these.
    fn near(gaps: &[Gap], window: Span) -> Vec<Gap> {
        let touching = |span: Span| -> Vec<Gap> {
            let touches = |gap: &&Gap| gap.span.start() <= span.end() && gap.span.end() >= span.start();
            gaps.iter().filter(touches).copied().collect()
        };
        let first = touching(window);
        let start = first
            .first()
            .map_or(window.start(), |gap| gap.span.start().min(window.start()));
        let end = first
            .last()
            .map_or(window.end(), |gap| gap.span.end().max(window.end()));
        touching(Span::new(start, end).unwrap())
    }

    fn kinds() -> impl Strategy<Value = SlotState> {
        let shape = prop::option::of((1_u32..4, 1_u32..4))
            .prop_map(|shape| shape.map(|(domains, slots)| Shape { domains, slots }));
        prop_oneof![
            3 => Just(None),
            3 => shape.prop_map(|shape| Some((GapReason::Empty, false, shape))),
            4 => Just(Some((GapReason::Empty, true, None))),
            1 => Just(Some((GapReason::Rejected, false, None))),
            1 => Just(Some((GapReason::Failed, false, None))),
            1 => Just(Some((GapReason::NeverAsked, false, None))),
            1 => Just(Some((GapReason::BeyondRetention, false, None))),
        ]
    }

    proptest! {
        /// The oracle judges slot by slot.
        #[test]
        fn the_intervals_equal_the_rule_applied_to_every_slot(
            cover in prop::collection::vec(prop::option::of(prop::option::of(0_i64..2)), 40),
            points in prop::collection::vec(any::<bool>(), 40), rejects in prop::collection::vec(any::<bool>(), 40),
            failed in prop::collection::vec(any::<bool>(), 40),
            from in 0_i64..CELLS, length in 1_i64..CELLS,
        ) {
            let coverage: Vec<_> = (0..).zip(&cover).filter_map(|(at, cell)| Some(covered(at, at + 1, (*cell)?))).collect();
            let marked = |marks: &[bool]| -> Vec<i64> { (0..).zip(marks).filter(|(_, mark)| **mark).map(|(at, _)| at * SLOT_SECONDS).collect() };
            let range = span(from, (from + length).min(CELLS));
            let found = find(range, &coverage, &marked(&points));
            let failures: Vec<_> = marked(&failed).iter().map(|slot| Gap::new(Span::slot_of(*slot), GapReason::Failed)).collect();
            let found = explained(&explained(&found, &rejected(&marked(&rejects))), &failures);
            for pair in found.windows(2) {
                prop_assert!(pair[0].span.end() < pair[1].span.start() || pair[0].reason != pair[1].reason);
            }
            for slot in 0..CELLS {
                let at = usize::try_from(slot).unwrap();
                let expected = if !range.contains(slot * SLOT_SECONDS) || points[at] {
                    None
                } else {
                    Some(match cover[at] {
                        None if failed[at] => GapReason::Failed,
                        None => GapReason::NeverAsked,
                        Some(None) => GapReason::BeyondRetention,
                        Some(Some(_)) if rejects[at] => GapReason::Rejected,
                        Some(Some(_)) => GapReason::Empty,
                    })
                };
                prop_assert_eq!(cell(&found, slot).map(|cell| cell.0), expected, "slot {}", slot);
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

        /// Whatever is painted over what, the rows equal the rules applied to cells, and what lies near the window
        /// is enough to know.
        #[test]
        fn repainting_equals_painting_slot_by_slot(
            paints in prop::collection::vec((0_usize..38, prop::collection::vec((kinds(), 1_usize..16), 1..4)), 1..12),
        ) {
            let mut cells: Vec<SlotState> = vec![None; 100];
            let mut rows: Vec<Gap> = Vec::new();
            for (start, runs_of_paint) in paints {
                let mut found = Vec::new();
                let mut at = start;
                for (kind, length) in runs_of_paint {
                    for painted in &mut cells[at..at + length] {
                        let never = matches!(painted, Some((GapReason::NeverAsked, ..)));
                        *painted = kind.filter(|kind| kind.0 != GapReason::NeverAsked || never);
                    }
                    let span = span(i64::try_from(at).unwrap(), i64::try_from(at + length).unwrap());
                    found.extend(kind.map(|(reason, confirmed, shape)| Gap { span, reason, confirmed, shape }));
                    at += length;
                }
                settle(&mut cells);
                let window = span(i64::try_from(start).unwrap(), i64::try_from(at).unwrap());
                let all = repaint(&rows, window, &found);
                let known = near(&rows, window);
                let mut local: Vec<_> = rows.iter().filter(|row| !known.contains(row)).copied().collect();
                local.extend(repaint(&known, window, &found));
                local.sort_by_key(|gap| gap.span);
                prop_assert_eq!(&local, &all);
                rows = all;
                for pair in rows.windows(2) {
                    prop_assert!(pair[0].span.end() < pair[1].span.start()
                        || pair[0].span.end() == pair[1].span.start() && !pair[0].is_like(&pair[1]));
                }
                for (slot, expected) in (0..).zip(&cells) {
                    prop_assert_eq!(cell(&rows, slot), *expected, "slot {}", slot);
                }
            }
        }

        /// Marks that are cut out of a result explain the same result again.
        #[test]
        fn what_is_known_explains_itself(paints in prop::collection::vec((kinds(), 1_i64..16), 1..8)) {
            let mut at = 0;
            let mut known = Vec::new();
            for (kind, length) in paints {
                known.extend(kind.map(|(reason, confirmed, shape)| Gap { span: span(at, at + length), reason, confirmed, shape }));
                at += length;
            }
            let known = joined(known);
            let bare: Vec<_> = known.iter().map(|gap| Gap::new(gap.span, match gap.reason {
                GapReason::Failed => GapReason::NeverAsked,
                GapReason::Rejected => GapReason::Empty,
                reason => reason,
            })).collect();
            prop_assert_eq!(explained(&joined(bare), &known), known);
        }
    }
}
