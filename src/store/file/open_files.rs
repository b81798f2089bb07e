//! The database files that this process has open beside SQLite, by inode.
//!
//! SQLite's own locks are POSIX locks: the kernel drops all of them as soon as the process closes *any* descriptor of
//! the file. So a descriptor is opened once, kept as long as the process lives, and used again.

use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};

use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;

/// The device and the inode: they identify a file, whatever its names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct FileId {
    device: u64,
    inode: u64,
}

impl FileId {
    /// Returns the file that `path` names. Does not follow a symbolic link, and opens nothing.
    pub(crate) fn at(path: &Path) -> io::Result<Self> {
        std::fs::symlink_metadata(path).map(|found| Self::of(&found))
    }

    /// Returns whether both paths lead to one file.
    pub(crate) fn is_same(one: &Path, other: &Path) -> bool {
        let id = |path| std::fs::metadata(path).ok().map(|about| Self::of(&about));
        id(one).is_some() && id(one) == id(other)
    }

    pub(crate) fn of(found: &std::fs::Metadata) -> Self {
        Self {
            device: found.dev(),
            inode: found.ino(),
        }
    }
}

/// An open file, which is never closed.
#[derive(Debug)]
pub(crate) struct OpenFile {
    /// Which file it is.
    pub(crate) id: FileId,
    /// The descriptor.
    pub(crate) file: File,
    /// Whether a store of this process has locked it. Locks on one descriptor do not exclude each other.
    locked: Mutex<bool>,
}

impl OpenFile {
    /// Returns whether a store of this process has locked it.
    pub(crate) fn locked(&self) -> MutexGuard<'_, bool> {
        self.locked.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How to open a file that is not open yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    /// To read its header.
    Read,
    /// To lock it; created if it is missing.
    WriteOrCreate,
    /// To lock it, if it exists.
    Write,
}

static OPEN: LazyLock<Mutex<HashMap<FileId, Arc<OpenFile>>>> = LazyLock::new(Mutex::default);

/// Returns the file at `path`, and whether it was created. `None` if it is missing, or if it is not a regular file.
/// Such a file is not opened: a FIFO would wait for its other end.
pub(crate) fn open(path: &Path, access: Access) -> io::Result<Option<(Arc<OpenFile>, bool)>> {
    let mut all = OPEN.lock().unwrap_or_else(PoisonError::into_inner);
    let mut made = false;
    match std::fs::symlink_metadata(path) {
        Ok(found) if !found.is_file() => return Ok(None),
        Ok(found) => {
            if let Some(open) = all.get(&FileId::of(&found)) {
                return Ok(Some((Arc::clone(open), false)));
            }
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            if access != Access::WriteOrCreate {
                return Ok(None);
            }
            made = true;
        }
        Err(error) => return Err(error),
    }
    let file = open_once(path, access, made)?;
    let found = file.metadata()?;
    let id = FileId::of(&found);
    let open = Arc::new(OpenFile {
        id,
        file,
        locked: Mutex::default(),
    });
    if !found.is_file() {
        return Ok(None);
    }
    // Since the check above the path was given to a file that is open already. Its locks belong to the first
    // descriptor, and this one must not be closed either.
    if let Some(first) = all.get(&id) {
        let first = Arc::clone(first);
        std::mem::forget(open);
        return Ok(Some((first, false)));
    }
    all.insert(id, Arc::clone(&open));
    Ok(Some((open, made)))
}

fn open_once(path: &Path, access: Access, create: bool) -> io::Result<File> {
    // Without NONBLOCK a FIFO that took the file's place just now would hang here.
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let open = |how: OFlags| rustix::fs::open(path, flags | how, Mode::from(0o644));
    let opened = match access {
        Access::Read => open(OFlags::RDONLY),
        _ if create => open(OFlags::RDWR | OFlags::CREATE | OFlags::EXCL),
        // Nothing is written through this descriptor. But some file systems (overlays) copy a file that is opened for
        // writing, and the lock must be on the copy.
        _ => open(OFlags::RDWR).or_else(|error| match error {
            Errno::ACCESS | Errno::PERM | Errno::ROFS => open(OFlags::RDONLY),
            other => Err(other),
        }),
    };
    Ok(File::from(opened?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_file_is_opened_once_whatever_its_names() {
        let dir = tempfile::tempdir().unwrap();
        let (one, other) = (dir.path().join("one"), dir.path().join("other"));
        assert!(open(&one, Access::Read).unwrap().is_none());
        assert!(open(&one, Access::Write).unwrap().is_none());
        let (first, made) = open(&one, Access::WriteOrCreate).unwrap().unwrap();
        assert!(made);
        std::fs::hard_link(&one, &other).unwrap();
        let (second, made) = open(&other, Access::WriteOrCreate).unwrap().unwrap();
        assert!(!made && Arc::ptr_eq(&first, &second));
        // Another file under the old name is another one.
        std::fs::remove_file(&one).unwrap();
        let (third, made) = open(&one, Access::WriteOrCreate).unwrap().unwrap();
        assert!(made && !Arc::ptr_eq(&first, &third) && first.id != third.id);
    }

    #[test]
    fn what_is_no_regular_file_is_not_opened() {
        let dir = tempfile::tempdir().unwrap();
        let fifo = dir.path().join("fifo");
        let made = std::process::Command::new("mkfifo").arg(&fifo).status().unwrap();
        assert!(made.success());
        for path in [fifo.as_path(), dir.path(), Path::new("/dev/zero")] {
            assert!(open(path, Access::WriteOrCreate).unwrap().is_none(), "{path:?}");
            assert!(open(path, Access::Read).unwrap().is_none(), "{path:?}");
        }
    }
}
