//! Holes that two answers agree on, and slots that were asked for in vain.

use super::moments::{expected, points, rejected_at, said, slots, unreadable};
use super::*;
use crate::model::{Gap, GapReason, Shape};

const A: &str = "a.com";

const fn shape(domains: u32, slots: u32) -> Shape {
    Shape { domains, slots }
}

/// A fetch that leaves these slots without a point.
fn with_holes(window: Span, holes: impl IntoIterator<Item = i64>, shape: Option<Shape>) -> Commit {
    let holes: Vec<i64> = holes.into_iter().collect();
    let first = (window.start() - MIDNIGHT) / SLOT_SECONDS;
    let all = first..first + window.slots();
    Commit {
        shape,
        ..said(
            A,
            window,
            &points(all.filter(|slot| !holes.contains(slot))),
            9_000,
        )
    }
}

fn agreeing(commit: Commit, holes: Span) -> Commit {
    Commit {
        confirmed: vec![(domain(A), vec![holes])],
        ..commit
    }
}

fn of_coverage(window: Span, coverage: Coverage) -> Commit {
    Commit {
        coverage,
        ..Commit::new(vec![domain(A)], window, MIDNIGHT + 9_000)
    }
}

impl Sandbox {
    fn holes(&self) -> Vec<Gap> {
        self.store.holes(&domain(A), slots(-500, 500)).unwrap()
    }

    fn reasons(&self) -> Vec<(Span, GapReason)> {
        let reader = self.reader();
        let gaps = reader.find_gaps(A, &expected(&[A], Some(0), 10), slots(0, 10));
        let gaps = gaps.unwrap().gaps.into_iter();
        gaps.map(|gap| (gap.span, gap.reason)).collect()
    }
}

#[test]
fn a_hole_keeps_the_shape_of_its_request_until_two_answers_agree_on_it() {
    let mut sandbox = Sandbox::new();
    sandbox.commit(with_holes(slots(0, 20), 4..8, Some(shape(20, 288))));
    assert_eq!(sandbox.holes(), [Gap::empty(slots(4, 8), Some(shape(20, 288)))]);
    assert_eq!(sandbox.number("SELECT confirmed FROM origin_gaps"), 0);
    let again = with_holes(slots(4, 8), 4..8, Some(shape(1, 4)));
    sandbox.commit(agreeing(again.clone(), slots(4, 8)));
    assert_eq!(sandbox.holes(), [Gap::confirmed(slots(4, 8))]);
    assert_eq!(sandbox.number("SELECT confirmed FROM origin_gaps"), 1);
    // A later answer without the point, in whatever shape, takes nothing back.
    sandbox.commit(with_holes(slots(0, 20), 4..8, Some(shape(20, 288))));
    assert_eq!(sandbox.holes(), [Gap::confirmed(slots(4, 8))]);
    // One that holds a part of them leaves the rest confirmed.
    sandbox.commit(with_holes(slots(5, 7), [6], Some(shape(20, 288))));
    assert_eq!(
        sandbox.holes(),
        [Gap::confirmed(slots(4, 5)), Gap::confirmed(slots(6, 8))]
    );
}

#[test]
fn an_open_hole_beside_a_short_confirmed_one_makes_it_open_and_a_long_one_stays() {
    let mut sandbox = Sandbox::new();
    let short = with_holes(slots(0, 12), 0..12, None);
    sandbox.commit(agreeing(short, slots(0, 12)));
    sandbox.commit(with_holes(slots(12, 20), [12], Some(shape(3, 8))));
    assert_eq!(sandbox.holes(), [Gap::empty(slots(0, 13), Some(shape(3, 8)))]);
    let long = with_holes(slots(-1, 12), -1..12, None);
    sandbox.commit(agreeing(long, slots(-1, 12)));
    assert_eq!(
        sandbox.holes(),
        [
            Gap::confirmed(slots(-1, 12)),
            Gap::empty(slots(12, 13), Some(shape(3, 8)))
        ]
    );
    // Points cut the long one short. Its open neighbour lies outside the window, and takes what is left of it.
    sandbox.commit(with_holes(slots(-1, 8), [], None));
    assert_eq!(sandbox.holes(), [Gap::empty(slots(8, 13), Some(shape(3, 8)))]);
}

