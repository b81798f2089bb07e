//! The highest points of each month of a domain and of the account, so that a month need not be read again for a new point.
//!
//! They follow from the points. A month without a row is read as a whole.

use rusqlite::Connection;

use crate::model::Span;
use crate::model::top_points::TopPoints;
use crate::store::error::Result;
use crate::store::file::statements::Statements as _;

/// The number under which the sums of the account are stored. No domain has it.
pub(crate) const ACCOUNT: i64 = 0;

/// Returns the highest points of a month; `None` if they are not known.
pub(crate) fn read(connection: &Connection, owner: i64, month: Span) -> Result<Option<TopPoints>> {
    let sql = "SELECT points FROM month_top WHERE domain_id = ?1 AND month_ts = ?2";
    let start = month.start();
    let top = connection.first(sql, [owner, start], |row| {
        let bytes = row.get_ref(0)?.as_blob()?;
        Ok(TopPoints::from_bytes(bytes, start))
    })?;
    Ok(top.flatten())
}

/// Stores the highest points of a month.
pub(crate) fn write(tx: &Connection, owner: i64, month: Span, top: &TopPoints) -> Result<()> {
    tx.run(
        "INSERT INTO month_top (domain_id, month_ts, points) VALUES (?1, ?2, ?3)
         ON CONFLICT DO UPDATE SET points = excluded.points WHERE points IS NOT excluded.points",
        (owner, month.start(), top.to_bytes(month.start())),
    )?;
    Ok(())
}

/// Deletes all of them.
pub(crate) fn delete_all(tx: &Connection) -> Result<()> {
    tx.run("DELETE FROM month_top", [])?;
    Ok(())
}
