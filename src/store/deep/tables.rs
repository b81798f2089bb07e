//! Compares the tables whose rows are summed with their sums.

use rusqlite::Connection;

use super::report::{Deep, Subject};
use crate::store::error::Result;
use crate::store::file::table_sums::{compute, kept};
use crate::store::write::summed_tables::TABLES;

pub(super) fn check(connection: &Connection, deep: &mut Deep) -> Result<()> {
    let mut all = 0;
    for table in &TABLES {
        let name = table.name;
        let found = compute(connection, table);
        let found = deep.judge(Subject::Tables, &format!("`{name}` cannot be read"), found)?;
        let sum = kept(connection, table);
        let sum = deep.judge(
            Subject::Tables,
            &format!("the sum of `{name}` cannot be read"),
            sum,
        )?;
        let (Some(found), Some(sum)) = (found, sum) else {
            continue;
        };
        all += found.rows;
        let finding = match sum {
            Some(sum) if sum == found => continue,
            Some(sum) if sum.rows != found.rows => {
                let (rows, written) = (found.rows, sum.rows);
                format!(
                    "`{name}` has {rows} rows, but {written} were written: it was changed from outside or damaged"
                )
            }
            Some(_) => {
                format!(
                    "the rows of `{name}` do not match their sum: one was changed from outside or damaged"
                )
            }
            None => format!("the sum of `{name}` is missing"),
        };
        deep.found(Subject::Tables, finding);
    }
    let names = TABLES.map(|table| table.name).join(", ");
    deep.compared(Subject::Tables, format!("{all} rows match the sums of {names}"));
    Ok(())
}
