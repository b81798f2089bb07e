//! The one writer.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rusqlite::{Connection, Transaction, TransactionBehavior};

use super::connection::{self, CheckpointReport, Synchronous};
use super::coverage;
use super::dictionary::{Dictionary, Translation};
use super::error::{Result, StoreError, StoreErrorKind};
use super::gaps;
use super::lock::{Holder, Lock};
use super::points::{PointWriter, Said};
use super::rejects::{self, Finding};
use super::rollups;
use super::runs::{self, Finish, NewRun, Run};
use crate::model::{CodeBook, CoverageSpan, Domain, PointColumns, Reject, RunTotals, Span, UnixSeconds};

/// How long a transaction waits in all for another program that writes to the file.
const PATIENCE: Duration = Duration::from_mins(1);

/// A database that this process alone may write to.
#[derive(Debug)]
pub struct Store {
    // Closed before the lock is given up: fields are dropped in this order.
    connection: Connection,
    dictionary: Dictionary,
    path: PathBuf,
    patience: Duration,
    _lock: Lock,
}

/// What one answer, or the lack of one, says of a window: committed whole or not at all.
#[derive(Debug, Clone)]
pub struct Commit {
    /// The domains that were asked for, each once.
    pub domains: Vec<Domain>,
    /// The range that was asked for, on the grid.
    pub window: Span,
    /// What is known of the window from now on.
    pub coverage: Coverage,
    /// The points by domain, each of the [`domains`](Self::domains) at most once. They lie in the window, each
    /// of a domain at another time.
    pub points: Vec<(Domain, PointColumns)>,
    /// The codes that the points name.
    pub book: Arc<CodeBook>,
    /// What the answer held that cannot be taken.
    pub rejects: Vec<Reject>,
    /// When the answer came.
    pub seen_at: UnixSeconds,
    /// What to add to the run's counters beside the points that are inserted, updated or unchanged by this
    /// commit, those that it refuses, and those that the answer left out.
    pub totals: RunTotals,
}

/// What a commit says of its window.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Coverage {
    /// It was fetched: these spans replace what was known. Together they are the window. What was rejected in
    /// it before and is not again, is forgotten.
    Fetched(Vec<CoverageSpan>),
    /// The API no longer serves it.
    BeyondRetention {
        /// When the API said so.
        at: UnixSeconds,
    },
    /// Nothing new.
    Unchanged,
}

/// What became of a commit's points.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Committed {
    /// Not stored before.
    pub inserted: u64,
    /// Stored with other figures before.
    pub updated: u64,
    /// Stored with the same figures before; not written.
    pub unchanged: u64,
    /// Stored before, and lying in a window whose answer said nothing of their slots; they stay as they are.
    pub left_out: u64,
    /// Refused by the store, because the slot holds a point of another time; beside those that the commit
    /// itself brought as rejected.
    pub rejected: u64,
}

impl Store {
    /// Opens the database at `path` for writing, made if need be, its schema up to date.
    ///
    /// Held by another process, not ours, newer or damaged, it is refused before anything in it is written.
    pub fn open(path: &Path, holder: &Holder) -> std::result::Result<Self, StoreError> {
        Self::try_open(path, holder).map_err(|kind| StoreError::new(path, kind))
    }

    /// The database file, absolute.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn try_open(path: &Path, holder: &Holder) -> Result<Self> {
        let path = connection::locate(path)?;
        let lock = Lock::take(&path, holder)?;
        let connection = connection::open_to_write(&path)?;
        if !gaps::are_built(&connection)? {
            let tx = begin(&connection, PATIENCE)?;
            gaps::build(&tx)?;
            tx.commit()?;
        }
        Ok(Self {
            connection,
            dictionary: Dictionary::default(),
            path,
            patience: PATIENCE,
            _lock: lock,
        })
    }

    /// Begins a run: it shows as `running`, those that were killed as `interrupted`, and the states of coverage
    /// follow its refresh ages.
    pub fn begin_run(&mut self, new: &NewRun) -> std::result::Result<Run, StoreError> {
        self.in_transaction(|tx, _| {
            let run = runs::begin(tx, new)?;
            coverage::relabel(tx, new.last_age)?;
            Ok(run)
        })
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
                totals = runs::sum(totals, &commit.totals);
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
    pub fn checkpoint(&mut self) -> std::result::Result<CheckpointReport, StoreError> {
        connection::checkpoint(&self.connection, &self.path).map_err(|kind| self.error(kind))
    }

    pub(super) fn read<T>(
        &self,
        look: impl FnOnce(&Connection) -> Result<T>,
    ) -> std::result::Result<T, StoreError> {
        look(&self.connection).map_err(|kind| self.error(kind))
    }

    pub(super) fn in_transaction<T>(
        &mut self,
        work: impl FnOnce(&Connection, &mut Dictionary) -> Result<T>,
    ) -> std::result::Result<T, StoreError> {
        let done = begin(&self.connection, self.patience).and_then(|tx| {
            let done = work(&tx, &mut self.dictionary)?;
            tx.commit()?;
            Ok(done)
        });
        if done.is_err() {
            self.dictionary.forget();
        }
        done.map_err(|kind| self.error(kind))
    }

    fn error(&self, kind: StoreErrorKind) -> StoreError {
        StoreError::new(&self.path, kind)
    }
}

