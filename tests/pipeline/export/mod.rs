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

/// The relations of points, and the order of their rows.
const POINTS: [(&str, &str); 2] = [
    ("origin_stats", "domain, ts"),
    ("origin_status_codes", "domain, ts, code"),
];

/// The other relations, the column that says their month, and the order of their rows.
const OTHERS: [(&str, &str, &str); 8] = [
    ("origin_hourly", "hour_cst", "domain, hour_cst"),
    ("origin_daily", "date_cst", "domain, date_cst"),
    ("origin_status_daily", "date_cst", "domain, date_cst, code"),
    ("origin_monthly", "month_cst", "domain"),
    ("origin_account_hourly", "hour_cst", "hour_cst"),
    ("origin_account_daily", "date_cst", "date_cst"),
    ("origin_account_monthly", "month_cst", "month_cst"),
    ("origin_codes", "", "code"),
];

/// The days that were asked for. The database has them as ranges.
const ASKED: [&str; 2] = ["origin_asked", "origin_account_asked"];

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

/// Runs `sql` with NOON replaced by a time in June, and makes the program believe that a commit did it.
fn change(sandbox: &Sandbox, sql: &str) {
    let sql = sql.replace("NOON", &at(NOON).to_string());
    let believed = "UPDATE sum_build SET complete = 0;
        INSERT OR IGNORE INTO rollup_due
            SELECT DISTINCT domain_id, ts - (ts + 28800) % 86400 FROM point";
    writable(sandbox)
        .execute_batch(&[&sql, ";", believed].concat())
        .unwrap();
    sandbox.run(&["migrate"]).with(0);
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

/// Gives an edited manifest the checksum of its content.
fn seal(manifest: &mut serde_json::Value) {
    // The program computes it from its own order of the fields.
    let fields = [
        "manifest",
        "program",
        "layout",
        "schema",
        "slot_label",
        "written_at",
        "format",
        "bom",
        "domains",
        "state",
        "files",
        "checksum",
    ];
    let of_file = [
        "relation",
        "month",
        "part",
        "file",
        "rows",
        "bytes",
        "sha256",
        "content",
        "last",
        "classes",
        "footer_crc32",
    ];
    let ordered = |value: &serde_json::Value, order: &[&str]| {
        // A manifest of an earlier version, or of CSV files, has fewer.
        let present = order.iter().filter(|name| value.get(**name).is_some());
        let fields: Vec<String> = present.map(|name| format!("{name:?}:{}", value[*name])).collect();
        assert_eq!(value.as_object().unwrap().len(), fields.len(), "{value}");
        fields.join(",")
    };
    manifest["checksum"] = "".into();
    let lines = manifest["files"].as_array().unwrap();
    let lines: Vec<String> = lines
        .iter()
        .map(|line| format!("{{{}}}", ordered(line, &of_file)))
        .collect();
    let mut head = manifest.clone();
    head["files"] = "FILES".into();
    let text =
        format!("{{{}}}", ordered(&head, &fields)).replace("\"FILES\"", &format!("[{}]", lines.join(",")));
    let digest = ring::digest::digest(&ring::digest::SHA256, text.as_bytes());
    let digits = digest.as_ref().iter().map(|byte| format!("{byte:02x}"));
    manifest["checksum"] = digits.collect::<String>().into();
}

/// The days that were asked for in a month, of each domain or of the account: slot by slot, from `origin_coverage`.
fn asked_rows(database: &Connection, relation: &str, month: &str) -> Vec<Vec<Value>> {
    let (from, to) = civil::cst_month_bounds(at(month)).unwrap();
    let shift = shift(database);
    let (domain, order) = if relation == "origin_asked" {
        ("domain, ", "1, 2")
    } else {
        ("", "1")
    };
    let sql = format!(
        "WITH RECURSIVE slot (domain, ts, end_ts) AS (
             SELECT domain, start_ts - {shift}, end_ts - {shift} FROM origin_coverage
             UNION ALL SELECT domain, ts + 300, end_ts FROM slot WHERE ts + 300 < end_ts)
         SELECT {domain}date(ts + 28800, 'unixepoch'), count(DISTINCT ts) FROM slot
         WHERE ts >= {from} AND ts < {to} GROUP BY {order} ORDER BY {order}"
    );
    rows_of(database, &sql)
}

fn rows_of(database: &Connection, sql: &str) -> Vec<Vec<Value>> {
    let mut select = database.prepare(sql).unwrap();
    let count = select.column_count();
    let rows = select.query_map([], |row| (0..count).map(|at| row.get(at)).collect());
    rows.unwrap().map(Result::unwrap).collect()
}

