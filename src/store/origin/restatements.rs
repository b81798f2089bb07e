//! Restatements: how later answers changed stored points, and how many points were compared.

use std::collections::BTreeMap;

use rusqlite::Connection;

use crate::model::UnixSeconds;
use crate::model::slot::{HOUR_SECONDS, slot_floor};
use crate::store::error::{Result, StoreErrorKind};
use crate::store::file::statements::Statements as _;
use crate::store::origin::closings;
use crate::store::origin::codes::Translation;
use crate::store::origin::walk::{StoredCount, StoredPoint};

/// Comparisons at this age in whole hours and at later ones are counted together.
const LAST_HOUR: i64 = 48;
/// The limits between the ages that are shown, in hours.
const EDGES_HOURS: [i64; 6] = [0, 1, 4, 12, 24, LAST_HOUR];

/// A stored point, and the point of the same moment in a later answer. Without a stored point the new one came late.
#[derive(Debug)]
pub(crate) struct Restatement<'a> {
    pub(crate) domain: i64,
    pub(crate) seen_at: UnixSeconds,
    pub(crate) before: Option<(StoredPoint, &'a [StoredCount])>,
    pub(crate) after: (StoredPoint, &'a [StoredCount]),
}

/// Adds a row for a point that is about to change, or that came late.
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
    tx.run(
        "INSERT INTO restatement (domain_id, ts, nth, detected_at, age_seconds, bandwidth_before,
                                  bandwidth_after, pv_before, pv_after, codes_before, codes_after)
         SELECT ?1, ?2, coalesce(max(nth), 0) + 1, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10
         FROM restatement WHERE domain_id = ?1 AND ts = ?2",
        (
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
        ),
    )?;
    closings::note_restatement(tx, domain, after.ts)
}

/// Returns the counts above zero as a JSON object in the order of the codes' text. A zero is included if `other`
/// lacks the code of `set`: otherwise a code that is no longer reported would change nothing visible.
fn as_json(
    names: &mut Translation<'_>,
    set: i64,
    counts: &[StoredCount],
    other: Option<i64>,
) -> Result<String> {
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

/// How often points changed that were asked for again between two ages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settling {
    /// The youngest of these ages, in whole hours.
    pub from_hours: i64,
    /// The first age beyond, in whole hours; `None` if there is no limit.
    pub to_hours: Option<i64>,
    /// Stored points that an answer mentioned again at such an age. A point that was asked for twice counts twice.
    pub asked_again: u64,
    /// How many of them the answer changed.
    pub changed: u64,
}

/// Returns how late the points of these domains change, from the youngest age to the oldest. Databases count this since
/// they have the table of restatements.
pub(crate) fn settling(connection: &Connection, domains: &[i64]) -> Result<Vec<Settling>> {
    let next = EDGES_HOURS.iter().skip(1).copied().map(Some).chain([None]);
    let ages = EDGES_HOURS.iter().copied().zip(next);
    ages.map(|(from, to)| stage(connection, domains, from, to))
        .collect()
}

fn stage(
    connection: &Connection,
    domains: &[i64],
    from_hours: i64,
    to_hours: Option<i64>,
) -> Result<Settling> {
    let mut stage = Settling {
        from_hours,
        to_hours,
        asked_again: 0,
        changed: 0,
    };
    // A database from before these tables has counted nothing.
    if !connection.table_exists(None, "refetch")? {
        return Ok(stage);
    }
    let from = if from_hours == 0 { i64::MIN } else { from_hours };
    let to = to_hours.unwrap_or(i64::MAX);
    let seconds = |hours: i64| hours.saturating_mul(HOUR_SECONDS);
    for &domain in domains {
        stage.asked_again += connection.count(
            "SELECT coalesce(sum(points), 0) FROM refetch WHERE domain_id = ?1 AND age_hours >= ?2 AND age_hours < ?3",
            [domain, from, to],
        )?;
        stage.changed += connection.count(
            // A point that came late was compared with nothing.
            "SELECT count(*) FROM restatement
             WHERE domain_id = ?1 AND age_seconds >= ?2 AND age_seconds < ?3 AND bandwidth_before IS NOT NULL",
            [domain, seconds(from), seconds(to)],
        )?;
    }
    Ok(stage)
}

/// Counts the points that were compared with stored ones, by age.
#[derive(Debug, Default)]
pub(crate) struct Comparisons(BTreeMap<i64, i64>);

impl Comparisons {
    /// Counts a stored point at `ts` that an answer of `seen_at` mentions.
    pub(crate) fn count(&mut self, ts: UnixSeconds, seen_at: UnixSeconds) {
        // A clock that went back makes negative ages.
        let hours = ((seen_at - slot_floor(ts)) / HOUR_SECONDS).clamp(0, LAST_HOUR);
        *self.0.entry(hours).or_insert(0) += 1;
    }

    /// Adds the counts to the rows of a domain.
    pub(crate) fn write(self, tx: &Connection, domain: i64) -> Result<()> {
        for (hours, points) in self.0 {
            tx.run(
                "INSERT INTO refetch (domain_id, age_hours, points) VALUES (?1, ?2, ?3)
                 ON CONFLICT DO UPDATE SET points = points + excluded.points",
                [domain, hours, points],
            )?;
        }
        Ok(())
    }
}
