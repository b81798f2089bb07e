//! What is remembered from run to run.

use super::moments::{said, slots};
use super::*;
use crate::model::{Fact, FactName, Refusal};

const A: &str = "a.com";
const B: &str = "b.com";

fn noting(notes: Vec<Note>) -> Commit {
    Commit {
        notes,
        ..Commit::new(Vec::new(), slots(0, 1), MIDNIGHT)
    }
}

fn refused(names: &[&str], span: Span, at: UnixSeconds) -> Note {
    Note::Refused {
        domains: names.iter().map(|name| domain(name)).collect(),
        span,
        status: 21,
        at: MIDNIGHT + at,
        newer_served: true,
    }
}

fn refusals(sandbox: &Sandbox) -> Vec<Refusal> {
    let domains = [domain(A), domain(B)];
    let found = sandbox.store.refusals(&domains).unwrap();
    assert_eq!(sandbox.reader().refusals(&domains).unwrap(), found);
    found
}

#[test]
fn a_refused_range_is_kept_with_when_to_ask_again_and_an_answer_removes_it() {
    let mut sandbox = Sandbox::new();
    sandbox.commit(noting(vec![refused(&[A, B], slots(0, 6), 100)]));
    let first = refusals(&sandbox);
    assert_eq!(
        first[0],
        Refusal {
            domain: domain(A),
            span: slots(0, 6),
            status: 21,
            first_at: MIDNIGHT + 100,
            last_at: MIDNIGHT + 100,
            times: 1,
            days: 1,
            next_at: MIDNIGHT + 100,
        }
    );
    // The next run is refused a part that reaches further.
    sandbox.run = sandbox.store.begin_run(&new_run()).unwrap();
    sandbox.commit(noting(vec![refused(&[A], slots(4, 8), DAY_SECONDS)]));
    let both = refusals(&sandbox);
    assert_eq!((both[0].span, both[0].times, both[0].days), (slots(0, 8), 2, 2));
    assert_eq!(both[0].next_at, MIDNIGHT + DAY_SECONDS + 3_600);
    assert_eq!(both[1], first[1], "the other domain was not asked for");
    assert_eq!(
        sandbox.rows(
            "SELECT domain, start_ts, status, times, next_at FROM origin_refusals WHERE domain = 'a.com'"
        ),
        [vec![
            Value::Text(A.to_owned()),
            MIDNIGHT.into(),
            Value::Integer(21),
            Value::Integer(2),
            (MIDNIGHT + DAY_SECONDS + 3_600).into()
        ]]
    );

    let served = |names: &[&str], span| Note::Served {
        domains: names.iter().map(|name| domain(name)).collect(),
        span,
    };
    sandbox.commit(noting(vec![served(&[A], slots(3, 5))]));
    let spans: Vec<_> = refusals(&sandbox).iter().map(|refusal| refusal.span).collect();
    assert_eq!(spans, [slots(0, 3), slots(5, 8), slots(0, 6)]);
    sandbox.commit(noting(vec![served(&[A, B], slots(-9, 99))]));
    assert_eq!(refusals(&sandbox), []);
}

#[test]
fn another_status_has_rows_of_its_own_and_what_is_believed_takes_all_of_them() {
    let mut sandbox = Sandbox::new();
    let other = Note::Refused {
        domains: vec![domain(A)],
        span: slots(2, 9),
        status: 15,
        at: MIDNIGHT,
        newer_served: false,
    };
    sandbox.commit(noting(vec![refused(&[A], slots(0, 6), 0), other]));
    let found: Vec<_> = refusals(&sandbox)
        .iter()
        .map(|found| (found.status, found.span, found.days))
        .collect();
    assert_eq!(found, [(21, slots(0, 6), 1), (15, slots(2, 9), 0)]);
    // Said in the same commit, the conclusion wins.
    sandbox.commit(Commit {
        coverage: Coverage::BeyondRetention { at: MIDNIGHT },
        notes: vec![refused(&[A], slots(0, 6), 0)],
        ..Commit::new(vec![domain(A)], slots(0, 6), MIDNIGHT)
    });
    let found: Vec<_> = refusals(&sandbox)
        .iter()
        .map(|found| (found.status, found.span))
        .collect();
    assert_eq!(found, [(15, slots(6, 9))]);
}

