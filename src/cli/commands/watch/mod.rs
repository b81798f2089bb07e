//! `watch`: runs `sync` on a schedule until it is stopped.
//!
//! - [`command`]: the arguments, and the setup before the first run; `setup`: the configuration and the key, read at the
//!   start and at SIGHUP
//! - `watcher`: the loop: run, decide, wait
//! - [`schedule`]: when the next run is due; [`next_step`]: the next step after a run; `account`: whether the API has
//!   answered the account, and since when it refuses it
//! - `housekeeping`: reload and heartbeats; `service_manager`: notifications in systemd's protocol
//! - `run_log`: one line a run
//! - `metrics`, `optional_gauge`, `database_status`: the page for monitoring; `health`: whether the loop lives;
//!   `endpoint`: their server
//!
//! The database is open, and locked, only during a run. One thread does all of this, so the heartbeats cannot outlive
//! the loop that does the work.

mod account;
pub mod command;
mod database_status;
mod endpoint;
mod health;
mod housekeeping;
mod metrics;
pub mod next_step;
mod optional_gauge;
mod run_log;
pub mod schedule;
mod service_manager;
mod setup;
mod watcher;

pub use command::WatchArgs;