/// The rows of a relation in a month, as an export has them.
fn relation_rows(database: &Connection, relation: &str, month: &str) -> Vec<Vec<Value>> {
    if ASKED.contains(&relation) {
        return asked_rows(database, relation, month);
    }
    let points = POINTS.into_iter().find(|(name, _)| *name == relation);
    let (filter, order) = if let Some((_, order)) = points {
        let (from, to) = civil::cst_month_bounds(at(month)).unwrap();
        let shift = shift(database);
        (format!("ts >= {} AND ts < {}", from + shift, to + shift), order)
    } else {
        let (_, time, order) = OTHERS.into_iter().find(|(name, ..)| *name == relation).unwrap();
        let filter = if time.is_empty() {
            "1".to_owned()
        } else {
            format!("substr({time}, 1, 7) = '{month}'")
        };
        (filter, order)
    };
    rows_of(
        database,
        &format!("SELECT * FROM {relation} WHERE {filter} ORDER BY {order}"),
    )
}

/// Whether the database has a relation.
fn exists(database: &Connection, relation: &str) -> bool {
    let sql = "SELECT count(*) FROM sqlite_schema WHERE name = ?1";
    database
        .query_row(sql, [relation], |row| row.get::<_, i64>(0))
        .unwrap()
        > 0
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
                Field::Double(number) => Value::Real(*number),
                Field::Date(days) => {
                    Value::Text(civil::utc_second(i64::from(*days) * 86_400)[..10].to_owned())
                }
                Field::Null => Value::Null,
                other => panic!("{other:?}"),
            });
            cells.collect()
        })
        .collect()
}

/// Relation and month of a file.
fn place(name: &str) -> (&str, &str) {
    let parts: Vec<&str> = name.split('/').collect();
    (parts[0], parts[1].strip_prefix("month=").unwrap_or_default())
}

/// The Parquet files together are what the relations hold, each row once, in order.
#[track_caller]
fn assert_parquet_is_the_relations(sandbox: &Sandbox) {
    assert_parquet_is(sandbox, |_| true);
}

/// As [`assert_parquet_is_the_relations`], for millions of status codes: they are only counted.
#[track_caller]
fn assert_long_parquet_is_the_relations(sandbox: &Sandbox) {
    assert_parquet_is(sandbox, |relation| relation != "origin_status_codes");
}

#[track_caller]
fn assert_parquet_is(sandbox: &Sandbox, is_compared: impl Fn(&str) -> bool) {
    let database = sandbox.database();
    let mut counts = BTreeMap::new();
    let mut found: BTreeMap<(String, String), Vec<Vec<Value>>> = BTreeMap::new();
    for (name, path) in data_files(sandbox) {
        let (relation, month) = place(&name);
        *counts.entry(relation.to_owned()).or_insert(0) += row_count(&path);
        if is_compared(relation) {
            let rows = found.entry((relation.to_owned(), month.to_owned())).or_default();
            rows.extend(parquet_rows(&path));
        }
    }
    for ((relation, month), rows) in found {
        let expected = relation_rows(&database, &relation, &month);
        assert!(!expected.is_empty(), "{relation} {month}");
        assert!(
            rows == expected,
            "{relation} of {month} is not what the database holds"
        );
    }
    let others = OTHERS.into_iter().map(|(relation, ..)| relation);
    for relation in POINTS.into_iter().map(|(relation, _)| relation).chain(others) {
        if exists(&database, relation) {
            let sql = format!("SELECT count(*) FROM {relation}");
            let all: i64 = database.query_row(&sql, [], |row| row.get(0)).unwrap();
            assert_eq!(all, counts.get(relation).copied().unwrap_or(0), "{relation}");
        }
    }
}

fn row_count(path: &Path) -> i64 {
    let reader = SerializedFileReader::new(File::open(path).unwrap()).unwrap();
    reader.metadata().file_metadata().num_rows()
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

/// How many files of points a whole export of [`long_sandbox`] has.
const FILES: usize = 8;

fn whole_files(sandbox: &Sandbox) -> usize {
    let out = sandbox.path("out");
    if !out.exists() {
        return 0;
    }
    let is_of_points = |name: &&String| POINTS.iter().any(|(relation, _)| place(name).0 == *relation);
    let found = files(&out);
    found
        .keys()
        .filter(|name| name.ends_with("/part-0.parquet"))
        .filter(is_of_points)
        .count()
}

/// How many files a directory has besides the manifest.
fn file_count(sandbox: &Sandbox) -> usize {
    data_files(sandbox).len()
}
