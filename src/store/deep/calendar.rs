//! Compares the civil times of the points with computed ones.

use rusqlite::Connection;

use super::report::{Deep, Subject};
use crate::model::{UnixSeconds, civil};
use crate::store::error::Result;
use crate::store::file::statements::Statements as _;

/// Compares every row. Whether every point has a row is checked where the points are read.
pub(super) fn check(connection: &Connection, deep: &mut Deep) -> Result<()> {
    let (mut wrong, mut rows) = (Vec::new(), 0_u64);
    let read = connection.each("SELECT ts, time_utc, time_cst FROM calendar", [], |row| {
        rows += 1;
        let (ts, utc, cst): (UnixSeconds, String, String) = row.try_into()?;
        if utc != civil::utc_second(ts) || cst != civil::cst_second(ts) {
            wrong.push(ts);
        }
        Ok(())
    });
    deep.judge(Subject::Calendar, "`calendar` cannot be read", read)?;
    for ts in wrong {
        let finding = format!("`calendar` does not have the civil time of {ts}");
        deep.found(Subject::Calendar, finding);
    }
    deep.compared(Subject::Calendar, format!("{rows} civil times are right"));
    Ok(())
}
