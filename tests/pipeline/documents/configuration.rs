//! `docs/configuration.md` and `deploy/jdcdn-stats.toml` follow the table of configuration keys.

use jdcdn_stats::config::annotated::{annotated, toml};
use jdcdn_stats::config::{ConfigKey, KEYS};

use crate::pages::assert_is;

const PAGE: &str = "docs/configuration.md";
const SAMPLE: &str = "deploy/jdcdn-stats.toml";
/// Everything from here to the next heading is generated.
const MARK: &str = "<!-- `make docs` writes this list from src/config/keys.rs. -->\n";

const SAMPLE_HEAD: &str = "\
# /etc/jdcdn-stats/jdcdn-stats.toml, mode 0644: it holds no secret. Put in your user name and your domains.
# Every key is here. A line that begins with `#` shows the default: remove the `#` to change it.
# The key file is for runs by hand, as root. For systemd and cron see deploy/README.md.
";

/// What the sample sets.
const SET: [(&str, &[&str]); 5] = [
    ("username", &["jcloud_00"]),
    ("secret_key_file", &["secret.key"]),
    ("database", &["/var/lib/jdcdn-stats/jdcdn-stats.db"]),
    ("domains", &["www.example.com"]),
    ("start", &["2026-01-01"]),
];
fn row(key: &ConfigKey) -> String {
    let default = match key.default {
        [] => String::new(),
        words => format!("`{}`", toml(key, words)),
    };
    let places = [key.flag.map(|(flag, _)| flag), key.variable];
    let places: Vec<String> = places
        .into_iter()
        .flatten()
        .map(|name| format!("`{name}`"))
        .collect();
    let ConfigKey { name, help, kind, .. } = key;
    let cells = [
        format!("`{name}`"),
        default,
        places.join(", "),
        kind.rule(),
        (*help).to_owned(),
    ];
    let cells = cells.iter().map(|cell| match cell.as_str() {
        "" => "| ".to_owned(),
        cell => format!("| {cell} "),
    });
    format!("{}|\n", cells.collect::<String>())
}

#[test]
fn the_page_of_the_configuration_lists_the_table_of_keys() {
    let page = std::fs::read_to_string(PAGE).unwrap();
    let (before, after) = page.split_once(MARK).unwrap();
    let (_, after) = after.split_once("\n## ").unwrap();
    let mut list =
        "| key | default | flag, environment | value | what it does |\n|---|---|---|---|---|\n".to_owned();
    list.extend(KEYS.iter().map(row));
    assert_is(PAGE, &format!("{before}{MARK}\n{list}\n## {after}"));
}

#[test]
fn the_sample_file_shows_every_key() {
    let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
    let set: Vec<_> = SET.iter().map(|(name, set)| (*name, words(set))).collect();
    assert_is(SAMPLE, &annotated(SAMPLE_HEAD, &set));
}
