use super::moments::{PointAt, points, said, slots, unreadable};
use super::*;
use crate::store::ledger::coverage;

#[test]
fn points_that_a_later_answer_leaves_out_stay_and_are_counted() {
    let mut sandbox = Sandbox::new();
    sandbox
        .store
        .commit(sandbox.run, &[said("a.com", slots(0, 4), &points(0..4), 1_800)])
        .unwrap();
    let mut narrow = said("a.com", slots(1, 4), &points([2]), 4_000);
    narrow.rejects = vec![unreadable("a.com", 3)];
    // Slot 1 is left out; slot 3 was spoken of, if badly; slot 0 was not asked for.
    let told = sandbox.store.commit(sandbox.run, &[narrow]).unwrap();
    assert_eq!((told[0].left_out, told[0].unchanged), (1, 1));
    assert_eq!(sandbox.store.totals(sandbox.run).unwrap().points_left_out, 1);
    assert_eq!(sandbox.number("SELECT points_left_out FROM origin_runs"), 1);
    assert_eq!(sandbox.number("SELECT count(*) FROM point"), 4);
    assert_eq!(sandbox.number("SELECT sum(count) FROM code_count"), 4);
}

#[test]
fn a_domain_that_is_missing_in_the_answer_has_all_its_points_left_out() {
    let mut sandbox = Sandbox::new();
    let whole = said("a.com", slots(0, 4), &points(0..4), 1_800);
    sandbox.store.commit(sandbox.run, &[whole]).unwrap();
    let mut without = said("a.com", slots(0, 4), &[], 4_000);
    let mut nobody = without.clone();
    nobody.points = vec![];
    without.points = vec![(domain("a.com"), PointColumns::default())];
    let told = sandbox.store.commit(sandbox.run, &[without, nobody]).unwrap();
    assert_eq!((told[0].left_out, told[1].left_out), (4, 4));
    assert_eq!(sandbox.number("SELECT count(*) FROM point"), 4);
}

#[test]
fn only_an_answer_can_leave_something_out() {
    let mut sandbox = Sandbox::new();
    let whole = said("a.com", slots(0, 4), &points(0..4), 1_800);
    sandbox.store.commit(sandbox.run, &[whole]).unwrap();
    let mut replayed = said("a.com", slots(0, 4), &points([0]), 4_000);
    replayed.coverage = Coverage::Unchanged;
    let mut refused = said("a.com", slots(0, 4), &[], 4_000);
    refused.coverage = Coverage::BeyondRetention { at: MIDNIGHT + 4_000 };
    let told = sandbox.store.commit(sandbox.run, &[replayed, refused]).unwrap();
    assert_eq!((told[0].left_out, told[1].left_out), (0, 0));
}

#[test]
fn an_old_point_that_one_answer_left_out_is_asked_for_once_more() {
    let mut sandbox = Sandbox::new();
    let mut states = |points: &[PointAt<'_>], age: i64, reached: i64| {
        let mut commit = said("a.com", slots(0, 2), points, age);
        commit.coverage = Coverage::Fetched(vec![fetched(slots(0, 2), reached)]);
        sandbox.store.commit(sandbox.run, &[commit]).unwrap();
        sandbox.rows("SELECT state FROM origin_coverage ORDER BY start_ts")
    };
    let (provisional, settled) = (
        Value::from("provisional".to_owned()),
        Value::from("settled".to_owned()),
    );
    assert_eq!(states(&points(0..2), 900, 0), [[provisional.clone()]]);
    // The next run comes days later, and its answer lacks slot 0. One answer ends nothing.
    assert_eq!(
        states(&points([1]), 7 * DAY_SECONDS, DAY_SECONDS),
        [[provisional], [settled.clone()]]
    );
    assert_eq!(states(&points([1]), 8 * DAY_SECONDS, DAY_SECONDS), [[settled]]);
}

#[test]
fn what_is_known_of_the_coverage_is_what_is_stored_although_a_slot_keeps_its_age() {
    let mut sandbox = Sandbox::new();
    let mut first = said("a.com", slots(0, 2), &points(0..2), 900);
    first.coverage = Coverage::Fetched(vec![fetched(slots(0, 2), 0)]);
    sandbox.commit(first);
    let connection = rusqlite::Connection::open(sandbox.path()).unwrap();
    let id: i64 = connection
        .query_row("SELECT id FROM domain", [], |row| row.get(0))
        .unwrap();
    let around = || coverage::around(&connection, id, slots(0, 2)).unwrap();
    let settled = Coverage::Fetched(vec![fetched(slots(0, 2), DAY_SECONDS)]);
    let mut change =
        coverage::apply(&connection, id, (around(), slots(0, 2)), &settled, DAY_SECONDS).unwrap();
    assert_eq!(change.after, around());
    let left_out = [slots(0, 1).start()];
    let asked_at = MIDNIGHT + 7 * DAY_SECONDS;
    coverage::put_back(&connection, id, (&left_out, asked_at), &mut change, DAY_SECONDS).unwrap();
    assert_eq!(change.after, around());
    assert_eq!(change.after.len(), 2);
}
