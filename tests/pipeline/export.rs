//! Parquet and CSV files: what is in them, what is written again, and what a kill leaves.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::Instant;

use jdcdn_stats::model::civil;
use parquet::basic::{LogicalType, Type as PhysicalType};
use parquet::file::reader::{FileReader as _, SerializedFileReader};
use parquet::record::Field;
use rusqlite::Connection;
use rusqlite::types::Value;

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

/// Runs `sql`, in which NOON stands for a moment in June.
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

/// Inode and time of change of every file: the same only if nobody has written it.
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

/// The files that differ between the two, the manifest left out.
fn changed(
    before: &BTreeMap<String, (u64, i64, i64)>,
    after: &BTreeMap<String, (u64, i64, i64)>,
) -> Vec<String> {
    let names = before.keys().chain(after.keys());
    let mut changed: Vec<String> = names
        .filter(|name| *name != "_manifest.json" && before.get(*name) != after.get(*name))
        .cloned()
        .collect();
    changed.sort();
    changed.dedup();
    changed
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
    let order = if columns.contains("code") {
        "ts, code"
    } else {
        "ts"
    };
    let sql =
        format!("SELECT {columns} FROM {view} WHERE domain = ?1 AND ts >= ?2 AND ts < ?3 ORDER BY {order}");
    let mut select = database.prepare(&sql).unwrap();
    let count = select.column_count();
    let rows = select.query_map((domain, from, to), |row| {
        (0..count).map(|at| row.get(at)).collect()
    });
    rows.unwrap().map(Result::unwrap).collect()
}

