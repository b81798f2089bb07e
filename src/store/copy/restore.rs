//! Puts a copy in the database's place.
//!
//! Done by hand, this goes wrong in two ways: SQLite uses the write-ahead log of the old database for the copy, and a
//! running run goes on writing to the file that is no longer there. Here the copy is made and checked where nobody
//! sees it. The database is locked as by a run, and its log is folded in. Then the two files change places in one
//! step. The replaced file stays under another name.

use std::fs;
use std::io;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::config::DbConfig;

use crate::model::convert::to_u64;
use crate::model::{UnixSeconds, civil};
use crate::store::deep::{self, SubjectReport};
use crate::store::error::{Result, StoreError, StoreErrorKind};
use crate::store::file::header::{self, Existing};
use crate::store::file::holder::Holder;
use crate::store::file::location::{directory, locate, size, suffixed};
use crate::store::file::lock::Lock;
use crate::store::file::main_file::{self, MainFile};
use crate::store::file::open_files::FileId;
use crate::store::file::staging::{self, StagingDirectory};
use crate::store::file::{commit_number, connection, health, migrations};

/// The purpose of the copy's staging directory.
const PURPOSE: &str = "restore";
/// How long to wait for another program that has the database open.
const PATIENCE: Duration = Duration::from_secs(1);
/// The permissions of a database that replaces none, as far as the umask allows them.
const MODE: u32 = 0o644;

/// A copy that was put in the database's place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Restored {
    /// The database, absolute.
    pub path: PathBuf,
    /// Its size.
    pub bytes: u64,
    /// How many points it has.
    pub points: u64,
    /// The time of the newest of them.
    pub newest_ts: Option<UnixSeconds>,
    /// Where the replaced database is now.
    pub replaced: Option<PathBuf>,
}

/// Why a copy was not put in place. The database is unchanged.
#[derive(Debug, thiserror::Error)]
pub enum RestoreError {
    /// The copy cannot be used.
    #[error("the copy cannot be used: {0}")]
    Copy(StoreError),
    /// The copy is the database itself.
    #[error("the copy is the database itself; give the path of another file")]
    Same,
    /// There is no copy.
    #[error("there is no file at the path of the copy; check the path")]
    Missing,
    /// The database is in use, or its place cannot be used.
    #[error(transparent)]
    Database(#[from] StoreError),
}

/// Puts a copy of `backup` in the place of the database at `path`. There may be no database.
///
/// `backup` may be a snapshot, a copy from before an upgrade, or a database with its log beside it. It is not changed.
pub fn restore(backup: &Path, path: &Path, holder: &Holder) -> Result<Restored, RestoreError> {
    let of_database = |kind| RestoreError::Database(StoreError::new(path, kind));
    let of_copy = |kind| RestoreError::Copy(StoreError::new(backup, kind));
    let located = locate(path).map_err(of_database)?;
    // A link to a copy is as good as the copy.
    let source = fs::canonicalize(backup).map_err(|_| RestoreError::Missing)?;
    if source == located || FileId::is_same(&source, &located) {
        return Err(RestoreError::Same);
    }
    let source = locate(&source).map_err(of_copy)?;
    check(&source).map_err(of_copy)?;

    let _lock = Lock::take(&located, holder).map_err(of_database)?;
    let old = Replaced::lock(&located).map_err(of_database)?;
    let directory = directory(&located);
    let staging = StagingDirectory::begin(directory, PURPOSE)
        .map_err(|error| of_database(StoreErrorKind::Staging(error)))?;
    let copy = staging.file("copy.db");
    let (points, newest_ts) = copy_out(&source, &copy).map_err(of_copy)?;
    let put = || -> io::Result<Option<PathBuf>> {
        let mode = if old.is_some() {
            let about = fs::metadata(&located)?;
            // Root may restore for the user of the database. Anybody else owns the copy anyway.
            let _ = std::os::unix::fs::chown(&copy, Some(about.uid()), Some(about.gid()));
            // A snapshot that was copied there by hand is read-only.
            about.permissions().mode() & 0o777 | 0o200
        } else {
            staging.permitted(MODE)?
        };
        staging::complete(&copy, mode)?;
        let replaced = put_in_place(&copy, &located, old.as_ref(), holder.started_at)?;
        staging::sync(directory)?;
        Ok(replaced)
    };
    let replaced = put().map_err(|error| of_database(StoreErrorKind::Staging(error)))?;
    Ok(Restored {
        bytes: size(&located).unwrap_or(0),
        path: located,
        points,
        newest_ts,
        replaced,
    })
}

/// Refuses a file that is not a database of this program, has a newer schema, or has another file's log beside it.
fn check(source: &Path) -> Result<()> {
    main_file::check_names(source)?;
    main_file::check_log(source)?;
    if header::inspect(source)? == Existing::Empty {
        return Err(StoreErrorKind::NotADatabase);
    }
    migrations::check(&health::open_at_rest(source)?)
}

/// Copies `source` with the content of its log, packed, and refuses a damaged copy. Returns its number of points and
/// the time of the newest.
fn copy_out(source: &Path, copy: &Path) -> Result<(u64, Option<UnixSeconds>)> {
    let source = health::open_at_rest(source)?;
    source.set_db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false)?;
    // Packing makes the indexes and the schema again, so those of the source are verified here.
    refuse_damage(&deep::verify_frame(&source)?)?;
    connection::pack_into(&source, copy)?;
    let copy = connection::open_copy(copy)?;
    refuse_damage(&deep::verify(&copy)?)?;
    commit_number::start_anew(&copy)?;
    let (points, newest_ts) = copy.query_row("SELECT count(*), max(ts) FROM point", [], |row| {
        Ok((row.get::<_, i64>(0)?, row.get(1)?))
    })?;
    copy.close().map_err(|(_, error)| error)?;
    Ok((to_u64(points), newest_ts))
}

