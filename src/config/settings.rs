//! The resolved configuration.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use super::error::ConfigError;
use super::key::KeySource;
use super::source::Source;
use crate::model::{Credentials, Domain, Endpoint, KeepLimits, Refresh, RetryPolicy, SlotLabel, UnixSeconds};

/// What the command line says, as it was written; what a command has no flag for stays `None`.
#[derive(Debug, Clone, Default)]
pub struct Overrides {
    /// `--config`
    pub config: Option<PathBuf>,
    /// `--db`
    pub database: Option<PathBuf>,
    /// `-d`; where it is given, the domains of the file do not count.
    pub domains: Vec<String>,
    /// `--window`
    pub window: Option<String>,
    /// `--domains-per-request`
    pub domains_per_request: Option<String>,
    /// `--concurrency`
    pub concurrency: Option<String>,
    /// `--rate`
    pub rate: Option<String>,
    /// `--timeout`
    pub timeout: Option<String>,
    /// `--endpoint`
    pub endpoint: Option<String>,
}

impl Overrides {
    /// What was given as a path, a name or an address.
    pub fn texts(&self) -> impl Iterator<Item = Cow<'_, str>> {
        let paths = [&self.config, &self.database].into_iter().flatten();
        let names = self.domains.iter().chain(&self.endpoint);
        paths
            .map(|path| path.to_string_lossy())
            .chain(names.map(|name| Cow::Borrowed(name.as_str())))
    }
}

/// Everything that can be set, checked and resolved.
#[derive(Debug, Clone)]
pub struct Config {
    /// The configuration file that was read.
    pub file: Option<PathBuf>,
    /// The database file. From the file, relative to the file's directory.
    pub database: PathBuf,
    /// The domains, each once, in the order given; may be empty: see [`Config::require_domains`].
    pub domains: Vec<Domain>,
    /// The domains of the file, whatever `-d` says: those that are to be kept complete.
    pub configured: Vec<Domain>,
    /// Where `sync` begins.
    pub start: Option<UnixSeconds>,
    /// Where the API is.
    pub endpoint: Endpoint,
    /// The JD user name.
    pub username: Option<String>,
    /// Which hour, day and month a slot's label belongs to.
    pub slot_label: SlotLabel,
    /// How the API is asked.
    pub fetch: FetchSettings,
    /// How a failed request is repeated.
    pub retry: RetryPolicy,
    /// When slots are asked for.
    pub refresh: Refresh,
    /// A slot without a point is asked for again once it has reached each of these ages, in seconds; ascending, may be
    /// empty.
    pub hole_ages: Vec<i64>,
    /// How much of what only explains is kept.
    pub keep: KeepLimits,
    /// How often `watch` runs; whole seconds, from one to a day.
    pub watch_every: Duration,
    pub(super) key: Option<KeySource>,
    pub(super) sources: BTreeMap<&'static str, Source>,
}

/// How the API is asked.
#[derive(Debug, Clone, PartialEq)]
pub struct FetchSettings {
    /// The longest span of one request, in seconds: a multiple of 300, at most 31 days.
    pub window: i64,
    /// The most domains in one request, from 1.
    pub domains_per_request: usize,
    /// The most requests at a time, 1 to 64.
    pub concurrency: usize,
    /// Requests per second, 0.001 to 10000; `None` is no limit.
    pub requests_per_second: Option<f64>,
    /// The longest time of one request, above zero.
    pub timeout: Duration,
    /// The largest answer, decompressed, in bytes, above zero.
    pub max_body: u64,
    /// How long the API serves a slot at the least, in seconds, from a day. That it does not is believed of slots
    /// older than this only.
    pub retention: i64,
}

impl Config {
    /// The user name and the secret key, read where the configuration says. Only what talks to the API needs
    /// them.
    pub fn credentials(&self) -> Result<Credentials, ConfigError> {
        let username = self.username.clone().ok_or(ConfigError::NoUsername)?;
        let key = self.key.as_ref().ok_or(ConfigError::NoKey)?.read()?;
        Ok(Credentials::new(username, key))
    }

    /// Where the secret key is, if anybody said.
    #[must_use]
    pub fn key_source(&self) -> Option<&KeySource> {
        self.key.as_ref()
    }

    /// The domains, of which there is at least one.
    pub fn require_domains(&self) -> Result<&[Domain], ConfigError> {
        if self.domains.is_empty() {
            return Err(ConfigError::NoDomains);
        }
        Ok(&self.domains)
    }

    /// Where the value of a key, such as `fetch.window`, came from.
    #[must_use]
    pub fn source(&self, key: &str) -> &Source {
        self.sources.get(key).unwrap_or(&Source::Default)
    }
}
