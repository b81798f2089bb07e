//! A file of the version before: everything in the tables that are built anew stays as it was.

use super::moments::{before_migration, expected, slots};
use super::*;
use crate::model::{Gap, GapReason, SlotsByReason};

pub(super) fn filled() -> tempfile::TempDir {
    before_migration(8, |old| {
        old.execute_batch(&format!(
            "INSERT INTO domain VALUES (1, 'a.com'), (2, 'b.com');
             INSERT INTO code_set VALUES (1, '[]');
             INSERT INTO coverage VALUES (1, {MIDNIGHT}, {MIDNIGHT} + 1500, 'c', 'd', 7, 86400, 0, 'settled');
             INSERT INTO point VALUES (1, {MIDNIGHT} + 300, 1, 1, 1), (1, {MIDNIGHT} + 900, 1, 1, 1);
             INSERT INTO gap VALUES
                 (1, {MIDNIGHT}, {MIDNIGHT} + 300, 'a', 'b', 1, 'empty'),
                 (1, {MIDNIGHT} + 600, {MIDNIGHT} + 900, 'a', 'b', 1, 'rejected'),
                 (1, {MIDNIGHT} + 1200, {MIDNIGHT} + 1500, 'a', 'b', 1, 'empty'),
                 (2, {MIDNIGHT}, {MIDNIGHT} + 600, 'a', 'b', 2, 'never_asked');
             INSERT INTO restatement VALUES
                 (1, {MIDNIGHT} + 300, 1, 9, 8, 5, 6, 7, 8, NULL, NULL),
                 (1, {MIDNIGHT} + 300, 2, 10, 9, 6, 1, 8, 1, '{{\"200\":1}}', '{{}}');
             INSERT INTO run (id, command, started_at, outcome, started_cst, points_left_out, failures)
                 VALUES (1, 'sync', 5, 'partial', 'x', 4, '[1]');
             INSERT INTO reject VALUES (3, 1, 'a.com', {MIDNIGHT} + 600, {MIDNIGHT}, {MIDNIGHT} + 1500, 'why', '[]', 5, 1);
             UPDATE reject_sequence SET last = 3;"
        ))
        .unwrap();
    })
}

const GAPS: &str = "SELECT * FROM gap ORDER BY domain_id, start_ts";
const RESTATEMENTS: &str = "SELECT * FROM restatement ORDER BY nth";

/// The columns that were there before.
fn before(rows: &[Vec<Value>], columns: usize) -> Vec<Vec<Value>> {
    rows.iter().map(|row| row[..columns].to_vec()).collect()
}

#[test]
fn what_was_stored_stays_and_what_is_new_begins_unknown() {
    let dir = filled();
    let path = dir.path().join("stats.db");
    let old = rusqlite::Connection::open(&path).unwrap();
    let tables = [GAPS, RESTATEMENTS, "SELECT * FROM run", "SELECT * FROM reject"];
    let stored = tables.map(|sql| rows(&old, sql));
    drop(old);
    let store = open(&path).unwrap();
    let new = rusqlite::Connection::open(&path).unwrap();
    for (sql, stored) in tables.iter().zip(&stored) {
        assert_eq!(before(&rows(&new, sql), stored[0].len()), *stored, "{sql}");
    }
    let begin = |sql: &str| rows(&new, sql).concat();
    assert_eq!(
        begin("SELECT DISTINCT confirmed, asked_domains, asked_slots FROM gap"),
        [Value::Integer(0), Value::Null, Value::Null]
    );
    assert_eq!(
        begin("SELECT kind FROM reject"),
        [Value::Text("unknown".to_owned())]
    );
    assert_eq!(
        begin("SELECT slots_asked, points_surplus, conclusions, points_left_out FROM origin_runs"),
        [
            Value::Integer(0),
            Value::Integer(0),
            Value::Text("[]".to_owned()),
            Value::Integer(4)
        ]
    );
    for table in [
        "refusal",
        "service_fact",
        "hole_sampling",
        "hole_cursor",
        "reject_dropped",
    ] {
        let count = rows(&new, &["SELECT count(*) FROM ", table].concat()).concat();
        assert_eq!(count, [Value::Integer(0)], "{table}");
    }
    assert_eq!(begin("PRAGMA integrity_check"), [Value::Text("ok".to_owned())]);
    assert_eq!(
        begin("SELECT count(*) FROM pragma_foreign_key_check"),
        [Value::Integer(0)]
    );
    assert_eq!(
        store.holes(&domain("a.com"), slots(0, 9)).unwrap(),
        [
            Gap::empty(slots(0, 1), None),
            Gap::new(slots(2, 3), GapReason::Rejected),
            Gap::empty(slots(4, 5), None)
        ]
    );
}

#[test]
fn a_file_that_is_only_read_is_read_as_it_was() {
    let dir = filled();
    let path = dir.path().join("stats.db");
    let reader = Reader::open(&path).unwrap();
    let a = domain("a.com");
    let expected = expected(&["a.com"], None, 5);
    let found = reader.find_gaps("a.com", &expected, slots(0, 9)).unwrap();
    assert_eq!(
        found.gaps,
        [
            Gap::empty(slots(0, 1), None),
            Gap::new(slots(2, 3), GapReason::Rejected),
            Gap::empty(slots(4, 5), None)
        ]
    );
    assert_eq!(reader.noted_gaps("a.com", &expected, slots(0, 9)).unwrap(), found);
    assert_eq!(reader.holes(&a, slots(2, 3)).unwrap(), found.gaps[1..2]);
    assert_eq!(reader.domains().unwrap(), ["a.com", "b.com"]);
    assert_eq!(
        reader.listed_gaps("a.com", &expected, slots(0, 9)).unwrap(),
        found
    );
    let overview = reader.overview(&["a.com".to_owned()], &expected).unwrap();
    assert!(!overview.as_of.noted);
    assert_eq!(overview.domains[0].gaps, SlotsByReason::of(&found.gaps));
    assert_eq!(overview.domains[0].points, 2);
    assert!(overview.domains[0].adds_up());
    assert_eq!(reader.refusals(&[a]).unwrap(), []);
    assert_eq!(reader.fact(&crate::model::FactName::SubHourPoints).unwrap(), None);
    assert_eq!(reader.dropped_rejects().unwrap(), []);
    drop(reader);
    // The same words after the upgrade.
    open(&path).unwrap();
    let reader = Reader::open(&path).unwrap();
    assert_eq!(reader.find_gaps("a.com", &expected, slots(0, 9)).unwrap(), found);
}

#[test]
fn the_dictionary_speaks_of_itself_last() {
    let sandbox = Sandbox::new();
    let relations =
        sandbox.rows("SELECT relation FROM origin_dictionary WHERE \"column\" = '' ORDER BY rowid");
    let last_two = &relations.concat()[relations.len() - 2..];
    assert_eq!(
        last_two,
        ["origin_settings", "origin_dictionary"].map(|name| Value::Text(name.to_owned()))
    );
}
