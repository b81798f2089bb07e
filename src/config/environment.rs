//! The environment of the process, passed in.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fmt;

use super::error::ConfigError;
use super::source::{Setting, ValueSource};

/// The configuration file.
pub const CONFIG: &str = "JDCDN_CONFIG";
/// The database.
pub const DATABASE: &str = "JDCDN_DB";
/// The JD user name.
pub const USERNAME: &str = "JDCDN_USERNAME";
/// The secret key.
pub const SECRET_KEY: &str = "JDCDN_SECRET_KEY";
/// The file that holds the secret key.
pub const SECRET_KEY_FILE: &str = "JDCDN_SECRET_KEY_FILE";
/// The API's address.
pub const ENDPOINT: &str = "JDCDN_ENDPOINT";
/// Tests of the real binary set the time with it: Unix seconds or RFC 3339.
pub const TEST_NOW: &str = "JDCDN_TEST_NOW";
/// Tests of the real binary plant a panic with it, such as `writer:3`.
pub const TEST_PANIC: &str = "JDCDN_TEST_PANIC";
/// Where systemd puts the files of `LoadCredential=`.
pub const CREDENTIALS_DIRECTORY: &str = "CREDENTIALS_DIRECTORY";

/// A copy of the environment variables. An empty variable counts as not set.
///
/// `Debug` shows only names, because one of the values is the secret key.
#[derive(Clone, Default)]
pub struct Environment(BTreeMap<OsString, OsString>);

impl Environment {
    /// An environment of these variables, such as `std::env::vars_os()`.
    pub fn new<K: Into<OsString>, V: Into<OsString>>(variables: impl IntoIterator<Item = (K, V)>) -> Self {
        let variables = variables.into_iter();
        Self(
            variables
                .map(|(name, value)| (name.into(), value.into()))
                .collect(),
        )
    }

    /// The value as it is, for paths.
    #[must_use]
    pub fn raw(&self, name: &str) -> Option<&OsStr> {
        let value = self.0.get(OsStr::new(name)).map(OsString::as_os_str);
        value.filter(|value| !value.is_empty())
    }

    /// The value as text.
    pub fn text(&self, name: &'static str) -> Result<Option<&str>, ConfigError> {
        match self.raw(name).map(OsStr::to_str) {
            None => Ok(None),
            Some(Some(text)) => Ok(Some(text)),
            Some(None) => Err(ConfigError::Invalid {
                at: ValueSource::Environment(name),
                reason: "its value is not UTF-8 text".to_owned(),
            }),
        }
    }

    /// The value as the setting of a key.
    pub(super) fn setting(&self, name: &'static str) -> Option<Setting> {
        Some(Setting {
            words: vec![self.raw(name)?.to_owned()],
            source: ValueSource::Environment(name),
        })
    }

    /// Every value that is given as the secret key; more than one if the variable holds more than a key.
    pub fn secrets(&self) -> impl Iterator<Item = Cow<'_, str>> {
        let key = self.raw(SECRET_KEY).map(OsStr::to_string_lossy);
        let words = key.map(|key| key.split_whitespace().map(str::to_owned).collect::<Vec<_>>());
        words.into_iter().flatten().map(Cow::Owned)
    }

    /// The values of these variables.
    pub fn texts(&self, names: impl Iterator<Item = &'static str>) -> impl Iterator<Item = Cow<'_, str>> {
        names
            .filter_map(|name| self.raw(name))
            .map(OsStr::to_string_lossy)
    }
}

impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_do_not_show_and_empty_ones_do_not_count() {
        let environment = Environment::new([(SECRET_KEY, "hunter2"), (DATABASE, "")]);
        assert_eq!(format!("{environment:?}"), r#"{"JDCDN_DB", "JDCDN_SECRET_KEY"}"#);
        assert!(environment.raw(DATABASE).is_none());
        assert!(environment.raw(SECRET_KEY).is_some());
    }
}
