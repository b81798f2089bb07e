//! The database's main file, held by one process.
//!
//! The lock file beside a database keeps a second run out by name ([`crate::store::file::lock`]). But a file may have two names (a
//! hard link, a single file mounted into a container), and a lock file may be deleted. Two runs that write to one file
//! under two names each have a log of their own, and destroy it. So the file itself is locked, too, before SQLite opens
//! it, and a file that may have two names is refused.

use std::fs::TryLockError;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::store::error::{Result, StoreErrorKind};
use crate::store::file::log_check;
use crate::store::file::open_files::{self, Access, FileId, OpenFile};
use crate::store::file::volume::Volume;

/// The database's main file, held until this is dropped.
#[derive(Debug)]
pub(crate) struct MainFile {
    path: PathBuf,
    open: Arc<OpenFile>,
    is_new: bool,
    seen: Seen,
    /// The number of the last commit, in the file or in its log.
    last: u32,
}

/// What was last seen of the file itself, the log left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Seen {
    /// The number of the last commit in it; `None` in a file that is no database yet.
    commit: Option<u32>,
    /// When it was last written to: seconds and nanoseconds.
    written: (i64, i64),
}

impl MainFile {
    /// Holds the file at `path`, made if need be, against every other process, without waiting.
    ///
    /// Refused are a file with two names, and one that a run holds under another name.
    pub(crate) fn hold(path: &Path) -> Result<Self> {
        Self::take(path, Access::WriteOrCreate)?.ok_or(StoreErrorKind::NotAFile)
    }

    /// As [`MainFile::hold`], for a file that is there.
    pub(crate) fn hold_existing(path: &Path) -> Result<Self> {
        Self::take(path, Access::Write)?.ok_or(StoreErrorKind::Replaced)
    }

    fn take(path: &Path, access: Access) -> Result<Option<Self>> {
        let Some((open, made)) = open_files::open(path, access).map_err(StoreErrorKind::File)? else {
            return Ok(None);
        };
        refuse_two_names(path, &open)?;
        lock(path, &open)?;
        let seen = look(&open)?;
        let held = Self {
            path: path.to_owned(),
            // A kill may have come between making the file and its first write.
            is_new: made || open.file.metadata().is_ok_and(|found| found.len() == 0),
            seen,
            open,
            last: 0,
        };
        held.check_path()?;
        Ok(Some(held))
    }

    /// Notes what SQLite has made of the file on opening it; `last` is the number of the last commit.
    pub(crate) fn opened(&mut self, last: u32) -> Result<()> {
        self.check_path()?;
        self.seen = look(&self.open)?;
        self.last = last;
        Ok(())
    }

    /// Notes that this process has folded its log into the file, as far as readers allowed it. Where one was in the way,
    /// pages have changed, and the one that holds the number has not.
    pub(crate) fn folded(&mut self) -> Result<()> {
        let before = self.seen;
        self.seen = look(&self.open)?;
        self.seen.commit = self.seen.commit.max(before.commit);
        self.check()
    }

    /// As [`MainFile::check`], before and after a commit with this number.
    pub(crate) fn check_commit(&mut self, number: u32) -> Result<()> {
        self.last = number;
        self.check()
    }

    /// Whether there was no file.
    pub(crate) fn is_new(&self) -> bool {
        self.is_new
    }

    /// Refuses to go on where the path no longer names this file, or where its content is not what this process has
    /// made of it: then what is committed would be lost, or has spoiled what took its place.
    pub(crate) fn check(&mut self) -> Result<()> {
        self.check_path()?;
        let now = look(&self.open)?;
        // SQLite writes the header when it opens a new file, before anything is committed.
        let number = now.commit.ok_or(StoreErrorKind::Replaced)?;
        let before = self.seen.commit.unwrap_or(0);
        // Folding the log in is all that SQLite does to the file. It raises the number, at most to that of the last
        // commit, and begins with the page that holds it.
        let is_untouched = number == before && now.written == self.seen.written;
        let is_folded = number > before && number <= self.last;
        if !(is_untouched || is_folded) {
            return Err(StoreErrorKind::Replaced);
        }
        self.seen = now;
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
        // The descriptor stays open (see `open_files`), so the lock must be given up by hand.
        let _ = self.open.file.unlock();
        *self.open.held() = false;
    }
}

fn look(open: &OpenFile) -> Result<Seen> {
    let look = || {
        let found = open.file.metadata()?;
        Ok(Seen {
            commit: log_check::state(&open.file)?.map(|state| state.commit),
            written: (found.mtime(), found.mtime_nsec()),
        })
    };
    look().map_err(StoreErrorKind::File)
}