fn count_rows(database: &Connection, view: &str, domain: &str, month: &str) -> i64 {
    let (from, to) = civil::cst_month_bounds(at(month)).unwrap();
    let sql = format!("SELECT count(*) FROM {view} WHERE domain = ?1 AND ts >= ?2 AND ts < ?3");
    database
        .query_row(&sql, (domain, from, to), |row| row.get(0))
        .unwrap()
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

#[test]
fn parquet_files_hold_the_views_row_for_row_in_months_of_utc8() {
    let sandbox = sandbox();
    let said = export(&sandbox, &PARQUET, &[]).with(0);
    assert!(said.starts_with("8 files written ("), "{said}");
    assert!(
        said.contains("origin_stats         2 domains, 2026-05 to 2026-06: 4 files, 1,728 rows, "),
        "{said}"
    );
    let names: Vec<String> = data_files(&sandbox).into_keys().collect();
    assert_eq!(names.len(), 8);
    assert_eq!(
        names[0],
        "origin_stats/domain=d000.example.com/month=2026-05/part-0.parquet"
    );
    assert_parquet_is_the_views(&sandbox);

    // Midnight in UTC+8 is the first row of the new month.
    let june = sandbox.path("out").join(&names[1]);
    assert_eq!(parquet_rows(&june)[0][0], Value::Integer(at("2026-06-01")));
    let reader = SerializedFileReader::new(File::open(&june).unwrap()).unwrap();
    let columns = reader
        .metadata()
        .file_metadata()
        .schema_descr()
        .columns()
        .to_vec();
    let adjusted = |at: usize| match columns[at].logical_type_ref() {
        Some(LogicalType::Timestamp(found)) => found.is_adjusted_to_u_t_c,
        other => panic!("{other:?}"),
    };
    assert!(adjusted(1) && !adjusted(2));
    assert!(
        columns
            .iter()
            .all(|column| column.physical_type() == PhysicalType::INT64)
    );
    let chunk = reader.metadata().row_group(0).column(3);
    assert!(chunk.statistics().is_some() && chunk.dictionary_page_offset().is_some());
    assert!(format!("{:?}", chunk.compression()).starts_with("ZSTD"));
}

#[test]
fn csv_files_hold_the_views_with_the_domain_in_front() {
    let sandbox = sandbox();
    export(&sandbox, &CSV, &[]).with(0);
    let database = sandbox.database();
    let found = data_files(&sandbox);
    assert_eq!(found.len(), 8);
    for (name, path) in found {
        let (relation, domain, month) = place(&name);
        let view = RELATIONS.into_iter().find(|(view, _)| *view == relation).unwrap();
        let mut expected = format!("domain,{}\r\n", view.1.replace(' ', ""));
        for row in view_rows(&database, view, &domain, month) {
            expected.push_str(&domain);
            for value in row {
                match value {
                    Value::Integer(number) => expected.push_str(&format!(",{number}")),
                    Value::Text(text) => expected.push_str(&format!(",{text}")),
                    other => panic!("{other:?}"),
                }
            }
            expected.push_str("\r\n");
        }
        assert!(fs::read_to_string(path).unwrap() == expected, "{name}");
    }
}

#[test]
fn what_has_not_changed_is_not_written_again() {
    for command in [PARQUET, CSV] {
        let sandbox = sandbox();
        export(&sandbox, &command, &[]).with(0);
        let before = identities(&sandbox);
        let said = export(&sandbox, &command, &[]).with(0);
        assert!(
            said.starts_with("0 files written, 8 unchanged, 0 removed"),
            "{said}"
        );
        assert_eq!(identities(&sandbox), before, "the manifest too stays as it is");
        // Nor does a run that asks again and finds the same.
        sandbox.backfill("2026-05-30", "2026-06-02", &["--force"]).with(0);
        export(&sandbox, &command, &[]).with(0);
        assert_eq!(identities(&sandbox), before);
    }
}

#[test]
fn a_changed_value_has_exactly_its_own_file_written_again() {
    let sandbox = sandbox();
    export(&sandbox, &PARQUET, &[]).with(0);
    let stats = "origin_stats/domain=d000.example.com/month=2026-06/part-0.parquet";
    let codes = "origin_status_codes/domain=d000.example.com/month=2026-06/part-0.parquet";
    let new_set = "INSERT INTO code_set VALUES (99, '[\"777\"]'); INSERT INTO code VALUES (99, '777');
        INSERT INTO code_set_member VALUES (99, 99);
        DELETE FROM code_count WHERE domain_id = 1 AND ts = NOON;
        UPDATE point SET code_set_id = 99 WHERE domain_id = 1 AND ts = NOON";
    for (sql, files) in [
        (
            "UPDATE point SET bandwidth = bandwidth + 1 WHERE domain_id = 1 AND ts = NOON",
            vec![stats],
        ),
        (
            "UPDATE point SET pv = pv + 1 WHERE domain_id = 1 AND ts = NOON",
            vec![stats],
        ),
        (
            "UPDATE code_count SET count = count + 1 WHERE domain_id = 1 AND ts = NOON",
            vec![codes],
        ),
        (new_set, vec![codes]),
        (
            "DELETE FROM point WHERE domain_id = 1 AND ts = NOON",
            vec![stats, codes],
        ),
    ] {
        let before = identities(&sandbox);
        change(&sandbox, sql);
        export(&sandbox, &PARQUET, &[]).with(0);
        assert_eq!(changed(&before, &identities(&sandbox)), files, "{sql}");
        assert_parquet_is_the_views(&sandbox);
    }
}

#[test]
fn a_file_that_is_missing_or_has_another_size_is_written_again() {
    let sandbox = sandbox();
    export(&sandbox, &PARQUET, &[]).with(0);
    let (missing, cut) = {
        let mut found = data_files(&sandbox).into_values();
        (found.next().unwrap(), found.next_back().unwrap())
    };
    fs::remove_file(&missing).unwrap();
    File::options()
        .write(true)
        .open(&cut)
        .unwrap()
        .set_len(100)
        .unwrap();
    let said = export(&sandbox, &PARQUET, &[]).with(0);
    assert!(said.starts_with("2 files written"), "{said}");
    assert_parquet_is_the_views(&sandbox);
}

#[test]
fn figures_beyond_32_bits_and_reported_zeros_survive() {
    let sandbox = sandbox();
    let (big, most) = (1_i64 << 33, i64::MAX);
    change(
        &sandbox,
        &format!(
            "UPDATE point SET bandwidth = {most}, pv = {big} WHERE domain_id = 1 AND ts = NOON;
             UPDATE code_count SET count = {big} WHERE domain_id = 1 AND ts = NOON"
        ),
    );
    export(&sandbox, &PARQUET, &[]).with(0);
    assert_parquet_is_the_views(&sandbox);
    let found = data_files(&sandbox);
    let noon = |name: &str| -> Vec<Vec<Value>> {
        let mut rows = parquet_rows(&found[name]);
        rows.retain(|row| row[0] == Value::Integer(at(NOON)));
        rows
    };
    let stats = noon("origin_stats/domain=d000.example.com/month=2026-06/part-0.parquet");
    assert_eq!(stats[0][3..], [Value::Integer(most), Value::Integer(big)]);
    let codes = noon("origin_status_codes/domain=d000.example.com/month=2026-06/part-0.parquet");
    assert!(codes.iter().any(|row| row[4] == Value::Integer(big)));
    assert!(codes.iter().any(|row| row[4] == Value::Integer(0)), "{codes:?}");
}

/// Names that mean something to a path, a spreadsheet or a case-blind file system.
const WEIRD: [&str; 7] = [
    "=cmd|' /C calc'!A0",
    "../../../evil",
    "*.a.com",
    "A.com",
    "a.com",
    "%41.com",
    "带\n宽=\",",
];

#[test]
fn weird_domains_and_codes_stay_in_their_place_and_run_in_no_spreadsheet() {
    for command in [PARQUET, CSV] {
        let sandbox = Sandbox::with_domains(1);
        sandbox.backfill("2026-06-01", "2026-06-02", &[]).with(0);
        let database = writable(&sandbox);
        for (id, name) in (100..).zip(WEIRD) {
            database
                .execute("INSERT INTO domain VALUES (?1, ?2)", (id, name))
                .unwrap();
            database
                .execute(
                    "INSERT INTO point SELECT ?1, ts, bandwidth, pv, 99 FROM point WHERE domain_id = 1",
                    [id],
                )
                .unwrap();
        }
        database
            .execute_batch("INSERT INTO code_set VALUES (99, '[]')")
            .unwrap();
        for (id, code) in (100..).zip(["-1", "=1+1", "@SUM(A1)", "+1", "\t=1", "00", "Other"]) {
            database
                .execute("INSERT INTO code VALUES (?1, ?2)", (id, code))
                .unwrap();
            database
                .execute("INSERT INTO code_set_member VALUES (99, ?1)", [id])
                .unwrap();
        }
        export(&sandbox, &command, &[]).with(0);
        let found = data_files(&sandbox);
        assert_eq!(found.len(), 2 * (WEIRD.len() + 1), "{found:?}");
        assert_eq!(
            files(&sandbox.path(""))
                .keys()
                .filter(|name| name.contains("evil"))
                .count(),
            2
        );
        if command == PARQUET {
            assert_parquet_is_the_views(&sandbox);
            continue;
        }
        for (name, path) in found {
            let (_, domain, _) = place(&name);
            let mut reader = csv::Reader::from_path(path).unwrap();
            for record in reader.records() {
                let record = record.unwrap();
                assert_eq!(record[0].trim_start_matches('\''), domain);
                let texts = [&record[0], &record[4]];
                assert!(
                    texts
                        .iter()
                        .all(|text| !text.starts_with(['=', '+', '-', '@', '\t', '\r'])),
                    "{record:?}"
                );
            }
        }
    }
}

#[test]
fn an_empty_database_gives_a_directory_without_files() {
    let sandbox = Sandbox::with_domains(1);
    sandbox.run(&["migrate"]).with(0);
    let said = export(&sandbox, &PARQUET, &[]).with(0);
    assert!(said.contains("holds no files"), "{said}");
    assert_eq!(data_files(&sandbox).len(), 0);
    assert_eq!(manifest(&sandbox)["state"], "complete");
    // It fills up later.
    sandbox.backfill("2026-06-01", "2026-06-02", &[]).with(0);
    export(&sandbox, &PARQUET, &[]).with(0);
    assert_parquet_is_the_views(&sandbox);
    let missing = export(&sandbox, &PARQUET, &["--db", "missing.db"]).failed(5);
    assert!(missing.contains("there is no database at"), "{missing}");
}

#[test]
fn months_without_points_have_no_file_and_those_whose_data_is_gone_lose_theirs() {
    let sandbox = Sandbox::with_domains(2);
    sandbox.backfill("2026-03-05", "2026-03-06", &[]).with(0);
    sandbox.backfill("2026-06-01", "2026-06-02", &[]).with(0);
    export(&sandbox, &PARQUET, &[]).with(0);
    assert_parquet_is_the_views(&sandbox);
    assert_eq!(data_files(&sandbox).len(), 8);

    let theirs = sandbox.path("out/origin_stats/domain=d000.example.com/month=2026-03/notes.txt");
    fs::write(&theirs, "mine").unwrap();
    let before = at("2026-04-01");
    change(
        &sandbox,
        &format!("DELETE FROM point WHERE ts < {before}; DELETE FROM code_count WHERE ts < {before}"),
    );
    // Neither another domain nor another month is touched by an export that does not ask for them.
    let said = export(
        &sandbox,
        &PARQUET,
        &["-d", "d000.example.com", "--from", "2026-06"],
    )
    .with(0);
    assert!(
        said.starts_with("0 files written, 2 unchanged, 0 removed"),
        "{said}"
    );
    let said = export(&sandbox, &PARQUET, &["-d", "d000.example.com"]).with(0);
    assert!(
        said.starts_with("0 files written, 2 unchanged, 2 removed"),
        "{said}"
    );
    let said = export(&sandbox, &PARQUET, &[]).with(0);
    assert!(
        said.starts_with("0 files written, 4 unchanged, 2 removed"),
        "{said}"
    );
    assert!(theirs.exists());
    assert!(
        !sandbox
            .path("out/origin_stats/domain=d001.example.com/month=2026-03")
            .exists()
    );
    fs::remove_file(&theirs).unwrap();
    assert_parquet_is_the_views(&sandbox);
}

#[test]
fn a_range_takes_whole_months_and_a_domain_only_its_own() {
    let sandbox = sandbox();
    let range = [
        "--from",
        "2026-06-01 12:00",
        "--to",
        "2026-06-01 13:00",
        "-d",
        "D001.example.com",
    ];
    export(&sandbox, &PARQUET, &range).with(0);
    let names: Vec<String> = data_files(&sandbox).into_keys().collect();
    let expected =
        RELATIONS.map(|(view, _)| format!("{view}/domain=d001.example.com/month=2026-06/part-0.parquet"));
    assert_eq!(names, expected);
    assert_eq!(manifest(&sandbox)["files"][0]["rows"], 288);

    let unknown = export(&sandbox, &PARQUET, &["-d", "d01.example.com"]).failed(2);
    assert!(
        unknown.contains("no points of `d01.example.com`; did you mean `d001.example.com`?"),
        "{unknown}"
    );
    let reversed = export(&sandbox, &PARQUET, &["--from", "2026-06", "--to", "2026-05"]).failed(2);
    assert!(reversed.contains("the range is empty"), "{reversed}");
}

#[test]
fn a_directory_that_is_not_an_exports_is_left_alone() {
    let sandbox = sandbox();
    fs::create_dir(sandbox.path("out")).unwrap();
    fs::write(sandbox.path("out/thesis.doc"), "x").unwrap();
    let refused = export(&sandbox, &PARQUET, &[]).failed(2);
    assert!(
        refused.contains("`out` holds `thesis.doc`, which no export has put there"),
        "{refused}"
    );
    assert!(
        refused.contains("help: name a directory that is empty"),
        "{refused}"
    );
    assert_eq!(fs::read_dir(sandbox.path("out")).unwrap().count(), 1);

    fs::remove_file(sandbox.path("out/thesis.doc")).unwrap();
    export(&sandbox, &PARQUET, &[]).with(0);
    let before = identities(&sandbox);
    let mixed = export(&sandbox, &CSV, &[]).failed(2);
    assert!(
        mixed.contains("`out` holds parquet files, and formats do not mix"),
        "{mixed}"
    );
    assert_eq!(identities(&sandbox), before);
}

#[test]
fn two_exports_never_work_in_one_directory() {
    let sandbox = sandbox();
    export(&sandbox, &PARQUET, &[]).with(0);
    let lock = File::options()
        .write(true)
        .open(sandbox.path("out/_manifest.json.lock"))
        .unwrap();
    lock.lock().unwrap();
    let busy = export(&sandbox, &PARQUET, &[]).failed(75);
    assert!(
        busy.contains("cannot export to `out`: it is held by `export`"),
        "{busy}"
    );
    lock.unlock().unwrap();
    export(&sandbox, &PARQUET, &[]).with(0);
}

/// Three domains from `from` to the end of May 2026: long enough to be cut off.
fn long_sandbox(from: &str) -> Sandbox {
    let sandbox = Sandbox::with_domains(3);
    sandbox.backfill(from, "2026-06-01", &["-q"]).with(0);
    sandbox
}

/// Half a year, of which there are so many files.
const HALF_A_YEAR: &str = "2025-12-01";
const FILES: usize = 36;

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

#[test]
fn a_kill_leaves_whole_files_only_and_the_next_export_mends_the_rest() {
    let sandbox = long_sandbox(HALF_A_YEAR);
    for least in [0, 1, 10, 25] {
        let _ = fs::remove_dir_all(sandbox.path("out"));
        let mut child = sandbox.start(&PARQUET);
        wait_until("the export has begun", || {
            sandbox.path("out/_manifest.json").exists() && whole_files(&sandbox) >= least
        });
        child.kill().unwrap();
        child.wait().unwrap();
        let left: Vec<(String, PathBuf)> = files(&sandbox.path("out")).into_iter().collect();
        for (name, path) in &left {
            if name.ends_with("/part-0.parquet") {
                let (relation, domain, month) = place(name);
                let reader = SerializedFileReader::new(File::open(path).unwrap()).unwrap();
                let rows = reader.metadata().file_metadata().num_rows();
                assert_eq!(
                    rows,
                    count_rows(&sandbox.database(), relation, &domain, month),
                    "{name}"
                );
            }
        }
        assert_eq!(manifest(&sandbox)["state"], "writing");
        assert!(whole_files(&sandbox) < FILES, "it was killed too late");
        export(&sandbox, &PARQUET, &[]).with(0);
        let found = data_files(&sandbox);
        assert_eq!(found.len(), FILES);
        assert!(
            found.keys().all(|name| name.ends_with("/part-0.parquet")),
            "{found:?}"
        );
        assert_eq!(manifest(&sandbox)["state"], "complete");
    }
    assert_parquet_is_the_views(&sandbox);
}

#[test]
fn after_a_kill_no_file_is_believed_by_its_size_alone() {
    let sandbox = sandbox();
    export(&sandbox, &PARQUET, &[]).with(0);
    let found = data_files(&sandbox);
    let name = "origin_stats/domain=d000.example.com/month=2026-06/part-0.parquet";
    // As a kill leaves it between the change of a file and the end: the file holds other figures than its line
    // says, and by chance as many bytes; the figures have changed back since.
    let mut bytes = fs::read(&found[name]).unwrap();
    let good = bytes.clone();
    bytes[100] ^= 1;
    fs::write(&found[name], &bytes).unwrap();
    let path = sandbox.path("out/_manifest.json");
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, text.replace("\"complete\"", "\"writing\"")).unwrap();
    // Two more leftovers: a file without its end, and one that is whole and was never listed.
    let month = sandbox.path("out/origin_stats/domain=d000.example.com/month=2026-01");
    fs::create_dir(&month).unwrap();
    fs::copy(&found[name], month.join("part-0.parquet")).unwrap();
    fs::write(month.join(".part-0.parquet.tmp"), "half").unwrap();

    // It is mended by an export that asks for another domain, too.
    let said = export(&sandbox, &PARQUET, &["-d", "d001.example.com"]).with(0);
    assert!(said.starts_with("1 file written"), "{said}");
    assert_eq!(fs::read(&found[name]).unwrap(), good);
    assert_eq!(fs::read_dir(&month).unwrap().count(), 0);
    assert_eq!(manifest(&sandbox)["state"], "complete");
    fs::remove_dir(&month).unwrap();
    assert_parquet_is_the_views(&sandbox);
}

