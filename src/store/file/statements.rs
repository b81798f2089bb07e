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

/// Returns a statement that writes a row of `key` and `columns`, in this order. It changes a row of the same key only if
/// it differs. Both are lists of names with a comma and a space between them.
pub(crate) fn upsert(table: &str, key: &str, columns: &str) -> String {
    let all = [key, columns].join(", ");
    let places: Vec<String> = (1..=names(&all).count()).map(|at| format!("?{at}")).collect();
    let set: Vec<String> = names(columns)
        .map(|name| format!("{name} = excluded.{name}"))
        .collect();
    let excluded: Vec<String> = names(columns).map(|name| format!("excluded.{name}")).collect();
    format!(
        "INSERT INTO {table} ({all}) VALUES ({}) ON CONFLICT DO UPDATE SET {} WHERE ({columns}) IS NOT ({})",
        places.join(", "),
        set.join(", "),
        excluded.join(", ")
    )
}

/// Returns the names in a list such as `id, name`.
pub(crate) fn names(list: &str) -> impl Iterator<Item = &str> {
    list.split(", ")
}

/// Brings stored rows in line with `after`: deletes each key that is gone, and writes each row that is new or changed.
pub(crate) fn write_changes<T: PartialEq>(
    (before, after): (&[T], &[T]),
    key: impl Fn(&T) -> i64,
    mut delete: impl FnMut(i64) -> Result<usize>,
    mut write: impl FnMut(&T) -> Result<usize>,
) -> Result<()> {
    let stored: BTreeMap<i64, &T> = before.iter().map(|row| (key(row), row)).collect();
    let kept: BTreeSet<i64> = after.iter().map(&key).collect();
    for &gone in stored.keys().filter(|key| !kept.contains(key)) {
        delete(gone)?;
    }
    for row in after {
        if stored.get(&key(row)) != Some(&row) {
            write(row)?;
        }
    }
    Ok(())
}
