//! The database: one file, one writer, any number of readers.
//!
//! - `file`: the file itself: lock, connection, migrations, health
//! - `ledger`: what was asked for, and what came of it
//! - `origin`: the measured columns and their rollups
//! - `write`: the one writer, which joins ledger and columns in one transaction
//! - `read`: everything that only reads
//! - `copy`: snapshots, and restoring from a copy
//! - [`deep`]: verifies everything in the file that can be verified
//! - [`error`]: why a database cannot be used
//!
//! `ledger` and `origin` build on `file` and do not know each other. `write`, `read`, `copy` and `deep` build on all
//! three.

mod copy;
pub mod deep;
pub mod error;
mod file;
mod ledger;
mod origin;
mod read;
mod write;

#[cfg(test)]
mod tests;

pub use copy::restore::{self, RestoreError, Restored};
pub use copy::snapshot::{self, SnapshotError};
pub use deep::report::{Checked, Subject};
pub use error::{StoreError, StoreErrorKind};
pub use file::connection::{APPLICATION_ID, CheckpointReport};
pub use file::health::{self, Health, Look, Schema};
pub use file::interruption::Interruption;
pub use file::lock::{self, Holder, LockHolder, LockState};
pub use file::migrations::{self, MigrationState};
pub(crate) use file::staging;
pub use file::upgrade_copy::{self, UpgradeCopy};
pub use file::volume::Volume;
pub use ledger::notes::Note;
pub use ledger::refusals::RefusedRanges;
pub use ledger::runs::{Finish, NewRun, Run};
pub use origin::month_sums::{MonthSum, Summed};
pub use origin::restatements::Settling;
pub use origin::rollups::ACCOUNT;
pub use read::gaps::{DomainGaps, Expected};
pub use read::limits::MAX_SQL_BYTES;
pub use read::overview::{DomainOverview, MonthOfDomain, RunOverview};
pub use read::parameter::Parameter;
pub use read::point_in_time::{CodeSet, Frozen, FrozenPoint, KnownDomain};
pub use read::query::{Query, SqlError};
pub use read::reader::{OpenError, Reader};
pub use read::rejects::StoredReject;
pub use write::commit::{Commit, Committed, Coverage};
pub use write::replay::{Settled, Settlement, Verdict};
pub use write::store::{MadeAnew, Store};
