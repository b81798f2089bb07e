//! The configuration: what was written, and what it means.
//!
//! A value is taken from the command line, else from the environment, else from the file, else from its
//! default. [`FileConfig`] is what the file says, with the line of each value; [`Config`] is all of it,
//! checked and resolved, and the only form that the other layers see.
//!
//! - [`environment`]: the process's environment, handed in
//! - [`source`]: where a value came from
//! - [`table`]: reads typed values from a TOML document and finds what nobody asked for
//! - [`mod@file`]: the keys of the file
//! - [`rule`]: what each value may be
//! - [`settings`]: the resolved configuration
//! - [`resolve`]: how it is made
//! - [`key`]: where the secret key comes from; `patience`: how long that may take

pub mod environment;
pub mod error;
pub mod file;
pub mod key;
mod patience;
pub mod resolve;
pub mod rule;
pub mod settings;
pub mod source;
pub mod table;

pub use environment::Environment;
pub use error::ConfigError;
pub use file::FileConfig;
pub use key::KeySource;
pub use settings::{Config, FetchSettings, Overrides};
pub use source::{Setting, Source};
