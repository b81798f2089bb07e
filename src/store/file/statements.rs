//! Short forms for the statements of the store: prepared once, their rows read through an adapter.

use std::collections::{BTreeMap, BTreeSet};

use rusqlite::types::FromSql;
use rusqlite::{Connection, OptionalExtension as _, Params, Row};

use crate::model::convert::to_u64;
use crate::store::error::Result;

/// Runs a statement in one call. Every statement stays prepared for the next call with the same text.
pub(crate) trait Statements {
    /// Runs a statement that writes; returns how many rows it changed.
    fn run(&self, sql: &str, parameters: impl Params) -> Result<usize>;

    /// Hands every row to `take`, one at a time.
    fn each(
        &self,
        sql: &str,
        parameters: impl Params,
        take: impl FnMut(&Row<'_>) -> Result<()>,
    ) -> Result<()>;

    /// Returns every row as `adapt` reads it.
    fn rows<T>(
        &self,
        sql: &str,
        parameters: impl Params,
        mut adapt: impl FnMut(&Row<'_>) -> Result<T>,
    ) -> Result<Vec<T>> {
        let mut all = Vec::new();
        self.each(sql, parameters, |row| {
            all.push(adapt(row)?);
            Ok(())
        })?;
        Ok(all)
    }

    /// Returns every row of two or more columns as a tuple.
    fn tuples<T>(&self, sql: &str, parameters: impl Params) -> Result<Vec<T>>
    where
        T: for<'r> TryFrom<&'r Row<'r>, Error = rusqlite::Error>,
    {
        self.rows(sql, parameters, |row| Ok(T::try_from(row)?))
    }

    /// Returns the first column of every row.
    fn column<T: FromSql>(&self, sql: &str, parameters: impl Params) -> Result<Vec<T>> {
        self.rows(sql, parameters, |row| Ok(row.get(0)?))
    }

    /// Returns the first row; `None` if there is none.
    fn first<T>(
        &self,
        sql: &str,
        parameters: impl Params,
        adapt: impl FnOnce(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Option<T>>;

    /// Returns the first column of a row that must be there.
    fn value<T: FromSql>(&self, sql: &str, parameters: impl Params) -> Result<T>;

    /// Returns the count in a row that must be there.
    fn count(&self, sql: &str, parameters: impl Params) -> Result<u64> {
        Ok(to_u64(self.value::<i64>(sql, parameters)?))
    }

    /// Returns whether there is any row.
    fn any(&self, sql: &str, parameters: impl Params) -> Result<bool> {
        Ok(self.first(sql, parameters, |_| Ok(()))?.is_some())
    }
}

impl Statements for Connection {
    fn run(&self, sql: &str, parameters: impl Params) -> Result<usize> {
        Ok(self.prepare_cached(sql)?.execute(parameters)?)
    }

    fn each(
        &self,
        sql: &str,
        parameters: impl Params,
        mut take: impl FnMut(&Row<'_>) -> Result<()>,
    ) -> Result<()> {
        let mut statement = self.prepare_cached(sql)?;
        let mut rows = statement.query(parameters)?;
        while let Some(row) = rows.next()? {
            take(row)?;
        }
        Ok(())
    }

    fn first<T>(
        &self,
        sql: &str,
        parameters: impl Params,
        adapt: impl FnOnce(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Option<T>> {
        Ok(self
            .prepare_cached(sql)?
            .query_row(parameters, adapt)
            .optional()?)
    }

    fn value<T: FromSql>(&self, sql: &str, parameters: impl Params) -> Result<T> {
        Ok(self
            .prepare_cached(sql)?
            .query_row(parameters, |row| row.get(0))?)
    }
}

/// Returns a statement that writes a row of `key` and `columns`, in this order. It changes a row of the same key only
/// if it differs. Both are lists of names with a comma and a space between them.
pub(crate) fn upsert(table: &str, key: &str, columns: &str) -> String {
    let all = [key, columns].join(", ");
    let set: Vec<String> = names(columns)
        .map(|name| format!("{name} = excluded.{name}"))
        .collect();
    let excluded: Vec<String> = names(columns).map(|name| format!("excluded.{name}")).collect();
    format!(
        "{} ON CONFLICT DO UPDATE SET {} WHERE ({columns}) IS NOT ({})",
        insert(table, &all),
        set.join(", "),
        excluded.join(", ")
    )
}

/// Returns the names in a list such as `id, name`.
pub(crate) fn names(list: &str) -> impl Iterator<Item = &str> {
    list.split(", ")
}

/// How a row of a table is written.
pub(crate) struct RowStatements {
    insert: String,
    change: String,
}

impl RowStatements {
    /// Returns the statements for rows of `key` and `columns`, as [`upsert`] takes them.
    pub(crate) fn new(table: &str, key: &str, columns: &str) -> Self {
        Self {
            insert: insert(table, &[key, columns].join(", ")),
            change: upsert(table, key, columns),
        }
    }

    /// Returns the statement for a row whose key was, or was not, among the rows that were read. A new key that is
    /// stored all the same is an error: that row was read wrongly, and must not be replaced unseen.
    pub(crate) fn of(&self, is_stored: bool) -> &str {
        if is_stored { &self.change } else { &self.insert }
    }
}

fn insert(table: &str, columns: &str) -> String {
    let places: Vec<String> = (1..=names(columns).count()).map(|at| format!("?{at}")).collect();
    format!("INSERT INTO {table} ({columns}) VALUES ({})", places.join(", "))
}

/// Brings stored rows in line with `after`: deletes each key that is gone, and writes each row that is new or changed.
/// `write` learns whether the key is among `before`.
pub(crate) fn write_changes<T: PartialEq>(
    (before, after): (&[T], &[T]),
    key: impl Fn(&T) -> i64,
    mut delete: impl FnMut(i64) -> Result<usize>,
    mut write: impl FnMut(&T, bool) -> Result<usize>,
) -> Result<()> {
    let stored: BTreeMap<i64, &T> = before.iter().map(|row| (key(row), row)).collect();
    let kept: BTreeSet<i64> = after.iter().map(&key).collect();
    for &gone in stored.keys().filter(|key| !kept.contains(key)) {
        delete(gone)?;
    }
    for row in after {
        let before = stored.get(&key(row));
        if before != Some(&row) {
            write(row, before.is_some())?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stored_row_that_was_not_read_is_never_replaced() {
        let connection = Connection::open_in_memory().unwrap();
        connection
            .execute_batch(
                "CREATE TABLE t (id PRIMARY KEY, a, b) WITHOUT ROWID; INSERT INTO t VALUES (1, 2, 3)",
            )
            .unwrap();
        let row = RowStatements::new("t", "id", "a, b");
        assert!(connection.run(row.of(false), [1, 8, 9]).is_err());
        assert_eq!(
            connection
                .tuples::<(i64, i64, i64)>("SELECT * FROM t", [])
                .unwrap(),
            [(1, 2, 3)]
        );
        assert_eq!(connection.run(row.of(true), [1, 2, 3]).unwrap(), 0);
        assert_eq!(connection.run(row.of(true), [1, 8, 9]).unwrap(), 1);
        assert_eq!(connection.run(row.of(false), [2, 0, 0]).unwrap(), 1);
        let rows = connection
            .tuples::<(i64, i64, i64)>("SELECT * FROM t", [])
            .unwrap();
        assert_eq!(rows, [(1, 8, 9), (2, 0, 0)]);
    }
}
