//! What the files of a directory hold: `_manifest.json`.
//!
//! A name that begins with `_` is passed over by readers of such directories.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::error::ExportError;
use super::partition::Partition;
use super::relation::DataFormat;
use crate::model::{SlotLabel, UnixSeconds, civil};

/// The manifest's file.
pub const MANIFEST: &str = "_manifest.json";
/// The manifest while it is being written.
pub(super) const UNFINISHED_MANIFEST: &str = "._manifest.json.tmp";

/// The most that a manifest may hold, in bytes; a line of 200 bytes for each domain and month.
const MAX_BYTES: u64 = 64 << 20;

/// The version of the manifest's form.
const VERSION: u32 = 1;
/// The version of the files' columns and types. A file of another one is written again.
const LAYOUT: u32 = 2;

/// What the files of a directory hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manifest {
    /// Of all files.
    pub format: DataFormat,
    /// Which month's file a point is in. While an export is at work on another one, some files go by that.
    pub label: SlotLabel,
    /// Whether every file is as it is listed.
    pub state: State,
    /// The files.
    pub files: BTreeMap<Partition, FileEntry>,
}

/// Whether every file is as it is listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// It is.
    Complete,
    /// An export is at work, or was cut off: each file is whole, but may be newer than its line.
    Writing,
}

/// A file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileEntry {
    /// Rows.
    pub rows: u64,
    /// Its size.
    pub bytes: u64,
    /// SHA-256 of the file, in hexadecimal digits.
    pub sha256: String,
    /// The digest of what the database held for it.
    pub content: String,
    layout: u32,
}

impl FileEntry {
    /// A file as this program writes it.
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

    /// Whether it was made as this program would make it.
    #[must_use]
    pub fn is_of_this_layout(&self) -> bool {
        self.layout == LAYOUT
    }
}

/// The manifest as it is written: as its version says, so that an older program can refuse it.
#[derive(Serialize, Deserialize)]
struct Document {
    manifest: u32,
    program: String,
    schema: usize,
    slot_label: Option<String>,
    /// When this was written.
    written_at: String,
    format: DataFormat,
    state: State,
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

/// Enough to tell the version of any manifest.
#[derive(Deserialize)]
struct Head {
    manifest: u32,
}

impl Manifest {
    /// Of a directory without files.
    #[must_use]
    pub const fn empty(format: DataFormat, label: SlotLabel) -> Self {
        Self {
            format,
            label,
            state: State::Complete,
            files: BTreeMap::new(),
        }
    }

    /// The manifest of `directory`; `None` where there is none.
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
        let document: Document = serde_json::from_slice(&text).map_err(unreadable)?;
        let files = document
            .files
            .into_iter()
            .map(|line| (line.partition, line.entry));
        // Before there was a setting, it was the start.
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

    /// Puts it into `directory`, in place of the one before, all or nothing.
    pub fn save(&self, directory: &Path, schema: usize, now: UnixSeconds) -> Result<(), ExportError> {
        let lines = self.files.iter().map(|(partition, entry)| Line {
            file: partition.file(self.format),
            partition: partition.clone(),
            entry: entry.clone(),
        });
        let document = Document {
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

    /// Where the file of `partition` lies in `directory`.
    #[must_use]
    pub fn path(&self, directory: &Path, partition: &Partition) -> PathBuf {
        directory.join(partition.file(self.format))
    }
}

/// Makes the names in `directory` outlive a power failure.
pub(super) fn sync_directory(directory: &Path) -> Result<(), ExportError> {
    File::open(directory)
        .and_then(|opened| opened.sync_all())
        .map_err(ExportError::file("sync", directory))
}

/// What a manifest holds; an error for what cannot be one.
fn read(path: &Path) -> io::Result<Vec<u8>> {
    let found = fs::metadata(path)?;
    if !found.is_file() || found.len() > MAX_BYTES {
        let what = format!("it is no file, or one of more than {MAX_BYTES} bytes");
        return Err(io::Error::other(what));
    }
    fs::read(path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::export::relation::Relation;

    fn manifest() -> Manifest {
        let partition = Partition {
            relation: Relation::Stats,
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
