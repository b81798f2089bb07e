//! Shows every value with its place, and whether the secret key can be read.

use super::report::CheckReport;
use crate::cli::Context;
use crate::cli::view::text;
use crate::config::{Config, KEYS, KeyAccess, SecretKeySource};
use crate::model::text::printable;
use crate::model::{Credentials, Discover, Domain, civil};

/// How many domains are named.
const NAMED_DOMAINS: usize = 3;

/// Shows every value with its place. The values were checked when they were read.
pub fn check(report: &mut CheckReport, config: &Config) {
    match &config.file {
        Some(path) => report.ok("configuration", text::path(path)),
        None => report.ok("configuration", "no file: flags, environment and defaults"),
    }
    // The credentials have lines of their own.
    for key in KEYS.iter().filter(|key| key.name != "username") {
        let setting = config
            .setting(key.name)
            .filter(|setting| key.name != "domains" || !setting.words.is_empty());
        let Some(setting) = setting else {
            let example = match key.name {
                "domains" if config.discover == Discover::Follow => {
                    report.ok(key.name, "none: those that the account has are followed");
                    continue;
                }
                "domains" => "domains = [\"www.a.com\"]",
                "start" => "start = \"2026-01-01\"",
                _ => continue,
            };
            let help = format!("write `{example}` in the configuration file: `sync` and `watch` need it");
            report.warn(key.name, "not set", help);
            continue;
        };
        let value = match (key.name, config.start) {
            ("database", _) => text::path(&config.database),
            ("domains", _) => domains(config),
            ("start", Some(start)) => format!("{} UTC+8", civil::cst_minute(start)),
            _ => setting.to_string(),
        };
        report.ok(key.name, format!("{value} ({})", setting.source));
    }
}

/// Names the first domains and counts the others.
fn domains(config: &Config) -> String {
    let domains = &config.selected_domains;
    let first: Vec<&str> = domains.iter().take(NAMED_DOMAINS).map(Domain::as_str).collect();
    let listed = first.join(", ");
    match domains.len() - first.len() {
        0 => listed,
        more => format!("{listed} and {more} more"),
    }
}

/// Reads the secret key and shows where it comes from, but neither the key nor its length.
pub fn check_key(
    report: &mut CheckReport,
    context: &Context<'_, '_>,
    config: &Config,
) -> Option<Credentials> {
    if let Some(username) = &config.username {
        let source = config.source("username");
        report.ok("username", format!("{} ({source})", printable(username)));
    }
    match context.credentials(config) {
        Ok(credentials) => {
            if let Some(source) = config.secret_key_source() {
                key_source(report, source);
            }
            Some(credentials)
        }
        Err(error) => {
            let name = if config.username.is_none() {
                "username"
            } else {
                "secret key"
            };
            report.error(
                name,
                error,
                "follow this message: nothing can be fetched without it",
            );
            None
        }
    }
}

/// Shows the place of the secret key, and who can read its file.
fn key_source(report: &mut CheckReport, source: &SecretKeySource) {
    let name = "secret key";
    let Some((facts, access)) = source.access() else {
        return report.ok(name, format!("read from {source}"));
    };
    let detail = format!("read from {source} (mode {:04o})", facts.mode);
    if access == KeyAccess::Private {
        return report.ok(name, detail);
    }
    let note = format!(
        "its mode lets others read the file; it is taken, because this user cannot change that ({access}, owner {})",
        facts.owner
    );
    report.note(name, detail, note);
}
