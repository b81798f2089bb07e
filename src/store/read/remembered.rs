//! Facts about the service, refusals, sums and settings, from a database of any version.

use std::path::Path;

use crate::model::convert::to_u64;
use crate::model::discovery::followed;
use crate::model::{
    DataSource, Domain, Fact, FactName, KnownDomain, Refusal, SlotLabel, SlotsByReason, UnixSeconds,
};
use crate::store::error::{Result, StoreError};
use crate::store::file::connection;
use crate::store::file::reader::{OpenError, Reader};
use crate::store::file::statements::Statements as _;
use crate::store::ledger::data_source::StoredData;
use crate::store::ledger::refusals::RefusedRanges;
use crate::store::ledger::{
    account_domains, data_source, domain_ids, facts, gaps, refusals, runs, stale_days,
};
use crate::store::origin::month_sums::MonthSum;
use crate::store::origin::restatements::Settling;
use crate::store::origin::{month_sums, restatements, slot_label};

/// Returns what the database at `path` holds, whatever its name. Only reads. A file that is missing, empty or not of this
/// program holds nothing.
pub fn stored_data(path: &Path) -> Result<StoredData, StoreError> {
    // Without the log, so that nothing is touched where the file itself tells enough. It also works with a file that has
    // several names, and perhaps a log under another one.
    let in_file = connection::open_unchanging(path).and_then(|connection| data_source::stored(&connection));
    if let Ok(StoredData::From(DataSource::Api)) = in_file {
        return Ok(StoredData::From(DataSource::Api));
    }
    match Reader::open(path) {
        Ok(reader) => reader.stored_data(),
        Err(OpenError::Missing(_) | OpenError::Foreign(_) | OpenError::NotAFile(_)) => {
            Ok(StoredData::Nothing)
        }
        Err(_) => in_file.map_err(|kind| StoreError::new(path, kind)),
    }
}

impl Reader {
    /// Returns the fact about the service of this name.
    pub fn fact(&self, name: &FactName) -> Result<Option<Fact>, StoreError> {
        self.read(|connection| facts::fact(connection, name))
    }

    /// Returns what is known of the account's domains, in the order of their names.
    pub fn account_domains(&self) -> Result<Vec<KnownDomain>, StoreError> {
        self.read(account_domains::all)
    }

    /// Returns the domains that are fetched in addition to the configured ones.
    pub fn followed_domains(&self) -> Result<Vec<Domain>, StoreError> {
        Ok(followed(&self.account_domains()?))
    }

    /// Returns the ranges of these domains that the API refused, in their order and by time.
    pub fn refusals(&self, domains: &[Domain]) -> Result<Vec<Refusal>, StoreError> {
        self.read(|connection| refusals::of_domains(connection, domains))
    }

    /// Returns how much is refused at present; `None` for nothing.
    pub fn refused(&self) -> Result<Option<RefusedRanges>, StoreError> {
        self.read(refusals::refused_ranges)
    }

    /// Returns whether the file holds real figures or those of the simulator.
    pub fn stored_data(&self) -> Result<StoredData, StoreError> {
        self.read(data_source::stored)
    }

    /// Returns the slot label in force. A file from before the setting uses [`SlotLabel::Start`].
    pub fn slot_label(&self) -> Result<SlotLabel, StoreError> {
        self.read(slot_label::in_any_version)
    }

    /// Returns how many domain-days have stale rollups: a run is under way or was killed, or the database is from
    /// before the rollups.
    pub fn stale_days(&self) -> Result<u64, StoreError> {
        self.read(|connection| {
            if !connection.table_exists(None, "rollup_due")? {
                return Ok(0);
            }
            stale_days::count(connection)
        })
    }

    /// Returns when the last run of `sync` or `watch` ended that stored everything that was due, of all domains and from
    /// the start on; `None` if none did. Runs of earlier versions do not count.
    pub fn last_success(&self) -> Result<Option<UnixSeconds>, StoreError> {
        self.read(runs::last_success)
    }

    /// Returns when the first run began of those that the API refused one after the other, up to the last run that has
    /// ended; `None` if it did not refuse that one.
    pub fn refused_since(&self) -> Result<Option<UnixSeconds>, StoreError> {
        self.read(runs::refused_since)
    }

    /// Returns how many slots of `domains` have no point, by reason, as of the end of the last run. Reads no point. A
    /// file of an earlier version without this table lists none.
    pub fn gap_slots(&self, domains: &[Domain]) -> Result<SlotsByReason, StoreError> {
        self.read(|connection| {
            let mut slots = SlotsByReason::default();
            if !connection.table_exists(None, "gap")? {
                return Ok(slots);
            }
            for domain in domains {
                if let Some(id) = domain_ids::find(connection, domain.as_str())? {
                    slots += gaps::slots_by_reason(connection, id)?;
                }
            }
            Ok(slots)
        })
    }

    /// Returns the sums of all domains and months with points, in the order of their names and months. `None` in a
    /// database that has none yet.
    pub fn month_sums(&self) -> Result<Option<Vec<MonthSum>>, StoreError> {
        self.read(month_sums::all)
    }

    /// Returns how late the points of `domains` change, from the youngest age to the oldest. Databases count this
    /// since they have the table of restatements.
    pub fn settling(&self, domains: &[String]) -> Result<Vec<Settling>, StoreError> {
        self.read(|connection| {
            let ids = domains
                .iter()
                .filter_map(|name| domain_ids::find(connection, name).transpose());
            restatements::settling(connection, &ids.collect::<Result<Vec<_>>>()?)
        })
    }

    /// Returns how many rejects were deleted because there were more than are kept, by kind.
    pub fn dropped_rejects(&self) -> Result<Vec<(String, u64)>, StoreError> {
        self.read(|connection| {
            // A database of an earlier version that is only read.
            if !connection.table_exists(None, "reject_dropped")? {
                return Ok(Vec::new());
            }
            let sql = "SELECT kind, count FROM reject_dropped ORDER BY kind";
            connection.rows(sql, [], |row| Ok((row.get(0)?, to_u64(row.get::<_, i64>(1)?))))
        })
    }
}
