//! The one writer.

use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use rusqlite::config::DbConfig;
use rusqlite::{Connection, Transaction, TransactionBehavior};

use crate::model::gap_rules::WindowAnswer;
use crate::model::reject::MAX_REJECTS;
use crate::model::{CoverageSpan, Domain, PointColumns, RunTotals, Span, UnixSeconds};
use crate::store::error::{Result, StoreError, StoreErrorKind};
use crate::store::file::connection::{self, CheckpointReport, Synchronous};
use crate::store::file::interruption::{Brake, Interruption, Work};
use crate::store::file::lock::{Holder, Lock};
use crate::store::file::main_file::{self, MainFile};
use crate::store::file::upgrade_copy::{self, UpgradeCopy};
use crate::store::file::{commit_number, table_sums};
use crate::store::ledger::rejects::{self, Finding};
use crate::store::ledger::runs::{self, Finish, NewRun, Run};
use crate::store::ledger::{coverage, gaps, notes, refusals};
use crate::store::origin::dictionary::{Dictionary, Translation};
use crate::store::origin::points::{PointWriter, Said};
use crate::store::origin::{month_sums, rollups, slot_label};
use crate::store::write::commit::{Commit, Committed, Coverage};

/// How long a transaction waits in all for another program that writes to the file.
const PATIENCE: Duration = Duration::from_mins(1);
/// In which steps, so that a signal ends the waiting soon.
const LOCK_STEP: Duration = Duration::from_millis(50);
/// After how many instructions of SQLite a signal is looked for; this costs nothing that could be measured.
const INSTRUCTIONS: i32 = 2_000;

/// A database that this process alone may write to.
#[derive(Debug)]
pub struct Store {
    // Closed before the lock is given up: fields are dropped in this order.
    connection: Connection,
    dictionary: Dictionary,
    path: PathBuf,
    upgrade_copy: Option<UpgradeCopy>,
    patience: Duration,
    brake: Brake,
    main: MainFile,
    lock: Lock,
}

impl Store {
    /// Opens the database at `path` for writing, made if need be, its schema up to date.
    ///
    /// Held by another process, not ours, newer or damaged, it is refused before anything in it is written.
    pub fn open(path: &Path, holder: &Holder) -> std::result::Result<Self, StoreError> {
        Self::try_open(path, holder, MainFile::hold).map_err(|kind| StoreError::new(path, kind))
    }

    /// Opens a database anew that this process has just had open: makes none in its place.
    pub fn reopen(path: &Path, holder: &Holder) -> std::result::Result<Self, StoreError> {
        Self::try_open(path, holder, MainFile::hold_existing).map_err(|kind| StoreError::new(path, kind))
    }

    /// What a new database took the place of; `None` where the database was there.
    #[must_use]
    pub fn made_anew(&self) -> Option<MadeAnew> {
        let before = self.lock.was_used_before();
        self.main.is_new().then_some(if before {
            MadeAnew::AfterAnother
        } else {
            MadeAnew::First
        })
    }

    /// The database file, absolute.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The copy that was kept before the schema was brought up to date, where that rewrote a part of the database.
    #[must_use]
    pub fn upgrade_copy(&self) -> Option<&UpgradeCopy> {
        self.upgrade_copy.as_ref()
    }

    fn try_open(path: &Path, holder: &Holder, hold: impl FnOnce(&Path) -> Result<MainFile>) -> Result<Self> {
        let path = connection::locate(path)?;
        let lock = Lock::take(&path, holder)?;
        let mut main = hold(&path)?;
        main_file::check_log(&path)?;
        let upgrade_copy = upgrade_copy::keep(&path)?;
        if let Some(copy) = &upgrade_copy {
            tracing::warn!("the database is upgraded: {copy}");
        }
        let connection = connection::open_to_write(&path)?;
        if !gaps::are_built(&connection)? {
            let tx = begin(&connection, PATIENCE, || false)?;
            gaps::build(&tx)?;
            commit_number::advance(&tx)?;
            tx.commit()?;
        }
        if !month_sums::are_built(&connection)? {
            let tx = begin(&connection, PATIENCE, || false)?;
            month_sums::build(&tx)?;
            commit_number::advance(&tx)?;
            tx.commit()?;
        }
        table_sums::keep(&connection)?;
        main.opened(commit_number::current(&connection)?)?;
        Ok(Self {
            connection,
            dictionary: Dictionary::default(),
            path,
            upgrade_copy,
            patience: PATIENCE,
            brake: Brake::new(Interruption::default()),
            main,
            lock,
        })
    }

