//! Points that come into slots that had settled without one.

use super::moments::{PointAt, said, slots};
use super::*;

const A: &str = "a.com";
const LOG: &str =
    "SELECT (ts - 1568476800) / 300, detected_at, age_seconds, bandwidth_before, bandwidth_after,
    pv_before, pv_after, codes_before, codes_after FROM origin_restatements ORDER BY ts, detected_at";

fn at_age(commit: Commit, reached: i64) -> Commit {
    let coverage = Coverage::Fetched(vec![fetched(commit.window, reached)]);
    Commit { coverage, ..commit }
}

#[test]
fn a_point_that_comes_into_a_settled_slot_is_a_restatement_with_nothing_before() {
    let mut sandbox = Sandbox::new();
    let point: PointAt<'_> = (2, 7, 3, &[("404", 0), ("200", 3)]);
    sandbox.commit(said(A, slots(0, 2), &[(0, 5, 1, &[]), (1, 5, 1, &[])], 90_000));
    sandbox.commit(said(A, slots(2, 4), &[], 90_000));
    // The window is wider than what was settled; slot 4 is new, slot 3 still has no point.
    let whole: Vec<PointAt<'_>> = vec![(0, 5, 1, &[]), (1, 5, 1, &[]), point, (4, 1, 1, &[])];
    let committed = sandbox.commit(said(A, slots(0, 5), &whole, 200_000));
    assert_eq!(
        (committed.inserted, committed.updated, committed.unchanged),
        (2, 0, 2)
    );
    let late = vec![
        Value::Integer(2),
        (MIDNIGHT + 200_000).into(),
        (200_000 - 600).into(),
        Value::Null,
        Value::Integer(7),
        Value::Null,
        Value::Integer(3),
        Value::Null,
        Value::Text(r#"{"200":3,"404":0}"#.to_owned()),
    ];
    assert_eq!(sandbox.rows(LOG), std::slice::from_ref(&late));
    // Of points that were compared, it is none.
    let settling = sandbox.reader().settling(&[A.to_owned()]).unwrap();
    assert!(settling.iter().all(|stage| stage.changed == 0), "{settling:?}");

    // Changed later, it is restated like any other.
    sandbox.commit(said(
        A,
        slots(2, 3),
        &[(2, 8, 3, &[("404", 0), ("200", 3)])],
        300_000,
    ));
    let rows = sandbox.rows(LOG);
    assert_eq!(rows.len(), 2);
    assert_eq!(rows[0], late);
    assert_eq!(rows[1][3..5], [Value::Integer(7), Value::Integer(8)]);
}

#[test]
fn a_point_of_a_slot_that_was_still_to_be_asked_again_is_just_new() {
    let mut sandbox = Sandbox::new();
    sandbox.commit(at_age(said(A, slots(0, 2), &[], 9_000), 3_600));
    sandbox.commit(said(A, slots(0, 2), &[(0, 5, 1, &[]), (1, 5, 1, &[])], 90_000));
    // Never asked for before, or beyond retention before it was settled: the same.
    sandbox.commit(said(A, slots(4, 5), &[(4, 5, 1, &[])], 900_000));
    let beyond = Coverage::BeyondRetention { at: MIDNIGHT };
    sandbox.commit(Commit {
        coverage: beyond,
        ..said(A, slots(8, 9), &[], 9_000)
    });
    sandbox.commit(said(A, slots(8, 9), &[(8, 5, 1, &[])], 900_000));
    assert_eq!(sandbox.rows(LOG), Vec::<Vec<Value>>::new());
}

#[test]
fn a_point_that_reports_no_codes_comes_late_with_an_empty_object() {
    let mut sandbox = Sandbox::new();
    sandbox.commit(said(A, slots(0, 1), &[], 90_000));
    sandbox.commit(said(A, slots(0, 1), &[(0, 0, 0, &[])], 90_300));
    assert_eq!(sandbox.rows(LOG)[0][8], Value::Text("{}".to_owned()));
}

#[test]
fn the_table_takes_nothing_before_only_as_a_whole() {
    let sandbox = Sandbox::new();
    let connection = rusqlite::Connection::open(sandbox.path()).unwrap();
    let insert = |values: &str| {
        let sql = format!("INSERT INTO restatement VALUES (1, 0, 1, 0, 0, {values})");
        let result = connection.execute(&sql, []).is_ok();
        connection.execute_batch("DELETE FROM restatement").unwrap();
        result
    };
    for good in [
        "1, 2, 3, 4, NULL, NULL",
        "1, 2, 3, 4, '{}', '{}'",
        "NULL, 2, NULL, 4, NULL, '{}'",
    ] {
        assert!(insert(good), "{good}");
    }
    for bad in [
        "NULL, 2, 3, 4, NULL, '{}'",
        "1, 2, NULL, 4, NULL, NULL",
        "NULL, 2, NULL, 4, NULL, NULL",
        "NULL, 2, NULL, 4, '{}', '{}'",
        "1, 2, 3, 4, NULL, '{}'",
        "1, 2, 3, 4, '{}', NULL",
        "1, 2, 3, 4, 'x', '{}'",
        "1.5, 2, 3, 4, NULL, NULL",
    ] {
        assert!(!insert(bad), "{bad}");
    }
}
