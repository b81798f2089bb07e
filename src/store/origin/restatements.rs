//! What later answers changed of stored points, and how many points they were compared with.

use std::collections::BTreeMap;

use rusqlite::Connection;

use crate::model::UnixSeconds;
use crate::model::convert::to_u64;
use crate::model::slot::{HOUR_SECONDS, slot_floor};
use crate::store::error::{Result, StoreError, StoreErrorKind};
use crate::store::origin::dictionary::Translation;
use crate::store::origin::stored::{Count, Figures};
use crate::store::read::reader::Reader;

/// From this age on, in whole hours, comparisons are counted together.
const LAST_HOUR: i64 = 48;
/// Where the ages are parted for people, in hours.
const EDGES_HOURS: [i64; 6] = [0, 1, 4, 12, 24, LAST_HOUR];

/// A stored point next to what a later answer says of the same moment; or only the latter, where the point came
/// late.
#[derive(Debug)]
pub(crate) struct Restatement<'a> {
    pub(crate) domain: i64,
    pub(crate) seen_at: UnixSeconds,
    pub(crate) before: Option<(Figures, &'a [Count])>,
    pub(crate) after: (Figures, &'a [Count]),
}

/// Adds a row for a point that is about to change, or to come late.
pub(crate) fn record(
    tx: &Connection,
    names: &mut Translation<'_>,
    restatement: &Restatement<'_>,
) -> Result<()> {
    let Restatement {
        domain,
        seen_at,
        before,
        after: (after, counts_after),
    } = *restatement;
    let (codes_before, codes_after) = match before {
        Some((before, counts_before)) if before.set == after.set && counts_before == counts_after => {
            (None, None)
        }
        Some((before, counts_before)) => (
            Some(as_json(names, before.set, counts_before, Some(after.set))?),
            Some(as_json(names, after.set, counts_after, Some(before.set))?),
        ),
        None => (None, Some(as_json(names, after.set, counts_after, None)?)),
    };
    tx.prepare_cached(
        "INSERT INTO restatement (domain_id, ts, nth, detected_at, age_seconds, bandwidth_before,
                                  bandwidth_after, pv_before, pv_after, codes_before, codes_after)
         SELECT ?1, ?2, coalesce(max(nth), 0) + 1, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10
         FROM restatement WHERE domain_id = ?1 AND ts = ?2",
    )?
    .execute((
        domain,
        after.ts,
        seen_at,
        seen_at - slot_floor(after.ts),
        before.map(|(before, _)| before.bandwidth),
        after.bandwidth,
        before.map(|(before, _)| before.pv),
        after.pv,
        codes_before,
        codes_after,
    ))?;
    Ok(())
}

/// The counts above zero as a JSON object in the order of the codes' text, and the zeros of codes that `set`
/// holds and `other` does not: without these, a code that is no longer reported would change nothing visible.
fn as_json(names: &mut Translation<'_>, set: i64, counts: &[Count], other: Option<i64>) -> Result<String> {
    let mut object = BTreeMap::new();
    if other != Some(set) {
        let elsewhere = other.map_or_else(|| Ok(Vec::new()), |other| names.members(other))?;
        for code in names.members(set)? {
            if !elsewhere.contains(&code) {
                object.insert(names.text(code)?, 0);
            }
        }
    }
    for count in counts {
        object.insert(names.text(count.code)?, count.count);
    }
    serde_json::to_string(&object).map_err(|error| StoreErrorKind::InvariantViolation(error.to_string()))
}

/// How often values changed between two ages at which they were asked for again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settling {
    /// The youngest of these ages, in whole hours.
    pub from_hours: i64,
    /// The first age beyond, in whole hours; `None`: there is no such.
    pub to_hours: Option<i64>,
    /// Stored points that an answer spoke of again at such an age; one that was asked for twice counts twice.
    pub asked_again: u64,
    /// Those of them that the answer changed.
    pub changed: u64,
}

impl Reader {
    /// How late the values of `domains` change, from the youngest age to the oldest. It is counted since the
    /// database knows restatements.
    pub fn settling(&self, domains: &[String]) -> std::result::Result<Vec<Settling>, StoreError> {
        let edges = EDGES_HOURS.iter().copied();
        let next = EDGES_HOURS.iter().skip(1).copied().map(Some).chain([None]);
        let stages = edges.zip(next).map(|(from, to)| self.stage(domains, from, to));
        self.told(stages.collect())
    }

    fn stage(&self, domains: &[String], from_hours: i64, to_hours: Option<i64>) -> Result<Settling> {
        let mut stage = Settling {
            from_hours,
            to_hours,
            asked_again: 0,
            changed: 0,
        };
        // A database from before these tables has counted nothing.
        if !self.connection().table_exists(None, "refetch")? {
            return Ok(stage);
        }
        let from = if from_hours == 0 { i64::MIN } else { from_hours };
        let to = to_hours.unwrap_or(i64::MAX);
        let seconds = |hours: i64| hours.saturating_mul(HOUR_SECONDS);
        let mut asked = self.connection().prepare_cached(
            "SELECT coalesce(sum(points), 0) FROM refetch WHERE domain_id = ?1 AND age_hours >= ?2 AND age_hours < ?3",
        )?;
        let mut changed = self.connection().prepare_cached(
            // A point that came late was compared with nothing.
            "SELECT count(*) FROM restatement
             WHERE domain_id = ?1 AND age_seconds >= ?2 AND age_seconds < ?3 AND bandwidth_before IS NOT NULL",
        )?;
        for domain in domains {
            let Some(id) = self.domain_id(domain)? else {
                continue;
            };
            stage.asked_again += to_u64(asked.query_row([id, from, to], |row| row.get::<_, i64>(0))?);
            stage.changed +=
                to_u64(changed.query_row([id, seconds(from), seconds(to)], |row| row.get::<_, i64>(0))?);
        }
        Ok(stage)
    }
}

/// How many points were compared with stored ones, by age.
#[derive(Debug, Default)]
pub(crate) struct Comparisons(BTreeMap<i64, i64>);

impl Comparisons {
    /// Counts a stored point at `ts` that an answer of `seen_at` speaks of.
    pub(crate) fn count(&mut self, ts: UnixSeconds, seen_at: UnixSeconds) {
        // A clock that went back makes ages below zero.
        let hours = ((seen_at - slot_floor(ts)) / HOUR_SECONDS).clamp(0, LAST_HOUR);
        *self.0.entry(hours).or_insert(0) += 1;
    }

    /// Adds what was counted to the rows of a domain.
    pub(crate) fn write(self, tx: &Connection, domain: i64) -> Result<()> {
        let mut add = tx.prepare_cached(
            "INSERT INTO refetch (domain_id, age_hours, points) VALUES (?1, ?2, ?3)
             ON CONFLICT DO UPDATE SET points = points + excluded.points",
        )?;
        for (hours, points) in self.0 {
            add.execute([domain, hours, points])?;
        }
        Ok(())
    }
}