#[test]
fn months_of_five_minute_runs_with_holes_leave_one_row_a_run_of_holes_and_two_of_coverage() {
    let mut sandbox = Sandbox::new();
    // An idle domain: two slots of three are holes, and each is confirmed an hour after it appeared.
    for slot in 0..400 {
        let hole = slot % 3 > 0;
        let young = with_holes(
            slots(slot, slot + 1),
            Some(slot).filter(|_| hole),
            Some(shape(20, 1)),
        );
        let coverage = Coverage::Fetched(vec![fetched(slots(slot, slot + 1), 0)]);
        sandbox.commit(Commit { coverage, ..young });
        if slot >= 12 {
            let old = slot - 12;
            let hole = Some(old).filter(|_| old % 3 > 0);
            let settled = with_holes(slots(old, old + 1), hole, Some(shape(1, 1)));
            sandbox.commit(agreeing(settled, slots(old, old + 1)));
        }
    }
    assert_eq!(sandbox.number("SELECT count(*) FROM origin_gaps"), 400 / 3);
    assert_eq!(sandbox.number("SELECT count(*) FROM origin_coverage"), 2);
}

#[test]
fn what_was_asked_for_in_vain_is_failed_until_an_answer_comes_and_never_called_never_asked() {
    let mut sandbox = Sandbox::new();
    sandbox.commit(with_holes(slots(2, 4), [3], None));
    sandbox.commit(of_coverage(
        slots(0, 2),
        Coverage::BeyondRetention { at: MIDNIGHT },
    ));
    sandbox.finish(&[A], Some(0), 10);
    assert_eq!(
        sandbox.reasons().last(),
        Some(&(slots(4, 10), GapReason::NeverAsked))
    );

    // Slots that coverage speaks of are untouched.
    sandbox.commit(of_coverage(slots(0, 6), Coverage::Failed));
    let failed = [
        (slots(0, 2), GapReason::BeyondRetention),
        (slots(3, 4), GapReason::Empty),
        (slots(4, 6), GapReason::Failed),
        (slots(6, 10), GapReason::NeverAsked),
    ];
    assert_eq!(sandbox.reasons(), failed);
    sandbox.finish(&[A], Some(0), 10);
    assert_eq!(sandbox.reasons(), failed);
    let table = sandbox.rows("SELECT reason FROM origin_gaps ORDER BY start_ts");
    assert_eq!(
        table.concat(),
        ["beyond_retention", "empty", "failed", "never_asked"].map(|reason| Value::Text(reason.to_owned()))
    );
    // Said again, it writes nothing.
    let before = sandbox.store.total_changes();
    sandbox.commit(of_coverage(slots(0, 6), Coverage::Failed));
    assert_eq!(sandbox.store.total_changes() - before, 1, "the run's counters");
    // It is no hole: nobody knows whether there is a point.
    assert_eq!(sandbox.holes(), [Gap::empty(slots(3, 4), None)]);

    sandbox.commit(with_holes(slots(4, 6), [5], None));
    assert_eq!(
        sandbox.reasons()[2..],
        [
            (slots(5, 6), GapReason::Empty),
            (slots(6, 10), GapReason::NeverAsked)
        ]
    );
}

#[test]
fn a_domain_that_only_failed_counts_as_asked_for() {
    let mut sandbox = Sandbox::new();
    sandbox.commit(of_coverage(slots(2, 4), Coverage::Failed));
    let reader = sandbox.reader();
    assert_eq!(reader.domains().unwrap(), [A]);
    let nobody = expected(&[], None, 10);
    for gaps in [
        reader.find_gaps(A, &nobody, slots(0, 10)),
        reader.noted_gaps(A, &nobody, slots(0, 10)),
    ] {
        assert_eq!(gaps.unwrap().gaps, [Gap::new(slots(2, 4), GapReason::Failed)]);
    }
    assert_eq!(
        reader.listed_gaps(A, &nobody, slots(0, 10)).unwrap(),
        DomainGaps {
            range: Some(slots(2, 4)),
            gaps: vec![Gap::new(slots(2, 4), GapReason::Failed)],
            new_slots: 0
        }
    );
    let overview = reader.overview(&[A.to_owned()], &nobody).unwrap();
    assert_eq!(overview.domains[0].gaps.sum_of(&[GapReason::Failed]), 2);
    assert_eq!(overview.domains[0].gaps.sum_of(&GapReason::ALL), 2);
    assert_eq!(sandbox.number("SELECT count(*) FROM coverage"), 0);
}

