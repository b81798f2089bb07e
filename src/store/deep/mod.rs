//! Verifies everything in a database that can be verified. Reads in one transaction, and writes nothing.
//!
//! - [`report`]: what was verified and what was found
//! - `pages`: SQLite's own checks
//! - `schema`: tables, views and indexes, and the rows that the migrations wrote
//! - `tables`: the tables whose rows are summed
//! - `calendar`: civil times
//! - `gaps`: coverage, and what it leaves without a point
//! - `months`: points, their sums and their rollups, one domain and month at a time
//! - `rollups`: the rows that the points add up to, against those that are stored

mod calendar;
mod gaps;
mod months;
mod pages;
pub mod report;
mod rollups;
mod schema;
mod tables;

use report::{Deep, Subject};
use rusqlite::Connection;

use crate::store::error::{Result, StoreError};
use crate::store::file::migrations;
use crate::store::file::reader::Reader;
use crate::store::ledger::gaps as ledger_gaps;
use crate::store::origin::month_sums;

pub use report::SubjectReport;

/// The first schema whose rollups and gaps are what this program computes.
const COMPARABLE: usize = 12;

impl Reader {
    /// Verifies everything that can be verified, as of one moment. Reads all of it, more than once.
    pub fn verify(&self) -> Result<Vec<SubjectReport>, StoreError> {
        self.read(verify)
    }
}

/// Verifies pages, indexes and the schema. A copy may not show damage there, because copying makes them again.
pub(super) fn verify_frame(connection: &Connection) -> Result<Vec<SubjectReport>> {
    let tx = connection.unchecked_transaction()?;
    let mut deep = Deep::default();
    frame(&tx, &mut deep)?;
    Ok(deep.finish())
}

/// Verifies everything. Damage is not an error but a finding; an error means that the database could not be read.
pub(super) fn verify(connection: &Connection) -> Result<Vec<SubjectReport>> {
    let tx = connection.unchecked_transaction()?;
    let mut deep = Deep::default();
    if let Some(applied) = frame(&tx, &mut deep)? {
        pages::references(&tx, &mut deep)?;
        rest(&tx, applied, &mut deep)?;
    }
    Ok(deep.finish())
}

/// Returns how many migrations were applied to the file; `None` if that cannot be read.
fn frame(tx: &Connection, deep: &mut Deep) -> Result<Option<usize>> {
    pages::integrity(tx, deep)?;
    let progress = migrations::progress(tx);
    let what = "the list of migrations cannot be read";
    let Some((applied, _)) = deep.judge(Subject::Schema, what, progress)? else {
        return Ok(None);
    };
    schema::check(tx, applied, deep)?;
    Ok(Some(applied))
}

fn rest(tx: &Connection, applied: usize, deep: &mut Deep) -> Result<()> {
    calendar::check(tx, deep)?;
    if applied < COMPARABLE {
        let why = "the schema is too old to compare; the next run updates it";
        for subject in [
            Subject::Tables,
            Subject::Coverage,
            Subject::Gaps,
            Subject::Points,
            Subject::Rollups,
        ] {
            deep.skip(subject, why);
        }
        return Ok(());
    }
    let with_sums = month_sums::are_complete(tx);
    let with_sums = deep.judge(Subject::Points, "`sum_build` cannot be read", with_sums)?;
    let with_sums = with_sums.unwrap_or(false);
    if with_sums {
        tables::check(tx, deep)?;
    } else {
        deep.skip(Subject::Tables, "no sums yet: the next run builds them");
    }
    let with_gaps = ledger_gaps::are_complete(tx);
    let with_gaps = deep.judge(Subject::Gaps, "`gap_build` cannot be read", with_gaps)?;
    gaps::check(tx, with_gaps.unwrap_or(false), deep)?;
    months::check(tx, with_sums, deep)
}
