//! Keeps a sum of the rows of whole tables, by which a change from outside is found.
//!
//! Triggers note every change, so no statement can forget to. They are temporary: they belong to the connection of the
//! writer and not to the file, because other programs could not run them. The sums are written once a transaction: to
//! write them with every row was a tenth of a tick.

use std::fmt::Write as _;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rusqlite::Connection;
use rusqlite::functions::{Context, FunctionFlags};
use rusqlite::types::{FromSqlError, Null, ValueRef};

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

/// What the rows that were changed in the open transaction add to the sums. Clones share it with the triggers.
#[derive(Debug, Clone, Default)]
pub(crate) struct SumChanges(Arc<Mutex<Vec<TableSum>>>);

impl SumChanges {
    /// Adds them to the stored sums. To be called before a transaction commits, and before it begins a savepoint.
    pub(crate) fn write(&self, tx: &Connection) -> Result<()> {
        for (id, change) in (1_i64..).zip(self.of_tables().iter_mut()) {
            if *change == TableSum::default() {
                continue;
            }
            let sql = "UPDATE table_sum SET rows = rows + ?2, sum = sum_plus(sum, ?3) WHERE id = ?1";
            tx.run(sql, (id, change.rows, change.sum.to_bytes()))?;
            *change = TableSum::default();
        }
        Ok(())
    }

    /// Forgets them. To be called after a rollback.
    pub(crate) fn forget(&self) {
        self.of_tables().fill(TableSum::default());
    }

    fn of_tables(&self) -> MutexGuard<'_, Vec<TableSum>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes what is noted of the table with this number.
    fn note(&self, id: i64, change: impl FnOnce(&mut TableSum)) {
        let mut tables = self.of_tables();
        if let Some((_, table)) = (1_i64..).zip(tables.iter_mut()).find(|(number, _)| *number == id) {
            change(table);
        }
    }
}

/// Adds the SQL function `sum_plus(sum, sum)`.
pub(crate) fn add_function(connection: &Connection) -> Result<()> {
    let flags =
        FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DETERMINISTIC | FunctionFlags::SQLITE_INNOCUOUS;
    connection.create_scalar_function("sum_plus", 2, flags, move |context| {
        let stored = |at| sum_of(context.get_raw(at));
        Ok(stored(0)?.plus(stored(1)?).to_bytes())
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

/// Notes every change of `tables` through this connection. Needs a schema that is up to date.
pub(crate) fn watch(connection: &Connection, tables: &[SummedTable]) -> Result<SumChanges> {
    let changes = SumChanges(Arc::new(Mutex::new(vec![TableSum::default(); tables.len()])));
    let (adding, removing) = (changes.clone(), changes.clone());
    connection.create_scalar_function("sum_added", -1, FunctionFlags::SQLITE_UTF8, move |context| {
        let row = row(context);
        adding.note(context.get(0)?, |table| {
            table.rows += 1;
            table.sum = table.sum.plus(row);
        });
        Ok(Null)
    })?;
    connection.create_scalar_function("sum_removed", -1, FunctionFlags::SQLITE_UTF8, move |context| {
        let row = row(context);
        removing.note(context.get(0)?, |table| {
            table.rows -= 1;
            table.sum = table.sum.minus(row);
        });
        Ok(Null)
    })?;
    let mut sql = String::new();
    for (id, SummedTable { name, columns }) in (1..).zip(tables) {
        let call = |function: &str, row: &str| {
            let columns: Vec<String> = names(columns).map(|column| [row, ".", column].concat()).collect();
            format!("{function}({id}, {})", columns.join(", "))
        };
        let (added, removed) = (call("sum_added", "NEW"), call("sum_removed", "OLD"));
        for (event, calls) in [
            ("INSERT", added.clone()),
            ("DELETE", removed.clone()),
            ("UPDATE", [removed, added].join(", ")),
        ] {
            // Writing to a String cannot fail.
            let _ = writeln!(
                sql,
                "CREATE TEMP TRIGGER sum_{name}_{event} AFTER {event} ON main.{name} BEGIN SELECT {calls}; END;"
            );
        }
    }
    connection.execute_batch(&sql)?;
    Ok(changes)
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
