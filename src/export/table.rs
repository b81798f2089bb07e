//! The columns of a file, and the cells of its rows.

use chrono::{DateTime, NaiveDate, NaiveDateTime};
use rusqlite::types::ValueRef;

use super::relation::{ExportedRelation, RowsOf};
use crate::store::PublicColumn;

/// What a column of a file holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ColumnKind {
    /// Whole numbers of 64 bits.
    Integer,
    /// Floating-point numbers of 64 bits.
    Real,
    /// Text in UTF-8.
    Text,
    /// A day of UTC+8.
    Date,
    /// What clocks in UTC+8 show.
    LocalTime,
    /// An instant, shown in UTC.
    Instant,
}

/// A column of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Column {
    pub(super) name: String,
    pub(super) kind: ColumnKind,
    pub(super) nullable: bool,
}

/// The columns of the files of a relation. They are those of the relation in the database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct FileTable {
    pub(super) relation: ExportedRelation,
    pub(super) columns: Vec<Column>,
    /// The columns of the code and of its class, if it has both.
    pub(super) class: Option<(usize, usize)>,
}

/// A value in a row.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Cell<'c> {
    Null,
    Integer(i64),
    Real(f64),
    Text(&'c str),
    /// The seconds from 1970 on that a clock shows, in the zone of the column.
    Time(i64),
    /// The days from 1970 on.
    Date(i32),
}

/// The columns that rows are found by. They are never NULL.
const KEYS: [&str; 7] = [
    "domain",
    "hour_cst",
    "date_cst",
    "month_cst",
    "code",
    "class",
    "ts",
];

impl FileTable {
    /// Returns the table of a relation with these columns; `None` if the database does not have the relation.
    pub(super) fn new(relation: ExportedRelation, columns: Vec<PublicColumn>) -> Option<Self> {
        let is_of_points = relation.rows_of() == RowsOf::Points;
        let columns: Vec<Column> = columns
            .into_iter()
            .map(|column| Column {
                kind: ColumnKind::of(&column),
                nullable: !is_of_points && !KEYS.contains(&column.name.as_str()),
                name: column.name,
            })
            .collect();
        let find = |name: &str| columns.iter().position(|column| column.name == name);
        let class = (relation != ExportedRelation::Codes)
            .then(|| find("code").zip(find("class")))
            .flatten();
        (!columns.is_empty()).then_some(Self {
            relation,
            columns,
            class,
        })
    }

    /// Returns the statement that reads its rows in the order of the file. Its parameters are the domain, and the month
    /// with the next one, as far as the relation has them.
    pub(super) fn sql(&self) -> String {
        let columns: Vec<String> = self
            .columns
            .iter()
            .map(|column| format!("\"{}\"", column.name))
            .collect();
        let has_code = self.columns.iter().any(|column| column.name == "code");
        let then_code = if has_code { ", code" } else { "" };
        let rest = match self.relation.rows_of() {
            RowsOf::Points | RowsOf::Asked => String::new(),
            RowsOf::Domains(time) => {
                format!(" WHERE domain = ?1 AND {time} >= ?2 AND {time} < ?3 ORDER BY {time}{then_code}")
            }
            RowsOf::Account(time) => format!(" WHERE {time} >= ?1 AND {time} < ?2 ORDER BY {time}"),
            RowsOf::Table => " ORDER BY code".to_owned(),
        };
        format!(
            "SELECT {} FROM {}{rest}",
            columns.join(", "),
            self.relation.name()
        )
    }

    /// Returns the cells of a row of [`FileTable::sql`]. An error says which value does not fit its column.
    pub(super) fn cells<'r>(&self, row: &[ValueRef<'r>]) -> Result<Vec<Cell<'r>>, String> {
        let cells = self.columns.iter().zip(row);
        cells
            .map(|(column, value)| column.cell(*value).ok_or_else(|| self.misfit(&column.name)))
            .collect()
    }

    /// Says that a value does not fit its column.
    pub(super) fn misfit(&self, column: &str) -> String {
        let relation = self.relation.name();
        format!("`{relation}` has a value in `{column}` that does not fit the type of the column")
    }
}

