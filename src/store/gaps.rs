//! The gaps of every domain, kept in step with its points, coverage and rejects.
//!
//! A commit compares its whole window with the rows that lie in it, so what it costs does not depend on what
//! else is stored, and a killed run leaves nothing to be mended. Only what was never asked for moves without
//! a commit; the end of each run writes that anew from the coverage.

use std::collections::{BTreeMap, btree_map};

use rusqlite::Connection;

use super::coverage;
use super::dictionary::Dictionary;
use super::error::{Result, StoreError, StoreErrorKind};
use super::reader::Reader;
use crate::model::gaps::{GapFinder, never_asked, repaint, with_never_asked};
use crate::model::slot::slot_floor;
use crate::model::{CoverageSpan, Domain, Gap, GapReason, Span, UnixSeconds, civil};

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
    /// The gaps of `domain` inside `within`, found anew by walking through its points.
    pub fn find_gaps(
        &self,
        domain: &str,
        expected: &Expected,
        within: Span,
    ) -> std::result::Result<DomainGaps, StoreError> {
        self.told(self.look(domain, expected, within, find))
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
                if !(connection.table_exists(None, "gap_build")? && are_built(connection)?) {
                    return find(connection, id, range, covered);
                }
                let noted = around(connection, id, range)?;
                Ok(with_never_asked(&noted, &never_asked(range, covered), range))
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
            let edges = covered.first().zip(covered.last());
            edges.and_then(|(first, last)| {
                Span::new(
                    first.span.start(),
                    last.span.end().min(slot_floor(expected.until)),
                )
            })
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

/// Brings the rows of a domain inside `window` in line with what a commit has just written there.
///
/// `is_full` says that every slot of the window is known to hold a point.
pub(super) fn refresh(tx: &Connection, domain: i64, window: Span, is_full: bool) -> Result<()> {
    let before = around(tx, domain, window)?;
    let found = if is_full {
        Vec::new()
    } else {
        let covered = coverage::around(tx, domain, window)?;
        find(tx, domain, window, &covered)?
    };
    let after = repaint(&before, window, &found);
    write(tx, domain, &before, &after)
}

/// As [`refresh`], wherever a reject is the reason: it may be gone without a fetch.
pub(super) fn refresh_rejected(tx: &Connection) -> Result<()> {
    let mut select =
        tx.prepare_cached("SELECT domain_id, start_ts, end_ts FROM gap WHERE reason = 'rejected'")?;
    let rejected = select
        .query_map([], |row| Ok((row.get(0)?, Span::new(row.get(1)?, row.get(2)?))))?
        .collect::<rusqlite::Result<Vec<_>>>()?;
    for (domain, span) in rejected {
        if let Some(span) = span {
            refresh(tx, domain, span, false)?;
        }
    }
    Ok(())
}

/// The gaps of a domain in `range`, found by walking through its points; one row is held at a time.
pub(super) fn find(
    connection: &Connection,
    domain: i64,
    range: Span,
    coverage: &[CoverageSpan],
) -> Result<Vec<Gap>> {
    let bounds = [domain, range.start(), range.end()];
    // A point outside of the window that brought it is not what was asked for there.
    let mut select = connection.prepare_cached(
        "SELECT ts FROM reject WHERE asked_domain_id = ?1 AND window_end > ?2 AND ts >= ?2 AND ts < ?3
         AND ts >= window_start AND ts < window_end ORDER BY ts",
    )?;
    let mut rejected = select
        .query_map(bounds, |row| row.get(0).map(slot_floor))?
        .collect::<rusqlite::Result<Vec<_>>>()?;
    rejected.dedup();
    let mut finder = GapFinder::new(range, coverage, &rejected);
    let mut select = connection
        .prepare_cached("SELECT ts FROM point WHERE domain_id = ?1 AND ts >= ?2 AND ts < ?3 ORDER BY ts")?;
    let mut rows = select.query(bounds)?;
    while let Some(row) = rows.next()? {
        finder.point(row.get(0)?);
    }
    Ok(finder.finish())
}

/// The rows of a domain that overlap or touch `span`, in order and in full length.
pub(super) fn around(connection: &Connection, domain: i64, span: Span) -> Result<Vec<Gap>> {
    // Gaps do not overlap: of those that begin before the span, only the last can reach it.
    let mut select = connection.prepare_cached(
        "SELECT start_ts, end_ts, reason FROM gap
         WHERE domain_id = ?1 AND start_ts <= ?3 AND end_ts >= ?2
           AND start_ts >= coalesce((SELECT max(start_ts) FROM gap WHERE domain_id = ?1 AND start_ts < ?2), ?2)
         ORDER BY start_ts",
    )?;
    let mut rows = select.query([domain, span.start(), span.end()])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        let reason = row.get_ref("reason")?.as_str().map_err(rusqlite::Error::from)?;
        let span = Span::new(row.get("start_ts")?, row.get("end_ts")?);
        let gap = span.zip(GapReason::from_text(reason));
        let (span, reason) = gap.ok_or_else(|| {
            StoreErrorKind::Misfit(format!(
                "the table of gaps holds a row of domain {domain} that is none"
            ))
        })?;
        found.push(Gap { span, reason });
    }
    Ok(found)
}

