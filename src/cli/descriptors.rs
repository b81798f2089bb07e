//! Makes sure that this process may open enough files and connections.
//!
//! A run with too few would fail somewhere, and look like a fault of the API. So the number is checked before.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use super::error::CliError;
use super::exit::ExitStatus;
use crate::model::convert::to_u64;

/// For the command's runtime, the database and its readers before the first request: 4 and 5 were counted, and 2 at the
/// end of a run.
const FOR_A_COMMAND: u64 = 15;
/// The part of them that is opened after the runtime.
const AFTER_THE_RUNTIME: u64 = 11;
/// For a request: its connection, and a file or a socket to look up the name.
const FOR_A_REQUEST: u64 = 2;

/// For the supervisor (6) and a command that reads (5).
const FOR_THE_START: u64 = 11;

/// Makes sure that the program can start.
pub fn ensure_start() -> Result<(), CliError> {
    at_a_time(FOR_THE_START, 0).map(drop)
}

/// Makes sure that a command with a runtime can open what it needs.
pub fn ensure() -> Result<(), CliError> {
    at_a_time(FOR_A_COMMAND, 1).map(drop)
}

/// Returns how many requests can be made at a time, at most `concurrency`; warns if fewer. The runtime exists already.
pub fn fit(concurrency: usize) -> Result<usize, CliError> {
    at_a_time(AFTER_THE_RUNTIME, concurrency)
}

fn at_a_time(reserve: u64, concurrency: usize) -> Result<usize, CliError> {
    let wanted = to_u64(concurrency);
    let used = open_now().saturating_add(reserve);
    let needed = used.saturating_add(wanted.saturating_mul(FOR_A_REQUEST));
    let Some(limit) = raised_to(needed) else {
        return Ok(concurrency);
    };
    let fitting = limit.saturating_sub(used) / FOR_A_REQUEST;
    if fitting == 0 {
        return Err(
            CliError::new(ExitStatus::FAILED, &TooFew { limit, needed }).with_help(Some(
                "raise it with `ulimit -n 256`, or with `LimitNOFILE=256` in a systemd unit",
            )),
        );
    }
    tracing::warn!(
        "only {fitting} requests are made at a time instead of {concurrency}: {}",
        TooFew { limit, needed }
    );
    Ok(usize::try_from(fitting).unwrap_or(concurrency))
}

#[derive(Debug, thiserror::Error)]
#[error("this process may have {limit} files open (`ulimit -n`), and needs {needed}")]
struct TooFew {
    limit: u64,
    needed: u64,
}

/// Raises the limit to `needed` as far as this process may. Returns `None` if that is enough, else the limit.
fn raised_to(needed: u64) -> Option<u64> {
    let limits = getrlimit(Resource::Nofile);
    let limit = limits.current.filter(|limit| *limit < needed)?;
    let most = limits.maximum.map_or(needed, |most| most.min(needed));
    let wanted = Rlimit {
        current: Some(most),
        maximum: limits.maximum,
    };
    match setrlimit(Resource::Nofile, wanted) {
        Ok(()) if most >= needed => None,
        Ok(()) => Some(most),
        Err(_) => Some(limit),
    }
}

/// Returns how many files are open; the three standard ones where that is unknown.
fn open_now() -> u64 {
    let listed = std::fs::read_dir("/dev/fd").map(Iterator::count);
    // The listing itself opens one of them.
    listed.map_or(3, |count| u64::try_from(count).unwrap_or(3).saturating_sub(1))
}
