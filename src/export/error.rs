//! The errors of an export.

use std::io;
use std::path::{Path, PathBuf};

use super::relation::DataFormat;
use crate::model::text;
use crate::store::{StoreError, StoreErrorKind};

/// An error of an export. The files that were written before are whole, and the next export continues from there.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The directory contains something that no export created.
    #[error("`{}` holds `{}`, which no export created; nothing was changed", shown(.directory), text::printable(.found))]
    Foreign {
        /// The directory.
        directory: PathBuf,
        /// What was found.
        found: String,
    },
    /// The directory contains files of the other format.
    #[error("`{}` holds {} files, and formats do not mix in one directory", shown(.directory), .holds.name())]
    OtherFormat {
        /// The directory.
        directory: PathBuf,
        /// What it holds.
        holds: DataFormat,
    },
    /// The manifest is not valid.
    #[error("the manifest `{}` cannot be read", shown(.path))]
    Manifest {
        /// The manifest.
        path: PathBuf,
        /// Why.
        #[source]
        cause: serde_json::Error,
    },
    /// The manifest is of a later version of this program.
    #[error("the manifest `{}` is of version {found}, and this program knows only {known}", shown(.path))]
    NewerManifest {
        /// The manifest.
        path: PathBuf,
        /// Its version.
        found: u32,
        /// The newest version that this program knows.
        known: u32,
    },
    /// Another export uses the directory, or it cannot be locked.
    #[error("cannot export to `{}`", shown(.directory))]
    Lock {
        /// The directory.
        directory: PathBuf,
        /// Why.
        #[source]
        cause: StoreErrorKind,
    },
    /// A file or directory.
    #[error("cannot {doing} `{}`", shown(.path))]
    File {
        /// The action.
        doing: &'static str,
        /// The file or directory.
        path: PathBuf,
        /// The error of the operating system.
        #[source]
        cause: io::Error,
    },
    /// A Parquet file.
    #[error("cannot write `{}`", shown(.path))]
    Parquet {
        /// The file.
        path: PathBuf,
        /// The error of the writer.
        #[source]
        cause: parquet::errors::ParquetError,
    },
    /// The database has no points of a requested domain.
    #[error("the database holds no points of `{}`{}", text::printable(.domain), hint(.meant.as_deref()))]
    UnknownDomain {
        /// The requested domain.
        domain: String,
        /// A domain with a similar name.
        meant: Option<String>,
    },
    /// The name of a domain is too long for a directory.
    #[error("the domain `{}` is too long for the name of a directory", text::printable(.domain))]
    LongDomain {
        /// The domain.
        domain: String,
    },
    /// A point has a time outside the calendar.
    #[error("the point of `{}` at {ts} is outside the calendar", text::printable(.domain))]
    BeyondCalendar {
        /// The domain.
        domain: String,
        /// Its time.
        ts: i64,
    },
}

impl ExportError {
    /// Returns what to do about it.
    #[must_use]
    pub fn help(&self) -> Option<&'static str> {
        match self {
            Self::Foreign { .. } => Some("name a directory that is empty or does not exist yet"),
            Self::OtherFormat { .. } => Some("name another directory for this format"),
            Self::Manifest { .. } => Some("delete the directory, or name another one"),
            Self::NewerManifest { .. } => Some("use a newer jdcdn-stats, or name another directory"),
            Self::LongDomain { .. } => Some("name the other domains with -d"),
            Self::UnknownDomain { .. } => Some("`jdcdn-stats status` lists the domains"),
            _ => None,
        }
    }

    /// Returns whether the request is wrong.
    #[must_use]
    pub fn is_usage(&self) -> bool {
        matches!(
            self,
            Self::Foreign { .. }
                | Self::OtherFormat { .. }
                | Self::Manifest { .. }
                | Self::NewerManifest { .. }
                | Self::UnknownDomain { .. }
                | Self::LongDomain { .. }
        )
    }

    /// Returns whether another export uses the directory.
    #[must_use]
    pub fn is_busy(&self) -> bool {
        matches!(
            self,
            Self::Lock {
                cause: StoreErrorKind::Locked(_),
                ..
            }
        )
    }

    /// Returns a function for `map_err` that names the action and `path`.
    pub(super) fn file(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |cause| Self::File {
            doing,
            path: path.to_owned(),
            cause,
        }
    }
}

fn shown(path: &Path) -> String {
    text::printable(&path.to_string_lossy())
}

fn hint(meant: Option<&str>) -> String {
    meant.map_or_else(String::new, |meant| {
        format!("; did you mean `{}`?", text::printable(meant))
    })
}
