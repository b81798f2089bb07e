//! The store: opens and locks the database, and confirms at the end that it is still the same file.

use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use rusqlite::Connection;
use rusqlite::config::DbConfig;

use crate::store::error::{Result, StoreError, StoreErrorKind};
use crate::store::file::connection::{self, CheckpointReport};
use crate::store::file::holder::Holder;
use crate::store::file::interruption::{Brake, Interruption, Work};
use crate::store::file::location::locate;
use crate::store::file::lock::Lock;
use crate::store::file::main_file::{self, MainFile};
use crate::store::file::upgrade_copy::{self, UpgradeCopy};
use crate::store::file::{commit_number, table_sums, writable};
use crate::store::ledger::runs::{self, Run};
use crate::store::write::derived;
use crate::store::write::summed_tables::TABLES;
use crate::store::write::transaction::{Ids, LOCK_STEP, PATIENCE, begin};

/// After how many instructions of SQLite a signal is checked for. The cost is too small to measure.
const INSTRUCTIONS: i32 = 2_000;

/// A database that this process alone may write to.
#[derive(Debug)]
pub struct Store {
    // Closed before the lock is given up: fields are dropped in this order.
    pub(super) connection: Connection,
    pub(super) ids: Ids,
    pub(super) path: PathBuf,
    upgrade_copy: Option<UpgradeCopy>,
    pub(super) patience: Duration,
    pub(super) brake: Brake,
    pub(super) main: MainFile,
    lock: Lock,
}

/// How a database came to be created by this process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Creation {
    /// No run has used its path before.
    First,
    /// An earlier run used a database at its path, and that is gone.
    Again,
}

impl Store {
    /// Opens the database at `path` for writing, creates it if it is missing, and migrates it.
    ///
    /// A database that is in use, of another program, newer or damaged is refused before anything in it is written.
    pub fn open(path: &Path, holder: &Holder) -> Result<Self, StoreError> {
        Self::try_open(path, holder, MainFile::lock).map_err(|kind| StoreError::new(path, kind))
    }

    /// Opens a database again that this process has had open. Does not create it.
    pub fn reopen(path: &Path, holder: &Holder) -> Result<Self, StoreError> {
        Self::try_open(path, holder, MainFile::lock_existing).map_err(|kind| StoreError::new(path, kind))
    }

    /// Returns how the database came to be created; `None` if it existed.
    #[must_use]
    pub fn creation(&self) -> Option<Creation> {
        let creation = if self.lock.was_used_before() {
            Creation::Again
        } else {
            Creation::First
        };
        self.main.is_new().then_some(creation)
    }

    /// Returns the path of the database, absolute.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the copy that was kept before the upgrade of the schema, if that rewrote stored data.
    #[must_use]
    pub fn upgrade_copy(&self) -> Option<&UpgradeCopy> {
        self.upgrade_copy.as_ref()
    }

    fn try_open(path: &Path, holder: &Holder, lock: impl FnOnce(&Path) -> Result<MainFile>) -> Result<Self> {
        let path = locate(path)?;
        let lock_file = Lock::take(&path, holder)?;
        let mut main = lock(&path)?;
        main_file::check_log(&path)?;
        let upgrade_copy = upgrade_copy::keep(&path)?;
        if let Some(copy) = &upgrade_copy {
            tracing::warn!("the database is upgraded: {copy}");
        }
        let connection = writable::open(&path)?;
        derived::build(&connection, |build| {
            let tx = begin(&connection, PATIENCE, || false)?;
            build(&tx)?;
            commit_number::advance(&tx)?;
            Ok(tx.commit()?)
        })?;
        let sums = table_sums::watch(&connection, &TABLES)?;
        main.opened(commit_number::current(&connection)?)?;
        Ok(Self {
            connection,
            ids: Ids {
                sums,
                ..Ids::default()
            },
            path,
            upgrade_copy,
            patience: PATIENCE,
            brake: Brake::new(Interruption::default()),
            main,
            lock: lock_file,
        })
    }

