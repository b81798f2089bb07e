//! The civil times of the points' moments.

use rusqlite::Connection;

use crate::model::{UnixSeconds, civil};
use crate::store::error::Result;

/// Adds a row for each of `moments` that has none.
///
/// The domains of an answer share nearly all of their moments, and so do the answers of a day.
pub(crate) fn ensure(tx: &Connection, mut moments: Vec<UnixSeconds>) -> Result<()> {
    moments.sort_unstable();
    moments.dedup();
    let (Some(first), Some(last)) = (moments.first(), moments.last()) else {
        return Ok(());
    };
    let known: Vec<UnixSeconds> = tx
        .prepare_cached("SELECT ts FROM calendar WHERE ts BETWEEN ?1 AND ?2 ORDER BY ts")?
        .query_map([first, last], |row| row.get(0))?
        .collect::<rusqlite::Result<_>>()?;
    let mut add = tx.prepare_cached("INSERT INTO calendar (ts, time_utc, time_cst) VALUES (?1, ?2, ?3)")?;
    for ts in moments {
        if known.binary_search(&ts).is_err() {
            add.execute((ts, civil::utc_second(ts), civil::cst_second(ts)))?;
        }
    }
    Ok(())
}
