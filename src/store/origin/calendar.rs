//! The civil times of the points' moments.

use rusqlite::Connection;

use crate::model::{UnixSeconds, civil};
use crate::store::error::Result;
use crate::store::file::statements::Statements as _;

/// Adds a row for each of `moments` that has none.
///
/// The domains of an answer share nearly all of their moments, and so do the answers of a day.
pub(crate) fn ensure(tx: &Connection, mut moments: Vec<UnixSeconds>) -> Result<()> {
    moments.sort_unstable();
    moments.dedup();
    let (Some(first), Some(last)) = (moments.first(), moments.last()) else {
        return Ok(());
    };
    let stored: Vec<UnixSeconds> = tx.column(
        "SELECT ts FROM calendar WHERE ts BETWEEN ?1 AND ?2 ORDER BY ts",
        [first, last],
    )?;
    moments.retain(|ts| stored.binary_search(ts).is_err());
    for ts in moments {
        tx.run(
            "INSERT INTO calendar (ts, time_utc, time_cst) VALUES (?1, ?2, ?3)",
            (ts, civil::utc_second(ts), civil::cst_second(ts)),
        )?;
    }
    Ok(())
}

/// Removes the row of a moment that no point has any more.
pub(crate) fn remove_unused(tx: &Connection, ts: UnixSeconds) -> Result<()> {
    tx.run(
        "DELETE FROM calendar WHERE ts = ?1 AND NOT EXISTS
             (SELECT 1 FROM domain d CROSS JOIN point p WHERE p.domain_id = d.id AND p.ts = ?1)",
        [ts],
    )?;
    Ok(())
}
