//! An error about bad input names the value and the next step; nothing is requested or written.

use std::collections::BTreeSet;

use crate::sandbox::{Sandbox, ended};

const RANGE: [&str; 5] = ["backfill", "--from", "2026-05-01", "--to", "2026-05-02"];

fn files(sandbox: &Sandbox) -> BTreeSet<std::ffi::OsString> {
    let entries = std::fs::read_dir(sandbox.path("")).unwrap();
    entries.map(|entry| entry.unwrap().file_name()).collect()
}

/// The command is refused with these words, before it has done anything.
#[track_caller]
fn assert_refused(sandbox: &Sandbox, args: &[&str], variables: &[(&str, Option<&str>)], words: &[&str]) {
    let before = files(sandbox);
    let mut command = sandbox.command(args);
    for (name, value) in variables {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    let said = ended(command.output().unwrap()).failed(2);
    // The first line is the sandbox's own: that the clock is set.
    let said: Vec<&str> = said
        .lines()
        .filter(|line| !line.contains("JDCDN_TEST_NOW"))
        .collect();
    let said = said.join("\n");
    assert!(said.starts_with("error: "), "{args:?}: {said}");
    for word in words {
        assert!(said.contains(word), "{args:?}: no {word:?} in: {said}");
    }
    assert_eq!(files(sandbox), before, "{args:?}");
    assert_eq!(sandbox.requests(), 0, "{args:?}");
}

fn refuses(cases: &[(&[&str], &[&str])]) {
    let sandbox = Sandbox::with_domains(2);
    for (args, words) in cases {
        assert_refused(&sandbox, args, &[], words);
        let dry = [*args, &["--dry-run"]].concat();
        if args[0] == "backfill" {
            assert_refused(&sandbox, &dry, &[], words);
        }
    }
}

fn with<'a>(more: &[&'a str]) -> Vec<&'a str> {
    [&RANGE[..], more].concat()
}

#[test]
fn times_that_are_none_name_the_flag_the_value_and_the_forms() {
    for wrong in [
        "yesterday",
        "2026-13-01",
        "2026-02-30",
        "2026-05-01 25:00",
        "2026-5-1",
        "05/01/2026",
        "",
        "-7d",
        "7",
        "2026-05-01\u{1b}[2J",
    ] {
        let printed = wrong.replace('\u{1b}', "\\u{1b}");
        let named = format!("--from: `{printed}` is not a time: write `2026-01-01`");
        let flag = format!("--from={wrong}");
        refuses(&[(&["backfill", &flag, "--to", "now"], &[&named, "`now`", "`7d`"])]);
        let named = format!("--to: `{printed}` is not a time: write `2026-01-01`");
        let flag = format!("--to={wrong}");
        refuses(&[(&["backfill", "--from", "7d", &flag], &[&named])]);
    }
}

#[test]
fn a_range_must_hold_something_and_have_begun() {
    refuses(&[
        (
            &["backfill", "--from", "2026-05-02", "--to", "2026-05-01"],
            &[
                "the range is empty",
                "2026-05-02 00:00",
                "2026-05-01 00:00",
                "--to must be later than --from",
            ],
        ),
        (
            &["backfill", "--from", "2026-05-01", "--to", "2026-05-01"],
            &["the range is empty", "2026-05-01 00:00"],
        ),
        (
            &["backfill", "--from", "1d", "--to", "2d"],
            &["the range is empty", "--to must be later than --from"],
        ),
        (
            &["backfill", "--from", "2026-07-01", "--to", "2026-07-02"],
            &[
                "2026-07-01 00:00",
                "lies in the future",
                "it is 2026-06-15 12:00 now (UTC+8)",
            ],
        ),
        (
            &["backfill", "--from", "now", "--to", "2999-01-01"],
            &[
                "lies in the future",
                "slots become available 10m after they begin",
            ],
        ),
        (&["backfill", "--from", "2026-05-01"], &["--to <TIME>"]),
        (&["backfill", "--to", "2026-05-01"], &["--from <TIME>"]),
    ]);
}

