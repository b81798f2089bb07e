//! What the command line gives.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::path::PathBuf;

use super::keys::{self, ConfigKey};
use super::source::{Setting, ValueSource};

/// The values that the command line gives, as they were written.
#[derive(Debug, Clone, Default)]
pub struct Overrides {
    /// `--config`
    pub config: Option<PathBuf>,
    values: BTreeMap<&'static str, Vec<OsString>>,
}

impl Overrides {
    /// Overrides `key`, such as `fetch.window`. No words at all leave it as it is.
    pub fn set<W: Into<OsString>>(&mut self, key: &'static str, words: impl IntoIterator<Item = W>) {
        debug_assert!(
            keys::find(key).is_some_and(|key| key.flag.is_some()),
            "no flag sets `{key}`"
        );
        let words: Vec<OsString> = words.into_iter().map(Into::into).collect();
        if !words.is_empty() {
            self.values.insert(key, words);
        }
    }

    /// Every text that was given.
    pub fn texts(&self) -> impl Iterator<Item = Cow<'_, str>> {
        let config = self.config.iter().map(|path| path.as_os_str());
        let words = self.values.values().flatten().map(OsString::as_os_str);
        config.chain(words).map(OsStr::to_string_lossy)
    }

    pub(super) fn get(&self, key: &ConfigKey) -> Option<Setting> {
        let (flag, _) = key.flag?;
        Some(Setting {
            words: self.values.get(key.name)?.clone(),
            source: ValueSource::Flag(flag),
        })
    }
}
