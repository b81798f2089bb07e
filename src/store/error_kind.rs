//! The failures of the store, one by one.

use std::io;
use std::time::Duration;

use bytesize::ByteSize;
use rusqlite::ErrorCode;

use crate::store::file::holder::LockHolder;

/// How long SQLite itself waits for another connection's lock before it reports that the file is busy.
pub(crate) const BUSY_STEP: Duration = Duration::from_secs(15);

/// `SQLITE_CANTOPEN_SYMLINK`.
const CANNOT_OPEN_SYMLINK: i32 = 1550;

/// Why a database cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum StoreErrorKind {
    /// Another process is writing to it.
    #[error("it is in use by {}; wait until that run ends", .0.as_ref().map_or_else(|| "another run".to_owned(), ToString::to_string))]
    Locked(Option<LockHolder>),
    /// Another run has locked the file itself, but not by this name.
    #[error(
        "another run uses this file, under another name or with its `.lock` file deleted; wait until that run ends"
    )]
    LockedElsewhere,
    /// It has more than one name, and each would have a write-ahead log of its own.
    #[error(
        "it has {links} names (hard links), and each would have a write-ahead log of its own; delete the other names, or copy the file to a new one and use that"
    )]
    SeveralNames {
        /// How many names there are.
        links: u64,
    },
    /// It is mounted by itself, so it has another name elsewhere.
    #[error(
        "it is a mount point by itself, so its write-ahead log is not in the same directory; mount the directory, never the file"
    )]
    MountPoint,
    /// It is a directory, a FIFO or a device.
    #[error("it is not a regular file; give another path")]
    NotAFile,
    /// The path leads to another file than the one that was opened, or the content was replaced.
    #[error(
        "this is no longer the file that was opened: it was deleted, moved or overwritten since then (or another program folded its log in). Nothing counts as stored; put the file back or restore a copy, then run again"
    )]
    Replaced,
    /// The log beside it belongs to another file, or to another state of this one.
    #[error(
        "the write-ahead log beside it (`-wal`) belongs to another file or to another state of it, as when a copy was put in its place. If this file is the one you want, move its `-wal` and `-shm` files away, or put the copy in place with `jdcdn-stats restore`"
    )]
    ForeignLog,
    /// Another program has it open, and would damage the file that takes its place.
    #[error("another program has it open; close that program, then run again")]
    InUse,
    /// SQLite's own check finds it damaged.
    #[error("it is damaged: {0}")]
    Unsound(String),
    /// A copy of it cannot be written or renamed.
    #[error(
        "the copy cannot be put in place; check the free space and the permissions of the database's directory"
    )]
    Staging(#[source] io::Error),
    /// The operating system refuses access to it.
    #[error("the file cannot be used; check its permissions and its disk")]
    File(#[source] io::Error),
    /// The lock file beside it cannot be used.
    #[error("its lock file cannot be written; check the permissions and the free space of its directory")]
    Lock(#[source] io::Error),
    /// The path names no file in a directory that exists.
    #[error("its directory cannot be used; create it first, or give another path")]
    Directory(#[source] io::Error),
    /// The path is a symbolic link. SQLite and the lock would see two different databases.
    #[error("it is a symbolic link; give the path that it leads to")]
    Symlink,
    /// A file, but not one of SQLite.
    #[error(
        "it is not an SQLite database, or its first page is damaged; give another path, or restore it from a copy"
    )]
    NotADatabase,
    /// A database that another program made.
    #[error(
        "it was made by another program (application id {application_id}) and was not changed; give another path"
    )]
    Foreign {
        /// The mark in its header.
        application_id: u32,
    },
    /// A database that a later version of this program has changed.
    #[error(
        "its schema is version {found}, and this program supports up to {known}; use a newer jdcdn-stats"
    )]
    NewerSchema {
        /// The version in the file.
        found: i32,
        /// The newest version that this program knows.
        known: i32,
    },
    /// It lacks relations that this command reads.
    #[error(
        "its schema is too old to be read; run `jdcdn-stats migrate` once, or any command that writes to it"
    )]
    OldSchema,
    /// A migration was applied that differs from the one of the same number in this program.
    #[error(
        "its migration {version} (`{name}`) is not the one of this program; use the program that made it, or another path"
    )]
    Divergent {
        /// The number of the migration.
        version: i32,
        /// Its name in the file.
        name: String,
    },
    /// SQLite found it damaged.
    #[error(
        "it is damaged; keep the file, and restore it from a copy (`jdcdn-stats restore`) or fetch into a new one. If a copy was put in its place, move the `-wal` and `-shm` files of the old one away first"
    )]
    Damaged(#[source] rusqlite::Error),
    /// It stores a value that this program never writes.
    #[error("it is damaged: {0}; keep the file, and restore it from a copy or fetch into a new one")]
    Impossible(String),
    /// The main file is empty, while the log beside it is not: the main file was cut or replaced.
    #[error("it is empty, while its write-ahead log is not; restore both from a copy, or move the log away")]
    Orphaned,
    /// The disk is full, or failed.
    #[error("its storage failed or is full; free some space or check the disk, then run again")]
    Storage(#[source] rusqlite::Error),
    /// The file cannot be written to.
    #[error("it is read-only; give this user write permission, or use another path")]
    ReadOnly,
    /// The file system cannot share memory between processes. The write-ahead log needs that.
    #[error(
        "its file system supports no write-ahead log (journal mode stays `{0}`); keep it on a local disk"
    )]
    NoWal(String),
    /// Another program kept it locked for too long.
    #[error("another program has kept it locked for {} seconds; close that program, then run again", .0.as_secs())]
    Busy(Duration),
    /// The process was asked to end, so this work was stopped and undone.
    #[error("the work on it was stopped by a signal and undone; what was committed before is safe")]
    Interrupted,
    /// The file cannot be opened.
    #[error("it cannot be opened")]
    CannotOpen(#[source] rusqlite::Error),
    /// The SQLite library has a known defect: before 3.51.3, a reset of the write-ahead log could lose commits.
    #[error("SQLite {0} is too old; 3.51.3 is the first without a defect that loses commits")]
    OldSqlite(&'static str),
    /// A commit breaks its own rules. Nothing of it was stored.
    #[error("a commit was refused: {0}; this is a defect of jdcdn-stats")]
    InvariantViolation(String),
    /// Any other failure of SQLite.
    #[error("SQLite failed")]
    Sqlite(#[source] rusqlite::Error),
    /// The disk has no room for the copy that is kept before an upgrade.
    #[error(
        "too little space to upgrade it: needed {}, free {}. A copy is kept before the upgrade, and nothing was written. \
         Free some space in its directory, or move it to a larger disk, then run again",
        ByteSize(*.needed), ByteSize(*.free)
    )]
    NoSpaceToUpgrade {
        /// Bytes that the copy and the upgrade need.
        needed: u64,
        /// Bytes that are free.
        free: u64,
    },
    /// The copy that is kept before an upgrade could not be written.
    #[error(
        "the copy that is kept before its upgrade cannot be written, so it was not upgraded; check the permissions and \
         the free space of its directory"
    )]
    UpgradeCopy(#[source] io::Error),
    /// SQLite found damage in the copy that is kept before an upgrade, and so in the database.
    #[error(
        "it is damaged, so it was not upgraded: {0}; keep the file, and restore it from a copy or fetch into a new one"
    )]
    UnsoundToUpgrade(String),
    /// A migration could not be applied; none of them was.
    #[error("its schema could not be brought up to date")]
    Migration(#[source] refinery::Error),
}

