//! Merges flags, environment and file into one [`Config`].

use std::ffi::OsString;

use super::environment::Environment;
use super::error::ConfigError;
use super::file::FileConfig;
use super::keys::{ConfigKey, KEYS};
use super::overrides::Overrides;
use super::route::ProxyVariables;
use super::settings::Config;
use super::source::{Setting, ValueSource};
use super::value::ValueKind;
use crate::model::duration::show_duration;
use crate::model::endpoint::DEFAULT_ENDPOINT;
use crate::model::{Endpoint, UnixSeconds};

impl Config {
    /// Reads the configuration file and merges flags and environment into it. Ages count back from `now`.
    pub fn load(
        overrides: &Overrides,
        environment: &Environment,
        now: UnixSeconds,
    ) -> Result<Self, ConfigError> {
        let file = FileConfig::load(overrides.config.as_deref(), environment)?;
        Self::resolve(overrides, environment, file, now)
    }

    /// Merges flags and environment into a file that was read before. Ages count back from `now`.
    pub fn resolve(
        overrides: &Overrides,
        environment: &Environment,
        file: FileConfig,
        now: UnixSeconds,
    ) -> Result<Self, ConfigError> {
        let blank = Endpoint::parse(DEFAULT_ENDPOINT, false);
        let mut config = Self::blank(blank.map_err(|error| invalid(ValueSource::Default, &error))?);
        config.secret_key = file.secret_key(environment)?;
        config.proxies = ProxyVariables::of(environment);
        // The secret key is chosen above. It must not be among the settings, which are printed.
        for key in KEYS
            .iter()
            .filter(|key| !matches!(key.kind, ValueKind::SecretKey(_)))
        {
            let written = file.get(key.name).cloned();
            if key.name == "domains" {
                // The domains of the file stay the ones to keep complete, whatever `-d` selects.
                config.set(key, written.clone(), now)?;
                config.configured_domains.clone_from(&config.selected_domains);
            }
            let given = overrides.get(key).or_else(|| environment.setting(key.variable?));
            config.set(key, given.or(written).or_else(|| default(key)), now)?;
        }
        if config.retry.cap < config.retry.base {
            let reason = format!(
                "`{}` is shorter than `{}`, which is retry.base ({}): make the longest wait the longer one",
                show_duration(config.retry.cap),
                show_duration(config.retry.base),
                config.source("retry.base")
            );
            return Err(invalid(config.source("retry.cap").clone(), &reason));
        }
        config.file = file.path;
        Ok(config)
    }

    /// Returns a configuration of these values and of defaults, with the proxies of the environment and without a secret
    /// key. Ages count back from `now`.
    pub fn of(
        values: &[(&'static str, Setting)],
        environment: &Environment,
        now: UnixSeconds,
    ) -> Result<Self, ConfigError> {
        let blank = Endpoint::parse(DEFAULT_ENDPOINT, false);
        let mut config = Self::blank(blank.map_err(|error| invalid(ValueSource::Default, &error))?);
        config.proxies = ProxyVariables::of(environment);
        for key in KEYS {
            let given = values.iter().find(|(name, _)| *name == key.name);
            let given = given.map(|(_, setting)| setting.clone());
            config.set(key, given.or_else(|| default(key)), now)?;
        }
        config.configured_domains.clone_from(&config.selected_domains);
        Ok(config)
    }

    /// Checks a value, sets its field and remembers where it was written.
    fn set(&mut self, key: &ConfigKey, given: Option<Setting>, now: UnixSeconds) -> Result<(), ConfigError> {
        if let Some(setting) = given {
            key.kind
                .apply(self, &setting, now)
                .map_err(|error| invalid(setting.source.clone(), &error))?;
            self.settings.insert(key.name, setting);
        }
        Ok(())
    }
}

fn default(key: &ConfigKey) -> Option<Setting> {
    (!key.default.is_empty()).then(|| Setting {
        words: key.default.iter().map(OsString::from).collect(),
        source: ValueSource::Default,
    })
}

fn invalid(at: ValueSource, reason: &impl ToString) -> ConfigError {
    ConfigError::Invalid {
        at,
        reason: reason.to_string(),
    }
}

#[cfg(test)]
mod tests;
