//! How SQLite opens the file, with which settings, and how it folds the write-ahead log in.

use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Connection, FileControl, OpenFlags};

use crate::store::error::{Result, StoreErrorKind};
use crate::store::error_kind::BUSY_STEP;
use crate::store::file::header::APPLICATION_ID;
use crate::store::file::location::{size, suffixed};

/// How long a checkpoint waits for readers; it is not worth more.
pub(crate) const CHECKPOINT_WAIT: Duration = Duration::from_secs(1);

/// The first SQLite without the defect that lost commits when the write-ahead log was reset.
pub(crate) const OLDEST_SQLITE: i32 = 3_051_003;
/// Size of the page cache in KiB, written as a negative number of pages. 64 MiB was no faster.
const CACHE_KIB: i64 = 8192;
/// What stays of the write-ahead log after a long reader has made it grow.
const JOURNAL_LIMIT_BYTES: i64 = 16 << 20;
/// Pages in the log after which a commit folds it in: SQLite's own limit.
const LONG_LOG_PAGES: i64 = 1000;
/// Statements that stay prepared: more than the store has.
const CACHED_STATEMENTS: usize = 128;

/// What a checkpoint achieved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CheckpointReport {
    /// Whether everything is in the main file. A reader of an older state prevents it.
    pub complete: bool,
    /// Bytes that stay in the write-ahead log.
    pub wal_bytes: u64,
}

/// Opens a file that exists, for reading.
pub(crate) fn open_to_read(path: &Path) -> Result<Connection> {
    open(path, OpenFlags::SQLITE_OPEN_READ_ONLY)
}

/// Opens a file for reading, without its log and without a lock. It may change meanwhile: then SQLite gives errors or old
/// content.
pub(crate) fn open_unchanging(path: &Path) -> Result<Connection> {
    let path = std::fs::canonicalize(path).map_err(StoreErrorKind::File)?;
    let mut uri = url::Url::from_file_path(&path).map_err(|()| StoreErrorKind::NotAFile)?;
    uri.set_query(Some("immutable=1"));
    open(
        Path::new(uri.as_str()),
        OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI,
    )
}

/// Opens a file that exists, for writing, with its settings as they are.
pub(crate) fn open_to_change(path: &Path) -> Result<Connection> {
    open(path, OpenFlags::SQLITE_OPEN_READ_WRITE)
}

/// Opens the database for writing, creates it if it is missing, and configures it.
pub(crate) fn open_to_write(path: &Path) -> Result<Connection> {
    let connection = open(
        path,
        OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE,
    )?;
    // SQLite falls back to reading where it may not write.
    if connection.is_readonly("main")? {
        return Err(StoreErrorKind::ReadOnly);
    }
    configure(&connection)?;
    Ok(connection)
}

/// Opens a copy that nobody else sees, to complete it. It becomes one file without a write-ahead log: a log would need
/// files beside the copy for every reader.
pub(crate) fn open_copy(path: &Path) -> Result<Connection> {
    let copy = open_to_change(path)?;
    copy.set_db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false)?;
    // The whole copy is brought to the disk before it gets its name.
    copy.pragma_update(None, "synchronous", "off")?;
    let mode: String = copy.pragma_update_and_check(None, "journal_mode", "delete", |row| row.get(0))?;
    if mode != "delete" {
        return Err(StoreErrorKind::InvariantViolation(format!(
            "the copy's journal mode stays `{mode}`"
        )));
    }
    Ok(copy)
}

/// Writes what `source` sees to the new file `copy`, packed, without free pages.
pub(crate) fn pack_into(source: &Connection, copy: &Path) -> Result<()> {
    // A path is bytes; SQLite takes them as they are.
    let copy = ToSqlOutput::Borrowed(ValueRef::Text(copy.as_os_str().as_bytes()));
    source.execute("VACUUM INTO ?1", [copy])?;
    Ok(())
}

/// Opens a located path. `SQLITE_OPEN_URI` is off unless `flags` say otherwise: a path is a path.
pub(crate) fn open(path: &Path, flags: OpenFlags) -> Result<Connection> {
    let always =
        OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_NOFOLLOW | OpenFlags::SQLITE_OPEN_EXRESCODE;
    let connection = Connection::open_with_flags(path, flags | always)?;
    connection.busy_timeout(BUSY_STEP)?;
    Ok(connection)
}

