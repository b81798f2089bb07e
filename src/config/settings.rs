//! The resolved configuration.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use super::error::ConfigError;
use super::route::{ProxyVariables, Route};
use super::secret_key::SecretKeySource;
use super::source::{Setting, ValueSource};
use crate::model::discovery;
use crate::model::{
    Credentials, Discover, Domain, Endpoint, KeepLimits, KnownDomain, Refresh, RetryPolicy, SlotLabel,
    UnixSeconds,
};

/// Everything that can be set, checked and resolved.
#[derive(Debug, Clone)]
pub struct Config {
    /// The configuration file that was read.
    pub file: Option<PathBuf>,
    /// The database file. From the file, relative to the file's directory.
    pub database: PathBuf,
    /// The domains that this command works on: those of `-d`, else the configured ones. Each once, in the order given;
    /// may be empty: see [`Config::require_domains`].
    pub selected_domains: Vec<Domain>,
    /// The domains of the file, whatever `-d` selects: the ones to keep complete.
    pub configured_domains: Vec<Domain>,
    /// The domains that the database follows, and that are not configured. See [`Config::follow`].
    pub followed_domains: Vec<Domain>,
    /// What is done about domains of the account that are not configured.
    pub discover: Discover,
    /// Where `sync` begins.
    pub start: Option<UnixSeconds>,
    /// Where the API is.
    pub endpoint: Endpoint,
    /// Whether http:// may lead to another machine.
    pub allow_plaintext: bool,
    /// The JD user name.
    pub username: Option<String>,
    /// Which hour, day and month a slot's label belongs to.
    pub slot_label: SlotLabel,
    /// How requests are made.
    pub fetch: FetchSettings,
    /// How a failed request is repeated.
    pub retry: RetryPolicy,
    /// When slots are fetched.
    pub refresh: Refresh,
    /// The ages, in seconds, at which a slot without a point is fetched again; ascending, may be empty.
    pub hole_ages: Vec<i64>,
    /// How much is kept of what only explains the figures.
    pub keep: KeepLimits,
    /// How often `watch` runs, in seconds, from one to a day.
    pub watch_every: i64,
    pub(super) secret_key: Option<SecretKeySource>,
    pub(super) proxies: ProxyVariables,
    pub(super) settings: BTreeMap<&'static str, Setting>,
}

/// How requests are made.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct FetchSettings {
    /// The longest span of one request, in seconds: whole slots up to a day, else whole days, at most 31.
    pub window: i64,
    /// The most domains in one request, from 1.
    pub domains_per_request: usize,
    /// The most requests at a time, 1 to 64; each holds an answer in memory.
    pub concurrency: usize,
    /// Requests per second, 0.001 to 10000; `None` is no limit.
    pub requests_per_second: Option<f64>,
    /// The longest time of one request, above zero.
    pub timeout: Duration,
    /// The largest answer, decompressed, in bytes, above zero.
    pub max_body: u64,
    /// How long the API serves a slot at least, in seconds, from a day. Status 21 is believed only of older slots.
    pub retention: i64,
}

impl Config {
    /// A configuration before any value is set.
    pub(super) fn blank(endpoint: Endpoint) -> Self {
        Self {
            file: None,
            database: PathBuf::new(),
            selected_domains: Vec::new(),
            configured_domains: Vec::new(),
            followed_domains: Vec::new(),
            discover: Discover::Off,
            start: None,
            endpoint,
            allow_plaintext: false,
            username: None,
            slot_label: SlotLabel::default(),
            fetch: FetchSettings::default(),
            retry: RetryPolicy::default(),
            refresh: Refresh::default(),
            hole_ages: Vec::new(),
            keep: KeepLimits::default(),
            watch_every: 0,
            secret_key: None,
            proxies: ProxyVariables::default(),
            settings: BTreeMap::new(),
        }
    }

    /// Reads the secret key and returns it with the user name. Only commands that call the API need them.
    pub fn credentials(&self) -> Result<Credentials, ConfigError> {
        let username = self.username.clone().ok_or(ConfigError::NoUsername)?;
        let key = self.secret_key.as_ref().ok_or(ConfigError::NoKey)?.read()?;
        Ok(Credentials::new(username, key))
    }

    /// Returns the way of the requests to the API.
    ///
    /// # Errors
    /// If a variable that names a proxy cannot be read. Otherwise requests would go without the proxy, and nobody would
    /// notice.
    pub fn route(&self) -> Result<Route, ConfigError> {
        self.proxies.route(&self.endpoint)
    }

    /// Where the secret key is, if it is configured.
    #[must_use]
    pub fn secret_key_source(&self) -> Option<&SecretKeySource> {
        self.secret_key.as_ref()
    }

    /// Takes the domains that the database follows now: to the ones to keep complete, and unless `-d` selects some, to
    /// the selected ones. A domain that is there already is not added. Those of an earlier call are dropped: `domains
    /// forget` may have run since.
    pub fn follow(&mut self, followed: &[Domain]) {
        let is_chosen = self.names_domains();
        let before = std::mem::take(&mut self.followed_domains);
        if !is_chosen {
            self.selected_domains.retain(|domain| !before.contains(domain));
        }
        for domain in followed {
            if !self.configures(domain) && !self.followed_domains.contains(domain) {
                self.followed_domains.push(domain.clone());
                if !is_chosen {
                    self.selected_domains.push(domain.clone());
                }
            }
        }
    }

    /// Whether the command line selects domains.
    #[must_use]
    pub fn names_domains(&self) -> bool {
        matches!(self.source("domains"), ValueSource::Flag(_))
    }

    /// Whether the configuration names a domain, whatever `-d` selects.
    #[must_use]
    pub fn configures(&self, domain: &Domain) -> bool {
        discovery::is_among(&self.configured_domains, domain)
    }

    /// Returns the domains to keep complete: the configured ones and those that the database follows.
    #[must_use]
    pub fn kept_domains(&self) -> Vec<Domain> {
        let all = self.configured_domains.iter().chain(&self.followed_domains);
        all.cloned().collect()
    }

    /// Returns the selected domains that should have new points. One that is only followed, and that its owner has
    /// stopped, is `known` to need none.
    #[must_use]
    pub fn active_domains(&self, known: &[KnownDomain]) -> Vec<Domain> {
        let stopped = discovery::stopped(known);
        let is_active =
            |domain: &&Domain| self.names_domains() || self.configures(domain) || !stopped.contains(domain);
        self.selected_domains.iter().filter(is_active).cloned().collect()
    }

    /// The selected domains; an error if there is none.
    pub fn require_domains(&self) -> Result<&[Domain], ConfigError> {
        if self.selected_domains.is_empty() {
            return Err(ConfigError::NoDomains);
        }
        Ok(&self.selected_domains)
    }

    /// The value of a key, such as `fetch.window`, as it was written; `None` if nobody gave one and there is no
    /// default.
    #[must_use]
    pub fn setting(&self, key: &str) -> Option<&Setting> {
        self.settings.get(key)
    }

    /// Where the value of a key, such as `fetch.window`, was written.
    #[must_use]
    pub fn source(&self, key: &str) -> &ValueSource {
        self.settings
            .get(key)
            .map_or(&ValueSource::Default, |setting| &setting.source)
    }
}
