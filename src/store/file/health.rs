//! Whether a database is sound, looked at without leaving a trace.
//!
//! A reader of the usual kind rebuilds the files beside the database that connections share, which is a write.
//! Here they are read at most: as they are where they exist, and not at all where there is nothing in them.

use crate::model::convert::to_u64;
use std::ffi::OsStr;
use std::fmt::Write as _;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, OpenFlags};

use crate::store::deep::{self, Checked};
use crate::store::error::{Result, StoreError, StoreErrorKind};
use crate::store::file::connection::{self, Existing, OLDEST_SQLITE, suffixed};
use crate::store::file::lock::LockState;
use crate::store::file::{main_file, migrations};

/// How many findings of SQLite's own check are reported.
const MAX_FINDINGS: u32 = 5;

/// What there is to look at.
#[derive(Debug)]
pub enum Look {
    /// No database yet.
    Nothing,
    /// Commits that are in the write-ahead log alone, which no run has open and whose index is missing: only a
    /// run can read them.
    LogAlone,
    /// A database.
    Database(Health),
}

/// A database of ours, opened for a look.
#[derive(Debug)]
pub struct Health {
    path: PathBuf,
    connection: Connection,
}

/// How far the schema is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Schema {
    /// Steps that the file has seen.
    pub applied: usize,
    /// Steps that this program knows.
    pub known: usize,
}

impl Health {
    /// Opens the database at `path`; `lock` tells whether a run is writing.
    pub fn open(path: &Path, lock: &LockState) -> std::result::Result<Look, StoreError> {
        let open = || {
            let path = connection::locate(path)?;
            main_file::check_names(&path)?;
            main_file::check_log(&path)?;
            if connection::inspect(&path)? == Existing::Empty {
                return Ok(Look::Nothing);
            }
            let connection = match lock {
                // Its files are there and change all the time.
                LockState::Held(_) => connection::open_to_read(&path)?,
                LockState::Free => match how_untouched(&path) {
                    Some(how) => open_untouched(&path, how)?,
                    None => return Ok(Look::LogAlone),
                },
            };
            Ok(Look::Database(Self { path, connection }))
        };
        open().map_err(|kind| StoreError::new(path, kind))
    }

    /// The database file, absolute.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Bytes of the database file.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        size(self.path.as_os_str()).unwrap_or(0)
    }

    /// Bytes of the write-ahead log beside it.
    #[must_use]
    pub fn wal_bytes(&self) -> u64 {
        size(&suffixed(&self.path, "-wal")).unwrap_or(0)
    }

    /// How far the schema is. A newer or another one is an error.
    pub fn schema(&self) -> std::result::Result<Schema, StoreError> {
        self.told(migrations::progress(&self.connection))
            .map(|(applied, known)| Schema { applied, known })
    }

    /// What SQLite finds wrong with the file (`PRAGMA quick_check`): nothing, or the first findings. Reads all
    /// of it.
    pub fn findings(&self) -> std::result::Result<Vec<String>, StoreError> {
        self.told(quick_check(&self.connection))
    }

    /// How many rows refer to nothing (`PRAGMA foreign_key_check`). Reads all of it.
    pub fn dangling_rows(&self) -> std::result::Result<u64, StoreError> {
        let count = self
            .connection
            .query_row("SELECT count(*) FROM pragma_foreign_key_check", [], |row| {
                row.get::<_, i64>(0)
            });
        self.told(count.map_err(StoreErrorKind::from)).map(to_u64)
    }

    /// Verifies everything that can be verified, as of one moment. Reads all of it, more than once.
    pub fn verify(&self) -> std::result::Result<Vec<Checked>, StoreError> {
        self.told(deep::verify(&self.connection))
    }

    /// The connection, for looks of the store's own.
    pub(crate) fn connection(&self) -> &Connection {
        &self.connection
    }

    fn told<T>(&self, found: Result<T>) -> std::result::Result<T, StoreError> {
        found.map_err(|kind| StoreError::new(&self.path, kind))
    }
}

/// What SQLite finds wrong with the file: nothing, or the first findings. Reads all of it.
pub(crate) fn quick_check(connection: &Connection) -> Result<Vec<String>> {
    findings(connection, "SELECT quick_check FROM pragma_quick_check LIMIT ?1")
}

/// As [`quick_check`], with every index against its table.
pub(crate) fn integrity_check(connection: &Connection) -> Result<Vec<String>> {
    findings(
        connection,
        "SELECT integrity_check FROM pragma_integrity_check LIMIT ?1",
    )
}

fn findings(connection: &Connection, sql: &str) -> Result<Vec<String>> {
    let mut check = connection.prepare(sql)?;
    let found: Vec<String> = check
        .query_map([MAX_FINDINGS], |row| row.get(0))?
        .collect::<rusqlite::Result<_>>()?;
    Ok(if found == ["ok"] { Vec::new() } else { found })
}

/// Opens a database that no run writes to, for reading, and leaves as little beside it as can be: nothing, unless its
/// log has no index.
pub(crate) fn open_at_rest(path: &Path) -> Result<Connection> {
    match how_untouched(path) {
        Some(how) => open_untouched(path, how),
        None => connection::open_to_read(path),
    }
}