    /// Leaves what it does, with an error, some time after `interruption` has begun: at once what can wait, later
    /// what has arrived and is to be stored.
    pub fn heed(&mut self, interruption: &Interruption) -> std::result::Result<(), StoreError> {
        self.brake = Brake::new(interruption.clone());
        let brake = self.brake.clone();
        let installed = self
            .connection
            .progress_handler(INSTRUCTIONS, Some(move || brake.is_on()));
        installed.map_err(|error| self.error(error.into()))
    }

    /// From here on the store only writes how the run ended, for which it has a little more time.
    pub fn begin_closing(&mut self) {
        self.brake.set(Work::Closing);
    }

    /// Does what the next run can do as well, and is left at once when the process is asked to end.
    pub(crate) fn deferrable<T>(&mut self, work: impl FnOnce(&mut Self) -> T) -> T {
        let brake = self.brake.clone();
        brake.deferrable(|| work(self))
    }

    /// Begins a run: it shows as `running`, those that were killed as `interrupted`, and the states of coverage
    /// follow its refresh ages.
    pub fn begin_run(&mut self, new: &NewRun) -> std::result::Result<Run, StoreError> {
        self.deferrable(|store| {
            store.in_transaction(|tx, _| {
                let run = runs::begin(tx, new)?;
                coverage::relabel(tx, new.last_age)?;
                Ok(run)
            })
        })
    }

    /// Says of a run that was lost to a defect that it was interrupted. Another program that holds the write lock is
    /// not waited for: the next run says the same.
    pub fn interrupt_run(&mut self) -> std::result::Result<(), StoreError> {
        self.patience = Duration::ZERO;
        self.in_transaction(|tx, _| runs::interrupt(tx))
    }

    /// What is known of a domain's slots in `span`, in order, not cut to it.
    pub fn coverage(
        &self,
        domain: &Domain,
        span: Span,
    ) -> std::result::Result<Vec<CoverageSpan>, StoreError> {
        self.read(|connection| coverage::overlapping(connection, domain.as_str(), span))
    }

    /// Commits what several answers brought, in their order and in one transaction.
    ///
    /// On an error nothing of it is stored, or after a failure of the disk perhaps all of it: drop the store,
    /// and ask the coverage of a new one.
    pub fn commit(
        &mut self,
        run: Run,
        commits: &[Commit],
    ) -> std::result::Result<Vec<Committed>, StoreError> {
        self.in_transaction(|tx, dictionary| {
            let mut totals = RunTotals::default();
            let mut all = Vec::with_capacity(commits.len());
            for commit in commits {
                let committed = write(tx, dictionary, run, commit)?;
                totals += commit.totals;
                totals.points_inserted += committed.inserted;
                totals.points_updated += committed.updated;
                totals.points_unchanged += committed.unchanged;
                totals.points_rejected += committed.rejected;
                totals.points_left_out += committed.left_out;
                all.push(committed);
            }
            runs::add(tx, run, &totals)?;
            Ok(all)
        })
    }

    /// Ends a run, and returns what it has committed in all.
    ///
    /// When this returns, the run's commits have reached the disk.
    pub fn finish_run(&mut self, run: Run, finish: &Finish) -> std::result::Result<RunTotals, StoreError> {
        connection::synchronous(&self.connection, Synchronous::Full).map_err(|kind| self.error(kind))?;
        let finished = self.in_transaction(|tx, dictionary| {
            if let Some(expected) = &finish.expected {
                gaps::expect(tx, dictionary, expected)?;
            }
            runs::finish(tx, run, finish)
        });
        connection::synchronous(&self.connection, Synchronous::Normal).map_err(|kind| self.error(kind))?;
        finished?;
        self.totals(run)
    }

    /// What a run has committed so far, read from the database.
    pub fn totals(&self, run: Run) -> std::result::Result<RunTotals, StoreError> {
        self.read(|connection| runs::totals(connection, run))
    }

    /// Moves the write-ahead log into the main file, as far as readers allow it.
    ///
    /// SQLite would do so on closing, and would not tell of a disk that fails then. What was committed is safe
    /// in the log either way, so a failure is a warning.
    ///
    /// After a signal it is left in time; then closing the connection does not begin it again.
    pub fn checkpoint(&mut self) -> std::result::Result<CheckpointReport, StoreError> {
        let folded = (|| {
            self.main.check()?;
            let report = self.fold_in_time();
            self.main.folded()?;
            report
        })();
        folded.map_err(|kind| {
            let kind = self.explain(kind);
            self.error(kind)
        })
    }

    /// Another thread looks after the time: SQLite does not ask the progress handler here.
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
            // Without the thread the checkpoint only takes its time.
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

