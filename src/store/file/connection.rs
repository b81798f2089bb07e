//! Which files are taken for the database, and how they are opened.

use crate::model::convert::to_u64;
use std::ffi::OsString;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, FileControl, OpenFlags};

use crate::store::error::{Result, StoreErrorKind};
use crate::store::file::open_files::{self, Access};
use crate::store::file::{commit_number, migrations, table_sums};

/// The mark of this program's databases in the header of the file: `JDCS`.
pub const APPLICATION_ID: u32 = 0x4a44_4353;

/// How long SQLite itself waits for another connection's lock before it reports that the file is busy.
pub(crate) const BUSY_STEP: Duration = Duration::from_secs(15);
/// How long a checkpoint waits for readers; it is not worth more.
pub(crate) const CHECKPOINT_WAIT: Duration = Duration::from_secs(1);

/// The first SQLite without the fault that lost commits when the write-ahead log was reset.
pub(crate) const OLDEST_SQLITE: i32 = 3_051_003;
/// Size of the page cache in KiB, written as a negative number of pages. 64 MiB was no faster.
const CACHE_KIB: i64 = 8192;
/// What is left of the write-ahead log after a long reader had made it grow.
const JOURNAL_LIMIT_BYTES: i64 = 16 << 20;
/// From how many pages on the log is folded in after a commit: as many as SQLite takes by itself.
const LONG_LOG_PAGES: i64 = 1000;
/// Statements that stay prepared: more than the store has.
const CACHED_STATEMENTS: usize = 64;
/// How far the header is read: the file's own, and that of the schema's first page.
const HEADER_BYTES: usize = 108;

/// What is at a path, as far as it may be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Existing {
    /// Nothing, or a database without content that nobody has marked.
    Empty,
    /// A database of this program.
    Ours,
}

/// What a checkpoint left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CheckpointReport {
    /// Whether everything is in the main file; a reader that looks at an older state prevents it.
    pub complete: bool,
    /// Bytes of the write-ahead log that are left.
    pub wal_bytes: u64,
}

/// The path with its directory resolved, so that one file has one name, and one lock.
///
/// Only the directory may be reached through links. The result is absolute, so it is never taken for one of
/// SQLite's special names (`:memory:`, `file:…`).
pub(crate) fn locate(path: &Path) -> Result<PathBuf> {
    let nameless = || StoreErrorKind::Directory(io::Error::from(io::ErrorKind::IsADirectory));
    let name = path.file_name().ok_or_else(nameless)?;
    let directory = match path.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    };
    let located = fs::canonicalize(directory)
        .map_err(StoreErrorKind::Directory)?
        .join(name);
    match fs::symlink_metadata(&located) {
        Ok(found) if found.is_symlink() => Err(StoreErrorKind::Symlink),
        Ok(found) if found.is_dir() => Err(nameless()),
        Ok(found) if !found.is_file() => Err(StoreErrorKind::NotAFile),
        _ => Ok(located),
    }
}

/// Looks at the file's header, without SQLite and so without leaving a trace.
///
/// The mark is written before anything else and before the write-ahead log is switched on, so a file of ours
/// always bears it in its header.
pub(crate) fn inspect(path: &Path) -> Result<Existing> {
    let header = open_files::open(path, Access::Read)
        .and_then(|found| found.map_or_else(|| Ok(Vec::new()), |(open, _)| header(&open.file)))
        .map_err(|error| StoreErrorKind::CannotOpen(unreadable(&error)))?;
    if header.is_empty() {
        // SQLite would silently delete the log of a file that is empty.
        let log = fs::metadata(suffixed(path, "-wal"));
        return match log {
            Ok(log) if log.len() > 0 => Err(StoreErrorKind::Orphaned),
            _ => Ok(Existing::Empty),
        };
    }
    // Offsets from "Database File Format" of sqlite.org: 18 write version (2: write-ahead log), 68 application
    // id, 100 kind of the schema's first page (13: a leaf), 103 its number of entries.
    let (Some(true), Some(application_id)) = (
        header.get(..16).map(|magic| magic == b"SQLite format 3\0"),
        header.get(68..72).and_then(|id| id.try_into().ok()),
    ) else {
        return Err(StoreErrorKind::NotADatabase);
    };
    let application_id = u32::from_be_bytes(application_id);
    let blank = header.get(18) != Some(&2)
        && header.get(100) == Some(&13)
        && header.get(103..105) == Some(&[0, 0][..]);
    match application_id {
        APPLICATION_ID => Ok(Existing::Ours),
        0 if blank => Ok(Existing::Empty),
        _ => Err(StoreErrorKind::Foreign { application_id }),
    }
}

fn header(file: &File) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; HEADER_BYTES];
    let mut filled = 0;
    while let Some(rest) = bytes.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        match file.read_at(rest, to_u64(filled)) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    bytes.truncate(filled);
    Ok(bytes)
}

fn unreadable(error: &io::Error) -> rusqlite::Error {
    rusqlite::Error::SqliteFailure(
        rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_CANTOPEN),
        Some(error.to_string()),
    )
}

pub(crate) fn suffixed(path: &Path, suffix: &str) -> OsString {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name
}