fn configure(connection: &Connection) -> Result<()> {
    connection.set_prepared_statement_cache_capacity(CACHED_STATEMENTS);
    // A schema that somebody changed may neither be written to directly nor call functions of this program.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false)?;
    // Every statement reads by its key. So it is planned once, not again for each new value.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    let mark: i64 = connection.pragma_query_value(None, "application_id", |row| row.get(0))?;
    if mark != i64::from(APPLICATION_ID) {
        connection.pragma_update(None, "application_id", APPLICATION_ID)?;
    }
    // Readers never wait for the writer, nor the writer for readers.
    let mode: String = connection.pragma_update_and_check(None, "journal_mode", "wal", |row| row.get(0))?;
    if mode != "wal" {
        return Err(StoreErrorKind::NoWal(mode));
    }
    synchronous(connection, Synchronous::Normal)?;
    connection.pragma_update(None, "cache_size", -CACHE_KIB)?;
    connection.pragma_update(None, "journal_size_limit", JOURNAL_LIMIT_BYTES)?;
    // The store folds the log in itself, because it checks the file before.
    connection.pragma_update(None, "wal_autocheckpoint", 0)?;
    connection.pragma_update(None, "foreign_keys", true)?;
    if !connection.pragma_query_value(None, "foreign_keys", |row| row.get::<_, bool>(0))? {
        return Err(StoreErrorKind::InvariantViolation(
            "this SQLite was built without foreign keys".to_owned(),
        ));
    }
    // A user who may not write to the directory can open the database only while the log's files exist. So they stay
    // when the last connection closes.
    let mut persist = 1;
    connection.file_control(None::<&str>, FileControl::PersistWal(&mut persist))?;
    Ok(())
}

/// How far a commit reaches before it returns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Synchronous {
    /// To the operating system: it survives the process but not the machine. A power loss takes the last commits away
    /// whole, points and coverage together, and the next run fetches them again.
    Normal,
    /// To the disk, together with all commits before it.
    Full,
}

/// Sets how far the next commits reach.
pub(crate) fn synchronous(connection: &Connection, level: Synchronous) -> Result<()> {
    let value = match level {
        Synchronous::Normal => "normal",
        Synchronous::Full => "full",
    };
    Ok(connection.pragma_update(None, "synchronous", value)?)
}

/// Returns whether a part of the write-ahead log should be moved into the main file.
pub(crate) fn is_log_long(connection: &Connection) -> Result<bool> {
    let (pages, folded) = connection.query_row("PRAGMA wal_checkpoint(NOOP)", [], |row| {
        Ok((row.get::<_, i64>(1)?, row.get::<_, i64>(2)?))
    })?;
    Ok(pages >= LONG_LOG_PAGES && folded < pages)
}

/// Moves what it can of the write-ahead log into the main file, and waits for nobody.
pub(crate) fn fold_in(connection: &Connection) -> Result<()> {
    Ok(connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()))?)
}

/// Moves the write-ahead log into the main file, and waits for readers as long as `wait`.
pub(crate) fn checkpoint(connection: &Connection, path: &Path, wait: Duration) -> Result<CheckpointReport> {
    connection.busy_timeout(wait)?;
    let blocked = connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get::<_, bool>(0));
    connection.busy_timeout(BUSY_STEP)?;
    Ok(CheckpointReport {
        complete: !blocked?,
        wal_bytes: size(&suffixed(path, "-wal")).unwrap_or(0),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_settings_are_what_sqlite_reads_back() {
        let dir = tempfile::tempdir().unwrap();
        let connection = open_to_write(&dir.path().join("stats.db")).unwrap();
        let read = |pragma: &str| {
            connection
                .pragma_query_value(None, pragma, |row| row.get::<_, rusqlite::types::Value>(0))
                .unwrap()
        };
        assert_eq!(read("journal_mode"), "wal".to_owned().into());
        assert_eq!(read("synchronous"), 1.into());
        assert_eq!(read("foreign_keys"), 1.into());
        assert_eq!(read("trusted_schema"), 0.into());
        assert_eq!(read("cache_size"), (-CACHE_KIB).into());
        assert_eq!(read("journal_size_limit"), JOURNAL_LIMIT_BYTES.into());
        assert_eq!(read("busy_timeout"), 15_000.into());
        assert_eq!(read("application_id"), i64::from(APPLICATION_ID).into());
        synchronous(&connection, Synchronous::Full).unwrap();
        assert_eq!(read("synchronous"), 2.into());
    }
}