#[test]
fn domains_that_are_none_are_named_with_what_is_wrong() {
    for (wrong, what) in [
        (
            "https://www.a.com",
            "it holds a scheme; give the host name alone, such as `www.a.com`",
        ),
        ("www.a.com/index", "it holds a path"),
        ("www.a.com:80", "it holds a port"),
        ("www.a.com ", "it holds a space"),
        ("localhost", "it has no dot"),
        ("10.0.0.1", "it is an address"),
        ("a..com", "two dots follow each other"),
        ("-a.com", "begins or ends with a hyphen"),
        ("a'; DROP TABLE point; --.com", "is not a domain name"),
    ] {
        let named = format!("`{wrong}` is not a domain name");
        let flag = format!("--domain={wrong}");
        refuses(&[(&with(&[&flag]), &["--domain", &named, what])]);
        refuses(&[(&with(&["-d", "www.a.com", &flag]), &["--domain", &named, what])]);
    }
    refuses(&[(&with(&["--domain="]), &["--domain", "empty"])]);

    let sandbox = Sandbox::with_domains(1);
    let config = std::fs::read_to_string(sandbox.path("jdcdn-stats.toml")).unwrap();
    let wrong = config.replace("\"d000.example.com\"", "\"d000.example.com\", \"www.a.com/x\"");
    std::fs::write(sandbox.path("jdcdn-stats.toml"), wrong).unwrap();
    let words = [
        "jdcdn-stats.toml:3: domains: `www.a.com/x` is not a domain name",
        "a path",
    ];
    assert_refused(&sandbox, &RANGE, &[], &words);
}

#[test]
fn a_configuration_that_cannot_be_meant_names_its_line_and_a_way_out() {
    let sandbox = Sandbox::with_domains(1);
    let config = std::fs::read_to_string(sandbox.path("jdcdn-stats.toml")).unwrap();
    for (added, words) in [
        (
            "domian = 'a.com'",
            &[
                "jdcdn-stats.toml:4: unknown key `domian`",
                "did you mean `domains`?",
            ][..],
        ),
        ("colour = 'red'", &["jdcdn-stats.toml:4: unknown key `colour`"]),
        ("watch = 5", &["jdcdn-stats.toml:4", "watch"]),
        ("[fetch", &["jdcdn-stats.toml:4"]),
        (
            "start = 'soon'",
            &["jdcdn-stats.toml:4: start: `soon` is not a time"],
        ),
        (
            "[refresh]\nages = ['24h', '1h']",
            &["jdcdn-stats.toml:5: refresh.ages", "24h"],
        ),
        ("[refresh]\nages = [5]", &["jdcdn-stats.toml:5"]),
    ] {
        let written = config.replacen("\n\n", &format!("\n{added}\n"), 1);
        assert!(written.contains(added));
        std::fs::write(sandbox.path("jdcdn-stats.toml"), written).unwrap();
        assert_refused(&sandbox, &RANGE, &[], words);
    }
    std::fs::remove_file(sandbox.path("jdcdn-stats.toml")).unwrap();
    let missing = with(&["--config", "nowhere.toml"]);
    let words = ["cannot read the configuration file `nowhere.toml`"];
    assert_refused(&sandbox, &missing, &[], &words);
    let named = [("JDCDN_CONFIG", Some("nowhere.toml"))];
    assert_refused(&sandbox, &RANGE, &named, &[words[0], "JDCDN_CONFIG"]);
}

#[test]
fn what_is_missing_is_named_with_every_way_to_give_it() {
    let sandbox = Sandbox::with_domains(1);
    let key = [
        "no secret key is given",
        "JDCDN_SECRET_KEY",
        "secret_key_file",
        "secret_key_command",
    ];
    assert_refused(&sandbox, &RANGE, &[("JDCDN_SECRET_KEY", None)], &key);
    assert_refused(&sandbox, &RANGE, &[("JDCDN_SECRET_KEY", Some(""))], &key);
    let two = ["JDCDN_SECRET_KEY", "holds more than a secret key"];
    assert_refused(
        &sandbox,
        &RANGE,
        &[("JDCDN_SECRET_KEY", Some("e7a31b two"))],
        &two,
    );

    let endpoint = format!("endpoint = {:?}\n", sandbox.simulator.endpoint());
    let write = |text: &str| std::fs::write(sandbox.path("jdcdn-stats.toml"), text).unwrap();
    write(&format!("{endpoint}username = 'jcloud_00'\n"));
    assert_refused(
        &sandbox,
        &RANGE,
        &[],
        &["no domain is given", "-d www.a.com", "domains = ["],
    );
    write(&format!("{endpoint}domains = ['a.example.com']\n"));
    assert_refused(
        &sandbox,
        &RANGE,
        &[],
        &["no user name is given", "JDCDN_USERNAME", "username = "],
    );

    write(&format!(
        "{endpoint}username = 'jcloud_00'\ndomains = ['a.example.com']\nsecret_key_file = 'no.key'\n"
    ));
    let missing = ["jdcdn-stats.toml:4: secret_key_file: the key file does not exist"];
    assert_refused(&sandbox, &RANGE, &[("JDCDN_SECRET_KEY", None)], &missing);
    std::fs::write(sandbox.path("no.key"), "sentinel-5EC3E7\n").unwrap();
    let open = ["can be read by others", "chmod 600"];
    assert_refused(&sandbox, &RANGE, &[("JDCDN_SECRET_KEY", None)], &open);
}