#[test]
fn a_signal_ends_it_with_what_is_written_listed_and_the_next_goes_on() {
    let sandbox = long_sandbox(HALF_A_YEAR);
    let child = sandbox.start(&PARQUET);
    wait_until("a file is there", || whole_files(&sandbox) >= 1);
    signal(&child, "INT");
    let said = ended(child.wait_with_output().unwrap()).with(130);
    assert!(said.contains("run it again to go on from here"), "{said}");
    let listed = manifest(&sandbox)["files"].as_array().unwrap().len();
    assert!((1..FILES).contains(&listed), "{listed}");
    assert_eq!(whole_files(&sandbox), listed);
    let said = export(&sandbox, &PARQUET, &[]).with(0);
    let expected = format!("{} files written", FILES - listed);
    assert!(
        said.starts_with(&expected) && said.contains(&format!("{listed} unchanged")),
        "{said}"
    );
}

#[test]
fn a_full_disk_leaves_what_was_written_and_no_half_file() {
    let sandbox = long_sandbox(HALF_A_YEAR);
    // In blocks of 512 bytes: room for the points of a month, not for their codes.
    let limited = ["sh", "-c", "trap '' XFSZ; ulimit -f 200; exec \"$@\"", "sh"];
    let ended = ended(sandbox.command_under(&limited, &PARQUET).output().unwrap());
    let error = ended.failed(1);
    assert!(
        error.contains("error: cannot write `out/origin_status_codes/"),
        "{error}"
    );
    assert!(
        files(&sandbox.path("out"))
            .keys()
            .all(|name| !name.ends_with(".tmp"))
    );
    export(&sandbox, &PARQUET, &[]).with(0);
    assert_parquet_is_the_views(&sandbox);
}

