//! Facts about the service that are remembered from run to run.

use rusqlite::Connection;

use crate::model::{Fact, FactName, UnixSeconds};
use crate::store::error::Result;
use crate::store::file::statements::Statements as _;

/// Returns the fact of this name, from a file of any version.
pub(crate) fn fact(connection: &Connection, name: &FactName) -> Result<Option<Fact>> {
    if !connection.table_exists(None, "service_fact")? {
        return Ok(None);
    }
    let sql = "SELECT value, learned_at FROM service_fact WHERE name = ?1";
    connection.first(sql, [name.to_string()], |row| {
        Ok(Fact {
            value: row.get(0)?,
            learned_at: row.get(1)?,
        })
    })
}

/// Replaces the fact of this name.
pub(crate) fn learn(tx: &Connection, name: &FactName, value: i64, at: UnixSeconds) -> Result<()> {
    tx.run(
        "INSERT INTO service_fact (name, value, learned_at) VALUES (?1, ?2, ?3)
         ON CONFLICT DO UPDATE SET value = excluded.value, learned_at = excluded.learned_at
         WHERE value <> excluded.value OR learned_at <> excluded.learned_at",
        (name.to_string(), value, at),
    )?;
    Ok(())
}
