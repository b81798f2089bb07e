//! Compares tables, views and indexes, and the rows that the migrations wrote, with a new database of the same version.

use std::collections::BTreeMap;

use rusqlite::Connection;

use super::report::{Deep, Subject};
use crate::model::convert::to_i32;
use crate::store::error::Result;
use crate::store::file::migrations;
use crate::store::file::statements::Statements as _;

/// Tables with one row, and the rule for it.
const ONE_ROW: [(&str, &str); 5] = [
    ("zero", "count = 0"),
    ("reject_sequence", "last >= 0"),
    ("gap_build", "complete IN (0, 1)"),
    ("slot_label", "value IN ('start', 'end')"),
    ("sum_build", "complete IN (0, 1)"),
];

/// Compares with a database to which the first `applied` migrations were applied.
pub(super) fn check(connection: &Connection, applied: usize, deep: &mut Deep) -> Result<()> {
    let mut fresh = Connection::open_in_memory()?;
    migrations::apply_up_to(&mut fresh, to_i32(applied))?;
    let expected = objects(&fresh)?;
    deep.compared(
        Subject::Schema,
        format!(
            "{} tables, views and indexes are as they were made",
            expected.len()
        ),
    );
    let found = objects(connection);
    if let Some(found) = deep.judge(Subject::Schema, "the schema cannot be read", found)? {
        compare(&expected, &found, deep);
    }
    if expected.contains_key(&("table".to_owned(), "origin_dictionary".to_owned())) {
        let expected = dictionary(&fresh)?;
        let found = dictionary(connection);
        let found = deep.judge(Subject::Schema, "`origin_dictionary` cannot be read", found)?;
        if let Some(at) = found.and_then(|found| first_difference(&expected, &found)) {
            let place = expected
                .get(at)
                .map_or("its end", |row| row.first().map_or("", String::as_str));
            deep.found(
                Subject::Schema,
                format!("`origin_dictionary` is changed at `{place}`"),
            );
        }
    }
    for (table, rule) in ONE_ROW {
        if !expected.contains_key(&("table".to_owned(), table.to_owned())) {
            continue;
        }
        let sql = format!("SELECT count(*), total({rule}) FROM {table}");
        let count = connection.query_row(&sql, [], |row| Ok((row.get(0)?, row.get(1)?)));
        let what = format!("`{table}` cannot be read");
        let count: Option<(i64, f64)> = deep.judge(Subject::Schema, &what, count.map_err(Into::into))?;
        if count.is_some_and(|count| count != (1, 1.0)) {
            deep.found(Subject::Schema, format!("`{table}` does not hold its one row"));
        }
    }
    Ok(())
}

type Key = (String, String);

/// Returns every object's table and text, by its kind and name.
fn objects(connection: &Connection) -> Result<BTreeMap<Key, (String, Option<String>)>> {
    let sql = "SELECT type, name, tbl_name, sql FROM sqlite_schema";
    let objects = connection.rows(sql, [], |row| {
        Ok(((row.get(0)?, row.get(1)?), (row.get(2)?, row.get(3)?)))
    })?;
    Ok(objects.into_iter().collect())
}

/// Finds objects that are missing or changed. An additional table, view or index changes no figure; a trigger may.
fn compare<T: PartialEq>(expected: &BTreeMap<Key, T>, found: &BTreeMap<Key, T>, deep: &mut Deep) {
    for (key, made) in expected {
        let (kind, name) = key;
        match found.get(key) {
            Some(same) if same == made => {}
            Some(_) => deep.found(
                Subject::Schema,
                format!("the {kind} `{name}` is not as this program makes it"),
            ),
            None => deep.found(Subject::Schema, format!("the {kind} `{name}` is missing")),
        }
    }
    for (kind, name) in found.keys().filter(|key| !expected.contains_key(key)) {
        if kind == "trigger" {
            deep.found(
                Subject::Schema,
                format!("the trigger `{name}` is not of this program"),
            );
        }
    }
}

/// Returns the rows of the dictionary in their order. The first column identifies the row.
fn dictionary(connection: &Connection) -> Result<Vec<Vec<String>>> {
    connection.rows(
        "SELECT relation || '.' || \"column\", relation, \"column\", type, unit, meaning
         FROM origin_dictionary ORDER BY rowid",
        [],
        |row| Ok((0..6).map(|at| row.get(at)).collect::<rusqlite::Result<_>>()?),
    )
}

fn first_difference<T: PartialEq>(expected: &[T], found: &[T]) -> Option<usize> {
    let common = expected
        .iter()
        .zip(found)
        .position(|(expected, found)| expected != found);
    common.or_else(|| (expected.len() != found.len()).then(|| expected.len().min(found.len())))
}
