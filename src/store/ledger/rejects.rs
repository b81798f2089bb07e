//! What could not be taken, as of the latest fetch that could have told.

use rusqlite::Connection;

use crate::model::slot::slot_floor;
use crate::model::{Domain, Reject, Span, UnixSeconds};
use crate::store::error::Result;
use crate::store::ledger::runs::Run;

/// The rejects of one domain that was asked for, as a fetch of `window` found them.
#[derive(Debug)]
pub(crate) struct Finding<'a> {
    /// The domain whose next fetch of the window replaces them.
    pub(crate) asked: i64,
    /// The range that was asked for.
    pub(crate) window: Span,
    /// What was found in it.
    pub(crate) rejects: Vec<&'a Reject>,
    /// Whether it is everything there is to find: if so, what was found earlier and not again is removed.
    pub(crate) complete: bool,
    /// When it was found.
    pub(crate) seen_at: UnixSeconds,
    /// By which run.
    pub(crate) run: Run,
}

/// Shares rejects out to the domains that were asked for; those of other domains go to the first.
///
/// In the next fetch the first domain may share a request with others. What it then brings replaces what it
/// brought now, so a stranger in the answer is listed once and goes when it no longer comes.
pub(crate) fn share_out<'a>(
    asked: &[Domain],
    rejects: impl IntoIterator<Item = &'a Reject>,
) -> Vec<Vec<&'a Reject>> {
    let mut shares = vec![Vec::new(); asked.len()];
    for reject in rejects {
        let named = reject.domain.parse::<Domain>().ok();
        let at = asked
            .iter()
            .position(|domain| Some(domain) == named.as_ref())
            .unwrap_or(0);
        if let Some(share) = shares.get_mut(at) {
            share.push(reject);
        }
    }
    shares
}

/// The slots of a domain in `range` of which a point was rejected, in order.
pub(crate) fn slots_in(connection: &Connection, domain: i64, range: Span) -> Result<Vec<UnixSeconds>> {
    // A point outside of the window that brought it is not what was asked for there.
    let mut select = connection.prepare_cached(
        "SELECT ts FROM reject WHERE asked_domain_id = ?1 AND window_end > ?2 AND ts >= ?2 AND ts < ?3
         AND ts >= window_start AND ts < window_end ORDER BY ts",
    )?;
    let mut slots = select
        .query_map([domain, range.start(), range.end()], |row| {
            row.get(0).map(slot_floor)
        })?
        .collect::<rusqlite::Result<Vec<_>>>()?;
    slots.dedup();
    Ok(slots)
}

/// Brings the table in line with a finding; a reject that was there already keeps its row and number.
pub(crate) fn apply(tx: &Connection, finding: &Finding<'_>) -> Result<()> {
    let mut missing = finding.rejects.clone();
    let mut gone = Vec::new();
    {
        // A piece belongs to the window that it was found in. A narrower window speaks for it only where the
        // piece's time is known to lie inside.
        let mut select = tx.prepare_cached(
            "SELECT id, domain, ts, reason, raw FROM reject
             WHERE asked_domain_id = ?1 AND window_end > ?2 AND window_start < ?3
               AND (window_start >= ?2 AND window_end <= ?3
                    OR ts >= ?2 AND ts < ?3 AND ts >= window_start AND ts < window_end)
             ORDER BY id",
        )?;
        let mut rows = select.query([finding.asked, finding.window.start(), finding.window.end()])?;
        while let Some(row) = rows.next()? {
            let domain: String = row.get("domain")?;
            let ts: Option<UnixSeconds> = row.get("ts")?;
            let reason: String = row.get("reason")?;
            let raw: String = row.get("raw")?;
            let again = missing.iter().position(|new| {
                new.domain == domain && new.ts == ts && new.raw == raw && new.reason.to_string() == reason
            });
            match again {
                Some(at) => {
                    missing.remove(at);
                }
                None => gone.push(row.get::<_, i64>("id")?),
            }
        }
    }
    if finding.complete {
        let mut delete = tx.prepare_cached("DELETE FROM reject WHERE id = ?1")?;
        for id in gone {
            delete.execute([id])?;
        }
    }
    for reject in missing {
        insert(tx, finding, reject)?;
    }
    Ok(())
}

fn insert(tx: &Connection, finding: &Finding<'_>, reject: &Reject) -> Result<()> {
    tx.prepare_cached("UPDATE reject_sequence SET last = last + 1")?
        .execute([])?;
    tx.prepare_cached(
        "INSERT INTO reject (id, asked_domain_id, domain, ts, window_start, window_end,
                             reason, kind, raw, seen_at, run_id)
         SELECT last, ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10 FROM reject_sequence",
    )?
    .execute((
        finding.asked,
        &reject.domain,
        reject.ts,
        finding.window.start(),
        finding.window.end(),
        reject.reason.to_string(),
        reject.reason.kind(),
        &reject.raw,
        finding.seen_at,
        finding.run.id(),
    ))?;
    Ok(())
}
