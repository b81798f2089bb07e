//! Why there is no snapshot.

use std::fmt;
use std::io;
use std::path::PathBuf;

use crate::model::text;
use crate::store::error::StoreError;
use crate::store::file::reader::OpenError;

/// Why there is no snapshot. The file at its path is unchanged.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotError {
    /// The database cannot be read.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// SQLite failed, at the database or at the copy.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Something is at its path, or beside it, that must not be lost.
    #[error("cannot write the snapshot `{}`: {why}", text::printable_path(.out))]
    Refused {
        /// The snapshot.
        out: PathBuf,
        /// What is there.
        why: SnapshotObstacle,
    },
    /// The operating system refuses the file.
    #[error("cannot write the snapshot `{}`: {what}", text::printable_path(.out))]
    Output {
        /// The snapshot.
        out: PathBuf,
        /// What cannot be done.
        what: &'static str,
        /// What the operating system says.
        #[source]
        cause: io::Error,
    },
    /// The database, or its copy, is damaged.
    #[error("database `{}` is damaged: {finding}", text::printable_path(.database))]
    Unsound {
        /// The database.
        database: PathBuf,
        /// The first of the faults, and where.
        finding: String,
    },
}

/// What is in the way of a snapshot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SnapshotObstacle {
    /// A file, and `force` was not given.
    Exists,
    /// The database itself or one of its files, perhaps under another name.
    OfTheDatabase,
    /// A database that runs write to: it has a write-ahead log. Snapshots have none.
    Live,
    /// Not a database of this program.
    Foreign,
    /// A symbolic link.
    Symlink,
    /// Nothing: the directory of its path does not exist.
    NoDirectory,
    /// A directory, a device or the like, or not the name of a file.
    NotAFile,
    /// A log or journal of another database of that name. SQLite would use it for the snapshot.
    Beside(PathBuf),
}

impl fmt::Display for SnapshotObstacle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Exists => "it exists; `--force` replaces an earlier snapshot",
            Self::OfTheDatabase => "it is the database itself, or belongs to it",
            Self::Live => "it is a database that runs write to, not a snapshot, and was not changed",
            Self::Foreign => "it is not a database of jdcdn-stats, and was not changed",
            Self::Symlink => "it is a symbolic link; give the path that it leads to",
            Self::NotAFile => "it is not a file",
            Self::NoDirectory => "its directory cannot be used; create it first, or give another path",
            Self::Beside(found) => {
                let found = text::printable_path(found);
                return write!(
                    f,
                    "`{found}` belongs to another database of that name; move it away"
                );
            }
        })
    }
}

impl SnapshotError {
    /// Returns what to do about it.
    #[must_use]
    pub fn help(&self) -> Option<&'static str> {
        match self {
            Self::Open(error) => error.help(),
            Self::Refused {
                why:
                    SnapshotObstacle::Live
                    | SnapshotObstacle::Foreign
                    | SnapshotObstacle::OfTheDatabase
                    | SnapshotObstacle::NotAFile,
                ..
            } => Some("give the snapshot another path"),
            Self::Unsound { .. } => Some(
                "keep the file; `jdcdn-stats check --deep` lists what is damaged; restore an older snapshot, or fetch \
                     into a new file",
            ),
            Self::Refused { .. } | Self::Store(_) | Self::Output { .. } => None,
        }
    }
}
