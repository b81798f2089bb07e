//! A flipped bit that changes anything that is covered is found.

use std::fs;
use std::path::Path;

use rusqlite::types::Value;
use rusqlite::{Connection, OpenFlags};

use super::{Copy, DB, failed, filled};
use crate::sandbox::setting;

/// Every table whose rows must be as they were.
const COVERED: [&str; 20] = [
    "sqlite_schema",
    "domain",
    "code",
    "code_set",
    "code_set_member",
    "point",
    "code_count",
    "calendar",
    "zero",
    "coverage",
    "gap",
    "restatement",
    "origin_hourly",
    "origin_daily",
    "origin_status_daily",
    "origin_monthly",
    "origin_dictionary",
    "slot_label",
    "month_sum",
    "table_sum",
];

/// Every covered row, or why one cannot be read; and whether SQLite finds the indexes sound.
#[derive(PartialEq)]
struct Content {
    tables: Vec<Result<Vec<Vec<String>>, String>>,
    integrity: Result<Vec<String>, String>,
}

impl Content {
    fn of(path: &Path) -> Self {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI;
        let uri = format!("file:{}?immutable=1", path.to_str().unwrap());
        let read = |sql: &str| {
            Connection::open_with_flags(&uri, flags)
                .and_then(|database| rows(&database, sql))
                .map_err(|error| error.to_string())
        };
        let integrity = read("PRAGMA integrity_check").map(|rows| rows.concat());
        Self {
            tables: COVERED
                .map(|table| read(&format!("SELECT * FROM {table}")))
                .into(),
            integrity,
        }
    }

    fn changed(&self, before: &Self) -> Option<String> {
        let tables = COVERED.iter().zip(self.tables.iter().zip(&before.tables));
        let mut changed = tables.filter(|(_, (now, then))| now != then);
        let integrity = (self.integrity != before.integrity).then(|| format!("{:?}", self.integrity));
        changed.next().map(|(table, _)| (*table).to_owned()).or(integrity)
    }
}

fn rows(database: &Connection, sql: &str) -> rusqlite::Result<Vec<Vec<String>>> {
    let mut select = database.prepare(sql)?;
    let columns = select.column_count();
    let rows = select.query_map([], |row| {
        let values = (0..columns).map(|at| match row.get_ref(at)? {
            // Bytes that are no text would end the reading.
            rusqlite::types::ValueRef::Text(bytes) => Ok(format!("text {bytes:?}")),
            other => Ok(format!("{:?}", Value::try_from(other))),
        });
        values.collect()
    })?;
    let mut rows = rows.collect::<rusqlite::Result<Vec<Vec<_>>>>()?;
    rows.sort_unstable();
    Ok(rows)
}

#[test]
fn every_flipped_bit_that_changes_something_is_found_and_passed_by_no_snapshot() {
    let sandbox = filled();
    let bytes = fs::read(sandbox.path(DB)).unwrap();
    let original = Copy::new(&sandbox, "flip", &bytes);
    let before = Content::of(&original.path());
    assert_eq!(before.integrity, Ok(vec![format!("text {:?}", b"ok")]));
    assert!(
        before
            .tables
            .iter()
            .all(|rows| rows.as_ref().is_ok_and(|rows| !rows.is_empty()))
    );
    let (code, report) = original.check(&sandbox);
    assert_eq!((code, failed(&report)), (Some(0), Vec::new()));
    assert_eq!(original.snapshot(&sandbox).0, Some(0));

    let (first, flips) = (setting("JDCDN_FLIP_SEED", 1), setting("JDCDN_FLIPS", 20));
    let (mut changing, mut missed) = (0, Vec::new());
    for seed in first..first + flips {
        let mut random = fastrand::Rng::with_seed(seed);
        let (at, bit) = (random.usize(..bytes.len()), random.u32(..8));
        let mut flipped = bytes.clone();
        flipped[at] ^= 1 << bit;
        let copy = Copy::new(&sandbox, "flip", &flipped);
        let Some(what) = Content::of(&copy.path()).changed(&before) else {
            continue;
        };
        changing += 1;
        let (code, report) = copy.check(&sandbox);
        let snapshot = copy.snapshot(&sandbox);
        println!(
            "seed {seed}: byte {at}, bit {bit} changes {what}: check {code:?}: {:?}, snapshot {snapshot:?}",
            failed(&report)
        );
        if code != Some(5) || snapshot.0 != Some(5) || snapshot.2 {
            missed.push(seed);
        }
    }
    println!(
        "{flips} flips from seed {first} in {} bytes: {changing} change something",
        bytes.len()
    );
    assert_eq!(missed, Vec::<u64>::new(), "seeds of flips that were not found");
}