#[test]
fn an_address_in_the_clear_is_refused_unless_it_is_this_machine() {
    for (wrong, words) in [
        (
            "http://opencdn.jcloud.com/api/origin",
            &["http://opencdn.jcloud.com/api/origin", "https://"][..],
        ),
        (
            "http://127.0.0.1.example.com/",
            &["127.0.0.1.example.com", "https://"],
        ),
        ("http://localhost@example.com/", &["example.com"]),
        (
            "http://10.0.0.1/api/origin",
            &["http://10.0.0.1/api/origin", "https://"],
        ),
        ("ftp://example.com/", &["ftp://example.com/"]),
        ("opencdn.jcloud.com", &["opencdn.jcloud.com"]),
    ] {
        let words = [&["--endpoint"], words].concat();
        refuses(&[(&with(&["--endpoint", wrong]), &words)]);
        let sandbox = Sandbox::with_domains(1);
        assert_refused(
            &sandbox,
            &RANGE,
            &[("JDCDN_ENDPOINT", Some(wrong))],
            &["JDCDN_ENDPOINT"],
        );
    }
}

#[test]
fn numbers_and_lengths_out_of_bounds_name_the_bounds() {
    for (flag, wrong, words) in [
        (
            "--window",
            "7m",
            "`7m` is not a multiple of `5m` up to `1d`, or of `1d` up to `31d`",
        ),
        ("--window", "0s", "`0s`"),
        ("--window", "32d", "`32d`"),
        (
            "--window",
            "36h",
            "`36h` is not a multiple of `5m` up to `1d`, or of `1d` up to `31d`",
        ),
        ("--timeout", "1 min", "`1 min` is not a length of time"),
        ("--window", "day", "`day` is not a length of time"),
        (
            "--domains-per-request",
            "0",
            "`0` is not a whole number from 1 to",
        ),
        ("--concurrency", "65", "`65` is not a whole number from 1 to 64"),
        ("--concurrency", "four", "`four` is not a whole number"),
        ("--rate", "fast", "`fast` is not a number from 0.001 to 10000"),
        ("--rate", "NaN", "`NaN`"),
        ("--timeout", "0s", "`0s`"),
        ("--db", "", "a value is required for '--db <FILE>'"),
    ] {
        refuses(&[(&with(&[&format!("{flag}={wrong}")]), &[flag, words])]);
    }
}

#[test]
fn what_the_command_line_does_not_know_is_named_with_what_is_near() {
    refuses(&[
        (&["backfil"], &["'backfil'", "'backfill'"]),
        (&["frobnicate"], &["'frobnicate'"]),
        (&["backfill", "--form", "7d"], &["'--form'", "'--from'"]),
        (&["backfill", "7d", "now"], &["'7d'"]),
        (&["status", "--format", "xml"], &["'xml'", "human, json"]),
        (
            &["backfill", "--from", "7d", "--to", "now", "--format", "yaml"],
            &["'yaml'", "human, json"],
        ),
        (&["--log-format", "xml", "status"], &["'xml'", "text, json"]),
        (&["backfill", "--secret-key", "x"], &["'--secret-key'"]),
    ]);
}

#[test]
fn a_share_of_faults_or_lies_is_from_0_to_1() {
    refuses(&[
        (&["simulate", "--lie-rate", "1.5"], &["--lie-rate 1.5", "0 to 1"]),
        (&["simulate", "--fault-rate=-1"], &["--fault-rate -1", "0 to 1"]),
    ]);
}
