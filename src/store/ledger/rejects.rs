//! Rejects: pieces of answers that could not be stored, as of the latest fetch that could have shown them.

use std::collections::BTreeMap;

use rusqlite::Connection;

use crate::model::slot::slot_floor;
use crate::model::{Domain, Reject, Span, UnixSeconds};
use crate::store::error::Result;
use crate::store::file::statements::Statements as _;
use crate::store::ledger::runs::Run;

/// The rejects of one domain that was asked for, as a fetch of `window` brought them.
#[derive(Debug)]
pub(crate) struct FetchedRejects<'a> {
    /// The domain. Its next fetch of the window replaces them.
    pub(crate) asked: i64,
    /// The range that was asked for.
    pub(crate) window: Span,
    /// The rejects in it.
    pub(crate) rejects: Vec<&'a Reject>,
    /// Whether these are all rejects of the window. Then earlier ones that are not found again are deleted.
    pub(crate) complete: bool,
    /// When they came.
    pub(crate) seen_at: UnixSeconds,
    /// Which run fetched them.
    pub(crate) run: Run,
}

/// Distributes rejects to the domains that were asked for. Those of other domains go to the first one.
///
/// In the next fetch the first domain may share a request with others. The rejects that it brings then replace these.
/// So an unexpected domain in the answer is listed once, and goes when it no longer comes.
pub(crate) fn share_out<'a>(
    asked: &[Domain],
    rejects: impl IntoIterator<Item = &'a Reject>,
) -> Vec<Vec<&'a Reject>> {
    let mut shares = vec![Vec::new(); asked.len()];
    for reject in rejects {
        let named = reject.domain.parse::<Domain>().ok();
        let at = asked.iter().position(|domain| Some(domain) == named.as_ref());
        if let Some(share) = shares.get_mut(at.unwrap_or(0)) {
            share.push(reject);
        }
    }
    shares
}

/// Returns the slots of a domain in `range` with a rejected point, in order.
pub(crate) fn slots_in(connection: &Connection, domain: i64, range: Span) -> Result<Vec<UnixSeconds>> {
    // A point outside of its window is not what was asked for there.
    let mut slots = connection.rows(
        "SELECT ts FROM reject WHERE asked_domain_id = ?1 AND window_end > ?2 AND ts >= ?2 AND ts < ?3
         AND ts >= window_start AND ts < window_end ORDER BY ts",
        [domain, range.start(), range.end()],
        |row| Ok(row.get(0).map(slot_floor)?),
    )?;
    slots.dedup();
    Ok(slots)
}

/// Returns whether there are any.
pub(crate) fn any(connection: &Connection) -> Result<bool> {
    connection.any("SELECT 1 FROM reject LIMIT 1", [])
}

/// Brings the table in line with a fetch. A reject that was stored before keeps its row and its number.
pub(crate) fn apply(tx: &Connection, fetched: &FetchedRejects<'_>) -> Result<()> {
    let reasons: Vec<String> = fetched.rejects.iter().map(|new| new.reason.to_string()).collect();
    let mut groups: Vec<Vec<usize>> = Vec::new();
    let mut group_of = BTreeMap::new();
    for (at, (new, reason)) in fetched.rejects.iter().zip(&reasons).enumerate() {
        let key = (new.domain.as_str(), new.ts, reason.as_str(), new.raw.as_str());
        let group = *group_of.entry(key).or_insert(groups.len());
        match groups.get_mut(group) {
            Some(group) => group.push(at),
            None => groups.push(vec![at]),
        }
    }
    let mut is_stored = vec![false; fetched.rejects.len()];
    let mut gone = Vec::new();
    // A reject belongs to the window that it was found in. A narrower window counts only if the reject's time is
    // known to lie inside.
    let sql = "SELECT id, domain, ts, reason, raw FROM reject
         WHERE asked_domain_id = ?1 AND window_end > ?2 AND window_start < ?3
           AND (window_start >= ?2 AND window_end <= ?3
                OR ts >= ?2 AND ts < ?3 AND ts >= window_start AND ts < window_end)
         ORDER BY id";
    let parameters = [fetched.asked, fetched.window.start(), fetched.window.end()];
    // One at a time: together their texts may take much memory.
    tx.each(sql, parameters, |row| {
        let (id, domain, ts, reason, raw) = <(i64, String, _, String, String)>::try_from(row)?;
        let group = group_of.get(&(domain.as_str(), ts, reason.as_str(), raw.as_str()));
        let again = group.and_then(|group| groups.get_mut(*group)?.pop());
        match again.and_then(|at| is_stored.get_mut(at)) {
            Some(is_stored) => *is_stored = true,
            None => gone.push(id),
        }
        Ok(())
    })?;
    if fetched.complete {
        for id in gone {
            delete(tx, id)?;
        }
    }
    for (reject, is_stored) in fetched.rejects.iter().zip(is_stored) {
        if !is_stored {
            insert(tx, fetched, reject)?;
        }
    }
    Ok(())
}

fn insert(tx: &Connection, fetched: &FetchedRejects<'_>, reject: &Reject) -> Result<()> {
    tx.run("UPDATE reject_sequence SET last = last + 1", [])?;
    tx.run(
        "INSERT INTO reject (id, asked_domain_id, domain, ts, window_start, window_end,
                             reason, kind, raw, seen_at, run_id)
         SELECT last, ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10 FROM reject_sequence",
        (
            fetched.asked,
            &reject.domain,
            reject.ts,
            fetched.window.start(),
            fetched.window.end(),
            reject.reason.to_string(),
            reject.reason.kind(),
            &reject.raw,
            fetched.seen_at,
            fetched.run.id(),
        ),
    )?;
    Ok(())
}

/// Deletes a reject; returns how many rows that were.
pub(crate) fn delete(tx: &Connection, id: i64) -> Result<usize> {
    tx.run("DELETE FROM reject WHERE id = ?1", [id])
}
