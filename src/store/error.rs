//! Why a database could not be used.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bytesize::ByteSize;
use rusqlite::ErrorCode;

use crate::model::text;
use crate::store::file::lock::LockHolder;

/// Exit code for a database that cannot be used.
const UNUSABLE: u8 = 5;
/// Exit code for a database that another run holds (`EX_TEMPFAIL` of sysexits.h).
const HELD: u8 = 75;
/// Exit code for a fault of this program.
const FAILED: u8 = 1;

/// `SQLITE_CANTOPEN_SYMLINK`.
const CANNOT_OPEN_SYMLINK: i32 = 1550;

/// What the parts of the store return; [`crate::store::write::store::Store`] adds the path.
pub(crate) type Result<T> = std::result::Result<T, StoreErrorKind>;

/// A failure, and the database that it concerns.
///
/// After any of them the [`crate::store::write::store::Store`] is to be dropped: a commit that reported an I/O error may be there
/// all the same, and only a fresh look at the file tells.
#[derive(Debug)]
pub struct StoreError {
    path: PathBuf,
    kind: StoreErrorKind,
}

/// Why a database could not be used.
#[derive(Debug, thiserror::Error)]
pub enum StoreErrorKind {
    /// Another process is writing to it.
    #[error("it is held by {}; wait until that run has ended", .0.as_ref().map_or_else(|| "another run".to_owned(), ToString::to_string))]
    Held(Option<LockHolder>),
    /// Another run has locked the file itself, but not by this name.
    #[error(
        "another run holds this file, under another name or with its `.lock` file deleted; wait until that run has ended"
    )]
    HeldElsewhere,
    /// It has more than one name, and each would have a write-ahead log of its own.
    #[error(
        "it has {links} names (hard links), and each would have a write-ahead log of its own; delete the other names, or copy the file to a new one and use that"
    )]
    SeveralNames {
        /// How many names there are.
        links: u64,
    },
    /// It was mounted by itself, so it has another name elsewhere.
    #[error(
        "it is a mount point by itself, so its write-ahead log does not lie beside it; mount the directory, never the file"
    )]
    MountPoint,
    /// It is a directory, a FIFO or a device.
    #[error("it is not a regular file; give another path")]
    NotAFile,
    /// The path names another file than the one that was opened, or the content is another one.
    #[error(
        "this is no longer the file that was opened: it was deleted, moved or overwritten in the meantime (or another program folded its log in). Nothing counts as stored; put the file back or restore a copy, then run again"
    )]
    Replaced,
    /// The log beside it belongs to another file, or to another state of this one.
    #[error(
        "the write-ahead log beside it (`-wal`) belongs to another file or to another state of it, as when a copy was put in its place. If this file is the one you want, move its `-wal` and `-shm` files away, or put the copy in place with `jdcdn-stats restore`"
    )]
    ForeignLog,
    /// Another program has it open, and would spoil what takes its place.
    #[error("another program has it open; close that program, then run again")]
    InUse,
    /// SQLite's own check finds it damaged.
    #[error("it is damaged: {0}")]
    Unsound(String),
    /// A copy of it cannot be written, or not be given its name.
    #[error(
        "the copy cannot be put in place; check the free space and the permissions of the database's directory"
    )]
    Staging(#[source] io::Error),
    /// The operating system refuses a look at it.
    #[error("the file cannot be used; check its permissions and its disk")]
    File(#[source] io::Error),
    /// The lock file beside it cannot be used.
    #[error("its lock file cannot be written; look after the rights and the free space of its directory")]
    Lock(#[source] io::Error),
    /// The path names no file in a directory that exists.
    #[error("its directory cannot be used; create it first, or give another path")]
    Directory(#[source] io::Error),
    /// The path is a symbolic link, which SQLite and the lock would see as two different databases.
    #[error("it is a symbolic link; give the path that it leads to")]
    Symlink,
    /// A file, but not one of SQLite.
    #[error(
        "it is not an SQLite database, or its first page is damaged; give another path, or restore it from a copy"
    )]
    NotADatabase,
    /// A database that another program made.
    #[error(
        "it was made by another program (application id {application_id}) and is left as it is; give another path"
    )]
    Foreign {
        /// What the file says in the place where this program writes its own mark.
        application_id: u32,
    },
    /// A database that a later version of this program has changed.
    #[error("its schema is version {found}, and this program knows only {known}; use a newer jdcdn-stats")]
    NewerSchema {
        /// The version in the file.
        found: i32,
        /// The newest version that this program knows.
        known: i32,
    },
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
    /// What is stored cannot be what this program has written.
    #[error("it is damaged: {0}; keep the file, and restore it from a copy or fetch into a new one")]
    Impossible(String),
    /// The main file is empty, while the log beside it is not: the main file was cut or replaced.
    #[error("it is empty, while its write-ahead log is not; restore both from a copy, or move the log away")]
    Orphaned,
    /// The disk is full, or failed.
    #[error("its storage failed or is full; free some space or look after the disk, then run again")]
    Storage(#[source] rusqlite::Error),
    /// The file cannot be written to.
    #[error("it is read-only; give this user the right to write to it, or use another path")]
    ReadOnly,
    /// The file system cannot share memory between processes, which the write-ahead log needs.
    #[error("its file system allows no write-ahead log (journal mode stays `{0}`); keep it on a local disk")]
    NoWal(String),
    /// Another program has been writing to it all the time.
    #[error("another program has kept it locked for {} seconds; close that program, then run again", .0.as_secs())]
    Busy(Duration),
    /// The process was asked to end, so this was left and undone.
    #[error("the work on it was stopped by a signal and undone; what was committed before is safe")]
    Interrupted,
    /// The file cannot be opened.
    #[error("it cannot be opened")]
    CannotOpen(#[source] rusqlite::Error),
    /// The SQLite library is one with a known fault (before 3.51.3, a reset of the write-ahead log could lose
    /// commits).
    #[error("SQLite {0} is too old; 3.51.3 is the first without a fault that loses commits")]
    OldSqlite(&'static str),
    /// Figures that break the rules of a commit; nothing of it was stored.
    #[error("a commit was refused: {0}; this is a fault of jdcdn-stats")]
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
    /// SQLite found faults in the copy that is kept before an upgrade, and so in the database.
    #[error(
        "it is damaged, so it was not upgraded: {0}; keep the file, and restore it from a copy or fetch into a new one"
    )]
    UnsoundToUpgrade(String),
    /// A migration could not be applied; none of them was.
    #[error("its schema could not be brought up to date")]
    Migration(#[source] refinery::Error),
}

impl StoreError {
    pub(crate) fn new(path: &Path, kind: StoreErrorKind) -> Self {
        Self {
            path: path.to_owned(),
            kind,
        }
    }

    /// The database.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What went wrong.
    #[must_use]
    pub fn kind(&self) -> &StoreErrorKind {
        &self.kind
    }

    /// What went wrong, by value.
    #[must_use]
    pub fn into_kind(self) -> StoreErrorKind {
        self.kind
    }

    /// Whether it was left because the process was asked to end. The store is as it was before, and may be used on.
    #[must_use]
    pub fn is_interruption(&self) -> bool {
        matches!(self.kind, StoreErrorKind::Interrupted)
    }

    /// The exit code of a process that ends for this reason: 75 where another run holds the database, 5 where
    /// it cannot be used, 1 where this program is to blame.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match self.kind {
            StoreErrorKind::Held(_) | StoreErrorKind::HeldElsewhere | StoreErrorKind::InUse => HELD,
            StoreErrorKind::InvariantViolation(_) | StoreErrorKind::Interrupted => FAILED,
            _ => UNUSABLE,
        }
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = text::printable(&self.path.to_string_lossy());
        write!(f, "database `{path}`: {}", self.kind)
    }
}

