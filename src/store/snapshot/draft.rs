//! The hidden directory in which a copy grows.
//!
//! It lies beside the snapshot, because only within a file system is a rename one step. Whoever made it holds a
//! lock on a file in it, which the kernel frees when the process ends, however it ends: a directory without a
//! holder was left by a kill, and the next snapshot removes it.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

/// What the names of all drafts begin with; 16 hexadecimal digits follow.
const PREFIX: &str = ".jdcdn-snapshot-";
const DIGITS: usize = 16;
/// How often a name is looked for, where others are taken or swept away.
const ATTEMPTS: usize = 100;

/// A directory of one's own; removed on drop, with all that is in it.
#[derive(Debug)]
pub(super) struct Draft {
    directory: PathBuf,
    _lock: File,
}

impl Draft {
    /// Makes one in `beside`, and removes those that nobody holds any more.
    pub(super) fn begin(beside: &Path) -> io::Result<Self> {
        sweep(beside);
        for _ in 0..ATTEMPTS {
            let directory = beside.join(format!("{PREFIX}{:0DIGITS$x}", fastrand::u64(..)));
            match DirBuilder::new().mode(0o700).create(&directory) {
                Err(taken) if taken.kind() == io::ErrorKind::AlreadyExists => continue,
                made => made?,
            }
            match hold(&directory) {
                Ok(Some(lock)) => {
                    return Ok(Self {
                        directory,
                        _lock: lock,
                    });
                }
                Ok(None) => {}
                Err(error) => {
                    let _ = fs::remove_dir_all(&directory);
                    return Err(error);
                }
            }
        }
        Err(io::Error::from(io::ErrorKind::ResourceBusy))
    }

    /// Where the copy belongs.
    pub(super) fn copy(&self) -> PathBuf {
        self.directory.join("copy.db")
    }
}

impl Drop for Draft {
    /// What cannot be removed is left to the next snapshot.
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.directory);
    }
}

fn lock_file(directory: &Path) -> PathBuf {
    directory.join("lock")
}

/// Locks a directory just made; `None` where a sweep was faster.
fn hold(directory: &Path) -> io::Result<Option<File>> {
    let file = match OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(lock_file(directory))
    {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        opened => opened?,
    };
    match file.try_lock() {
        Err(TryLockError::WouldBlock) => Ok(None),
        // Where the file system has no locks, a sweep cannot take one, either, and removes nothing.
        Ok(()) | Err(TryLockError::Error(_)) => Ok((file.metadata()?.nlink() > 0).then_some(file)),
    }
}

/// Removes the drafts in `directory` that nobody holds. What fails is left as it is: it may be another user's.
fn sweep(directory: &Path) {
    let Ok(entries) = fs::read_dir(directory) else {
        return;
    };
    for entry in entries.flatten() {
        let digits = entry
            .file_name()
            .to_str()
            .and_then(|name| name.strip_prefix(PREFIX))
            .map(|digits| digits.len() == DIGITS && digits.bytes().all(|digit| digit.is_ascii_hexdigit()));
        if digits == Some(true) && entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            sweep_one(&entry.path());
        }
    }
}

fn sweep_one(draft: &Path) {
    match OpenOptions::new().write(true).open(lock_file(draft)) {
        Ok(lock) if lock.try_lock().is_ok() => {
            let _ = fs::remove_dir_all(draft);
        }
        // Killed between the directory and its lock; only an empty one is removed.
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let _ = fs::remove_dir(draft);
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
        let held = Draft::begin(dir.path()).unwrap();
        fs::write(held.copy(), "growing").unwrap();
        let orphan = dir.path().join(format!("{PREFIX}0123456789abcdef"));
        fs::create_dir(&orphan).unwrap();
        for file in ["lock", "copy.db", "copy.db-journal"] {
            fs::write(orphan.join(file), "left by a kill").unwrap();
        }
        let empty = dir.path().join(format!("{PREFIX}00000000000000ff"));
        fs::create_dir(&empty).unwrap();
        // Not ours to remove: another name, no directory, or content without a lock.
        let others = [".jdcdn-snapshot-x", ".jdcdn-snapshot-ffffffffffffffff"];
        fs::create_dir(dir.path().join(others[0])).unwrap();
        fs::create_dir(dir.path().join(others[1])).unwrap();
        fs::write(dir.path().join(others[1]).join("precious"), "").unwrap();

        let second = Draft::begin(dir.path()).unwrap();
        assert!(!orphan.exists() && !empty.exists());
        assert_eq!(fs::read_to_string(held.copy()).unwrap(), "growing");
        drop((held, second));
        assert_eq!(names(dir.path()), [others[1], others[0]]);
    }

    #[test]
    fn two_at_once_have_directories_of_their_own() {
        let dir = tempfile::tempdir().unwrap();
        let drafts: Vec<Draft> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..8).map(|_| scope.spawn(|| Draft::begin(dir.path()))).collect();
            threads
                .into_iter()
                .map(|thread| thread.join().unwrap().unwrap())
                .collect()
        });
        for draft in &drafts {
            fs::write(draft.copy(), "").unwrap();
        }
        assert_eq!(names(dir.path()).len(), 8);
        drop(drafts);
        assert_eq!(names(dir.path()), Vec::<String>::new());
    }
}