/// Opens a database of ours for a look at its schema.
pub(crate) fn open_to_read(path: &Path) -> Result<Connection> {
    let connection = Connection::open_with_flags(
        path,
        OpenFlags::SQLITE_OPEN_READ_ONLY
            | OpenFlags::SQLITE_OPEN_NO_MUTEX
            | OpenFlags::SQLITE_OPEN_NOFOLLOW
            | OpenFlags::SQLITE_OPEN_EXRESCODE,
    )?;
    connection.busy_timeout(BUSY_STEP)?;
    Ok(connection)
}

/// Opens a file that exists, its settings as they are.
pub(crate) fn open_to_change(path: &Path) -> Result<Connection> {
    let connection = Connection::open_with_flags(
        path,
        OpenFlags::SQLITE_OPEN_READ_WRITE
            | OpenFlags::SQLITE_OPEN_NO_MUTEX
            | OpenFlags::SQLITE_OPEN_NOFOLLOW
            | OpenFlags::SQLITE_OPEN_EXRESCODE,
    )?;
    connection.busy_timeout(BUSY_STEP)?;
    Ok(connection)
}

/// Opens the database at a located path for writing, made if need be, its schema up to date.
///
/// Whatever is to be refused is refused before the first write. The caller holds the lock.
pub(crate) fn open_to_write(path: &Path) -> Result<Connection> {
    if rusqlite::version_number() < OLDEST_SQLITE {
        return Err(StoreErrorKind::OldSqlite(rusqlite::version()));
    }
    let existing = inspect(path)?;
    if existing == Existing::Ours && !has_hot_journal(path) {
        migrations::check(&open_to_read(path)?)?;
    }
    // SQLITE_OPEN_URI stays off: a path is a path.
    let mut connection = Connection::open_with_flags(
        path,
        OpenFlags::SQLITE_OPEN_READ_WRITE
            | OpenFlags::SQLITE_OPEN_CREATE
            | OpenFlags::SQLITE_OPEN_NO_MUTEX
            | OpenFlags::SQLITE_OPEN_NOFOLLOW
            | OpenFlags::SQLITE_OPEN_EXRESCODE,
    )?;
    // SQLite falls back to reading where it may not write.
    if connection.is_readonly("main")? {
        return Err(StoreErrorKind::ReadOnly);
    }
    configure(&connection)?;
    table_sums::add_functions(&connection)?;
    let is_migrated = migrations::apply(&mut connection)?;
    commit_number::begin(&connection)?;
    if is_migrated {
        commit_number::advance(&connection)?;
    }
    Ok(connection)
}

/// Whether the process was killed while it marked the file or switched the log on, the only two writes that
/// take a rollback journal. Such a file can be looked at only after the writing connection has undone them.
pub(crate) fn has_hot_journal(path: &Path) -> bool {
    fs::metadata(suffixed(path, "-journal")).is_ok_and(|journal| journal.len() > 0)
}

fn configure(connection: &Connection) -> Result<()> {
    connection.busy_timeout(BUSY_STEP)?;
    connection.set_prepared_statement_cache_capacity(CACHED_STATEMENTS);
    // A schema that somebody tampered with may neither be written to directly nor call functions of ours.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false)?;
    // Every statement reads by its key: planned once, not again for each new value that is bound.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    let marked: i64 = connection.pragma_query_value(None, "application_id", |row| row.get(0))?;
    if marked != i64::from(APPLICATION_ID) {
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
    // The store folds the log in itself, where it can look at the file before.
    connection.pragma_update(None, "wal_autocheckpoint", 0)?;
    connection.pragma_update(None, "foreign_keys", true)?;
    if !connection.pragma_query_value(None, "foreign_keys", |row| row.get::<_, bool>(0))? {
        return Err(StoreErrorKind::InvariantViolation(
            "this SQLite was built without foreign keys".to_owned(),
        ));
    }
    // A user who may not write to the directory can open the database only while the log's files exist, so
    // they stay when the last connection closes.
    let mut persist = 1;
    connection.file_control(None::<&str>, FileControl::PersistWal(&mut persist))?;
    Ok(())
}

/// How far a commit reaches before it returns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Synchronous {
    /// To the operating system: it survives the process but not the machine. A power loss takes the last
    /// commits away whole, points and coverage together, and the next run fetches them again.
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

/// Whether the write-ahead log is so long that a part of it should be moved into the main file.
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
        wal_bytes: fs::metadata(suffixed(path, "-wal")).map_or(0, |log| log.len()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_absolute_whatever_it_looks_like() {
        let dir = tempfile::tempdir().unwrap();
        for name in [":memory:", "file:x?mode=memory", "stats.db"] {
            let located = locate(&dir.path().join(name)).unwrap();
            assert!(located.is_absolute() && located.ends_with(name));
        }
        assert!(locate(Path::new("stats.db")).unwrap().is_absolute());
        for nowhere in ["/nowhere/stats.db", "/", ""] {
            assert!(matches!(
                locate(Path::new(nowhere)),
                Err(StoreErrorKind::Directory(_))
            ));
        }
        assert!(matches!(locate(dir.path()), Err(StoreErrorKind::Directory(_))));
    }

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
