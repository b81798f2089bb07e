//! Which ranges of a domain were asked for: the stored form of [`crate::model::coverage`].

use std::ops::RangeInclusive;

use rusqlite::{Connection, Row};

use crate::model::coverage::{mark_beyond_retention, reopen, splice};
use crate::model::slot::DAY_SECONDS;
use crate::model::{CoverageSpan, Span, UnixSeconds, civil};
use crate::store::error::{Result, StoreErrorKind};
use crate::store::write::commit::Coverage;

/// Up to this age a stored point that an answer left out stays due in every run: the answer may have lacked it by
/// mistake, and its figures may have changed since.
const STALE_UNTIL: i64 = 3 * DAY_SECONDS;

/// The rows of a domain that overlap or touch `span`, in order.
pub(crate) fn around(connection: &Connection, domain: i64, span: Span) -> Result<Vec<CoverageSpan>> {
    // Rows do not overlap: of those that begin before the span, only the last can reach it.
    let mut select = connection.prepare_cached(
        "SELECT start_ts, end_ts, reached, beyond_retention, fetched_at FROM coverage
         WHERE domain_id = ?1 AND start_ts <= ?3 AND end_ts >= ?2
           AND start_ts >= coalesce((SELECT max(start_ts) FROM coverage WHERE domain_id = ?1 AND start_ts < ?2), ?2)
         ORDER BY start_ts",
    )?;
    let mut rows = select.query([domain, span.start(), span.end()])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(coverage_span(row)?);
    }
    Ok(found)
}

/// The rows of a domain that overlap `span`, in order and in full length; none for an unknown domain.
pub(crate) fn overlapping(connection: &Connection, domain: &str, span: Span) -> Result<Vec<CoverageSpan>> {
    let mut select = connection.prepare_cached(
        "SELECT c.start_ts, c.end_ts, c.reached, c.beyond_retention, c.fetched_at
         FROM domain d CROSS JOIN coverage c
         WHERE d.name = ?1 AND c.domain_id = d.id AND c.start_ts < ?3 AND c.end_ts > ?2 ORDER BY c.start_ts",
    )?;
    let mut rows = select.query((domain, span.start(), span.end()))?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(coverage_span(row)?);
    }
    Ok(found)
}

/// All rows of a domain, in order.
pub(crate) fn all(connection: &Connection, domain: i64) -> Result<Vec<CoverageSpan>> {
    let mut select = connection.prepare_cached(
        "SELECT start_ts, end_ts, reached, beyond_retention, fetched_at FROM coverage
         WHERE domain_id = ?1 ORDER BY start_ts",
    )?;
    let mut rows = select.query([domain])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(coverage_span(row)?);
    }
    Ok(found)
}

/// Some 30 000 years before and after 1970.
const FAR: RangeInclusive<UnixSeconds> = -1_000_000_000_000..=1_000_000_000_000;

/// What a commit means for a window of a domain.
#[derive(Debug, Default)]
pub(crate) struct Change {
    /// Other slots than before count as asked for, or as fetched.
    pub(crate) asked_more: bool,
    /// What was settled before it: a point that is new there came late.
    pub(crate) settled: Vec<Span>,
    /// What was known of the window before.
    pub(crate) before: Vec<CoverageSpan>,
}

/// Brings the rows of a domain in line with what a commit says of `window`; writes only what differs.
pub(crate) fn apply(
    tx: &Connection,
    domain: i64,
    window: Span,
    change: &Coverage,
    last_age: i64,
) -> Result<Change> {
    let before = around(tx, domain, window)?;
    let settled = before.iter().filter(|piece| piece.is_settled(last_age));
    let settled = settled
        .filter_map(|piece| piece.span.intersect(&window))
        .collect();
    let after = match change {
        Coverage::Unchanged | Coverage::Failed => {
            return Ok(Change {
                asked_more: false,
                settled,
                before,
            });
        }
        Coverage::Fetched(spans) => splice(&before, spans),
        Coverage::BeyondRetention { at } => mark_beyond_retention(&before, window, *at),
        Coverage::Reopened => reopen(&before, window),
    };
    write(tx, domain, (&before, &after), last_age)?;
    // A commit only adds to what is known, or only takes away: the same number is the same slots.
    Ok(Change {
        asked_more: known_slots(&before) != known_slots(&after),
        settled,
        before,
    })
}

