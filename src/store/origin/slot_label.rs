//! Which slot label the file's rollups were computed with.
//!
//! The value in the file is the one in force: a commit, a roll-up, a snapshot, an export and a report all read it
//! there. Only a run that begins changes it, to what its configuration says.

use rusqlite::Connection;
use rusqlite::types::Type;

use crate::model::SlotLabel;
use crate::store::error::{Result, StoreError};
use crate::store::file::health::Health;
use crate::store::origin::{month_sums, rollups};
use crate::store::read::reader::Reader;
use crate::store::write::store::Store;

impl Store {
    /// Makes `label` the one in force. Returns whether rollups have to be computed anew: the label is another one,
    /// and slots were fetched before.
    ///
    /// Then all rollups are gone and every day that was asked for is noted as stale, in one transaction;
    /// [`Store::roll_up`] does the rest.
    pub fn use_slot_label(&mut self, label: SlotLabel) -> std::result::Result<bool, StoreError> {
        let before = self.read(in_force)?;
        if before == label {
            return Ok(false);
        }
        self.in_transaction(|tx, _| {
            month_sums::cut_anew(tx, (before, label))?;
            tx.execute("UPDATE slot_label SET value = ?1", [label.as_str()])?;
            Ok(rollups::discard(tx)? > 0)
        })
    }
}

impl Reader {
    /// The label in force. A file from before the setting was computed with [`SlotLabel::Start`].
    pub fn slot_label(&self) -> std::result::Result<SlotLabel, StoreError> {
        if_known(self.connection()).map_err(|kind| StoreError::new(self.path(), kind))
    }
}

impl Health {
    /// The label in force. A file from before the setting was computed with [`SlotLabel::Start`].
    pub fn slot_label(&self) -> std::result::Result<SlotLabel, StoreError> {
        if_known(self.connection()).map_err(|kind| StoreError::new(self.path(), kind))
    }
}

/// The label in force, in a file whose schema is up to date.
pub(crate) fn in_force(connection: &Connection) -> Result<SlotLabel> {
    let mut select = connection.prepare_cached("SELECT value FROM slot_label")?;
    let label = select.query_row([], |row| {
        let value: String = row.get(0)?;
        // The table's check lets nothing else in.
        let odd = |error| rusqlite::Error::FromSqlConversionFailure(0, Type::Text, Box::new(error));
        value.parse::<SlotLabel>().map_err(odd)
    });
    Ok(label?)
}

fn if_known(connection: &Connection) -> Result<SlotLabel> {
    if connection.table_exists(None, "slot_label")? {
        in_force(connection)
    } else {
        Ok(SlotLabel::Start)
    }
}
