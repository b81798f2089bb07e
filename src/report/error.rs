//! The errors of a report.

use std::io;
use std::path::{Path, PathBuf};

use crate::model::text;
use crate::store::StoreError;

/// An error of a report.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// An earlier version wrote the database, without rollups.
    #[error("the database has no rollups yet")]
    OldSchema,
    /// The database cannot be read.
    #[error("cannot read the database")]
    Read(#[from] rusqlite::Error),
    /// The database cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A relation contains a value that this program does not write.
    #[error("`{relation}` contains `{value}`, which is not a time")]
    MalformedTime {
        /// The relation.
        relation: &'static str,
        /// The value, safe to print.
        value: String,
    },
    /// The database does not contain a domain of the request.
    #[error("the database does not contain `{name}`; it contains {known}")]
    UnknownDomain {
        /// The domain.
        name: String,
        /// Some of the domains that it contains.
        known: String,
    },
    /// The output exists already.
    #[error("`{}` exists already", shown(.0))]
    Exists(PathBuf),
    /// The output would replace something that is not a report.
    #[error("`{}` is {what}; a report does not replace it", shown(.path))]
    NotReplaced {
        /// The output.
        path: PathBuf,
        /// What exists there.
        what: &'static str,
    },
    /// The output has no directory.
    #[error("cannot write the report `{}`: its directory does not exist", shown(.0))]
    NoDirectory(PathBuf),
    /// The output cannot be written.
    #[error("cannot write the report `{}`", shown(.path))]
    Write {
        /// The output.
        path: PathBuf,
        /// The error of the operating system.
        #[source]
        cause: io::Error,
    },
    /// The figures cannot be written as JSON.
    #[error("cannot write the figures as JSON; this is a bug of jdcdn-stats")]
    Json(#[from] serde_json::Error),
}

impl ReportError {
    /// Returns what to do about it.
    #[must_use]
    pub fn help(&self) -> Option<&'static str> {
        match self {
            Self::OldSchema => Some("run `jdcdn-stats migrate` once; it updates the database"),
            Self::Exists(_) => Some("add `--force` to replace it, or choose another name"),
            Self::NotReplaced { .. } => Some("choose another name"),
            Self::NoDirectory(_) => Some("create the directory first, or choose another name"),
            _ => None,
        }
    }
}

fn shown(path: &Path) -> String {
    text::printable(&path.to_string_lossy())
}
