//! The sums of points and tables, and what is found by them.

use super::moments::before_migration;
use super::*;
use crate::model::SlotLabel;
use crate::store::file::statements::names;
use crate::store::file::table_sums;
use crate::store::write::derived;
use crate::store::write::summed_tables::TABLES;

/// 2019-10-01 00:00 in UTC+8 comes after this many slots.
const OCTOBER: i64 = 16 * 288;

const SUMS: [&str; 2] = [
    "SELECT domain_id, month_ts, points, counts, sum FROM month_sum WHERE points <> 0 ORDER BY 1, 2",
    "SELECT name, rows, sum FROM table_sum ORDER BY id",
];

/// The sums that are kept are those of what is stored.
#[track_caller]
pub(super) fn assert_sums(path: &Path) {
    let connection = rusqlite::Connection::open(path).unwrap();
    table_sums::add_function(&connection).unwrap();
    let kept = SUMS.map(|sql| rows(&connection, sql));
    let tx = connection.unchecked_transaction().unwrap();
    derived::build_sums(&tx).unwrap();
    assert_eq!(kept, SUMS.map(|sql| rows(&tx, sql)));
}

/// What is found in the file: the subject and the first findings.
#[track_caller]
pub(super) fn damage(path: &Path) -> Vec<String> {
    let connection = rusqlite::Connection::open(path).unwrap();
    let checked = deep::verify(&connection).unwrap();
    let damaged = checked.iter().filter(|checked| checked.is_damaged());
    damaged
        .map(|checked| format!("{}: {}", checked.subject.name(), checked.summary()))
        .collect()
}

fn point(slot: i64, bandwidth: i64) -> Point<'static> {
    let codes: &[_] = &[("200", 7), ("404", 1), ("502", 0)];
    (MIDNIGHT + slot * SLOT_SECONDS, bandwidth, 8, codes)
}

/// The last two slots of September and the first two of October.
fn two_months() -> Sandbox {
    let mut sandbox = Sandbox::new();
    let points: Vec<_> = (-2..2).map(|slot| point(OCTOBER + slot, 100 + slot)).collect();
    sandbox.commit(answer(span(OCTOBER - 4, 8), &points));
    sandbox.store.roll_up(|_, _| ()).unwrap();
    sandbox
}

fn plant(sandbox: &Sandbox, sql: &str) {
    let other = rusqlite::Connection::open(sandbox.path()).unwrap();
    let sql = ["PRAGMA ignore_check_constraints = 1; ", sql].concat();
    other.execute_batch(&sql).unwrap();
}

#[test]
fn the_summed_columns_are_all_columns() {
    let sandbox = Sandbox::new();
    for table in TABLES {
        let sql = format!(
            "SELECT name FROM pragma_table_info('{}')
             WHERE NOT ('{0}' = 'code' AND name IN ('class', 'origin_error')) ORDER BY cid",
            table.name
        );
        let columns = sandbox.rows(&sql).concat();
        let named: Vec<_> = names(table.columns)
            .map(|name| Value::Text(name.to_owned()))
            .collect();
        assert_eq!(columns, named, "{}", table.name);
    }
}

/// They follow from the code, and checks hold them to the rule.
#[test]
fn a_wrong_class_or_origin_error_of_a_code_is_found_without_a_sum() {
    for wrong in ["class = '5xx'", "origin_error = 1"] {
        let sandbox = two_months();
        assert_eq!(damage(&sandbox.path()), Vec::<String>::new());
        plant(&sandbox, &format!("UPDATE code SET {wrong} WHERE code = '200'"));
        let found = damage(&sandbox.path());
        assert!(
            found
                .iter()
                .any(|finding| finding.contains("CHECK constraint failed in code")),
            "{found:?}"
        );
    }
}