    /// Makes sure that the path still leads to this database, and that a reader who comes now finds `run` in it as it
    /// ended. To be called last: before it, nothing may be reported as stored.
    pub fn confirm(&mut self, run: Option<Run>) -> std::result::Result<(), StoreError> {
        let confirmed = (|| {
            self.main.check()?;
            let last = commit_number::current(&self.connection)?;
            let fresh = connection::open_to_read(&self.path)?;
            let is_same = commit_number::current(&fresh)? == last
                && match run {
                    Some(run) => runs::ending(&fresh, run)? == runs::ending(&self.connection, run)?,
                    None => true,
                };
            self.main.check()?;
            if is_same {
                Ok(())
            } else {
                Err(StoreErrorKind::Replaced)
            }
        })();
        confirmed.map_err(|kind| {
            let kind = self.explain(kind);
            self.error(kind)
        })
    }

    pub(crate) fn read<T>(
        &self,
        look: impl FnOnce(&Connection) -> Result<T>,
    ) -> std::result::Result<T, StoreError> {
        look(&self.connection).map_err(|kind| self.error(kind))
    }

    pub(crate) fn in_transaction<T>(
        &mut self,
        work: impl FnOnce(&Connection, &mut Dictionary) -> Result<T>,
    ) -> std::result::Result<T, StoreError> {
        let done = begin(&self.connection, self.patience, || self.brake.is_on()).and_then(|tx| {
            let before = tx.total_changes();
            let done = work(&tx, &mut self.dictionary)?;
            if tx.total_changes() != before {
                let number = commit_number::advance(&tx)?;
                self.main.check_commit(number)?;
                tx.commit()?;
                self.main.check()?;
                if connection::is_log_long(&self.connection)? {
                    // What was committed is safe in the log, so a failure is left to the end of the run.
                    let _ = connection::fold_in(&self.connection);
                    self.main.folded()?;
                }
            }
            Ok(done)
        });
        done.map_err(|kind| {
            self.dictionary.forget();
            let kind = self.explain(kind);
            self.error(kind)
        })
    }

    /// What is behind an error, where it came from what somebody did to the file.
    fn explain(&mut self, kind: StoreErrorKind) -> StoreErrorKind {
        if self.is_replaced() {
            StoreErrorKind::Replaced
        } else {
            kind
        }
    }

    /// Whether the file is another one by now. Then SQLite must not fold the log into it on closing: it is the log of a
    /// file that is no longer there.
    fn is_replaced(&mut self) -> bool {
        let is_replaced = matches!(self.main.check(), Err(StoreErrorKind::Replaced));
        if is_replaced {
            let switch = DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE;
            // A failure leaves what was so before: the log is folded in.
            let _ = self.connection.set_db_config(switch, true);
        }
        is_replaced
    }

    fn error(&self, kind: StoreErrorKind) -> StoreError {
        StoreError::new(&self.path, kind)
    }
}

impl Drop for Store {
    /// SQLite folds the log in when it closes the file: never into one that is another by now.
    fn drop(&mut self) {
        self.is_replaced();
    }
}

#[cfg(test)]
impl Store {
    /// Waits less than is right in earnest.
    pub(crate) fn be_patient(&mut self, step: Duration, patience: Duration) {
        self.connection.busy_timeout(step).unwrap();
        self.patience = patience;
    }

    /// How many rows were written since the store was opened.
    pub(crate) fn total_changes(&self) -> u64 {
        self.connection.total_changes()
    }
}

/// What a database that was made anew took the place of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MadeAnew {
    /// Nothing: no run has used its path before.
    First,
    /// A database that an earlier run used, and that is gone.
    AfterAnother,
}

/// Takes the write lock at once, so that a transaction fails at its beginning or not at all.
///
/// While another program holds it, `is_over` is asked again and again whether to go on waiting.
fn begin(connection: &Connection, patience: Duration, is_over: impl Fn() -> bool) -> Result<Transaction<'_>> {
    let started = Instant::now();
    connection.busy_timeout(LOCK_STEP)?;
    let begun = loop {
        if is_over() {
            break Err(StoreErrorKind::Interrupted);
        }
        let begun = Transaction::new_unchecked(connection, TransactionBehavior::Immediate);
        match begun.map_err(StoreErrorKind::from) {
            Err(StoreErrorKind::Busy(_)) if started.elapsed() < patience => {}
            Err(StoreErrorKind::Busy(_)) => break Err(StoreErrorKind::Busy(started.elapsed())),
            other => break other,
        }
    };
    connection.busy_timeout(connection::BUSY_STEP)?;
    begun
}

