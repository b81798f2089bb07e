//! A connection that cannot write.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::limits::Limit;
use rusqlite::{Connection, ErrorCode, OpenFlags, Params, Row};

use crate::model::text;
use crate::store::error::{Result, StoreError};
use crate::store::file::header::APPLICATION_ID;
use crate::store::file::location::has_hot_journal;
use crate::store::file::main_file;

/// How long a reader waits for a lock. Under WAL it waits for recovery after a crash and for nothing else.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// A connection that cannot write, neither to the database nor to any other file.
#[derive(Debug)]
pub struct Reader {
    path: PathBuf,
    connection: Connection,
}

/// Why a file cannot be read as a database of this program.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// There is no such file.
    #[error("there is no database at `{}`", text::printable_path(.0))]
    Missing(PathBuf),
    /// It is a directory, a device or the like.
    #[error("`{}` is not a file", text::printable_path(.0))]
    NotAFile(PathBuf),
    /// The operating system refuses it.
    #[error("cannot open the database `{}`", text::printable_path(.0))]
    Unreadable(PathBuf, #[source] io::Error),
    /// It is another program's database, or no database.
    #[error("`{}` is not a database of jdcdn-stats", text::printable_path(.0))]
    Foreign(PathBuf),
    /// A run was killed, or the power failed, while the file was being made. Only a writing connection can undo that.
    #[error("the database `{}` is not finished: the program ended while it made the file", text::printable_path(.0))]
    Unfinished(PathBuf),
    /// Its write-ahead log is another file's, or lies under another name. A reader would see wrong data.
    #[error(transparent)]
    Untrue(#[from] StoreError),
    /// SQLite refuses it.
    #[error("cannot read the database `{}`", text::printable_path(.0))]
    Sqlite(PathBuf, #[source] rusqlite::Error),
}

impl OpenError {
    /// Returns what to do about it.
    #[must_use]
    pub fn help(&self) -> Option<&'static str> {
        match self {
            Self::Missing(_) => Some(
                "name another with `--db`, make one with `jdcdn-stats backfill`, or try `jdcdn-stats demo`, \
                 which needs no account",
            ),
            Self::Unfinished(_) => Some("run `jdcdn-stats sync`, `backfill` or `migrate`: each finishes it"),
            Self::NotAFile(_) | Self::Foreign(_) => Some("name the database with `--db`"),
            Self::Sqlite(_, cause)
                if matches!(
                    cause.sqlite_error_code(),
                    Some(ErrorCode::CannotOpen | ErrorCode::ReadOnly)
                ) =>
            {
                Some(
                    "without write permission for its directory, you can open a database only while its `-wal` and \
                     `-shm` files are there, as every run leaves them; or open a copy made by `jdcdn-stats snapshot`",
                )
            }
            Self::Unreadable(..) | Self::Sqlite(..) | Self::Untrue(_) => None,
        }
    }
}

impl Reader {
    /// Opens an existing database of this program.
    pub fn open(path: &Path) -> Result<Self, OpenError> {
        let unreadable = |cause: io::Error| match cause.kind() {
            io::ErrorKind::NotFound => OpenError::Missing(path.to_owned()),
            _ => OpenError::Unreadable(path.to_owned(), cause),
        };
        if !std::fs::metadata(path).map_err(unreadable)?.is_file() {
            return Err(OpenError::NotAFile(path.to_owned()));
        }
        // SQLite follows links, and looks for the log next to the file they lead to.
        let located = std::fs::canonicalize(path).map_err(unreadable)?;
        main_file::check_names(&located)
            .and_then(|()| main_file::check_log(&located))
            .map_err(|kind| StoreError::new(path, kind))?;
        // SQLite gives a meaning of its own to names such as `:memory:`, but not to absolute ones.
        let absolute = std::path::absolute(path).map_err(unreadable)?;
        let refused = |cause: rusqlite::Error| match cause.sqlite_error_code() {
            Some(ErrorCode::NotADatabase) => OpenError::Foreign(path.to_owned()),
            Some(ErrorCode::ReadOnly) if has_hot_journal(&located) => OpenError::Unfinished(path.to_owned()),
            _ => OpenError::Sqlite(path.to_owned(), cause),
        };
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY
            | OpenFlags::SQLITE_OPEN_NO_MUTEX
            | OpenFlags::SQLITE_OPEN_EXRESCODE;
        let connect = || {
            let connection = Connection::open_with_flags(&absolute, flags)?;
            connection.busy_timeout(BUSY_TIMEOUT)?;
            guard(&connection)?;
            let mark: i64 = connection.pragma_query_value(None, "application_id", |row| row.get(0))?;
            Ok((connection, mark))
        };
        let (connection, mark) = connect().map_err(refused)?;
        if mark != i64::from(APPLICATION_ID) {
            return Err(OpenError::Foreign(path.to_owned()));
        }
        Ok(Self {
            path: absolute,
            connection,
        })
    }

    /// Makes a reader of a connection that was opened for reading only.
    pub(crate) fn new(path: PathBuf, connection: Connection) -> Result<Self> {
        guard(&connection)?;
        Ok(Self { path, connection })
    }

    /// Returns the path of the database, absolute.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the connection, for queries of the program's own.
    #[must_use]
    pub fn connection(&self) -> &Connection {
        &self.connection
    }

    /// Reads with the connection. An error names the database.
    pub(crate) fn read<T>(&self, read: impl FnOnce(&Connection) -> Result<T>) -> Result<T, StoreError> {
        self.located(read(&self.connection))
    }

    /// Hands every row to `visit`, one at a time. An error of SQLite names the database.
    pub(crate) fn each<E: From<StoreError>>(
        &self,
        sql: &str,
        parameters: impl Params,
        mut visit: impl FnMut(&Row<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        let located = |error: rusqlite::Error| StoreError::new(&self.path, error.into());
        let mut select = self.connection.prepare_cached(sql).map_err(located)?;
        let mut rows = select.query(parameters).map_err(located)?;
        while let Some(row) = rows.next().map_err(located)? {
            visit(row)?;
        }
        Ok(())
    }

    /// Adds the path of the database to an error.
    pub(crate) fn located<T>(&self, result: Result<T>) -> Result<T, StoreError> {
        result.map_err(|kind| StoreError::new(&self.path, kind))
    }
}

/// Keeps SQL from reaching other files (`ATTACH`, `VACUUM INTO`), and a manipulated schema from doing more than
/// reading. The file itself is opened without write access.
fn guard(connection: &Connection) -> rusqlite::Result<()> {
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false)?;
    // Without this a mistyped "column" in double quotes is silently taken for a text.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DQS_DML, false)?;
    connection.set_limit(Limit::SQLITE_LIMIT_ATTACHED, 0)?;
    connection.pragma_update(None, "query_only", true)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(application_id: u32) -> (tempfile::TempDir, PathBuf) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a.db");
        let connection = Connection::open(&path).unwrap();
        connection
            .pragma_update(None, "application_id", application_id)
            .unwrap();
        connection
            .execute_batch("CREATE TABLE t(x); INSERT INTO t VALUES (1)")
            .unwrap();
        (directory, path)
    }

    #[test]
    fn nothing_can_be_written_here_or_elsewhere() {
        let (directory, path) = file(APPLICATION_ID);
        let before = std::fs::read(&path).unwrap();
        let reader = Reader::open(&path).unwrap();
        let elsewhere = directory.path().join("b.db");
        // The guards hold without the one that SQL can switch off.
        let _ = reader.connection().execute_batch("PRAGMA query_only = 0");
        for sql in [
            "INSERT INTO t VALUES (2)".to_owned(),
            "DROP TABLE t".to_owned(),
            "PRAGMA user_version = 7".to_owned(),
            format!("ATTACH '{}' AS b", elsewhere.display()),
            format!("VACUUM INTO '{}'", elsewhere.display()),
        ] {
            assert!(reader.connection().execute_batch(&sql).is_err(), "{sql}");
        }
        let trusted: i64 = reader
            .connection()
            .pragma_query_value(None, "trusted_schema", |row| row.get(0))
            .unwrap();
        assert_eq!(trusted, 0);
        assert!(!elsewhere.exists());
        assert_eq!(std::fs::read(&path).unwrap(), before);
    }

    #[test]
    fn only_an_existing_file_of_ours_is_opened() {
        let (directory, path) = file(APPLICATION_ID);
        assert!(Reader::open(&path).is_ok());
        let missing = directory.path().join("missing.db");
        assert!(matches!(Reader::open(&missing), Err(OpenError::Missing(_))));
        assert!(!missing.exists());
        assert!(matches!(
            Reader::open(directory.path()),
            Err(OpenError::NotAFile(_))
        ));
        let (_other, foreign) = file(7);
        assert!(matches!(Reader::open(&foreign), Err(OpenError::Foreign(_))));
        for content in [&b""[..], b"SQLite format 2", &[0xff; 4096]] {
            std::fs::write(&foreign, content).unwrap();
            assert!(matches!(Reader::open(&foreign), Err(OpenError::Foreign(_))));
            assert_eq!(std::fs::read(&foreign).unwrap(), content);
        }
        for name in [":memory:", "file:a.db?mode=memory", ""] {
            assert!(
                matches!(Reader::open(Path::new(name)), Err(OpenError::Missing(_))),
                "{name}"
            );
        }
    }
}
