//! The gaps of every domain, kept in step with its points and its coverage.
//!
//! A commit compares its whole window with the rows in it. So its cost does not depend on what else is stored, and a
//! killed run leaves nothing to repair. Only the gaps that were never asked for change without a commit; the end of
//! each run writes them again from the coverage.
//!
//! What the points themselves show is handed in: this table knows reasons, not measurements.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use rusqlite::{Connection, Row};

use crate::model::gap_rules::{WindowAnswer, explained, judged, rejected, repaint};
use crate::model::gaps::never_asked;
use crate::model::slot::slot_floor;
use crate::model::{Gap, GapReason, Shape, SlotsByReason, Span, UnixSeconds, civil};
use crate::store::error::{Result, StoreErrorKind};
use crate::store::file::statements::{RowStatements, Statements as _, write_changes};
use crate::store::ledger::coverage::{self, stored_span};
use crate::store::ledger::domain_ids::DomainIds;
use crate::store::ledger::expected::Expected;
use crate::store::ledger::rejects;

/// Brings the rows of a domain inside `window` in line with what a commit has just written there. `found` are the gaps
/// that coverage and points leave. If none `were_near` the window before, no row is read. Returns whether anything changed.
pub(crate) fn refresh(
    tx: &Connection,
    (domain, window): (i64, Span),
    found: &[Gap],
    evidence: &WindowAnswer<'_>,
    were_near: bool,
) -> Result<bool> {
    let before = if were_near {
        near(tx, domain, window)?
    } else {
        Vec::new()
    };
    let found = judged(found, &before, window, evidence);
    let after = repaint(&before, window, &found);
    write(tx, domain, (&before, &after))?;
    Ok(before != after)
}

/// Turns `slots` into empty ones if their points were rejected.
pub(crate) fn give_up(tx: &Connection, domain: i64, slots: Span) -> Result<()> {
    let before = near(tx, domain, slots)?;
    let was_rejected = |gap: &Gap| gap.reason == GapReason::Rejected && gap.span.contains(slots.start());
    if before.iter().any(was_rejected) {
        write(
            tx,
            domain,
            (&before, &repaint(&before, slots, &[Gap::empty(slots, None)])),
        )?;
    }
    Ok(())
}

/// Returns the ranges of slots whose point was rejected, by domain.
pub(crate) fn rejected_ranges(tx: &Connection) -> Result<Vec<(i64, Span)>> {
    let by_domain = of_reason(tx, GapReason::Rejected)?.into_iter();
    let ranges = by_domain.flat_map(|(domain, gaps)| gaps.into_iter().map(move |gap| (domain, gap.span)));
    Ok(ranges.collect())
}

/// Returns the rows of a domain that overlap or touch `window`, and those that touch one of them: a repaint can change
/// all of these.
fn near(tx: &Connection, domain: i64, window: Span) -> Result<Vec<Gap>> {
    let rows = around(tx, domain, window)?;
    let start = rows.first().map_or(window.start(), |gap| gap.span.start());
    let end = rows.last().map_or(window.end(), |gap| gap.span.end());
    match Span::new(start.min(window.start()), end.max(window.end())) {
        Some(hull) if hull != window => around(tx, domain, hull),
        _ => Ok(rows),
    }
}

// Gaps do not overlap. Of those that begin before the span, only the last one can reach it.
const AROUND: &str = "SELECT start_ts, end_ts, reason, confirmed, asked_domains, asked_slots FROM gap
     WHERE domain_id = ?1 AND start_ts <= ?3 AND end_ts >= ?2
       AND start_ts >= coalesce((SELECT max(start_ts) FROM gap WHERE domain_id = ?1 AND start_ts < ?2), ?2)
     ORDER BY start_ts";

/// Returns the rows of a domain that overlap or touch `span`, in order and not cut.
pub(crate) fn around(connection: &Connection, domain: i64, span: Span) -> Result<Vec<Gap>> {
    connection.rows(AROUND, [domain, span.start(), span.end()], stored_gap)
}

