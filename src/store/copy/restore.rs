//! Puts a copy in the database's place.
//!
//! By hand this goes wrong in two ways: the write-ahead log of the old database is taken for the copy's, and a run that
//! is at work goes on writing to the file that is no longer there. Here the copy is made and checked where nobody sees
//! it, the database is held as by a run, what is in its log is folded in, and the two files change places in one step.
//! The file that was replaced stays, under another name.

use std::fs::{self, File, Permissions};
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::types::{ToSqlOutput, ValueRef};

use crate::model::convert::to_u64;
use crate::model::{UnixSeconds, civil};
use crate::store::deep;
use crate::store::error::{Result, StoreError, StoreErrorKind};
use crate::store::file::connection::{self, Existing, suffixed};
use crate::store::file::lock::{Holder, Lock};
use crate::store::file::main_file::{self, MainFile};
use crate::store::file::staging::StagingDirectory;
use crate::store::file::{commit_number, health, migrations};

/// The purpose of the copy's staging directory.
const PURPOSE: &str = "restore";
/// How long another program that has the database open is waited for.
const PATIENCE: Duration = Duration::from_secs(1);
/// The permissions of a database that takes the place of none, as far as the umask allows them.
const MODE: u32 = 0o644;

/// A copy that is in the database's place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Restored {
    /// The database, absolute.
    pub path: PathBuf,
    /// Its size.
    pub bytes: u64,
    /// Its points.
    pub points: u64,
    /// The time of the newest of them.
    pub newest_ts: Option<UnixSeconds>,
    /// Where the database is that was replaced.
    pub replaced: Option<PathBuf>,
}

/// Why a copy was not put in place. The database is as it was.
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
    /// The database is held, or its place cannot be used.
    #[error(transparent)]
    Database(#[from] StoreError),
}

/// Puts a copy of `backup` in the place of the database at `path`, of which nothing may be there.
///
/// `backup` may be a snapshot, a copy from before an upgrade, or a database with its log beside it; it stays as it is.
pub fn restore(backup: &Path, path: &Path, holder: &Holder) -> std::result::Result<Restored, RestoreError> {
    let of_database = |kind| RestoreError::Database(StoreError::new(path, kind));
    let of_copy = |kind| RestoreError::Copy(StoreError::new(backup, kind));
    let located = connection::locate(path).map_err(of_database)?;
    // A link to a copy is as good as the copy.
    let source = fs::canonicalize(backup).map_err(|_| RestoreError::Missing)?;
    if source == located || is_same_file(&source, &located) {
        return Err(RestoreError::Same);
    }
    let source = connection::locate(&source).map_err(of_copy)?;
    check(&source).map_err(of_copy)?;

    let _lock = Lock::take(&located, holder).map_err(of_database)?;
    let old = Old::hold(&located).map_err(of_database)?;
    let directory = located.parent().unwrap_or(Path::new("/"));
    let staging = StagingDirectory::begin(directory, PURPOSE)
        .map_err(|error| of_database(StoreErrorKind::Staging(error)))?;
    let copy = staging.file("copy.db");
    let (points, newest_ts) = copy_out(&source, &copy).map_err(of_copy)?;
    let put = || -> Result<Option<PathBuf>> {
        let finish = || {
            let file = File::open(&copy)?;
            let mode = if old.is_some() {
                let found = fs::metadata(&located)?;
                // Root may restore for the user who runs; anybody else owns the copy anyway.
                let _ = std::os::unix::fs::fchown(&file, Some(found.uid()), Some(found.gid()));
                // A snapshot that was copied there by hand is read-only.
                found.permissions().mode() & 0o777 | 0o200
            } else {
                staging.permitted(MODE)?
            };
            file.set_permissions(Permissions::from_mode(mode))?;
            file.sync_all()
        };
        finish().map_err(StoreErrorKind::Staging)?;
        let replaced = put_in_place(&copy, &located, old.as_ref(), holder.started_at)
            .map_err(StoreErrorKind::Staging)?;
        File::open(directory)
            .and_then(|directory| directory.sync_all())
            .map_err(StoreErrorKind::Staging)?;
        Ok(replaced)
    };
    let replaced = put().map_err(of_database)?;
    Ok(Restored {
        bytes: fs::metadata(&located).map_or(0, |found| found.len()),
        path: located,
        points,
        newest_ts,
        replaced,
    })
}

/// Refuses what is no database of ours, is of a newer schema, or has another file's log beside it.
fn check(source: &Path) -> Result<()> {
    main_file::check_names(source)?;
    main_file::check_log(source)?;
    if connection::inspect(source)? == Existing::Empty {
        return Err(StoreErrorKind::NotADatabase);
    }
    migrations::check(&health::open_at_rest(source)?)
}

fn is_same_file(one: &Path, other: &Path) -> bool {
    let id = |path| fs::metadata(path).ok().map(|found| (found.dev(), found.ino()));
    id(one).is_some() && id(one) == id(other)
}

