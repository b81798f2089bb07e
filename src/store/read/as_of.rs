//! As of when the database speaks about gaps.

use rusqlite::Connection;

use crate::model::UnixSeconds;
use crate::store::error::{Result, StoreError};
use crate::store::file::lock;
use crate::store::file::reader::Reader;
use crate::store::file::statements::Statements as _;
use crate::store::ledger::{gaps, runs};
use crate::store::origin::month_sums;

/// As of when the database speaks about gaps. Commits note the gaps that they leave, but only the end of a run notes
/// the slots that no run has asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AsOf {
    /// When the last run ended; `None` if none has.
    pub ended_at: Option<UnixSeconds>,
    /// The run that began after that and has not ended. It is at work, or it was killed.
    pub unfinished: Option<UnfinishedRun>,
    /// Whether commits have noted every gap and counted every point. They have not in a file of an earlier version that
    /// was not opened for writing since. Then gaps and counts are found in the points.
    pub noted: bool,
}

/// A run that has not ended.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct UnfinishedRun {
    /// Its number in `origin_runs`.
    pub id: i64,
    /// The command.
    pub command: String,
    /// When it began, in UTC+8.
    pub started_cst: String,
    /// Whether it was killed. If not, it is at work, or this cannot be found out, as in a copy.
    pub killed: bool,
}

impl Reader {
    /// Returns as of when this database speaks about gaps.
    pub fn as_of(&self) -> Result<AsOf, StoreError> {
        Ok(self.with_killed(self.read(as_of)?))
    }

    /// Notes whether the unfinished run of `as_of` was killed.
    pub(super) fn with_killed(&self, mut as_of: AsOf) -> AsOf {
        if let Some(run) = &mut as_of.unfinished {
            run.killed = self.was_killed(run.id);
        }
        as_of
    }

    /// Returns whether the run `id`, which had not ended when somebody looked before, was killed.
    ///
    /// A run holds the lock until its end is committed. So it was killed if nobody holds the lock, and it has not ended
    /// afterwards either. Only a new connection shows that, because this one may be in the middle of a transaction.
    pub(super) fn was_killed(&self, id: i64) -> bool {
        if !lock::is_abandoned(self.path()) {
            return false;
        }
        let later = Self::open(self.path()).map(|reader| reader.read(as_of));
        matches!(later, Ok(Ok(AsOf { unfinished: Some(run), .. })) if run.id == id)
    }
}

pub(crate) fn as_of(connection: &Connection) -> Result<AsOf> {
    let sql = "SELECT id, command, started_cst FROM run
               WHERE finished_at IS NULL AND id = (SELECT max(id) FROM run)";
    Ok(AsOf {
        ended_at: runs::last_end(connection)?,
        unfinished: connection.first(sql, [], |row| {
            Ok(UnfinishedRun {
                id: row.get(0)?,
                command: row.get(1)?,
                started_cst: row.get(2)?,
                killed: false,
            })
        })?,
        noted: gaps::are_complete(connection)? && month_sums::are_complete(connection)?,
    })
}
