//! The directory of an export: its lock, its files, and the repair after an interrupted export.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::error::ExportError;
use super::held::HeldParts;
use super::manifest::{
    FoundManifest, MANIFEST, Manifest, ManifestState, PartEntry, UNFINISHED_MANIFEST, sync_directory,
};
use super::partition::Partition;
use super::relation::ExportedRelation;
use super::scan::FoundParts;
use super::settings::FileSettings;
use super::staged::StagedPart;
use crate::model::UnixSeconds;
use crate::store::Holder;
use crate::store::lock::Lock;

/// The lock file against a second export. Like every lock file it stays.
const LOCK: &str = "_manifest.json.lock";

/// A directory to which only this export writes.
pub(super) struct ExportDirectory {
    root: PathBuf,
    manifest: Manifest,
    /// The manifest as it is on the disk.
    saved: Option<Manifest>,
    /// The settings of this export. The manifest has the previous ones until every file is of these.
    settings: FileSettings,
    schema: usize,
    now: UnixSeconds,
    /// Partitions that may hold wrong rows, after an interrupted export or an unfinished change.
    broken: BTreeSet<Partition>,
    /// The numbers of the parts that exist, also of broken partitions.
    present: BTreeMap<Partition, BTreeSet<usize>>,
    _lock: Lock,
}

impl ExportDirectory {
    /// Locks `root`, creates it if it does not exist, and finds out what its files hold.
    ///
    /// A directory with other contents, of another selection or in another format is refused before anything is
    /// written to it.
    pub(super) fn claim(
        root: &Path,
        settings: &FileSettings,
        schema: usize,
        now: UnixSeconds,
    ) -> Result<Self, ExportError> {
        make(root)?;
        refuse_foreign(root)?;
        let holder = Holder {
            command: "export".to_owned(),
            started_at: now,
        };
        let lock = Lock::take(&root.join(MANIFEST), &holder).map_err(|cause| ExportError::Lock {
            directory: root.to_owned(),
            cause,
        })?;
        // The previous owner of the lock may have changed the directory.
        refuse_foreign(root)?;
        let listed = match Manifest::load(root)? {
            FoundManifest::Manifest(manifest) => Some(manifest),
            FoundManifest::Nothing | FoundManifest::Unreadable => None,
        };
        let found = FoundParts::find(root)?;
        let before = listed.as_ref().map(|manifest| manifest.settings.format);
        if let Some(holds) = found
            .format(root)?
            .or(before)
            .filter(|holds| *holds != settings.format)
        {
            return Err(ExportError::OtherFormat {
                directory: root.to_owned(),
                holds,
            });
        }
        let held = HeldParts::of(root, &found, listed.as_ref(), settings)?;
        for path in &found.unfinished {
            remove_if_there(path)?;
        }
        remove_if_there(&root.join(UNFINISHED_MANIFEST))?;
        let numbers = |parts: &BTreeMap<usize, _>| parts.keys().copied().collect();
        Ok(Self {
            root: root.to_owned(),
            manifest: Manifest {
                settings: held.settings,
                state: ManifestState::Complete,
                files: held.files,
            },
            saved: listed,
            settings: settings.clone(),
            schema,
            now,
            broken: held.broken,
            present: found
                .parts
                .iter()
                .map(|(partition, parts)| (partition.clone(), numbers(parts)))
                .collect(),
            _lock: lock,
        })
    }

    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    pub(super) fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// Returns the partitions that may hold wrong rows. Every export writes them again.
    pub(super) fn broken(&self) -> &BTreeSet<Partition> {
        &self.broken
    }

    /// Returns whether the months of files were cut in another way, or some files may have been.
    pub(super) fn is_of_other_settings(&self) -> bool {
        self.manifest.settings != self.settings
    }

    /// Notes that every file is of the settings of this export.
    pub(super) fn use_settings(&mut self) {
        self.manifest.settings = self.settings.clone();
    }

    /// Returns the parts of a partition, if they are whole and hold `content`.
    pub(super) fn holds(&self, partition: &Partition, content: &str) -> Option<&[PartEntry]> {
        let parts = self.manifest.files.get(partition)?;
        let is_current = parts.iter().all(|part| part.content == content);
        (is_current && !self.broken.contains(partition)).then_some(parts)
    }

    /// Marks the manifest before the first file changes.
    pub(super) fn begin(&mut self) -> Result<(), ExportError> {
        if self
            .saved
            .as_ref()
            .is_some_and(|saved| saved.state == ManifestState::Writing)
        {
            return Ok(());
        }
        self.save(ManifestState::Writing)
    }

