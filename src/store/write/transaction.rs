//! How every change is committed: the file is checked before and after, and the commit gets a number.

use std::time::{Duration, Instant};

use rusqlite::config::DbConfig;
use rusqlite::{Connection, Transaction, TransactionBehavior};

use crate::store::error::{Result, StoreError, StoreErrorKind};
use crate::store::error_kind::BUSY_STEP;
use crate::store::file::table_sums::SumChanges;
use crate::store::file::{commit_number, connection};
use crate::store::ledger::domain_ids::DomainIds;
use crate::store::origin::codes::CodeIds;
use crate::store::origin::first_points::FirstPoints;
use crate::store::write::shown_days::ShownDays;
use crate::store::write::store::Store;

/// How long a transaction waits for another program that writes to the file.
pub(crate) const PATIENCE: Duration = Duration::from_mins(1);
/// In which steps, so that a signal ends the waiting soon.
pub(crate) const LOCK_STEP: Duration = Duration::from_millis(50);

/// What the writer remembers over transactions.
#[derive(Debug, Default)]
pub(crate) struct Ids {
    pub(crate) domains: DomainIds,
    pub(crate) codes: CodeIds,
    pub(crate) first_points: FirstPoints,
    pub(crate) shown_days: ShownDays,
    /// What the open transaction adds to the sums of tables.
    pub(crate) sums: SumChanges,
}

impl Ids {
    /// Forgets everything. The next use reads the database again.
    pub(crate) fn forget(&mut self) {
        self.sums.forget();
        *self = Self {
            sums: self.sums.clone(),
            ..Self::default()
        };
    }
}

impl Store {
    /// Reads with the writer's connection. An error names the database.
    pub(crate) fn read<T>(&self, read: impl FnOnce(&Connection) -> Result<T>) -> Result<T, StoreError> {
        read(&self.connection).map_err(|kind| StoreError::new(&self.path, kind))
    }

    /// Reads several things of one state of the database. It is also cheaper: otherwise SQLite locks the file for every
    /// statement.
    pub(crate) fn in_one_view<T>(
        &self,
        read: impl FnOnce(&Self) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let view = self.connection.unchecked_transaction();
        // Dropping it ends it.
        let _view = view.map_err(|error| StoreError::new(&self.path, error.into()))?;
        read(self)
    }

    /// Does `work` in one transaction: all of it is committed, or nothing.
    pub(crate) fn in_transaction<T>(
        &mut self,
        work: impl FnOnce(&Connection, &mut Ids) -> Result<T>,
    ) -> Result<T, StoreError> {
        let result = begin(&self.connection, self.patience, || self.brake.is_on()).and_then(|tx| {
            let before = tx.total_changes();
            let result = work(&tx, &mut self.ids)?;
            if tx.total_changes() != before {
                self.ids.sums.write(&tx)?;
                let number = commit_number::advance(&tx)?;
                self.main.check_commit(number)?;
                tx.commit()?;
                self.main.check()?;
                if connection::is_log_long(&self.connection)? {
                    // The commit is safe in the log, so the end of the run deals with a failure.
                    let _ = connection::fold_in(&self.connection);
                    self.main.folded()?;
                }
            }
            Ok(result)
        });
        if result.is_err() {
            self.ids.forget();
        }
        self.checked(result)
    }

    /// Adds the path of the database to an error. If somebody replaced the file, that is the error.
    pub(crate) fn checked<T>(&mut self, result: Result<T>) -> Result<T, StoreError> {
        result.map_err(|kind| {
            let kind = if self.is_replaced() {
                StoreErrorKind::Replaced
            } else {
                kind
            };
            StoreError::new(&self.path, kind)
        })
    }

    /// Returns whether the file was replaced. Then SQLite must not fold the log in on closing: it is the log of a
    /// file that is no longer there.
    pub(crate) fn is_replaced(&mut self) -> bool {
        let is_replaced = matches!(self.main.check(), Err(StoreErrorKind::Replaced));
        if is_replaced {
            let switch = DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE;
            // If this fails, closing folds the log in.
            let _ = self.connection.set_db_config(switch, true);
        }
        is_replaced
    }
}

/// Takes the write lock at once, so that a transaction fails at its beginning or not at all.
///
/// While another program has the lock, `is_over` decides again and again whether to stop waiting.
pub(crate) fn begin(
    connection: &Connection,
    patience: Duration,
    is_over: impl Fn() -> bool,
) -> Result<Transaction<'_>> {
    let started = Instant::now();
    connection.busy_timeout(LOCK_STEP)?;
    let tx = loop {
        if is_over() {
            break Err(StoreErrorKind::Interrupted);
        }
        let tx = Transaction::new_unchecked(connection, TransactionBehavior::Immediate);
        match tx.map_err(StoreErrorKind::from) {
            Err(StoreErrorKind::Busy(_)) if started.elapsed() < patience => {}
            Err(StoreErrorKind::Busy(_)) => break Err(StoreErrorKind::Busy(started.elapsed())),
            other => break other,
        }
    };
    connection.busy_timeout(BUSY_STEP)?;
    tx
}
