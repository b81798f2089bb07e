//! The sums of the tables that say what was asked for and what the numbers mean.
//!
//! Triggers keep them, so no statement can forget to. They are temporary: they belong to the connections of the one
//! writer and not to the file, where other programs could not run them.

use std::fmt::Write as _;

use rusqlite::functions::{Context, FunctionFlags};
use rusqlite::types::{FromSqlError, ValueRef};
use rusqlite::{Connection, Row};

use crate::model::Sum;
use crate::model::sum::{SummedCell, row_sum};
use crate::store::error::Result;

/// A table whose rows are summed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SummedTable {
    /// Its name.
    pub(crate) name: &'static str,
    /// Its columns, in their order.
    pub(crate) columns: &'static [&'static str],
}

/// All of them. A migration that adds a column to one changes what stands here, and has the sums built anew.
pub(crate) const TABLES: [SummedTable; 7] = [
    SummedTable {
        name: "domain",
        columns: &["id", "name"],
    },
    SummedTable {
        name: "code",
        columns: &["id", "code"],
    },
    SummedTable {
        name: "code_set",
        columns: &["id", "codes"],
    },
    SummedTable {
        name: "code_set_member",
        columns: &["code_set_id", "code_id"],
    },
    SummedTable {
        name: "coverage",
        columns: &[
            "domain_id",
            "start_ts",
            "end_ts",
            "start_cst",
            "end_cst",
            "fetched_at",
            "reached",
            "beyond_retention",
            "state",
        ],
    },
    SummedTable {
        name: "gap",
        columns: &[
            "domain_id",
            "start_ts",
            "end_ts",
            "start_cst",
            "end_cst",
            "slots",
            "reason",
            "confirmed",
            "asked_domains",
            "asked_slots",
        ],
    },
    SummedTable {
        name: "restatement",
        columns: &[
            "domain_id",
            "ts",
            "nth",
            "detected_at",
            "age_seconds",
            "bandwidth_before",
            "bandwidth_after",
            "pv_before",
            "pv_after",
            "codes_before",
            "codes_after",
        ],
    },
];

/// How many rows a table has, and their sum.
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

/// The sum whose stored form is `value`.
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

/// Has every change of the tables through this connection change their sums.
///
/// Needs [`add_functions`], and a schema that is up to date.
pub(crate) fn keep(connection: &Connection) -> Result<()> {
    let mut sql = String::new();
    for (id, table) in (1..).zip(TABLES) {
        let of = |row: &str| {
            let columns = table.columns.iter();
            columns.fold(String::new(), |list, column| list + ", " + row + "." + column)
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

/// The sum of a table's rows, read anew.
pub(crate) fn compute(connection: &Connection, table: &SummedTable) -> Result<TableSum> {
    let sql = ["SELECT ", &table.columns.join(", "), " FROM ", table.name].concat();
    let mut select = connection.prepare(&sql)?;
    let mut rows = select.query([])?;
    let mut found = TableSum::default();
    while let Some(row) = rows.next()? {
        found.rows += 1;
        found.sum = found.sum.plus(sum_of_row(row, table.columns.len())?);
    }
    Ok(found)
}

fn sum_of_row(row: &Row<'_>, columns: usize) -> Result<Sum> {
    let cells = (0..columns).map(|at| row.get_ref(at).map(cell));
    Ok(row_sum(cells.collect::<rusqlite::Result<Vec<_>>>()?.into_iter()))
}

/// The sum of a table that is kept; `None` where there is no row for it.
pub(crate) fn kept(connection: &Connection, table: &SummedTable) -> Result<Option<TableSum>> {
    let mut select = connection.prepare_cached("SELECT rows, sum FROM table_sum WHERE name = ?1")?;
    let mut rows = select.query([table.name])?;
    let Some(row) = rows.next()? else {
        return Ok(None);
    };
    Ok(Some(TableSum {
        rows: row.get(0)?,
        sum: sum_of(row.get_ref(1)?)?,
    }))
}

/// Writes the sums of what is stored.
pub(crate) fn build(tx: &Connection) -> Result<()> {
    tx.execute("DELETE FROM table_sum", [])?;
    let mut insert = tx.prepare("INSERT INTO table_sum (id, name, rows, sum) VALUES (?1, ?2, ?3, ?4)")?;
    for (id, table) in (1_i64..).zip(TABLES) {
        let found = compute(tx, &table)?;
        insert.execute((id, table.name, found.rows, found.sum.to_bytes()))?;
    }
    Ok(())
}
