//! Runs one read-only statement and streams its rows.

use std::collections::BTreeSet;

use rusqlite::types::ValueRef;
use rusqlite::{Error, ErrorCode, Statement};

use crate::model::text;
use crate::nearest::nearest;
use crate::store::file::reader::Reader;
use crate::store::read::explain::{Explanation, explain};
use crate::store::read::limits::{self, MAX_ROW_BYTES, MAX_SQL_BYTES};
use crate::store::read::parameter::{Parameter, bare};

/// Why a statement was not run, or not to its end.
#[derive(Debug, thiserror::Error)]
pub enum SqlError {
    /// Only white space and comments.
    #[error("there is no SQL to run: give a statement such as `SELECT * FROM origin_stats LIMIT 5`")]
    Empty,
    /// More than one statement.
    #[error("there is more than one statement: run them one at a time")]
    Several,
    /// A statement that writes.
    #[error(
        "the statement writes, but the database is opened for reading: begin it with SELECT, WITH or VALUES"
    )]
    Writes,
    /// A statement that returns no rows, such as `BEGIN` or `ATTACH`.
    #[error("the statement returns no rows: begin it with SELECT, WITH or VALUES")]
    NoRows,
    /// The SQL has a `?`. No name can bind it.
    #[error("a `?` in the SQL has no name: write `:name` and add `-p name=value`")]
    Nameless,
    /// Parameters of the SQL have no value. NULL in their place would silently return other rows.
    #[error("no value is given for {}: add `-p {}=VALUE`", listed(.names), .names.first().map_or("name", |name| bare(name)))]
    Missing {
        /// Their names as the SQL writes them.
        names: Vec<String>,
    },
    /// A value is given for a parameter that the SQL does not have.
    #[error("the SQL has no parameter `{name}`; {hint}")]
    Unknown {
        /// The name that was given, made safe to print.
        name: String,
        /// What was probably meant, or what there is.
        hint: String,
    },
    /// Two values are given for one parameter.
    #[error("two values are given for the parameter `{name}`")]
    Twice {
        /// Its name, made safe to print.
        name: String,
    },
    /// SQLite does not understand the statement.
    #[error("{0}")]
    Invalid(Box<Explanation>),
    /// The statement is too long.
    #[error("the SQL is longer than {} KiB, which is the limit", MAX_SQL_BYTES >> 10)]
    TooLong,
    /// A value or a row is too large.
    #[error("the query makes a value or a row of more than {} MiB, which is the limit", MAX_ROW_BYTES >> 20)]
    TooLarge,
    /// It takes too much memory.
    #[error("the query takes more memory than the limit, which is {} MiB", limits::MAX_HEAP_BYTES >> 20)]
    TooMuchMemory,
    /// It failed while it ran.
    #[error("the query failed")]
    Failed(#[source] Error),
}

impl SqlError {
    /// Returns what to do about it.
    #[must_use]
    pub fn help(&self) -> Option<&str> {
        match self {
            Self::Invalid(explanation) => explanation.help.as_deref(),
            Self::TooLarge | Self::TooMuchMemory => Some("select fewer columns, or add a WHERE or a LIMIT"),
            _ => None,
        }
    }

    /// Returns whether the database is at fault and not the statement.
    #[must_use]
    pub fn is_database_fault(&self) -> bool {
        matches!(self, Self::Failed(error) if matches!(error.sqlite_error_code(), Some(
            ErrorCode::DatabaseCorrupt
            | ErrorCode::NotADatabase
            | ErrorCode::SystemIoFailure
            | ErrorCode::CannotOpen
            | ErrorCode::DatabaseBusy
            | ErrorCode::DatabaseLocked
            | ErrorCode::FileLockingProtocolFailed
            | ErrorCode::PermissionDenied
            | ErrorCode::DiskFull
        )))
    }
}

/// A statement, ready to run.
#[derive(Debug)]
pub struct Query<'r> {
    statement: Statement<'r>,
}

