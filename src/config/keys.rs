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
    /// What it does, in one line.
    pub help: &'static str,
    /// What may be written, and how it is set.
    pub kind: ValueKind,
    /// The value if nobody gives one, as it would be written; empty for none.
    pub default: &'static [&'static str],
    /// The flag that overrides it, such as `--window`, and the name of its value in help texts.
    pub flag: Option<(&'static str, &'static str)>,
    /// The environment variable that overrides the file.
    pub variable: Option<&'static str>,
}

/// Every key, in the order in which values are set: `endpoint` depends on `allow_plaintext`.
pub const KEYS: &[ConfigKey] = &[
    key("username", "User name of the JD account")
        .value(Text("a text", |config, given| {
            if given.trim().is_empty() {
                return Err("the value is empty".into());
            }
            if is_quoted(given) {
                return Err(
                    "the value has quotes around it, as in an env file: write it without them".into(),
                );
            }
            config.username = Some(given.to_owned());
            Ok(())
        }))
        .variable(USERNAME),
    key(
        "secret_key_file",
        "File that holds the secret key and nothing else: `chmod 600`, unless the platform mounts it",
    )
    .value(SecretKey(TomlType::Text))
    .variable(SECRET_KEY_FILE),
    key(
        "secret_key_command",
        "Program with its arguments that prints the secret key, instead of a file; no shell runs it",
    )
    .value(SecretKey(TomlType::List)),
    key(
        "allow_plaintext",
        "Whether http:// may lead to another machine than this one",
    )
    .value(Switch(|config, given| config.allow_plaintext = given))
    .default(&["false"]),
    key("endpoint", "Address of the API; http:// only to this machine")
        .value(Text("an address", |config, given| {
            config.endpoint = Endpoint::parse(given, config.allow_plaintext)?;
            Ok(())
        }))
        .default(&[DEFAULT_ENDPOINT])
        .flag("--endpoint", "URL")
        .variable(ENDPOINT),
    key("database", "Database file")
        .value(Path(|config, given| config.database = given))
        .default(&["jdcdn-stats.db"])
        .flag("--db", "FILE")
        .variable(DATABASE),
    key("domains", "Domains to keep complete")
        .value(Words(
            "a list of host names, such as `[\"www.a.com\"]`",
            |config, given| {
                config.selected_domains = domains(given)?;
                Ok(())
            },
        ))
        .flag("--domain", "DOMAIN"),
    key(
        "start",
        "Start of the history: `sync` and `watch` fetch everything from here on",
    )
    .value(Time(|config, given| config.start = Some(given))),
    key(
        "discover",
        "What to do about domains of the account that are not configured: nothing, name them once a day, or fetch them too",
    )
    .value(Text("`off`, `warn` or `follow`", |config, given| {
        config.discover = given.trim().parse()?;
        Ok(())
    }))
    .default(&["off"]),
    key(
        "slot_label",
        "Which end of its 5 minutes the time of a point names",
    )
    .value(Text("`start` or `end`", |config, given| {
        config.slot_label = given.trim().parse()?;
        Ok(())
    }))
    .default(&["start"]),
    key(
        "fetch.window",
        "Longest span of one request, in whole 5 minutes or whole days",
    )
    .value(Window(|config, given| config.fetch.window = given))
    .default(&["1d"])
    .flag("--window", "LENGTH"),
    // The API's own limit is not documented (sibling services take 20 to 50). A run learns it from refusals.
    key("fetch.domains_per_request", "Most domains in one request")
        .value(Count(1, 1_000, |config, given| {
            config.fetch.domains_per_request = given;
        }))
        .default(&["20"])
        .flag("--domains-per-request", "N"),
    key("fetch.concurrency", "Most requests at a time, up to 64")
        .value(Count(1, 64, |config, given| config.fetch.concurrency = given))
        .default(&["4"])
        .flag("--concurrency", "N"),
    key(
        "fetch.requests_per_second",
        "Requests per second, fractions allowed, 0 for no limit",
    )
    .value(Rate(|config, given| config.fetch.requests_per_second = given))
    .default(&["5"])
    .flag("--rate", "N"),
    key("fetch.timeout", "Longest time of one request")
        .value(Length(1, HOUR, |config, given| config.fetch.timeout = given))
        .default(&["60s"])
        .flag("--timeout", "LENGTH"),
    key("fetch.max_body", "Largest answer, decompressed")
        .value(Size(|config, given| config.fetch.max_body = given))
        .default(&["64MiB"]),
    key(
        "fetch.retention",
        "Age of slots from which \"too old\" (status 21) is believed",
    )
    .value(Length(DAY, 3_660 * DAY, |config, given| {
        config.fetch.retention = seconds(given);
    }))
    .default(&["28d"]),
    key("retry.attempts", "Attempts at one request, the first included")
        .value(Count(1, 100, |config, given| {
            config.retry.attempts = to_u32(given);
        }))
        .default(&["5"]),
    key(
        "retry.base",
        "Longest wait after the first failure; it doubles with every further one",
    )
    .value(Length(1, HOUR, |config, given| config.retry.base = given))
    .default(&["500ms"]),
    key("retry.cap", "Longest wait of all, at least `retry.base`")
        .value(Length(1, HOUR, |config, given| config.retry.cap = given))
        .default(&["20s"]),
    key("refresh.available_after", "Age at which a slot is first fetched")
        .value(Length(0, 366 * DAY, |config, given| {
            config.refresh.available_after = seconds(given);
        }))
        .default(&["10m"]),
    key(
        "refresh.ages",
        "Ages at which a slot is fetched again; after the last one it is settled",
    )
    .value(Ages(|config, given| config.refresh.ages = given))
    .default(&["1h", "24h"]),
    key(
        "refresh.hole_ages",
        "Ages at which a slot without a point is fetched again",
    )
    .value(Ages(|config, given| config.hole_ages = given))
    .default(&["1h", "24h", "3d", "7d", "25d"]),
    // New figures come every 5 minutes. Less than a minute is of use only against the simulator.
    key("watch.every", "Time from one run of `watch` to the next")
        .value(Length(SECOND, DAY, |config, given| {
            config.watch_every = seconds(given);
        }))
        .default(&["5m"]),
    // A text has up to 64 KiB.
    key("keep.rejects", "Rejected points whose text is kept; 0 keeps none")
        .value(Count(0, 1_000_000, |config, given| {
            config.keep.rejects = to_u64(given);
        }))
        .default(&["10000"]),
    key("keep.runs", "How long runs are listed in `origin_runs`")
        .value(Length(DAY, 3_660 * DAY, |config, given| {
            config.keep.runs = seconds(given);
        }))
        .default(&["400d"]),
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

const fn key(name: &'static str, help: &'static str) -> ConfigKey {
    ConfigKey {
        name,
        help,
        kind: SecretKey(TomlType::Text),
        default: &[],
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

    const fn value(self, kind: ValueKind) -> Self {
        Self { kind, ..self }
    }

    const fn default(self, default: &'static [&'static str]) -> Self {
        Self { default, ..self }
    }

    const fn flag(self, flag: &'static str, value: &'static str) -> Self {
        Self {
            flag: Some((flag, value)),
            ..self
        }
    }

    const fn variable(self, variable: &'static str) -> Self {
        Self {
            variable: Some(variable),
            ..self
        }
    }
}

fn is_quoted(text: &str) -> bool {
    let text = text.trim();
    ["\"", "'"]
        .iter()
        .any(|quote| text.len() > 1 && text.starts_with(quote) && text.ends_with(quote))
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
