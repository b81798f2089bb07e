//! Whether the file holds real figures or those of the simulator.

use rusqlite::Connection;

use crate::model::DataSource;
use crate::store::error::Result;
use crate::store::file::statements::Statements as _;
use crate::store::ledger::runs::Run;

/// What the file holds, by what its runs note.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StoredData {
    /// No run has written to it, and no domain of an account is listed in it.
    Nothing,
    /// It belongs to an account: a run or a listing has written to it, but it holds no statistics.
    NoStatistics,
    /// Answers of one source. Those of a run from before this was noted are real, unless it was a run of `demo`.
    From(DataSource),
}

impl StoredData {
    /// Returns the source of the answers, if there are any.
    #[must_use]
    pub fn source(self) -> Option<DataSource> {
        match self {
            Self::From(source) => Some(source),
            Self::Nothing | Self::NoStatistics => None,
        }
    }
}

/// Notes where the answers of a run come from.
pub(crate) fn note(tx: &Connection, run: Run, source: DataSource) -> Result<()> {
    tx.run(
        "UPDATE run SET source = ?2 WHERE id = ?1 AND source IS NULL",
        (run.id(), source.as_str()),
    )?;
    Ok(())
}

/// Returns what the file holds. Works with a file of any version.
pub(crate) fn stored(connection: &Connection) -> Result<StoredData> {
    if !connection.table_exists(None, "run")? {
        return Ok(StoredData::Nothing);
    }
    let source = if connection.column_exists(None, "run", "source")? {
        "source"
    } else {
        "NULL"
    };
    let exists = |what: &str| connection.value::<bool>(&format!("SELECT EXISTS (SELECT 1 FROM {what})"), []);
    let is_real = exists(&format!(
        "run WHERE {source} = 'api' OR ({source} IS NULL AND command <> 'demo' AND requests > 0 AND
         (points_received > 0 OR windows_fetched > 0))"
    ))?;
    let is_simulated = || exists(&format!("run WHERE {source} = 'simulator' OR command = 'demo'"));
    if is_real {
        return Ok(StoredData::From(DataSource::Api));
    }
    if is_simulated()? {
        return Ok(StoredData::From(DataSource::Simulator));
    }
    // Its runs are too old to be listed.
    if exists("coverage")? {
        return Ok(StoredData::From(DataSource::Api));
    }
    // The account's domains are listed before the first run begins.
    let has_listing = || -> Result<bool> {
        Ok(connection.table_exists(None, "account_domain")? && exists("account_domain")?)
    };
    Ok(if exists("run")? || has_listing()? {
        StoredData::NoStatistics
    } else {
        StoredData::Nothing
    })
}
