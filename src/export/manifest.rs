//! The manifest of a directory, `_manifest.json`: the contents of its files.
//!
//! Readers of such directories ignore names that begin with `_`.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::error::ExportError;
use super::partition::Partition;
use super::relation::DataFormat;
use crate::model::{SlotLabel, UnixSeconds, civil};

/// The file name of the manifest.
pub const MANIFEST: &str = "_manifest.json";
/// The file name of the manifest while it is written.
pub(super) const UNFINISHED_MANIFEST: &str = "._manifest.json.tmp";

/// The largest manifest, in bytes. It has about 200 bytes for each domain and month.
const MAX_BYTES: u64 = 64 << 20;

/// The version of the manifest.
const VERSION: u32 = 1;
/// The version of the columns and types in the files. A file with another version is written again.
const LAYOUT: u32 = 2;

/// The manifest of a directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manifest {
    /// The format of all files.
    pub format: DataFormat,
    /// Decides the month of a point. While an export changes it, some files already use the new label.
    pub label: SlotLabel,
    /// Whether every file matches its entry.
    pub state: ManifestState,
    /// The files.
    pub files: BTreeMap<Partition, FileEntry>,
}

/// Whether every file matches its entry in the manifest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ManifestState {
    /// Every file does.
    Complete,
    /// An export is running or was interrupted: each file is whole, but may be newer than its entry.
    Writing,
}

/// A file in the manifest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileEntry {
    /// The number of rows.
    pub rows: u64,
    /// The size in bytes.
    pub bytes: u64,
    /// SHA-256 of the file, in hexadecimal digits.
    pub sha256: String,
    /// The digest of its rows in the database.
    pub content: String,
    layout: u32,
}

impl FileEntry {
    /// Returns the entry of a file in the current layout.
    #[must_use]
    pub fn new(rows: u64, bytes: u64, sha256: String, content: String) -> Self {
        Self {
            rows,
            bytes,
            sha256,
            content,
            layout: LAYOUT,
        }
    }

    /// Returns whether the file has the current layout.
    #[must_use]
    pub fn is_of_this_layout(&self) -> bool {
        self.layout == LAYOUT
    }
}

/// The JSON of the manifest. Its version lets an older program refuse it.
#[derive(Serialize, Deserialize)]
struct ManifestDocument {
    manifest: u32,
    program: String,
    schema: usize,
    slot_label: Option<String>,
    /// When the manifest was written.
    written_at: String,
    format: DataFormat,
    state: ManifestState,
    files: Vec<Line>,
}

#[derive(Serialize, Deserialize)]
struct Line {
    #[serde(flatten)]
    partition: Partition,
    file: String,
    #[serde(flatten)]
    entry: FileEntry,
}

/// The part of the JSON that every version has.
#[derive(Deserialize)]
struct Head {
    manifest: u32,
}

impl Manifest {
    /// Returns the manifest of a directory without files.
    #[must_use]
    pub const fn empty(format: DataFormat, label: SlotLabel) -> Self {
        Self {
            format,
            label,
            state: ManifestState::Complete,
            files: BTreeMap::new(),
        }
    }

    /// Reads the manifest of `directory`; `None` if it does not exist.
    pub fn load(directory: &Path) -> Result<Option<Self>, ExportError> {
        let path = directory.join(MANIFEST);
        let text = match read(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(ExportError::file("read", &path)(error)),
        };
        let unreadable = |cause| ExportError::Manifest {
            path: path.clone(),
            cause,
        };
        let head: Head = serde_json::from_slice(&text).map_err(unreadable)?;
        if head.manifest > VERSION {
            return Err(ExportError::NewerManifest {
                path,
                found: head.manifest,
                known: VERSION,
            });
        }
        let document: ManifestDocument = serde_json::from_slice(&text).map_err(unreadable)?;
        let files = document
            .files
            .into_iter()
            .map(|line| (line.partition, line.entry));
        // A manifest from before the setting uses the start.
        let label = document
            .slot_label
            .as_deref()
            .unwrap_or(SlotLabel::Start.as_str());
        let label = label
            .parse()
            .map_err(|error| unreadable(serde::de::Error::custom(error)))?;
        Ok(Some(Self {
            format: document.format,
            label,
            state: document.state,
            files: files.collect(),
        }))
    }

