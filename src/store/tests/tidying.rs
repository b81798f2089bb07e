//! What is deleted because it is old.

use super::moments::{said, slots};
use super::*;
use crate::model::{Outcome, RejectReason};

fn rejects(kinds: &[(RejectReason, usize)]) -> Vec<Reject> {
    let each = |(reason, count): &(RejectReason, usize)| {
        let reason = reason.clone();
        (0..*count).map(move |nth| Reject::new("a.com", None, reason.clone(), &nth.to_string()))
    };
    kinds.iter().flat_map(each).collect()
}

fn ids(sandbox: &Sandbox) -> Vec<i64> {
    let rows = sandbox.rows("SELECT id FROM origin_rejects ORDER BY id").concat();
    rows.into_iter()
        .map(|id| match id {
            Value::Integer(id) => id,
            other => panic!("{other:?}"),
        })
        .collect()
}

#[test]
fn the_oldest_rejects_of_the_kind_that_has_most_go_first_and_are_counted() {
    let mut sandbox = Sandbox::new();
    let mut commit = said("a.com", slots(0, 4), &[], 900);
    let malformed = || RejectReason::Malformed("x".to_owned());
    commit.rejects = rejects(&[
        (RejectReason::Conflicting, 2),
        (malformed(), 5),
        (RejectReason::DomainNotAsked, 1),
    ]);
    sandbox.commit(commit);
    sandbox.store.tidy(8, i64::MIN).unwrap();
    assert_eq!(ids(&sandbox).len(), 8);
    sandbox.store.tidy(6, i64::MIN).unwrap();
    assert_eq!(ids(&sandbox), [1, 2, 5, 6, 7, 8]);
    sandbox.store.tidy(3, i64::MIN).unwrap();
    assert_eq!(ids(&sandbox).len(), 3);
    let dropped = sandbox.reader().dropped_rejects().unwrap();
    assert_eq!(
        dropped,
        [("conflicting".to_owned(), 1), ("malformed".to_owned(), 4)]
    );
    let kinds = sandbox
        .rows("SELECT DISTINCT kind FROM reject ORDER BY kind")
        .concat();
    assert_eq!(
        kinds,
        ["conflicting", "domain_not_asked", "malformed"].map(|kind| Value::Text(kind.to_owned()))
    );
}

#[test]
fn nothing_to_do_writes_nothing_and_counts_nothing() {
    let mut sandbox = Sandbox::new();
    let mut commit = said("a.com", slots(0, 4), &[], 900);
    commit.rejects = rejects(&[(RejectReason::Conflicting, 2)]);
    sandbox.commit(commit);
    let before = sandbox.store.total_changes();
    sandbox.store.tidy(2, MIDNIGHT).unwrap();
    assert_eq!(sandbox.store.total_changes(), before);
    for (sql, index) in [
        ("SELECT kind, count(*) FROM reject GROUP BY kind", "reject_kind"),
        (
            "SELECT id FROM run WHERE started_at < 9 AND coalesce(finished_at, started_at) < 9 AND outcome <> 'running'",
            "run_started",
        ),
        ("SELECT 1 FROM reject WHERE run_id = 1", "reject_run"),
    ] {
        let plan = format!("{:?}", sandbox.rows(&["EXPLAIN QUERY PLAN ", sql].concat()));
        assert!(plan.contains(index), "{plan}");
    }
}

#[test]
fn old_runs_go_but_not_the_last_one_nor_one_that_runs_nor_one_that_a_reject_refers_to() {
    let mut sandbox = Sandbox::new();
    let finish = |sandbox: &mut Sandbox, finished_at| {
        let finish = Finish {
            outcome: Outcome::Complete,
            finished_at,
            totals: RunTotals::default(),
            failures: "[]".to_owned(),
            conclusions: "[]".to_owned(),
            message: None,
            expected: None,
            asks_for_all: false,
        };
        sandbox.store.finish_run(sandbox.run, &finish).unwrap();
    };
    let runs = |sandbox: &Sandbox| sandbox.rows("SELECT id FROM origin_runs ORDER BY id").concat();
    // 1 has a reject; 2 is old; 3 was killed; 4 is young; 5 is the last.
    let mut commit = said("a.com", slots(0, 4), &[], 900);
    commit.rejects = rejects(&[(RejectReason::Conflicting, 1)]);
    sandbox.commit(commit);
    finish(&mut sandbox, MIDNIGHT);
    for finished_at in [Some(MIDNIGHT), None, Some(MIDNIGHT + 9_000), None] {
        sandbox.run = sandbox.store.begin_run(&new_run()).unwrap();
        if let Some(at) = finished_at {
            finish(&mut sandbox, at);
        }
    }
    sandbox.store.tidy(99, MIDNIGHT + 1).unwrap();
    assert_eq!(runs(&sandbox), [1, 4, 5].map(Value::Integer));
    finish(&mut sandbox, MIDNIGHT);
    sandbox.store.tidy(0, i64::MAX).unwrap();
    assert_eq!(runs(&sandbox), [Value::Integer(5)]);
    assert_eq!(sandbox.store.begin_run(&new_run()).unwrap().id(), 6);
}
