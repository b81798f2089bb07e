//! Which ranges of a domain were asked for: the stored form of [`crate::model::coverage`].

use std::ops::RangeInclusive;

use rusqlite::{Connection, Row};

use crate::model::coverage::{mark_beyond_retention, reopen, splice};
use crate::model::slot::DAY_SECONDS;
use crate::model::{CoverageSpan, Span, UnixSeconds};
use crate::store::error::{Result, StoreErrorKind};
use crate::store::file::statements::Statements as _;
use crate::store::ledger::coverage_rows::write;
use crate::store::ledger::domain_ids;

/// A stored point that an answer left out is asked for in every run up to this age. The answer may lack it by
/// mistake, and its figures may have changed since.
const RETRY_UNTIL: i64 = 3 * DAY_SECONDS;

/// About 30,000 years before and after 1970.
const PLAUSIBLE: RangeInclusive<UnixSeconds> = -1_000_000_000_000..=1_000_000_000_000;

/// What a commit says about its window.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Coverage {
    /// It was fetched. These spans replace the stored ones; together they are the window. Rejects of the window that
    /// were stored before and are not found again are deleted.
    Fetched(Vec<CoverageSpan>),
    /// The API no longer serves it.
    BeyondRetention {
        /// When the API said so.
        at: UnixSeconds,
    },
    /// It was asked for, and no usable answer came. Slots that were never fetched show as failed.
    Failed,
    /// The API serves it, although it was marked as beyond retention. The marks are removed.
    Reopened,
    /// Nothing new.
    Unchanged,
}

/// What a commit changes for a window of a domain.
#[derive(Debug, Default)]
pub(crate) struct CoverageChange {
    /// Whether other slots than before count as asked for or fetched.
    pub(crate) slots_changed: bool,
    /// The ranges that were settled before. A point that is new there came late.
    pub(crate) settled: Vec<Span>,
    /// The spans before the commit.
    pub(crate) before: Vec<CoverageSpan>,
    /// The spans now.
    pub(crate) after: Vec<CoverageSpan>,
}

/// Returns the spans of a domain that overlap or touch `span`, in order.
pub(crate) fn around(connection: &Connection, domain: i64, span: Span) -> Result<Vec<CoverageSpan>> {
    // Rows do not overlap. Of those that begin before the span, only the last one can reach it.
    connection.rows(
        "SELECT start_ts, end_ts, reached, beyond_retention, fetched_at FROM coverage
         WHERE domain_id = ?1 AND start_ts <= ?3 AND end_ts >= ?2
           AND start_ts >= coalesce((SELECT max(start_ts) FROM coverage WHERE domain_id = ?1 AND start_ts < ?2), ?2)
         ORDER BY start_ts",
        [domain, span.start(), span.end()],
        coverage_span,
    )
}

/// Returns the spans of a domain that overlap `span`, in order and not cut; none for an unknown domain.
pub(crate) fn overlapping(connection: &Connection, domain: &str, span: Span) -> Result<Vec<CoverageSpan>> {
    let Some(domain) = domain_ids::find(connection, domain)? else {
        return Ok(Vec::new());
    };
    let mut spans = around(connection, domain, span)?;
    spans.retain(|piece| piece.span.intersect(&span).is_some());
    Ok(spans)
}

/// Returns all spans of a domain, in order.
pub(crate) fn all(connection: &Connection, domain: i64) -> Result<Vec<CoverageSpan>> {
    connection.rows(
        "SELECT start_ts, end_ts, reached, beyond_retention, fetched_at FROM coverage
         WHERE domain_id = ?1 ORDER BY start_ts",
        [domain],
        coverage_span,
    )
}

/// Brings the rows of a domain in line with what a commit says about `window`; writes only what differs. `before` are the
/// stored spans around it. More of them do no harm.
pub(crate) fn apply(
    tx: &Connection,
    domain: i64,
    (before, window): (Vec<CoverageSpan>, Span),
    change: &Coverage,
    last_age: i64,
) -> Result<CoverageChange> {
    let settled = before.iter().filter(|piece| piece.is_settled(last_age));
    let settled = settled
        .filter_map(|piece| piece.span.intersect(&window))
        .collect();
    let after = match change {
        Coverage::Unchanged | Coverage::Failed => before.clone(),
        Coverage::Fetched(spans) => splice(&before, spans),
        Coverage::BeyondRetention { at } => mark_beyond_retention(&before, window, *at),
        Coverage::Reopened => reopen(&before, window),
    };
    write(tx, domain, (&before, &after), last_age)?;
    Ok(CoverageChange {
        // A commit only adds slots, or only removes them: the same number means the same slots.
        slots_changed: slot_counts(&before) != slot_counts(&after),
        settled,
        before,
        after,
    })
}

