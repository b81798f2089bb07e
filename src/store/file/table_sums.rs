//! Keeps a sum of the rows of whole tables, by which a change from outside is found.
//!
//! Triggers keep the sums up to date, so no statement can forget to. They are temporary: they belong to the
//! connection of the writer and not to the file, because other programs could not run them.

use std::fmt::Write as _;

use rusqlite::Connection;
use rusqlite::functions::{Context, FunctionFlags};
use rusqlite::types::{FromSqlError, ValueRef};

use crate::model::Sum;
use crate::model::sum::{SummedCell, row_sum};
use crate::store::error::Result;
use crate::store::file::statements::{Statements as _, names};

/// A table whose rows are summed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SummedTable {
    /// The name of the table.
    pub(crate) name: &'static str,
    /// Its columns, in their order.
    pub(crate) columns: &'static str,
}

/// The number of rows of a table, and their sum.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct TableSum {
    pub(crate) rows: i64,
    pub(crate) sum: Sum,
}

/// Adds the SQL functions `sum_plus(sum, sum)`, `sum_add(sum, value, …)` and `sum_remove(sum, value, …)`.
pub(crate) fn add_functions(connection: &Connection) -> Result<()> {
    let flags =
        FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DETERMINISTIC | FunctionFlags::SQLITE_INNOCUOUS;
    let stored = |context: &Context<'_>, at| sum_of(context.get_raw(at));
    connection.create_scalar_function("sum_plus", 2, flags, move |context| {
        Ok(stored(context, 0)?.plus(stored(context, 1)?).to_bytes())
    })?;
    connection.create_scalar_function("sum_add", -1, flags, move |context| {
        Ok(stored(context, 0)?.plus(row(context)).to_bytes())
    })?;
    connection.create_scalar_function("sum_remove", -1, flags, move |context| {
        Ok(stored(context, 0)?.minus(row(context)).to_bytes())
    })?;
    Ok(())
}

fn row(context: &Context<'_>) -> Sum {
    row_sum((1..context.len()).map(|at| cell(context.get_raw(at))))
}

/// Returns the sum whose stored form is `value`.
pub(crate) fn sum_of(value: ValueRef<'_>) -> rusqlite::Result<Sum> {
    let sum = value.as_blob().ok().and_then(Sum::from_bytes);
    sum.ok_or_else(|| FromSqlError::InvalidType.into())
}

fn cell(value: ValueRef<'_>) -> SummedCell<'_> {
    match value {
        ValueRef::Null => SummedCell::Null,
        ValueRef::Integer(value) => SummedCell::Integer(value),
        ValueRef::Real(value) => SummedCell::Real(value),
        ValueRef::Text(bytes) => SummedCell::Text(bytes),
        ValueRef::Blob(bytes) => SummedCell::Blob(bytes),
    }
}

/// Makes every change of `tables` through this connection change their sums.
///
/// Needs [`add_functions`], and a schema that is up to date.
pub(crate) fn keep(connection: &Connection, tables: &[SummedTable]) -> Result<()> {
    let mut sql = String::new();
    for (id, table) in (1..).zip(tables) {
        let of = |row: &str| {
            names(table.columns).fold(String::new(), |list, column| list + ", " + row + "." + column)
        };
        let (old, new) = (of("OLD"), of("NEW"));
        for (event, rows, sum) in [
            ("INSERT", "+ 1", format!("sum_add(sum{new})")),
            ("DELETE", "- 1", format!("sum_remove(sum{old})")),
            ("UPDATE", "+ 0", format!("sum_add(sum_remove(sum{old}){new})")),
        ] {
            let name = table.name;
            // Writing to a String cannot fail.
            let _ = writeln!(
                sql,
                "CREATE TEMP TRIGGER sum_{name}_{event} AFTER {event} ON main.{name}
                 BEGIN UPDATE table_sum SET rows = rows {rows}, sum = {sum} WHERE id = {id}; END;"
            );
        }
    }
    Ok(connection.execute_batch(&sql)?)
}

/// Returns the sum of a table's rows, computed from the rows.
pub(crate) fn compute(connection: &Connection, table: &SummedTable) -> Result<TableSum> {
    let sql = ["SELECT ", table.columns, " FROM ", table.name].concat();
    let columns = names(table.columns).count();
    let mut total = TableSum::default();
    connection.each(&sql, [], |row| {
        let cells = (0..columns).map(|at| row.get_ref(at).map(cell));
        let cells: Vec<_> = cells.collect::<rusqlite::Result<_>>()?;
        total.rows += 1;
        total.sum = total.sum.plus(row_sum(cells.into_iter()));
        Ok(())
    })?;
    Ok(total)
}

/// Returns the stored sum of a table; `None` if there is no row for it.
pub(crate) fn kept(connection: &Connection, table: &SummedTable) -> Result<Option<TableSum>> {
    let sql = "SELECT rows, sum FROM table_sum WHERE name = ?1";
    connection.first(sql, [table.name], |row| {
        Ok(TableSum {
            rows: row.get(0)?,
            sum: sum_of(row.get_ref(1)?)?,
        })
    })
}

/// Computes the sums of `tables` from their rows and stores them.
pub(crate) fn build(tx: &Connection, tables: &[SummedTable]) -> Result<()> {
    tx.execute("DELETE FROM table_sum", [])?;
    let insert = "INSERT INTO table_sum (id, name, rows, sum) VALUES (?1, ?2, ?3, ?4)";
    for (id, table) in (1_i64..).zip(tables) {
        let total = compute(tx, table)?;
        tx.run(insert, (id, table.name, total.rows, total.sum.to_bytes()))?;
    }
    Ok(())
}
