//! How much memory the SQL of a user may take.
//!
//! A statement of thirty characters can make SQLite build a value of a gigabyte.

use rusqlite::Connection;
use rusqlite::limits::Limit;
use rusqlite::types::ValueRef;

use crate::model::convert::to_i32;

/// The longest statement, in bytes.
pub const MAX_SQL_BYTES: usize = 1 << 20;
/// The largest value, and the largest row of a result, in bytes. Output with escapes takes up to six times as much.
pub(crate) const MAX_ROW_BYTES: usize = 8 << 20;
/// The most memory that SQLite may take in this process, in bytes. Sorting uses temporary files before.
pub(crate) const MAX_HEAP_BYTES: i64 = 64 << 20;

/// The page cache, in KiB.
const CACHE_KIB: i64 = 16 << 10;

/// Limits everything that runs on `connection` from now on, and the memory of all connections of this process.
pub(crate) fn apply(connection: &Connection) -> rusqlite::Result<()> {
    for (limit, value) in [
        (Limit::SQLITE_LIMIT_LENGTH, to_i32(MAX_ROW_BYTES)),
        (Limit::SQLITE_LIMIT_SQL_LENGTH, to_i32(MAX_SQL_BYTES)),
        (Limit::SQLITE_LIMIT_VDBE_OP, 1_000_000),
        (Limit::SQLITE_LIMIT_LIKE_PATTERN_LENGTH, 10_000),
        (Limit::SQLITE_LIMIT_WORKER_THREADS, 0),
    ] {
        connection.set_limit(limit, value)?;
    }
    // Sorting uses temporary files in pieces of this size, and at the end all pieces are open at once.
    connection.pragma_update(None, "cache_size", -CACHE_KIB)?;
    // SQL can only lower it further.
    connection.pragma_update_and_check(None, "hard_heap_limit", MAX_HEAP_BYTES, |_| Ok(()))
}

/// Returns how many bytes a row has in texts and blobs.
pub(crate) fn size_of(row: &[ValueRef<'_>]) -> usize {
    row.iter()
        .map(|value| match value {
            ValueRef::Text(bytes) | ValueRef::Blob(bytes) => bytes.len(),
            ValueRef::Null | ValueRef::Integer(_) | ValueRef::Real(_) => 8,
        })
        .sum()
}