/// Keeps the age of stored `slots` that the answer asked for at `asked_at` left out. Their figures are as old as they
/// were before the `change`, so a later run asks for them again.
pub(crate) fn put_back(
    tx: &Connection,
    domain: i64,
    (slots, asked_at): (&[UnixSeconds], UnixSeconds),
    change: &mut CoverageChange,
    last_age: i64,
) -> Result<()> {
    let old = |slot: &UnixSeconds| {
        let slot = Span::slot_of(*slot);
        let piece = change.before.iter().find_map(|piece| piece.cut(slot))?;
        left_out(piece, asked_at, last_age)
    };
    let mut old: Vec<CoverageSpan> = slots.iter().filter_map(old).collect();
    if old.is_empty() {
        return Ok(());
    }
    old.sort_unstable_by_key(|piece| piece.span);
    let now = splice(&change.after, &old);
    write(tx, domain, (&change.after, &now), last_age)?;
    change.after = now;
    Ok(())
}

/// Returns the coverage of a stored slot that an answer left out at `asked_at`; `None` if it is not asked for again.
///
/// Young slots are asked for again in every run. An older one is asked for once more, because one answer proves
/// nothing: the run before may have been days ago, or killed. An age just below the last one notes that it was left
/// out once.
fn left_out(slot: CoverageSpan, asked_at: UnixSeconds, last_age: i64) -> Option<CoverageSpan> {
    if asked_at - slot.span.start() <= RETRY_UNTIL {
        return Some(slot);
    }
    let left_out_once = Some(last_age - 1);
    let is_first = !slot.beyond_retention && slot.age_when_fetched < left_out_once;
    is_first.then_some(CoverageSpan {
        age_when_fetched: left_out_once,
        ..slot
    })
}

/// Returns how many slots were asked for, and how many of them were fetched.
fn slot_counts(pieces: &[CoverageSpan]) -> (i64, i64) {
    let fetched = pieces.iter().filter(|piece| piece.age_when_fetched.is_some());
    (
        pieces.iter().map(|piece| piece.span.slots()).sum(),
        fetched.map(|piece| piece.span.slots()).sum(),
    )
}

/// A range whose state a new last refresh age changes.
pub(crate) struct NewState {
    pub(crate) domain: i64,
    pub(crate) span: Span,
    state: &'static str,
}

/// Returns the states that a new last refresh age changes, by domain and in order.
pub(crate) fn new_states(tx: &Connection, last_age: i64) -> Result<Vec<NewState>> {
    let sql = "SELECT start_ts, end_ts, reached, beyond_retention, fetched_at, domain_id, state FROM coverage
         ORDER BY domain_id, start_ts";
    let mut changed = Vec::new();
    tx.each(sql, [], |row| {
        let piece = coverage_span(row)?;
        let state = piece.state(last_age);
        if row.get::<_, String>(6)? != state {
            changed.push(NewState {
                domain: row.get(5)?,
                span: piece.span,
                state,
            });
        }
        Ok(())
    })?;
    Ok(changed)
}

/// Writes a new state.
pub(crate) fn relabel(tx: &Connection, new: &NewState) -> Result<()> {
    let sql = "UPDATE coverage SET state = ?3 WHERE domain_id = ?1 AND start_ts = ?2";
    tx.run(sql, (new.domain, new.span.start(), new.state))?;
    Ok(())
}

/// Reads the columns `start_ts, end_ts, reached, beyond_retention, fetched_at`, by their places: looking for names takes as
/// long as reading them.
fn coverage_span(row: &Row<'_>) -> Result<CoverageSpan> {
    Ok(CoverageSpan {
        span: stored_span(row)?,
        age_when_fetched: row.get(2)?,
        beyond_retention: row.get(3)?,
        fetched_at: row.get(4)?,
    })
}

/// Returns the range in the first two columns of a row. A range that nobody can have asked for is damage, and would overflow
/// arithmetic.
pub(crate) fn stored_span(row: &Row<'_>) -> Result<Span> {
    let (start, end) = (row.get(0)?, row.get(1)?);
    let is_plausible = PLAUSIBLE.contains(&start) && PLAUSIBLE.contains(&end);
    let span = Span::new(start, end).filter(|_| is_plausible);
    span.ok_or_else(|| StoreErrorKind::Impossible(format!("no range of time goes from {start} to {end}")))
}
