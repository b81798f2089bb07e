//! Data quality: slots without a point, values that changed later, and rejects.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use rusqlite::Row;
use serde::Serialize;

use super::error::ReportError;
use super::number::Exact;
use crate::model::slot::SLOT_SECONDS;
use crate::model::{Span, UnixSeconds, text};
use crate::store::Reader;

/// How many of the largest gaps are listed.
pub const GAPS: usize = 50;
/// How many of the latest restatements are listed.
pub const RESTATEMENTS: usize = 200;
/// How many characters of a restatement's codes are shown.
const SHOWN_CODES: usize = 400;

/// The slots without a point.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Gaps {
    /// The number of gaps in the days of the report.
    pub count: u64,
    /// The number of their slots, by reason.
    pub slots: BTreeMap<String, i64>,
    /// The number of slots without a point before and after those days.
    pub outside: i64,
    /// The largest gaps.
    pub rows: Vec<GapRow>,
}

/// A gap, cut to the days of the report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct GapRow {
    /// The domain's place in the report.
    pub domain: usize,
    /// The first slot.
    pub start: UnixSeconds,
    /// The first slot after it.
    pub end: UnixSeconds,
    /// Why there is no point.
    pub reason: String,
}

/// The values that a later answer changed.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Restatements {
    /// The number of restatements.
    pub count: i64,
    /// The latest restatements.
    pub rows: Vec<RestatementRow>,
}

/// A value that a later answer changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RestatementRow {
    /// The domain's place in the report.
    pub domain: usize,
    /// The time of the point.
    pub ts: UnixSeconds,
    /// When the change was detected.
    pub seen: UnixSeconds,
    /// The age of the slot at that moment, in seconds.
    pub age: i64,
    /// Bandwidth before and after, in bit/s. `null` before: the point came late.
    pub bandwidth: [Option<Exact>; 2],
    /// Requests before and after. `null` before: the point came late.
    pub pv: [Option<Exact>; 2],
    /// Status codes before and after, as JSON, if they changed. `null` before: the point came late.
    pub codes: Option<[Option<String>; 2]>,
}

impl Gaps {
    /// Adds the gaps of the domain at `place`. Without days to show, all of them lie outside.
    pub(super) fn add(
        &mut self,
        reader: &Reader,
        (name, place): (&str, usize),
        span: Option<Span>,
    ) -> Result<(), ReportError> {
        let sql = "SELECT start_ts, end_ts, slots, reason FROM origin_gaps WHERE domain = ?1";
        reader.each::<ReportError>(sql, [name], |row| {
            let slots: i64 = row.get(2)?;
            let gap = Span::new(row.get(0)?, row.get(1)?);
            let within = gap.zip(span).and_then(|(gap, span)| gap.intersect(&span));
            let inside = within.map_or(0, |gap| gap.seconds() / SLOT_SECONDS);
            self.outside += slots - inside;
            let Some(gap) = within else { return Ok(()) };
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
            Ok(())
        })?;
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
    /// Adds the restatements of the domain at `place`.
    pub(super) fn add(
        &mut self,
        reader: &Reader,
        (name, place): (&str, usize),
        span: Span,
    ) -> Result<(), ReportError> {
        let within = (name, span.start(), span.end());
        let sql = "SELECT count(*) FROM origin_restatements WHERE domain = ?1 AND ts >= ?2 AND ts < ?3";
        reader.each::<ReportError>(sql, within, |row| {
            self.count += row.get::<_, i64>(0)?;
            Ok(())
        })?;
        let sql = format!(
            "SELECT ts, detected_at, age_seconds, bandwidth_before, bandwidth_after, pv_before, pv_after,
                    codes_before, codes_after
             FROM origin_restatements WHERE domain = ?1 AND ts >= ?2 AND ts < ?3
             ORDER BY detected_at DESC, ts DESC LIMIT {RESTATEMENTS}"
        );
        reader.each::<ReportError>(&sql, within, |row| {
            let codes: [Option<String>; 2] = [row.get(7)?, row.get(8)?];
            let shown = codes.map(|codes| codes.map(|codes| text::shorten(&codes, SHOWN_CODES)));
            self.rows.push(RestatementRow {
                domain: place,
                ts: row.get(0)?,
                seen: row.get(1)?,
                age: row.get(2)?,
                bandwidth: [exact(row, 3)?, exact(row, 4)?],
                pv: [exact(row, 5)?, exact(row, 6)?],
                codes: (shown != [None, None]).then_some(shown),
            });
            Ok(())
        })?;
        self.rows
            .sort_by_key(|row| (Reverse((row.seen, row.ts)), row.domain));
        self.rows.truncate(RESTATEMENTS);
        Ok(())
    }
}

fn exact(row: &Row<'_>, at: usize) -> rusqlite::Result<Option<Exact>> {
    Ok(row.get::<_, Option<i64>>(at)?.map(Exact))
}

/// Returns the number of rejects of windows that overlap `span`. A reject may name a domain that was not asked for, so
/// all domains count unless `domains` narrows them.
pub(super) fn rejects(reader: &Reader, domains: Option<&[String]>, span: Span) -> Result<u64, ReportError> {
    let sql = "SELECT domain FROM origin_rejects WHERE window_start < ?2 AND window_end > ?1";
    let mut count = 0;
    reader.each::<ReportError>(sql, (span.start(), span.end()), |row| {
        let name = row.get_ref(0)?.as_str().unwrap_or_default();
        count += u64::from(domains.is_none_or(|domains| domains.iter().any(|domain| domain == name)));
        Ok(())
    })?;
    Ok(count)
}
