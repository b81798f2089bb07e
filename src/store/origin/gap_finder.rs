//! Finds the slots without a point.

use rusqlite::Connection;

use crate::model::gaps::GapFinder;
use crate::model::{CoverageSpan, Gap, Span};
use crate::store::error::Result;
use crate::store::file::statements::Statements as _;

/// Returns the gaps of a domain in `range`, as far as its coverage and its points show them. Holds one row at a time.
pub(crate) fn find(
    connection: &Connection,
    domain: i64,
    range: Span,
    coverage: &[CoverageSpan],
) -> Result<Vec<Gap>> {
    let mut finder = GapFinder::new(range, coverage);
    connection.each(
        "SELECT ts FROM point WHERE domain_id = ?1 AND ts >= ?2 AND ts < ?3 ORDER BY ts",
        [domain, range.start(), range.end()],
        |row| {
            finder.point(row.get(0)?);
            Ok(())
        },
    )?;
    Ok(finder.finish())
}
