//! The slot label that the rollups of a file were computed with.
//!
//! The label in the file is the one in force: a commit, a roll-up, a snapshot, an export and a report all read it
//! there. Only a run that begins changes it, to the configured one.

use rusqlite::Connection;
use rusqlite::types::Type;

use crate::model::SlotLabel;
use crate::store::error::Result;
use crate::store::file::statements::Statements as _;

/// Returns the label in force. Files from before the setting use [`SlotLabel::Start`].
pub(crate) fn in_any_version(connection: &Connection) -> Result<SlotLabel> {
    if connection.table_exists(None, "slot_label")? {
        in_force(connection)
    } else {
        Ok(SlotLabel::Start)
    }
}

/// Returns the label in force, from a file whose schema is up to date.
pub(crate) fn in_force(connection: &Connection) -> Result<SlotLabel> {
    let label: String = connection.value("SELECT value FROM slot_label", [])?;
    // The table's check allows nothing else.
    let unknown = |error| rusqlite::Error::FromSqlConversionFailure(0, Type::Text, Box::new(error));
    Ok(label.parse().map_err(unknown)?)
}

/// Puts `label` in force.
pub(crate) fn set(tx: &Connection, label: SlotLabel) -> Result<()> {
    tx.run("UPDATE slot_label SET value = ?1", [label.as_str()])?;
    Ok(())
}
