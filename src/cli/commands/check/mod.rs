//! `check`: whether everything is in place. Writes nothing.
//!
//! - [`command`]: the order of the checks
//! - [`report`]: the results, as lines and as JSON, and the exit code
//! - [`settings`]: every setting with its source, and whether the key can be read
//! - [`service`]: the way to the API, one request, and the clocks; [`range_reading`]: how the API reads the range of a request
//! - `discovery`: what the API lists of the account, where the configuration wants that
//! - [`database`]: the file, its schema, its content, its lock, and the disk; [`remembered`]: what the file remembers of the
//!   API

pub mod command;
pub mod database;
mod discovery;
pub mod range_reading;
pub mod remembered;
pub mod report;
pub mod service;
pub mod settings;

pub use command::CheckArgs;