/// Copies `source` with what is in its log, packed, and refuses a copy in which anything is not as it must be. Returns its number of points
/// and the time of the newest.
fn copy_out(source: &Path, copy: &Path) -> Result<(u64, Option<UnixSeconds>)> {
    let source = health::open_at_rest(source)?;
    source.set_db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false)?;
    // Packing makes the indexes and the schema anew, so those of the source are looked at here.
    refuse_damage(&deep::verify_frame(&source)?)?;
    // A path is bytes; SQLite takes them as they are.
    let into = ToSqlOutput::Borrowed(ValueRef::Text(copy.as_os_str().as_bytes()));
    source.execute("VACUUM INTO ?1", [into])?;
    let copy = connection::open_to_change(copy)?;
    copy.set_db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false)?;
    // A write-ahead log would lie beside the copy.
    copy.pragma_update_and_check(None, "journal_mode", "delete", |_| Ok(()))?;
    refuse_damage(&deep::verify(&copy)?)?;
    commit_number::start_anew(&copy)?;
    let found = copy.query_row("SELECT count(*), max(ts) FROM point", [], |row| {
        Ok((row.get::<_, i64>(0)?, row.get(1)?))
    })?;
    copy.close().map_err(|(_, error)| error)?;
    Ok((to_u64(found.0), found.1))
}

fn refuse_damage(checked: &[deep::Checked]) -> Result<()> {
    match checked.iter().find(|checked| checked.is_damaged()) {
        Some(damaged) => Err(StoreErrorKind::Unsound(damaged.summary())),
        None => Ok(()),
    }
}

/// The database that is to be replaced, held until this is dropped.
struct Old {
    _file: MainFile,
    /// Whether all that was committed is in the main file.
    is_folded: bool,
}

impl Old {
    fn hold(path: &Path) -> Result<Option<Self>> {
        if fs::symlink_metadata(path).is_err() {
            return Ok(None);
        }
        let file = MainFile::hold_existing(path)?;
        Ok(Some(Self {
            _file: file,
            is_folded: match fold(path) {
                Ok(folded) => folded,
                Err(StoreErrorKind::Busy(_)) => return Err(StoreErrorKind::InUse),
                // A database that is damaged, or has another's log, cannot be folded: that may be why it is replaced.
                Err(_) => false,
            },
        }))
    }
}

/// Folds the database's log in, and makes sure that nobody else has the file open: a program that closes it later would
/// delete the log of the database that has its name by then.
fn fold(path: &Path) -> Result<bool> {
    main_file::check_log(path)?;
    if connection::inspect(path)? == Existing::Empty {
        return Ok(false);
    }
    let connection = connection::open_to_change(path)?;
    connection.busy_timeout(PATIENCE)?;
    let mode: String =
        connection.pragma_update_and_check(None, "journal_mode", "delete", |row| row.get(0))?;
    Ok(mode == "delete")
}

/// Brings `copy` to `path`. What was there gets a name that tells when, and its log as well where it may hold something.
///
/// Killed before the exchange, the old database is in place, and a copy of the backup may have the other name. Killed
/// after it, the new one is: an old log that is still beside it is known for what it is, and restoring once more takes it
/// away.
fn put_in_place(
    copy: &Path,
    path: &Path,
    old: Option<&Old>,
    now: UnixSeconds,
) -> io::Result<Option<PathBuf>> {
    let kept = free_name(path, now)?;
    // A journal would be played back into whatever file stands there.
    move_if_there(path, &kept, "-journal")?;
    let Some(old) = old else {
        // A log without its database, as `rm` leaves it, would be taken for the copy's.
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

/// Brings `copy` to `path`, and the file that was there to `kept`. That file always has one of the two names: the staging
/// directory is removed with all that is in it.
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
    // Without an exchange in one step the old file has two names for a moment: a run that comes after a kill in
    // between refuses it, and says why.
    fs::hard_link(path, kept)?;
    fs::rename(copy, path).inspect_err(|_| {
        let _ = fs::remove_file(kept);
    })
}

fn set_log_aside(path: &Path, kept: &Path) -> io::Result<()> {
    let log = PathBuf::from(suffixed(path, "-wal"));
    match fs::metadata(&log) {
        Ok(found) if found.len() == 0 => remove_if_there(path, "-wal")?,
        _ => move_if_there(path, kept, "-wal")?,
    }
    // Only an index of the log.
    remove_if_there(path, "-shm")
}

/// `PATH.replaced-20261127-131500`, or with a number behind it.
fn free_name(path: &Path, now: UnixSeconds) -> io::Result<PathBuf> {
    let when = civil::cst_compact(now);
    for at in 1_u32.. {
        let number = if at == 1 { String::new() } else { format!(".{at}") };
        let name = PathBuf::from(suffixed(path, &format!(".replaced-{when}{number}")));
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
