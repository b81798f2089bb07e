//! The values of the configuration, and where each was given.

use std::ffi::OsString;
use std::path::Path;

use super::files::Target;
use crate::cli::CliError;
use crate::cli::options;
use crate::cli::view::text;
use crate::config::annotated::WrittenValue;
use crate::config::{Config, Environment, Setting, ValueSource};
use crate::model::slot::{CST_OFFSET_SECONDS, DAY_SECONDS};
use crate::model::text::printable;
use crate::model::{UnixSeconds, civil};

/// How much history is fetched if nobody says where it begins, in seconds. The API serves about a month.
const DEFAULT_HISTORY: i64 = 30 * DAY_SECONDS;

/// The values that were given so far. Each may be given again.
#[derive(Debug, Clone, Default)]
pub struct Given(Vec<(&'static str, Setting)>);

impl Given {
    /// Sets a key, such as `username`. No words at all leave it as it is.
    pub fn set<W: Into<OsString>>(
        &mut self,
        key: &'static str,
        words: impl IntoIterator<Item = W>,
        source: ValueSource,
    ) {
        let words: Vec<OsString> = words.into_iter().map(Into::into).collect();
        if words.is_empty() {
            return;
        }
        self.unset(key);
        self.0.push((key, Setting { words, source }));
    }

    /// Forgets the value of a key.
    pub fn unset(&mut self, key: &str) {
        self.0.retain(|(name, _)| *name != key);
    }

    /// Returns the value of a key.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Setting> {
        let found = self.0.iter().find(|(name, _)| *name == key);
        found.map(|(_, setting)| setting)
    }

    /// Returns the configuration of these values and of defaults, with the proxies of the environment. A value that cannot
    /// be used is an error.
    pub fn config(&self, environment: &Environment, now: UnixSeconds) -> Result<Config, CliError> {
        Ok(Config::of(&self.0, environment, now)?)
    }

    /// Returns the values as they are written into the file.
    pub fn written(&self) -> Result<Vec<WrittenValue>, CliError> {
        let written = self.0.iter().map(|(key, setting)| {
            let words = setting.words.iter().map(|word| word.to_str().map(str::to_owned));
            let words = words.collect::<Option<_>>().ok_or_else(|| {
                CliError::usage(format!(
                    "{}: the value is not UTF-8 text, so it cannot be written",
                    setting.source
                ))
            });
            Ok((*key, words?))
        });
        written.collect()
    }
}

/// Returns the time that `given` names, as it is written into the file. Ages become dates: in the file they would move
/// on with every run.
pub fn start(flag: &str, given: &str, now: UnixSeconds) -> Result<String, CliError> {
    let start = options::time(flag, given, now)?;
    if start >= now {
        return Err(CliError::usage(format!(
            "{flag}: `{}` lies in the future: it is {} now (UTC+8)",
            printable(given),
            civil::cst_minute(now)
        )));
    }
    Ok(if (start + CST_OFFSET_SECONDS) % DAY_SECONDS == 0 {
        civil::cst_date(start)
    } else {
        civil::cst_second(start)
    })
}

/// Returns the start of the history if nobody gives one.
#[must_use]
pub fn default_start(now: UnixSeconds) -> String {
    civil::cst_date(now - DEFAULT_HISTORY)
}

/// Returns the path of the database as it is written into the file. In the file a path is relative to the directory of
/// the file, and on the command line to the current one.
pub fn database(given: &Path, target: &Target) -> Result<OsString, CliError> {
    if target.directory.as_os_str().is_empty() || target.directory == Path::new(".") {
        return Ok(given.into());
    }
    let absolute = std::path::absolute(given);
    absolute
        .map(OsString::from)
        .map_err(|error| CliError::usage(format!("--db `{}` cannot be used: {error}", text::path(given))))
}
