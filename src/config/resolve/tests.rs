//! What is resolved from flags, environment and file.

use std::path::Path;
use std::time::Duration;

use super::*;
use crate::config::FetchSettings;
use crate::model::{Domain, KeepLimits, Refresh, RetryPolicy, SlotLabel};

const NOW: UnixSeconds = 1_780_000_000;

fn resolve(overrides: &Overrides, variables: &[(&str, &str)], toml: &str) -> Result<Config, ConfigError> {
    let file = FileConfig::parse(Path::new("/etc/jdcdn/c.toml"), toml)?;
    Config::resolve(overrides, &Environment::new(variables.iter().copied()), file, NOW)
}

fn flags(given: &[(&'static str, &str)]) -> Overrides {
    let mut overrides = Overrides::default();
    for (key, value) in given {
        overrides.set(key, [value]);
    }
    overrides
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
            retention: 28 * 86_400,
        }
    );
    assert_eq!(
        config.retry,
        RetryPolicy {
            attempts: 5,
            base: Duration::from_millis(500),
            cap: Duration::from_secs(20),
        }
    );
    assert_eq!(
        config.refresh,
        Refresh {
            available_after: 600,
            ages: vec![3_600, 86_400],
        }
    );
    assert_eq!(
        config.hole_ages,
        [3_600, 86_400, 3 * 86_400, 7 * 86_400, 25 * 86_400]
    );
    assert_eq!(
        config.keep,
        KeepLimits {
            rejects: 10_000,
            runs: 400 * 86_400,
        }
    );
    assert_eq!(config.slot_label, SlotLabel::Start);
    assert_eq!(config.watch_every, 300);
    assert_eq!(
        (
            config.start,
            config.username.as_deref(),
            config.selected_domains.len()
        ),
        (None, None, 0)
    );
    assert!(matches!(config.require_domains(), Err(ConfigError::NoDomains)));
}

#[test]
fn a_flag_beats_the_environment_which_beats_the_file() {
    let toml =
        "database = 'file.db'\nendpoint = 'https://file.example/'\nusername = 'file'\n[fetch]\nwindow = '2d'";
    let variables = [
        ("JDCDN_DB", "env.db"),
        ("JDCDN_ENDPOINT", "https://env.example/"),
        ("JDCDN_USERNAME", "env"),
    ];
    let flags = flags(&[
        ("database", "flag.db"),
        ("endpoint", "https://flag.example/"),
        ("fetch.window", "3d"),
    ]);
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
    let names: Vec<_> = config.selected_domains.iter().map(Domain::as_str).collect();
    assert_eq!(names, ["www.a.com", "b.com"]);
    let narrowed = resolve(&flags(&[("domains", "c.com")]), &[], toml).unwrap();
    assert_eq!(
        (narrowed.selected_domains.len(), narrowed.configured_domains.len()),
        (1, 2)
    );
    assert_eq!(narrowed.source("domains").to_string(), "--domain");
    assert!(refused("domains = ['http://a.com/']").starts_with(
        "/etc/jdcdn/c.toml:1: domains: `http://a.com/` is not a domain name: it holds a scheme"
    ));
}

#[test]
fn a_wrong_value_is_named_with_its_place_and_what_is_expected() {
    assert_eq!(
        refused("[fetch]\n\nwindow = '7m'"),
        "/etc/jdcdn/c.toml:3: fetch.window: `7m` is not a multiple of `5m` up to `1d`, or of `1d` up to `31d`"
    );
    assert_eq!(
        refused("[fetch]\nconcurrency = 65"),
        "/etc/jdcdn/c.toml:2: fetch.concurrency: `65` is not a whole number from 1 to 64"
    );
    assert_eq!(
        refused("slot_label = 'middle'"),
        "/etc/jdcdn/c.toml:1: slot_label: `middle` is not a slot label: write `start` or `end`"
    );
    assert_eq!(
        refused("[fetch]\nretention = '23h'"),
        "/etc/jdcdn/c.toml:2: fetch.retention: `23h` is not whole seconds from `1d` to `3660d`"
    );
    assert!(
        refused("[refresh]\nhole_ages = ['24h', '1h']")
            .contains("refresh.hole_ages: `24h, 1h` is not a list of rising ages")
    );
    assert!(refused("[keep]\nrejects = '100'").contains("keep.rejects: `'100'` has the wrong type"));
    assert!(refused("[keep]\nrun = '400d'").contains("did you mean `keep.runs`?"));
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
    let flags = flags(&[("fetch.requests_per_second", "fast")]);
    let error = resolve(&flags, &[], "").unwrap_err().to_string();
    assert!(error.starts_with("--rate: `fast` is not"), "{error}");
}