fn refuse_damage(reports: &[SubjectReport]) -> Result<()> {
    match reports.iter().find(|report| report.is_damaged()) {
        Some(damaged) => Err(StoreErrorKind::Unsound(damaged.summary())),
        None => Ok(()),
    }
}

/// The database to replace, locked until this is dropped.
struct Replaced {
    _file: MainFile,
    /// Whether all commits are in the main file.
    is_folded: bool,
}

impl Replaced {
    fn lock(path: &Path) -> Result<Option<Self>> {
        if fs::symlink_metadata(path).is_err() {
            return Ok(None);
        }
        let file = MainFile::lock_existing(path)?;
        Ok(Some(Self {
            _file: file,
            is_folded: match fold(path) {
                Ok(folded) => folded,
                Err(StoreErrorKind::Busy(_)) => return Err(StoreErrorKind::InUse),
                // The log of a damaged database, or of another one, cannot be folded in. That may be why it is
                // replaced.
                Err(_) => false,
            },
        }))
    }
}

/// Folds the database's log in, and makes sure that no other program has the file open: closing it later would delete
/// the log of the database that has its name by then.
fn fold(path: &Path) -> Result<bool> {
    main_file::check_log(path)?;
    if header::inspect(path)? == Existing::Empty {
        return Ok(false);
    }
    let connection = connection::open_to_change(path)?;
    connection.busy_timeout(PATIENCE)?;
    let mode: String =
        connection.pragma_update_and_check(None, "journal_mode", "delete", |row| row.get(0))?;
    Ok(mode == "delete")
}

/// Renames `copy` to `path`. The file that was there gets a name with the time, and so does its log if it may have
/// content.
///
/// If the process is killed before the exchange, the old database is in place, and the copy may have the other name.
/// If it is killed after, the new one is in place. The program recognizes an old log beside it, and restoring once
/// more removes it.
fn put_in_place(
    copy: &Path,
    path: &Path,
    old: Option<&Replaced>,
    now: UnixSeconds,
) -> io::Result<Option<PathBuf>> {
    let kept = free_name(path, now)?;
    // SQLite would apply a journal to whatever file is there.
    move_if_there(path, &kept, "-journal")?;
    let Some(old) = old else {
        // SQLite would use a log without its database, as `rm` leaves it, for the copy.
        set_log_aside(path, &kept)?;
        fs::rename(copy, path)?;
        return Ok(None);
    };
    exchange(copy, path, &kept)?;
    if old.is_folded {
        remove_if_there(path, "-wal")?;
    }
    set_log_aside(path, &kept)?;
    Ok(Some(kept))
}

/// Renames `copy` to `path`, and the file that was there to `kept`. That file always has one of the two names, never
/// one in the staging directory, because that is removed with its content.
fn exchange(copy: &Path, path: &Path, kept: &Path) -> io::Result<()> {
    #[cfg(target_os = "linux")]
    {
        use rustix::fs::{CWD, RenameFlags, renameat_with};
        fs::rename(copy, kept)?;
        if renameat_with(CWD, kept, CWD, path, RenameFlags::EXCHANGE).is_ok() {
            return Ok(());
        }
        fs::rename(kept, copy)?;
    }
    // Without an exchange in one step the old file has two names for a moment. If the process is killed then, the
    // next run refuses the file and says why.
    fs::hard_link(path, kept)?;
    fs::rename(copy, path).inspect_err(|_| {
        let _ = fs::remove_file(kept);
    })
}

fn set_log_aside(path: &Path, kept: &Path) -> io::Result<()> {
    match size(&suffixed(path, "-wal")) {
        Some(0) => remove_if_there(path, "-wal")?,
        _ => move_if_there(path, kept, "-wal")?,
    }
    // Only an index of the log.
    remove_if_there(path, "-shm")
}

/// Returns `PATH.replaced-20261127-131500`, or the first free name with a number behind it.
fn free_name(path: &Path, now: UnixSeconds) -> io::Result<PathBuf> {
    let when = civil::cst_compact(now);
    for at in 1_u32.. {
        let number = if at == 1 { String::new() } else { format!(".{at}") };
        let name = suffixed(path, &format!(".replaced-{when}{number}"));
        match fs::symlink_metadata(&name) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(name),
            Err(error) => return Err(error),
            Ok(_) => {}
        }
    }
    Err(io::ErrorKind::AlreadyExists.into())
}

fn move_if_there(path: &Path, to: &Path, suffix: &str) -> io::Result<()> {
    ignore_missing(fs::rename(suffixed(path, suffix), suffixed(to, suffix)))
}

fn remove_if_there(path: &Path, suffix: &str) -> io::Result<()> {
    ignore_missing(fs::remove_file(suffixed(path, suffix)))
}

fn ignore_missing(done: io::Result<()>) -> io::Result<()> {
    match done {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}
