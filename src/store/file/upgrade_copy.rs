//! The copy of a database that is kept before a migration rewrites stored data.
//!
//! The run that holds the database's lock makes it before the upgrade writes anything. It is the database as of one
//! moment, with the content of the write-ahead log. Every version of this program that could open the database can open
//! it. It is checked and on the disk before it gets its name, `DATABASE.before-vN`: the database before migration N and
//! all later ones. A killed run leaves no half copy under that name.
//!
//! An existing copy is never replaced. If it has exactly the content of the database, an upgrade was interrupted, and
//! the copy is used again. Otherwise the new copy gets a number: `DATABASE.before-vN.2`.

use std::fmt;
use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bytesize::ByteSize;
use rusqlite::Connection;
use rusqlite::backup::{Backup, StepResult};

use crate::model::text;
use crate::store::error::{Result, StoreErrorKind};
use crate::store::file::connection;
use crate::store::file::header::{self, Existing};
use crate::store::file::location::{directory, has_hot_journal, locate, suffixed};
use crate::store::file::same_content::same_content;
use crate::store::file::staging::{self, StagingDirectory};
use crate::store::file::volume::Volume;
use crate::store::file::{health, migrations};

/// The purpose of the copy's staging directory.
const PURPOSE: &str = "upgrade";
/// Pages that are copied in one step: 4 MiB of the usual size.
const STEP_PAGES: i32 = 1024;
/// How long the copying waits when another connection is in the way.
const REST: Duration = Duration::from_millis(10);
/// The upgrade itself may take this part of the database's size, as a divisor, in addition to the copy.
const UPGRADE_SHARE: u64 = 4;

/// A copy of a database from before an upgrade.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UpgradeCopy {
    /// The file, absolute.
    pub path: PathBuf,
    /// The first migration that was not applied to it and rewrites stored data.
    pub version: i32,
    /// Its size.
    pub bytes: u64,
}

impl fmt::Display for UpgradeCopy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "`{}` ({}) is the database as it was before migration {}; delete it when you no longer need it",
            text::printable_path(&self.path),
            ByteSize(self.bytes),
            self.version
        )
    }
}

/// Returns the copies in the directory of `database`, in the order of their names.
pub fn beside(database: &Path) -> io::Result<Vec<UpgradeCopy>> {
    let Ok(located) = locate(database) else {
        return Ok(Vec::new());
    };
    let mut copies = Vec::new();
    for (path, (version, _)) in named(&located)? {
        let about = fs::symlink_metadata(&path)?;
        if about.is_file() {
            copies.push(UpgradeCopy {
                path,
                version,
                bytes: about.len(),
            });
        }
    }
    copies.sort_unstable_by(|one, other| one.path.cmp(&other.path));
    Ok(copies)
}

/// Returns every path with the name of a copy, and the migration and the number in it.
fn named(database: &Path) -> io::Result<Vec<(PathBuf, (i32, u32))>> {
    let mut copies = Vec::new();
    for entry in fs::read_dir(directory(database))? {
        let path = entry?.path();
        copies.extend(numbers(database, &path).map(|numbers| (path, numbers)));
    }
    Ok(copies)
}

/// Keeps a copy of the database at a located path if a pending migration rewrites stored data; returns that copy. The
/// caller holds the lock, and has not opened the database yet.
pub(crate) fn keep(database: &Path) -> Result<Option<UpgradeCopy>> {
    if header::inspect(database)? == Existing::Empty {
        return Ok(None);
    }
    // The upgrade that left a staging directory may have been the last one for a long time.
    let directory = directory(database);
    staging::sweep(directory, PURPOSE);
    if has_hot_journal(database) {
        roll_back(database)?;
    }
    let source = connection::open_to_read(database)?;
    let Some(version) = migrations::first_rewriting(&source)? else {
        return Ok(None);
    };
    // A user without write permission does not upgrade it. The connection for writing reports that.
    if !Volume::is_writable(database) {
        return Ok(None);
    }
    let staging = StagingDirectory::begin(directory, PURPOSE).map_err(StoreErrorKind::UpgradeCopy)?;
    // From here on the source shows the database as of this moment.
    let of_one_moment = source.unchecked_transaction()?;
    source.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(()))?;
    let copies = named(database).map_err(StoreErrorKind::UpgradeCopy)?.into_iter();
    let of_version = copies.filter(|(_, (of, _))| *of == version);
    let kept = match of_version.max_by_key(|(_, (_, nth))| *nth) {
        Some((path, _)) if is_copy_of(&path, &source)? => path,
        newest => {
            check_space(&source, directory)?;
            let copy = staging.file("copy.db");
            copy_pages(&source, &copy)?;
            make_whole(&copy)?;
            let mode = fs::metadata(database).map(|found| found.permissions().mode());
            mode.and_then(|mode| staging.permitted(mode))
                .and_then(|mode| {
                    publish(
                        &copy,
                        mode,
                        database,
                        version,
                        newest.map_or(1, |(_, (_, nth))| nth + 1),
                    )
                })
                .map_err(StoreErrorKind::UpgradeCopy)?
        }
    };
    of_one_moment.finish()?;
    let bytes = fs::metadata(&kept).map_or(0, |found| found.len());
    Ok(Some(UpgradeCopy {
        path: kept,
        version,
        bytes,
    }))
}