fn lock(path: &Path, open: &OpenFile) -> Result<()> {
    let mut held = open.held();
    if *held {
        return Err(StoreErrorKind::HeldElsewhere);
    }
    // Over a network the lock would be one of the kind that SQLite takes, and keep SQLite itself out.
    if Volume::of(path).is_ok_and(|volume| volume.weak_locks.is_some()) {
        *held = true;
        return Ok(());
    }
    match open.file.try_lock() {
        Ok(()) => {
            *held = true;
            Ok(())
        }
        Err(TryLockError::WouldBlock) => Err(StoreErrorKind::HeldElsewhere),
        // A file system without such locks: the lock file beside it has to do.
        Err(TryLockError::Error(error)) if error.kind() == io::ErrorKind::Unsupported => {
            *held = true;
            Ok(())
        }
        Err(TryLockError::Error(error)) => Err(StoreErrorKind::Lock(error)),
    }
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

/// Refuses to read a database that may have a log under another name: its last commits would be missing.
pub(crate) fn check_names(path: &Path) -> Result<()> {
    match open_files::open(path, Access::Read).map_err(StoreErrorKind::File)? {
        Some((open, _)) if uses_log(&open) => refuse_two_names(path, &open),
        _ => Ok(()),
    }
}

/// Refuses to read a database through a log that is not its own.
pub(crate) fn check_log(path: &Path) -> Result<()> {
    let Some((open, _)) = open_files::open(path, Access::Read).map_err(StoreErrorKind::File)? else {
        return Ok(());
    };
    let log = PathBuf::from(crate::store::file::connection::suffixed(path, "-wal"));
    match log_check::belongs(&open.file, &log) {
        Ok(true) => Ok(()),
        Ok(false) => Err(StoreErrorKind::ForeignLog),
        Err(error) => Err(StoreErrorKind::File(error)),
    }
}

/// Whether the header says that the database has a write-ahead log (offset 18, the write version). A snapshot has none.
fn uses_log(open: &OpenFile) -> bool {
    use std::os::unix::fs::FileExt as _;
    let mut version = [0];
    open.file.read_exact_at(&mut version, 18).is_ok() && version == [2]
}

/// Whether a file is mounted there by itself, as `docker -v FILE:FILE` does. False where the kernel cannot tell.
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
        drop(crate::store::file::connection::open_to_write(&path).unwrap());
        path
    }

    #[test]
    fn a_file_is_held_once_under_whatever_name_and_free_when_its_holder_is_gone() {
        let dir = tempfile::tempdir().unwrap();
        let path = made(&dir);
        let first = MainFile::hold(&path).unwrap();
        assert!(matches!(
            MainFile::hold(&path),
            Err(StoreErrorKind::HeldElsewhere)
        ));
        drop(first);
        let again = MainFile::hold(&path).unwrap();
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
                MainFile::hold(name),
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
        let mut held = MainFile::hold(&path).unwrap();
        let seen = held.seen;
        let number = seen.commit.unwrap();
        let mut after = |before: Seen, last| {
            held.seen = before;
            held.check_commit(last).is_ok()
        };
        let commit = |number| Seen {
            commit: Some(number),
            ..seen
        };
        assert!(after(commit(number - 1), number), "the log was folded in");
        assert!(after(commit(number), number) && after(commit(number), number + 5));
        assert!(
            !after(commit(number - 1), number - 1),
            "a commit that nobody made"
        );
        assert!(!after(commit(number + 1), number + 1), "an older state");
        // A copy of the same state, over it: while it was written, pages were missing.
        let written = (seen.written.0 - 1, 0);
        assert!(!after(Seen { written, ..seen }, number + 5));
    }

    #[test]
    fn a_path_that_names_another_file_or_none_is_noticed() {
        let dir = tempfile::tempdir().unwrap();
        let path = made(&dir);
        let mut held = MainFile::hold(&path).unwrap();
        let last = held.seen.commit.unwrap();
        held.check_commit(last).unwrap();
        let copy = dir.path().join("copy.db");
        std::fs::copy(&path, &copy).unwrap();
        std::fs::rename(&copy, &path).unwrap();
        assert!(matches!(held.check_commit(last), Err(StoreErrorKind::Replaced)));
        std::fs::remove_file(&path).unwrap();
        assert!(matches!(held.check_commit(last), Err(StoreErrorKind::Replaced)));
        assert!(matches!(
            MainFile::hold_existing(&path),
            Err(StoreErrorKind::Replaced)
        ));
    }
}
