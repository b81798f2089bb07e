//! The gaps that commits note.

use super::moments::{before_migration, expected, points, rejected_at, said, slots, unreadable};
use super::*;
use crate::model::GapReason;

pub(super) const NAMES: [&str; 3] = ["a.com", "b.com", "c.com"];

/// The rows of a domain, in slots.
pub(super) fn table(sandbox: &Sandbox, name: &str) -> Vec<(i64, i64, String)> {
    let reader = sandbox.reader();
    let mut select = reader
        .connection()
        .prepare(
            "SELECT start_ts, end_ts, slots, reason FROM origin_gaps WHERE domain = ?1 ORDER BY start_ts",
        )
        .unwrap();
    let rows = select.query_map([name], |row| {
        let (start, end): (i64, i64) = (row.get(0)?, row.get(1)?);
        assert_eq!(row.get::<_, i64>(2)? * SLOT_SECONDS, end - start);
        Ok((
            (start - MIDNIGHT) / SLOT_SECONDS,
            (end - MIDNIGHT) / SLOT_SECONDS,
            row.get(3)?,
        ))
    });
    rows.unwrap().map(Result::unwrap).collect()
}

pub(super) fn gap(start: i64, end: i64, reason: GapReason) -> (i64, i64, String) {
    (start, end, reason.as_str().to_owned())
}

#[test]
fn a_commit_notes_what_it_left_without_a_point_and_a_later_one_mends_it() {
    let mut sandbox = Sandbox::new();
    let mut first = said("a.com", slots(0, 8), &points([0, 1, 5]), 9_000);
    first.rejects = vec![unreadable("a.com", 3)];
    first.rejected_slots = rejected_at("a.com", [3]);
    sandbox.store.commit(sandbox.run, &[first]).unwrap();
    assert_eq!(
        table(&sandbox, "a.com"),
        [
            gap(2, 3, GapReason::Empty),
            gap(3, 4, GapReason::Rejected),
            gap(4, 5, GapReason::Empty),
            gap(6, 8, GapReason::Empty),
        ]
    );
    // The hole at the end goes on into the next window; those of the first become one.
    let next = said("a.com", slots(8, 10), &points([9]), 9_000);
    let again = said("a.com", slots(3, 4), &[], 9_000);
    sandbox.store.commit(sandbox.run, &[next, again]).unwrap();
    assert_eq!(
        table(&sandbox, "a.com"),
        [gap(2, 5, GapReason::Empty), gap(6, 9, GapReason::Empty)]
    );
    let whole = said("a.com", slots(0, 10), &points(0..10), 9_000);
    sandbox.store.commit(sandbox.run, &[whole]).unwrap();
    assert_eq!(table(&sandbox, "a.com"), []);
}

#[test]
fn what_was_never_asked_for_is_as_of_the_last_end_of_a_run_and_of_configured_domains_only() {
    let mut sandbox = Sandbox::new();
    for name in ["a.com", "b.com"] {
        let commit = said(name, slots(4, 6), &points([4, 5]), 9_000);
        sandbox.store.commit(sandbox.run, &[commit]).unwrap();
    }
    let mut beyond = said("a.com", slots(2, 4), &[], 9_000);
    beyond.coverage = Coverage::BeyondRetention { at: MIDNIGHT + 9_000 };
    sandbox.store.commit(sandbox.run, &[beyond]).unwrap();
    sandbox.finish(&["a.com", "c.com"], Some(0), 9);
    assert_eq!(
        table(&sandbox, "a.com"),
        [
            gap(0, 2, GapReason::NeverAsked),
            gap(2, 4, GapReason::BeyondRetention),
            gap(6, 9, GapReason::NeverAsked)
        ]
    );
    assert_eq!(table(&sandbox, "b.com"), []);
    assert_eq!(table(&sandbox, "c.com"), [gap(0, 9, GapReason::NeverAsked)]);
    // Never asked for, but it has gaps.
    assert_eq!(sandbox.reader().domains().unwrap(), NAMES);

    let commit = said("a.com", slots(6, 8), &points([6]), 9_000);
    sandbox.store.commit(sandbox.run, &[commit]).unwrap();
    assert_eq!(
        table(&sandbox, "a.com")[2..],
        [gap(7, 8, GapReason::Empty), gap(8, 9, GapReason::NeverAsked)]
    );
    // Without a start, what is wanted begins where the first fetch did.
    sandbox.finish(&["b.com"], None, 9);
    assert_eq!(table(&sandbox, "a.com").len(), 2);
    assert_eq!(table(&sandbox, "b.com"), [gap(6, 9, GapReason::NeverAsked)]);
    assert_eq!(table(&sandbox, "c.com"), []);
}

#[test]
fn gaps_are_found_by_the_key() {
    let sandbox = Sandbox::new();
    let sql = "EXPLAIN QUERY PLAN SELECT * FROM origin_gaps WHERE domain = 'a.com' AND start_ts < 9";
    let plan = format!("{:?}", sandbox.rows(sql));
    let key = "PRIMARY KEY (domain_id=? AND start_ts<?)";
    assert!(plan.contains(key), "{plan}");
}

#[test]
fn a_database_from_before_the_table_is_looked_through_when_it_is_opened() {
    let dir = before_migration(4, |old| {
        old.execute_batch(&format!(
            "INSERT INTO domain VALUES (1, 'a.com'); INSERT INTO code_set VALUES (1, '[]');
             INSERT INTO coverage VALUES (1, {MIDNIGHT}, {MIDNIGHT} + 1500, '', '', 0, 0, 0, 'provisional');
             INSERT INTO point VALUES (1, {MIDNIGHT} + 300, 1, 1, 1), (1, {MIDNIGHT} + 601, 1, 1, 1)"
        ))
        .unwrap();
    });
    let path = dir.path().join("stats.db");
    // Nobody who only reads has to wait for that.
    let reader = Reader::open(&path).unwrap();
    let nobody = expected(&[], None, 99);
    let told = reader.noted_gaps("a.com", &nobody, slots(0, 99)).unwrap();
    assert_eq!(told.gaps.len(), 2);
    let settling = reader.settling(&["a.com".to_owned()]).unwrap();
    assert!(settling.iter().all(|stage| stage.asked_again == 0));
    drop(reader);

    let mut store = open(&path).unwrap();
    let run = store.begin_run(&new_run()).unwrap();
    let sandbox = Sandbox { dir, store, run };
    assert_eq!(
        table(&sandbox, "a.com"),
        [gap(0, 1, GapReason::Empty), gap(3, 5, GapReason::Empty)]
    );
    let reader = sandbox.reader();
    assert_eq!(reader.noted_gaps("a.com", &nobody, slots(0, 99)).unwrap(), told);
    assert_eq!(sandbox.number("SELECT points_left_out FROM origin_runs"), 0);
}
