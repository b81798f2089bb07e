//! Inserts rows of integers many at a time.

use rusqlite::Connection;

use crate::store::error::Result;

/// Rows that one statement inserts. More gained nothing when it was measured.
pub(crate) const ROWS_AT_ONCE: usize = 32;

/// The two statements that insert into one table.
#[derive(Debug)]
pub(crate) struct InsertSql {
    one: String,
    many: String,
}

impl InsertSql {
    /// Makes them of the statement before `VALUES` (`head`) and the placeholders of a row (`row`).
    pub(crate) fn new(head: &'static str, row: &'static str) -> Self {
        let values = |rows: usize| [head, " VALUES ", &vec![row; rows].join(", ")].concat();
        Self {
            one: values(1),
            many: values(ROWS_AT_ONCE),
        }
    }
}

/// Collects rows for a table.
pub(crate) struct BulkInsert<'a, const COLUMNS: usize> {
    tx: &'a Connection,
    sql: &'static InsertSql,
    rows: Vec<[i64; COLUMNS]>,
}

impl<'a, const COLUMNS: usize> BulkInsert<'a, COLUMNS> {
    pub(crate) fn new(tx: &'a Connection, sql: &'static InsertSql) -> Self {
        Self {
            tx,
            sql,
            rows: Vec::new(),
        }
    }

    /// Adds a row. It is in the table after the next [`flush`](Self::flush).
    pub(crate) fn push(&mut self, row: [i64; COLUMNS]) {
        self.rows.push(row);
    }

    /// Writes the rows, in the order in which they were added.
    pub(crate) fn flush(&mut self) -> Result<()> {
        let (full, rest) = self.rows.as_chunks::<ROWS_AT_ONCE>();
        insert(self.tx, &self.sql.many, full.iter().map(<[_; _]>::as_slice))?;
        insert(self.tx, &self.sql.one, rest.chunks(1))?;
        self.rows.clear();
        Ok(())
    }
}

fn insert<'r, const COLUMNS: usize>(
    tx: &Connection,
    sql: &str,
    batches: impl ExactSizeIterator<Item = &'r [[i64; COLUMNS]]>,
) -> Result<()> {
    if batches.len() == 0 {
        return Ok(());
    }
    let mut statement = tx.prepare_cached(sql)?;
    for batch in batches {
        for (parameter, value) in (1_usize..).zip(batch.as_flattened()) {
            statement.raw_bind_parameter(parameter, value)?;
        }
        statement.raw_execute()?;
    }
    Ok(())
}
