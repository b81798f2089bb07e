//! Opens a database for a check, without leaving a trace, and asks SQLite whether it is sound.
//!
//! A reader of the usual kind rebuilds the files beside the database that connections share, which is a write. Here
//! they are read as they are, or not at all if there is nothing in them.

use std::path::Path;

use rusqlite::{Connection, OpenFlags};

use crate::store::error::{Result, StoreError};
use crate::store::file::connection::{self, OLDEST_SQLITE};
use crate::store::file::header::{self, Existing};
use crate::store::file::location::{locate, size, suffixed};
use crate::store::file::lock::LockState;
use crate::store::file::reader::Reader;
use crate::store::file::statements::Statements as _;
use crate::store::file::{main_file, migrations};

/// How many findings of SQLite's own check are reported.
const MAX_FINDINGS: u32 = 5;

/// What there is to check at the path of a database.
#[derive(Debug)]
pub enum Inspection {
    /// No database yet.
    Missing,
    /// Commits that are in the write-ahead log alone, without its index. Only a run can read them.
    LogOnly,
    /// A database.
    Database(Reader),
}

/// How many migrations a file has seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SchemaProgress {
    /// Migrations that were applied to the file.
    pub applied: usize,
    /// Migrations that this program has.
    pub known: usize,
}

/// Opens the database at `path` without leaving a trace; `lock` says whether a run is writing.
pub fn inspect(path: &Path, lock: &LockState) -> Result<Inspection, StoreError> {
    let open = || {
        let path = locate(path)?;
        main_file::check_names(&path)?;
        main_file::check_log(&path)?;
        if header::inspect(&path)? == Existing::Empty {
            return Ok(Inspection::Missing);
        }
        let connection = match lock {
            // The files beside it exist and change all the time.
            LockState::Held(_) => connection::open_to_read(&path)?,
            LockState::Free => match options_at_rest(&path) {
                Some(options) => open_with(&path, options)?,
                None => return Ok(Inspection::LogOnly),
            },
        };
        Ok(Inspection::Database(Reader::new(path, connection)?))
    };
    open().map_err(|kind| StoreError::new(path, kind))
}

impl Reader {
    /// Returns the size of the database file in bytes.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        size(self.path()).unwrap_or(0)
    }

    /// Returns the size of the write-ahead log in bytes.
    #[must_use]
    pub fn wal_bytes(&self) -> u64 {
        size(&suffixed(self.path(), "-wal")).unwrap_or(0)
    }

    /// Returns how far the schema is. A schema that is newer or of another program is an error.
    pub fn schema(&self) -> Result<SchemaProgress, StoreError> {
        self.read(migrations::progress)
            .map(|(applied, known)| SchemaProgress { applied, known })
    }

    /// Returns the first findings of `PRAGMA quick_check`; none for a sound file. Reads all of it.
    pub fn findings(&self) -> Result<Vec<String>, StoreError> {
        self.read(quick_check)
    }

    /// Returns how many rows refer to nothing (`PRAGMA foreign_key_check`). Reads all of the file.
    pub fn dangling_rows(&self) -> Result<u64, StoreError> {
        self.read(|connection| connection.count("SELECT count(*) FROM pragma_foreign_key_check", []))
    }
}

/// Returns the first findings of `PRAGMA quick_check`; none for a sound file. Reads all of it.
pub(crate) fn quick_check(connection: &Connection) -> Result<Vec<String>> {
    findings(connection, "SELECT quick_check FROM pragma_quick_check LIMIT ?1")
}

/// As [`quick_check`], and compares every index with its table.
pub(crate) fn integrity_check(connection: &Connection) -> Result<Vec<String>> {
    findings(
        connection,
        "SELECT integrity_check FROM pragma_integrity_check LIMIT ?1",
    )
}

fn findings(connection: &Connection, sql: &str) -> Result<Vec<String>> {
    let findings: Vec<String> = connection.column(sql, [MAX_FINDINGS])?;
    Ok(if findings == ["ok"] { Vec::new() } else { findings })
}

