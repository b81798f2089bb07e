//! What may stand at the snapshot's path, and how the copy gets there.

use std::fs::{self, File, Permissions};
use std::io::{self, Read as _};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use super::error::{Refusal, SnapshotError};
use crate::store::error::{StoreError, StoreErrorKind};
use crate::store::file::connection::{self, Existing, suffixed};
use crate::store::file::staging;

/// What stands beside a database that is written to.
const BESIDE: [&str; 3] = ["-wal", "-shm", "-journal"];

/// The snapshot's path, looked at.
#[derive(Debug)]
pub(super) struct Target {
    path: PathBuf,
    directory: PathBuf,
    force: bool,
}

impl Target {
    /// Refuses what must not be lost. `database` is the database's own path, without links.
    pub(super) fn new(out: &Path, database: &Path, force: bool) -> Result<Self, SnapshotError> {
        let refused = |why| SnapshotError::Refused {
            out: out.to_owned(),
            why,
        };
        let path = connection::locate(out).map_err(|kind| match kind {
            StoreErrorKind::Symlink => refused(Refusal::Symlink),
            StoreErrorKind::Directory(error) if error.kind() == io::ErrorKind::IsADirectory => {
                refused(Refusal::NotAFile)
            }
            StoreErrorKind::Directory(cause) => SnapshotError::Output {
                out: out.to_owned(),
                what: "its directory cannot be used; create it first, or give another path",
                cause,
            },
            other => StoreError::new(out, other).into(),
        })?;
        let target = Self {
            directory: path.parent().unwrap_or(Path::new("/")).to_owned(),
            path,
            force,
        };
        if ["", ".lock"]
            .iter()
            .chain(&BESIDE)
            .any(|suffix| is_same(&target.path, Path::new(&suffixed(database, suffix))))
        {
            return Err(target.refused(Refusal::OfTheDatabase));
        }
        target.check()?;
        Ok(target)
    }

    /// The path, absolute.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The directory that it lies in.
    pub(super) fn directory(&self) -> &Path {
        &self.directory
    }

    /// The operating system refused something that concerns the snapshot.
    pub(super) fn failed(&self, what: &'static str, cause: io::Error) -> SnapshotError {
        SnapshotError::Output {
            out: self.path.clone(),
            what,
            cause,
        }
    }

    /// Gives `copy` these permissions, brings it to the disk and gives it the path, in one step. Returns whether it
    /// took another's place.
    pub(super) fn publish(&self, copy: &Path, mode: u32) -> Result<bool, SnapshotError> {
        let finish = || {
            let file = File::open(copy)?;
            file.set_permissions(Permissions::from_mode(mode))?;
            file.sync_all()
        };
        finish().map_err(|cause| self.failed("the copy does not reach the disk", cause))?;
        // The copying took its time: what stands there now may be another file.
        let replaced = self.check()?;
        let named = if replaced {
            fs::rename(copy, &self.path)
        } else {
            match staging::give_new_name(copy, &self.path) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                    return Err(self.refused(Refusal::Exists));
                }
                named => named,
            }
        };
        named.map_err(|cause| self.failed("the copy cannot be given its name", cause))?;
        File::open(&self.directory)
            .and_then(|directory| directory.sync_all())
            .map_err(|cause| self.failed("it is there, but its name may not outlast a power loss", cause))?;
        Ok(replaced)
    }

    /// Whether there is something to replace; an error if that must not be.
    fn check(&self) -> Result<bool, SnapshotError> {
        for suffix in BESIDE {
            let beside = PathBuf::from(suffixed(&self.path, suffix));
            if fs::symlink_metadata(&beside).is_ok() {
                let live = fs::symlink_metadata(&self.path).is_ok();
                return Err(self.refused(if live {
                    Refusal::Live
                } else {
                    Refusal::Beside(beside)
                }));
            }
        }
        let refusal = match fs::symlink_metadata(&self.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
            Err(error) => return Err(self.failed("what stands there cannot be looked at", error)),
            Ok(found) if found.is_symlink() => Refusal::Symlink,
            Ok(found) if !found.is_file() => Refusal::NotAFile,
            Ok(_) if !self.force => Refusal::Exists,
            Ok(_) => match connection::inspect(&self.path) {
                Ok(Existing::Ours) => match has_wal(&self.path) {
                    Ok(false) => return Ok(true),
                    Ok(true) => Refusal::Live,
                    Err(error) => return Err(self.failed("what stands there cannot be read", error)),
                },
                Err(kind @ StoreErrorKind::CannotOpen(_)) => {
                    return Err(StoreError::new(&self.path, kind).into());
                }
                Ok(Existing::Empty) | Err(_) => Refusal::Foreign,
            },
        };
        Err(self.refused(refusal))
    }

    fn refused(&self, why: Refusal) -> SnapshotError {
        SnapshotError::Refused {
            out: self.path.clone(),
            why,
        }
    }
}

/// Whether both paths are one file, or would be.
fn is_same(one: &Path, other: &Path) -> bool {
    if one == other {
        return true;
    }
    let id = |path| fs::metadata(path).ok().map(|found| (found.dev(), found.ino()));
    id(one).is_some() && id(one) == id(other)
}

/// Whether the database uses a write-ahead log, as all do that this program writes to ("Database File Format"
/// of sqlite.org: offset 18, the write version).
fn has_wal(path: &Path) -> io::Result<bool> {
    let mut header = [0; 19];
    File::open(path)?.read_exact(&mut header)?;
    Ok(header.last() == Some(&2))
}
