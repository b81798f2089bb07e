//! Where a value was written.

use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::model::text;

/// The place where a value was written. `Display` names it as messages do: `--window`, `JDCDN_DB`,
/// `jdcdn-stats.toml:7: fetch.window`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ValueSource {
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
        key: &'static str,
    },
    /// Nobody gave a value.
    Default,
}

/// A value as it was written, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting {
    /// The items of a list; one item for anything else.
    pub words: Vec<OsString>,
    /// Where it was written.
    pub source: ValueSource,
}

impl Setting {
    /// The items as texts.
    pub(super) fn texts(&self) -> Result<Vec<&str>, &'static str> {
        let texts = self.words.iter().map(|word| word.to_str());
        texts.collect::<Option<_>>().ok_or("its value is not UTF-8 text")
    }

    /// The value as a path. In the file it is relative to the file's directory.
    pub(super) fn path(&self) -> PathBuf {
        let path = self.words.first().map(PathBuf::from).unwrap_or_default();
        match &self.source {
            ValueSource::File { path: file, .. } if !path.as_os_str().is_empty() => {
                file.parent().unwrap_or(Path::new("")).join(path)
            }
            _ => path,
        }
    }
}

/// The value, made safe to print.
impl fmt::Display for Setting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words: Vec<_> = self.words.iter().map(|word| word.to_string_lossy()).collect();
        let joined = match words.as_slice() {
            [] => "none".to_owned(),
            words => text::printable(&words.join(", ")),
        };
        f.write_str(&joined)
    }
}

impl fmt::Display for ValueSource {
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