#[test]
fn a_rejected_slot_keeps_its_reason_without_its_text_and_loses_it_with_the_last_discard() {
    let mut sandbox = Sandbox::new();
    let rejected = |rejects: &[i64]| Commit {
        rejected_slots: rejected_at(A, [1, 2]),
        rejects: rejects.iter().map(|slot| unreadable(A, *slot)).collect(),
        ..with_holes(slots(0, 4), 0..4, None)
    };
    // Of the second slot no text was kept at all.
    sandbox.commit(rejected(&[1, 1]));
    let reasons = |sandbox: &Sandbox| -> Vec<_> {
        let holes = sandbox.holes().into_iter();
        holes.map(|gap| (gap.span, gap.reason)).collect()
    };
    let all = [
        (slots(0, 1), GapReason::Empty),
        (slots(1, 3), GapReason::Rejected),
        (slots(3, 4), GapReason::Empty),
    ];
    assert_eq!(reasons(&sandbox), all);
    sandbox.store.discard_rejects(Some(&[1])).unwrap();
    assert_eq!(reasons(&sandbox), all, "there is another reject of the slot");
    sandbox.store.discard_rejects(Some(&[2])).unwrap();
    assert_eq!(
        reasons(&sandbox),
        [
            (slots(0, 2), GapReason::Empty),
            (slots(2, 3), GapReason::Rejected),
            (slots(3, 4), GapReason::Empty)
        ]
    );
    sandbox.store.discard_rejects(None).unwrap();
    assert_eq!(sandbox.holes(), [Gap::empty(slots(0, 4), None)]);
    // The next answer says what is rejected; what is not any more, is empty.
    sandbox.commit(rejected(&[]));
    assert_eq!(reasons(&sandbox), all);
    sandbox.commit(with_holes(slots(0, 4), 0..4, Some(shape(1, 4))));
    assert_eq!(sandbox.holes(), [Gap::empty(slots(0, 4), Some(shape(1, 4)))]);
}

#[test]
fn reopened_slots_are_due_again_and_what_was_fetched_of_them_stays_stored() {
    let mut sandbox = Sandbox::new();
    let young = with_holes(slots(4, 6), [5], None);
    let coverage = Coverage::Fetched(vec![fetched(slots(4, 6), 0)]);
    sandbox.commit(Commit { coverage, ..young });
    sandbox.commit(of_coverage(
        slots(0, 8),
        Coverage::BeyondRetention { at: MIDNIGHT },
    ));
    sandbox.store.roll_up(|_, _| ()).unwrap();
    assert_eq!(sandbox.number("SELECT expected_points FROM origin_daily"), 8);

    sandbox.commit(of_coverage(slots(2, 7), Coverage::Reopened));
    let beyond = |span| CoverageSpan {
        age_when_fetched: None,
        beyond_retention: true,
        ..fetched(span, 0)
    };
    assert_eq!(
        sandbox.store.coverage(&domain(A), slots(0, 8)).unwrap(),
        [beyond(slots(0, 2)), fetched(slots(4, 6), 0), beyond(slots(7, 8))]
    );
    assert_eq!(
        sandbox.reasons(),
        [
            (slots(0, 2), GapReason::BeyondRetention),
            (slots(2, 4), GapReason::NeverAsked),
            (slots(5, 6), GapReason::Empty),
            (slots(6, 7), GapReason::NeverAsked),
            (slots(7, 8), GapReason::BeyondRetention),
            (slots(8, 10), GapReason::NeverAsked),
        ]
    );
    sandbox.store.roll_up(|_, _| ()).unwrap();
    assert_eq!(sandbox.number("SELECT expected_points FROM origin_daily"), 5);
}

#[test]
fn a_hole_that_cuts_a_slot_in_two_is_refused() {
    let mut sandbox = Sandbox::new();
    let bad = Span::new(MIDNIGHT, MIDNIGHT + 7).unwrap();
    let commit = agreeing(with_holes(slots(0, 4), 0..4, None), bad);
    assert!(sandbox.store.commit(sandbox.run, &[commit]).is_err());
}
