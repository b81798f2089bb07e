//! Closes a month.

use crate::store::error::StoreError;
use crate::store::file::connection::{self, Synchronous};
use crate::store::origin::closings::{self, Closed, NewClosing};
use crate::store::write::store::Store;

impl Store {
    /// Keeps the figures of a month as they stand, in one transaction. When this returns, they have reached the disk.
    /// Returns `None`, and writes nothing, if nothing was fetched for the month.
    ///
    /// Call [`Store::roll_up`] before: a closing holds what the rollups say.
    pub fn close_month(&mut self, new: &NewClosing<'_>) -> Result<Option<Closed>, StoreError> {
        self.read(|connection| connection::synchronous(connection, Synchronous::Full))?;
        let closed = self.in_transaction(|tx, _| closings::write(tx, new));
        self.read(|connection| connection::synchronous(connection, Synchronous::Normal))?;
        closed
    }
}
