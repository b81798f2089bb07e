//! The database's main file, locked by one process.
//!
//! The lock file beside a database keeps a second run out by name ([`super::lock`]). But a file may have two names (a
//! hard link, a single file mounted into a container), and a lock file may be deleted. Two runs that write to one file
//! under two names each have a log of their own, and destroy the file. So the file itself is locked too, before SQLite
//! opens it. A file that may have two names is refused.

use std::fs::TryLockError;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::store::error::{Result, StoreErrorKind};
use crate::store::file::header::uses_log;
use crate::store::file::location::suffixed;
use crate::store::file::log_check;
use crate::store::file::open_files::{self, Access, FileId, OpenFile};
use crate::store::file::volume::Volume;

/// The database's main file, locked until this is dropped.
#[derive(Debug)]
pub(crate) struct MainFile {
    path: PathBuf,
    open: Arc<OpenFile>,
    is_new: bool,
    state: MainFileState,
    /// The number of the last commit, in the file or in its log.
    last: u32,
}

/// What the file itself showed at the last check, without its log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct MainFileState {
    /// The number of the last commit in it; `None` in a file that is no database yet.
    commit: Option<u32>,
    /// When it was last written to: seconds and nanoseconds.
    written: (i64, i64),
}

impl MainFile {
    /// Locks the file at `path` against every other process, without waiting. Creates it if it is missing.
    ///
    /// Refuses a file with two names, and one that a run uses under another name.
    pub(crate) fn lock(path: &Path) -> Result<Self> {
        Self::take(path, Access::WriteOrCreate)?.ok_or(StoreErrorKind::NotAFile)
    }

    /// As [`MainFile::lock`], for a file that must exist.
    pub(crate) fn lock_existing(path: &Path) -> Result<Self> {
        Self::take(path, Access::Write)?.ok_or(StoreErrorKind::Replaced)
    }

    fn take(path: &Path, access: Access) -> Result<Option<Self>> {
        let Some((open, created)) = open_files::open(path, access).map_err(StoreErrorKind::File)? else {
            return Ok(None);
        };
        refuse_two_names(path, &open)?;
        lock(path, &open)?;
        let main = Self {
            path: path.to_owned(),
            // A run may have been killed after it created the file and before its first write.
            is_new: created || open.file.metadata().is_ok_and(|found| found.len() == 0),
            state: state(&open)?,
            open,
            last: 0,
        };
        main.check_path()?;
        Ok(Some(main))
    }

    /// Notes the state of the file after SQLite has opened it; `last` is the number of the last commit.
    pub(crate) fn opened(&mut self, last: u32) -> Result<()> {
        self.check_path()?;
        self.state = state(&self.open)?;
        self.last = last;
        Ok(())
    }

    /// Notes that this process has folded its log into the file, as far as readers allowed it. If a reader was in the
    /// way, some pages have changed, but not the one with the number.
    pub(crate) fn folded(&mut self) -> Result<()> {
        let before = self.state.commit;
        self.state = state(&self.open)?;
        self.state.commit = self.state.commit.max(before);
        self.check()
    }

    /// As [`MainFile::check`], before and after a commit with this number.
    pub(crate) fn check_commit(&mut self, number: u32) -> Result<()> {
        self.last = number;
        self.check()
    }

    /// Returns whether this process has created the file.
    pub(crate) fn is_new(&self) -> bool {
        self.is_new
    }

    /// Refuses to go on if the path no longer leads to this file, or if another program has written to it. Then a
    /// commit would be lost, or would damage the file that took its place.
    pub(crate) fn check(&mut self) -> Result<()> {
        self.check_path()?;
        let now = state(&self.open)?;
        // SQLite writes the header when it opens a new file, before anything is committed.
        let number = now.commit.ok_or(StoreErrorKind::Replaced)?;
        let before = self.state.commit.unwrap_or(0);
        // SQLite changes the file only when it folds the log in. This raises the number, at most to that of the last
        // commit, and begins with the page that holds it.
        let is_untouched = number == before && now.written == self.state.written;
        let is_folded = number > before && number <= self.last;
        if !(is_untouched || is_folded) {
            return Err(StoreErrorKind::Replaced);
        }
        self.state = now;
        Ok(())
    }

    fn check_path(&self) -> Result<()> {
        match FileId::at(&self.path) {
            Ok(id) if id == self.open.id => Ok(()),
            Ok(_) => Err(StoreErrorKind::Replaced),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Err(StoreErrorKind::Replaced),
            Err(error) => Err(StoreErrorKind::File(error)),
        }
    }
}

impl Drop for MainFile {
    fn drop(&mut self) {
        // The descriptor stays open (see `open_files`), so the lock must be given up here.
        let _ = self.open.file.unlock();
        *self.open.locked() = false;
    }
}

fn state(open: &OpenFile) -> Result<MainFileState> {
    let read = || {
        let found = open.file.metadata()?;
        Ok(MainFileState {
            commit: log_check::state(&open.file)?.map(|state| state.commit),
            written: (found.mtime(), found.mtime_nsec()),
        })
    };
    read().map_err(StoreErrorKind::File)
}

fn lock(path: &Path, open: &OpenFile) -> Result<()> {
    let mut is_locked = open.locked();
    if *is_locked {
        return Err(StoreErrorKind::LockedElsewhere);
    }
    // Over a network the lock would be of the kind that SQLite takes, and keep SQLite itself out.
    if !Volume::of(path).is_ok_and(|volume| volume.weak_locks.is_some()) {
        match open.file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(StoreErrorKind::LockedElsewhere),
            // A file system without such locks: the lock file has to be enough.
            Err(TryLockError::Error(error)) if error.kind() == io::ErrorKind::Unsupported => {}
            Err(TryLockError::Error(error)) => return Err(StoreErrorKind::Lock(error)),
        }
    }
    *is_locked = true;
    Ok(())
}