    /// Stops work with an error after `interruption` has begun. Work that the next run can do stops at once. Storing
    /// answers that have arrived stops a little later.
    pub fn heed(&mut self, interruption: &Interruption) -> Result<(), StoreError> {
        self.brake = Brake::new(interruption.clone());
        let brake = self.brake.clone();
        let installed = self
            .connection
            .progress_handler(INSTRUCTIONS, Some(move || brake.is_on()));
        installed.map_err(|error| StoreError::new(&self.path, error.into()))
    }

    /// Notes that the store only writes the end of the run from now on. It has a little more time for this.
    pub fn begin_closing(&mut self) {
        self.brake.set(Work::Closing);
    }

    /// Does work that the next run can do as well. It stops at once when the process is asked to end.
    pub(crate) fn deferrable<T>(&mut self, work: impl FnOnce(&mut Self) -> T) -> T {
        let brake = self.brake.clone();
        brake.deferrable(|| work(self))
    }

    /// Moves the write-ahead log into the main file, as far as readers allow it.
    ///
    /// SQLite would do so on closing, and would not report a disk that fails then. Commits are safe in the log either
    /// way, so a failure is a warning.
    ///
    /// After a signal it stops in time, and closing the connection does not start it again.
    pub fn checkpoint(&mut self) -> Result<CheckpointReport, StoreError> {
        let folded = (|| {
            self.main.check()?;
            let report = self.fold_in_time();
            self.main.folded()?;
            report
        })();
        self.checked(folded)
    }

    /// Folds the log in while another thread watches the time: SQLite does not call the progress handler here.
    fn fold_in_time(&self) -> Result<CheckpointReport> {
        let switch = DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE;
        if self.brake.is_on() {
            self.connection.set_db_config(switch, true)?;
            return Err(StoreErrorKind::Interrupted);
        }
        let is_hurried = self.brake.interruption().has_begun();
        let wait = if is_hurried {
            LOCK_STEP
        } else {
            connection::CHECKPOINT_WAIT
        };
        let brake = self.brake.clone();
        let handle = self.connection.get_interrupt_handle();
        let folded = thread::scope(|scope| {
            let (done, over) = mpsc::channel::<()>();
            let watching = move || {
                while over.recv_timeout(LOCK_STEP) == Err(RecvTimeoutError::Timeout) {
                    if brake.is_on() {
                        handle.interrupt();
                    }
                }
            };
            // Without the thread the checkpoint cannot be stopped.
            let watcher = thread::Builder::new().spawn_scoped(scope, watching);
            let folded = connection::checkpoint(&self.connection, &self.path, wait);
            drop((done, watcher));
            folded
        });
        if self.brake.interruption().has_begun() {
            self.connection.set_db_config(switch, true)?;
        }
        folded
    }

    /// Confirms that the path still leads to this database, and that a new reader finds `run` in it as it ended. Call
    /// it last: before it, nothing may be reported as stored.
    pub fn confirm(&mut self, run: Option<Run>) -> Result<(), StoreError> {
        let confirmed = (|| {
            self.main.check()?;
            let last = commit_number::current(&self.connection)?;
            let fresh = connection::open_to_read(&self.path)?;
            let is_same = commit_number::current(&fresh)? == last
                && match run {
                    Some(run) => {
                        runs::start_and_outcome(&fresh, run)?
                            == runs::start_and_outcome(&self.connection, run)?
                    }
                    None => true,
                };
            self.main.check()?;
            if is_same {
                Ok(())
            } else {
                Err(StoreErrorKind::Replaced)
            }
        })();
        self.checked(confirmed)
    }
}

impl Drop for Store {
    /// SQLite folds the log in when it closes the file. This prevents it for a file that was replaced.
    fn drop(&mut self) {
        self.is_replaced();
    }
}

#[cfg(test)]
impl Store {
    /// Waits less than in earnest.
    pub(crate) fn be_patient(&mut self, step: Duration, patience: Duration) {
        self.connection.busy_timeout(step).unwrap();
        self.patience = patience;
    }

    /// Returns how many rows were written since the store was opened.
    pub(crate) fn total_changes(&self) -> u64 {
        self.connection.total_changes()
    }
}
