//! What the codes of the file mean: class, origin error and texts of each code (`origin_codes`).
//!
//! A new code gets them in the transaction that stores it first. A later version of this program may know more about a code:
//! then the texts of an older file change when it is next opened for writing. No figure depends on them.

use rusqlite::Connection;
use rusqlite::types::ValueRef;

use crate::model::status_codes::{CodeMeaning, class, is_origin_error, meaning};
use crate::store::error::Result;
use crate::store::file::statements::Statements as _;

/// Describes a code that is new, or whose description is incomplete or of an earlier version.
pub(crate) fn write(tx: &Connection, id: i64, code: &str) -> Result<()> {
    tx.run(
        "UPDATE code SET class = ?2, origin_error = ?3 WHERE id = ?1 AND (class IS NULL OR origin_error IS NULL)",
        (id, class(code), is_origin_error(code)),
    )?;
    let CodeMeaning { meaning, source } = meaning(code);
    tx.run(
        "INSERT INTO code_text (code_id, meaning, source) VALUES (?1, ?2, ?3)
         ON CONFLICT (code_id) DO UPDATE SET meaning = excluded.meaning, source = excluded.source",
        (id, meaning, source),
    )?;
    Ok(())
}

/// Returns whether every code has the description that this program has for it.
pub(crate) fn are_complete(connection: &Connection) -> Result<bool> {
    Ok(outdated(connection)?.is_empty())
}

/// Writes the descriptions that are missing or differ.
pub(crate) fn complete(tx: &Connection) -> Result<()> {
    for (id, code) in outdated(tx)? {
        write(tx, id, &code)?;
    }
    Ok(())
}

fn outdated(connection: &Connection) -> Result<Vec<(i64, String)>> {
    let mut found = Vec::new();
    connection.each(
        "SELECT k.id, k.code, t.meaning, t.source, k.class IS NULL OR k.origin_error IS NULL
         FROM code k LEFT JOIN code_text t ON t.code_id = k.id",
        [],
        |row| {
            // A code that is no text is damage. `check --deep` finds it, and there is nothing to say about it here.
            let Ok(code) = row.get_ref(1)?.as_str() else {
                return Ok(());
            };
            let CodeMeaning { meaning, source } = meaning(code);
            let expected = [meaning, source].map(ValueRef::from);
            if row.get(4)? || [row.get_ref(2)?, row.get_ref(3)?] != expected {
                found.push((row.get(0)?, code.to_owned()));
            }
            Ok(())
        },
    )?;
    Ok(found)
}
