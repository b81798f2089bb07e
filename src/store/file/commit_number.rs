//! The number of a commit, in the header of the file (`user_version`).
//!
//! Every transaction that changes something raises it by one. So it distinguishes two states of a database, and every
//! transaction has the header's page in the write-ahead log. A new database begins at a random number, and so does
//! every copy that is written to from then on: the numbers of two files do not meet. See [`super::log_check`].

use rusqlite::Connection;

use crate::model::convert::to_u32;
use crate::store::error::Result;

/// The numbers of a file begin below this. Above it there is room for a million years of 5-minute runs.
const MAX_START: u32 = 1 << 30;

/// Returns the number of the last commit.
pub(crate) fn current(connection: &Connection) -> Result<u32> {
    let number: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    // 32 bits of the header, which SQLite reads as a signed number.
    Ok(to_u32(number & i64::from(u32::MAX)))
}

/// Counts a transaction that is about to be committed; returns its number.
pub(crate) fn advance(tx: &Connection) -> Result<u32> {
    let next = current(tx)?.wrapping_add(1);
    set(tx, next)?;
    Ok(next)
}

/// Gives a new file its first number.
pub(crate) fn begin(connection: &Connection) -> Result<()> {
    if current(connection)? == 0 {
        start_anew(connection)?;
    }
    Ok(())
}

/// Gives a copy numbers of its own.
pub(crate) fn start_anew(connection: &Connection) -> Result<()> {
    set(connection, fastrand::u32(1..MAX_START))
}

fn set(connection: &Connection, number: u32) -> Result<()> {
    // As SQLite prints it: a signed number of 32 bits.
    let number = i32::from_ne_bytes(number.to_ne_bytes());
    Ok(connection.pragma_update(None, "user_version", number)?)
}
