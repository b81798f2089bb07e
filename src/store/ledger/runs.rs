//! The runs: what each was asked for, and what it committed.

use std::sync::LazyLock;

use rusqlite::{Connection, params_from_iter};

use crate::model::convert::{to_i64, to_u64};
use crate::model::run::COUNTERS;
use crate::model::{FactName, Outcome, RunTotals, Span, UnixSeconds, civil};
use crate::store::error::Result;
use crate::store::file::statements::Statements as _;
use crate::store::ledger::expected::Expected;
use crate::store::ledger::facts;

/// A run that has begun.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Run {
    id: i64,
    last_age: i64,
}

/// What is known about a run when it begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewRun {
    /// The command, such as `backfill`.
    pub command: String,
    /// When it was started.
    pub started_at: UnixSeconds,
    /// The range that was asked for, if any.
    pub range: Option<Span>,
    /// The last of the refresh ages in seconds. A slot of this age counts as settled.
    pub last_age: i64,
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finish {
    /// How it ended.
    pub outcome: Outcome,
    /// When.
    pub finished_at: UnixSeconds,
    /// What to add to the counters of the run's commits: failed and skipped windows, and the requests that led to no
    /// commit.
    pub totals: RunTotals,
    /// What failed: a JSON list of `{domains, from, to, error}`.
    pub failures: String,
    /// What it concluded: a JSON list of `{kind, domains, from, to, evidence}`.
    pub conclusions: String,
    /// Why it could not go on, if it could not.
    pub message: Option<String>,
    /// What the configuration wants to be complete. `None` if the run does not know; then the `never_asked` gaps stay
    /// as they are.
    pub expected: Option<Expected>,
    /// Whether it asked for everything that is due, and not only for some domains or from a later start on. If it is
    /// complete, too, it counts as a success of the whole account.
    pub asks_for_all: bool,
}

impl Run {
    /// Returns the number in `origin_runs`.
    #[must_use]
    pub const fn id(self) -> i64 {
        self.id
    }

    /// Returns the last refresh age in seconds. It decides the states of the coverage.
    pub(crate) const fn last_age(self) -> i64 {
        self.last_age
    }
}

/// Adds a run, and marks killed runs as interrupted.
pub(crate) fn begin(tx: &Connection, new: &NewRun) -> Result<Run> {
    interrupt(tx)?;
    let id = tx.query_row(
        "INSERT INTO run (id, command, started_at, started_cst, outcome, from_ts, to_ts)
         SELECT coalesce(max(id), 0) + 1, ?1, ?2, ?3, 'running', ?4, ?5 FROM run RETURNING id",
        (
            &new.command,
            new.started_at,
            civil::cst_second(new.started_at),
            new.range.map(|range| range.start()),
            new.range.map(|range| range.end()),
        ),
        |row| row.get(0),
    )?;
    Ok(Run {
        id,
        last_age: new.last_age,
    })
}

/// Marks runs that were killed, or ended by a defect, as interrupted.
pub(crate) fn interrupt(tx: &Connection) -> Result<()> {
    tx.run(
        "UPDATE run SET outcome = 'interrupted' WHERE outcome = 'running'",
        [],
    )?;
    Ok(())
}

/// Adds to the counters of a run.
pub(crate) fn add(tx: &Connection, run: Run, delta: &RunTotals) -> Result<()> {
    let counters = COUNTERS.iter().map(|counter| to_i64((counter.get)(delta)));
    tx.run(&ADD, params_from_iter(std::iter::once(run.id).chain(counters)))?;
    Ok(())
}

/// Adds to each counter. The values are bound in the order of [`COUNTERS`], from the second parameter on.
static ADD: LazyLock<String> = LazyLock::new(|| {
    let added = (2..)
        .zip(COUNTERS)
        .map(|(at, counter)| format!("{0} = {0} + ?{at}", counter.name));
    let added: Vec<_> = added.collect();
    format!("UPDATE run SET {} WHERE id = ?1", added.join(", "))
});

/// Writes how a run ended.
pub(crate) fn finish(tx: &Connection, run: Run, finish: &Finish) -> Result<()> {
    add(tx, run, &finish.totals)?;
    tx.run(
        "UPDATE run SET outcome = ?2, finished_at = ?3, finished_cst = ?4, failures = ?5, message = ?6,
             conclusions = ?7
         WHERE id = ?1",
        (
            run.id,
            finish.outcome.as_str(),
            finish.finished_at,
            civil::cst_second(finish.finished_at),
            &finish.failures,
            &finish.message,
            &finish.conclusions,
        ),
    )?;
    if finish.asks_for_all && finish.outcome == Outcome::Complete {
        facts::learn(tx, &FactName::LastSuccess, run.id, finish.finished_at)?;
    }
    Ok(())
}

/// Returns when a run began and how it ended, as stored.
pub(crate) fn start_and_outcome(connection: &Connection, run: Run) -> Result<Option<(UnixSeconds, String)>> {
    let sql = "SELECT started_at, outcome FROM run WHERE id = ?1";
    connection.first(sql, [run.id], |row| Ok((row.get(0)?, row.get(1)?)))
}

/// Returns the counters of a run, as stored.
pub(crate) fn totals(connection: &Connection, run: Run) -> Result<RunTotals> {
    let mut select = connection.prepare_cached("SELECT * FROM run WHERE id = ?1")?;
    let totals = select.query_row([run.id], |row| {
        let mut totals = RunTotals::default();
        for counter in COUNTERS {
            let count: i64 = row.get(counter.name)?;
            *(counter.get_mut)(&mut totals) = to_u64(count);
        }
        Ok(totals)
    })?;
    Ok(totals)
}

/// Returns when the last run ended that stored everything that was due, of all domains and from the start on.
///
/// The runs of earlier versions do not count: nothing says which domains they asked for.
pub(crate) fn last_success(connection: &Connection) -> Result<Option<UnixSeconds>> {
    let success = facts::fact(connection, &FactName::LastSuccess)?;
    Ok(success.map(|success| success.learned_at))
}

/// Returns when the first run began of those at the end that were all refused.
pub(crate) fn refused_since(connection: &Connection) -> Result<Option<UnixSeconds>> {
    let sql = "SELECT started_at FROM run
               WHERE outcome = 'refused'
                 AND id > coalesce((SELECT max(id) FROM run WHERE finished_at IS NOT NULL AND outcome <> 'refused'), 0)
               ORDER BY id LIMIT 1";
    connection.first(sql, [], |row| row.get(0))
}

/// Returns when the last run that has ended did so.
pub(crate) fn last_end(connection: &Connection) -> Result<Option<UnixSeconds>> {
    let sql = "SELECT finished_at FROM run WHERE finished_at IS NOT NULL ORDER BY id DESC LIMIT 1";
    connection.first(sql, [], |row| row.get(0))
}