#[test]
fn an_export_sees_one_moment_while_a_run_writes() {
    let sandbox = long_sandbox(HALF_A_YEAR);
    let child = sandbox.start(&PARQUET);
    wait_until("a file is there", || whole_files(&sandbox) >= 1);
    // The last domain's last month is not read yet.
    let before: i64 = sandbox
        .database()
        .query_row("SELECT sum(bandwidth) FROM point", [], |row| row.get(0))
        .unwrap();
    change(
        &sandbox,
        "UPDATE point SET bandwidth = 0, pv = 0 WHERE domain_id = 3",
    );
    ended(child.wait_with_output().unwrap()).with(0);
    let mut sum = 0;
    for (name, path) in data_files(&sandbox) {
        if name.starts_with("origin_stats") {
            for row in parquet_rows(&path) {
                let Value::Integer(bandwidth) = row[3] else {
                    panic!("{row:?}")
                };
                sum += bandwidth;
            }
        }
    }
    assert_eq!(sum, before);
    let said = export(&sandbox, &PARQUET, &[]).with(0);
    assert!(said.starts_with("6 files written"), "{said}");
    assert_parquet_is_the_views(&sandbox);
}

#[test]
fn a_year_takes_no_more_memory_than_a_month() {
    let sandbox = long_sandbox("2025-06-01");
    for format in ["parquet", "csv"] {
        let peak = |directory: &str, more: &[&str]| {
            let began = Instant::now();
            let args = [&["export", "--format", format, directory], more].concat();
            let mut child = sandbox.start(&args);
            let peak = peak_memory(&mut child);
            println!("{format} {directory}: {peak} KiB, {:?}", began.elapsed());
            ended(child.wait_with_output().unwrap()).with(0);
            peak
        };
        let month = peak(&format!("{format}-month"), &["--from", "2026-05"]);
        let year = peak(&format!("{format}-year"), &[]);
        assert!(
            month > 0 && year < month + 6 * 1024,
            "{month} KiB for a month, {year} KiB for a year"
        );
        assert!(year < 64 * 1024, "{year} KiB");
    }
}

#[test]
fn the_manifest_names_every_file_with_its_digest() {
    let sandbox = sandbox();
    export(&sandbox, &PARQUET, &[]).with(0);
    let manifest = manifest(&sandbox);
    assert_eq!(manifest["manifest"], 1);
    assert_eq!(manifest["format"], "parquet");
    assert_eq!(manifest["written_at"], "2026-06-15T12:00:00+08:00");
    let listed = manifest["files"].as_array().unwrap();
    let found = data_files(&sandbox);
    assert_eq!(listed.len(), found.len());
    for line in listed {
        let path = &found[line["file"].as_str().unwrap()];
        let bytes = fs::read(path).unwrap();
        let digest = ring::digest::digest(&ring::digest::SHA256, &bytes);
        let digest: String = digest.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(line["sha256"], digest);
        assert_eq!(line["bytes"], bytes.len());
        assert_eq!(line["rows"], parquet_rows(path).len());
    }
}
