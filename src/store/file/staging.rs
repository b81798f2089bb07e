//! A hidden directory in which a file grows until it is complete.
//!
//! It lies in the directory of the finished file, because a rename is one step only within a file system. The process
//! that made it locks a file in it. The kernel frees that lock when the process ends, however it ends. So a staging
//! directory without a lock was left by a killed process, and the next one of the same purpose removes it.

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions, TryLockError};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

/// The number of random hexadecimal digits at the end of a name.
const DIGITS: usize = 16;
/// The file in it that its process keeps locked.
const LOCK: &str = "lock";
/// How often another name is tried.
const ATTEMPTS: usize = 100;

/// A directory of this process alone; removed on drop, with everything in it.
#[derive(Debug)]
pub(crate) struct StagingDirectory {
    path: PathBuf,
    lock: File,
}

impl StagingDirectory {
    /// Makes one in `parent`, and removes abandoned ones of the same purpose. The purpose is a word such as
    /// `snapshot`, and part of the name: `.jdcdn-snapshot-0123456789abcdef`.
    pub(crate) fn begin(parent: &Path, purpose: &str) -> io::Result<Self> {
        sweep(parent, purpose);
        for _ in 0..ATTEMPTS {
            let path = parent.join(format!("{}{:0DIGITS$x}", prefix(purpose), fastrand::u64(..)));
            match DirBuilder::new().mode(0o700).create(&path) {
                Err(taken) if taken.kind() == io::ErrorKind::AlreadyExists => continue,
                made => made?,
            }
            match hold(&path) {
                Ok(Some(lock)) => return Ok(Self { path, lock }),
                Ok(None) => {}
                Err(error) => {
                    let _ = remove(&path);
                    return Err(error);
                }
            }
        }
        Err(io::Error::from(io::ErrorKind::ResourceBusy))
    }

    /// Returns the path of a file in it.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Returns those of the `wanted` permissions that the umask allows. Only permissions to read and write.
    ///
    /// The umask cannot be read without changing it for every thread. So the lock file shows it: it was made with every
    /// permission to read and write.
    pub(crate) fn permitted(&self, wanted: u32) -> io::Result<u32> {
        Ok(self.lock.metadata()?.mode() & 0o666 & wanted)
    }
}

impl Drop for StagingDirectory {
    /// The next one removes whatever this cannot.
    fn drop(&mut self) {
        let _ = remove(&self.path);
    }
}

/// Gives a finished file its permissions and brings it to the disk.
pub(crate) fn complete(file: &Path, mode: u32) -> io::Result<()> {
    let file = File::open(file)?;
    file.set_permissions(Permissions::from_mode(mode))?;
    file.sync_all()
}

/// Renames `from` to `to`, in the same file system, unless `to` exists ([`io::ErrorKind::AlreadyExists`]). `from` may
/// keep its old name as well.
pub(crate) fn give_new_name(from: &Path, to: &Path) -> io::Result<()> {
    // Unlike a rename, a link never replaces a file.
    match fs::hard_link(from, to) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
            // A file system without hard links.
            if fs::symlink_metadata(to).is_ok() {
                return Err(io::ErrorKind::AlreadyExists.into());
            }
            fs::rename(from, to)
        }
        linked => linked,
    }
}

/// Removes abandoned staging directories in `parent`. Ignores failures, because a directory may be another user's.
pub(crate) fn sweep(parent: &Path, purpose: &str) {
    let Ok(entries) = fs::read_dir(parent) else {
        return;
    };
    let prefix = prefix(purpose);
    for entry in entries.flatten() {
        let digits = entry
            .file_name()
            .to_str()
            .and_then(|name| name.strip_prefix(&prefix))
            .map(|digits| digits.len() == DIGITS && digits.bytes().all(|digit| digit.is_ascii_hexdigit()));
        if digits == Some(true) && entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            sweep_one(&entry.path());
        }
    }
}

fn prefix(purpose: &str) -> String {
    format!(".jdcdn-{purpose}-")
}

fn lock_file(directory: &Path) -> PathBuf {
    directory.join(LOCK)
}

/// Removes a staging directory, its lock file last. A process may be killed in between, and a directory with content
/// but without a lock file would stay for ever.
fn remove(directory: &Path) -> io::Result<()> {
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        if entry.file_name() != LOCK {
            fs::remove_file(entry.path())?;
        }
    }
    sync(directory)?;
    match fs::remove_file(lock_file(directory)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    fs::remove_dir(directory).inspect_err(|error| {
        // A thread that a signal has stopped was still writing. The lock file marks what it leaves.
        if error.kind() == io::ErrorKind::DirectoryNotEmpty {
            let _ = File::create(lock_file(directory));
        }
    })
}

/// Brings the names in a directory to the disk. In a staging directory the lock file comes first and goes last, also
/// at a power failure. So an abandoned directory can always be recognized.
pub(crate) fn sync(directory: &Path) -> io::Result<()> {
    File::open(directory)?.sync_all()
}

/// Locks a directory just made; `None` if a sweep was faster.
fn hold(directory: &Path) -> io::Result<Option<File>> {
    let file = match OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(lock_file(directory))
    {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        opened => opened?,
    };
    sync(directory)?;
    match file.try_lock() {
        Err(TryLockError::WouldBlock) => Ok(None),
        // On a file system without locks a sweep cannot take one either, and removes nothing.
        Ok(()) | Err(TryLockError::Error(_)) => Ok((file.metadata()?.nlink() > 0).then_some(file)),
    }
}

