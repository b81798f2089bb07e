//! The configuration: what was written, and what it means.
//!
//! A value comes from the command line, else from the environment, else from the file, else from its default. Work
//! starts only from [`Config`], where everything is checked and resolved.
//!
//! - [`keys`]: the table of all keys, which the rest follows
//! - [`value`]: what a value may be
//! - [`mod@file`], [`environment`], [`overrides`]: the places where values are written
//! - [`source`]: a value with its place
//! - [`route`]: the way of the requests, and the variables that name a proxy
//! - [`annotated`]: the text of a file that shows every key
//! - [`settings`]: the resolved configuration
//! - [`resolve`]: merges the places into it
//! - [`secret_key`]: where the secret key comes from; [`key_access`]: who can read its file; `key_text`: what a key looks
//!   like; `bounded_io` limits how long reading may take

pub mod annotated;
mod bounded_io;
pub mod environment;
pub mod error;
pub mod file;
pub mod key_access;
mod key_text;
pub mod keys;
pub mod overrides;
pub mod resolve;
pub mod route;
pub mod secret_key;
pub mod settings;
pub mod source;
pub mod value;

pub use environment::Environment;
pub use error::ConfigError;
pub use file::FileConfig;
pub use key_access::KeyAccess;
pub use keys::{ConfigKey, KEYS};
pub use overrides::Overrides;
pub use route::Route;
pub use secret_key::SecretKeySource;
pub use settings::{Config, FetchSettings};
pub use source::{Setting, ValueSource};
