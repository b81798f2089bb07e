//! Tables that are computed from the others in a database of an earlier version of this program.

use rusqlite::Connection;

use crate::model::Span;
use crate::store::error::Result;
use crate::store::file::table_sums;
use crate::store::ledger::{coverage, domain_ids, gaps};
use crate::store::origin::{code_texts, gap_finder, month_sums};
use crate::store::write::summed_tables::TABLES;

/// Computes the gaps, the sums and the texts of codes if they are missing or of an earlier version. Each takes one
/// transaction: `transaction` runs and commits it.
pub(crate) fn build(
    connection: &Connection,
    mut transaction: impl FnMut(fn(&Connection) -> Result<()>) -> Result<()>,
) -> Result<()> {
    if !gaps::are_complete(connection)? {
        transaction(build_gaps)?;
    }
    if !month_sums::are_complete(connection)? {
        transaction(build_sums)?;
    }
    if !code_texts::are_complete(connection)? {
        transaction(code_texts::complete)?;
    }
    Ok(())
}

/// Computes all sums from the stored rows.
pub(crate) fn build_sums(tx: &Connection) -> Result<()> {
    table_sums::build(tx, &TABLES)?;
    month_sums::build(tx)
}

fn build_gaps(tx: &Connection) -> Result<()> {
    for (domain, _) in domain_ids::all(tx)? {
        let covered = coverage::all(tx, domain)?;
        let edges = covered.first().zip(covered.last());
        let range = edges.and_then(|(first, last)| Span::new(first.span.start(), last.span.end()));
        if let Some(range) = range {
            let found = gap_finder::find(tx, domain, range, &covered)?;
            gaps::build(tx, domain, range, &found)?;
        }
    }
    gaps::complete(tx)
}