#[test]
fn commits_keep_the_sums_and_a_point_that_says_the_same_changes_none() {
    let mut sandbox = two_months();
    assert_sums(&sandbox.path());
    let reader = Reader::open(&sandbox.path()).unwrap();
    let before = reader.month_sums().unwrap().unwrap();
    let months: Vec<_> = before
        .iter()
        .map(|sum| (sum.summed.points, sum.summed.counts))
        .collect();
    assert_eq!(months, [(2, 4), (2, 4)]);
    sandbox.commit(answer(span(OCTOBER, 1), &[point(OCTOBER, 100)]));
    assert_eq!(reader.month_sums().unwrap().unwrap(), before);
    sandbox.commit(answer(span(OCTOBER, 1), &[point(OCTOBER, 101)]));
    assert_sums(&sandbox.path());
    let after = reader.month_sums().unwrap().unwrap();
    assert!(after[0] == before[0] && after[1] != before[1]);
    assert_eq!(damage(&sandbox.path()), Vec::<String>::new());
}

#[test]
fn another_slot_label_moves_the_points_at_the_edges_and_hides_no_damage() {
    let mut sandbox = two_months();
    let edge = MIDNIGHT + OCTOBER * SLOT_SECONDS;
    for label in [SlotLabel::End, SlotLabel::Start, SlotLabel::End] {
        sandbox.store.use_slot_label(label).unwrap();
        assert_sums(&sandbox.path());
        let first = sandbox.number("SELECT points FROM month_sum ORDER BY month_ts LIMIT 1");
        assert_eq!(first, if label == SlotLabel::End { 3 } else { 2 });
        sandbox.store.roll_up(|_, _| ()).unwrap();
        assert_eq!(damage(&sandbox.path()), Vec::<String>::new());
    }
    for ts in [edge, edge + SLOT_SECONDS] {
        plant(&sandbox, &format!("UPDATE point SET pv = pv + 1 WHERE ts = {ts}"));
        for label in [SlotLabel::Start, SlotLabel::End] {
            sandbox.store.use_slot_label(label).unwrap();
            sandbox.store.roll_up(|_, _| ()).unwrap();
            let found = damage(&sandbox.path());
            assert!(
                found
                    .iter()
                    .any(|finding| finding.starts_with("point sums: points of `www.a.com`")),
                "{ts} {label}: {found:?}"
            );
        }
        plant(&sandbox, &format!("UPDATE point SET pv = pv - 1 WHERE ts = {ts}"));
        let found = damage(&sandbox.path());
        assert!(
            !found.iter().any(|finding| finding.starts_with("point sums")),
            "{found:?}"
        );
    }
}

#[test]
fn a_file_of_before_gets_its_sums_when_it_is_opened_for_writing() {
    let dir = before_migration(10, |old| {
        old.execute_batch(&format!(
            "INSERT INTO domain VALUES (1, 'a.com'), (2, 'b.com');
             INSERT INTO code VALUES (1, '200'); INSERT INTO code_set VALUES (1, '[\"200\"]');
             INSERT INTO code_set_member VALUES (1, 1);
             INSERT INTO coverage VALUES (1, {MIDNIGHT}, {MIDNIGHT} + 600, '', '', 0, 86400, 0, 'settled');
             INSERT INTO point VALUES (1, {MIDNIGHT}, 1, 1, 1), (1, {MIDNIGHT} + 300, 1, 2, 1);
             INSERT INTO code_count VALUES (1, {MIDNIGHT}, 1, 1);
             INSERT INTO calendar VALUES ({MIDNIGHT}, '2019-09-14 16:00:00', '2019-09-15 00:00:00'),
                 ({MIDNIGHT} + 300, '2019-09-14 16:05:00', '2019-09-15 00:05:00');
             INSERT INTO rollup_due VALUES (1, {MIDNIGHT}); UPDATE gap_build SET complete = 1"
        ))
        .unwrap();
    });
    let path = dir.path().join("stats.db");
    // Nothing false is said of a file without sums.
    assert_eq!(damage(&path), Vec::<String>::new());
    assert_eq!(Reader::open(&path).unwrap().month_sums().unwrap(), None);
    let mut store = open(&path).unwrap();
    assert_sums(&path);
    store.roll_up(|_, _| ()).unwrap();
    assert_eq!(damage(&path), Vec::<String>::new());
    let sums = Reader::open(&path).unwrap().month_sums().unwrap().unwrap();
    assert_eq!(
        (
            sums[0].domain.as_str(),
            sums[0].summed.points,
            sums[0].summed.counts
        ),
        ("a.com", 2, 1)
    );
}

