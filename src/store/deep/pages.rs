//! SQLite's own checks.

use rusqlite::Connection;

use super::report::{Deep, Subject};
use crate::store::error::Result;
use crate::store::file::health;

/// Pages, the order of keys, indexes against their tables, and the rules of the columns.
pub(super) fn integrity(connection: &Connection, deep: &mut Deep) -> Result<()> {
    let found = health::integrity_check(connection);
    deep.compared(Subject::Integrity, "SQLite finds nothing wrong");
    let found = deep.judge(Subject::Integrity, "it cannot be checked", found)?;
    for finding in found.iter().flatten() {
        deep.found(Subject::Integrity, finding);
    }
    Ok(())
}

/// Rows that refer to others.
pub(super) fn references(connection: &Connection, deep: &mut Deep) -> Result<()> {
    let count = || -> Result<Vec<(String, i64)>> {
        let mut select =
            connection.prepare("SELECT \"table\", count(*) FROM pragma_foreign_key_check GROUP BY 1")?;
        let found = select.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
        Ok(found.collect::<rusqlite::Result<_>>()?)
    };
    deep.compared(Subject::References, "every row refers to one that is there");
    let found = deep.judge(Subject::References, "they cannot be checked", count())?;
    for (table, rows) in found.into_iter().flatten() {
        deep.found(
            Subject::References,
            format!("rows of `{table}` that refer to nothing: {rows}"),
        );
    }
    Ok(())
}