/// Opens a database that no run writes to, for reading. Leaves nothing beside it, unless its log has no index.
pub(crate) fn open_at_rest(path: &Path) -> Result<Connection> {
    match options_at_rest(path) {
        Some(options) => open_with(path, options),
        None => connection::open_to_read(path),
    }
}

/// Returns whether the SQLite library is without the defect that lost commits, and its version.
#[must_use]
pub fn sqlite() -> (bool, &'static str) {
    (rusqlite::version_number() >= OLDEST_SQLITE, rusqlite::version())
}

/// Returns the options under which SQLite reads a database that no run writes to, and changes nothing beside it.
fn options_at_rest(path: &Path) -> Option<&'static str> {
    match (size(&suffixed(path, "-wal")), size(&suffixed(path, "-shm"))) {
        (Some(_), Some(_)) => Some("mode=ro&readonly_shm=1"),
        // Without a log, or with an empty one, everything is in the file.
        (None | Some(0), _) => Some("immutable=1"),
        (Some(_), None) => None,
    }
}

/// Opens a database that nobody else has open and that has no log. Makes no file beside it.
pub(crate) fn open_alone(path: &Path) -> Result<Connection> {
    open_with(path, "immutable=1")
}

fn open_with(path: &Path, options: &str) -> Result<Connection> {
    let uri = [&uri(path), "?", options].concat();
    connection::open(
        Path::new(&uri),
        OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI,
    )
}

/// Returns an absolute path as SQLite's URI, with every byte escaped that could mean anything else.
fn uri(path: &Path) -> String {
    use std::os::unix::ffi::OsStrExt as _;
    let bytes = path.as_os_str().as_bytes().iter();
    let escaped = bytes.map(|&byte| match byte {
        b'/' | b'-' | b'_' | b'.' | b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' => char::from(byte).to_string(),
        _ => format!("%{byte:02x}"),
    });
    std::iter::once("file:".to_owned()).chain(escaped).collect()
}

#[cfg(test)]
mod tests {
    use std::fs;

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

    fn checked(path: &Path) -> Reader {
        match inspect(path, &LockState::Free).unwrap() {
            Inspection::Database(reader) => reader,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_check_leaves_no_trace_whichever_files_are_there() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a ?%#.db");
        for gone in [&[][..], &["-shm"], &["-wal"], &["-shm", "-wal"]] {
            made(&path);
            for suffix in gone {
                fs::remove_file(suffixed(&path, suffix)).unwrap();
            }
            let before = traces(&path);
            let reader = checked(&path);
            let schema = reader.schema().unwrap();
            assert!(schema.applied == schema.known && schema.known > 0);
            assert_eq!(reader.findings().unwrap(), Vec::<String>::new());
            assert_eq!(reader.dangling_rows().unwrap(), 0);
            drop(reader);
            assert_eq!(traces(&path), before, "{gone:?}");
        }
    }

    #[test]
    fn what_is_in_the_log_alone_is_read_as_well() {
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
        let reader = checked(&copy);
        assert!(reader.wal_bytes() > 0);
        assert_eq!(reader.dangling_rows().unwrap(), 2);
        drop(reader);
        assert_eq!(traces(&copy), before);
        fs::remove_file(suffixed(&copy, "-shm")).unwrap();
        assert!(matches!(
            inspect(&copy, &LockState::Free).unwrap(),
            Inspection::LogOnly
        ));
    }

    #[test]
    fn nothing_yet_is_no_error_and_damage_is_found() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("stats.db");
        assert!(matches!(
            inspect(&path, &LockState::Free).unwrap(),
            Inspection::Missing
        ));
        assert!(!path.exists());
        made(&path);
        let mut bytes = fs::read(&path).unwrap();
        for page in bytes.chunks_mut(4096).skip(2) {
            page[..64].fill(0xff);
        }
        fs::write(&path, bytes).unwrap();
        let findings = checked(&path).findings();
        assert!(findings.is_err() || !findings.unwrap().is_empty());
    }
}
