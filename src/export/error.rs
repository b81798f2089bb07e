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
    /// The directory contains files of both formats.
    #[error("`{}` holds Parquet and CSV files of the same relation; nothing was changed", shown(.directory))]
    MixedFormats {
        /// The directory.
        directory: PathBuf,
    },
    /// The directory contains the files of other domains.
    #[error("`{}` holds the files of {}, and selections do not mix in one directory", shown(.directory), .holds)]
    OtherSelection {
        /// The directory.
        directory: PathBuf,
        /// What it holds, in words.
        holds: String,
    },
    /// The directory has the layout with a directory for each domain.
    #[error("`{}` holds an export in the old layout, with a directory for each domain; nothing was changed", shown(.directory))]
    OldLayout {
        /// The directory.
        directory: PathBuf,
    },
    /// A file has the name of a part, and no export wrote it. Engines would read its rows, too.
    #[error("`{}` has the name of an exported file, but no export wrote it; nothing was changed", shown(.path))]
    NotAPart {
        /// The file.
        path: PathBuf,
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
    /// The path is a file, or leads through one.
    #[error("`{}` cannot be a directory: a file is in the way", shown(.directory))]
    NotADirectory {
        /// The path.
        directory: PathBuf,
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
    /// CSV options were given with another format.
    #[error("a byte order mark belongs to CSV files only")]
    MarkInParquet,
}

impl ExportError {
    /// Returns what to do about it.
    #[must_use]
    pub fn help(&self) -> Option<&'static str> {
        match self {
            Self::Foreign { .. } | Self::NotADirectory { .. } => {
                Some("name a directory that is empty or does not exist yet")
            }
            Self::OtherFormat { .. } => Some("name another directory for this format"),
            Self::OtherSelection { .. } => Some("name another directory for this selection"),
            Self::OldLayout { .. } => Some("delete the directory, or name another one"),
            Self::MixedFormats { .. } | Self::NotAPart { .. } => {
                Some("move the files that are not of this export away, or name another directory")
            }
            Self::MarkInParquet => Some("leave out `--bom`, or write CSV"),
            Self::NewerManifest { .. } => Some("use a newer jdcdn-stats, or name another directory"),
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
                | Self::NotADirectory { .. }
                | Self::OtherFormat { .. }
                | Self::OtherSelection { .. }
                | Self::OldLayout { .. }
                | Self::MixedFormats { .. }
                | Self::NotAPart { .. }
                | Self::NewerManifest { .. }
                | Self::UnknownDomain { .. }
                | Self::MarkInParquet
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

    /// Returns the error for a directory with the files of these domains; `None` for all domains.
    pub(super) fn other_selection(directory: &Path, holds: Option<&[String]>) -> Self {
        let holds = match holds {
            None => "all domains".to_owned(),
            Some([domain]) => format!("`{}`", text::printable(domain)),
            Some(domains) => format!("{} selected domains", domains.len()),
        };
        Self::OtherSelection {
            directory: directory.to_owned(),
            holds,
        }
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
