//! One file or folder a command.

pub mod backfill;
pub mod bill;
pub mod check;
pub mod completions;
pub mod demo;
pub mod domains;
pub mod export;
pub mod gaps;
pub mod init;
pub mod man;
pub mod migrate;
pub mod query;
pub mod rejects;
pub mod report;
pub mod restore;
pub mod simulate;
pub mod snapshot;
pub mod status;
pub mod sync;
pub mod watch;
