//! The database file: its schema, and the one writer.
//!
//! [`Store`] owns the connection and everything that is written goes through it, from one plain thread:
//!
//! - [`lock`]: at most one writer a database, by name; `main_file`: by inode, whatever its names
//! - `open_files`: descriptors that must not be closed, since SQLite's locks would go with them
//! - `commit_number`, `log_check`: whether the write-ahead log beside a database belongs to it
//! - [`connection`]: which files are taken, and how they are opened
//! - [`migrations`]: the schema's steps, and which of them a file has seen
//! - [`upgrade_copy`], `same_content`: the copy that is kept before a migration rewrites
//! - [`commit`]: what one answer brings
//! - [`writer`]: how it is written, in one transaction; [`interruption`]: when it is left early
//! - `points`, `calendar`, `dictionary`, `bulk`: how measurements are written
//! - `stored`, [`restatements`]: what they are compared with, and what that changed
//! - `coverage`, `rejects`, [`gaps`], [`runs`]: the ledger that commits with them
//! - [`notes`], `refusals`, `knowledge`: what is remembered of the service
//! - [`rollups`], `rollup_rows`: hours, days and months, brought up to date after the commits
//! - [`month_sums`], `table_sums`: sums by which a figure that was changed from outside is found
//! - `slot_label`: which hour, day and month a point belongs to
//! - `tidy`: what is deleted because it is old
//! - [`replay`]: what becomes of rejects when they are read again, or given up
//! - [`error`]: why a database could not be used
//!
//! [`Reader`] is a connection that cannot write, for everything that only looks:
//!
//! - [`reader`]: opens the file for reading only
//! - [`gap_log`]: the gaps, noted and found anew
//! - [`overview`]: what the database holds, for people
//! - `walk`: points with their counts, in order
//! - [`frozen`]: the measurements as they are at one moment, in order
//! - [`reject_log`]: the rejects, and what a replay needs to know beside them
//! - [`health`], [`volume`]: whether the database and its disk are sound, looked at without a trace
//! - [`deep`]: everything in the file that can be verified
//! - [`snapshot`]: a copy for tools that only read; [`restore`]: a copy put in the database's place
//! - `staging`: the hidden directory in which a file grows until it is complete
//! - [`sql`], [`parameter`], [`explain`]: one statement of the user's, with its values and its errors; `limits`: how
//!   much memory it may take

mod bulk;
mod calendar;
pub mod commit;
mod commit_number;
pub mod connection;
mod coverage;
pub mod deep;
mod dictionary;
pub mod error;
pub mod explain;
pub mod frozen;
pub mod gap_log;
pub mod gaps;
pub mod health;
pub mod interruption;
mod knowledge;
mod limits;
pub mod lock;
mod log_check;
mod main_file;
pub mod migrations;
pub mod month_sums;
pub mod notes;
mod open_files;
pub mod overview;
pub mod parameter;
mod points;
pub mod reader;
mod refusals;
pub mod reject_log;
mod rejects;
pub mod replay;
pub mod restatements;
pub mod restore;
mod rollup_rows;
pub mod rollups;
pub mod runs;
mod same_content;
mod slot_label;
pub mod snapshot;
pub mod sql;
pub(crate) mod staging;
mod stored;
mod table_sums;
mod tidy;
pub mod upgrade_copy;
pub mod volume;
mod walk;
pub mod writer;

#[cfg(test)]
mod tests;

pub use commit::{Commit, Committed, Coverage};
pub use connection::{APPLICATION_ID, CheckpointReport};
pub use deep::report::{Checked, Subject};
pub use error::{StoreError, StoreErrorKind};
pub use frozen::{CodeSet, Frozen, FrozenPoint, KnownDomain};
pub use gap_log::{DomainGaps, Expected};
pub use health::{Health, Look, Schema};
pub use interruption::Interruption;
pub use limits::MAX_SQL_BYTES;
pub use lock::{Holder, LockHolder, LockState};
pub use migrations::MigrationState;
pub use month_sums::{MonthSum, Summed};
pub use notes::Note;
pub use overview::{DomainOverview, MonthOfDomain, RunOverview};
pub use parameter::Parameter;
pub use reader::{OpenError, Reader};
pub use refusals::RefusedRanges;
pub use reject_log::StoredReject;
pub use replay::{Settled, Settlement, Verdict};
pub use restatements::Settling;
pub use restore::{RestoreError, Restored};
pub use rollups::ACCOUNT;
pub use runs::{Finish, NewRun, Run};
pub use snapshot::SnapshotError;
pub use sql::{Query, SqlError};
pub use upgrade_copy::UpgradeCopy;
pub use volume::Volume;
pub use writer::{MadeAnew, Store};