    /// Replaces the manifest of `directory` in one step.
    pub fn save(&self, directory: &Path, schema: usize, now: UnixSeconds) -> Result<(), ExportError> {
        let lines = self.files.iter().map(|(partition, entry)| Line {
            file: partition.file(self.format),
            partition: partition.clone(),
            entry: entry.clone(),
        });
        let document = ManifestDocument {
            manifest: VERSION,
            program: concat!("jdcdn-stats ", env!("CARGO_PKG_VERSION")).to_owned(),
            schema,
            slot_label: Some(self.label.to_string()),
            written_at: civil::cst_rfc3339(now),
            format: self.format,
            state: self.state,
            files: lines.collect(),
        };
        let unfinished = directory.join(UNFINISHED_MANIFEST);
        let path = directory.join(MANIFEST);
        let write = || {
            let mut out = BufWriter::new(File::create(&unfinished)?);
            serde_json::to_writer_pretty(&mut out, &document)?;
            out.write_all(b"\n")?;
            out.into_inner()
                .map_err(io::IntoInnerError::into_error)?
                .sync_all()?;
            fs::rename(&unfinished, &path)
        };
        write().map_err(ExportError::file("write", &path))?;
        sync_directory(directory)
    }

    /// Returns the path of the file of `partition` in `directory`.
    #[must_use]
    pub fn path(&self, directory: &Path, partition: &Partition) -> PathBuf {
        directory.join(partition.file(self.format))
    }
}

/// Makes the names in `directory` safe against a power failure.
pub(super) fn sync_directory(directory: &Path) -> Result<(), ExportError> {
    File::open(directory)
        .and_then(|opened| opened.sync_all())
        .map_err(ExportError::file("sync", directory))
}

/// Reads a manifest file; an error if it cannot be one.
fn read(path: &Path) -> io::Result<Vec<u8>> {
    let found = fs::metadata(path)?;
    if !found.is_file() || found.len() > MAX_BYTES {
        let what = format!("it is not a regular file, or it has more than {MAX_BYTES} bytes");
        return Err(io::Error::other(what));
    }
    fs::read(path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::export::relation::ExportedRelation;

    fn manifest() -> Manifest {
        let partition = Partition {
            relation: ExportedRelation::Stats,
            domain: "*.a.com".to_owned(),
            month: "2026-01".to_owned(),
        };
        let entry = FileEntry::new(1, 2, "aa".to_owned(), "bb".to_owned());
        Manifest {
            files: BTreeMap::from([(partition, entry)]),
            ..Manifest::empty(DataFormat::Parquet, SlotLabel::End)
        }
    }

    #[test]
    fn what_is_saved_is_loaded_and_names_its_files() {
        let directory = tempfile::tempdir().unwrap();
        assert_eq!(Manifest::load(directory.path()).unwrap(), None);
        manifest().save(directory.path(), 6, 1_568_477_100).unwrap();
        assert_eq!(Manifest::load(directory.path()).unwrap(), Some(manifest()));
        let text = fs::read_to_string(directory.path().join(MANIFEST)).unwrap();
        let json: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(json["written_at"], "2019-09-15T00:05:00+08:00");
        assert_eq!(json["slot_label"], "end");
        assert_eq!(json["files"][0]["relation"], "origin_stats");
        assert_eq!(
            json["files"][0]["file"],
            "origin_stats/domain=%2A.a.com/month=2026-01/part-0.parquet"
        );
        assert!(!directory.path().join(UNFINISHED_MANIFEST).exists());
    }

    #[test]
    fn a_newer_or_broken_manifest_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let load = |text: &str| {
            fs::write(directory.path().join(MANIFEST), text).unwrap();
            Manifest::load(directory.path()).unwrap_err()
        };
        assert!(matches!(
            load(r#"{"manifest": 2, "files": "of another shape"}"#),
            ExportError::NewerManifest { found: 2, .. }
        ));
        for broken in ["", "{", "{}", r#"{"manifest": 1}"#] {
            assert!(matches!(load(broken), ExportError::Manifest { .. }), "{broken}");
        }
    }
}
