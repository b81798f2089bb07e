//! Who writes to a database.

use std::fmt;
use std::fs::File;
use std::io::{self, Read as _, Seek as _, Write as _};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use crate::model::{UnixSeconds, civil, text};

/// More than any note of this program takes. Nothing beyond it is read.
const MAX_BYTES: u64 = 4096;
/// How long a missing note is waited for, and in which steps.
const PATIENCE: Duration = Duration::from_millis(300);
const STEP: Duration = Duration::from_millis(5);

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

impl LockHolder {
    /// Writes this process as the holder into a lock file that it has opened and locked.
    pub(super) fn write(file: &mut File, holder: &Holder) -> io::Result<()> {
        let note = serde_json::to_string(&Self {
            pid: std::process::id(),
            command: holder.command.clone(),
            since: holder.started_at,
        })?;
        file.set_len(0)?;
        file.write_all(note.as_bytes())
    }

    /// Returns the holder that a lock file names. It writes that after it has taken the lock; `None` if it is still missing a
    /// moment later.
    pub(super) fn read(file: &mut File) -> Option<Self> {
        let began = Instant::now();
        loop {
            let mut note = String::new();
            file.rewind().ok()?;
            // Half-written, it may be no text yet.
            let read = file.take(MAX_BYTES).read_to_string(&mut note);
            match serde_json::from_str(&note) {
                Ok(holder) => return Some(holder),
                Err(_) if read.is_ok() && began.elapsed() < PATIENCE => std::thread::sleep(STEP),
                Err(_) => return None,
            }
        }
    }
}

impl fmt::Display for LockHolder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let since = civil::cst_second(self.since);
        let command = text::printable(&self.command);
        write!(f, "`{command}` (process {}) since {since} UTC+8", self.pid)
    }
}
