//! The gaps of a domain: as the commits noted them, or found again in its points.

use rusqlite::Connection;

use crate::model::gap_rules::{explained, unlisted_slots, with_never_asked};
use crate::model::gaps::never_asked;
use crate::model::slot::slot_floor;
use crate::model::{CoverageSpan, Domain, Gap, GapReason, Span};
use crate::store::error::{Result, StoreError};
use crate::store::file::reader::Reader;
use crate::store::ledger::expected::Expected;
use crate::store::ledger::gaps::{are_complete, around_in_any_version, failed_range, holes};
use crate::store::ledger::{coverage, domain_ids, gaps as ledger_gaps};
use crate::store::origin::gap_finder;

/// The gaps of a domain.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DomainGaps {
    /// The range that was searched; `None` if there is none.
    pub range: Option<Span>,
    /// The gaps, in order.
    pub gaps: Vec<Gap>,
    /// How many slots of the range the configuration wants and no run has noted: they became available, or were
    /// configured, after the last run.
    pub new_slots: i64,
}

impl Reader {
    /// Returns the gaps of `domain` inside `within` as of the end of the last run, as `origin_gaps` lists them. Reads no
    /// point. In a file of an earlier version, in which commits have not noted all gaps, they are found in the points.
    pub fn listed_gaps(
        &self,
        domain: &str,
        expected: &Expected,
        within: Span,
    ) -> Result<DomainGaps, StoreError> {
        let listed = self.read(|connection| {
            let tx = connection.unchecked_transaction()?;
            if !are_complete(&tx)? {
                return Ok(None);
            }
            let id = domain_ids::find(&tx, domain)?.unwrap_or(-1);
            let covered = coverage::all(&tx, id)?;
            let ends = covered.first().zip(covered.last());
            let ends = ends.and_then(|(first, last)| Span::new(first.span.start(), last.span.end()));
            let within = within.to_grid();
            let mut listed = around_in_any_version(&tx, id, within)?;
            listed.retain_mut(|gap| match gap.span.intersect(&within) {
                Some(span) => {
                    gap.span = span;
                    true
                }
                None => false,
            });
            let both = [ends, ledger_gaps::edges(&tx, id)?].into_iter().flatten();
            let range = both.reduce(|one, other| one.hull(&other));
            Ok(Some(DomainGaps {
                range: range.and_then(|range| range.intersect(&within)),
                gaps: listed,
                new_slots: new_slots(&tx, (domain, id), expected, (&covered, within))?,
            }))
        })?;
        match listed {
            Some(listed) => Ok(listed),
            None => self.find_gaps(domain, expected, within),
        }
    }

    /// Returns the gaps of `domain` inside `within`, found again in its points. The points cannot show which slots
    /// failed or were rejected, and which holes are confirmed: this is as the commits noted it.
    pub fn find_gaps(
        &self,
        domain: &str,
        expected: &Expected,
        within: Span,
    ) -> Result<DomainGaps, StoreError> {
        self.gaps(domain, expected, within, |_| Ok(false))
    }

    /// Returns the gaps of `domain` inside `within`, as the commits noted them. Reads no point, unless the database
    /// is from before the table of gaps and was not opened for writing since.
    pub fn noted_gaps(
        &self,
        domain: &str,
        expected: &Expected,
        within: Span,
    ) -> Result<DomainGaps, StoreError> {
        self.gaps(domain, expected, within, are_complete)
    }

    fn gaps(
        &self,
        domain: &str,
        expected: &Expected,
        within: Span,
        use_notes: impl FnOnce(&Connection) -> Result<bool>,
    ) -> Result<DomainGaps, StoreError> {
        self.read(|connection| {
            // Coverage and points of one moment, whatever is written meanwhile.
            let tx = connection.unchecked_transaction()?;
            // A domain without a number has no rows of any kind.
            let id = domain_ids::find(&tx, domain)?.unwrap_or(-1);
            let covered = coverage::all(&tx, id)?;
            let use_notes = use_notes(&tx)?;
            current_gaps(&tx, (domain, id), expected, (&covered, within), use_notes)
        })
    }

    /// Returns the holes of `domain` that overlap `within`, not cut: slots that were asked for, and whose point did
    /// not come or could not be stored.
    pub fn holes(&self, domain: &Domain, within: Span) -> Result<Vec<Gap>, StoreError> {
        self.read(
            |connection| match domain_ids::find(connection, domain.as_str())? {
                Some(id) => Ok(holes(around_in_any_version(connection, id, within)?, within)),
                None => Ok(Vec::new()),
            },
        )
    }
}

/// Returns the gaps of a domain with this coverage inside `within`: its never asked ones by what is `expected`, the
/// others as noted or found in its points.
pub(super) fn current_gaps(
    connection: &Connection,
    (domain, id): (&str, i64),
    expected: &Expected,
    (covered, within): (&[CoverageSpan], Span),
    use_notes: bool,
) -> Result<DomainGaps> {
    let is_expected = expected.domains.iter().any(|name| name.as_str() == domain);
    let range = if is_expected {
        expected.range(covered)
    } else {
        asked_range(covered, failed_range(connection, id)?, expected)
    };
    let Some(range) = range.and_then(|range| range.intersect(&within.to_grid())) else {
        return Ok(DomainGaps::default());
    };
    let noted = around_in_any_version(connection, id, range)?;
    let mut gaps = if use_notes {
        with_never_asked(&noted, &never_asked(range, covered), range)
    } else {
        explained(&gap_finder::find(connection, id, range, covered)?, &noted)
    };
    gaps.retain(|gap| is_expected || gap.reason != GapReason::NeverAsked);
    Ok(DomainGaps {
        range: Some(range),
        gaps,
        new_slots: 0,
    })
}

/// Returns how many slots in `within` the configuration wants of a domain with this coverage, and no run has noted.
pub(super) fn new_slots(
    connection: &Connection,
    (domain, id): (&str, i64),
    expected: &Expected,
    (covered, within): (&[CoverageSpan], Span),
) -> Result<i64> {
    if !expected.domains.iter().any(|name| name.as_str() == domain) {
        return Ok(0);
    }
    let range = expected.range(covered).and_then(|range| range.intersect(&within));
    let Some(range) = range else { return Ok(0) };
    let listed = ledger_gaps::outside_coverage(connection, id)?;
    Ok(unlisted_slots(&never_asked(range, covered), &listed))
}

/// Returns the range from the first to the last slot that was asked for, with an answer or without.
fn asked_range(covered: &[CoverageSpan], failed: Option<Span>, expected: &Expected) -> Option<Span> {
    let spans = || covered.iter().map(|piece| piece.span).chain(failed);
    let start = spans().map(|span| span.start()).min()?;
    let end = spans().map(|span| span.end()).max()?;
    Span::new(start, end.min(slot_floor(expected.until)))
}
