//! Every value with where it came from, and whether the key can be read.

use std::fmt::Display;
use std::path::Path;

use bytesize::ByteSize;

use super::report::Report;
use crate::cli::{CliError, Context};
use crate::config::{Config, KeySource};
use crate::model::duration::{show_duration, show_seconds};
use crate::model::{Credentials, Domain, civil, text};

/// How many domains are named.
const NAMED_DOMAINS: usize = 3;

/// Shows the settings, which were checked when they were read.
pub fn check(report: &mut Report, config: &Config) {
    match &config.file {
        Some(path) => report.ok("configuration", shown(path)),
        None => report.ok("configuration", "no file: flags, environment and defaults"),
    }
    let mut show = |key, value: &dyn Display| report.ok(key, format!("{value} ({})", config.source(key)));
    show("database", &shown(&config.database));
    show("endpoint", &config.endpoint);
    show("slot_label", &config.slot_label);
    let fetch = &config.fetch;
    show("fetch.window", &show_seconds(fetch.window));
    show("fetch.domains_per_request", &fetch.domains_per_request);
    show("fetch.concurrency", &fetch.concurrency);
    match fetch.requests_per_second {
        Some(rate) => show("fetch.requests_per_second", &rate),
        None => show("fetch.requests_per_second", &"0, no limit"),
    }
    show("fetch.timeout", &show_duration(fetch.timeout));
    show("fetch.max_body", &ByteSize(fetch.max_body));
    show("fetch.retention", &show_seconds(fetch.retention));
    show("retry.attempts", &config.retry.attempts);
    show("retry.base", &show_duration(config.retry.base));
    show("retry.cap", &show_duration(config.retry.cap));
    show(
        "refresh.available_after",
        &show_seconds(config.refresh.available_after),
    );
    show("refresh.ages", &ages(&config.refresh.ages));
    show("refresh.hole_ages", &ages(&config.hole_ages));
    show("watch.every", &show_duration(config.watch_every));
    show("keep.rejects", &config.keep.rejects);
    show("keep.runs", &show_seconds(config.keep.runs));
    match config.start {
        Some(start) => show("start", &format!("{} UTC+8", civil::cst_minute(start))),
        None => report.warn(
            "start",
            "not set",
            "set `start = \"2026-01-01\"` in the configuration file: `sync` and `watch` begin there",
        ),
    }
    domains(report, config);
}

fn domains(report: &mut Report, config: &Config) {
    let named: Vec<&str> = config
        .domains
        .iter()
        .take(NAMED_DOMAINS)
        .map(Domain::as_str)
        .collect();
    let more = config.domains.len().saturating_sub(named.len());
    let listed = match more {
        0 => named.join(", "),
        _ => format!("{} and {more} more", named.join(", ")),
    };
    if named.is_empty() {
        report.warn(
            "domains",
            "none",
            "name them as `domains = [\"www.a.com\"]` in the configuration file: `sync` and `watch` need them",
        );
    } else {
        report.ok("domains", format!("{listed} ({})", config.source("domains")));
    }
}

/// Reads the key, and shows where from; never the key, nor how long it is.
pub fn check_key(report: &mut Report, context: &Context<'_, '_>, config: &Config) -> Option<Credentials> {
    if let Some(username) = &config.username {
        let source = config.source("username");
        report.ok("username", format!("{} ({source})", text::printable(username)));
    }
    match context.credentials(config) {
        Ok(credentials) => {
            let source = config.key_source().map(described).unwrap_or_default();
            report.ok("secret key", format!("read from {source}"));
            Some(credentials)
        }
        Err(error) => {
            let name = if config.username.is_none() {
                "username"
            } else {
                "secret key"
            };
            let error = CliError::from(error);
            let help = "do what its line says: nothing can be fetched without it";
            report.fail(name, error.status(), error.to_string(), help);
            None
        }
    }
}

fn described(source: &KeySource) -> String {
    #[cfg(unix)]
    if let KeySource::File { path, .. } = source
        && let Ok(found) = path.metadata()
    {
        use std::os::unix::fs::PermissionsExt as _;
        return format!("{source} (mode {:04o})", found.permissions().mode() & 0o7777);
    }
    source.to_string()
}

fn ages(ages: &[i64]) -> String {
    if ages.is_empty() {
        return "none".to_owned();
    }
    let ages: Vec<String> = ages.iter().copied().map(show_seconds).collect();
    ages.join(", ")
}

fn shown(path: &Path) -> String {
    text::printable(&path.to_string_lossy())
}