/// Writes what was never asked for, as of now, of every domain; the only gaps that a commit cannot tell.
pub(super) fn expect(tx: &Connection, dictionary: &mut Dictionary, expected: &Expected) -> Result<()> {
    let mut changes: BTreeMap<i64, (Vec<Gap>, Vec<Gap>)> = BTreeMap::new();
    let mut select = tx.prepare_cached(
        "SELECT domain_id, start_ts, end_ts FROM gap WHERE reason = 'never_asked' ORDER BY domain_id, start_ts",
    )?;
    let mut rows = select.query([])?;
    while let Some(row) = rows.next()? {
        let (before, _) = changes.entry(row.get("domain_id")?).or_default();
        let span = Span::new(row.get("start_ts")?, row.get("end_ts")?);
        before.extend(span.map(|span| Gap {
            span,
            reason: GapReason::NeverAsked,
        }));
    }
    for domain in &expected.domains {
        let id = dictionary.domain(tx, domain.as_str())?;
        let coverage = coverage::all(tx, id)?;
        let wanted = expected.range(&coverage);
        let never = wanted.map(|range| never_asked(range, &coverage));
        match changes.entry(id) {
            btree_map::Entry::Occupied(mut known) => known.get_mut().1 = never.unwrap_or_default(),
            btree_map::Entry::Vacant(new) => {
                new.insert((Vec::new(), never.unwrap_or_default()));
            }
        }
    }
    for (domain, (before, after)) in changes {
        write(tx, domain, &before, &after)?;
    }
    Ok(())
}

/// Whether the table speaks of all that is stored, and not only of what was stored since it is there.
pub(super) fn are_built(connection: &Connection) -> Result<bool> {
    Ok(connection.query_row("SELECT complete FROM gap_build", [], |row| row.get(0))?)
}

/// Walks once through all that is stored.
pub(super) fn build(tx: &Connection) -> Result<()> {
    let domains = tx
        .prepare("SELECT DISTINCT domain_id FROM coverage")?
        .query_map([], |row| row.get(0))?
        .collect::<rusqlite::Result<Vec<i64>>>()?;
    for domain in domains {
        let covered = coverage::all(tx, domain)?;
        let edges = covered.first().zip(covered.last());
        let range = edges.and_then(|(first, last)| Span::new(first.span.start(), last.span.end()));
        if let Some(range) = range {
            let found = find(tx, domain, range, &covered)?;
            write(tx, domain, &[], &repaint(&[], range, &found))?;
        }
    }
    tx.execute("UPDATE gap_build SET complete = 1", [])?;
    Ok(())
}

/// Writes what differs.
fn write(tx: &Connection, domain: i64, before: &[Gap], after: &[Gap]) -> Result<()> {
    let mut delete = tx.prepare_cached("DELETE FROM gap WHERE domain_id = ?1 AND start_ts = ?2")?;
    for gone in before.iter().filter(|old| !after.contains(old)) {
        delete.execute([domain, gone.span.start()])?;
    }
    let mut insert = tx.prepare_cached(
        "INSERT INTO gap (domain_id, start_ts, end_ts, start_cst, end_cst, slots, reason)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    )?;
    for new in after.iter().filter(|new| !before.contains(new)) {
        insert.execute((
            domain,
            new.span.start(),
            new.span.end(),
            civil::cst_second(new.span.start()),
            civil::cst_second(new.span.end()),
            new.span.slots(),
            new.reason.as_str(),
        ))?;
    }
    Ok(())
}