    /// Replaces the parts of a partition.
    pub(super) fn publish(
        &mut self,
        partition: &Partition,
        parts: Vec<StagedPart>,
    ) -> Result<(), ExportError> {
        self.begin()?;
        self.broken.insert(partition.clone());
        let present = self.present.entry(partition.clone()).or_default();
        let mut entries = Vec::with_capacity(parts.len());
        for (number, part) in parts.into_iter().enumerate() {
            present.insert(number);
            entries.push(part.publish()?);
        }
        let directory = directory_of(&self.root, partition);
        for number in present.split_off(&entries.len()) {
            remove_if_there(&directory.join(self.settings.format.part_name(number)))?;
        }
        sync_directory(&directory)?;
        self.manifest.files.insert(partition.clone(), entries);
        self.broken.remove(partition);
        Ok(())
    }

    /// Deletes the files of a partition. Returns how many there were.
    pub(super) fn remove(&mut self, partition: &Partition) -> Result<usize, ExportError> {
        self.begin()?;
        self.broken.insert(partition.clone());
        let directory = directory_of(&self.root, partition);
        let numbers = self.present.remove(partition).unwrap_or_default();
        for number in &numbers {
            remove_if_there(&directory.join(self.settings.format.part_name(*number)))?;
        }
        // The directory of the month, and after the last month that of the relation. Directories with contents stay.
        let mut above = Some(directory.as_path());
        for _ in partition.directories() {
            above = above
                .filter(|directory| fs::remove_dir(directory).is_ok() || !directory.exists())
                .and_then(Path::parent)
                .or(above.filter(|directory| directory.exists()));
        }
        if let Some(directory) = above.filter(|directory| directory.exists()) {
            sync_directory(directory)?;
        }
        self.manifest.files.remove(partition);
        self.broken.remove(partition);
        Ok(numbers.len())
    }

    /// Writes the manifest if anything changed.
    pub(super) fn close(mut self) -> Result<Manifest, ExportError> {
        // The next export tries to repair a broken file again.
        let state = if self.broken.is_empty() {
            ManifestState::Complete
        } else {
            ManifestState::Writing
        };
        self.save(state)?;
        Ok(self.manifest)
    }

    fn save(&mut self, state: ManifestState) -> Result<(), ExportError> {
        self.manifest.state = state;
        if self.saved.as_ref() == Some(&self.manifest) {
            return Ok(());
        }
        self.manifest.save(&self.root, self.schema, self.now)?;
        self.saved = Some(self.manifest.clone());
        Ok(())
    }
}

/// Returns the directory of the files of a partition.
fn directory_of(root: &Path, partition: &Partition) -> PathBuf {
    let names = partition.directories();
    names.iter().fold(root.to_owned(), |path, name| path.join(name))
}

/// Creates `root` and its missing parents, safe against a power failure.
fn make(root: &Path) -> Result<(), ExportError> {
    let named = root.ancestors().filter(|path| !path.as_os_str().is_empty());
    let missing: Vec<&Path> = named.take_while(|path| !path.exists()).collect();
    fs::create_dir_all(root).map_err(|cause| match cause.kind() {
        io::ErrorKind::AlreadyExists | io::ErrorKind::NotADirectory => ExportError::NotADirectory {
            directory: root.to_owned(),
        },
        _ => ExportError::file("make the directory", root)(cause),
    })?;
    for made in missing {
        let above = made.parent().filter(|above| !above.as_os_str().is_empty());
        sync_directory(above.unwrap_or(Path::new(".")))?;
    }
    Ok(())
}

/// Refuses a directory that has other contents, unless it has a manifest.
fn refuse_foreign(root: &Path) -> Result<(), ExportError> {
    let mut foreign = None;
    let failed = || ExportError::file("read the directory", root);
    for entry in fs::read_dir(root).map_err(failed())? {
        let name = entry.map_err(failed())?.file_name();
        if name == MANIFEST {
            return Ok(());
        }
        let is_ours = ExportedRelation::ALL
            .iter()
            .any(|relation| name == relation.name());
        if name != LOCK && name != UNFINISHED_MANIFEST && !is_ours {
            foreign = Some(name);
        }
    }
    foreign.map_or(Ok(()), |found| {
        Err(ExportError::Foreign {
            directory: root.to_owned(),
            found: found.to_string_lossy().into_owned(),
        })
    })
}

fn remove_if_there(path: &Path) -> Result<(), ExportError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(ExportError::file("remove", path)(error))
        }
        _ => Ok(()),
    }
}
