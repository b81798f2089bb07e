//! Opens a database for reading only.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::limits::Limit;
use rusqlite::{Connection, ErrorCode, OpenFlags};

use crate::model::text;
use crate::store::error::StoreError;
use crate::store::file::connection::APPLICATION_ID;
use crate::store::file::main_file;

/// How long a reader waits for a lock. Under WAL it waits for recovery after a crash and for nothing else.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// A connection that cannot write, neither to the database nor to any other file.
#[derive(Debug)]
pub struct Reader {
    path: PathBuf,
    connection: Connection,
}

/// Why a file cannot be read as a database of ours.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// There is no such file.
    #[error("there is no database at `{}`", shown(.path))]
    Missing {
        /// The file.
        path: PathBuf,
    },
    /// It is a directory, a device or the like.
    #[error("`{}` is not a file", shown(.path))]
    NotAFile {
        /// The path.
        path: PathBuf,
    },
    /// The operating system refuses it.
    #[error("cannot open the database `{}`", shown(.path))]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the operating system says.
        #[source]
        cause: io::Error,
    },
    /// It is another program's database, or no database.
    #[error("`{}` is not a database of jdcdn-stats", shown(.path))]
    Foreign {
        /// The file.
        path: PathBuf,
    },
    /// What would be read is not what was stored: its log is another file's, or lies under another name.
    #[error(transparent)]
    Untrue(#[from] StoreError),
    /// SQLite refuses it.
    #[error("cannot read the database `{}`", shown(.path))]
    Sqlite {
        /// The file.
        path: PathBuf,
        /// What SQLite says.
        #[source]
        cause: rusqlite::Error,
    },
}

impl OpenError {
    /// What to do about it.
    #[must_use]
    pub fn help(&self) -> Option<&'static str> {
        match self {
            Self::Missing { .. } => Some(
                "name another with `--db`, make one with `jdcdn-stats backfill`, or try `jdcdn-stats demo`, \
                 which needs no account",
            ),
            Self::NotAFile { .. } | Self::Foreign { .. } => Some("name the database with `--db`"),
            Self::Sqlite { cause, .. }
                if matches!(
                    cause.sqlite_error_code(),
                    Some(ErrorCode::CannotOpen | ErrorCode::ReadOnly)
                ) =>
            {
                Some(
                    "who may not write beside a database can open it only while its `-wal` and `-shm` are \
                     there, as every run leaves them; or open a copy made by `jdcdn-stats snapshot`",
                )
            }
            Self::Unreadable { .. } | Self::Sqlite { .. } | Self::Untrue(_) => None,
        }
    }
}

impl Reader {
    /// Opens an existing database of ours.
    pub fn open(path: &Path) -> Result<Self, OpenError> {
        let unreadable = |cause: io::Error| match cause.kind() {
            io::ErrorKind::NotFound => OpenError::Missing {
                path: path.to_owned(),
            },
            _ => OpenError::Unreadable {
                path: path.to_owned(),
                cause,
            },
        };
        if !std::fs::metadata(path).map_err(unreadable)?.is_file() {
            return Err(OpenError::NotAFile {
                path: path.to_owned(),
            });
        }
        // SQLite follows links, and looks for the log beside what they lead to.
        let located = std::fs::canonicalize(path).map_err(unreadable)?;
        main_file::check_names(&located)
            .and_then(|()| main_file::check_log(&located))
            .map_err(|kind| StoreError::new(path, kind))?;
        // SQLite gives a meaning of its own to names such as `:memory:`, but not to absolute ones.
        let absolute = std::path::absolute(path).map_err(unreadable)?;
        let refused = |cause: rusqlite::Error| match cause.sqlite_error_code() {
            Some(ErrorCode::NotADatabase) => OpenError::Foreign {
                path: path.to_owned(),
            },
            _ => OpenError::Sqlite {
                path: path.to_owned(),
                cause,
            },
        };
        let connection = connect(&absolute).map_err(refused)?;
        let id: i64 = connection
            .pragma_query_value(None, "application_id", |row| row.get(0))
            .map_err(refused)?;
        if id != i64::from(APPLICATION_ID) {
            return Err(OpenError::Foreign {
                path: path.to_owned(),
            });
        }
        Ok(Self {
            path: absolute,
            connection,
        })
    }

    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The connection, for queries of the program's own.
    #[must_use]
    pub fn connection(&self) -> &Connection {
        &self.connection
    }
}

/// The file is opened without write access; the rest keeps SQL from reaching other files (`ATTACH`,
/// `VACUUM INTO`) and a manipulated schema from doing more than reading.
fn connect(path: &Path) -> rusqlite::Result<Connection> {
    let flags =
        OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_EXRESCODE;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false)?;
    // Without this a mistyped "column" in double quotes is silently taken for a text.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DQS_DML, false)?;
    connection.set_limit(Limit::SQLITE_LIMIT_ATTACHED, 0)?;
    connection.pragma_update(None, "query_only", true)?;
    Ok(connection)
}

fn shown(path: &Path) -> String {
    text::printable(&path.to_string_lossy())
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
        assert!(matches!(Reader::open(&missing), Err(OpenError::Missing { .. })));
        assert!(!missing.exists());
        assert!(matches!(
            Reader::open(directory.path()),
            Err(OpenError::NotAFile { .. })
        ));
        let (_other, foreign) = file(7);
        assert!(matches!(Reader::open(&foreign), Err(OpenError::Foreign { .. })));
        for content in [&b""[..], b"SQLite format 2", &[0xff; 4096]] {
            std::fs::write(&foreign, content).unwrap();
            assert!(matches!(Reader::open(&foreign), Err(OpenError::Foreign { .. })));
            assert_eq!(std::fs::read(&foreign).unwrap(), content);
        }
        for name in [":memory:", "file:a.db?mode=memory", ""] {
            assert!(
                matches!(Reader::open(Path::new(name)), Err(OpenError::Missing { .. })),
                "{name}"
            );
        }
    }
}
