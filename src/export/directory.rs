//! The directory of an export: its lock, its files, and the repair after an interrupted export.

use std::collections::{BTreeSet, HashSet};
use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use ring::digest::{Context, SHA256};

use super::content::Content;
use super::error::ExportError;
use super::manifest::{FileEntry, MANIFEST, Manifest, ManifestState, UNFINISHED_MANIFEST, sync_directory};
use super::part::{WrittenFile, unfinished_name};
use super::partition::Partition;
use super::relation::{DataFormat, ExportedRelation};
use crate::model::convert::hex;
use crate::model::{SlotLabel, UnixSeconds};
use crate::store::Holder;
use crate::store::lock::Lock;

/// The lock file against a second export. Like every lock file it stays.
const LOCK: &str = "_manifest.json.lock";

/// A directory to which only this export writes.
pub(super) struct ExportDirectory {
    root: PathBuf,
    manifest: Manifest,
    schema: usize,
    now: UnixSeconds,
    /// The manifest on the disk is older than this one.
    changed: bool,
    /// Files that may differ from the manifest, after an interrupted export or an unfinished change.
    broken: BTreeSet<Partition>,
    _lock: Lock,
}

impl ExportDirectory {
    /// Locks `root`, creates it if it does not exist, and removes the remains of an interrupted export.
    ///
    /// A directory with other contents is refused before anything is written to it.
    pub(super) fn claim(
        root: &Path,
        (format, label): (DataFormat, SlotLabel),
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
        let found = Manifest::load(root)?;
        let changed = found.is_none();
        let manifest = found.unwrap_or_else(|| Manifest::empty(format, label));
        if manifest.format != format {
            return Err(ExportError::OtherFormat {
                directory: root.to_owned(),
                holds: manifest.format,
            });
        }
        let mut directory = Self {
            root: root.to_owned(),
            manifest,
            schema,
            now,
            changed,
            broken: BTreeSet::new(),
            _lock: lock,
        };
        directory.clear_up()?;
        Ok(directory)
    }

    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    pub(super) fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// Returns the files that may differ from the manifest. Every export writes them again.
    pub(super) fn broken(&self) -> &BTreeSet<Partition> {
        &self.broken
    }

    /// Notes that every file uses `label` now.
    pub(super) fn relabel(&mut self, label: SlotLabel) {
        self.changed |= self.manifest.label != label;
        self.manifest.label = label;
    }

    /// Returns whether the file of `partition` exists with `content`.
    pub(super) fn holds(&self, partition: &Partition, content: &Content) -> bool {
        let Some(entry) = self.manifest.files.get(partition) else {
            return false;
        };
        entry.is_of_this_layout()
            && entry.content == content.digest
            && !self.broken.contains(partition)
            && size(&self.manifest.path(&self.root, partition)) == Some(entry.bytes)
    }

    /// Marks the manifest before the file of `partition` changes. The file counts as broken until
    /// [`ExportDirectory::put`] or [`ExportDirectory::remove`].
    pub(super) fn begin_change(&mut self, partition: &Partition) -> Result<(), ExportError> {
        self.broken.insert(partition.clone());
        if self.manifest.state == ManifestState::Writing && !self.changed {
            return Ok(());
        }
        self.manifest.state = ManifestState::Writing;
        self.manifest.save(&self.root, self.schema, self.now)?;
        self.changed = false;
        Ok(())
    }

    /// Notes a written file.
    pub(super) fn put(&mut self, partition: Partition, content: Content, file: WrittenFile) {
        let entry = FileEntry::new(content.rows, file.bytes, file.sha256, content.digest);
        self.broken.remove(&partition);
        self.manifest.files.insert(partition, entry);
    }