/// Whether the SQLite library is one without the fault that lost commits, and its version.
#[must_use]
pub fn sqlite() -> (bool, &'static str) {
    (rusqlite::version_number() >= OLDEST_SQLITE, rusqlite::version())
}

/// The options under which SQLite reads a database that no run writes to, and changes nothing beside it.
fn how_untouched(path: &Path) -> Option<&'static str> {
    match (size(&suffixed(path, "-wal")), size(&suffixed(path, "-shm"))) {
        (Some(_), Some(_)) => Some("mode=ro&readonly_shm=1"),
        // Without a log, or with an empty one, the file is all there is.
        (None | Some(0), _) => Some("immutable=1"),
        (Some(_), None) => None,
    }
}

/// Opens a database that nobody else has open and that has no log, and makes no file beside it.
pub(crate) fn open_alone(path: &Path) -> Result<Connection> {
    open_untouched(path, "immutable=1")
}

fn open_untouched(path: &Path, how: &str) -> Result<Connection> {
    let connection = Connection::open_with_flags(
        [&uri(path), "?", how].concat(),
        OpenFlags::SQLITE_OPEN_READ_ONLY
            | OpenFlags::SQLITE_OPEN_URI
            | OpenFlags::SQLITE_OPEN_NO_MUTEX
            | OpenFlags::SQLITE_OPEN_NOFOLLOW
            | OpenFlags::SQLITE_OPEN_EXRESCODE,
    )?;
    connection.busy_timeout(connection::BUSY_STEP)?;
    Ok(connection)
}

/// An absolute path as SQLite's URI, with every byte escaped that could mean anything else.
fn uri(path: &Path) -> String {
    let mut uri = "file:".to_owned();
    for &byte in path.as_os_str().as_bytes() {
        match byte {
            b'/' | b'-' | b'_' | b'.' | b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' => uri.push(char::from(byte)),
            _ => {
                // Writing to a String cannot fail.
                let _ = write!(uri, "%{byte:02x}");
            }
        }
    }
    uri
}

fn size(path: &OsStr) -> Option<u64> {
    fs::metadata(path).ok().map(|found| found.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{Holder, Store};

    fn made(path: &Path) {
        let holder = Holder {
            command: "test".to_owned(),
            started_at: 0,
        };
        drop(Store::open(path, &holder).unwrap());
    }

    fn traces(path: &Path) -> Vec<(std::ffi::OsString, u64, std::time::SystemTime)> {
        let mut found: Vec<_> = fs::read_dir(path.parent().unwrap())
            .unwrap()
            .map(|entry| {
                let entry = entry.unwrap();
                let known = entry.metadata().unwrap();
                (entry.file_name(), known.len(), known.modified().unwrap())
            })
            .collect();
        found.sort();
        found
    }

    fn look(path: &Path) -> Health {
        match Health::open(path, &LockState::Free).unwrap() {
            Look::Database(health) => health,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_look_leaves_no_trace_whichever_files_are_there() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a ?%#.db");
        for gone in [&[][..], &["-shm"], &["-wal"], &["-shm", "-wal"]] {
            made(&path);
            for suffix in gone {
                fs::remove_file(suffixed(&path, suffix)).unwrap();
            }
            let before = traces(&path);
            let health = look(&path);
            let schema = health.schema().unwrap();
            assert!(schema.applied == schema.known && schema.known > 0);
            assert_eq!(health.findings().unwrap(), Vec::<String>::new());
            assert_eq!(health.dangling_rows().unwrap(), 0);
            drop(health);
            assert_eq!(traces(&path), before, "{gone:?}");
        }
    }

    #[test]
    fn what_is_in_the_log_alone_is_looked_at_as_well() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("stats.db");
        made(&path);
        let writer = Connection::open(&path).unwrap();
        writer
            .execute_batch("PRAGMA foreign_keys = 0; INSERT INTO code_set_member VALUES (7, 7)")
            .unwrap();
        // As after a kill: nobody has the files open, and the log is full.
        let copies = tempfile::tempdir().unwrap();
        let copy = copies.path().join("copy.db");
        for suffix in ["", "-wal", "-shm"] {
            fs::copy(suffixed(&path, suffix), suffixed(&copy, suffix)).unwrap();
        }
        let before = traces(&copy);
        let health = look(&copy);
        assert!(health.wal_bytes() > 0);
        assert_eq!(health.dangling_rows().unwrap(), 2);
        drop(health);
        assert_eq!(traces(&copy), before);
        fs::remove_file(suffixed(&copy, "-shm")).unwrap();
        assert!(matches!(
            Health::open(&copy, &LockState::Free).unwrap(),
            Look::LogAlone
        ));
    }

    #[test]
    fn nothing_yet_is_no_error_and_damage_is_found() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("stats.db");
        assert!(matches!(
            Health::open(&path, &LockState::Free).unwrap(),
            Look::Nothing
        ));
        assert!(!path.exists());
        made(&path);
        let mut bytes = fs::read(&path).unwrap();
        for page in bytes.chunks_mut(4096).skip(2) {
            page[..64].fill(0xff);
        }
        fs::write(&path, bytes).unwrap();
        let findings = look(&path).findings();
        assert!(findings.is_err() || !findings.unwrap().is_empty());
    }
}