/// Takes back what a fetch of `slots` at `asked_at` claims where they are stored and it left them out: their figures
/// are as old as they were `before`, so they stay due.
pub(crate) fn put_back(
    tx: &Connection,
    domain: i64,
    (slots, asked_at): (&[UnixSeconds], UnixSeconds),
    before: &[CoverageSpan],
    last_age: i64,
) -> Result<()> {
    let old = |slot: &UnixSeconds| {
        let known = before.iter().find_map(|piece| piece.cut(Span::slot_of(*slot)))?;
        still_due(known, asked_at, last_age)
    };
    let mut old: Vec<CoverageSpan> = slots.iter().filter_map(old).collect();
    old.sort_unstable_by_key(|piece| piece.span);
    let Some((first, last)) = old.first().zip(old.last()) else {
        return Ok(());
    };
    let Some(hull) = Span::new(first.span.start(), last.span.end()) else {
        return Ok(());
    };
    let now = around(tx, domain, hull)?;
    let then = splice(&now, &old);
    write(tx, domain, (&now, &then), last_age)
}

/// What is kept of a stored slot that an answer left out at `asked_at`; `None` where it is asked for no more.
///
/// Young slots are asked for again in every run. An older one is asked for once more, because one answer ends nothing:
/// the run before may have been days ago, or have died. That it was left out once is kept as an age just below the last.
fn still_due(known: CoverageSpan, asked_at: UnixSeconds, last_age: i64) -> Option<CoverageSpan> {
    if asked_at - known.span.start() <= STALE_UNTIL {
        return Some(known);
    }
    let left_out_once = Some(last_age - 1);
    let is_first = !known.beyond_retention && known.age_when_fetched < left_out_once;
    is_first.then_some(CoverageSpan {
        age_when_fetched: left_out_once,
        ..known
    })
}

/// Writes what differs.
fn write(
    tx: &Connection,
    domain: i64,
    (before, after): (&[CoverageSpan], &[CoverageSpan]),
    last_age: i64,
) -> Result<()> {
    let mut delete = tx.prepare_cached("DELETE FROM coverage WHERE domain_id = ?1 AND start_ts = ?2")?;
    // A range that only grew keeps its start, and is one row changed instead of one deleted and one added.
    let starts = |start| after.iter().any(|new| new.span.start() == start);
    for gone in before.iter().filter(|old| !starts(old.span.start())) {
        delete.execute([domain, gone.span.start()])?;
    }
    let mut upsert = tx.prepare_cached(
        "INSERT INTO coverage (domain_id, start_ts, end_ts, start_cst, end_cst,
                               fetched_at, reached, beyond_retention, state)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)
         ON CONFLICT DO UPDATE SET end_ts = excluded.end_ts, end_cst = excluded.end_cst,
             fetched_at = excluded.fetched_at, reached = excluded.reached,
             beyond_retention = excluded.beyond_retention, state = excluded.state",
    )?;
    for new in after.iter().filter(|new| !before.contains(new)) {
        upsert.execute((
            domain,
            new.span.start(),
            new.span.end(),
            civil::cst_second(new.span.start()),
            civil::cst_second(new.span.end()),
            new.fetched_at,
            new.age_when_fetched,
            new.beyond_retention,
            new.state(last_age),
        ))?;
    }
    Ok(())
}

/// How many slots were asked for, and how many of them fetched.
fn known_slots(pieces: &[CoverageSpan]) -> (i64, i64) {
    let fetched = pieces.iter().filter(|piece| piece.age_when_fetched.is_some());
    (
        pieces.iter().map(|piece| piece.span.slots()).sum(),
        fetched.map(|piece| piece.span.slots()).sum(),
    )
}

/// Writes the states again where the last refresh age has changed what they are.
pub(crate) fn relabel(tx: &Connection, last_age: i64) -> Result<()> {
    let mut select = tx.prepare_cached(
        "SELECT start_ts, end_ts, reached, beyond_retention, fetched_at, domain_id, state FROM coverage",
    )?;
    let mut rows = select.query([])?;
    let mut changed = Vec::new();
    while let Some(row) = rows.next()? {
        let span = coverage_span(row)?;
        let state = span.state(last_age);
        if row.get::<_, String>("state")? != state {
            changed.push((row.get::<_, i64>("domain_id")?, span.span.start(), state));
        }
    }
    let mut update =
        tx.prepare_cached("UPDATE coverage SET state = ?3 WHERE domain_id = ?1 AND start_ts = ?2")?;
    for row in changed {
        update.execute(row)?;
    }
    Ok(())
}

fn coverage_span(row: &Row<'_>) -> Result<CoverageSpan> {
    Ok(CoverageSpan {
        span: stored_span(row.get("start_ts")?, row.get("end_ts")?)?,
        age_when_fetched: row.get("reached")?,
        beyond_retention: row.get("beyond_retention")?,
        fetched_at: row.get("fetched_at")?,
    })
}

/// A range as it is stored. One that nobody can have asked for is damaged, and would take arithmetic to its limits.
pub(crate) fn stored_span(start: UnixSeconds, end: UnixSeconds) -> Result<Span> {
    let span =
        Span::new(start, end).filter(|span| [span.start(), span.end()].iter().all(|ts| FAR.contains(ts)));
    span.ok_or_else(|| StoreErrorKind::Impossible(format!("no range of time goes from {start} to {end}")))
}
