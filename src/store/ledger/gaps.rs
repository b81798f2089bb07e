//! The gaps of every domain, kept in step with its points and coverage.
//!
//! A commit compares its whole window with the rows that lie in it, so what it costs does not depend on what
//! else is stored, and a killed run leaves nothing to be mended. Only what was never asked for moves without
//! a commit; the end of each run writes that anew from the coverage.

use std::collections::BTreeMap;

use rusqlite::{Connection, OptionalExtension as _, Row};

use crate::model::gap_rules::{WindowAnswer, explained, judged, rejected, repaint};
use crate::model::gaps::{GapFinder, never_asked};
use crate::model::slot::slot_floor;
use crate::model::{CoverageSpan, Gap, GapReason, Shape, Span, UnixSeconds, civil};
use crate::store::error::{Result, StoreErrorKind};
use crate::store::ledger::{coverage, rejects};
use crate::store::origin::dictionary::Dictionary;
use crate::store::read::gaps::Expected;

/// Brings the rows of a domain inside `window` in line with what a commit has just written there.
///
/// `is_full` says that every slot of the window is known to hold a point.
pub(crate) fn refresh(
    tx: &Connection,
    domain: i64,
    window: Span,
    is_full: bool,
    evidence: &WindowAnswer<'_>,
) -> Result<()> {
    let before = near(tx, domain, window)?;
    let found = if is_full {
        Vec::new()
    } else {
        let covered = coverage::around(tx, domain, window)?;
        let found = find(tx, domain, window, &covered)?;
        judged(&found, &before, window, evidence)
    };
    let after = repaint(&before, window, &found);
    write(tx, domain, &before, &after)
}

/// Makes `slot` an empty one, if its point was rejected.
pub(crate) fn give_up(tx: &Connection, domain: i64, slot: Span) -> Result<()> {
    let before = near(tx, domain, slot)?;
    let was_rejected = |gap: &Gap| gap.reason == GapReason::Rejected && gap.span.contains(slot.start());
    if before.iter().any(was_rejected) {
        let after = repaint(&before, slot, &[Gap::empty(slot, None)]);
        write(tx, domain, &before, &after)?;
    }
    Ok(())
}

/// Makes every slot an empty one whose point was rejected.
pub(crate) fn give_up_rejected(tx: &Connection) -> Result<()> {
    let mut select =
        tx.prepare_cached("SELECT domain_id, start_ts, end_ts FROM gap WHERE reason = 'rejected'")?;
    let rejected = select
        .query_map([], |row| Ok((row.get(0)?, Span::new(row.get(1)?, row.get(2)?))))?
        .collect::<rusqlite::Result<Vec<_>>>()?;
    for (domain, span) in rejected {
        if let Some(span) = span {
            let before = near(tx, domain, span)?;
            let after = repaint(&before, span, &[Gap::empty(span, None)]);
            write(tx, domain, &before, &after)?;
        }
    }
    Ok(())
}

/// The gaps of a domain in `range`, as far as its points and coverage tell; one row is held at a time.
pub(crate) fn find(
    connection: &Connection,
    domain: i64,
    range: Span,
    coverage: &[CoverageSpan],
) -> Result<Vec<Gap>> {
    let bounds = [domain, range.start(), range.end()];
    let mut finder = GapFinder::new(range, coverage);
    let mut select = connection
        .prepare_cached("SELECT ts FROM point WHERE domain_id = ?1 AND ts >= ?2 AND ts < ?3 ORDER BY ts")?;
    let mut rows = select.query(bounds)?;
    while let Some(row) = rows.next()? {
        finder.point(row.get(0)?);
    }
    Ok(finder.finish())
}

/// The rows of a domain that overlap or touch `window`, and those that touch one of them: what a repaint can change.
fn near(tx: &Connection, domain: i64, window: Span) -> Result<Vec<Gap>> {
    let rows = around(tx, domain, window)?;
    let start = rows
        .first()
        .map_or(window.start(), |gap| gap.span.start().min(window.start()));
    let end = rows
        .last()
        .map_or(window.end(), |gap| gap.span.end().max(window.end()));
    match Span::new(start, end) {
        Some(hull) if hull != window => around(tx, domain, hull),
        _ => Ok(rows),
    }
}

/// The rows of a domain that overlap or touch `span`, in order and in full length.
pub(crate) fn around(connection: &Connection, domain: i64, span: Span) -> Result<Vec<Gap>> {
    around_in(connection, domain, span, AROUND)
}

/// As [`around`], in a database that knew nothing of the gaps but their reasons.
pub(crate) fn around_of_before(connection: &Connection, domain: i64, span: Span) -> Result<Vec<Gap>> {
    let known_less = "0 AS confirmed, NULL AS asked_domains, NULL AS asked_slots";
    let sql = AROUND.replace("confirmed, asked_domains, asked_slots", known_less);
    around_in(connection, domain, span, &sql)
}

// Gaps do not overlap: of those that begin before the span, only the last can reach it.
const AROUND: &str = "SELECT start_ts, end_ts, reason, confirmed, asked_domains, asked_slots FROM gap
     WHERE domain_id = ?1 AND start_ts <= ?3 AND end_ts >= ?2
       AND start_ts >= coalesce((SELECT max(start_ts) FROM gap WHERE domain_id = ?1 AND start_ts < ?2), ?2)
     ORDER BY start_ts";

