//! Verifies everything in a database that can be verified, in one read transaction and without writing.
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

use rusqlite::Connection;

use crate::store::error::Result;
use crate::store::file::migrations;
use crate::store::ledger::gaps as gap_table;
use crate::store::origin::month_sums;
use report::{Deep, Subject};

pub use report::Checked;

/// The first schema whose rollups and gaps are what this program computes.
const COMPARABLE: usize = 9;

/// Verifies what a copy may not show, because it can be made anew there: pages, indexes and the schema.
pub(super) fn verify_frame(connection: &Connection) -> Result<Vec<Checked>> {
    let tx = connection.unchecked_transaction()?;
    let mut deep = Deep::default();
    frame(&tx, &mut deep)?;
    Ok(deep.finish())
}

/// Verifies all of it. An error says that it could not be read; damage is no error but a finding.
pub(super) fn verify(connection: &Connection) -> Result<Vec<Checked>> {
    let tx = connection.unchecked_transaction()?;
    let mut deep = Deep::default();
    if let Some(applied) = frame(&tx, &mut deep)? {
        pages::references(&tx, &mut deep)?;
        rest(&tx, applied, &mut deep)?;
    }
    Ok(deep.finish())
}

/// Returns how many migrations the file has seen.
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
        let why = "the schema is older than what they are compared with; the next run brings it up to date";
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
    let with_sums = month_sums::are_known(tx);
    let with_sums = deep.judge(Subject::Points, "`sum_build` cannot be read", with_sums)?;
    let with_sums = with_sums.unwrap_or(false);
    if with_sums {
        tables::check(tx, deep)?;
    } else {
        deep.skip(Subject::Tables, "no sums yet: the next run builds them");
    }
    let with_gaps = gap_table::are_built(tx);
    let with_gaps = deep.judge(Subject::Gaps, "`gap_build` cannot be read", with_gaps)?;
    gaps::check(tx, with_gaps.unwrap_or(false), deep)?;
    months::check(tx, with_sums, deep)
}
