//! Resolves what was said, by whomever, into a [`Config`].

use std::collections::{BTreeMap, HashSet};
use std::fmt::Display;
use std::path::PathBuf;

use super::environment::{self, Environment};
use super::error::ConfigError;
use super::file::FileConfig;
use super::key::KeySource;
use super::rule;
use super::settings::{Config, FetchSettings, Overrides, RefreshSettings, RetrySettings};
use super::source::{Setting, Source};
use crate::model::domain::DomainError;
use crate::model::endpoint::DEFAULT_ENDPOINT;
use crate::model::moment::show_duration;
use crate::model::{Domain, Endpoint, UnixSeconds};

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
        let flag = |name: &'static str, value: &Option<String>| {
            value.clone().map(|value| Setting {
                value,
                source: Source::Flag(name),
            })
        };
        let key = KeySource::choose(environment, &file)?;
        let mut resolver = Resolver::default();
        let database = resolver.database(overrides, environment, &file)?;
        let configured = resolver.domains(file.domains)?;
        let domains = resolver.named(overrides, &configured)?;
        let allow_plaintext = file.allow_plaintext.is_some_and(|setting| setting.value);
        let endpoint = resolver.one(
            "endpoint",
            flag("--endpoint", &overrides.endpoint)
                .or(environment.text(environment::ENDPOINT)?)
                .or(file.endpoint),
            DEFAULT_ENDPOINT,
            |given| Endpoint::parse(given, allow_plaintext),
        )?;
        let username = environment.text(environment::USERNAME)?.or(file.username);
        let username = resolver.optional("username", username, rule::present)?;
        let start = resolver.optional("start", file.start, |given| rule::moment(given, now))?;

        let fetch = FetchSettings {
            window: resolver.one(
                "fetch.window",
                flag("--window", &overrides.window).or(file.window),
                "1d",
                rule::window,
            )?,
            domains_per_request: resolver.one(
                "fetch.domains_per_request",
                flag("--domains-per-request", &overrides.domains_per_request).or(file.domains_per_request),
                "20",
                |given| rule::count(given, rule::MAX_DOMAINS_PER_REQUEST),
            )?,
            concurrency: resolver.one(
                "fetch.concurrency",
                flag("--concurrency", &overrides.concurrency).or(file.concurrency),
                "4",
                |given| rule::count(given, rule::MAX_CONCURRENCY),
            )?,
            requests_per_second: resolver.one(
                "fetch.requests_per_second",
                flag("--rate", &overrides.rate).or(file.requests_per_second),
                "5",
                rule::rate,
            )?,
            timeout: resolver.one(
                "fetch.timeout",
                flag("--timeout", &overrides.timeout).or(file.timeout),
                "60s",
                rule::wait,
            )?,
            max_body: resolver.one("fetch.max_body", file.max_body, "64MiB", rule::size)?,
        };
        let retry = RetrySettings {
            attempts: resolver.one("retry.attempts", file.attempts, "5", |given| {
                rule::count(given, 100)
            })?,
            base: resolver.one("retry.base", file.base, "500ms", rule::wait)?,
            cap: resolver.one("retry.cap", file.cap, "20s", rule::wait)?,
        };
        if retry.cap < retry.base {
            return Err(ConfigError::Invalid {
                at: resolver.source("retry.cap"),
                reason: format!(
                    "`{}` is shorter than `{}`, which is retry.base ({}): make the longest wait the longer one",
                    show_duration(retry.cap),
                    show_duration(retry.base),
                    resolver.source("retry.base")
                ),
            });
        }
        let refresh = RefreshSettings {
            available_after: resolver.one(
                "refresh.available_after",
                file.available_after,
                "10m",
                rule::age,
            )?,
            ages: resolver.list("refresh.ages", file.ages, &["1h", "24h"], rule::ages)?,
        };
        let watch_every = resolver.one("watch.every", file.every, "5m", rule::every)?;
        Ok(Self {
            file: file.path,
            database,
            domains,
            configured,
            start,
            endpoint,
            username,
            fetch,
            retry,
            refresh,
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

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::time::Duration;

    use super::*;

    const NOW: UnixSeconds = 1_780_000_000;

    fn resolve(overrides: &Overrides, variables: &[(&str, &str)], toml: &str) -> Result<Config, ConfigError> {
        let file = FileConfig::parse(Path::new("/etc/jdcdn/c.toml"), toml)?;
        Config::resolve(overrides, &Environment::new(variables.iter().copied()), file, NOW)
    }

    fn refused(toml: &str) -> String {
        resolve(&Overrides::default(), &[], toml).unwrap_err().to_string()
    }

    #[test]
    fn an_empty_file_gives_the_documented_defaults() {
        let config = resolve(&Overrides::default(), &[], "").unwrap();
        assert_eq!(config.database, Path::new("jdcdn-stats.db"));
        assert_eq!(config.endpoint.to_string(), DEFAULT_ENDPOINT);
        assert_eq!(
            config.fetch,
            FetchSettings {
                window: 86_400,
                domains_per_request: 20,
                concurrency: 4,
                requests_per_second: Some(5.0),
                timeout: Duration::from_mins(1),
                max_body: 64 * 1024 * 1024,
            }
        );
        assert_eq!(
            config.retry,
            RetrySettings {
                attempts: 5,
                base: Duration::from_millis(500),
                cap: Duration::from_secs(20),
            }
        );
        assert_eq!(
            config.refresh,
            RefreshSettings {
                available_after: 600,
                ages: vec![3_600, 86_400],
            }
        );
        assert_eq!(config.watch_every, Duration::from_mins(5));
        assert_eq!(
            (config.start, config.username.as_deref(), config.domains.len()),
            (None, None, 0)
        );
        assert!(matches!(config.require_domains(), Err(ConfigError::NoDomains)));
    }

    #[test]
    fn a_flag_beats_the_environment_which_beats_the_file() {
        let toml = "database = 'file.db'\nendpoint = 'https://file.example/'\nusername = 'file'\n[fetch]\nwindow = '2d'";
        let variables = [
            ("JDCDN_DB", "env.db"),
            ("JDCDN_ENDPOINT", "https://env.example/"),
            ("JDCDN_USERNAME", "env"),
        ];
        let flags = Overrides {
            database: Some("flag.db".into()),
            endpoint: Some("https://flag.example/".to_owned()),
            window: Some("3d".to_owned()),
            ..Overrides::default()
        };
        let of = |overrides: &Overrides, variables: &[(&str, &str)]| {
            let config = resolve(overrides, variables, toml).unwrap();
            let shown = format!(
                "{} {} {} {}",
                config.database.display(),
                config.endpoint,
                config.username.as_deref().unwrap_or_default(),
                config.fetch.window / 86_400
            );
            (
                shown,
                config.source("database").to_string(),
                config.source("fetch.window").to_string(),
            )
        };
        let expected = |shown: &str, database: &str, window: &str| {
            (shown.to_owned(), database.to_owned(), window.to_owned())
        };
        let line = "/etc/jdcdn/c.toml:5: fetch.window";
        assert_eq!(
            of(&flags, &variables),
            expected("flag.db https://flag.example/ env 3", "--db", "--window")
        );
        assert_eq!(
            of(&Overrides::default(), &variables),
            expected("env.db https://env.example/ env 2", "JDCDN_DB", line)
        );
        assert_eq!(
            of(&Overrides::default(), &[]),
            expected(
                "/etc/jdcdn/file.db https://file.example/ file 2",
                "/etc/jdcdn/c.toml:1: database",
                line
            )
        );
    }

    #[test]
    fn domains_that_are_the_same_collapse_and_flags_replace_the_file() {
        let toml = "domains = ['WWW.a.com', 'b.com', 'www.A.com']";
        let config = resolve(&Overrides::default(), &[], toml).unwrap();
        let names: Vec<_> = config.domains.iter().map(Domain::as_str).collect();
        assert_eq!(names, ["www.a.com", "b.com"]);
        let flags = Overrides {
            domains: vec!["c.com".to_owned()],
            ..Overrides::default()
        };
        assert_eq!(resolve(&flags, &[], toml).unwrap().domains.len(), 1);
        assert!(refused("domains = ['http://a.com/']").starts_with(
            "/etc/jdcdn/c.toml:1: domains: `http://a.com/` is not a domain name: it holds a scheme"
        ));
    }

    #[test]
    fn a_wrong_value_is_named_with_its_place_and_what_is_expected() {
        assert_eq!(
            refused("[fetch]\n\nwindow = '7m'"),
            "/etc/jdcdn/c.toml:3: fetch.window: `7m` is not a multiple of `5m`, from `5m` to `31d`"
        );
        assert_eq!(
            refused("[fetch]\nconcurrency = 65"),
            "/etc/jdcdn/c.toml:2: fetch.concurrency: `65` is not a whole number from 1 to 64"
        );
        assert!(refused("[retry]\nbase = '30s'").contains("default: `20s` is shorter than `30s`"));
        assert!(refused("endpoint = 'http://a.com/'").contains("allow_plaintext"));
        assert!(
            resolve(
                &Overrides::default(),
                &[],
                "endpoint = 'http://a.com/'\nallow_plaintext = true"
            )
            .is_ok()
        );
        assert!(refused("username = ' '").contains("username: the value is empty"));
        assert!(refused("database = ''").contains("database: the path is empty"));
        let flags = Overrides {
            rate: Some("fast".to_owned()),
            ..Overrides::default()
        };
        let error = resolve(&flags, &[], "").unwrap_err().to_string();
        assert!(error.starts_with("--rate: `fast` is not"), "{error}");
    }

    #[test]
    fn the_start_may_be_a_bare_date() {
        for toml in ["start = 2026-01-01", "start = '2026-01'"] {
            let start = resolve(&Overrides::default(), &[], toml).unwrap().start;
            assert_eq!(start, Some(1_767_196_800));
        }
    }
}
