//! Compares the gaps with the coverage and the points.

use std::collections::BTreeSet;

use rusqlite::Connection;

use super::report::{Deep, Subject};
use crate::model::gap_rules::unlisted_slots;
use crate::model::gaps::never_asked;
use crate::model::{CoverageSpan, Gap, GapReason, Span, civil, span};
use crate::store::error::Result;
use crate::store::ledger::gaps::around;
use crate::store::ledger::{coverage, domain_ids};
use crate::store::origin::gap_finder::find;
use crate::store::read::as_of::as_of;

/// Compares the gaps of every domain with its coverage and its points. `with_gaps` says whether the table of gaps
/// covers everything that is stored.
pub(super) fn check(connection: &Connection, with_gaps: bool, deep: &mut Deep) -> Result<()> {
    let domains = deep.judge(
        Subject::Coverage,
        "the domains cannot be read",
        domain_ids::all(connection),
    )?;
    // While a run is at work, it has not listed yet what it leaves without asking for it.
    let unfinished = deep.judge(Subject::Gaps, "the runs cannot be read", as_of(connection))?;
    let all_listed = unfinished.is_some_and(|as_of| as_of.unfinished.is_none());
    let (mut ranges, mut slots) = (0, 0);
    for (id, name) in domains.into_iter().flatten() {
        let covered = coverage::all(connection, id);
        let what = format!("coverage of `{name}` cannot be read");
        let Some(covered) = deep.judge(Subject::Coverage, &what, covered)? else {
            continue;
        };
        ranges += covered.len();
        if let Some(wrong) = overlap(&covered) {
            let from = civil::cst_second(wrong.start());
            deep.found(
                Subject::Coverage,
                format!("coverage of `{name}` overlaps or cuts a slot at {from}"),
            );
            continue;
        }
        if with_gaps {
            let found = differences(connection, id, &covered, all_listed);
            let what = format!("gaps of `{name}` cannot be read");
            let found = deep.judge(Subject::Gaps, &what, found)?;
            let (counted, wrong) = found.unwrap_or_default();
            slots += counted;
            for (span, what) in wrong {
                let (from, to) = (civil::cst_minute(span.start()), civil::cst_minute(span.end()));
                deep.found(
                    Subject::Gaps,
                    format!("gaps of `{name}` from {from} to {to}: {what}"),
                );
            }
        }
    }
    deep.compared(
        Subject::Coverage,
        format!("{ranges} ranges, and no point lies outside of them"),
    );
    if with_gaps {
        deep.compared(Subject::Gaps, format!("{slots} slots without a point are listed"));
    } else {
        deep.skip(Subject::Gaps, "not built yet: the next run does it");
    }
    Ok(())
}

/// Returns the first range that is not on the grid, or that overlaps the one before.
fn overlap(covered: &[CoverageSpan]) -> Option<Span> {
    let mut end = i64::MIN;
    covered.iter().map(|piece| piece.span).find(|span| {
        let wrong = span.start() < end || !span.on_grid();
        end = span.end();
        wrong
    })
}

type Differences = (i64, Vec<(Span, &'static str)>);

/// Returns how many slots that were asked for have no point, and where the table differs.
fn differences(
    connection: &Connection,
    domain: i64,
    covered: &[CoverageSpan],
    all_listed: bool,
) -> Result<Differences> {
    let edges = covered.first().zip(covered.last());
    let range = edges.and_then(|(first, last)| Span::new(first.span.start(), last.span.end()));
    let found = range.map_or_else(
        || Ok(Vec::new()),
        |range| find(connection, domain, range, covered),
    )?;
    let noted = around(connection, domain, span::EVER)?;
    let (slots, mut wrong) = compare(&found, &noted, covered);
    if all_listed {
        let unlisted = unlisted_between(&noted, covered);
        wrong.extend(unlisted.map(|span| (span, "these slots were not asked for and are not listed")));
    }
    Ok((slots, wrong))
}

/// Compares the gaps that coverage and points leave (`found`) with those of the table (`noted`), both in order.
fn compare(found: &[Gap], noted: &[Gap], covered: &[CoverageSpan]) -> Differences {
    let mut wrong = Vec::new();
    let mut end = i64::MIN;
    for gap in noted {
        if gap.span.start() < end || !gap.span.on_grid() {
            wrong.push((gap.span, "a row overlaps another one, or cuts a slot"));
        }
        end = gap.span.end().max(end);
    }
    let (found, listed) = (joined_ranges(found), joined_ranges(noted));
    let slots = found.iter().map(|(span, _)| span.slots()).sum();
    let missing = found.difference(&listed);
    wrong.extend(missing.map(|(span, _)| (*span, "they are not listed as they are")));
    let surplus = listed.difference(&found);
    wrong.extend(surplus.map(|(span, _)| (*span, "listed, but not what coverage and points leave")));
    let outside = noted
        .iter()
        .filter(|gap| matches!(gap.reason, GapReason::Failed | GapReason::NeverAsked));
    for gap in outside {
        if covered
            .iter()
            .any(|piece| piece.span.intersect(&gap.span).is_some())
        {
            wrong.push((gap.span, "listed as never asked or failed, but they were fetched"));
        }
    }
    (slots, wrong)
}

/// Returns the first range between parts of the coverage that should be listed as never asked, and is not.
///
/// A run lists either all such ranges of a domain up to its newest slot, or none: those of a domain that is not
/// configured are no gaps. So everything before a listed one must be listed.
fn unlisted_between(noted: &[Gap], covered: &[CoverageSpan]) -> Option<Span> {
    let never = noted.iter().filter(|gap| gap.reason == GapReason::NeverAsked);
    let until = never.map(|gap| gap.span.end()).max()?;
    let (first, last) = (covered.first()?, covered.last()?);
    let range = Span::new(first.span.start(), last.span.end().min(until))?;
    let listed: Vec<Span> = noted
        .iter()
        .filter(|gap| matches!(gap.reason, GapReason::Failed | GapReason::NeverAsked))
        .map(|gap| gap.span)
        .collect();
    let between = never_asked(range, covered).into_iter();
    let mut unlisted = between.filter(|gap| unlisted_slots(&[*gap], &listed) > 0);
    unlisted.next().map(|gap| gap.span)
}

/// Returns the ranges that were asked for and have no point, joined where they touch, and whether each is beyond
/// retention.
fn joined_ranges(gaps: &[Gap]) -> BTreeSet<(Span, bool)> {
    let mut ranges = BTreeSet::new();
    let mut last: Option<(Span, bool)> = None;
    for gap in gaps {
        let beyond = match gap.reason {
            GapReason::Empty | GapReason::Rejected => false,
            GapReason::BeyondRetention => true,
            GapReason::NeverAsked | GapReason::Failed => continue,
        };
        let joined = last
            .filter(|(span, of)| span.end() == gap.span.start() && *of == beyond)
            .and_then(|(span, _)| Span::new(span.start(), gap.span.end()));
        if joined.is_none() {
            ranges.extend(last);
        }
        last = Some((joined.unwrap_or(gap.span), beyond));
    }
    ranges.extend(last);
    ranges
}
