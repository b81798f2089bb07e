//! The database: one file, one writer, any number of readers.
//!
//! - `file`: the file itself: lock, connection, migrations, health
//! - `ledger`: what was asked for, and what came of it
//! - `origin`: the measured columns and their rollups
//! - `write`: the one writer, which joins ledger and columns in one transaction
//! - `read`: everything that only reads
//! - `copy`: snapshots, and restoring from a copy
//! - [`deep`]: verifies everything in the file that can be verified
//! - [`error`], `error_kind`: why a database cannot be used
//!
//! `ledger` and `origin` build on `file` and do not know each other. `write`, `read`, `copy` and `deep` build on all
//! three.

mod copy;
pub mod deep;
pub mod error;
mod error_kind;
mod file;
mod ledger;
mod origin;
mod read;
mod write;

#[cfg(test)]
mod tests;

pub use copy::restore::{self, RestoreError, Restored};
pub use copy::snapshot::{self, SnapshotError};
pub use deep::report::{Subject, SubjectReport};
pub use error::{ErrorClass, StoreError, StoreErrorKind};
pub use file::connection::CheckpointReport;
pub use file::header::{APPLICATION_ID, is_ours};
pub use file::health::{self, Inspection, SchemaProgress};
pub use file::holder::{Holder, LockHolder};
pub use file::interruption::Interruption;
pub use file::location::ensure_place;
pub use file::lock::{self, LockState};
pub use file::migrations::{self, MigrationState};
pub use file::reader::{OpenError, Reader};
pub(crate) use file::staging;
pub use file::upgrade_copy::{self, UpgradeCopy};
pub use file::volume::Volume;
pub use ledger::coverage::Coverage;
pub use ledger::data_source::StoredData;
pub use ledger::expected::Expected;
pub use ledger::notes::Note;
pub use ledger::refusals::RefusedRanges;
pub use ledger::runs::{Finish, NewRun, Run};
pub use origin::closings::{Closed, ClosingHead, NewClosing};
pub use origin::month_sums::{MonthSum, PointSum};
pub use origin::restatements::Settling;
pub use read::as_of::{AsOf, UnfinishedRun};
pub use read::bill::MonthBills;
pub use read::changes::{ClosedMonth, DomainChanges, MonthChange};
pub use read::completeness::AccountMonthState;
pub use read::gaps::DomainGaps;
pub use read::limits::MAX_SQL_BYTES;
pub use read::overview::{DomainOverview, MonthOfDomain, Overview, RunOverview};
pub use read::parameter::Parameter;
pub use read::point_in_time::{CodeSet, CountedPoint, PointInTime, StoredDomain};
pub use read::query::{Query, SqlError};
pub use read::rejects::StoredReject;
pub use read::relations::PublicColumn;
pub use read::remembered::stored_data;
pub use write::commit::{Commit, Committed};
pub use write::replay::{RejectReplay, ReplayAction, ReplayOutcome};
pub use write::store::{Creation, Store};
