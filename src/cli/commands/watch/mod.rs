//! `watch`: what `sync` does, on a schedule, until it is stopped.
//!
//! - [`command`]: the arguments, and everything that is set up before the first run
//! - `watcher`: the loop: run, decide, wait
//! - [`schedule`]: when the next run is due; [`verdict`]: what follows from the one before
//! - `account`: whether the API answered the account, and since when it refuses it
//! - `setup`: the configuration and the key, read at the start and at SIGHUP
//! - `attendant`: what goes on beside a run and a wait: SIGHUP, and signs of life for the service manager
//! - `service`: the service manager, as systemd's protocol has it
//! - `journal`: one line a run
//! - `metrics`, `standing`: what monitoring reads; `endpoint`: where it reads it
//!
//! The database is open, and locked, only while a run lasts. One thread does all of this, so what keeps the
//! service manager's watchdog quiet cannot outlive the loop that does the work.

mod account;
mod attendant;
pub mod command;
mod endpoint;
mod journal;
mod metrics;
pub mod schedule;
mod service;
mod setup;
mod standing;
pub mod verdict;
mod watcher;

pub use command::WatchArgs;
