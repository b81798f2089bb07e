//! Tables, views and indexes, and the rows that the migrations wrote, against a fresh database of the same version.

use std::collections::BTreeMap;

use rusqlite::Connection;

use super::report::{Deep, Subject};
use crate::model::convert::to_i32;
use crate::store::error::Result;
use crate::store::file::migrations;

/// Tables that hold one row, and what fits into it.
const ONE_ROW: [(&str, &str); 5] = [
    ("zero", "count = 0"),
    ("reject_sequence", "last >= 0"),
    ("gap_build", "complete IN (0, 1)"),
    ("slot_label", "value IN ('start', 'end')"),
    ("sum_build", "complete IN (0, 1)"),
];

/// Compares with what the first `applied` migrations make.
pub(super) fn check(connection: &Connection, applied: usize, deep: &mut Deep) -> Result<()> {
    let mut fresh = Connection::open_in_memory()?;
    migrations::apply_up_to(&mut fresh, to_i32(applied))?;
    let wanted = objects(&fresh)?;
    deep.compared(
        Subject::Schema,
        format!("{} tables, views and indexes are as they were made", wanted.len()),
    );
    let found = objects(connection);
    if let Some(found) = deep.judge(Subject::Schema, "the schema cannot be read", found)? {
        compare(&wanted, &found, deep);
    }
    if wanted.contains_key(&("table".to_owned(), "origin_dictionary".to_owned())) {
        let wanted = dictionary(&fresh)?;
        let found = dictionary(connection);
        let found = deep.judge(Subject::Schema, "`origin_dictionary` cannot be read", found)?;
        if let Some(at) = found.and_then(|found| first_difference(&wanted, &found)) {
            let place = wanted
                .get(at)
                .map_or("its end", |row| row.first().map_or("", String::as_str));
            deep.found(
                Subject::Schema,
                format!("`origin_dictionary` is changed at `{place}`"),
            );
        }
    }
    for (table, rule) in ONE_ROW {
        if !wanted.contains_key(&("table".to_owned(), table.to_owned())) {
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

/// Every object's table and text, by its kind and name.
fn objects(connection: &Connection) -> Result<BTreeMap<Key, (String, Option<String>)>> {
    let mut select = connection.prepare("SELECT type, name, tbl_name, sql FROM sqlite_schema")?;
    let rows = select.query_map([], |row| {
        Ok(((row.get(0)?, row.get(1)?), (row.get(2)?, row.get(3)?)))
    })?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// What is missing or changed. Somebody may have added a table, a view or an index, which changes no figure; a trigger may.
fn compare<T: PartialEq>(wanted: &BTreeMap<Key, T>, found: &BTreeMap<Key, T>, deep: &mut Deep) {
    for (key, made) in wanted {
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
    for (kind, name) in found.keys().filter(|key| !wanted.contains_key(key)) {
        if kind == "trigger" {
            deep.found(
                Subject::Schema,
                format!("the trigger `{name}` is not of this program"),
            );
        }
    }
}

/// The rows of the dictionary in their order; the first column says which one it is.
fn dictionary(connection: &Connection) -> Result<Vec<Vec<String>>> {
    let mut select = connection.prepare(
        "SELECT relation || '.' || \"column\", relation, \"column\", type, unit, meaning
         FROM origin_dictionary ORDER BY rowid",
    )?;
    let rows = select.query_map([], |row| (0..6).map(|at| row.get(at)).collect())?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

fn first_difference<T: PartialEq>(wanted: &[T], found: &[T]) -> Option<usize> {
    let common = wanted
        .iter()
        .zip(found)
        .position(|(wanted, found)| wanted != found);
    common.or_else(|| (wanted.len() != found.len()).then(|| wanted.len().min(found.len())))
}