#[test]
fn a_change_by_another_program_leaves_the_sums_and_one_of_ours_does_not() {
    let sandbox = two_months();
    let ours = rusqlite::Connection::open(sandbox.path()).unwrap();
    table_sums::add_function(&ours).unwrap();
    let changes = table_sums::watch(&ours, &TABLES).unwrap();
    for sql in [
        "UPDATE coverage SET fetched_at = fetched_at + 1",
        "INSERT INTO domain (name) VALUES ('b.com')",
        "DELETE FROM gap",
    ] {
        ours.execute_batch(sql).unwrap();
        changes.write(&ours).unwrap();
        assert_sums(&sandbox.path());
    }
    plant(&sandbox, "UPDATE coverage SET fetched_at = fetched_at + 1");
    let found = damage(&sandbox.path());
    assert!(
        found
            .iter()
            .any(|finding| finding.contains("the rows of `coverage`")),
        "{found:?}"
    );
}

#[test]
fn what_a_transaction_took_back_is_not_added_to_the_sums_by_a_later_one() {
    let mut sandbox = two_months();
    let failed = sandbox.store.in_transaction(|tx, _| {
        tx.execute("INSERT INTO domain (name) VALUES ('b.com')", [])?;
        Err::<(), _>(StoreErrorKind::Interrupted)
    });
    assert!(failed.unwrap_err().is_interruption());
    sandbox.commit(answer(span(OCTOBER + 9, 1), &[point(OCTOBER + 9, 1)]));
    assert_sums(&sandbox.path());
}

#[test]
fn a_rejected_point_that_is_taken_back_leaves_the_sums_of_those_before_it() {
    let mut sandbox = two_months();
    let again = |slot: i64, codes| {
        let ts = MIDNIGHT + (OCTOBER + slot) * SLOT_SECONDS;
        let action = ReplayAction::Store(Box::new(Commit {
            coverage: Coverage::Unchanged,
            ..answer(span(OCTOBER + slot, 1), &[(ts, 5, 9, codes)])
        }));
        RejectReplay { id: 1, action }
    };
    // The first is new, and the second has other figures than the stored one.
    let replays = [again(3, &[("418", 9)]), again(0, &[("419", 9)])];
    let outcomes = sandbox.store.replay_rejects(sandbox.run, &replays).unwrap();
    assert_eq!(outcomes[0], ReplayOutcome::Inserted);
    assert!(matches!(outcomes[1], ReplayOutcome::Kept(_)));
    assert_eq!(
        sandbox.number("SELECT count(*) FROM code WHERE code LIKE '41%'"),
        1
    );
    assert_sums(&sandbox.path());
}

fn kind_of_commit(sandbox: &mut Sandbox, bandwidth: i64) -> StoreErrorKind {
    let commit = answer(span(OCTOBER, 1), &[point(OCTOBER, bandwidth)]);
    sandbox
        .store
        .commit(sandbox.run, &[commit])
        .unwrap_err()
        .into_kind()
}

