//! The gaps as they are read: noted by the commits, or found anew.

use rusqlite::Connection;

use crate::model::gap_rules::{explained, rejected, with_never_asked};
use crate::model::gaps::never_asked;
use crate::model::slot::slot_floor;
use crate::model::{CoverageSpan, Domain, Gap, GapReason, Span, UnixSeconds};
use crate::store::error::{Result, StoreError};
use crate::store::ledger::gaps::{are_built, around, around_of_before, find, overlapping};
use crate::store::ledger::{coverage, rejects};
use crate::store::read::reader::Reader;
use crate::store::write::store::Store;

/// What the configuration wants to be complete.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expected {
    /// The configured domains. Of others, what was never asked for is no gap.
    pub domains: Vec<Domain>,
    /// Where it wants them to begin; `None`, or an earlier coverage: where coverage begins.
    pub from: Option<UnixSeconds>,
    /// The end of the newest slot that can be asked for.
    pub until: UnixSeconds,
}

impl Expected {
    /// The range that is wanted of a domain with this coverage.
    #[must_use]
    pub fn range(&self, coverage: &[CoverageSpan]) -> Option<Span> {
        let first = coverage.first().map(|piece| piece.span.start());
        let from = [self.from, first].into_iter().flatten().min()?;
        Span::new(from, self.until).map(|range| range.to_grid())
    }
}

/// The gaps of a domain.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DomainGaps {
    /// Where they were looked for; `None` where there is nothing to look at.
    pub range: Option<Span>,
    /// The gaps, in order.
    pub gaps: Vec<Gap>,
}

impl Reader {
    /// The gaps of `domain` inside `within`, found anew by walking through its points. What cannot be seen in the
    /// points is as the commits have noted it: which slots failed or were rejected, which holes are confirmed.
    pub fn find_gaps(
        &self,
        domain: &str,
        expected: &Expected,
        within: Span,
    ) -> std::result::Result<DomainGaps, StoreError> {
        self.told(
            self.look(domain, expected, within, |connection, id, range, covered| {
                let known = noted(connection, id, range)?;
                Ok(explained(&find(connection, id, range, covered)?, &known))
            }),
        )
    }

    /// As [`find_gaps`](Self::find_gaps), from what the commits have noted of the gaps. No point is looked at,
    /// unless the database is from before the table and was not opened for writing since.
    pub fn noted_gaps(
        &self,
        domain: &str,
        expected: &Expected,
        within: Span,
    ) -> std::result::Result<DomainGaps, StoreError> {
        self.told(
            self.look(domain, expected, within, |connection, id, range, covered| {
                let known = noted(connection, id, range)?;
                if !are_noted(connection)? {
                    return Ok(explained(&find(connection, id, range, covered)?, &known));
                }
                Ok(with_never_asked(&known, &never_asked(range, covered), range))
            }),
        )
    }

    fn look(
        &self,
        domain: &str,
        expected: &Expected,
        within: Span,
        gaps: impl FnOnce(&Connection, i64, Span, &[CoverageSpan]) -> Result<Vec<Gap>>,
    ) -> Result<DomainGaps> {
        // Coverage and points of one moment, whatever is written meanwhile.
        let snapshot = self.connection().unchecked_transaction()?;
        // A domain that has no number has no rows of any kind.
        let id = self.domain_id(domain)?.unwrap_or(-1);
        let covered = coverage::all(&snapshot, id)?;
        let is_expected = expected.domains.iter().any(|known| known.as_str() == domain);
        let range = if is_expected {
            expected.range(&covered)
        } else {
            let spans = covered
                .iter()
                .map(|piece| piece.span)
                .chain(failed_range(&snapshot, id)?);
            let edges = spans.fold(None, |edges: Option<(_, _)>, span| {
                let (start, end) = edges.unwrap_or((span.start(), span.end()));
                Some((start.min(span.start()), end.max(span.end())))
            });
            edges.and_then(|(start, end)| Span::new(start, end.min(slot_floor(expected.until))))
        };
        let Some(range) = range.and_then(|range| range.intersect(&within.to_grid())) else {
            return Ok(DomainGaps::default());
        };
        let mut gaps = gaps(&snapshot, id, range, &covered)?;
        gaps.retain(|gap| is_expected || gap.reason != GapReason::NeverAsked);
        Ok(DomainGaps {
            range: Some(range),
            gaps,
        })
    }
}

impl Reader {
    /// The holes of `domain` that overlap `within`, not cut to it: slots that were asked for, and whose point did not
    /// come or could not be taken.
    pub fn holes(&self, domain: &Domain, within: Span) -> std::result::Result<Vec<Gap>, StoreError> {
        let read = || {
            let Some(id) = self.domain_id(domain.as_str())? else {
                return Ok(Vec::new());
            };
            let mut gaps = noted(self.connection(), id, within)?;
            gaps.retain(|gap| is_hole(gap) && gap.span.intersect(&within).is_some());
            Ok(gaps)
        };
        self.told(read())
    }
}

impl Store {
    /// The holes of `domain` that overlap `within`, not cut to it: slots that were asked for, and whose point did not
    /// come or could not be taken.
    pub fn holes(&self, domain: &Domain, within: Span) -> std::result::Result<Vec<Gap>, StoreError> {
        self.read(|connection| {
            let mut gaps = overlapping(connection, domain.as_str(), within)?;
            gaps.retain(is_hole);
            Ok(gaps)
        })
    }
}

fn is_hole(gap: &Gap) -> bool {
    matches!(gap.reason, GapReason::Empty | GapReason::Rejected)
}

/// Whether the table speaks of all that is stored. It does not in a database of an earlier version that was not
/// opened for writing since.
fn are_noted(connection: &Connection) -> Result<bool> {
    Ok(connection.table_exists(None, "gap_build")? && are_built(connection)?)
}

/// The gaps of a domain that overlap or touch `span`, as a database of any version has noted them. Where it has not,
/// the slots whose point was rejected.
fn noted(connection: &Connection, domain: i64, span: Span) -> Result<Vec<Gap>> {
    if !are_noted(connection)? {
        Ok(rejected(&rejects::slots_in(connection, domain, span)?))
    } else if connection.column_exists(None, "gap", "confirmed")? {
        around(connection, domain, span)
    } else {
        around_of_before(connection, domain, span)
    }
}

/// From the first to the last slot of a domain that was asked for without a usable answer.
fn failed_range(connection: &Connection, domain: i64) -> Result<Option<Span>> {
    if !connection.table_exists(None, "gap")? {
        return Ok(None);
    }
    let mut select = connection.prepare_cached(
        "SELECT min(start_ts), max(end_ts) FROM gap WHERE reason = 'failed' AND domain_id = ?1",
    )?;
    let (start, end): (Option<i64>, Option<i64>) =
        select.query_row([domain], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(start.zip(end).and_then(|(start, end)| Span::new(start, end)))
}
