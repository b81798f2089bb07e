//! What is missing, what was changed after it had been stored, and what could not be taken.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use rusqlite::{Connection, Row};
use serde::Serialize;

use super::column::Exact;
use super::error::ReportError;
use crate::model::convert::to_usize;
use crate::model::slot::SLOT_SECONDS;
use crate::model::{Span, UnixSeconds, text};

/// How many of the largest gaps are listed.
pub const GAPS: usize = 50;
/// How many of the latest restatements are listed.
pub const RESTATEMENTS: u32 = 200;
/// How much of a restatement's codes is shown.
const SHOWN_CODES: usize = 400;

/// The slots without a point.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Gaps {
    /// Gaps in the days of the report.
    pub count: u64,
    /// Their slots, by reason.
    pub slots: BTreeMap<String, i64>,
    /// Slots without a point before and after those days.
    pub outside: i64,
    /// The largest.
    pub rows: Vec<GapRow>,
}

/// A gap, cut to the days of the report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct GapRow {
    /// The domain's place in the report.
    pub domain: usize,
    /// Its first slot.
    pub start: UnixSeconds,
    /// The first slot after it.
    pub end: UnixSeconds,
    /// Why there is no point.
    pub reason: String,
}

/// The values that a later answer changed.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Restatements {
    /// All of them.
    pub count: i64,
    /// The latest.
    pub rows: Vec<RestatementRow>,
}

/// A value that a later answer changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RestatementRow {
    /// The domain's place in the report.
    pub domain: usize,
    /// The point.
    pub ts: UnixSeconds,
    /// When the change was seen.
    pub seen: UnixSeconds,
    /// The age of the slot then, in seconds.
    pub age: i64,
    /// Bandwidth before and after, in bit/s; nothing before where the point came late.
    pub bandwidth: [Option<Exact>; 2],
    /// Requests before and after; nothing before where the point came late.
    pub pv: [Option<Exact>; 2],
    /// Status codes before and after, as JSON, where they changed; nothing before where the point came late.
    pub codes: Option<[Option<String>; 2]>,
}

impl Gaps {
    /// Adds those of the domain that stands at `place`.
    pub fn add(
        &mut self,
        connection: &Connection,
        name: &str,
        place: usize,
        span: Span,
    ) -> Result<(), ReportError> {
        let mut select = connection
            .prepare_cached("SELECT start_ts, end_ts, slots, reason FROM origin_gaps WHERE domain = ?1")?;
        let mut rows = select.query([name])?;
        while let Some(row) = rows.next()? {
            let slots: i64 = row.get(2)?;
            let within = Span::new(row.get(0)?, row.get(1)?).and_then(|gap| gap.intersect(&span));
            let inside = within.map_or(0, |gap| gap.seconds() / SLOT_SECONDS);
            self.outside += slots - inside;
            let Some(gap) = within else { continue };
            let reason: String = row.get(3)?;
            self.count += 1;
            *self.slots.entry(reason.clone()).or_default() += inside;
            self.rows.push(GapRow {
                domain: place,
                start: gap.start(),
                end: gap.end(),
                reason,
            });
            if self.rows.len() > 2 * GAPS {
                self.keep_largest();
            }
        }
        self.keep_largest();
        Ok(())
    }

    fn keep_largest(&mut self) {
        self.rows
            .sort_by_key(|gap| (Reverse(gap.end - gap.start), gap.start, gap.domain));
        self.rows.truncate(GAPS);
    }
}

impl Restatements {
    /// Adds those of the domain that stands at `place`.
    pub fn add(
        &mut self,
        connection: &Connection,
        name: &str,
        place: usize,
        span: Span,
    ) -> Result<(), ReportError> {
        let within = (name, span.start(), span.end());
        let mut count = connection.prepare_cached(
            "SELECT count(*) FROM origin_restatements WHERE domain = ?1 AND ts >= ?2 AND ts < ?3",
        )?;
        let of_domain: i64 = count.query_row(within, |row| row.get(0))?;
        if of_domain == 0 {
            return Ok(());
        }
        self.count += of_domain;
        let mut select = connection.prepare_cached(
            "SELECT ts, detected_at, age_seconds, bandwidth_before, bandwidth_after, pv_before, pv_after,
                    codes_before, codes_after
             FROM origin_restatements WHERE domain = ?1 AND ts >= ?2 AND ts < ?3
             ORDER BY detected_at DESC, ts DESC LIMIT ?4",
        )?;
        let rows = select.query_map((name, span.start(), span.end(), RESTATEMENTS), |row| {
            let codes: (Option<String>, Option<String>) = (row.get(7)?, row.get(8)?);
            Ok(RestatementRow {
                domain: place,
                ts: row.get(0)?,
                seen: row.get(1)?,
                age: row.get(2)?,
                bandwidth: [exact(row, 3)?, exact(row, 4)?],
                pv: [exact(row, 5)?, exact(row, 6)?],
                codes: match codes {
                    (None, None) => None,
                    (before, after) => Some(
                        [before, after].map(|codes| codes.map(|codes| text::shorten(&codes, SHOWN_CODES))),
                    ),
                },
            })
        })?;
        for row in rows {
            self.rows.push(row?);
        }
        self.rows
            .sort_by_key(|row| (Reverse((row.seen, row.ts)), row.domain));
        self.rows.truncate(to_usize(RESTATEMENTS));
        Ok(())
    }
}

fn exact(row: &Row<'_>, at: usize) -> rusqlite::Result<Option<Exact>> {
    Ok(row.get::<_, Option<i64>>(at)?.map(Exact))
}

/// How many pieces of answers about `span` could not be taken. One may name a domain that was not asked for,
/// so all domains count unless `domains` narrows them.
pub fn rejects(connection: &Connection, domains: Option<&[String]>, span: Span) -> Result<u64, ReportError> {
    let mut select = connection
        .prepare("SELECT domain FROM origin_rejects WHERE window_start < ?2 AND window_end > ?1")?;
    let mut rows = select.query((span.start(), span.end()))?;
    let mut count = 0;
    while let Some(row) = rows.next()? {
        let name = row.get_ref(0)?.as_str().unwrap_or_default();
        if domains.is_none_or(|domains| domains.iter().any(|domain| domain == name)) {
            count += 1;
        }
    }
    Ok(count)
}

/// Days of the report, counted by domain, of which the rollups do not yet tell what is committed.
pub fn due_days(connection: &Connection, domains: &[String], span: Span) -> Result<u64, ReportError> {
    let mut select = connection.prepare(
        "SELECT d.name FROM rollup_due r CROSS JOIN domain d
         WHERE d.id = r.domain_id AND r.day_ts >= ?1 AND r.day_ts < ?2",
    )?;
    let mut rows = select.query((span.start(), span.end()))?;
    let mut count = 0;
    while let Some(row) = rows.next()? {
        let name = row.get_ref(0)?.as_str().unwrap_or_default();
        if domains.iter().any(|domain| domain == name) {
            count += 1;
        }
    }
    Ok(count)
}
