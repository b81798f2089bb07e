//! Parquet and CSV files: their content, which of them are rewritten, and what a kill leaves.

mod content;
mod cut_off;
mod directory;
mod incremental;
mod label;

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::Instant;

use jdcdn_stats::model::civil;
use parquet::basic::{LogicalType, Type as PhysicalType};
use parquet::file::reader::{FileReader as _, SerializedFileReader};
use parquet::record::Field;
use rusqlite::Connection;
use rusqlite::types::Value;

use crate::rollups::shift;
use crate::sandbox::{Ended, Sandbox, at, ended, signal, wait_until};
use crate::scale::peak_memory;

const PARQUET: [&str; 4] = ["export", "--format", "parquet", "out"];

const CSV: [&str; 4] = ["export", "--format", "csv", "out"];

const RELATIONS: [(&str, &str); 2] = [
    ("origin_stats", "ts, time_utc, time_cst, bandwidth, pv"),
    ("origin_status_codes", "ts, time_utc, time_cst, code, count"),
];

const NOON: &str = "2026-06-01 12:00";

/// Two domains with two days in May and one in June.
fn sandbox() -> Sandbox {
    let sandbox = Sandbox::with_domains(2);
    sandbox.backfill("2026-05-30", "2026-06-02", &[]).with(0);
    sandbox
}

fn export(sandbox: &Sandbox, command: &[&str], more: &[&str]) -> Ended {
    sandbox.run(&[command, more].concat())
}

/// The database, for tampering.
fn writable(sandbox: &Sandbox) -> Connection {
    Connection::open(sandbox.path("jdcdn-stats.db")).unwrap()
}

/// Runs `sql` with NOON replaced by a time in June.
fn change(sandbox: &Sandbox, sql: &str) {
    let sql = sql.replace("NOON", &at(NOON).to_string());
    writable(sandbox).execute_batch(&sql).unwrap();
}

/// Every file below `root` but the lock, by its path from there.
fn files(root: &Path) -> BTreeMap<String, PathBuf> {
    let mut found = BTreeMap::new();
    let mut open = vec![root.to_owned()];
    while let Some(directory) = open.pop() {
        for entry in fs::read_dir(directory).unwrap() {
            let entry = entry.unwrap();
            if entry.file_type().unwrap().is_dir() {
                open.push(entry.path());
            } else if entry.file_name() != "_manifest.json.lock" {
                let name = entry
                    .path()
                    .strip_prefix(root)
                    .unwrap()
                    .to_str()
                    .unwrap()
                    .to_owned();
                found.insert(name, entry.path());
            }
        }
    }
    found
}

fn data_files(sandbox: &Sandbox) -> BTreeMap<String, PathBuf> {
    let mut found = files(&sandbox.path("out"));
    found.remove("_manifest.json").unwrap();
    found
}

/// Inode and modification time of every file: they change with every write.
fn identities(sandbox: &Sandbox) -> BTreeMap<String, (u64, i64, i64)> {
    let identity = |path: &Path| {
        let found = fs::metadata(path).unwrap();
        (found.ino(), found.mtime(), found.mtime_nsec())
    };
    let found = files(&sandbox.path("out"));
    found
        .iter()
        .map(|(name, path)| (name.clone(), identity(path)))
        .collect()
}

fn manifest(sandbox: &Sandbox) -> serde_json::Value {
    serde_json::from_str(&fs::read_to_string(sandbox.path("out/_manifest.json")).unwrap()).unwrap()
}

/// The rows of a view of one domain and month, as Parquet has them: times in microseconds.
fn view_rows(
    database: &Connection,
    (view, columns): (&str, &str),
    domain: &str,
    month: &str,
) -> Vec<Vec<Value>> {
    let (from, to) = civil::cst_month_bounds(at(month)).unwrap();
    let shift = shift(database);
    let order = if columns.contains("code") {
        "ts, code"
    } else {
        "ts"
    };
    let sql =
        format!("SELECT {columns} FROM {view} WHERE domain = ?1 AND ts >= ?2 AND ts < ?3 ORDER BY {order}");
    let mut select = database.prepare(&sql).unwrap();
    let count = select.column_count();
    let rows = select.query_map((domain, from + shift, to + shift), |row| {
        (0..count).map(|at| row.get(at)).collect()
    });
    rows.unwrap().map(Result::unwrap).collect()
}