/// Returns the rows of a domain that begin before `end`, in order.
pub(crate) fn before(connection: &Connection, domain: i64, end: UnixSeconds) -> Result<Vec<Gap>> {
    let sql = "SELECT start_ts, end_ts, reason, confirmed, asked_domains, asked_slots FROM gap
         WHERE domain_id = ?1 AND start_ts < ?2 ORDER BY start_ts";
    connection.rows(sql, [domain, end], stored_gap)
}

/// Returns the gaps of a domain that overlap or touch `span`, from a database of any version. Before the table existed,
/// only the slots of rejected points are known.
pub(crate) fn around_in_any_version(connection: &Connection, domain: i64, span: Span) -> Result<Vec<Gap>> {
    if !are_complete(connection)? {
        return Ok(rejected(&rejects::slots_in(connection, domain, span)?));
    }
    if connection.column_exists(None, "gap", "confirmed")? {
        return around(connection, domain, span);
    }
    let absent = "0 AS confirmed, NULL AS asked_domains, NULL AS asked_slots";
    let sql = AROUND.replace("confirmed, asked_domains, asked_slots", absent);
    connection.rows(&sql, [domain, span.start(), span.end()], stored_gap)
}

/// Returns those of `gaps` that overlap `within` and are holes: slots that were asked for, and whose point did not
/// come or could not be stored.
pub(crate) fn holes(mut gaps: Vec<Gap>, within: Span) -> Vec<Gap> {
    gaps.retain(|gap| {
        matches!(gap.reason, GapReason::Empty | GapReason::Rejected) && gap.span.intersect(&within).is_some()
    });
    gaps
}

/// Returns the ranges of a domain that are listed as never asked or failed: the gaps outside of its coverage.
pub(crate) fn outside_coverage(connection: &Connection, domain: i64) -> Result<Vec<Span>> {
    let mut spans = Vec::new();
    for reason in [GapReason::NeverAsked, GapReason::Failed] {
        // The condition is written out, because a partial index can be used only then.
        let sql = format!(
            "SELECT start_ts, end_ts FROM gap WHERE reason = '{}' AND domain_id = ?1 ORDER BY start_ts",
            reason.as_str()
        );
        spans.extend(connection.rows(&sql, [domain], stored_span)?);
    }
    spans.sort_unstable();
    Ok(spans)
}

/// Returns how many slots of a domain have no point, by reason, without reading the rows one by one.
pub(crate) fn slots_by_reason(connection: &Connection, domain: i64) -> Result<SlotsByReason> {
    let mut slots = SlotsByReason::default();
    connection.each(&SLOTS_BY_REASON, [domain], |row| {
        for (at, reason) in GapReason::ALL.into_iter().enumerate() {
            slots.add(reason, row.get(at)?);
        }
        Ok(())
    })?;
    Ok(slots)
}

static SLOTS_BY_REASON: LazyLock<String> = LazyLock::new(|| {
    let sums = GapReason::ALL.map(|reason| {
        format!(
            "coalesce(sum(slots) FILTER (WHERE reason = '{}'), 0)",
            reason.as_str()
        )
    });
    format!("SELECT {} FROM gap WHERE domain_id = ?1", sums.join(", "))
});