impl From<rusqlite::Error> for StoreErrorKind {
    fn from(error: rusqlite::Error) -> Self {
        if error.sqlite_extended_error_code() == Some(CANNOT_OPEN_SYMLINK) {
            return Self::Symlink;
        }
        // A value of a type that this program never writes, or no row where there always is one.
        if matches!(
            error,
            rusqlite::Error::InvalidColumnType(..)
                | rusqlite::Error::FromSqlConversionFailure(..)
                | rusqlite::Error::IntegralValueOutOfRange(..)
                | rusqlite::Error::Utf8Error(..)
                | rusqlite::Error::QueryReturnedNoRows
        ) {
            return Self::Damaged(error);
        }
        match error.sqlite_error_code() {
            // A full disk shows as either of the two.
            Some(ErrorCode::DiskFull | ErrorCode::SystemIoFailure) => Self::Storage(error),
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => Self::Damaged(error),
            Some(ErrorCode::ReadOnly) => Self::ReadOnly,
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Self::Busy(BUSY_STEP),
            Some(ErrorCode::CannotOpen) => Self::CannotOpen(error),
            Some(ErrorCode::OperationInterrupted) => Self::Interrupted,
            _ => Self::Sqlite(error),
        }
    }
}

/// If SQLite failed under a migration, the reason is the failure of SQLite.
impl From<refinery::Error> for StoreErrorKind {
    fn from(error: refinery::Error) -> Self {
        let below = std::error::Error::source(&error).and_then(|below| below.downcast_ref());
        if let Some(rusqlite::Error::SqliteFailure(code, message)) = below {
            let kind = rusqlite::Error::SqliteFailure(*code, message.clone()).into();
            if !matches!(kind, Self::Sqlite(_)) {
                return kind;
            }
        }
        Self::Migration(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rusqlite::ffi;

    fn kind_of(code: i32) -> StoreErrorKind {
        rusqlite::Error::SqliteFailure(ffi::Error::new(code), None).into()
    }

    #[test]
    fn a_full_disk_is_storage_whichever_way_sqlite_reports_it() {
        for code in [
            ffi::SQLITE_FULL,
            ffi::SQLITE_IOERR,
            ffi::SQLITE_IOERR_WRITE,
            ffi::SQLITE_IOERR_FSYNC,
        ] {
            assert!(matches!(kind_of(code), StoreErrorKind::Storage(_)), "{code}");
        }
    }

    #[test]
    fn each_of_sqlites_refusals_has_its_own_name() {
        assert!(matches!(
            kind_of(ffi::SQLITE_CORRUPT_INDEX),
            StoreErrorKind::Damaged(_)
        ));
        assert!(matches!(kind_of(ffi::SQLITE_NOTADB), StoreErrorKind::Damaged(_)));
        assert!(matches!(
            kind_of(ffi::SQLITE_READONLY_DIRECTORY),
            StoreErrorKind::ReadOnly
        ));
        assert!(matches!(
            kind_of(ffi::SQLITE_BUSY_RECOVERY),
            StoreErrorKind::Busy(_)
        ));
        assert!(matches!(kind_of(CANNOT_OPEN_SYMLINK), StoreErrorKind::Symlink));
        assert!(matches!(
            kind_of(ffi::SQLITE_CANTOPEN),
            StoreErrorKind::CannotOpen(_)
        ));
        assert!(matches!(
            kind_of(ffi::SQLITE_CONSTRAINT),
            StoreErrorKind::Sqlite(_)
        ));
    }
}
