//! Where a value came from.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use crate::model::text;

/// The place where a value was written. `Display` names it as messages do: `--window`, `JDCDN_DB`,
/// `jdcdn-stats.toml:7: fetch.window`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// A flag of the command line.
    Flag(&'static str),
    /// An environment variable.
    Environment(&'static str),
    /// The configuration file.
    File {
        /// The file as it was named.
        path: Arc<Path>,
        /// The line of the value, from 1.
        line: usize,
        /// The key with its table, such as `fetch.window`.
        key: String,
    },
    /// Nobody said anything.
    Default,
}

/// A value and where it came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting<T> {
    /// The value.
    pub value: T,
    /// Where it was written.
    pub source: Source,
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag(name) | Self::Environment(name) => f.write_str(name),
            Self::File { path, line, key } => {
                let path = text::printable(&path.to_string_lossy());
                write!(f, "{path}:{line}: {key}")
            }
            Self::Default => f.write_str("default"),
        }
    }
}