impl ColumnKind {
    fn of(column: &PublicColumn) -> Self {
        match column.declared.as_str() {
            "BIGINT" | "INTEGER" => Self::Integer,
            "DOUBLE" => Self::Real,
            "DATE" => Self::Date,
            "TIMESTAMP" if column.name.ends_with("_utc") => Self::Instant,
            "TIMESTAMP" => Self::LocalTime,
            _ => Self::Text,
        }
    }
}

impl Column {
    /// Returns the value as a cell; `None` if it does not fit the declared type.
    fn cell<'r>(&self, value: ValueRef<'r>) -> Option<Cell<'r>> {
        match (self.kind, value) {
            (_, ValueRef::Null) => self.nullable.then_some(Cell::Null),
            (ColumnKind::Integer, ValueRef::Integer(number)) => Some(Cell::Integer(number)),
            (ColumnKind::Real, ValueRef::Real(number)) => Some(Cell::Real(number)),
            (kind, ValueRef::Text(bytes)) => {
                let text = std::str::from_utf8(bytes).ok()?;
                match kind {
                    ColumnKind::Text => Some(Cell::Text(text)),
                    ColumnKind::Date => Some(Cell::Date(days(text)?)),
                    ColumnKind::LocalTime | ColumnKind::Instant => Some(Cell::Time(seconds(text)?)),
                    ColumnKind::Integer | ColumnKind::Real => None,
                }
            }
            _ => None,
        }
    }
}

/// Returns the days from 1970 to a date such as `2026-01-01`.
fn days(text: &str) -> Option<i32> {
    let date = NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()?;
    let days = date.signed_duration_since(NaiveDate::default()).num_days();
    i32::try_from(days).ok()
}

/// Returns the seconds from 1970 to what a clock shows, such as `2026-01-01 08:00:00`.
fn seconds(text: &str) -> Option<i64> {
    let shown = NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S").ok()?;
    Some(shown.and_utc().timestamp())
}

/// Returns a date as text, such as `2026-01-01`.
pub(super) fn date_text(days: i32) -> String {
    let date = DateTime::from_timestamp(i64::from(days) * 86_400, 0);
    date.map_or_else(|| days.to_string(), |date| date.format("%Y-%m-%d").to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column(name: &str, declared: &str) -> PublicColumn {
        PublicColumn {
            name: name.to_owned(),
            declared: declared.to_owned(),
        }
    }

    #[test]
    fn a_value_of_another_type_than_declared_is_never_written() {
        let table = FileTable::new(
            ExportedRelation::Daily,
            vec![
                column("date_cst", "DATE"),
                column("points", "BIGINT"),
                column("bandwidth_avg", "DOUBLE"),
            ],
        )
        .unwrap();
        let cells = table.cells(&[ValueRef::Text(b"1970-01-02"), ValueRef::Null, ValueRef::Real(0.5)]);
        assert_eq!(cells.unwrap(), [Cell::Date(1), Cell::Null, Cell::Real(0.5)]);
        for (at, wrong) in [
            (0, ValueRef::Null),
            (0, ValueRef::Text(b"1970-01")),
            (1, ValueRef::Text(b"12")),
            (1, ValueRef::Real(1.0)),
            (2, ValueRef::Integer(1)),
        ] {
            let mut row = [
                ValueRef::Text(b"1970-01-02"),
                ValueRef::Integer(1),
                ValueRef::Real(0.5),
            ];
            row[at] = wrong;
            let error = table.cells(&row).unwrap_err();
            assert!(error.contains(&table.columns[at].name), "{wrong:?}: {error}");
        }
    }

    #[test]
    fn dates_and_clocks_are_read_as_they_are_shown() {
        assert_eq!(days("2026-06-01").map(date_text).as_deref(), Some("2026-06-01"));
        assert_eq!(seconds("1970-01-01 08:00:00"), Some(28_800));
        assert_eq!(seconds("1970-01-01"), None);
    }

    #[test]
    fn a_relation_that_the_database_does_not_have_has_no_table() {
        assert_eq!(FileTable::new(ExportedRelation::Codes, Vec::new()), None);
    }
}