/// The text of a timestamp column.
fn second(micros: i64) -> Value {
    assert_eq!(micros % 1_000_000, 0);
    Value::Text(civil::utc_second(micros / 1_000_000))
}

fn parquet_rows(path: &Path) -> Vec<Vec<Value>> {
    let reader = SerializedFileReader::new(File::open(path).unwrap()).unwrap();
    reader
        .get_row_iter(None)
        .unwrap()
        .map(|row| {
            let row = row.unwrap();
            let cells = row.get_column_iter().map(|(_, field)| match field {
                Field::Long(number) => Value::Integer(*number),
                Field::TimestampMicros(micros) => second(*micros),
                Field::Str(text) => Value::Text(text.clone()),
                other => panic!("{other:?}"),
            });
            cells.collect()
        })
        .collect()
}

/// A value of a Hive path as readers undo it.
fn unescaped(value: &str) -> String {
    let mut bytes = value.bytes();
    let mut out = Vec::new();
    while let Some(byte) = bytes.next() {
        if byte == b'%' {
            let digits = [bytes.next().unwrap(), bytes.next().unwrap()];
            let digits = String::from_utf8(digits.to_vec()).unwrap();
            out.push(u8::from_str_radix(&digits, 16).unwrap());
        } else {
            out.push(byte);
        }
    }
    String::from_utf8(out).unwrap()
}

/// Relation, domain and month of a file.
fn place(name: &str) -> (&str, String, &str) {
    let parts: Vec<&str> = name.split('/').collect();
    let domain = parts[1].strip_prefix("domain=").unwrap();
    (
        parts[0],
        unescaped(domain),
        parts[2].strip_prefix("month=").unwrap(),
    )
}

/// The Parquet files together are what the views hold, each row once.
#[track_caller]
fn assert_parquet_is_the_views(sandbox: &Sandbox) {
    let database = sandbox.database();
    let mut rows = BTreeMap::from(RELATIONS.map(|(view, _)| (view, 0)));
    for (name, path) in data_files(sandbox) {
        let (relation, domain, month) = place(&name);
        let view = RELATIONS.into_iter().find(|(view, _)| *view == relation).unwrap();
        let expected = view_rows(&database, view, &domain, month);
        assert!(!expected.is_empty(), "{name}");
        assert!(
            parquet_rows(&path) == expected,
            "{name} is not what `{relation}` holds"
        );
        *rows.get_mut(relation).unwrap() += expected.len();
    }
    for (view, count) in rows {
        let sql = format!("SELECT count(*) FROM {view}");
        let all: i64 = database.query_row(&sql, [], |row| row.get(0)).unwrap();
        assert_eq!(usize::try_from(all), Ok(count), "{view}");
    }
}

/// Three domains with four months: an export takes long enough to be cut off.
fn long_sandbox() -> Sandbox {
    static DATABASE: OnceLock<Vec<u8>> = OnceLock::new();
    let sandbox = Sandbox::with_domains(3);
    let path = sandbox.path("jdcdn-stats.db");
    if let Some(database) = DATABASE.get() {
        fs::write(path, database).unwrap();
    } else {
        sandbox.backfill("2026-02-01", "2026-06-01", &["-q"]).with(0);
        let _ = DATABASE.set(fs::read(path).unwrap());
    }
    sandbox
}

/// The files of a whole export of [`long_sandbox`].
const FILES: usize = 24;

fn whole_files(sandbox: &Sandbox) -> usize {
    let out = sandbox.path("out");
    if !out.exists() {
        return 0;
    }
    let found = files(&out);
    found
        .keys()
        .filter(|name| name.ends_with("/part-0.parquet"))
        .count()
}
