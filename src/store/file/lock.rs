//! One writer per database.
//!
//! The lock is the operating system's, on a file beside the database. The kernel frees it when the process ends,
//! however it ends. The file itself stays for ever: if it were deleted, two processes could lock two files of the
//! same name.

use std::fs::{self, File, OpenOptions, Permissions, TryLockError};
use std::io;
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;
use std::time::{Duration, Instant};

use crate::store::error::{Result, StoreError, StoreErrorKind};
use crate::store::file::holder::{Holder, LockHolder};
use crate::store::file::location::{locate, suffixed};
use crate::store::file::open_files::FileId;

/// The name of the lock file: that of the database with this behind it.
const SUFFIX: &str = ".lock";
/// The permissions of a new lock file, as far as the umask allows them.
const MODE: u32 = 0o644;
const GROUP_WRITES: u32 = 0o020;
const OTHERS_WRITE: u32 = 0o002;
/// How long those are waited for who only look, and in which steps.
const PATIENCE: Duration = Duration::from_millis(300);
const STEP: Duration = Duration::from_millis(5);

/// Whether a run writes to a database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LockState {
    /// No run does.
    Free,
    /// A run does. It may not have written its note yet.
    Held(Option<LockHolder>),
}

/// Returns who holds the lock of the database at `path` at this moment. Leaves no trace.
///
/// To find out, it shares the lock for some microseconds, because a lock of this kind cannot be queried. A run that
/// starts just then waits for that.
pub fn peek(path: &Path) -> Result<LockState, StoreError> {
    state(path).map_err(|kind| StoreError::new(path, kind))
}

/// Returns whether a run has locked the database at `path` before, and none does at this moment. `false` where that cannot
/// be found out, and for a copy, which has no lock file. See [`peek`].
#[must_use]
pub fn is_abandoned(path: &Path) -> bool {
    let used = locate(path).is_ok_and(|located| suffixed(&located, SUFFIX).exists());
    used && matches!(state(path), Ok(LockState::Free))
}

fn state(path: &Path) -> Result<LockState> {
    let beside = suffixed(&locate(path)?, SUFFIX);
    refuse_special(&beside)?;
    let mut file = match File::open(&beside) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(LockState::Free),
        Err(error) => return Err(StoreErrorKind::Lock(error)),
    };
    match file.try_lock_shared() {
        Ok(()) => Ok(LockState::Free),
        Err(TryLockError::WouldBlock) => Ok(LockState::Held(LockHolder::read(&mut file))),
        Err(TryLockError::Error(error)) => Err(StoreErrorKind::Lock(error)),
    }
}

/// Returns the permissions of the lock file of the database at `path`, if they let somebody write who may not write to
/// the database.
#[must_use]
pub fn open_to_others(path: &Path) -> Option<u32> {
    let located = locate(path).ok()?;
    let mode = fs::symlink_metadata(suffixed(&located, SUFFIX))
        .ok()?
        .permissions()
        .mode()
        & 0o7777;
    (excess(mode, &located) != 0).then_some(mode)
}

/// The right to write to a database, or to something else with one writer only. Given up on drop.
#[derive(Debug)]
pub(crate) struct Lock {
    file: File,
    was_used_before: bool,
}

impl Drop for Lock {
    /// Closing the file is not enough: a child process that is just being started has a copy of the descriptor until
    /// its own program is loaded. Until then the next run would find the database locked.
    fn drop(&mut self) {
        // If this fails, the kernel does it a little later.
        let _ = self.file.unlock();
    }
}

impl Lock {
    /// Takes the lock of the database at `path`, without waiting for another run.
    pub(crate) fn take(path: &Path, holder: &Holder) -> Result<Self> {
        let beside = suffixed(path, SUFFIX);
        loop {
            let lock = Self::take_file(path, &beside, holder)?;
            // A lock file that was deleted just then would keep nobody out.
            let locked = lock.file.metadata().map(|about| FileId::of(&about));
            if FileId::at(&beside).is_ok_and(|named| locked.is_ok_and(|locked| locked == named)) {
                return Ok(lock);
            }
        }
    }