/// Returns the range from the first to the last gap of a domain.
pub(crate) fn edges(connection: &Connection, domain: i64) -> Result<Option<Span>> {
    let sql = "SELECT min(start_ts), max(end_ts) FROM gap WHERE domain_id = ?1";
    let edges = connection.first(sql, [domain], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(edges.and_then(|(start, end): (Option<i64>, Option<i64>)| Span::new(start?, end?)))
}

/// Returns the range from the first to the last slot of a domain that was asked for without a usable answer.
pub(crate) fn failed_range(connection: &Connection, domain: i64) -> Result<Option<Span>> {
    if !connection.table_exists(None, "gap")? {
        return Ok(None);
    }
    let sql = "SELECT min(start_ts), max(end_ts) FROM gap WHERE reason = 'failed' AND domain_id = ?1";
    let edges = connection.first(sql, [domain], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(edges.and_then(|(start, end): (Option<i64>, Option<i64>)| Span::new(start?, end?)))
}

/// Returns all rows with one reason, by domain.
fn of_reason(connection: &Connection, reason: GapReason) -> Result<BTreeMap<i64, Vec<Gap>>> {
    // The condition is written out, because a partial index can be used only then.
    let sql = format!(
        "SELECT start_ts, end_ts, reason, confirmed, asked_domains, asked_slots, domain_id FROM gap
         WHERE reason = '{}' ORDER BY domain_id, start_ts",
        reason.as_str()
    );
    let mut gaps: BTreeMap<i64, Vec<Gap>> = BTreeMap::new();
    connection.each(&sql, [], |row| {
        gaps.entry(row.get(6)?).or_default().push(stored_gap(row)?);
        Ok(())
    })?;
    Ok(gaps)
}

/// Reads the columns `start_ts, end_ts, reason, confirmed, asked_domains, asked_slots`, by their places.
fn stored_gap(row: &Row<'_>) -> Result<Gap> {
    let reason: String = row.get(2)?;
    let reason = GapReason::from_text(&reason)
        .ok_or_else(|| StoreErrorKind::Impossible("a row of `gap` has an unknown reason".to_owned()))?;
    let (domains, slots): (Option<u32>, Option<u32>) = (row.get(4)?, row.get(5)?);
    let shape = domains.zip(slots);
    Ok(Gap {
        span: stored_span(row)?,
        reason,
        confirmed: row.get(3)?,
        shape: shape.map(|(domains, slots)| Shape { domains, slots }),
    })
}

/// Gaps of a domain that change.
#[derive(Debug, Default)]
pub(crate) struct GapChange {
    pub(crate) domain: i64,
    before: Vec<Gap>,
    after: Vec<Gap>,
}

impl GapChange {
    /// Writes what differs.
    pub(crate) fn write(&self, tx: &Connection) -> Result<()> {
        write(tx, self.domain, (&self.before, &self.after))
    }

    /// Returns the smallest range that holds every slot whose reason changes; `None` if nothing changes.
    pub(crate) fn hull(&self) -> Option<Span> {
        let changed = differences(&self.before, &self.after).chain(differences(&self.after, &self.before));
        changed.reduce(|one, other| {
            let (start, end) = (one.start().min(other.start()), one.end().max(other.end()));
            Span::new(start, end).unwrap_or(one)
        })
    }
}

/// Returns what each of `some` that is not among `others` has beyond the one that begins or ends where it does.
fn differences<'a>(some: &'a [Gap], others: &'a [Gap]) -> impl Iterator<Item = Span> + 'a {
    let changed = some.iter().filter(|gap| !others.contains(gap));
    changed.map(|gap| {
        let (start, end) = (gap.span.start(), gap.span.end());
        let like = |other: &&Gap| other.is_like(gap);
        let of_start = others
            .iter()
            .filter(like)
            .find(|other| other.span.start() == start);
        let of_end = || others.iter().filter(like).find(|other| other.span.end() == end);
        let part = match of_start {
            Some(other) => Span::new(other.span.end().min(end), other.span.end().max(end)),
            None => of_end()
                .and_then(|other| Span::new(other.span.start().min(start), other.span.start().max(start))),
        };
        part.unwrap_or(gap.span)
    })
}

/// Returns how the gaps of a domain change that nobody asks for any more: what is outside of its coverage is no gap then.
pub(crate) fn given_up(tx: &Connection, domain: i64) -> Result<GapChange> {
    let sql = "SELECT start_ts, end_ts, reason, confirmed, asked_domains, asked_slots FROM gap
               WHERE domain_id = ?1 AND reason IN ('failed', 'never_asked') ORDER BY start_ts";
    Ok(GapChange {
        domain,
        before: tx.rows(sql, [domain], stored_gap)?,
        after: Vec::new(),
    })
}

/// Returns how the gaps change that no commit can know: which ranges were never asked for as of now. Ranges that were asked
/// for without a usable answer stay failed.
pub(crate) fn expected(tx: &Connection, ids: &mut DomainIds, expected: &Expected) -> Result<Vec<GapChange>> {
    let failed = of_reason(tx, GapReason::Failed)?;
    let mut changes = Vec::new();
    for (&domain, gaps) in &failed {
        let (before, after) = cut_off_future(gaps, slot_floor(expected.until));
        changes.push(GapChange {
            domain,
            before,
            after,
        });
    }
    let never = of_reason(tx, GapReason::NeverAsked)?.into_iter();
    let mut never: BTreeMap<i64, (Vec<Gap>, Vec<Gap>)> = never
        .map(|(domain, before)| (domain, (before, Vec::new())))
        .collect();
    for domain in &expected.domains {
        let domain = ids.id(tx, domain.as_str())?;
        let coverage = coverage::all(tx, domain)?;
        let range = expected.range(&coverage);
        let uncovered = range.map_or_else(Vec::new, |range| never_asked(range, &coverage));
        let failed = failed.get(&domain).map_or(&[][..], Vec::as_slice);
        let mut after = explained(&uncovered, failed);
        after.retain(|gap| gap.reason == GapReason::NeverAsked);
        never.entry(domain).or_default().1 = after;
    }
    changes.extend(never.into_iter().map(|(domain, (before, after))| GapChange {
        domain,
        before,
        after,
    }));
    Ok(changes)
}

/// Returns the gaps that reach past `until`, and what remains of them. A range that failed while the clock ran ahead is
/// not a gap yet.
fn cut_off_future(gaps: &[Gap], until: UnixSeconds) -> (Vec<Gap>, Vec<Gap>) {
    let ahead = gaps.iter().filter(|gap| gap.span.end() > until);
    let ahead: Vec<Gap> = ahead.copied().collect();
    let cut = |gap: &Gap| {
        let span = Span::new(gap.span.start(), until)?;
        Some(Gap { span, ..*gap })
    };
    let rest = ahead.iter().filter_map(cut).collect();
    (ahead, rest)
}

/// Returns whether the table covers everything that is stored. It does not in a database of an earlier version that was
/// not opened for writing since.
pub(crate) fn are_complete(connection: &Connection) -> Result<bool> {
    Ok(connection.table_exists(None, "gap_build")?
        && connection.value("SELECT complete FROM gap_build", [])?)
}

/// Writes the gaps of a domain that has none yet. `found` are the gaps that coverage and points leave in `range`.
pub(crate) fn build(tx: &Connection, domain: i64, range: Span, found: &[Gap]) -> Result<()> {
    let marks = rejected(&rejects::slots_in(tx, domain, range)?);
    let found = repaint(&[], range, &explained(found, &marks));
    write(tx, domain, (&[], &found))
}

/// Notes that the table covers everything that is stored.
pub(crate) fn complete(tx: &Connection) -> Result<()> {
    tx.run("UPDATE gap_build SET complete = 1", [])?;
    Ok(())
}

static ROW: LazyLock<RowStatements> = LazyLock::new(|| {
    let columns = "end_ts, start_cst, end_cst, slots, reason, confirmed, asked_domains, asked_slots";
    RowStatements::new("gap", "domain_id, start_ts", columns)
});

/// Writes what differs.
fn write(tx: &Connection, domain: i64, change: (&[Gap], &[Gap])) -> Result<()> {
    write_changes(
        change,
        |gap| gap.span.start(),
        |start| {
            let sql = "DELETE FROM gap WHERE domain_id = ?1 AND start_ts = ?2";
            tx.run(sql, [domain, start])
        },
        |new, is_stored| {
            let row = (
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
            );
            tx.run(ROW.of(is_stored), row)
        },
    )
}