#[test]
fn what_is_kept_and_believed_can_be_set() {
    let toml = "slot_label = 'end'\n[fetch]\nretention = '90d'\n[refresh]\nhole_ages = []\n[keep]\nrejects = 0\nruns = '1d'";
    let config = resolve(&Overrides::default(), &[], toml).unwrap();
    assert_eq!(config.slot_label, SlotLabel::End);
    assert_eq!(config.fetch.retention, 90 * 86_400);
    assert!(config.hole_ages.is_empty());
    assert_eq!((config.keep.rejects, config.keep.runs), (0, 86_400));
    assert_eq!(
        config.source("keep.runs").to_string(),
        "/etc/jdcdn/c.toml:8: keep.runs"
    );
}

#[test]
fn the_start_may_be_a_bare_date() {
    for toml in ["start = 2026-01-01", "start = '2026-01'"] {
        let start = resolve(&Overrides::default(), &[], toml).unwrap().start;
        assert_eq!(start, Some(1_767_196_800));
    }
}

/// Sets one key of the file and returns the error, if any.
fn refusal(key: &str, value: &str) -> Option<String> {
    let (section, name) = key.split_once('.').unwrap();
    let toml = format!("[{section}]\n{name} = {value}");
    resolve(&Overrides::default(), &[], &toml)
        .err()
        .map(|error| error.to_string())
}

#[test]
fn every_bound_is_part_of_what_is_allowed() {
    for (key, allowed, refused) in [
        (
            "fetch.window",
            &["'5m'", "'1d'", "'31d'"][..],
            &[
                "'0s'",
                "'1m'",
                "'7m'",
                "'36h'",
                "'1d5m'",
                "'32d'",
                "'300500ms'",
                "'1'",
                "''",
                "'day'",
                "'9999999999999999w'",
            ][..],
        ),
        ("fetch.concurrency", &["1", "64"], &["0", "65", "-1", "1.5"]),
        ("fetch.domains_per_request", &["1", "1000"], &["0", "1001"]),
        ("retry.attempts", &["1", "100"], &["0", "101"]),
        (
            "fetch.requests_per_second",
            &["0", "0.0", "0.001", "0.5", "10000"],
            &["-1", "nan", "inf", "1e-300", "1e9"],
        ),
        ("fetch.timeout", &["'1ms'", "'1h'"], &["'0s'", "'2h'", "'1 min'"]),
        (
            "fetch.max_body",
            &["'1'", "'64MiB'", "'1GB'"],
            &["'0'", "'-1MiB'", "'many'"],
        ),
        (
            "fetch.retention",
            &["'1d'", "'36h 1s'", "'3660d'"],
            &[
                "'23h'",
                "'1m'",
                "'86400500ms'",
                "'3661d'",
                "'1M'",
                "'11y'",
                "'28'",
                "''",
                "'forever'",
            ],
        ),
        (
            "refresh.available_after",
            &["'0s'", "'366d'"],
            &["'367d'", "'1500ms'"],
        ),
        (
            "refresh.ages",
            &["[]", "['1h', '24h']", "['366d']"],
            &["['24h', '1h']", "['1h', '60m']", "['0s']", "['soon']", "['367d']"],
        ),
        (
            "watch.every",
            &["'1s'", "'1d'"],
            &["'0s'", "'1500ms'", "'2d'", "'often'"],
        ),
        ("keep.rejects", &["0", "1000000"], &["-1", "1.5", "1000001"]),
    ] {
        for value in allowed {
            assert_eq!(refusal(key, value), None, "{key} = {value}");
        }
        for value in refused {
            let error = refusal(key, value).unwrap_or_default();
            let place = format!("/etc/jdcdn/c.toml:2: {key}: ");
            let shown = value
                .trim_matches(['[', ']'])
                .rsplit(", ")
                .next()
                .unwrap_or_default();
            let shown = shown.trim_matches('\'').to_lowercase();
            assert!(error.starts_with(&place), "{key} = {value}: {error}");
            assert!(error.to_lowercase().contains(&shown), "{key} = {value}: {error}");
        }
    }
}

#[test]
fn a_rate_of_zero_is_no_limit() {
    let of = |given| {
        let flags = flags(&[("fetch.requests_per_second", given)]);
        resolve(&flags, &[], "").unwrap().fetch.requests_per_second
    };
    assert_eq!((of("0"), of("0.0"), of("0.5")), (None, None, Some(0.5)));
}

#[test]
fn every_key_of_the_table_is_read_from_the_file() {
    for key in KEYS {
        let toml = match key.name.split_once('.') {
            Some((section, name)) => format!("[{section}]\n{name} = {{}}"),
            None => format!("{} = {{}}", key.name),
        };
        let error = refused(&toml);
        assert!(error.contains(&format!("{}: ", key.name)), "{error}");
        assert!(error.contains("has the wrong type"), "{error}");
    }
}
