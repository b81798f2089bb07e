//! The table of configuration keys.
//!
//! A new key is two edits: a row here, and the field of [`Config`](super::Config) that the row sets. The file, the
//! flags, the list of `check`, the sample file and the documentation follow.

use std::collections::HashSet;

use super::environment::{CONFIG, DATABASE, ENDPOINT, SECRET_KEY_FILE, USERNAME};
use super::value::ValueKind::{
    Ages, Count, Length, Path, Rate, SecretKey, Size, Switch, Text, Time, Window, Words,
};
use super::value::{TomlType, ValueKind, seconds};
use crate::model::convert::{to_u32, to_u64};
use crate::model::domain::DomainError;
use crate::model::duration::{DAY_MILLIS as DAY, HOUR_MILLIS as HOUR, SECOND_MILLIS as SECOND};
use crate::model::endpoint::DEFAULT_ENDPOINT;
use crate::model::{Domain, Endpoint};

/// One key: where it can be written, what it may be, and what it does.
#[derive(Debug, Clone, Copy)]
pub struct ConfigKey {
    /// The key with its table, such as `fetch.window`.
    pub name: &'static str,
    /// What may be written, and how it is set.
    pub kind: ValueKind,
    /// The value if nobody gives one, as it would be written; empty for none.
    pub default: &'static [&'static str],
    /// What it does, in one line.
    pub help: &'static str,
    /// The flag that overrides it, such as `--window`, and the name of its value in help texts.
    pub flag: Option<(&'static str, &'static str)>,
    /// The environment variable that overrides the file.
    pub variable: Option<&'static str>,
}

