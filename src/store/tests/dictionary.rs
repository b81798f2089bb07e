//! The data dictionary: what it says of every public relation, held against the relations themselves.

use std::collections::BTreeSet;

use rusqlite::Connection;

use super::*;

/// What there is: relation, column and declared type, and a row with neither for each relation.
const THERE: &str = "SELECT m.name, c.name, c.type FROM sqlite_schema m, pragma_table_info(m.name) c
     WHERE m.type IN ('table', 'view') AND m.name LIKE 'origin\\_%' ESCAPE '\\'
     UNION ALL
     SELECT name, '', '' FROM sqlite_schema
     WHERE type IN ('table', 'view') AND name LIKE 'origin\\_%' ESCAPE '\\'";
/// What the dictionary tells of.
const TOLD: &str = "SELECT relation, \"column\", type FROM origin_dictionary";

fn texts(connection: &Connection, sql: &str) -> BTreeSet<[String; 3]> {
    let texts = rows(connection, sql).into_iter().map(|row| {
        <[Value; 3]>::try_from(row).unwrap().map(|value| match value {
            Value::Text(text) => text,
            other => panic!("{sql}: {other:?}"),
        })
    });
    texts.collect()
}

/// What only one of the two knows: what has no entry, and entries that name nothing. A type that differs is both.
fn differences(connection: &Connection) -> (Vec<[String; 3]>, Vec<[String; 3]>) {
    let (there, told) = (texts(connection, THERE), texts(connection, TOLD));
    let only = |one: &BTreeSet<_>, other| one.difference(other).cloned().collect();
    (only(&there, &told), only(&told, &there))
}

fn entry(parts: [&str; 3]) -> [String; 3] {
    parts.map(str::to_owned)
}

#[test]
fn every_public_column_has_its_entry_with_its_type_and_no_entry_names_anything_else() {
    let sandbox = Sandbox::new();
    let connection = Connection::open(sandbox.path()).unwrap();
    assert!(texts(&connection, TOLD).len() > 100);
    assert_eq!(differences(&connection), (vec![], vec![]), "no entry | no column");
}

#[test]
fn a_forgotten_column_an_entry_of_nothing_and_another_type_are_found() {
    let sandbox = Sandbox::new();
    let connection = Connection::open(sandbox.path()).unwrap();
    connection
        .execute_batch(
            "ALTER TABLE origin_account_daily ADD COLUMN forgotten BIGINT;
             UPDATE origin_dictionary SET type = 'INTEGER' WHERE relation = 'origin_stats' AND \"column\" = 'pv';
             INSERT INTO origin_dictionary VALUES ('origin_gone', '', '', '', 'nothing');",
        )
        .unwrap();
    assert_eq!(
        differences(&connection),
        (
            vec![
                entry(["origin_account_daily", "forgotten", "BIGINT"]),
                entry(["origin_stats", "pv", "BIGINT"]),
            ],
            vec![
                entry(["origin_gone", "", ""]),
                entry(["origin_stats", "pv", "INTEGER"]),
            ]
        )
    );
}

/// A unit that is spelled in two ways is two units to whoever groups by it.
#[test]
fn units_come_from_one_list_and_follow_the_names() {
    let sandbox = Sandbox::new();
    let units = [
        "",
        "HTTP requests",
        "UTC text",
        "UTC+8 text",
        "Unix s",
        "bit/s",
        "bytes",
        "domains",
        "points",
        "requests",
        "s",
        "slots",
        "windows",
    ];
    for row in sandbox.rows("SELECT relation, \"column\", unit FROM origin_dictionary") {
        let [Value::Text(relation), Value::Text(column), Value::Text(unit)] = row.as_slice() else {
            panic!("{row:?}");
        };
        let expected = match column.as_str() {
            "ts" | "finished_at" | "window_start" | "window_end" => Some("Unix s"),
            name if name.ends_with("_cst") => Some("UTC+8 text"),
            name if name.ends_with("_ts") || name.ends_with("_at") => Some("Unix s"),
            name if name.starts_with("bandwidth") => Some("bit/s"),
            name if name == "pv" || name.starts_with("pv_") => Some("requests"),
            name if name == "points" || name.starts_with("points_") => Some("points"),
            _ => None,
        };
        assert!(units.contains(&unit.as_str()), "{relation}.{column}: {unit}");
        assert!(
            expected.is_none_or(|expected| expected == unit),
            "{relation}.{column}: {unit}"
        );
    }
}
