//! Resolves what was said, by whomever, into a [`Config`].

use std::collections::{BTreeMap, HashSet};
use std::fmt::Display;
use std::path::PathBuf;

use super::environment::{self, Environment};
use super::error::ConfigError;
use super::file::FileConfig;
use super::key::KeySource;
use super::rule;
use super::settings::{Config, FetchSettings, Overrides};
use super::source::{Setting, Source};
use crate::model::domain::DomainError;
use crate::model::duration::show_duration;
use crate::model::endpoint::DEFAULT_ENDPOINT;
use crate::model::{Domain, Endpoint, KeepLimits, Refresh, RetryPolicy, UnixSeconds};

/// Where the database is when nothing is said.
pub const DEFAULT_DATABASE: &str = "jdcdn-stats.db";

impl Config {
    /// Resolves what the command line, the environment and the file say. `now` is what ages count back from.
    pub fn load(
        overrides: &Overrides,
        environment: &Environment,
        now: UnixSeconds,
    ) -> Result<Self, ConfigError> {
        let file = FileConfig::load(overrides.config.as_deref(), environment)?;
        Self::resolve(overrides, environment, file, now)
    }

    /// As [`Config::load`] with a file that was read before.
    pub fn resolve(
        overrides: &Overrides,
        environment: &Environment,
        file: FileConfig,
        now: UnixSeconds,
    ) -> Result<Self, ConfigError> {
        let key = KeySource::choose(environment, &file)?;
        let mut resolver = Resolver::default();
        let database = resolver.database(overrides, environment, &file)?;
        let configured = resolver.domains(file.domains.clone())?;
        let domains = resolver.named(overrides, &configured)?;
        let allow_plaintext = file.allow_plaintext.as_ref().is_some_and(|setting| setting.value);
        let endpoint = resolver.one(
            "endpoint",
            flag("--endpoint", overrides.endpoint.as_ref())
                .or(environment.text(environment::ENDPOINT)?)
                .or(file.endpoint.clone()),
            DEFAULT_ENDPOINT,
            |given| Endpoint::parse(given, allow_plaintext),
        )?;
        let username = environment.text(environment::USERNAME)?.or(file.username.clone());
        let username = resolver.optional("username", username, rule::present)?;
        let start = resolver.optional("start", file.start.clone(), |given| rule::moment(given, now))?;

        let slot_label = resolver.one("slot_label", file.slot_label.clone(), "start", rule::slot_label)?;

        let fetch = resolver.fetch(overrides, &file)?;
        let retry = resolver.retry(&file)?;
        let refresh = resolver.refresh(&file)?;
        let hole_ages = resolver.list(
            "refresh.hole_ages",
            file.hole_ages.clone(),
            &["1h", "24h", "3d", "7d", "25d"],
            rule::ages,
        )?;
        let keep = KeepLimits {
            rejects: resolver.one("keep.rejects", file.rejects.clone(), "10000", rule::kept)?,
            runs: resolver.one("keep.runs", file.runs.clone(), "400d", rule::days)?,
        };
        let watch_every = resolver.one("watch.every", file.every.clone(), "5m", rule::every)?;
        Ok(Self {
            file: file.path,
            database,
            domains,
            configured,
            start,
            endpoint,
            username,
            slot_label,
            fetch,
            retry,
            refresh,
            hole_ages,
            keep,
            watch_every,
            key,
            sources: resolver.sources,
        })
    }
}

/// Checks values and remembers where they came from.
#[derive(Default)]
struct Resolver {
    sources: BTreeMap<&'static str, Source>,
}

impl Resolver {
    /// The value given, or the default, which passes the same rule.
    fn one<T, E: Display>(
        &mut self,
        key: &'static str,
        given: Option<Setting<String>>,
        default: &str,
        rule: impl FnOnce(&str) -> Result<T, E>,
    ) -> Result<T, ConfigError> {
        let setting = given.unwrap_or_else(|| Setting {
            value: default.to_owned(),
            source: Source::Default,
        });
        self.check(key, setting, |given| rule(given))
    }

    fn optional<T, E: Display>(
        &mut self,
        key: &'static str,
        given: Option<Setting<String>>,
        rule: impl FnOnce(&str) -> Result<T, E>,
    ) -> Result<Option<T>, ConfigError> {
        given
            .map(|setting| self.check(key, setting, |given| rule(given)))
            .transpose()
    }

    fn list<T, E: Display>(
        &mut self,
        key: &'static str,
        given: Option<Setting<Vec<String>>>,
        default: &[&str],
        rule: impl FnOnce(&[String]) -> Result<T, E>,
    ) -> Result<T, ConfigError> {
        let setting = given.unwrap_or_else(|| Setting {
            value: default.iter().map(ToString::to_string).collect(),
            source: Source::Default,
        });
        self.check(key, setting, |given| rule(given))
    }

    fn check<G, T, E: Display>(
        &mut self,
        key: &'static str,
        setting: Setting<G>,
        rule: impl FnOnce(&G) -> Result<T, E>,
    ) -> Result<T, ConfigError> {
        let checked = rule(&setting.value).map_err(|error| ConfigError::Invalid {
            at: setting.source.clone(),
            reason: error.to_string(),
        });
        self.sources.insert(key, setting.source);
        checked
    }

