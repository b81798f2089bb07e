//! A file as an earlier version of this program left it.

use std::fs;
use std::path::Path;

use jdcdn_stats::store::APPLICATION_ID;
use refinery::{Runner, Target};
use rusqlite::Connection;

use super::{Table, tables};

/// A file of an earlier schema: the main file, its log, and the rows of both.
pub(super) struct OldFile {
    pub(super) version: i32,
    pub(super) tables: std::collections::BTreeMap<String, Table>,
    main: Vec<u8>,
    log: Option<Vec<u8>>,
}

fn steps() -> Vec<refinery::Migration> {
    refinery::load_sql_migrations(concat!(env!("CARGO_MANIFEST_DIR"), "/migrations")).unwrap()
}

/// The newest schema that there is.
pub(super) fn newest() -> i32 {
    steps().iter().map(refinery::Migration::version).max().unwrap()
}

impl OldFile {
    /// What the database at `from` holds, in a file that has seen the migrations up to `version`: as much of it as
    /// that schema has a place for. Every other version leaves all of it in the log, as a kill does.
    pub(super) fn new(from: &Path, version: i32) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("old.db");
        let mut old = Connection::open(&path).unwrap();
        old.pragma_update(None, "application_id", APPLICATION_ID).unwrap();
        old.pragma_update(None, "journal_mode", "wal").unwrap();
        Runner::new(&steps())
            .set_target(Target::Version(version))
            .run(&mut old)
            .unwrap();
        old.execute("ATTACH ?1 AS today", [from.to_str().unwrap()])
            .unwrap();
        old.pragma_update(None, "foreign_keys", false).unwrap();
        let keeps_log = version % 2 == 1;
        old.pragma_update(None, "wal_autocheckpoint", if keeps_log { 0 } else { 1000 })
            .unwrap();
        fill(&old, version);
        old.execute_batch("DETACH today").unwrap();
        let tables = tables(&old);
        let log = keeps_log.then(|| fs::read(directory.path().join("old.db-wal")).unwrap());
        let main = if keeps_log {
            fs::read(&path).unwrap()
        } else {
            drop(old);
            fs::read(&path).unwrap()
        };
        Self {
            version,
            tables,
            main,
            log,
        }
    }

    /// Writes the file and its log.
    pub(super) fn write(&self, path: &Path) {
        fs::write(path, &self.main).unwrap();
        if let Some(log) = &self.log {
            let mut beside = path.as_os_str().to_owned();
            beside.push("-wal");
            fs::write(beside, log).unwrap();
        }
    }
}

fn fill(old: &Connection, version: i32) {
    let tables = tables(old);
    let today: Vec<String> = text(old, "SELECT name FROM today.sqlite_schema WHERE type = 'table'");
    for (name, (columns, _)) in &tables {
        if ["refinery_schema_history", "origin_dictionary"].contains(&name.as_str()) || !today.contains(name)
        {
            continue;
        }
        // What only a later schema has a word for.
        let known = match (name.as_str(), version) {
            ("gap", ..8) => "reason <> 'failed'",
            ("restatement", ..8) => "bandwidth_before IS NOT NULL",
            _ => "true",
        };
        let columns = columns.join(", ");
        // Where the class of a code was written in every row.
        let values = match name.as_str() {
            "rollup_code_day" => {
                columns.replace("class", "(SELECT k.class FROM today.code k WHERE k.id = code_id)")
            }
            _ => columns.clone(),
        };
        old.execute_batch(&format!(
            "DELETE FROM main.{name};
             INSERT INTO main.{name} ({columns}) SELECT {values} FROM today.{name} WHERE {known}"
        ))
        .unwrap();
    }
    if version % 2 == 0 && tables.contains_key("origin_hourly") {
        // As a run leaves it that was killed before its end: the last day is stale.
        old.execute_batch(
            "INSERT INTO rollup_due SELECT DISTINCT domain_id, (ts + 28800) / 86400 * 86400 - 28800 FROM point
             WHERE ts >= (SELECT max(ts) - 86400 FROM point);
             DELETE FROM origin_hourly WHERE hour_cst > (SELECT max(substr(hour_cst, 1, 10)) FROM origin_hourly)",
        )
        .unwrap();
    }
}

fn text(database: &Connection, sql: &str) -> Vec<String> {
    let mut select = database.prepare(sql).unwrap();
    let rows = select.query_map([], |row| row.get(0)).unwrap();
    rows.map(Result::unwrap).collect()
}
