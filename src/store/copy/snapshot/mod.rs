//! A copy of the database for tools that only read: one file, without a write-ahead log.
//!
//! [`Snapshot::prepare`] checks everything that can be refused. [`Copying::run`] makes the copy where nobody sees it.
//! [`Snapshot::publish`] gives it its name in one step. Dropped before that, a snapshot leaves nothing behind.
//!
//! - `destination`: what may be at the snapshot's path, and how the copy gets there
//! - `copying`: the copy itself
//! - `error`: why there is no snapshot

mod copying;
mod destination;
mod error;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

pub use copying::{Contents, Copying};
pub use error::{SnapshotError, SnapshotObstacle};

use crate::store::error::StoreError;
use crate::store::file::migrations;
use crate::store::file::reader::{OpenError, Reader};
use crate::store::file::staging::StagingDirectory;
use destination::Destination;

/// The permissions of a snapshot, as far as the umask allows them. Nobody may write: a run that uses a snapshot as its
/// database fails, and does not damage it.
const MODE: u32 = 0o444;
/// The copy, while it grows.
const COPY: &str = "copy.db";

/// A snapshot in preparation.
#[derive(Debug)]
pub struct Snapshot {
    database: PathBuf,
    destination: Destination,
    staging: StagingDirectory,
}

/// A finished snapshot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Published {
    /// The file, absolute.
    pub path: PathBuf,
    /// Its size.
    pub bytes: u64,
    /// Whether it replaced another one.
    pub replaced: bool,
}

impl Snapshot {
    /// Checks the database and what is at `out`, and makes a place for the copy. `force` allows to replace an earlier
    /// snapshot, and nothing else.
    pub fn prepare(database: &Path, out: &Path, force: bool) -> Result<Self, SnapshotError> {
        let database = {
            let reader = Reader::open(database)?;
            migrations::check(reader.connection()).map_err(|kind| StoreError::new(database, kind))?;
            // As SQLite sees it: the log is next to the file that a link leads to.
            fs::canonicalize(reader.path())
                .map_err(|cause| OpenError::Unreadable(database.to_owned(), cause))?
        };
        let destination = Destination::new(out, &database, force)?;
        let staging = StagingDirectory::begin(destination.directory(), "snapshot")
            .map_err(|cause| destination.failed("no copy can be made in its directory", cause))?;
        Ok(Self {
            database,
            destination,
            staging,
        })
    }

    /// Returns the work of copying, for a thread of its own.
    #[must_use]
    pub fn copying(&self) -> Copying {
        Copying {
            database: self.database.clone(),
            copy: self.staging.file(COPY),
            out: self.destination.path().to_owned(),
        }
    }

    /// Brings the finished copy to the disk and gives it its name.
    pub fn publish(self) -> Result<Published, SnapshotError> {
        let copy = self.staging.file(COPY);
        let bytes = fs::metadata(&copy)
            .map(|found| found.len())
            .map_err(|cause: io::Error| self.destination.failed("the finished copy is gone", cause))?;
        let mode = self
            .staging
            .permitted(MODE)
            .map_err(|cause| self.destination.failed("its permissions cannot be found", cause))?;
        let replaced = self.destination.publish(&copy, mode)?;
        Ok(Published {
            path: self.destination.path().to_owned(),
            bytes,
            replaced,
        })
    }
}