impl Reader {
    /// Prepares one statement that reads, and binds all its parameters.
    pub fn query(&self, sql: &str, parameters: &[Parameter]) -> Result<Query<'_>, SqlError> {
        if sql.len() > MAX_SQL_BYTES {
            return Err(SqlError::TooLong);
        }
        limits::apply(self.connection()).map_err(SqlError::Failed)?;
        let mut statement = self
            .connection()
            .prepare(sql)
            .map_err(|error| refused(self, sql, error))?;
        if statement.column_count() == 0 {
            return Err(if !statement.readonly() {
                SqlError::Writes
            } else if is_blank(&statement) {
                SqlError::Empty
            } else {
                SqlError::NoRows
            });
        }
        if !statement.readonly() {
            return Err(SqlError::Writes);
        }
        bind(&mut statement, parameters)?;
        Ok(Query { statement })
    }
}

impl Query<'_> {
    /// Returns the names of the columns.
    #[must_use]
    pub fn columns(&self) -> Vec<String> {
        self.statement.column_names().map(str::to_owned).collect()
    }

    /// Runs the statement and hands each row to `take`; returns how many there were.
    pub fn each_row<E: From<SqlError>>(
        mut self,
        mut take: impl FnMut(&[ValueRef<'_>]) -> Result<(), E>,
    ) -> Result<u64, E> {
        let failed = |error| E::from(failure(error));
        let columns = self.statement.column_count();
        let mut count = 0;
        let mut rows = self.statement.raw_query();
        while let Some(row) = rows.next().map_err(failed)? {
            let values = (0..columns)
                .map(|column| row.get_ref(column))
                .collect::<Result<Vec<_>, _>>()
                .map_err(failed)?;
            if limits::size_of(&values) > MAX_ROW_BYTES {
                return Err(SqlError::TooLarge.into());
            }
            take(&values)?;
            count += 1;
        }
        Ok(count)
    }
}

/// Returns whether the statement is empty. Then SQLite keeps no text of it.
fn is_blank(statement: &Statement<'_>) -> bool {
    statement.expanded_sql().is_none_or(|sql| sql.trim().is_empty())
}

fn bind(statement: &mut Statement<'_>, parameters: &[Parameter]) -> Result<(), SqlError> {
    let mut unused: BTreeSet<&str> = BTreeSet::new();
    for parameter in parameters {
        if !unused.insert(&parameter.name) {
            return Err(SqlError::Twice {
                name: text::printable(&parameter.name),
            });
        }
    }
    let mut names = Vec::new();
    let mut missing = Vec::new();
    for index in 1..=statement.parameter_count() {
        let name = statement
            .parameter_name(index)
            .ok_or(SqlError::Nameless)?
            .to_owned();
        match parameters.iter().find(|parameter| parameter.name == bare(&name)) {
            Some(parameter) => {
                statement
                    .raw_bind_parameter(index, &parameter.value)
                    .map_err(failure)?;
                unused.remove(parameter.name.as_str());
            }
            None => missing.push(name.clone()),
        }
        names.push(name);
    }
    if let Some(name) = unused.first() {
        let hint = match nearest(name, names.iter().map(|known| bare(known))) {
            Some(meant) => format!("did you mean `{meant}`?"),
            None if names.is_empty() => "it has none".to_owned(),
            None => format!("its parameters are {}", listed(&names)),
        };
        return Err(SqlError::Unknown {
            name: text::printable(name),
            hint,
        });
    }
    if missing.is_empty() {
        Ok(())
    } else {
        Err(SqlError::Missing { names: missing })
    }
}

fn refused(reader: &Reader, sql: &str, error: Error) -> SqlError {
    match error {
        Error::MultipleStatement => SqlError::Several,
        Error::SqlInputError { msg, offset, .. } => {
            SqlError::Invalid(Box::new(explain(reader, sql, &msg, usize::try_from(offset).ok())))
        }
        Error::SqliteFailure(cause, Some(message)) if cause.code == ErrorCode::Unknown => {
            SqlError::Invalid(Box::new(explain(reader, sql, &message, None)))
        }
        other => failure(other),
    }
}

fn failure(error: Error) -> SqlError {
    match error.sqlite_error_code() {
        Some(ErrorCode::TooBig) => SqlError::TooLarge,
        Some(ErrorCode::OutOfMemory) => SqlError::TooMuchMemory,
        _ => SqlError::Failed(error),
    }
}

fn listed(names: &[String]) -> String {
    let quoted: Vec<String> = names
        .iter()
        .map(|name| format!("`{}`", text::printable(name)))
        .collect();
    quoted.join(", ")
}

#[cfg(test)]
mod tests {
    use rusqlite::Connection;
    use rusqlite::types::Value;

    use super::*;
    use crate::store::APPLICATION_ID;

    fn reader() -> (tempfile::TempDir, Reader) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a.db");
        let connection = Connection::open(&path).unwrap();
        connection
            .pragma_update(None, "application_id", APPLICATION_ID)
            .unwrap();
        connection
            .execute_batch("CREATE TABLE origin_t(code TEXT, n BIGINT); INSERT INTO origin_t VALUES ('200', 1), ('000', 2)")
            .unwrap();
        (directory, Reader::open(&path).unwrap())
    }

    fn run(sql: &str, parameters: &[&str]) -> Result<Vec<Vec<Value>>, SqlError> {
        let (_directory, reader) = reader();
        let parameters: Vec<Parameter> = parameters.iter().map(|text| text.parse().unwrap()).collect();
        let mut rows = Vec::new();
        let query = reader.query(sql, &parameters)?;
        query.each_row(|row| {
            rows.push(row.iter().map(|value| Value::try_from(*value).unwrap()).collect());
            Ok::<_, SqlError>(())
        })?;
        Ok(rows)
    }

    #[test]
    fn a_parameter_is_bound_whatever_its_mark_and_compares_as_the_column_does() {
        let sql = "SELECT n FROM origin_t WHERE code = ";
        for mark in [":code", "@code", "$code"] {
            assert_eq!(
                run(&format!("{sql}{mark}"), &["code=200"]).unwrap(),
                [[Value::Integer(1)]]
            );
            assert_eq!(
                run(&format!("{sql}{mark}"), &["code=000"]).unwrap(),
                [[Value::Integer(2)]]
            );
        }
        assert_eq!(
            run("SELECT ?1", &["1=x"]).unwrap(),
            [[Value::Text("x".to_owned())]]
        );
    }

    #[test]
    fn parameters_must_fit_the_statement() {
        let refused = |sql: &str, parameters: &[&str]| run(sql, parameters).unwrap_err().to_string();
        assert_eq!(
            refused("SELECT :day, @hour", &["hour=1"]),
            "no value is given for `:day`: add `-p day=VALUE`"
        );
        assert_eq!(
            refused("SELECT :domain", &["domian=a"]),
            "the SQL has no parameter `domian`; did you mean `domain`?"
        );
        assert_eq!(
            refused("SELECT 1", &["x=a"]),
            "the SQL has no parameter `x`; it has none"
        );
        assert!(refused("SELECT :x", &["x=1", ":x=2"]).contains("two values"));
        assert!(matches!(run("SELECT ?", &[]), Err(SqlError::Nameless)));
    }

    #[test]
    fn one_statement_that_reads_is_taken_and_nothing_else() {
        for sql in [
            "SELECT 1;",
            " WITH a AS (SELECT 1) SELECT * FROM a -- end",
            "VALUES (1); /* x */ ",
        ] {
            assert_eq!(run(sql, &[]).unwrap().len(), 1, "{sql}");
        }
        for sql in ["", " ; ", "-- nothing"] {
            assert!(matches!(run(sql, &[]), Err(SqlError::Empty)), "{sql}");
        }
        assert!(matches!(run("SELECT 1; SELECT 2", &[]), Err(SqlError::Several)));
        for sql in [
            "INSERT INTO origin_t VALUES ('1', 1)",
            "INSERT INTO origin_t VALUES ('1', 1) RETURNING n",
            "DELETE FROM origin_t",
            "CREATE TABLE x(y)",
            "CREATE TEMP TABLE x(y)",
            "DROP TABLE origin_t",
            "PRAGMA user_version = 5",
            "VACUUM",
        ] {
            assert!(matches!(run(sql, &[]), Err(SqlError::Writes)), "{sql}");
        }
        for sql in ["BEGIN", "ATTACH '/tmp/never.db' AS x"] {
            assert!(matches!(run(sql, &[]), Err(SqlError::NoRows)), "{sql}");
        }
    }

    #[test]
    fn a_failure_halfway_is_an_error_and_not_the_end_of_the_rows() {
        let sql = "SELECT json_extract(CASE n WHEN 1 THEN '{}' ELSE '{' END, '$') FROM origin_t ORDER BY n";
        let error = run(sql, &[]);
        assert!(matches!(&error, Err(SqlError::Failed(_))), "{error:?}");
        assert!(!error.unwrap_err().is_database_fault());
    }
}
