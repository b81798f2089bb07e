//! Why there is no report.

use std::io;
use std::path::{Path, PathBuf};

use crate::model::text;
use crate::store::StoreError;

/// Why there is no report.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// The database is from before the rollups.
    #[error("the database has no rollups yet")]
    OldSchema,
    /// The database cannot be read.
    #[error("cannot read the database")]
    Read(#[from] rusqlite::Error),
    /// The database cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A relation holds what this program does not write.
    #[error("`{relation}` holds `{value}` where a time is expected")]
    Odd {
        /// The relation.
        relation: &'static str,
        /// What it holds, made safe to print.
        value: String,
    },
    /// Nothing is known of a domain that was named.
    #[error("the database holds nothing of `{name}`; it knows {known}")]
    UnknownDomain {
        /// The domain.
        name: String,
        /// Some that are known.
        known: String,
    },
    /// The output is there already.
    #[error("`{}` exists already", shown(.0))]
    Exists(PathBuf),
    /// The output would replace something that is no report.
    #[error("`{}` is {what}, which a report does not replace", shown(.path))]
    NotReplaced {
        /// The output.
        path: PathBuf,
        /// What is there.
        what: &'static str,
    },
    /// The output cannot be written.
    #[error("cannot write the report `{}`", shown(.path))]
    Write {
        /// The output.
        path: PathBuf,
        /// What the operating system says.
        #[source]
        cause: io::Error,
    },
    /// The figures cannot be written as JSON.
    #[error("cannot write the figures; this is a fault of jdcdn-stats")]
    Json(#[from] serde_json::Error),
}

impl ReportError {
    /// What to do about it.
    #[must_use]
    pub fn help(&self) -> Option<&'static str> {
        match self {
            Self::OldSchema => Some("run `jdcdn-stats migrate` once; it brings the database up to date"),
            Self::Exists(_) => Some("add `--force` to replace it, or choose another name"),
            Self::NotReplaced { .. } => Some("choose another name"),
            _ => None,
        }
    }
}

fn shown(path: &Path) -> String {
    text::printable(&path.to_string_lossy())
}