    fn take_file(path: &Path, beside: &Path, holder: &Holder) -> Result<Self> {
        refuse_special(beside)?;
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(MODE)
            .open(beside)
            .map_err(StoreErrorKind::Lock)?;
        let began = Instant::now();
        let taken = try_lock(&file, || {
            std::thread::sleep(STEP);
            began.elapsed() < PATIENCE
        });
        match taken {
            Ok(()) => {
                restrict(&file, path);
                let before = file.metadata().map_err(StoreErrorKind::Lock)?.len();
                LockHolder::write(&mut file, holder).map_err(StoreErrorKind::Lock)?;
                Ok(Self {
                    file,
                    was_used_before: before > 0,
                })
            }
            Err(TryLockError::WouldBlock) => Err(StoreErrorKind::Locked(LockHolder::read(&mut file))),
            Err(TryLockError::Error(error)) => Err(StoreErrorKind::Lock(error)),
        }
    }

    /// Returns whether another run has used the lock file before.
    pub(crate) fn was_used_before(&self) -> bool {
        self.was_used_before
    }
}

/// Takes the lock unless a run has it. While nobody has it but those who look who does ([`peek`]), it tries again, as long as
/// `wait` says so. Otherwise a `status` every second would now and then keep a run from its turn.
fn try_lock(file: &File, mut wait: impl FnMut() -> bool) -> Result<(), TryLockError> {
    loop {
        match file.try_lock() {
            Err(TryLockError::WouldBlock) if is_only_shared(file)? && wait() => {}
            taken => return taken,
        }
    }
}

/// Returns whether nobody has the lock for itself. Has no lock afterwards.
fn is_only_shared(file: &File) -> Result<bool, TryLockError> {
    match file.try_lock_shared() {
        Ok(()) => file.unlock().map(|()| true).map_err(TryLockError::Error),
        Err(TryLockError::WouldBlock) => Ok(false),
        Err(error) => Err(error),
    }
}

/// Refuses links and FIFOs: a note written through a link would overwrite its target, and opening a FIFO would wait for
/// its other end.
fn refuse_special(beside: &Path) -> Result<()> {
    match fs::symlink_metadata(beside) {
        Ok(found) if found.is_symlink() => Err(StoreErrorKind::Symlink),
        Ok(found) if !found.is_file() => Err(StoreErrorKind::Lock(io::Error::other(
            "the lock file is not a regular file",
        ))),
        _ => Ok(()),
    }
}

/// Removes everybody else's write permission for the lock file. A group that may write to the database keeps its own.
/// Another user's file stays as it is: `check` reports it.
fn restrict(file: &File, database: &Path) {
    let Ok(mode) = file.metadata().map(|found| found.permissions().mode() & 0o7777) else {
        return;
    };
    let wanted = mode & !excess(mode, database);
    if wanted != mode {
        let _ = file.set_permissions(Permissions::from_mode(wanted));
    }
}

