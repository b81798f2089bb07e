//! What a damaged file is compared with: every row that `check --deep` covers.

use std::path::Path;

use rusqlite::types::Value;
use rusqlite::{Connection, OpenFlags};

/// Every table whose rows `check --deep` covers.
const COVERED: [&str; 24] = [
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
    "rollup_hour",
    "rollup_day",
    "rollup_code_day",
    "rollup_month",
    "origin_account_hourly",
    "origin_account_daily",
    "origin_account_monthly",
    "origin_dictionary",
    "slot_label",
    "month_sum",
    "month_top",
    "table_sum",
];

/// The rows of these tables, or why they cannot be read, and what SQLite's own check finds.
#[derive(Debug, PartialEq)]
pub(crate) struct Content {
    tables: Vec<Result<Vec<Vec<String>>, String>>,
    integrity: Result<Vec<String>, String>,
}

impl Content {
    pub(crate) fn of(path: &Path) -> Self {
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

    /// Every table has rows, and SQLite finds nothing wrong.
    pub(crate) fn is_whole(&self) -> bool {
        let have_rows =
            |rows: &Result<Vec<Vec<String>>, String>| rows.as_ref().is_ok_and(|rows| !rows.is_empty());
        self.tables.iter().all(have_rows) && self.integrity == Ok(vec![format!("text {:?}", b"ok")])
    }

    /// The first thing that differs from `before`.
    pub(crate) fn difference(&self, before: &Self) -> Option<String> {
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
            // Bytes that are not UTF-8 would end the reading.
            rusqlite::types::ValueRef::Text(bytes) => Ok(format!("text {bytes:?}")),
            other => Ok(format!("{:?}", Value::try_from(other))),
        });
        values.collect()
    })?;
    let mut rows = rows.collect::<rusqlite::Result<Vec<Vec<_>>>>()?;
    rows.sort_unstable();
    Ok(rows)
}