#[cfg(test)]
impl Store {
    /// Waits less than is right in earnest.
    pub(super) fn be_patient(&mut self, step: Duration, patience: Duration) {
        self.connection.busy_timeout(step).unwrap();
        self.patience = patience;
    }

    /// How many rows were written since the store was opened.
    pub(super) fn total_changes(&self) -> u64 {
        self.connection.total_changes()
    }
}

/// Takes the write lock at once, so that a transaction fails at its beginning or not at all.
fn begin(connection: &Connection, patience: Duration) -> Result<Transaction<'_>> {
    let started = Instant::now();
    loop {
        let begun = Transaction::new_unchecked(connection, TransactionBehavior::Immediate);
        match begun.map_err(StoreErrorKind::from) {
            Err(StoreErrorKind::Busy(_)) if started.elapsed() < patience => {}
            Err(StoreErrorKind::Busy(_)) => return Err(StoreErrorKind::Busy(started.elapsed())),
            other => return other,
        }
    }
}

/// Writes what `commit` brings, inside the caller's transaction; its counters are left to the caller.
pub(super) fn write(
    tx: &Connection,
    dictionary: &mut Dictionary,
    run: Run,
    commit: &Commit,
) -> Result<Committed> {
    check(commit)?;
    let pointless = commit.points.iter().all(|(_, columns)| columns.is_empty());
    if commit.coverage == Coverage::Unchanged && pointless && commit.rejects.is_empty() {
        return Ok(Committed::default());
    }
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
    let mut points = PointWriter::new(tx, translation, commit.seen_at);
    let mut held = Vec::with_capacity(asked.len());
    let rejected = rejects::share_out(&commit.domains, &commit.rejects);
    let silence = PointColumns::default();
    for ((name, &id), rejected) in commit.domains.iter().zip(&asked).zip(rejected) {
        let columns = commit.points.iter().find(|(named, _)| named == name);
        let rejected: Vec<UnixSeconds> = rejected.iter().filter_map(|reject| reject.ts).collect();
        held.push(match columns {
            None if !complete => None,
            columns => Some(points.write(&Said {
                name,
                id,
                window: commit.window,
                points: columns.map_or(&silence, |(_, columns)| columns),
                rejected: complete.then_some(&rejected),
            })?),
        });
    }
    let written = points.finish()?;

    let found = commit.rejects.iter().chain(&written.refused);
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
    for ((&domain, held), asked_more) in asked.iter().zip(&held).zip(changed) {
        if asked_more || held.is_some_and(|held| held.changed) {
            rollups::owe(tx, domain, commit.window)?;
        }
        let is_full = held.is_some_and(|held| i64::try_from(held.points) == Ok(commit.window.slots()));
        gaps::refresh(tx, domain, commit.window, is_full)?;
    }
    let left_out = held.iter().flatten().map(|held| held.left_out).sum();
    Ok(Committed {
        inserted: written.inserted,
        updated: written.updated,
        unchanged: written.unchanged,
        left_out,
        rejected: u64::try_from(written.refused.len()).unwrap_or(u64::MAX),
    })
}

/// A commit that breaks its own rules would store points that no coverage speaks for, or cover slots that
/// nobody asked for.
fn check(commit: &Commit) -> Result<()> {
    let misfit = |what: String| Err(StoreErrorKind::Misfit(what));
    for (at, (domain, _)) in commit.points.iter().enumerate() {
        if !commit.domains.contains(domain) {
            return misfit(format!("it holds points of {domain}, which was not asked for"));
        }
        if commit
            .points
            .iter()
            .take(at)
            .any(|(earlier, _)| earlier == domain)
        {
            return misfit(format!("it holds points of {domain} twice"));
        }
    }
    if !commit.window.on_grid() {
        return misfit(format!("its window {} cuts a slot in two", commit.window));
    }
    if let Coverage::Fetched(spans) = &commit.coverage {
        let mut reached = commit.window.start();
        for piece in spans {
            if piece.span.start() != reached {
                break;
            }
            reached = piece.span.end();
        }
        if reached != commit.window.end() || spans.last().is_none_or(|last| last.span.end() != reached) {
            return misfit(format!(
                "its coverage is not {}, which was asked for",
                commit.window
            ));
        }
    }
    Ok(())
}