/// Returns the permissions in `mode`, a lock file's, that let somebody else write.
fn excess(mode: u32, database: &Path) -> u32 {
    let shared = fs::symlink_metadata(database).map_or(0, |found| found.permissions().mode() & GROUP_WRITES);
    mode & (GROUP_WRITES | OTHERS_WRITE) & !shared
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holder(command: &str) -> Holder {
        Holder {
            command: command.to_owned(),
            started_at: 1_568_477_100,
        }
    }

    fn mode(path: &Path) -> u32 {
        fs::metadata(suffixed(path, SUFFIX)).unwrap().permissions().mode() & 0o7777
    }

    #[test]
    fn the_lock_file_is_never_open_to_others_whoever_made_it_so() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("stats.db");
        drop(Lock::take(&path, &holder("sync")).unwrap());
        assert_eq!(mode(&path) & 0o022, 0);
        for (set, database, left) in [
            (0o666, 0o644, 0o644),
            (0o677, 0o600, 0o655),
            (0o666, 0o664, 0o664),
            (0o664, 0o664, 0o664),
            (0o602, 0o666, 0o600),
            (0o600, 0o666, 0o600),
        ] {
            fs::write(&path, "").unwrap();
            fs::set_permissions(&path, Permissions::from_mode(database)).unwrap();
            fs::set_permissions(suffixed(&path, SUFFIX), Permissions::from_mode(set)).unwrap();
            assert_eq!(
                open_to_others(&path),
                (set != left).then_some(set),
                "{set:o} {database:o}"
            );
            drop(Lock::take(&path, &holder("sync")).unwrap());
            assert_eq!(mode(&path), left, "{set:o} {database:o}");
            assert_eq!(open_to_others(&path), None, "{set:o} {database:o}");
        }
    }

    #[test]
    fn the_second_is_told_who_holds_it_and_gets_it_once_the_first_is_gone() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("stats.db");
        let first = Lock::take(&path, &holder("backfill with a rather long line")).unwrap();
        let Err(StoreErrorKind::Locked(Some(found))) = Lock::take(&path, &holder("sync")) else {
            panic!("the second was let in");
        };
        assert_eq!(
            found.to_string(),
            format!(
                "`backfill with a rather long line` (process {}) since 2019-09-15 00:05:00 UTC+8",
                std::process::id()
            )
        );
        drop(first);
        let second = Lock::take(&path, &holder("sync")).unwrap();
        let Err(StoreErrorKind::Locked(Some(found))) = Lock::take(&path, &holder("watch")) else {
            panic!("the third was let in");
        };
        assert_eq!(found.command, "sync");
        drop(second);
        assert!(suffixed(&path, SUFFIX).exists());
    }

    #[test]
    fn it_is_free_although_a_child_process_still_has_a_copy_of_the_file() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("stats.db");
        let first = Lock::take(&path, &holder("sync")).unwrap();
        let _inherited = first.file.try_clone().unwrap();
        drop(first);
        assert!(Lock::take(&path, &holder("sync")).is_ok());
    }

    #[test]
    fn a_look_tells_who_holds_it_and_keeps_nobody_out() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("stats.db");
        assert_eq!(peek(&path).unwrap(), LockState::Free);
        assert!(!suffixed(&path, SUFFIX).exists());
        let held = Lock::take(&path, &holder("sync")).unwrap();
        let LockState::Held(Some(found)) = peek(&path).unwrap() else {
            panic!("it is held");
        };
        assert_eq!((found.command.as_str(), found.pid), ("sync", std::process::id()));
        drop(held);
        assert_eq!(peek(&path).unwrap(), LockState::Free);
        assert!(Lock::take(&path, &holder("sync")).is_ok());
    }

    #[test]
    fn who_only_looks_keeps_nobody_out_however_many_do() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("stats.db");
        drop(Lock::take(&path, &holder("sync")).unwrap());
        let open = || File::open(suffixed(&path, SUFFIX)).unwrap();
        let mut looks: Vec<File> = std::iter::repeat_with(open).take(3).collect();
        for look in &looks {
            look.try_lock_shared().unwrap();
        }
        let file = open();
        // Each time it waits, one of them is done.
        assert!(try_lock(&file, || looks.pop().is_some()).is_ok());
        assert!(looks.is_empty());
        // A run is not waited for, nor is one who looks for ever.
        let wait = || panic!("it waited for a run");
        assert!(matches!(try_lock(&open(), wait), Err(TryLockError::WouldBlock)));
        file.unlock().unwrap();
        let look = open();
        look.try_lock_shared().unwrap();
        assert!(matches!(try_lock(&file, || false), Err(TryLockError::WouldBlock)));
    }

    #[test]
    fn an_unreadable_note_still_keeps_the_second_out() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("stats.db");
        let _first = Lock::take(&path, &holder("backfill")).unwrap();
        std::fs::write(suffixed(&path, SUFFIX), b"\xff{").unwrap();
        assert!(matches!(
            Lock::take(&path, &holder("sync")),
            Err(StoreErrorKind::Locked(None))
        ));
    }

    #[cfg(unix)]
    #[test]
    fn a_link_in_place_of_the_lock_file_is_not_written_through() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("stats.db");
        let precious = dir.path().join("precious");
        std::fs::write(&precious, "x").unwrap();
        std::os::unix::fs::symlink(&precious, suffixed(&path, SUFFIX)).unwrap();
        assert!(matches!(
            Lock::take(&path, &holder("sync")),
            Err(StoreErrorKind::Symlink)
        ));
        assert_eq!(std::fs::read_to_string(&precious).unwrap(), "x");
    }
}