/// Every key, in the order in which values are set: `endpoint` depends on `allow_plaintext`.
pub const KEYS: &[ConfigKey] = &[
    key(
        "username",
        Text("a text", |config, given| {
            if given.trim().is_empty() {
                return Err("the value is empty".into());
            }
            config.username = Some(given.to_owned());
            Ok(())
        }),
        &[],
        "User name of the JD account",
    )
    .variable(USERNAME),
    key(
        "secret_key_file",
        SecretKey(TomlType::Text),
        &[],
        "File that holds the secret key and nothing else; only its owner may read it",
    )
    .variable(SECRET_KEY_FILE),
    key(
        "secret_key_command",
        SecretKey(TomlType::List),
        &[],
        "Program with its arguments that prints the secret key, instead of a file; no shell runs it",
    ),
    key(
        "allow_plaintext",
        Switch(|config, given| config.allow_plaintext = given),
        &["false"],
        "Whether http:// may lead to another machine than this one",
    ),
    key(
        "endpoint",
        Text("an address", |config, given| {
            config.endpoint = Endpoint::parse(given, config.allow_plaintext)?;
            Ok(())
        }),
        &[DEFAULT_ENDPOINT],
        "Address of the API; http:// only to this machine",
    )
    .flag("--endpoint", "URL")
    .variable(ENDPOINT),
    key(
        "database",
        Path(|config, given| config.database = given),
        &["jdcdn-stats.db"],
        "Database file",
    )
    .flag("--db", "FILE")
    .variable(DATABASE),
    key(
        "domains",
        Words(
            "a list of host names, such as [\"www.a.com\"]",
            |config, given| {
                config.selected_domains = domains(given)?;
                Ok(())
            },
        ),
        &[],
        "Domains to keep complete",
    )
    .flag("--domain", "DOMAIN"),
    key(
        "start",
        Time(|config, given| config.start = Some(given)),
        &[],
        "Begin of the history: `sync` and `watch` fetch everything from here on",
    ),
    key(
        "slot_label",
        Text("`start` or `end`", |config, given| {
            config.slot_label = given.trim().parse()?;
            Ok(())
        }),
        &["start"],
        "Which end of its 5 minutes the time of a point names",
    ),
    key(
        "fetch.window",
        Window(|config, given| config.fetch.window = given),
        &["1d"],
        "Longest span of one request, in whole 5 minutes or whole days",
    )
    .flag("--window", "LENGTH"),
    key(
        "fetch.domains_per_request",
        Count(1, 1_000, |config, given| config.fetch.domains_per_request = given),
        &["20"],
        "Most domains in one request",
    )
    .flag("--domains-per-request", "N"),
    key(
        "fetch.concurrency",
        Count(1, 64, |config, given| config.fetch.concurrency = given),
        &["4"],
        "Most requests at a time, up to 64",
    )
    .flag("--concurrency", "N"),
    key(
        "fetch.requests_per_second",
        Rate(|config, given| config.fetch.requests_per_second = given),
        &["5"],
        "Requests per second, fractions allowed, 0 for no limit",
    )
    .flag("--rate", "N"),
    key(
        "fetch.timeout",
        Length(1, HOUR, |config, given| config.fetch.timeout = given),
        &["60s"],
        "Longest time of one request",
    )
    .flag("--timeout", "LENGTH"),
    key(
        "fetch.max_body",
        Size(|config, given| config.fetch.max_body = given),
        &["64MiB"],
        "Largest answer, decompressed",
    ),
    key(
        "fetch.retention",
        Length(DAY, 3_660 * DAY, |config, given| {
            config.fetch.retention = seconds(given)
        }),
        &["28d"],
        "Age of slots from which \"too old\" (status 21) is believed",
    ),
    key(
        "retry.attempts",
        Count(1, 100, |config, given| {
            config.retry.attempts = to_u32(given);
        }),
        &["5"],
        "Attempts at one request, the first included",
    ),
    key(
        "retry.base",
        Length(1, HOUR, |config, given| config.retry.base = given),
        &["500ms"],
        "Longest wait after the first failure; it doubles with every further one",
    ),
    key(
        "retry.cap",
        Length(1, HOUR, |config, given| config.retry.cap = given),
        &["20s"],
        "Longest wait of all, at least `retry.base`",
    ),
    key(
        "refresh.available_after",
        Length(0, 366 * DAY, |config, given| {
            config.refresh.available_after = seconds(given)
        }),
        &["10m"],
        "Age at which a slot is first fetched",
    ),
    key(
        "refresh.ages",
        Ages(|config, given| config.refresh.ages = given),
        &["1h", "24h"],
        "Ages at which a slot is fetched again; after the last one it is settled",
    ),
    key(
        "refresh.hole_ages",
        Ages(|config, given| config.hole_ages = given),
        &["1h", "24h", "3d", "7d", "25d"],
        "Ages at which a slot without a point is fetched again",
    ),
    key(
        "watch.every",
        // New figures come every 5 minutes; less than a minute is of use against the simulator only.
        Length(SECOND, DAY, |config, given| config.watch_every = seconds(given)),
        &["5m"],
        "Time from one run of `watch` to the next",
    ),
    key(
        "keep.rejects",
        // A text has up to 64 KiB.
        Count(0, 1_000_000, |config, given| {
            config.keep.rejects = to_u64(given);
        }),
        &["10000"],
        "Rejected points whose text is kept; 0 keeps none",
    ),
    key(
        "keep.runs",
        Length(DAY, 3_660 * DAY, |config, given| {
            config.keep.runs = seconds(given)
        }),
        &["400d"],
        "How long runs are listed in `origin_runs`",
    ),
];

/// Returns the row of `name`, such as `fetch.window`.
#[must_use]
pub fn find(name: &str) -> Option<&'static ConfigKey> {
    KEYS.iter().find(|key| key.name == name)
}

/// Returns the environment variables of the configuration.
pub fn variables() -> impl Iterator<Item = &'static str> {
    KEYS.iter().filter_map(|key| key.variable).chain([CONFIG])
}

const fn key(
    name: &'static str,
    kind: ValueKind,
    default: &'static [&'static str],
    help: &'static str,
) -> ConfigKey {
    ConfigKey {
        name,
        kind,
        default,
        help,
        flag: None,
        variable: None,
    }
}

impl ConfigKey {
    /// The table of the file that the key stands in, such as `fetch`; `None` at the top.
    #[must_use]
    pub fn section(&self) -> Option<&'static str> {
        self.name.split_once('.').map(|(section, _)| section)
    }

    const fn flag(mut self, flag: &'static str, value: &'static str) -> Self {
        self.flag = Some((flag, value));
        self
    }

    const fn variable(mut self, variable: &'static str) -> Self {
        self.variable = Some(variable);
        self
    }
}

/// Returns each domain once, in the order of the list.
fn domains(names: &[&str]) -> Result<Vec<Domain>, DomainError> {
    let mut seen = HashSet::new();
    let domains: Result<Vec<Domain>, _> = names.iter().map(|name| name.parse()).collect();
    Ok(domains?
        .into_iter()
        .filter(|domain| seen.insert(domain.clone()))
        .collect())
}
