//! The file as SQLite sees it, and its schema against the migrations.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use rusqlite::Connection;

use super::{Findings, Kind};

/// SQLite's own check, which includes the CHECK constraints.
pub(super) fn integrity(database: &Connection, found: &mut Findings) {
    let checked = database
        .prepare("PRAGMA integrity_check(5)")
        .and_then(|mut select| select.query_map([], |row| row.get::<_, String>(0))?.collect());
    match checked {
        Ok(lines) => {
            let lines: Vec<String> = lines;
            for line in lines.into_iter().filter(|line| line != "ok") {
                found.add(Kind::Integrity, line);
            }
        }
        Err(error) => found.add(Kind::Integrity, error.to_string()),
    }
}

/// How many migrations a file has seen.
pub(super) fn version(database: &Connection) -> i64 {
    if !database.table_exists(None, "refinery_schema_history").unwrap() {
        return 0;
    }
    let count = "SELECT count(*) FROM refinery_schema_history";
    database.query_row(count, [], |row| row.get(0)).unwrap()
}

/// The migration files in their order.
pub(super) fn migrations() -> Vec<PathBuf> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations");
    let mut files: Vec<(u32, PathBuf)> = std::fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter_map(|path| {
            let name = path.file_name()?.to_str()?;
            let number = name.strip_prefix('V')?.split_once("__")?.0.parse().ok()?;
            Some((number, path))
        })
        .collect();
    files.sort();
    files.into_iter().map(|(_, path)| path).collect()
}

/// What the migrations that the file has seen make of an empty file is what it has.
pub(super) fn schema(database: &Connection, found: &mut Findings) {
    let seen = version(database);
    let known = migrations();
    if i64::try_from(known.len()) != Ok(seen) {
        found.add(Kind::Schema, format!("only {seen} migrations were applied"));
        return;
    }
    let (expected, stored) = (reference(&known), objects(database));
    for missing in expected.difference(&stored) {
        found.add(Kind::Schema, format!("missing: {missing}"));
    }
    for surplus in stored.difference(&expected) {
        found.add(Kind::Schema, format!("not of a migration: {surplus}"));
    }
}

/// The schema after all migrations; kept, because every judgement asks for it.
fn reference(files: &[PathBuf]) -> BTreeSet<String> {
    static KNOWN: OnceLock<BTreeSet<String>> = OnceLock::new();
    let make = || {
        let database = Connection::open_in_memory().unwrap();
        for file in files {
            let sql = std::fs::read_to_string(file).unwrap();
            database.execute_batch(&sql).unwrap();
        }
        objects(&database)
    };
    KNOWN.get_or_init(make).clone()
}

fn objects(database: &Connection) -> BTreeSet<String> {
    let mut texts: BTreeSet<String> = BTreeSet::new();
    let mut read = |sql: &str| {
        let mut select = database.prepare(sql).unwrap();
        let rows = select.query_map([], |row| row.get::<_, String>(0)).unwrap();
        texts.extend(rows.map(Result::unwrap));
    };
    read(
        "SELECT type || ' ' || name || ' ' || coalesce(sql, '') FROM sqlite_schema
         WHERE name NOT LIKE 'sqlite\\_%' ESCAPE '\\' AND tbl_name <> 'refinery_schema_history'",
    );
    if database.table_exists(None, "origin_dictionary").unwrap() {
        read(
            "SELECT relation || '.' || \"column\" || ' ' || type || ' ' || unit || ': ' || meaning
             FROM origin_dictionary",
        );
    }
    texts
}
