//! A copy of the database for tools that only read: one file, without a write-ahead log.
//!
//! [`Snapshot::prepare`] looks at everything that can be refused, [`Copying::run`] makes the copy where nobody
//! sees it, and [`Snapshot::publish`] gives it its name in one step. Dropped at any moment before, it leaves
//! nothing behind.
//!
//! - `target`: what may stand at the snapshot's path, and how the copy gets there
//! - `copying`: the copy itself
//! - `error`: why there is no snapshot

mod copying;
mod error;
mod target;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

pub use copying::{Contents, Copying};
pub use error::{Refusal, SnapshotError};

use crate::store::error::StoreError;
use crate::store::file::migrations;
use crate::store::file::staging::StagingDirectory;
use crate::store::read::reader::{OpenError, Reader};
use target::Target;

/// The permissions of a snapshot, as far as the umask allows them. Nobody may write: a run that takes a snapshot for
/// its database fails, and does not spoil it.
const MODE: u32 = 0o444;
/// The copy, while it grows.
const COPY: &str = "copy.db";

/// A snapshot on its way.
#[derive(Debug)]
pub struct Snapshot {
    database: PathBuf,
    target: Target,
    staging: StagingDirectory,
}

/// A snapshot that has its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Published {
    /// The file, absolute.
    pub path: PathBuf,
    /// Its size.
    pub bytes: u64,
    /// Whether another one stood there before.
    pub replaced: bool,
}

impl Snapshot {
    /// Looks at the database and at what stands at `out`, and makes a place for the copy. With `force` an
    /// earlier snapshot may be replaced, and nothing else.
    pub fn prepare(database: &Path, out: &Path, force: bool) -> Result<Self, SnapshotError> {
        let database = {
            let reader = Reader::open(database)?;
            migrations::check(reader.connection()).map_err(|kind| StoreError::new(database, kind))?;
            // As SQLite sees it, which places the log beside what a link leads to.
            fs::canonicalize(reader.path()).map_err(|cause| OpenError::Unreadable {
                path: database.to_owned(),
                cause,
            })?
        };
        let target = Target::new(out, &database, force)?;
        let staging = StagingDirectory::begin(target.directory(), "snapshot")
            .map_err(|cause| target.failed("no copy can be made in its directory", cause))?;
        Ok(Self {
            database,
            target,
            staging,
        })
    }

    /// The work of copying, for a thread of its own.
    #[must_use]
    pub fn copying(&self) -> Copying {
        Copying {
            database: self.database.clone(),
            copy: self.staging.file(COPY),
            out: self.target.path().to_owned(),
        }
    }

    /// Brings the finished copy to the disk and gives it its name.
    pub fn publish(self) -> Result<Published, SnapshotError> {
        let copy = self.staging.file(COPY);
        let bytes = fs::metadata(&copy)
            .map(|found| found.len())
            .map_err(|cause: io::Error| self.target.failed("the finished copy is gone", cause))?;
        let mode = self
            .staging
            .permitted(MODE)
            .map_err(|cause| self.target.failed("its permissions cannot be found", cause))?;
        let replaced = self.target.publish(&copy, mode)?;
        Ok(Published {
            path: self.target.path().to_owned(),
            bytes,
            replaced,
        })
    }
}
