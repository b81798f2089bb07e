//! SQLite's own checks.

use rusqlite::Connection;

use super::report::{Deep, Subject};
use crate::store::error::Result;
use crate::store::file::health;
use crate::store::file::statements::Statements as _;

/// Checks pages, the order of keys, indexes against their tables, and the rules of the columns.
pub(super) fn integrity(connection: &Connection, deep: &mut Deep) -> Result<()> {
    let found = health::integrity_check(connection);
    deep.compared(Subject::Integrity, "SQLite finds nothing wrong");
    let found = deep.judge(Subject::Integrity, "it cannot be checked", found)?;
    for finding in found.iter().flatten() {
        deep.found(Subject::Integrity, finding);
    }
    Ok(())
}

/// Checks that every row refers to one that exists.
pub(super) fn references(connection: &Connection, deep: &mut Deep) -> Result<()> {
    let sql = "SELECT \"table\", count(*) FROM pragma_foreign_key_check GROUP BY 1";
    let dangling = connection.tuples::<(String, i64)>(sql, []);
    deep.compared(Subject::References, "every row refers to one that is there");
    let dangling = deep.judge(Subject::References, "they cannot be checked", dangling)?;
    for (table, rows) in dangling.into_iter().flatten() {
        let finding = format!("rows of `{table}` that refer to nothing: {rows}");
        deep.found(Subject::References, finding);
    }
    Ok(())
}
