//! Every value with where it came from, and whether the key can be read.

use std::path::Path;

use super::report::Report;
use crate::cli::{CliError, Context};
use crate::config::{Config, KEYS, SecretKeySource};
use crate::model::{Credentials, Domain, civil, text};

/// How many domains are named.
const NAMED_DOMAINS: usize = 3;
/// The keys that [`check_key`] reports.
const CREDENTIALS: [&str; 3] = ["username", "secret_key_file", "secret_key_command"];

/// Shows every value with its place. The values were checked when they were read.
pub fn check(report: &mut Report, config: &Config) {
    match &config.file {
        Some(path) => report.ok("configuration", shown(path)),
        None => report.ok("configuration", "no file: flags, environment and defaults"),
    }
    for key in KEYS.iter().filter(|key| !CREDENTIALS.contains(&key.name)) {
        let setting = config
            .setting(key.name)
            .filter(|setting| key.name != "domains" || !setting.words.is_empty());
        let Some(setting) = setting else {
            let example = match key.name {
                "domains" => "domains = [\"www.a.com\"]",
                "start" => "start = \"2026-01-01\"",
                _ => continue,
            };
            let help = format!("write `{example}` in the configuration file: `sync` and `watch` need it");
            report.warn(key.name, "not set", help);
            continue;
        };
        let value = match (key.name, config.start) {
            ("database", _) => shown(&config.database),
            ("domains", _) => domains(config),
            ("start", Some(start)) => format!("{} UTC+8", civil::cst_minute(start)),
            _ => setting.to_string(),
        };
        report.ok(key.name, format!("{value} ({})", setting.source));
    }
}

/// The first domains, and the number of the others.
fn domains(config: &Config) -> String {
    let names = config.selected_domains.iter().map(Domain::as_str);
    let named: Vec<&str> = names.take(NAMED_DOMAINS).collect();
    let listed = named.join(", ");
    match config.selected_domains.len() - named.len() {
        0 => listed,
        more => format!("{listed} and {more} more"),
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
            let source = config.secret_key_source().map(described).unwrap_or_default();
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

fn described(source: &SecretKeySource) -> String {
    #[cfg(unix)]
    if let SecretKeySource::File { path, .. } = source
        && let Ok(found) = path.metadata()
    {
        use std::os::unix::fs::PermissionsExt as _;
        return format!("{source} (mode {:04o})", found.permissions().mode() & 0o7777);
    }
    source.to_string()
}

fn shown(path: &Path) -> String {
    text::printable(&path.to_string_lossy())
}
