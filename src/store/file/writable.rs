//! Opens the database for writing, with its schema up to date.

use std::path::Path;

use rusqlite::Connection;

use crate::store::error::{Result, StoreErrorKind};
use crate::store::file::connection::{self, OLDEST_SQLITE};
use crate::store::file::header::{self, Existing};
use crate::store::file::location::has_hot_journal;
use crate::store::file::{commit_number, migrations, table_sums};

/// Opens the database at a located path for writing, creates it if it is missing, and migrates it.
///
/// Everything that must be refused is refused before the first write. The caller holds the lock.
pub(crate) fn open(path: &Path) -> Result<Connection> {
    if rusqlite::version_number() < OLDEST_SQLITE {
        return Err(StoreErrorKind::OldSqlite(rusqlite::version()));
    }
    if header::inspect(path)? == Existing::Ours && !has_hot_journal(path) {
        migrations::check(&connection::open_to_read(path)?)?;
    }
    let mut connection = connection::open_to_write(path)?;
    table_sums::add_function(&connection)?;
    let is_migrated = migrations::apply(&mut connection)?;
    commit_number::begin(&connection)?;
    if is_migrated {
        commit_number::advance(&connection)?;
    }
    Ok(connection)
}