#[test]
fn a_commit_does_not_go_on_over_damage_that_it_meets() {
    let mut sandbox = two_months();
    plant(
        &sandbox,
        "CREATE TRIGGER t BEFORE UPDATE ON point BEGIN SELECT RAISE(IGNORE); END",
    );
    assert!(matches!(
        kind_of_commit(&mut sandbox, 5),
        StoreErrorKind::Impossible(_)
    ));
    plant(&sandbox, "DROP TRIGGER t");
    plant(
        &sandbox,
        "CREATE TRIGGER t BEFORE INSERT ON code_count BEGIN SELECT RAISE(IGNORE); END",
    );
    let more: Point<'_> = (
        MIDNIGHT + OCTOBER * SLOT_SECONDS,
        100,
        9,
        &[("200", 7), ("404", 2), ("502", 0)],
    );
    let commit = answer(span(OCTOBER, 1), &[more]);
    let failed = sandbox.store.commit(sandbox.run, &[commit]).unwrap_err();
    assert!(matches!(failed.kind(), StoreErrorKind::Impossible(_)), "{failed}");
    plant(&sandbox, "DROP TRIGGER t; UPDATE point SET bandwidth = 'many'");
    let failed = kind_of_commit(&mut sandbox, 5);
    assert!(matches!(failed, StoreErrorKind::Damaged(_)), "{failed}");
    assert!(
        damage(&sandbox.path())
            .iter()
            .any(|finding| finding.starts_with("point sums: "))
    );
}

#[test]
fn rollups_do_not_go_on_over_a_figure_that_is_none() {
    let mut sandbox = two_months();
    sandbox.commit(answer(span(OCTOBER, 1), &[point(OCTOBER, 101)]));
    plant(&sandbox, "UPDATE point SET pv = 'many'");
    let failed = sandbox.store.roll_up(|_, _| ()).unwrap_err();
    assert!(matches!(failed.kind(), StoreErrorKind::Damaged(_)), "{failed}");
    assert_eq!(failed.class(), ErrorClass::Unusable);
}

#[test]
fn what_no_range_of_time_is_ends_with_a_finding_and_not_with_a_panic() {
    let sandbox = two_months();
    for (sql, subject) in [
        (
            "UPDATE coverage SET start_ts = -9223372036854775807",
            "coverage: ",
        ),
        ("UPDATE coverage SET end_ts = 9223372036854775807", "coverage: "),
        ("UPDATE coverage SET end_ts = start_ts", "coverage: "),
        ("UPDATE gap SET end_ts = 9223372036854775807", "gaps: "),
        ("UPDATE gap SET reason = 'none'", "gaps: "),
        (
            "UPDATE point SET ts = ts - 9223372036854775807 WHERE ts % 2 = 0",
            "point sums: ",
        ),
        (
            "UPDATE point SET ts = 9223372036854775807 WHERE bandwidth = 100",
            "point sums: ",
        ),
        (
            "UPDATE code_count SET ts = ts + 9000000000000000000",
            "point sums: ",
        ),
        (
            "UPDATE month_sum SET month_ts = 9223372036854775807 WHERE month_ts > 1569800000",
            "point sums: ",
        ),
        ("UPDATE month_sum SET sum = x'00'", "point sums: "),
        (
            "UPDATE calendar SET ts = 9223372036854775807 WHERE ts = (SELECT min(ts) FROM point)",
            "calendar: ",
        ),
        ("DELETE FROM slot_label", "schema text: "),
        ("DELETE FROM table_sum", "table sums: "),
        ("UPDATE rollup_due SET day_ts = 9223372036854775807", "rollups: "),
    ] {
        let copy = sandbox.dir.path().join("copy.db");
        let _ = std::fs::remove_file(&copy);
        let other = rusqlite::Connection::open(sandbox.path()).unwrap();
        other.execute("VACUUM INTO ?1", [copy.to_str()]).unwrap();
        let copied = rusqlite::Connection::open(&copy).unwrap();
        let more = "INSERT INTO rollup_due SELECT domain_id, start_ts - start_ts % 300 FROM coverage; DELETE FROM rollup_day;";
        let sql = if sql.contains("rollup_due") {
            [more, sql].concat()
        } else {
            sql.to_owned()
        };
        copied
            .execute_batch(&["PRAGMA ignore_check_constraints = 1; ", &sql].concat())
            .unwrap();
        let found = damage(&copy);
        assert!(
            found.iter().any(|finding| finding.starts_with(subject)),
            "{sql}: {found:?}"
        );
    }
}
