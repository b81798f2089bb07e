use super::moments::{PointAt, said, slots};
use super::*;

const LOG: &str =
    "SELECT ts, detected_at, age_seconds, bandwidth_before, bandwidth_after, pv_before, pv_after,
    codes_before, codes_after FROM origin_restatements ORDER BY domain, ts";

fn row(numbers: [i64; 7], codes: Option<(&str, &str)>) -> Vec<Value> {
    let text = |text: Option<&str>| text.map_or(Value::Null, |text| Value::Text(text.to_owned()));
    let codes = [text(codes.map(|both| both.0)), text(codes.map(|both| both.1))];
    numbers.into_iter().map(Value::Integer).chain(codes).collect()
}

#[test]
fn a_changed_point_leaves_what_it_was_what_it_is_and_how_old_its_slot_was() {
    let mut sandbox = Sandbox::new();
    let before: [PointAt<'_>; 3] = [
        (0, 100, 10, &[("200", 9), ("404", 1), ("other", 0)]),
        (1, 100, 10, &[("200", 10), ("404", 0)]),
        (2, 100, 10, &[("200", 10)]),
    ];
    let after: [PointAt<'_>; 3] = [
        (0, 120, 12, &[("200", 11), ("404", 0), ("other", 1)]),
        (1, 100, 10, &[("200", 10), ("404", 0)]),
        (2, 101, 10, &[("200", 10)]),
    ];
    let second = MIDNIGHT + 3_700;
    let commits = [
        said("a.com", slots(0, 3), &before, 900),
        said("a.com", slots(0, 3), &after, 3_700),
    ];
    let told = sandbox.store.commit(sandbox.run, &commits).unwrap();
    assert_eq!((told[0].inserted, told[1].updated, told[1].unchanged), (3, 2, 1));
    assert_eq!(
        sandbox.rows(LOG),
        [
            row(
                [MIDNIGHT, second, 3_700, 100, 120, 10, 12],
                Some((r#"{"200":9,"404":1}"#, r#"{"200":11,"other":1}"#))
            ),
            row([MIDNIGHT + 600, second, 3_100, 100, 101, 10, 10], None),
        ]
    );
}

#[test]
fn a_code_that_is_no_longer_reported_shows_even_where_it_counted_nothing() {
    let mut sandbox = Sandbox::new();
    let before: [PointAt<'_>; 1] = [(0, 1, 1, &[("000", 0), ("200", 1), ("404", 0)])];
    let after: [PointAt<'_>; 1] = [(0, 1, 1, &[("200", 1), ("404", 0), ("502", 0)])];
    let commits = [
        said("a.com", slots(0, 1), &before, 900),
        said("a.com", slots(0, 1), &after, 4_000),
    ];
    sandbox.store.commit(sandbox.run, &commits).unwrap();
    let codes = Some((r#"{"000":0,"200":1}"#, r#"{"200":1,"502":0}"#));
    assert_eq!(
        sandbox.rows(LOG),
        [row([MIDNIGHT, MIDNIGHT + 4_000, 4_000, 1, 1, 1, 1], codes)]
    );
}

#[test]
fn an_unchanged_answer_restates_nothing() {
    let mut sandbox = Sandbox::new();
    let points: [PointAt<'_>; 2] = [(0, 5, 3, &[("200", 3), ("404", 0)]), (1, 6, 0, &[])];
    for age in 1..4 {
        let commit = said("a.com", slots(0, 2), &points, age * 3_600);
        sandbox.store.commit(sandbox.run, &[commit]).unwrap();
    }
    assert_eq!(sandbox.number("SELECT count(*) FROM restatement"), 0);
    assert_eq!(sandbox.store.totals(sandbox.run).unwrap().points_unchanged, 4);
}

#[test]
fn values_and_their_restatement_are_stored_together_or_not_at_all() {
    let mut sandbox = Sandbox::new();
    let first = said("a.com", slots(0, 1), &[(0, 1, 1, &[("200", 1)])], 900);
    sandbox.store.commit(sandbox.run, &[first]).unwrap();
    let second = said("a.com", slots(0, 1), &[(0, 2, 1, &[("200", 1)])], 4_000);
    let mut broken = second.clone();
    broken.coverage = Coverage::Fetched(Vec::new());
    assert!(
        sandbox
            .store
            .commit(sandbox.run, &[second.clone(), broken])
            .is_err()
    );
    let state = |sandbox: &Sandbox| {
        (
            sandbox.number("SELECT bandwidth FROM point"),
            sandbox.number("SELECT count(*) FROM restatement"),
            sandbox.number("SELECT count(*) FROM refetch"),
        )
    };
    assert_eq!(state(&sandbox), (1, 0, 0));
    sandbox.store.commit(sandbox.run, &[second]).unwrap();
    assert_eq!(state(&sandbox), (2, 1, 1));
}

#[test]
fn the_order_of_changes_holds_when_the_clock_goes_back() {
    let mut sandbox = Sandbox::new();
    for (bandwidth, seen_at) in [(1, 9_000), (2, 5_000), (3, 5_000), (1, 400)] {
        let commit = said("a.com", slots(0, 1), &[(0, bandwidth, 1, &[("200", 1)])], seen_at);
        sandbox.store.commit(sandbox.run, &[commit]).unwrap();
    }
    let steps = sandbox
        .rows("SELECT nth, detected_at, bandwidth_before, bandwidth_after FROM restatement ORDER BY nth");
    let step = |numbers: [i64; 4]| numbers.map(Value::Integer).to_vec();
    assert_eq!(
        steps,
        [
            step([1, MIDNIGHT + 5_000, 1, 2]),
            step([2, MIDNIGHT + 5_000, 2, 3]),
            step([3, MIDNIGHT + 400, 3, 1])
        ]
    );
}

#[test]
fn the_share_of_changed_points_is_that_of_the_points_asked_for_again() {
    let mut sandbox = Sandbox::new();
    let codes: &[(&str, i64)] = &[("200", 1)];
    let day = |bandwidth: i64, changed: i64| -> Vec<PointAt<'_>> {
        (0..288)
            .map(|slot| (slot, bandwidth + i64::from(slot < changed), 1, codes))
            .collect()
    };
    let ages = [(1, 0), (3_600, 30), (23 * 3_600, 0), (30 * DAY_SECONDS, 1)];
    for (at, (age, changed)) in ages.into_iter().enumerate() {
        // Seen so that the first slot has this age.
        let points = if at == 0 { day(0, 0) } else { day(0, changed) };
        let commit = said("a.com", slots(0, 288), &points, age);
        sandbox.store.commit(sandbox.run, &[commit]).unwrap();
    }
    let settling = sandbox.reader().settling(&["a.com".to_owned()]).unwrap();
    let stage = |from_hours, to_hours, asked_again, changed| Settling {
        from_hours,
        to_hours,
        asked_again,
        changed,
    };
    assert_eq!(
        settling,
        [
            // At both moments a part of the day's slots lies ahead: ages below zero.
            stage(0, Some(1), 287 + 23, 29),
            stage(1, Some(4), 1 + 36, 1),
            stage(4, Some(12), 96, 0),
            stage(12, Some(24), 133, 30),
            stage(24, Some(48), 0, 0),
            stage(48, None, 288, 1),
        ]
    );
    assert!(
        sandbox
            .reader()
            .settling(&["b.com".to_owned()])
            .unwrap()
            .iter()
            .all(|stage| stage.asked_again == 0)
    );
}

#[test]
fn restatements_are_found_by_age() {
    let sandbox = Sandbox::new();
    for filter in ["domain = 'a.com' AND age_seconds > 86400", "age_seconds > 86400"] {
        let sql = format!("EXPLAIN QUERY PLAN SELECT * FROM origin_restatements WHERE {filter}");
        let plan = format!("{:?}", sandbox.rows(&sql));
        let index = "restatement_age (domain_id=? AND age_seconds>?)";
        assert!(plan.contains(index), "{plan}");
    }
}
