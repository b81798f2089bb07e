//! The civil times of the points, against computed ones.

use rusqlite::Connection;

use super::report::{Deep, Subject};
use crate::model::{UnixSeconds, civil};
use crate::store::error::Result;

/// Compares every row. That every point has a row is seen where the points are read.
pub(super) fn check(connection: &Connection, deep: &mut Deep) -> Result<()> {
    let mut wrong = Vec::new();
    let mut rows_seen = 0_u64;
    let mut read = || -> Result<()> {
        let mut select = connection.prepare("SELECT ts, time_utc, time_cst FROM calendar")?;
        let mut rows = select.query([])?;
        while let Some(row) = rows.next()? {
            rows_seen += 1;
            let (ts, utc, cst): (UnixSeconds, String, String) = (row.get(0)?, row.get(1)?, row.get(2)?);
            if utc != civil::utc_second(ts) || cst != civil::cst_second(ts) {
                wrong.push(ts);
            }
        }
        Ok(())
    };
    deep.judge(Subject::Calendar, "`calendar` cannot be read", read())?;
    for ts in wrong {
        deep.found(
            Subject::Calendar,
            format!("`calendar` does not name the civil time of {ts}"),
        );
    }
    deep.compared(Subject::Calendar, format!("{rows_seen} civil times are right"));
    Ok(())
}
