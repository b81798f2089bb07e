//! Makes the copy.

use std::path::{Path, PathBuf};

use rusqlite::config::DbConfig;
use rusqlite::{ErrorCode, ffi};

use super::error::SnapshotError;
use crate::model::UnixSeconds;
use crate::model::convert::to_u64;
use crate::store::deep::{self, SubjectReport};
use crate::store::error::{Result, StoreError, StoreErrorKind};
use crate::store::file::{commit_number, connection, health, migrations, table_sums};
use crate::store::write::{derived, roll_up};

/// The work of copying a database. It does not own the staging directory, and may end with the process.
#[derive(Debug)]
pub struct Copying {
    pub(super) database: PathBuf,
    pub(super) copy: PathBuf,
    pub(super) out: PathBuf,
}

/// The content of a copy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contents {
    /// How many points it has.
    pub points: u64,
    /// The time of the newest of them.
    pub newest_ts: Option<UnixSeconds>,
    /// How many domain-days had stale rollups in the database, and were brought up to date in the copy.
    pub rolled_up_days: u64,
}

impl Copying {
    /// Copies the database as of one moment, and completes the copy for its readers.
    ///
    /// To the writer of the database it is one reader among others.
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

    /// Returns the error with the file at fault: the copy if writing failed, otherwise the database.
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

/// Packs the database into the copy, as of one moment. Returns the damage of the database's indexes and schema: the
/// copy would hide it, because it makes them again.
fn copy_out(database: &Path, copy: &Path) -> Result<Vec<String>> {
    let source = connection::open_to_read(database)?;
    source.set_db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false)?;
    let findings = damage(&deep::verify_frame(&source)?);
    if findings.is_empty() {
        connection::pack_into(&source, copy)?;
    }
    Ok(findings)
}

/// Verifies the copy before anything in it is brought up to date, because that would hide damage. Returns what is
/// damaged, and where.
fn verify(copy: &Path) -> Result<Vec<String>> {
    let copy = connection::open_to_read(copy)?;
    copy.set_db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false)?;
    Ok(damage(&deep::verify(&copy)?))
}

fn damage(reports: &[SubjectReport]) -> Vec<String> {
    let damaged = reports.iter().filter(|report| report.is_damaged());
    damaged.map(SubjectReport::summary).collect()
}

/// Brings the copy to the state that a run leaves behind. A reader without write permission can open it. Returns what
/// SQLite finds wrong with it, too.
fn finish(copy: &Path) -> Result<(Contents, Vec<String>)> {
    let mut copy = connection::open_copy(copy)?;
    copy.pragma_update(None, "foreign_keys", true)?;
    table_sums::add_function(&copy)?;
    migrations::apply(&mut copy)?;
    commit_number::start_anew(&copy)?;
    derived::build(&copy, |build| {
        let tx = copy.unchecked_transaction()?;
        build(&tx)?;
        Ok(tx.commit()?)
    })?;
    // The copy may be from the middle of a run, or of a run that was killed: then some rollups are stale.
    let rolled_up_days = roll_up::catch_up(&copy)?;
    // It was verified before.
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