/// Writes what `commit` brings, inside the caller's transaction; its counters are left to the caller.
pub(crate) fn write(
    tx: &Connection,
    dictionary: &mut Dictionary,
    run: Run,
    commit: &Commit,
) -> Result<Committed> {
    commit.check()?;
    let committed = if commit.is_silent() {
        Committed::default()
    } else {
        write_window(tx, dictionary, run, commit)?
    };
    notes::apply(tx, dictionary, run, &commit.notes)?;
    if matches!(commit.coverage, Coverage::BeyondRetention { .. }) {
        for domain in &commit.domains {
            refusals::remove(tx, dictionary.domain(tx, domain.as_str())?, commit.window)?;
        }
    }
    Ok(committed)
}

fn write_window(
    tx: &Connection,
    dictionary: &mut Dictionary,
    run: Run,
    commit: &Commit,
) -> Result<Committed> {
    let asked = commit
        .domains
        .iter()
        .map(|domain| dictionary.domain(tx, domain.as_str()))
        .collect::<Result<Vec<_>>>()?;
    let mut changed = Vec::with_capacity(asked.len());
    for &domain in &asked {
        changed.push(coverage::apply(
            tx,
            domain,
            commit.window,
            &commit.coverage,
            run.last_age(),
        )?);
    }

    let complete = matches!(commit.coverage, Coverage::Fetched(_));
    let translation = Translation::new(tx, dictionary, &commit.book);
    let label = slot_label::in_force(tx)?;
    let room = MAX_REJECTS.saturating_sub(commit.rejects.len());
    let mut points = PointWriter::new(tx, translation, commit.seen_at, label, room);
    let mut held = Vec::with_capacity(asked.len());
    let rejects_by_domain = rejects::share_out(&commit.domains, &commit.rejects);
    let silence = PointColumns::default();
    for (((name, &id), rejects), change) in commit
        .domains
        .iter()
        .zip(&asked)
        .zip(rejects_by_domain)
        .zip(&changed)
    {
        let columns = of_domain(&commit.points, name);
        let slots = of_domain(&commit.rejected_slots, name).map_or(&[][..], Vec::as_slice);
        let times = rejects.iter().filter_map(|reject| reject.ts);
        let rejected: Vec<UnixSeconds> = times.chain(slots.iter().copied()).collect();
        held.push(match columns {
            None if !complete => None,
            columns => Some(points.write(&Said {
                name,
                id,
                window: commit.window,
                points: columns.unwrap_or(&silence),
                rejected: complete.then_some(&rejected),
                settled: &change.settled,
            })?),
        });
    }
    let written = points.finish()?;

    let found = commit.rejects.iter().chain(&written.rejects);
    for (&asked, rejects) in asked.iter().zip(rejects::share_out(&commit.domains, found)) {
        let finding = Finding {
            asked,
            window: commit.window,
            rejects,
            complete,
            seen_at: commit.seen_at,
            run,
        };
        rejects::apply(tx, &finding)?;
    }
    for (((name, &domain), held), change) in commit.domains.iter().zip(&asked).zip(&held).zip(changed) {
        if change.asked_more || held.as_ref().is_some_and(|held| held.changed) {
            rollups::owe(tx, domain, commit.window, label)?;
        }
        let stale = held.iter().flat_map(|held| held.stale.iter().copied());
        let stale: Vec<UnixSeconds> = stale.collect();
        coverage::put_back(
            tx,
            domain,
            (&stale, commit.seen_at),
            &change.before,
            run.last_age(),
        )?;
        let is_full = held
            .as_ref()
            .is_some_and(|held| i64::try_from(held.points) == Ok(commit.window.slots()));
        let evidence = match &commit.coverage {
            Coverage::Fetched(_) => WindowAnswer::Fetched {
                rejected: of_domain(&commit.rejected_slots, name).map_or(&[], Vec::as_slice),
                confirmed: of_domain(&commit.confirmed, name).map_or(&[], Vec::as_slice),
                shape: commit.shape,
            },
            Coverage::Failed => WindowAnswer::Failed,
            Coverage::BeyondRetention { .. } | Coverage::Reopened | Coverage::Unchanged => {
                WindowAnswer::Nothing
            }
        };
        gaps::refresh(tx, domain, commit.window, is_full, &evidence)?;
    }
    let left_out = held.iter().flatten().map(|held| held.left_out).sum();
    Ok(Committed {
        inserted: written.inserted,
        updated: written.updated,
        unchanged: written.unchanged,
        left_out,
        rejected: written.refused,
    })
}

/// What a commit brings of one of its domains.
fn of_domain<'a, T>(all: &'a [(Domain, T)], name: &Domain) -> Option<&'a T> {
    all.iter()
        .find(|(named, _)| named == name)
        .map(|(_, found)| found)
}
