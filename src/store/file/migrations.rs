//! The migrations of the schema, and which of them a file has seen.

use std::path::Path;

use chrono::DateTime;
use refinery::{Migration, Runner, SchemaVersion};
use rusqlite::Connection;

use crate::model::UnixSeconds;
use crate::store::error::{Result, StoreError, StoreErrorKind};
use crate::store::file::connection;
use crate::store::file::header::{self, Existing};
use crate::store::file::location::locate;
use crate::store::file::statements::Statements as _;

/// The names of files in `migrations/`, with their texts.
macro_rules! embedded {
    ($($name:literal)*) => {
        [$(($name, include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/migrations/", $name, ".sql")))),*]
    };
}

/// All migrations, in the order in which they are applied. They are listed because the macro that finds them needs refinery and
/// its regular expressions a second time, for the compiler: some percent of a first build. A test finds a file that is not listed.
const EMBEDDED: [(&str, &str); 18] = embedded!(
    "V1__measurements"
    "V2__ledger"
    "V3__views"
    "V4__restatements"
    "V5__gaps"
    "V6__rollups"
    "V7__dictionary"
    "V8__evidence"
    "V9__slot_label"
    "V10__sums"
    "V11__plain_dictionary"
    "V12__lean_rollups"
    "V13__closings"
    "V14__codes"
    "V15__month_tops"
    "V16__account_domains"
    "V17__data_source"
    "V18__months_together"
);

/// The migrations that rewrite stored data: they rename, drop, delete from or update a table other than the dictionary, the
/// rollups and the sums of months. These follow from the points.
/// Before the first of them a copy of the database is kept ([`super::upgrade_copy`]). Add a new migration that rewrites
/// here; a test finds it by its SQL.
const REWRITING: &[SchemaVersion] = &[8];

/// A migration, and whether a file has seen it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MigrationState {
    /// Its number. Migrations are applied in this order.
    pub version: SchemaVersion,
    /// Its name.
    pub name: String,
    /// When it was applied to the file; `None` while it is pending.
    pub applied_at: Option<UnixSeconds>,
}

/// A migration that a file lists as applied.
#[derive(Debug)]
struct Applied {
    version: SchemaVersion,
    name: String,
    at: Option<UnixSeconds>,
    checksum: String,
}

/// Returns the migrations of this program, and when each was applied to the file at `path`. Only reads. Without a file
/// all are pending.
pub fn list(path: &Path) -> Result<Vec<MigrationState>, StoreError> {
    states(path).map_err(|kind| StoreError::new(path, kind))
}

fn states(path: &Path) -> Result<Vec<MigrationState>> {
    let located = locate(path)?;
    let applied = match header::inspect(&located)? {
        Existing::Empty => Vec::new(),
        Existing::Ours => applied(&connection::open_to_read(&located)?)?,
    };
    judge(&applied)?;
    let state = |known: &Migration| MigrationState {
        version: known.version(),
        name: known.name().to_owned(),
        applied_at: applied
            .iter()
            .find(|seen| seen.version == known.version())
            .and_then(|seen| seen.at),
    };
    Ok(known()?.get_migrations().iter().map(state).collect())
}

/// Refuses a file whose schema this program cannot use. Only reads.
pub(crate) fn check(connection: &Connection) -> Result<()> {
    judge(&applied(connection)?)
}

/// Returns how many migrations a file has seen, and how many this program has. Refuses as [`check`] does.
pub(crate) fn progress(connection: &Connection) -> Result<(usize, usize)> {
    let seen = applied(connection)?;
    judge(&seen)?;
    Ok((seen.len(), known()?.get_migrations().len()))
}

/// Returns the first pending migration that rewrites stored data; `None` also if the file has no schema yet. Refuses as
/// [`check`] does.
pub(crate) fn first_rewriting(connection: &Connection) -> Result<Option<SchemaVersion>> {
    let seen = applied(connection)?;
    judge(&seen)?;
    let is_pending = |version: &SchemaVersion| seen.last().is_some_and(|newest| newest.version < *version);
    Ok(REWRITING.iter().copied().find(is_pending))
}

/// Applies the pending migrations, all or none. Returns whether there were any.
pub(crate) fn apply(connection: &mut Connection) -> Result<bool> {
    let seen = applied(connection)?;
    judge(&seen)?;
    let runner = known()?.set_grouped(true);
    let is_behind = seen.len() < runner.get_migrations().len();
    if is_behind {
        runner.run(connection)?;
    }
    Ok(is_behind)
}

/// Applies the first migrations, up to the one of this number.
pub(crate) fn apply_up_to(connection: &mut Connection, version: SchemaVersion) -> Result<()> {
    let runner = known()?.set_target(refinery::Target::Version(version));
    runner.run(connection)?;
    Ok(())
}

/// Applies the first `count` migrations, as an earlier version of this program did.
#[cfg(test)]
pub(crate) fn apply_first(connection: &mut Connection, count: SchemaVersion) {
    apply_up_to(connection, count).unwrap();
}

fn known() -> Result<Runner> {
    let migrations: Result<Vec<_>, _> = EMBEDDED
        .iter()
        .map(|(name, sql)| Migration::unapplied(name, sql))
        .collect();
    Ok(Runner::new(&migrations?))
}

fn applied(connection: &Connection) -> Result<Vec<Applied>> {
    if !connection.table_exists(None, "refinery_schema_history")? {
        return Ok(Vec::new());
    }
    let sql = "SELECT version, name, applied_on, checksum FROM refinery_schema_history ORDER BY version";
    connection.rows(sql, [], |row| {
        let at: String = row.get("applied_on")?;
        Ok(Applied {
            version: row.get("version")?,
            name: row.get("name")?,
            at: DateTime::parse_from_rfc3339(&at).ok().map(|at| at.timestamp()),
            checksum: row.get("checksum")?,
        })
    })
}

/// Refuses migrations that are not the first ones of this program, unchanged.
fn judge(applied: &[Applied]) -> Result<()> {
    let runner = known()?;
    let known = runner.get_migrations();
    let newest = known.last().map_or(0, Migration::version);
    if let Some(later) = applied.iter().find(|seen| seen.version > newest) {
        return Err(StoreErrorKind::NewerSchema {
            found: later.version,
            known: newest,
        });
    }
    for (at, seen) in applied.iter().enumerate() {
        let same = known.get(at).is_some_and(|migration| {
            migration.version() == seen.version
                && migration.name() == seen.name
                && migration.checksum().to_string() == seen.checksum
        });
        if !same {
            return Err(StoreErrorKind::Divergent {
                version: seen.version,
                name: crate::model::text::printable(&seen.name),
            });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