    /// Deletes a file.
    pub(super) fn remove(&mut self, partition: &Partition) -> Result<(), ExportError> {
        self.begin_change(partition)?;
        let path = self.manifest.path(&self.root, partition);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(ExportError::file("remove", &path)(error));
            }
            _ => {}
        }
        let mut above = path.parent();
        // The directory of the month, and after the last month that of the domain. Directories with contents stay.
        for _ in 0..2 {
            above = above
                .filter(|directory| fs::remove_dir(directory).is_ok() || !directory.exists())
                .and_then(Path::parent)
                .or(above.filter(|directory| directory.exists()));
        }
        if let Some(directory) = above.filter(|directory| directory.exists()) {
            sync_directory(directory)?;
        }
        self.broken.remove(partition);
        self.manifest.files.remove(partition);
        Ok(())
    }

    /// Writes the manifest if anything changed.
    pub(super) fn close(mut self) -> Result<Manifest, ExportError> {
        // The next export tries to repair a broken file again.
        let state = if self.broken.is_empty() {
            ManifestState::Complete
        } else {
            ManifestState::Writing
        };
        if self.changed || self.manifest.state != state || state == ManifestState::Writing {
            self.manifest.state = state;
            self.manifest.save(&self.root, self.schema, self.now)?;
        }
        Ok(self.manifest)
    }

    fn clear_up(&mut self) -> Result<(), ExportError> {
        let was_interrupted = self.manifest.state == ManifestState::Writing;
        let mut listed = HashSet::new();
        if was_interrupted {
            for (partition, entry) in &self.manifest.files {
                let path = self.manifest.path(&self.root, partition);
                if size(&path) != Some(entry.bytes) || sha256(&path)? != entry.sha256 {
                    self.broken.insert(partition.clone());
                }
                listed.insert(path);
            }
        }
        remove_if_there(&self.root.join(UNFINISHED_MANIFEST))?;
        let unfinished = unfinished_name(self.manifest.format);
        let part = self.manifest.format.part_name();
        for relation in ExportedRelation::ALL {
            for domain in directories(&self.root.join(relation.name()), "domain=")? {
                for month in directories(&domain, "month=")? {
                    remove_if_there(&month.join(&unfinished))?;
                    let whole = month.join(part);
                    // The interrupted export wrote it and did not list it.
                    if was_interrupted && !listed.contains(&whole) {
                        remove_if_there(&whole)?;
                    }
                }
            }
        }
        Ok(())
    }
}

/// Creates `root` and its missing parents, safe against a power failure.
fn make(root: &Path) -> Result<(), ExportError> {
    let named = root.ancestors().filter(|path| !path.as_os_str().is_empty());
    let missing: Vec<&Path> = named.take_while(|path| !path.exists()).collect();
    fs::create_dir_all(root).map_err(ExportError::file("make the directory", root))?;
    for made in missing {
        let above = made.parent().filter(|above| !above.as_os_str().is_empty());
        sync_directory(above.unwrap_or(Path::new(".")))?;
    }
    Ok(())
}

/// Refuses a directory that has contents but no manifest.
fn refuse_foreign(root: &Path) -> Result<(), ExportError> {
    let mut foreign = None;
    let failed = || ExportError::file("read the directory", root);
    for entry in fs::read_dir(root).map_err(failed())? {
        let name = entry.map_err(failed())?.file_name();
        if name == MANIFEST {
            return Ok(());
        }
        if name != LOCK && name != UNFINISHED_MANIFEST {
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

/// Returns the directories in `above` whose names begin with `prefix`. Links are not followed.
fn directories(above: &Path, prefix: &str) -> Result<Vec<PathBuf>, ExportError> {
    let failed = || ExportError::file("read the directory", above);
    let entries = match fs::read_dir(above) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(failed()(error)),
    };
    let mut found = Vec::new();
    for entry in entries {
        let entry = entry.map_err(failed())?;
        let is_ours = entry.file_name().to_string_lossy().starts_with(prefix);
        if is_ours && entry.file_type().map_err(failed())?.is_dir() {
            found.push(entry.path());
        }
    }
    Ok(found)
}

fn remove_if_there(path: &Path) -> Result<(), ExportError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(ExportError::file("remove", path)(error))
        }
        _ => Ok(()),
    }
}

/// Returns the size of a file; `None` if it does not exist.
fn size(path: &Path) -> Option<u64> {
    let found = fs::symlink_metadata(path).ok()?;
    found.is_file().then_some(found.len())
}

fn sha256(path: &Path) -> Result<String, ExportError> {
    let read = || {
        let mut file = File::open(path)?;
        let mut context = Context::new(&SHA256);
        let mut buffer = vec![0; 1 << 16];
        loop {
            match file.read(&mut buffer)? {
                0 => return Ok(hex(context.finish().as_ref())),
                count => context.update(buffer.get(..count).unwrap_or_default()),
            }
        }
    };
    read().map_err(ExportError::file("read", path))
}
