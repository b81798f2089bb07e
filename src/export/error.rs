//! Why an export ended early.

use std::io;
use std::path::{Path, PathBuf};

use super::relation::DataFormat;
use crate::model::text;
use crate::store::{StoreError, StoreErrorKind};

/// Why an export ended early. What was written before is whole, and the next export goes on from there.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The directory holds something that no export has put there.
    #[error("`{}` holds `{}`, which no export has put there, and is left as it is", shown(.directory), text::printable(.found))]
    Foreign {
        /// The directory.
        directory: PathBuf,
        /// What was found.
        found: String,
    },
    /// The directory holds files of the other format.
    #[error("`{}` holds {} files, and formats do not mix in one directory", shown(.directory), .holds.name())]
    OtherFormat {
        /// The directory.
        directory: PathBuf,
        /// What it holds.
        holds: DataFormat,
    },
    /// The manifest is not one.
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
    /// Another export writes to the directory, or its lock cannot be had.
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
        /// What was tried.
        doing: &'static str,
        /// The file or directory.
        path: PathBuf,
        /// What the operating system says.
        #[source]
        cause: io::Error,
    },
    /// A Parquet file.
    #[error("cannot write `{}`", shown(.path))]
    Parquet {
        /// The file.
        path: PathBuf,
        /// What the writer says.
        #[source]
        cause: parquet::errors::ParquetError,
    },
    /// A domain that the database holds no points of.
    #[error("the database holds no points of `{}`{}", text::printable(.domain), hint(.meant.as_deref()))]
    UnknownDomain {
        /// What was asked for.
        domain: String,
        /// The domain that was probably meant.
        meant: Option<String>,
    },
    /// A domain whose name no directory can have.
    #[error("the domain `{}` is too long for the name of a directory", text::printable(.domain))]
    LongDomain {
        /// The domain.
        domain: String,
    },
    /// A point at a time that no calendar has.
    #[error("the point of `{}` at {ts} lies beyond the calendar", text::printable(.domain))]
    BeyondCalendar {
        /// The domain.
        domain: String,
        /// Its time.
        ts: i64,
    },
}

impl ExportError {
    /// What to do about it.
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

    /// Whether what was asked for is at fault.
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

    /// Whether another export is at work in the directory.
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

    /// For `map_err` on what is done to `path`.
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