/// The message holds the kind's own, so the chain goes on with what is behind the kind.
impl std::error::Error for StoreError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        std::error::Error::source(&self.kind)
    }
}

impl From<rusqlite::Error> for StoreErrorKind {
    fn from(error: rusqlite::Error) -> Self {
        if error.sqlite_extended_error_code() == Some(CANNOT_OPEN_SYMLINK) {
            return Self::Symlink;
        }
        // A value of another type than this program writes, or no row where there always is one.
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
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
                Self::Busy(crate::store::file::connection::BUSY_STEP)
            }
            Some(ErrorCode::CannotOpen) => Self::CannotOpen(error),
            Some(ErrorCode::OperationInterrupted) => Self::Interrupted,
            _ => Self::Sqlite(error),
        }
    }
}

/// Where SQLite failed under a migration, that is the reason to name.
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

    #[test]
    fn the_exit_code_tells_a_held_database_from_an_unusable_one() {
        let code = |kind| StoreError::new(Path::new("x.db"), kind).exit_code();
        assert_eq!(code(StoreErrorKind::Held(None)), 75);
        assert_eq!(code(kind_of(ffi::SQLITE_FULL)), 5);
        assert_eq!(code(StoreErrorKind::ReadOnly), 5);
        assert_eq!(code(StoreErrorKind::InvariantViolation(String::new())), 1);
    }

    #[test]
    fn the_message_names_the_file_and_prints_safely() {
        let error = StoreError::new(Path::new("a\u{1b}.db"), StoreErrorKind::Held(None));
        assert_eq!(
            error.to_string(),
            "database `a\\u{1b}.db`: it is held by another run; wait until that run has ended"
        );
    }
}