fn sweep_one(directory: &Path) {
    match OpenOptions::new().write(true).open(lock_file(directory)) {
        Ok(lock) if lock.try_lock().is_ok() => {
            let _ = remove(directory);
        }
        // Its process was killed before it made the lock file, or while it removed the directory. Removes only an
        // empty one.
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let _ = fs::remove_dir(directory);
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PURPOSE: &str = "snapshot";

    fn names(directory: &Path) -> Vec<String> {
        let entries = fs::read_dir(directory).unwrap();
        let mut names: Vec<_> = entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort_unstable();
        names
    }

    #[test]
    fn what_nobody_holds_is_removed_and_what_somebody_holds_stays() {
        let dir = tempfile::tempdir().unwrap();
        let held = StagingDirectory::begin(dir.path(), PURPOSE).unwrap();
        fs::write(held.file("copy.db"), "growing").unwrap();
        let orphan = dir.path().join(".jdcdn-snapshot-0123456789abcdef");
        fs::create_dir(&orphan).unwrap();
        for file in ["lock", "copy.db", "copy.db-journal"] {
            fs::write(orphan.join(file), "left by a kill").unwrap();
        }
        let empty = dir.path().join(".jdcdn-snapshot-00000000000000ff");
        fs::create_dir(&empty).unwrap();
        // Not ours to remove: another name, another purpose, or content without a lock.
        let others = [
            ".jdcdn-restore-0123456789abcdef",
            ".jdcdn-snapshot-ffffffffffffffff",
            ".jdcdn-snapshot-x",
        ];
        for other in others {
            fs::create_dir(dir.path().join(other)).unwrap();
        }
        fs::write(dir.path().join(others[0]).join("lock"), "").unwrap();
        fs::write(dir.path().join(others[1]).join("precious"), "").unwrap();

        let second = StagingDirectory::begin(dir.path(), PURPOSE).unwrap();
        assert!(!orphan.exists() && !empty.exists());
        assert_eq!(fs::read_to_string(held.file("copy.db")).unwrap(), "growing");
        drop((held, second));
        assert_eq!(names(dir.path()), others);
    }

    #[test]
    fn what_is_written_while_one_is_removed_is_removed_by_the_next_one() {
        let dir = tempfile::tempdir().unwrap();
        for _ in 0..200 {
            let held = StagingDirectory::begin(dir.path(), PURPOSE).unwrap();
            let journal = held.file("copy.db-journal");
            let over = std::sync::atomic::AtomicBool::new(false);
            std::thread::scope(|scope| {
                scope.spawn(|| {
                    while !over.load(std::sync::atomic::Ordering::Relaxed) {
                        let _ = fs::write(&journal, "still going");
                    }
                });
                drop(held);
                over.store(true, std::sync::atomic::Ordering::Relaxed);
            });
            drop(StagingDirectory::begin(dir.path(), PURPOSE).unwrap());
            assert_eq!(names(dir.path()), Vec::<String>::new());
        }
    }

    #[test]
    fn a_kill_while_one_is_removed_leaves_what_the_next_one_removes() {
        let dir = tempfile::tempdir().unwrap();
        let orphan = dir.path().join(".jdcdn-snapshot-0123456789abcdef");
        fs::create_dir(&orphan).unwrap();
        fs::write(orphan.join("lock"), "").unwrap();
        // It cannot be removed as a file, so the removal stops here, as a kill would stop it.
        fs::create_dir(orphan.join("copy.db")).unwrap();
        drop(StagingDirectory::begin(dir.path(), PURPOSE).unwrap());
        assert_eq!(names(&orphan), ["copy.db", "lock"]);
        fs::remove_dir(orphan.join("copy.db")).unwrap();
        drop(StagingDirectory::begin(dir.path(), PURPOSE).unwrap());
        assert_eq!(names(dir.path()), Vec::<String>::new());
    }

    #[test]
    fn two_at_once_have_directories_of_their_own() {
        let dir = tempfile::tempdir().unwrap();
        let begin = || StagingDirectory::begin(dir.path(), PURPOSE);
        let held: Vec<StagingDirectory> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..8).map(|_| scope.spawn(begin)).collect();
            threads
                .into_iter()
                .map(|thread| thread.join().unwrap().unwrap())
                .collect()
        });
        for staging in &held {
            fs::write(staging.file("copy.db"), "").unwrap();
        }
        assert_eq!(names(dir.path()).len(), 8);
        drop(held);
        assert_eq!(names(dir.path()), Vec::<String>::new());
    }

    #[test]
    fn a_name_is_given_only_where_there_is_none() {
        let dir = tempfile::tempdir().unwrap();
        let (from, to) = (dir.path().join("from"), dir.path().join("to"));
        fs::write(&from, "new").unwrap();
        give_new_name(&from, &to).unwrap();
        let refused = give_new_name(&from, &to).unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(fs::read_to_string(&to).unwrap(), "new");
    }

    #[test]
    fn the_permissions_are_those_that_the_umask_leaves() {
        let dir = tempfile::tempdir().unwrap();
        let staging = StagingDirectory::begin(dir.path(), PURPOSE).unwrap();
        let probe = dir.path().join("probe");
        fs::write(&probe, "").unwrap();
        let left = fs::metadata(&probe).unwrap().permissions().mode() & 0o666;
        assert_eq!(staging.permitted(0o666).unwrap(), left);
        assert_eq!(staging.permitted(0o444).unwrap(), left & 0o444);
    }
}
