//! The rules of gaps.

use proptest::prelude::*;

use super::*;
use crate::model::coverage::CoverageSpan;
use crate::model::gaps::{GapFinder, never_asked};
use crate::model::slot::SLOT_SECONDS;

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
    // `rejected` counts only for empty slots, and `failed` only for slots that were never asked for.
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

/// Returns the gaps that the store reads for a window: those that touch it, and those that touch these.
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