fn around_in(connection: &Connection, domain: i64, span: Span, sql: &str) -> Result<Vec<Gap>> {
    let mut select = connection.prepare_cached(sql)?;
    let mut rows = select.query([domain, span.start(), span.end()])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(stored(row)?);
    }
    Ok(found)
}

/// The rows of a domain that overlap `span`, in order and in full length; none for an unknown domain.
pub(crate) fn overlapping(connection: &Connection, domain: &str, span: Span) -> Result<Vec<Gap>> {
    let id = connection
        .prepare_cached("SELECT id FROM domain WHERE name = ?1")?
        .query_row([domain], |row| row.get(0))
        .optional()?;
    let Some(id) = id else {
        return Ok(Vec::new());
    };
    let mut gaps = around(connection, id, span)?;
    gaps.retain(|gap| gap.span.intersect(&span).is_some());
    Ok(gaps)
}

fn stored(row: &Row<'_>) -> Result<Gap> {
    let reason: String = row.get("reason")?;
    let span = coverage::stored_span(row.get("start_ts")?, row.get("end_ts")?)?;
    let reason = GapReason::from_text(&reason)
        .ok_or_else(|| StoreErrorKind::Impossible("a row of `gap` has no known reason".to_owned()))?;
    let (domains, slots): (Option<u32>, Option<u32>) = (row.get("asked_domains")?, row.get("asked_slots")?);
    Ok(Gap {
        span,
        reason,
        confirmed: row.get("confirmed")?,
        shape: domains
            .zip(slots)
            .map(|(domains, slots)| Shape { domains, slots }),
    })
}

/// Writes what was never asked for, as of now, of every domain; the only gaps that a commit cannot tell. What was
/// asked for without a usable answer stays failed.
pub(crate) fn expect(tx: &Connection, dictionary: &mut Dictionary, expected: &Expected) -> Result<()> {
    let mut changes: BTreeMap<i64, (Vec<Gap>, Vec<Gap>)> = BTreeMap::new();
    let of_reason = |sql: &str| -> Result<BTreeMap<i64, Vec<Gap>>> {
        let mut select = tx.prepare_cached(sql)?;
        let mut rows = select.query([])?;
        let mut found: BTreeMap<i64, Vec<Gap>> = BTreeMap::new();
        while let Some(row) = rows.next()? {
            found.entry(row.get("domain_id")?).or_default().push(stored(row)?);
        }
        Ok(found)
    };
    // Each reads a partial index, whose condition must be written out.
    let failed = of_reason(
        "SELECT domain_id, start_ts, end_ts, reason, confirmed, asked_domains, asked_slots FROM gap
         WHERE reason = 'failed' ORDER BY domain_id, start_ts",
    )?;
    for (domain, gaps) in &failed {
        let (before, after) = cut_off_future(gaps, slot_floor(expected.until));
        write(tx, *domain, &before, &after)?;
    }
    for (domain, before) in of_reason(
        "SELECT domain_id, start_ts, end_ts, reason, confirmed, asked_domains, asked_slots FROM gap
         WHERE reason = 'never_asked' ORDER BY domain_id, start_ts",
    )? {
        changes.insert(domain, (before, Vec::new()));
    }
    for domain in &expected.domains {
        let id = dictionary.domain(tx, domain.as_str())?;
        let coverage = coverage::all(tx, id)?;
        let wanted = expected.range(&coverage);
        let uncovered = wanted.map_or_else(Vec::new, |range| never_asked(range, &coverage));
        let failed = failed.get(&id).map_or(&[][..], Vec::as_slice);
        let mut never = explained(&uncovered, failed);
        never.retain(|gap| gap.reason == GapReason::NeverAsked);
        changes.entry(id).or_default().1 = never;
    }
    for (domain, (before, after)) in changes {
        write(tx, domain, &before, &after)?;
    }
    Ok(())
}

/// The gaps that reach past `until`, and what is left of them: what failed while the clock ran ahead is no gap yet.
fn cut_off_future(gaps: &[Gap], until: UnixSeconds) -> (Vec<Gap>, Vec<Gap>) {
    let ahead: Vec<Gap> = gaps
        .iter()
        .filter(|gap| gap.span.end() > until)
        .copied()
        .collect();
    let left = ahead.iter().filter_map(|gap| {
        let span = Span::new(gap.span.start(), until)?;
        Some(Gap { span, ..*gap })
    });
    let left = left.collect();
    (ahead, left)
}

/// Whether the table speaks of all that is stored, and not only of what was stored since it is there.
pub(crate) fn are_built(connection: &Connection) -> Result<bool> {
    Ok(connection.query_row("SELECT complete FROM gap_build", [], |row| row.get(0))?)
}

/// Walks once through all that is stored.
pub(crate) fn build(tx: &Connection) -> Result<()> {
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
            let marks = rejected(&rejects::slots_in(tx, domain, range)?);
            let found = explained(&found, &marks);
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
        "INSERT INTO gap (domain_id, start_ts, end_ts, start_cst, end_cst, slots, reason, confirmed,
                          asked_domains, asked_slots)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
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
            new.confirmed,
            new.shape.map(|shape| shape.domains),
            new.shape.map(|shape| shape.slots),
        ))?;
    }
    Ok(())
}
