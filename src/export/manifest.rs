//! The manifest of a directory, `_manifest.json`: the list of its files.
//!
//! Readers of such directories ignore names that begin with `_`. Parquet files say in their footers what they hold, so
//! a lost manifest is made again from them. CSV files cannot say it: without a manifest they are written again.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::{self, BufWriter, Write as _};
use std::path::Path;

use ring::digest::{SHA256, digest};
use serde::{Deserialize, Serialize};

use super::content::LAYOUT;
use super::error::ExportError;
use super::partition::Partition;
use super::relation::DataFormat;
use super::settings::FileSettings;
use crate::model::convert::hex;
use crate::model::{SlotLabel, UnixSeconds, civil};

/// The file name of the manifest.
pub const MANIFEST: &str = "_manifest.json";
/// The file name of the manifest while it is written.
pub(super) const UNFINISHED_MANIFEST: &str = "._manifest.json.tmp";

/// The largest manifest, in bytes. It has about 400 bytes for each file.
const MAX_BYTES: u64 = 64 << 20;

/// The version of the manifest. Version 1 had a directory for each domain.
const VERSION: u32 = 2;

/// The manifest of a directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manifest {
    pub(super) settings: FileSettings,
    /// Whether every file matches its entry.
    pub state: ManifestState,
    /// The parts of each partition, by their numbers.
    pub files: BTreeMap<Partition, Vec<PartEntry>>,
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
pub struct PartEntry {
    /// The number of rows.
    pub rows: u64,
    /// The size in bytes.
    pub bytes: u64,
    /// SHA-256 of the file, in hexadecimal digits.
    pub sha256: String,
    /// The digest of the rows of all parts.
    pub content: String,
    /// No part follows.
    #[serde(rename = "last")]
    pub is_last: bool,
    /// The class of each code in the rows, such as `2xx 200`, if they have classes.
    pub classes: BTreeSet<String>,
    /// CRC-32 of the footer of a Parquet file: one with the same CRC need not be decoded again. CSV files have none, nor
    /// had manifests of earlier versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub footer_crc32: Option<u32>,
}

/// What is in place of the manifest.
pub(super) enum FoundManifest {
    Nothing,
    /// Something else, or a manifest that was edited.
    Unreadable,
    Manifest(Manifest),
}

/// The JSON of the manifest. Its version lets an older program refuse it.
#[derive(Serialize, Deserialize)]
struct ManifestDocument {
    manifest: u32,
    program: String,
    layout: u32,
    schema: usize,
    slot_label: String,
    /// When the manifest was written.
    written_at: String,
    format: DataFormat,
    bom: bool,
    domains: Option<Vec<String>>,
    state: ManifestState,
    files: Vec<Line>,
    /// SHA-256 of this document with an empty checksum.
    checksum: String,
}

#[derive(Serialize, Deserialize)]
struct Line {
    #[serde(flatten)]
    partition: Partition,
    part: usize,
    file: String,
    #[serde(flatten)]
    entry: PartEntry,
}

/// The part of the JSON that every version has.
#[derive(Deserialize)]
struct Head {
    manifest: u32,
}

impl Manifest {
    /// Returns the manifest of a directory without files.
    pub(super) const fn empty(settings: FileSettings) -> Self {
        Self {
            settings,
            state: ManifestState::Complete,
            files: BTreeMap::new(),
        }
    }

    /// Returns every file with its partition.
    pub fn parts(&self) -> impl Iterator<Item = (&Partition, &PartEntry)> {
        let parts = self.files.iter();
        parts.flat_map(|(partition, parts)| parts.iter().map(move |part| (partition, part)))
    }

    /// Reads the manifest of `directory`.
    pub(super) fn load(directory: &Path) -> Result<FoundManifest, ExportError> {
        let path = directory.join(MANIFEST);
        let text = match read(&path) {
            Ok(Some(text)) => text,
            Ok(None) => return Ok(FoundManifest::Unreadable),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(FoundManifest::Nothing),
            Err(error) => return Err(ExportError::file("read", &path)(error)),
        };
        let Ok(head) = serde_json::from_slice::<Head>(&text) else {
            return Ok(FoundManifest::Unreadable);
        };
        if head.manifest > VERSION {
            return Err(ExportError::NewerManifest {
                path,
                found: head.manifest,
                known: VERSION,
            });
        }
        if head.manifest < VERSION {
            return Err(ExportError::OldLayout {
                directory: directory.to_owned(),
            });
        }
        let document = serde_json::from_slice::<ManifestDocument>(&text);
        let manifest = document.ok().and_then(ManifestDocument::into_manifest);
        Ok(manifest.map_or(FoundManifest::Unreadable, FoundManifest::Manifest))
    }

