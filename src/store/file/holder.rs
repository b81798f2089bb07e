//! Who writes to a database.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::model::{UnixSeconds, civil, text};

/// The run that is about to write. Another run that finds the database locked names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    /// The command, such as `backfill`.
    pub command: String,
    /// When it started.
    pub started_at: UnixSeconds,
}

/// The process that holds the lock of a database, as its lock file names it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LockHolder {
    /// The process id.
    pub pid: u32,
    /// The command, such as `backfill`.
    pub command: String,
    /// When it started.
    pub since: UnixSeconds,
}

impl fmt::Display for LockHolder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let since = civil::cst_second(self.since);
        let command = text::printable(&self.command);
        write!(f, "`{command}` (process {}) since {since} UTC+8", self.pid)
    }
}