#[test]
fn notes_are_committed_with_what_they_follow_from_or_not_at_all() {
    let mut sandbox = Sandbox::new();
    let mut good = said(A, slots(0, 1), &[], 900);
    good.notes = vec![refused(&[A], slots(0, 6), 0)];
    let mut bad = said(A, slots(0, 1), &[], 900);
    bad.coverage = Coverage::Fetched(Vec::new());
    assert!(sandbox.store.commit(sandbox.run, &[good.clone(), bad]).is_err());
    assert_eq!(refusals(&sandbox), []);
    sandbox.commit(good);
    assert_eq!(refusals(&sandbox).len(), 1);
}

#[test]
fn a_fact_is_what_was_learned_last_and_each_user_has_one_of_their_own() {
    let mut sandbox = Sandbox::new();
    let names = [
        FactName::OldestServedAge,
        FactName::YoungestRefusedAge,
        FactName::SubHourPoints,
        FactName::CompletePoints,
        FactName::RetentionProbed,
        FactName::ClockAhead,
        FactName::LastSuccess,
        FactName::Answered("one".to_owned()),
        FactName::Answered("two".to_owned()),
    ];
    for round in 1..3 {
        for (value, name) in (0..).zip(&names) {
            assert_eq!(sandbox.store.fact(name).unwrap().is_some(), round > 1);
            let at = MIDNIGHT + round;
            sandbox.commit(noting(vec![Note::Fact {
                name: name.clone(),
                value: value * round,
                at,
            }]));
        }
    }
    for (value, name) in (0..).zip(&names) {
        let fact = Some(Fact {
            value: value * 2,
            learned_at: MIDNIGHT + 2,
        });
        assert_eq!(sandbox.store.fact(name).unwrap(), fact);
        assert_eq!(sandbox.reader().fact(name).unwrap(), fact);
    }
}

#[test]
fn sampling_is_kept_until_it_is_over_and_a_cursor_never_goes_back() {
    let mut sandbox = Sandbox::new();
    let sampling = |name: &str, fruitless, skipped| Note::Sampling {
        domain: domain(name),
        fruitless,
        skipped,
    };
    let asked = |name: &str, age, until| Note::HolesAsked {
        domain: domain(name),
        age,
        until: MIDNIGHT + until,
    };
    sandbox.commit(noting(vec![
        sampling(B, 3, 0),
        sampling(A, 1, 0),
        sampling(B, 3, 4),
        asked(A, 86_400, 600),
        asked(A, 86_400, 300),
        asked(A, 3_600, 900),
        asked(B, 86_400, 300),
    ]));
    assert_eq!(
        sandbox.store.sampling().unwrap(),
        [(domain(A), 1, 0), (domain(B), 3, 4)]
    );
    sandbox.commit(noting(vec![sampling(B, 0, 0)]));
    assert_eq!(sandbox.store.sampling().unwrap(), [(domain(A), 1, 0)]);
    assert_eq!(
        sandbox.store.hole_cursors().unwrap(),
        [
            (domain(A), 3_600, MIDNIGHT + 900),
            (domain(A), 86_400, MIDNIGHT + 600),
            (domain(B), 86_400, MIDNIGHT + 300)
        ]
    );
}

#[test]
fn refusals_are_found_by_the_key() {
    let sandbox = Sandbox::new();
    let sql = "EXPLAIN QUERY PLAN SELECT * FROM origin_refusals WHERE domain = 'a.com' AND status = 21";
    let plan = format!("{:?}", sandbox.rows(sql));
    assert!(plan.contains("PRIMARY KEY (domain_id=? AND status=?)"), "{plan}");
}