    /// Replaces the manifest of `directory` in one step.
    pub(super) fn save(&self, directory: &Path, schema: usize, now: UnixSeconds) -> Result<(), ExportError> {
        let document = self.document(schema, now);
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

    fn document(&self, schema: usize, now: UnixSeconds) -> ManifestDocument {
        let settings = &self.settings;
        let lines = self.files.iter().flat_map(|(partition, parts)| {
            parts.iter().enumerate().map(|(part, entry)| Line {
                file: partition.file(settings.format, part),
                partition: partition.clone(),
                part,
                entry: entry.clone(),
            })
        });
        let mut document = ManifestDocument {
            manifest: VERSION,
            program: concat!("jdcdn-stats ", env!("CARGO_PKG_VERSION")).to_owned(),
            layout: LAYOUT,
            schema,
            slot_label: settings.label.to_string(),
            written_at: civil::cst_rfc3339(now),
            format: settings.format,
            bom: settings.bom,
            domains: settings.domains.clone(),
            state: self.state,
            files: lines.collect(),
            checksum: String::new(),
        };
        document.checksum = document.sum();
        document
    }
}

impl ManifestDocument {
    /// Returns the checksum of a document whose checksum is empty.
    fn sum(&self) -> String {
        // A document of texts and numbers always has a JSON form.
        let text = serde_json::to_vec(self).unwrap_or_default();
        hex(digest(&SHA256, &text).as_ref())
    }

    /// Returns the manifest; `None` if it was edited.
    fn into_manifest(mut self) -> Option<Manifest> {
        let checksum = std::mem::take(&mut self.checksum);
        if self.sum() != checksum {
            return None;
        }
        let label: SlotLabel = self.slot_label.parse().ok()?;
        let mut manifest = Manifest {
            state: self.state,
            ..Manifest::empty(FileSettings {
                format: self.format,
                bom: self.bom,
                label,
                domains: self.domains,
            })
        };
        for line in self.files {
            let parts = manifest.files.entry(line.partition).or_default();
            if line.part != parts.len() {
                return None;
            }
            parts.push(line.entry);
        }
        Some(manifest)
    }
}

/// Makes the names in `directory` safe against a power failure.
pub(super) fn sync_directory(directory: &Path) -> Result<(), ExportError> {
    File::open(directory)
        .and_then(|opened| opened.sync_all())
        .map_err(ExportError::file("sync", directory))
}

/// Reads a manifest file; `None` if it is too large for one.
fn read(path: &Path) -> io::Result<Option<Vec<u8>>> {
    let found = fs::metadata(path)?;
    if !found.is_file() {
        return Err(io::Error::other("it is not a regular file"));
    }
    if found.len() > MAX_BYTES {
        return Ok(None);
    }
    fs::read(path).map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::export::relation::ExportedRelation;

    fn manifest() -> Manifest {
        let partition = Partition {
            relation: ExportedRelation::Stats,
            month: Some("2026-01".to_owned()),
        };
        let entry = |is_last| PartEntry {
            rows: 1,
            bytes: 2,
            sha256: "aa".to_owned(),
            content: "bb".to_owned(),
            is_last,
            classes: BTreeSet::new(),
            footer_crc32: None,
        };
        let settings = FileSettings {
            format: DataFormat::Parquet,
            bom: false,
            label: SlotLabel::End,
            domains: Some(vec!["*.a.com".to_owned()]),
        };
        Manifest {
            files: BTreeMap::from([(partition, vec![entry(false), entry(true)])]),
            ..Manifest::empty(settings)
        }
    }

    #[test]
    fn what_is_saved_is_loaded_and_names_its_files() {
        let directory = tempfile::tempdir().unwrap();
        let load = || Manifest::load(directory.path()).unwrap();
        assert!(matches!(load(), FoundManifest::Nothing));
        manifest().save(directory.path(), 6, 1_568_477_100).unwrap();
        let FoundManifest::Manifest(loaded) = load() else {
            panic!("it is not loaded")
        };
        assert_eq!(loaded, manifest());
        let text = fs::read_to_string(directory.path().join(MANIFEST)).unwrap();
        let json: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(json["written_at"], "2019-09-15T00:05:00+08:00");
        assert_eq!(json["slot_label"], "end");
        assert_eq!(
            json["files"][1]["file"],
            "origin_stats/month=2026-01/part-1.parquet"
        );
        assert!(!directory.path().join(UNFINISHED_MANIFEST).exists());
    }

    #[test]
    fn an_edited_or_broken_manifest_is_not_believed() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join(MANIFEST);
        manifest().save(directory.path(), 6, 0).unwrap();
        let good = fs::read_to_string(&path).unwrap();
        for broken in [
            String::new(),
            "{".to_owned(),
            "{}".to_owned(),
            r#"{"manifest": 2}"#.to_owned(),
            good.replace("\"rows\": 1,", "\"rows\": 2,"),
            good.replace("\"bb\"", "\"cc\""),
        ] {
            fs::write(&path, &broken).unwrap();
            let found = Manifest::load(directory.path()).unwrap();
            assert!(matches!(found, FoundManifest::Unreadable), "{broken}");
        }
        fs::write(&path, good).unwrap();
        assert!(matches!(
            Manifest::load(directory.path()).unwrap(),
            FoundManifest::Manifest(_)
        ));
    }

    #[test]
    fn a_manifest_of_another_version_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let load = |text: &str| {
            fs::write(directory.path().join(MANIFEST), text).unwrap();
            Manifest::load(directory.path()).err().unwrap()
        };
        assert!(matches!(
            load(r#"{"manifest": 3, "files": "of another shape"}"#),
            ExportError::NewerManifest { found: 3, .. }
        ));
        assert!(matches!(
            load(r#"{"manifest": 1}"#),
            ExportError::OldLayout { .. }
        ));
    }
}
