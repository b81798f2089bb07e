//! Why there is no snapshot.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use crate::model::text;
use crate::store::error::StoreError;
use crate::store::read::reader::OpenError;

/// Why there is no snapshot. What stood at its path is as it was.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotError {
    /// The database cannot be read.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// SQLite failed, at the database or at the copy.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Something stands at its path, or beside it, that must not be lost.
    #[error("cannot write the snapshot `{}`: {why}", shown(.out))]
    Refused {
        /// The snapshot.
        out: PathBuf,
        /// What stands there.
        why: Refusal,
    },
    /// The operating system refuses the file.
    #[error("cannot write the snapshot `{}`: {what}", shown(.out))]
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
    #[error("database `{}` is damaged: {finding}", shown(.database))]
    Unsound {
        /// The database.
        database: PathBuf,
        /// The first of the faults, and where.
        finding: String,
    },
}

/// What stands in the way of a snapshot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// A file, and replacing it was not asked for.
    Exists,
    /// The database itself or one of the files that belong to it, perhaps under another name.
    OfTheDatabase,
    /// A database that runs write to: it has a write-ahead log, which no snapshot has.
    Live,
    /// Something else than a database of this program.
    Foreign,
    /// A symbolic link.
    Symlink,
    /// A directory, a device or the like, or no name of a file at all.
    NotAFile,
    /// A log or journal of another database of that name, which SQLite would take for the snapshot's own.
    Beside(PathBuf),
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Exists => "it exists; `--force` replaces an earlier snapshot",
            Self::OfTheDatabase => "it is the database itself, or belongs to it",
            Self::Live => "it is a database that runs write to, not a snapshot, and is left as it is",
            Self::Foreign => "it is not a database of jdcdn-stats, and is left as it is",
            Self::Symlink => "it is a symbolic link; give the path that it leads to",
            Self::NotAFile => "it is not a file",
            Self::Beside(found) => {
                let found = shown(found);
                return write!(f, "`{found}` is of another database of that name; move it away");
            }
        })
    }
}

impl SnapshotError {
    /// What to do about it.
    #[must_use]
    pub fn help(&self) -> Option<&'static str> {
        match self {
            Self::Open(error) => error.help(),
            Self::Refused {
                why: Refusal::Live | Refusal::Foreign | Refusal::OfTheDatabase | Refusal::NotAFile,
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

fn shown(path: &Path) -> String {
    text::printable(&path.to_string_lossy())
}
