//! The copy itself.

use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use rusqlite::config::DbConfig;
use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Connection, ErrorCode, OpenFlags, ffi};

use super::error::SnapshotError;
use crate::model::UnixSeconds;
use crate::model::convert::to_u64;
use crate::store::deep;
use crate::store::deep::report::Checked;
use crate::store::error::{Result, StoreError, StoreErrorKind};
use crate::store::file::{commit_number, connection, health, migrations, table_sums};
use crate::store::ledger::gaps;
use crate::store::origin::{month_sums, rollups};

/// The work of copying a database; it does not own the staging directory, and may be left to end with the process.
#[derive(Debug)]
pub struct Copying {
    pub(super) database: PathBuf,
    pub(super) copy: PathBuf,
    pub(super) out: PathBuf,
}

/// What a copy holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contents {
    /// Its points.
    pub points: u64,
    /// The time of the newest of them.
    pub newest_ts: Option<UnixSeconds>,
    /// Days of a domain whose rollups were behind the database's own points, and were brought up to date in the
    /// copy.
    pub rolled_up_days: u64,
}

impl Copying {
    /// Copies the database as of one moment, and makes the copy fit for its readers.
    ///
    /// To whoever writes to the database it is one reader among others.
    pub fn run(&self) -> std::result::Result<Contents, SnapshotError> {
        let copied = copy_out(&self.database, &self.copy).map_err(|kind| self.blame(kind))?;
        self.refuse(copied)?;
        let verified = verify(&self.copy).map_err(|kind| self.blame(kind))?;
        self.refuse(verified)?;
        let (contents, findings) = finish(&self.copy).map_err(|kind| self.blame(kind))?;
        self.refuse(findings)?;
        Ok(contents)
    }

    fn refuse(&self, findings: Vec<String>) -> std::result::Result<(), SnapshotError> {
        match findings.into_iter().next() {
            Some(finding) => Err(SnapshotError::Unsound {
                database: self.database.clone(),
                finding,
            }),
            None => Ok(()),
        }
    }

    /// Names the file that is to blame: where writing fails it is the copy, else the database that it is of.
    fn blame(&self, kind: StoreErrorKind) -> SnapshotError {
        let path = match &kind {
            StoreErrorKind::Storage(error) if !is_reading(error) => &self.out,
            _ => &self.database,
        };
        StoreError::new(path, kind).into()
    }
}

fn is_reading(error: &rusqlite::Error) -> bool {
    error.sqlite_error_code() == Some(ErrorCode::SystemIoFailure)
        && matches!(
            error.sqlite_extended_error_code(),
            Some(ffi::SQLITE_IOERR_READ | ffi::SQLITE_IOERR_SHORT_READ)
        )
}

/// One read transaction sees the database as of one moment, and packs it without free pages. Returns what is
/// wrong with the database: indexes and schema can be made anew in the copy, which would hide it.
fn copy_out(database: &Path, copy: &Path) -> Result<Vec<String>> {
    let source = connection::open_to_read(database)?;
    source.set_db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false)?;
    let findings = damage(&deep::verify_frame(&source)?);
    if findings.is_empty() {
        // A path is bytes; SQLite takes them as they are.
        let into = ToSqlOutput::Borrowed(ValueRef::Text(copy.as_os_str().as_bytes()));
        source.execute("VACUUM INTO ?1", [into])?;
    }
    Ok(findings)
}

/// Verifies the copy as it was taken: later, what is brought up to date in it would hide damage. Returns what is damaged,
/// and where.
fn verify(copy: &Path) -> Result<Vec<String>> {
    let copy = connection::open_to_read(copy)?;
    copy.set_db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false)?;
    Ok(damage(&deep::verify(&copy)?))
}

fn damage(checked: &[Checked]) -> Vec<String> {
    let damaged = checked.iter().filter(|checked| checked.is_damaged());
    damaged.map(Checked::summary).collect()
}

/// Makes the copy what a run would leave behind, whatever moment it was taken at, and what a reader can open
/// who may write nowhere. Returns what SQLite finds wrong with it, too.
fn finish(copy: &Path) -> Result<(Contents, Vec<String>)> {
    let mut copy = open(copy)?;
    table_sums::add_functions(&copy)?;
    migrations::apply(&mut copy)?;
    commit_number::start_anew(&copy)?;
    if !gaps::are_built(&copy)? {
        let tx = copy.transaction()?;
        gaps::build(&tx)?;
        tx.commit()?;
    }
    if !month_sums::are_built(&copy)? {
        let tx = copy.transaction()?;
        month_sums::build(&tx)?;
        tx.commit()?;
    }
    let rolled_up_days = bring_rollups_up_to_date(&copy)?;
    // It was verified as it was taken.
    let findings = match copy.total_changes() {
        0 => Vec::new(),
        _ => health::quick_check(&copy)?,
    };
    let (points, newest_ts) = copy.query_row("SELECT count(*), max(ts) FROM point", [], |row| {
        Ok((row.get::<_, i64>(0)?, row.get(1)?))
    })?;
    copy.close().map_err(|(_, error)| error)?;
    let contents = Contents {
        points: to_u64(points),
        newest_ts,
        rolled_up_days,
    };
    Ok((contents, findings))
}

fn open(copy: &Path) -> Result<Connection> {
    let copy = Connection::open_with_flags(
        copy,
        OpenFlags::SQLITE_OPEN_READ_WRITE
            | OpenFlags::SQLITE_OPEN_NO_MUTEX
            | OpenFlags::SQLITE_OPEN_NOFOLLOW
            | OpenFlags::SQLITE_OPEN_EXRESCODE,
    )?;
    copy.set_db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false)?;
    copy.pragma_update(None, "foreign_keys", true)?;
    // A write-ahead log would need files beside the database for every reader.
    let mode: String = copy.pragma_update_and_check(None, "journal_mode", "delete", |row| row.get(0))?;
    if mode != "delete" {
        return Err(StoreErrorKind::InvariantViolation(format!(
            "the copy's journal mode stays `{mode}`"
        )));
    }
    // Nobody else sees it, and all of it is brought to the disk before it gets its name.
    copy.pragma_update(None, "synchronous", "off")?;
    Ok(copy)
}

/// A copy taken while a run writes, or after one was killed, holds points that the rollups do not tell of yet.
/// Returns how many days of a domain that were.
fn bring_rollups_up_to_date(copy: &Connection) -> Result<u64> {
    let days: i64 = copy.query_row("SELECT count(*) FROM rollup_due", [], |row| row.get(0))?;
    rollups::catch_up(copy)?;
    Ok(to_u64(days))
}