fn refuse_two_names(path: &Path, open: &OpenFile) -> Result<()> {
    let links = open.file.metadata().map_err(StoreErrorKind::File)?.nlink();
    if links > 1 {
        return Err(StoreErrorKind::SeveralNames { links });
    }
    if is_mount_point(path) {
        return Err(StoreErrorKind::MountPoint);
    }
    Ok(())
}

/// Refuses to read a database that may have a log under another name. The last commits would be missing.
pub(crate) fn check_names(path: &Path) -> Result<()> {
    match open_files::open(path, Access::Read).map_err(StoreErrorKind::File)? {
        Some((open, _)) if uses_log(&open.file).unwrap_or(false) => refuse_two_names(path, &open),
        _ => Ok(()),
    }
}

/// Refuses to read a database through a log that is not its own.
pub(crate) fn check_log(path: &Path) -> Result<()> {
    let Some((open, _)) = open_files::open(path, Access::Read).map_err(StoreErrorKind::File)? else {
        return Ok(());
    };
    match log_check::belongs(&open.file, &suffixed(path, "-wal")) {
        Ok(true) => Ok(()),
        Ok(false) => Err(StoreErrorKind::ForeignLog),
        Err(error) => Err(StoreErrorKind::File(error)),
    }
}

/// Returns whether the file is mounted by itself, as `docker -v FILE:FILE` does; false if the kernel cannot tell.
#[cfg(target_os = "linux")]
fn is_mount_point(path: &Path) -> bool {
    use rustix::fs::{AtFlags, CWD, StatxAttributes, StatxFlags, statx};
    statx(CWD, path, AtFlags::SYMLINK_NOFOLLOW, StatxFlags::empty())
        .is_ok_and(|found| found.stx_attributes.contains(StatxAttributes::MOUNT_ROOT))
}

#[cfg(not(target_os = "linux"))]
fn is_mount_point(_path: &Path) -> bool {
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(dir: &tempfile::TempDir) -> PathBuf {
        let path = dir.path().join("stats.db");
        drop(crate::store::file::writable::open(&path).unwrap());
        path
    }

    #[test]
    fn a_file_is_held_once_under_whatever_name_and_free_when_its_holder_is_gone() {
        let dir = tempfile::tempdir().unwrap();
        let path = made(&dir);
        let first = MainFile::lock(&path).unwrap();
        assert!(matches!(
            MainFile::lock(&path),
            Err(StoreErrorKind::LockedElsewhere)
        ));
        drop(first);
        let again = MainFile::lock(&path).unwrap();
        assert!(!again.is_new());
    }

    #[test]
    fn a_file_with_two_names_is_refused_to_writers_and_readers_and_a_snapshot_is_not() {
        let dir = tempfile::tempdir().unwrap();
        let path = made(&dir);
        let other = dir.path().join("other.db");
        std::fs::hard_link(&path, &other).unwrap();
        for name in [&path, &other] {
            assert!(matches!(
                MainFile::lock(name),
                Err(StoreErrorKind::SeveralNames { links: 2 })
            ));
            assert!(check_names(name).is_err());
        }
        let copy = dir.path().join("copy.db");
        rusqlite::Connection::open(&path)
            .unwrap()
            .execute("VACUUM INTO ?1", [copy.to_str()])
            .unwrap();
        std::fs::hard_link(&copy, dir.path().join("link.db")).unwrap();
        assert!(check_names(&copy).is_ok());
    }

    #[test]
    fn a_content_that_this_process_has_not_made_is_noticed() {
        let dir = tempfile::tempdir().unwrap();
        let path = made(&dir);
        let mut held = MainFile::lock(&path).unwrap();
        let state = held.state;
        let number = state.commit.unwrap();
        let mut after = |before: MainFileState, last| {
            held.state = before;
            held.check_commit(last).is_ok()
        };
        let commit = |number| MainFileState {
            commit: Some(number),
            ..state
        };
        assert!(after(commit(number - 1), number), "the log was folded in");
        assert!(after(commit(number), number) && after(commit(number), number + 5));
        assert!(
            !after(commit(number - 1), number - 1),
            "a commit that nobody made"
        );
        assert!(!after(commit(number + 1), number + 1), "an older state");
        // A copy of the same state, over it: while it was written, pages were missing.
        let written = (state.written.0 - 1, 0);
        assert!(!after(MainFileState { written, ..state }, number + 5));
    }

    #[test]
    fn a_path_that_names_another_file_or_none_is_noticed() {
        let dir = tempfile::tempdir().unwrap();
        let path = made(&dir);
        let mut held = MainFile::lock(&path).unwrap();
        let last = held.state.commit.unwrap();
        held.check_commit(last).unwrap();
        let copy = dir.path().join("copy.db");
        std::fs::copy(&path, &copy).unwrap();
        std::fs::rename(&copy, &path).unwrap();
        assert!(matches!(held.check_commit(last), Err(StoreErrorKind::Replaced)));
        std::fs::remove_file(&path).unwrap();
        assert!(matches!(held.check_commit(last), Err(StoreErrorKind::Replaced)));
        assert!(matches!(
            MainFile::lock_existing(&path),
            Err(StoreErrorKind::Replaced)
        ));
    }
}
