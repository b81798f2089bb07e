//! The number of a commit, in the header of the file (`user_version`).
//!
//! Every transaction that changes something raises it by one, so it tells two states of a database apart, and every
//! transaction has the header's page in the write-ahead log. A new database, and every copy that goes its own way from
//! then on, begins at a random number: the numbers of two files do not meet. See [`crate::store::file::log_check`].

use crate::model::convert::to_u32;
use rusqlite::Connection;

use crate::store::error::Result;

/// Below it a file begins; above it there is room for the commits of a million years of 5-minute runs.
const MAX_START: u32 = 1 << 30;

/// The number of the last commit.
pub(crate) fn current(connection: &Connection) -> Result<u32> {
    let number: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    // 32 bits of the header, which SQLite reads as a signed number.
    Ok(to_u32(number & i64::from(u32::MAX)))
}

/// Counts a transaction that is about to be committed.
pub(crate) fn advance(tx: &Connection) -> Result<u32> {
    let next = current(tx)?.wrapping_add(1);
    set(tx, next)?;
    Ok(next)
}

/// Lets the file's numbers begin, unless they have.
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
