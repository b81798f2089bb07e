//! What was asked of a domain, and what came of it: the stored form of [`crate::model::completeness`].

use rusqlite::Connection;

use crate::model::completeness::{AskedSpan, DomainLedger, counts_from};
use crate::model::slot::slot_floor;
use crate::model::{CoverageSpan, Span, UnixSeconds};
use crate::store::error::Result;
use crate::store::file::statements::Statements as _;
use crate::store::ledger::coverage::stored_span;
use crate::store::ledger::gaps;

/// Returns what was asked of a domain in `span`, counted from the starts of slots. A label is `shift` seconds later.
/// `first_point` is the time of the domain's first point, by its label.
pub(crate) fn read(
    connection: &Connection,
    domain: i64,
    (span, shift): (Span, i64),
    first_point: Option<UnixSeconds>,
) -> Result<DomainLedger> {
    let asked = spans(connection, domain, (span, shift))?;
    with_gaps(connection, domain, (span, shift), first_point, asked)
}

/// Like [`read`], for a caller that knows already what was `asked` in the range. Ranges outside of it do no harm.
pub(crate) fn with_gaps(
    connection: &Connection,
    domain: i64,
    (span, shift): (Span, i64),
    first_point: Option<UnixSeconds>,
    asked: Vec<AskedSpan>,
) -> Result<DomainLedger> {
    let mut gaps = gaps::around(connection, domain, span.moved(shift))?;
    for gap in &mut gaps {
        gap.span = gap.span.moved(-shift);
    }
    Ok(DomainLedger {
        asked,
        gaps,
        counts_from: begins(connection, domain, first_point)?.saturating_sub(shift),
    })
}

/// Returns the ranges of `span` that were asked of a domain, as [`read`] does.
pub(crate) fn spans(
    connection: &Connection,
    domain: i64,
    (span, shift): (Span, i64),
) -> Result<Vec<AskedSpan>> {
    let labels = span.moved(shift);
    // Rows do not overlap. Of those that begin before the span, only the last one can reach it.
    connection.rows(
        "SELECT start_ts, end_ts, reached IS NOT NULL, state = 'settled', fetched_at FROM coverage
         WHERE domain_id = ?1 AND start_ts < ?3 AND end_ts > ?2
           AND start_ts >= coalesce((SELECT max(start_ts) FROM coverage WHERE domain_id = ?1 AND start_ts < ?2), ?2)
         ORDER BY start_ts",
        [domain, labels.start(), labels.end()],
        |row| {
            Ok(AskedSpan {
                span: stored_span(row)?.moved(-shift),
                is_fetched: row.get(2)?,
                is_settled: row.get(3)?,
                fetched_at: row.get(4)?,
            })
        },
    )
}

/// Returns what `coverage` says, counted from the starts of slots, as [`spans`] does for stored rows.
pub(crate) fn of_coverage(coverage: &[CoverageSpan], shift: i64, last_age: i64) -> Vec<AskedSpan> {
    let asked = |piece: &CoverageSpan| AskedSpan {
        span: piece.span.moved(-shift),
        is_fetched: piece.age_when_fetched.is_some(),
        is_settled: piece.is_settled(last_age),
        fetched_at: piece.fetched_at,
    };
    coverage.iter().map(asked).collect()
}

/// Returns the label from which on a domain counts for the completeness of the account.
pub(crate) fn begins(
    connection: &Connection,
    domain: i64,
    first_point: Option<UnixSeconds>,
) -> Result<UnixSeconds> {
    let first_slot = first_point.map(slot_floor);
    let before = gaps::before(connection, domain, first_slot.unwrap_or(UnixSeconds::MAX))?;
    Ok(counts_from(first_slot, &before))
}