    fn fetch(&mut self, overrides: &Overrides, file: &FileConfig) -> Result<FetchSettings, ConfigError> {
        Ok(FetchSettings {
            window: self.one(
                "fetch.window",
                flag("--window", overrides.window.as_ref()).or(file.window.clone()),
                "1d",
                rule::window,
            )?,
            domains_per_request: self.one(
                "fetch.domains_per_request",
                flag("--domains-per-request", overrides.domains_per_request.as_ref())
                    .or(file.domains_per_request.clone()),
                "20",
                |given| rule::count(given, rule::MAX_DOMAINS_PER_REQUEST),
            )?,
            concurrency: self.one(
                "fetch.concurrency",
                flag("--concurrency", overrides.concurrency.as_ref()).or(file.concurrency.clone()),
                "4",
                |given| rule::count(given, rule::MAX_CONCURRENCY),
            )?,
            requests_per_second: self.one(
                "fetch.requests_per_second",
                flag("--rate", overrides.rate.as_ref()).or(file.requests_per_second.clone()),
                "5",
                rule::rate,
            )?,
            timeout: self.one(
                "fetch.timeout",
                flag("--timeout", overrides.timeout.as_ref()).or(file.timeout.clone()),
                "60s",
                rule::wait,
            )?,
            max_body: self.one("fetch.max_body", file.max_body.clone(), "64MiB", rule::size)?,
            retention: self.one("fetch.retention", file.retention.clone(), "28d", rule::days)?,
        })
    }

    fn retry(&mut self, file: &FileConfig) -> Result<RetryPolicy, ConfigError> {
        let retry = RetryPolicy {
            attempts: self.one("retry.attempts", file.attempts.clone(), "5", rule::attempts)?,
            base: self.one("retry.base", file.base.clone(), "500ms", rule::wait)?,
            cap: self.one("retry.cap", file.cap.clone(), "20s", rule::wait)?,
        };
        if retry.cap < retry.base {
            return Err(ConfigError::Invalid {
                at: self.source("retry.cap"),
                reason: format!(
                    "`{}` is shorter than `{}`, which is retry.base ({}): make the longest wait the longer one",
                    show_duration(retry.cap),
                    show_duration(retry.base),
                    self.source("retry.base")
                ),
            });
        }
        Ok(retry)
    }

    fn refresh(&mut self, file: &FileConfig) -> Result<Refresh, ConfigError> {
        Ok(Refresh {
            available_after: self.one(
                "refresh.available_after",
                file.available_after.clone(),
                "10m",
                rule::age,
            )?,
            ages: self.list("refresh.ages", file.ages.clone(), &["1h", "24h"], rule::ages)?,
        })
    }

    /// Flag and variable are relative to the working directory, the file's value to the file's.
    fn database(
        &mut self,
        overrides: &Overrides,
        environment: &Environment,
        file: &FileConfig,
    ) -> Result<PathBuf, ConfigError> {
        let (path, source) = if let Some(path) = &overrides.database {
            (path.clone(), Source::Flag("--db"))
        } else if let Some(path) = environment.raw(environment::DATABASE) {
            (PathBuf::from(path), Source::Environment(environment::DATABASE))
        } else if let Some(setting) = &file.database {
            let path = match setting.value.as_str() {
                "" => PathBuf::new(),
                path => file.relative(path),
            };
            (path, setting.source.clone())
        } else {
            (PathBuf::from(DEFAULT_DATABASE), Source::Default)
        };
        self.check("database", Setting { value: path, source }, |path| {
            if path.as_os_str().is_empty() {
                return Err("the path is empty");
            }
            Ok(path.clone())
        })
    }

    fn domains(&mut self, given: Option<Setting<Vec<String>>>) -> Result<Vec<Domain>, ConfigError> {
        self.list("domains", given, &[], |names| {
            let mut domains: Vec<Domain> = Vec::with_capacity(names.len());
            let mut seen = HashSet::new();
            for name in names {
                let domain: Domain = name.parse()?;
                if seen.insert(domain.clone()) {
                    domains.push(domain);
                }
            }
            Ok::<_, DomainError>(domains)
        })
    }

    /// The domains that the command line names; the configured ones where it names none.
    fn named(&mut self, overrides: &Overrides, configured: &[Domain]) -> Result<Vec<Domain>, ConfigError> {
        if overrides.domains.is_empty() {
            return Ok(configured.to_vec());
        }
        self.domains(Some(Setting {
            value: overrides.domains.clone(),
            source: Source::Flag("--domain"),
        }))
    }

    fn source(&self, key: &str) -> Source {
        self.sources.get(key).cloned().unwrap_or(Source::Default)
    }
}

fn flag(name: &'static str, value: Option<&String>) -> Option<Setting<String>> {
    value.cloned().map(|value| Setting {
        value,
        source: Source::Flag(name),
    })
}

#[cfg(test)]
mod tests;
