//! `check`: whether everything is in place, without writing anything.
//!
//! - [`command`]: the order of the checks
//! - [`report`]: what was found, as lines and as JSON, and the exit code that follows
//! - [`settings`]: every value with where it came from, and whether the key can be read
//! - [`service`]: the way to the API, one request, and the clocks
//! - [`mod@reading`]: how the API reads the range of a request
//! - [`remembered`]: what the file remembers of the service, and what was refused
//! - [`database`]: the file, its schema, its lock, and the disk
//! - [`deep`]: everything in the file that can be verified

pub mod command;
pub mod database;
pub mod deep;
pub mod reading;
pub mod remembered;
pub mod report;
pub mod service;
pub mod settings;

pub use command::CheckArgs;
