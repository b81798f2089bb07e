//! What the file says about each code: its class, its meaning, and whether it is an origin error.

use super::moments::before_migration;
use super::*;
use crate::model::status_codes::{class, is_origin_error, meaning};

/// Codes of HTTP, of nginx, of the vendor, and texts that look like a code.
const CODES: [&str; 26] = [
    "0", "00", "000", "099", "100", "1000", "20", "200", "299", "2x0", "304", "399", "404", "464", "499",
    "500", "512", "599", "5xx", "600", "605", "999", "Other", "other", " 500", "２00",
];

fn stored() -> Sandbox {
    let mut sandbox = Sandbox::new();
    let mut codes = CODES.map(|code| (code, 0));
    codes.sort_unstable();
    sandbox.commit(answer(
        span(0, 2),
        &[(MIDNIGHT, 0, 0, &codes), (MIDNIGHT + 300, 8, 3, &[("502", 3)])],
    ));
    sandbox
}

fn text(text: &str) -> Value {
    Value::Text(text.to_owned())
}

fn described(code: &str) -> Vec<Value> {
    let known = meaning(code);
    vec![
        text(code),
        text(class(code)),
        text(known.meaning),
        text(known.source),
        Value::Integer(i64::from(is_origin_error(code))),
    ]
}

const ALL: &str = "SELECT * FROM origin_codes ORDER BY code";

#[test]
fn every_code_that_was_seen_has_its_class_its_meaning_and_its_source_also_without_requests() {
    let sandbox = stored();
    let mut codes: Vec<_> = CODES.into_iter().chain(["502"]).collect();
    codes.sort_unstable();
    let expected: Vec<_> = codes.into_iter().map(described).collect();
    assert_eq!(sandbox.rows(ALL), expected);
}

#[test]
fn the_class_that_a_relation_shows_is_the_one_of_the_rule() {
    let sandbox = stored();
    for (relation, rows) in [
        ("origin_status_codes", CODES.len() + 1),
        ("origin_status_nonzero", 1),
    ] {
        let found = sandbox.rows(&format!("SELECT code, class FROM {relation}"));
        assert_eq!(found.len(), rows, "{relation}");
        for row in found {
            let [Value::Text(code), Value::Text(shown)] = row.as_slice() else {
                panic!("{row:?}");
            };
            assert_eq!(shown, class(code), "{relation}: {code}");
        }
        let errors = format!("SELECT total(count), count(*) FROM {relation} WHERE class = '5xx'");
        let of_the_rule = CODES.iter().filter(|code| is_origin_error(code)).count();
        let zeros = if rows > 1 {
            i64::try_from(of_the_rule).unwrap()
        } else {
            0
        };
        assert_eq!(
            sandbox.rows(&errors).concat(),
            [Value::Real(3.0), Value::Integer(zeros + 1)]
        );
    }
}

/// A file of an earlier version, and one whose texts are of an earlier version of this program.
#[test]
fn an_old_file_gets_the_texts_when_it_is_opened_for_writing_and_is_then_left_alone() {
    let dir = before_migration(14, |old| {
        old.execute_batch(
            "INSERT INTO code (id, code) VALUES (1, '200'), (2, '502'), (3, '464'), (4, 'new')",
        )
        .unwrap();
    });
    let path = dir.path().join("stats.db");
    let expected = ["200", "464", "502", "new"].map(described);
    open(&path).unwrap();
    let file = rusqlite::Connection::open(&path).unwrap();
    assert_eq!(rows(&file, ALL), expected);
    file.execute_batch(
        "UPDATE code_text SET meaning = 'as the first version had it' WHERE code_id = 2;
         DELETE FROM code_text WHERE code_id = 3",
    )
    .unwrap();
    assert_ne!(rows(&file, ALL), expected);
    open(&path).unwrap();
    assert_eq!(rows(&file, ALL), expected);
    assert_eq!(open(&path).unwrap().total_changes(), 0);
}

#[test]
fn a_code_of_a_transaction_that_failed_leaves_no_text_and_comes_again_with_it() {
    let mut sandbox = stored();
    let taken = answer(span(2, 1), &[(MIDNIGHT + 600, 8, 3, &[("507", 3)])]);
    let outside = answer(span(3, 1), &[(MIDNIGHT, 8, 3, &[("508", 3)])]);
    let failed = sandbox.store.commit(sandbox.run, &[taken.clone(), outside]);
    assert!(failed.is_err(), "{failed:?}");
    let count = "SELECT count(*) FROM origin_codes WHERE code IN ('507', '508')";
    assert_eq!(sandbox.number(count), 0);
    sandbox.commit(taken);
    let found = sandbox.rows("SELECT * FROM origin_codes WHERE code = '507'");
    assert_eq!(found, [described("507")]);
}

#[test]
fn the_two_commonest_codes_of_the_first_points_get_the_numbers_that_take_no_byte() {
    let mut sandbox = Sandbox::new();
    let numbers = "SELECT code FROM code WHERE id IN (0, 1) ORDER BY id";
    // Zeros are no counts.
    let zeros: &[(&str, i64)] = &[("0", 0), ("200", 5), ("304", 0)];
    let first = answer(
        span(0, 3),
        &[
            (MIDNIGHT, 8, 5, zeros),
            (MIDNIGHT + 300, 8, 8, &[("0", 0), ("200", 5), ("404", 3)]),
            (MIDNIGHT + 600, 8, 9, &[("000", 1), ("200", 5), ("404", 3)]),
        ],
    );
    let outside = answer(span(3, 1), &[(MIDNIGHT, 8, 3, &[("500", 3)])]);
    let failed = sandbox.store.commit(sandbox.run, &[first.clone(), outside]);
    assert!(failed.is_err(), "{failed:?}");
    assert!(sandbox.rows(numbers).is_empty());
    sandbox.commit(first.clone());
    assert_eq!(sandbox.rows(numbers), [[text("200")], [text("404")]]);
    // Later points change no number.
    sandbox.commit(answer(span(3, 1), &[(MIDNIGHT + 900, 8, 3, &[("502", 3)])]));
    assert_eq!(sandbox.rows(numbers), [[text("200")], [text("404")]]);
    let stored = "SELECT code, count FROM origin_status_codes WHERE ts = 1568477100 ORDER BY code";
    let expected =
        [("0", 0), ("200", 5), ("404", 3)].map(|(code, count)| vec![text(code), Value::Integer(count)]);
    assert_eq!(sandbox.rows(stored), expected);
    // A file in which codes have numbers keeps them.
    let path = sandbox.path();
    drop(sandbox.store);
    let mut store = open(&path).unwrap();
    let run = store.begin_run(&new_run()).unwrap();
    store.commit(run, &[first]).unwrap();
    let file = rusqlite::Connection::open(&path).unwrap();
    assert_eq!(rows(&file, numbers), [[text("200")], [text("404")]]);
}
