//! What may be at the snapshot's path, and how the copy gets there.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use super::error::{SnapshotError, SnapshotObstacle};
use crate::store::error::{StoreError, StoreErrorKind};
use crate::store::file::header::{self, Existing, uses_log};
use crate::store::file::location::{directory, locate, suffixed};
use crate::store::file::open_files::FileId;
use crate::store::file::staging;

/// The files beside a database that is written to.
const BESIDE: [&str; 3] = ["-wal", "-shm", "-journal"];

/// The checked path of a snapshot.
#[derive(Debug)]
pub(super) struct Destination {
    path: PathBuf,
    directory: PathBuf,
    force: bool,
}

impl Destination {
    /// Refuses a path where something would be lost. `database` is the database's own path, without links.
    pub(super) fn new(out: &Path, database: &Path, force: bool) -> Result<Self, SnapshotError> {
        let refused = |why| SnapshotError::Refused {
            out: out.to_owned(),
            why,
        };
        let path = locate(out).map_err(|kind| match kind {
            StoreErrorKind::Symlink => refused(SnapshotObstacle::Symlink),
            StoreErrorKind::Directory(error) if error.kind() == io::ErrorKind::IsADirectory => {
                refused(SnapshotObstacle::NotAFile)
            }
            StoreErrorKind::Directory(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
                ) =>
            {
                refused(SnapshotObstacle::NoDirectory)
            }
            StoreErrorKind::Directory(cause) => SnapshotError::Output {
                out: out.to_owned(),
                what: "its directory cannot be used; create it first, or give another path",
                cause,
            },
            other => StoreError::new(out, other).into(),
        })?;
        let destination = Self {
            directory: directory(&path).to_owned(),
            path,
            force,
        };
        if ["", ".lock"]
            .iter()
            .chain(&BESIDE)
            .any(|suffix| is_same(&destination.path, &suffixed(database, suffix)))
        {
            return Err(destination.refused(SnapshotObstacle::OfTheDatabase));
        }
        destination.check()?;
        Ok(destination)
    }

    /// Returns the path, absolute.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Returns its directory.
    pub(super) fn directory(&self) -> &Path {
        &self.directory
    }

    /// Returns an error of the operating system that concerns the snapshot.
    pub(super) fn failed(&self, what: &'static str, cause: io::Error) -> SnapshotError {
        SnapshotError::Output {
            out: self.path.clone(),
            what,
            cause,
        }
    }

    /// Gives `copy` these permissions, brings it to the disk and renames it to the path, in one step. Returns whether
    /// it replaced another file.
    pub(super) fn publish(&self, copy: &Path, mode: u32) -> Result<bool, SnapshotError> {
        staging::complete(copy, mode)
            .map_err(|cause| self.failed("the copy does not reach the disk", cause))?;
        // Copying takes a while: another file may be there now.
        let replaced = self.check()?;
        let named = if replaced {
            fs::rename(copy, &self.path)
        } else {
            match staging::give_new_name(copy, &self.path) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                    return Err(self.refused(SnapshotObstacle::Exists));
                }
                named => named,
            }
        };
        named.map_err(|cause| self.failed("the copy cannot be renamed", cause))?;
        staging::sync(&self.directory)
            .map_err(|cause| self.failed("it is complete, but a power loss may remove its name", cause))?;
        Ok(replaced)
    }

    /// Returns whether there is a snapshot to replace. Anything else there is an error.
    fn check(&self) -> Result<bool, SnapshotError> {
        for suffix in BESIDE {
            let beside = suffixed(&self.path, suffix);
            if fs::symlink_metadata(&beside).is_ok() {
                let live = fs::symlink_metadata(&self.path).is_ok();
                return Err(self.refused(if live {
                    SnapshotObstacle::Live
                } else {
                    SnapshotObstacle::Beside(beside)
                }));
            }
        }
        let refusal = match fs::symlink_metadata(&self.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
            Err(error) => return Err(self.failed("what is there cannot be read", error)),
            Ok(found) if found.is_symlink() => SnapshotObstacle::Symlink,
            Ok(found) if !found.is_file() => SnapshotObstacle::NotAFile,
            Ok(_) if !self.force => SnapshotObstacle::Exists,
            Ok(_) => match header::inspect(&self.path) {
                Ok(Existing::Ours) => match File::open(&self.path).and_then(|file| uses_log(&file)) {
                    Ok(false) => return Ok(true),
                    Ok(true) => SnapshotObstacle::Live,
                    Err(error) => return Err(self.failed("what is there cannot be read", error)),
                },
                Err(kind @ StoreErrorKind::File(_)) => {
                    return Err(StoreError::new(&self.path, kind).into());
                }
                Ok(Existing::Empty) | Err(_) => SnapshotObstacle::Foreign,
            },
        };
        Err(self.refused(refusal))
    }

    fn refused(&self, why: SnapshotObstacle) -> SnapshotError {
        SnapshotError::Refused {
            out: self.path.clone(),
            why,
        }
    }
}

/// Returns whether both paths are one file, or would be.
fn is_same(one: &Path, other: &Path) -> bool {
    one == other || FileId::is_same(one, other)
}
