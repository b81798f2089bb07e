//! The files that lie in the directory of an export.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use ring::digest::{Context, SHA256};

use super::error::ExportError;
use super::partition::{MONTH_PREFIX, PartName, Partition, is_month};
use super::relation::{DataFormat, ExportedRelation};
use crate::model::convert::hex;

/// How a directory of the layout with a directory for each domain begins.
const OLD_PREFIX: &str = "domain=";

/// The parts in a directory, by partition and number.
#[derive(Debug, Default)]
pub(super) struct FoundParts {
    pub(super) parts: BTreeMap<Partition, BTreeMap<usize, FoundPart>>,
    /// What an interrupted export left.
    pub(super) unfinished: Vec<PathBuf>,
}

/// A file with the name of a part.
#[derive(Debug)]
pub(super) struct FoundPart {
    pub(super) path: PathBuf,
    pub(super) format: DataFormat,
    pub(super) bytes: u64,
}

impl FoundParts {
    /// Finds the parts below `root`. Everything with another name belongs to others and is not looked at.
    ///
    /// Both formats in one month, and directories of the old layout, are errors: engines would read the rows twice.
    pub(super) fn find(root: &Path) -> Result<Self, ExportError> {
        let mut found = Self::default();
        for relation in ExportedRelation::ALL {
            let directory = root.join(relation.name());
            if !relation.has_months() {
                found.add(
                    &directory,
                    &Partition {
                        relation,
                        month: None,
                    },
                )?;
                continue;
            }
            for (name, path) in entries(&directory)? {
                if !path.is_dir() || path.is_symlink() {
                    continue;
                }
                if name.starts_with(OLD_PREFIX) {
                    return Err(ExportError::OldLayout {
                        directory: root.to_owned(),
                    });
                }
                let month = name.strip_prefix(MONTH_PREFIX).filter(|month| is_month(month));
                if let Some(month) = month {
                    let month = Some(month.to_owned());
                    found.add(&path, &Partition { relation, month })?;
                }
            }
        }
        Ok(found)
    }

    /// Returns the format of the files; `None` if there are none, an error if there are both.
    pub(super) fn format(&self, root: &Path) -> Result<Option<DataFormat>, ExportError> {
        let mut formats = self
            .parts
            .values()
            .flat_map(BTreeMap::values)
            .map(|part| part.format);
        let first = formats.next();
        match first {
            Some(first) if formats.any(|other| other != first) => Err(ExportError::MixedFormats {
                directory: root.to_owned(),
            }),
            _ => Ok(first),
        }
    }

    fn add(&mut self, directory: &Path, partition: &Partition) -> Result<(), ExportError> {
        for (name, path) in entries(directory)? {
            let Some(part) = PartName::parse(Path::new(&name)) else {
                continue;
            };
            if part.is_unfinished {
                self.unfinished.push(path);
                continue;
            }
            let about = fs::symlink_metadata(&path).map_err(ExportError::file("read", &path))?;
            if !about.is_file() {
                return Err(ExportError::NotAPart { path });
            }
            let part_of = self.parts.entry(partition.clone()).or_default();
            let other = part_of.insert(
                part.number,
                FoundPart {
                    path,
                    format: part.format,
                    bytes: about.len(),
                },
            );
            if other.is_some_and(|other| other.format != part.format) {
                return Err(ExportError::MixedFormats {
                    directory: directory.to_owned(),
                });
            }
        }
        Ok(())
    }
}

impl FoundPart {
    /// Returns the SHA-256 of the file.
    pub(super) fn sha256(&self) -> Result<String, ExportError> {
        let read = || {
            let mut file = File::open(&self.path)?;
            let mut context = Context::new(&SHA256);
            let mut buffer = vec![0; 1 << 16];
            loop {
                match file.read(&mut buffer)? {
                    0 => return Ok(hex(context.finish().as_ref())),
                    count => context.update(buffer.get(..count).unwrap_or_default()),
                }
            }
        };
        read().map_err(ExportError::file("read", &self.path))
    }
}

/// Returns the names and paths in a directory, sorted; nothing if it does not exist.
fn entries(directory: &Path) -> Result<Vec<(String, PathBuf)>, ExportError> {
    let failed = || ExportError::file("read the directory", directory);
    let found = match fs::read_dir(directory) {
        Ok(found) => found,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(failed()(error)),
    };
    let mut entries = Vec::new();
    for entry in found {
        let entry = entry.map_err(failed())?;
        entries.push((entry.file_name().to_string_lossy().into_owned(), entry.path()));
    }
    entries.sort();
    Ok(entries)
}