/// Undoes the unfinished write of a killed process, so that the database can be read.
fn roll_back(database: &Path) -> Result<()> {
    let connection = connection::open_to_change(database)?;
    connection.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(()))?;
    Ok(())
}

/// Refuses to begin if the disk has no room for the copy and the upgrade.
fn check_space(source: &Connection, directory: &Path) -> Result<()> {
    let read = |pragma| source.pragma_query_value(None, pragma, |row| row.get::<_, i64>(0));
    let bytes = read("page_count")?.saturating_mul(read("page_size")?);
    let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
    let needed = bytes.saturating_add(bytes / UPGRADE_SHARE);
    // If the free space is unknown, the copying finds out.
    match Volume::of(directory) {
        Ok(volume) if volume.free_bytes < needed => Err(StoreErrorKind::NoSpaceToUpgrade {
            needed,
            free: volume.free_bytes,
        }),
        _ => Ok(()),
    }
}

/// Copies what the source's transaction sees, page by page.
fn copy_pages(source: &Connection, copy: &Path) -> Result<()> {
    let mut target = Connection::open(copy)?;
    // The whole copy is brought to the disk before it gets its name.
    target.pragma_update(None, "synchronous", "off")?;
    let backup = Backup::new(source, &mut target)?;
    loop {
        match backup.step(STEP_PAGES)? {
            StepResult::Done => return Ok(()),
            StepResult::More => {}
            // The source sees one moment, so only a lock can be in the way.
            _ => std::thread::sleep(REST),
        }
    }
}

/// Makes the copy one file without a log, and refuses a damaged one: then the database is damaged, too.
fn make_whole(copy: &Path) -> Result<()> {
    let copy = connection::open_copy(copy)?;
    let finding: String = copy.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0))?;
    if finding != "ok" {
        return Err(StoreErrorKind::UnsoundToUpgrade(text::printable(&finding)));
    }
    copy.close().map_err(|(_, error)| error)?;
    Ok(())
}

/// Brings the copy to the disk and gives it the first free name, from the `nth` on.
fn publish(copy: &Path, mode: u32, database: &Path, version: i32, mut nth: u32) -> io::Result<PathBuf> {
    staging::complete(copy, mode)?;
    let path = loop {
        let path = name(database, version, nth);
        match staging::give_new_name(copy, &path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => nth += 1,
            named => break named.map(|()| path)?,
        }
    };
    staging::sync(directory(database))?;
    Ok(path)
}

/// Returns whether the file at `path` has all the content that the source sees.
fn is_copy_of(path: &Path, source: &Connection) -> Result<bool> {
    let Ok(Existing::Ours) = header::inspect(path) else {
        return Ok(false);
    };
    let Ok(copy) = health::open_alone(path) else {
        return Ok(false);
    };
    same_content(source, &copy)
}

fn name(database: &Path, version: i32, nth: u32) -> PathBuf {
    suffixed(
        database,
        &match nth {
            1 => format!(".before-v{version}"),
            _ => format!(".before-v{version}.{nth}"),
        },
    )
}

/// Returns the migration and the number in the name of a copy; `None` if `path` is not such a name.
fn numbers(database: &Path, path: &Path) -> Option<(i32, u32)> {
    let prefix = suffixed(Path::new(database.file_name()?), ".before-v");
    let rest = path
        .file_name()?
        .as_encoded_bytes()
        .strip_prefix(prefix.as_os_str().as_encoded_bytes())?;
    let rest = std::str::from_utf8(rest).ok()?;
    let (version, nth) = match rest.split_once('.') {
        None => (rest.parse().ok()?, 1),
        Some((version, nth)) => (version.parse().ok()?, nth.parse().ok()?),
    };
    (path == name(database, version, nth)).then_some((version, nth))
}
