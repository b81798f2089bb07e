//! A key that was put in the wrong place by mistake, or that cannot be used.

use super::{DAY, KEY, assert_keeps_secrets, leaks, sandbox, secrets};
use crate::hostile::assert_tame_run;
use crate::sandbox::{Ended, Sandbox, ended};

/// Runs `args` with these lines in front of the configuration and these variables; `None` takes one away.
fn misplaced(sandbox: &Sandbox, lines: &str, variables: &[(&str, Option<&str>)], args: &[&str]) -> Ended {
    let domains = "domains = ['d000.example.com']";
    let endpoint = format!("endpoint = {:?}", sandbox.simulator.endpoint());
    let mut content = format!("{lines}\n");
    for line in ["username = 'jcloud_00'", domains, &endpoint] {
        let name = line.split(' ').next().unwrap();
        if !lines.contains(name) {
            content = content + line + "\n";
        }
    }
    std::fs::write(sandbox.path("jdcdn-stats.toml"), content).unwrap();
    let mut command = sandbox.command(args);
    for (name, value) in variables {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    ended(command.output().unwrap())
}

#[test]
fn a_key_that_is_given_in_the_wrong_place_is_not_shown() {
    let line = |text: &str| text.replace("KEY", KEY);
    let files = [
        "secret_key_file = 'KEY'",
        "secret_key_file = 'keys/KEY'",
        "secret_key_command = ['KEY']",
        "secret_key_command = ['sh', '-c', 'echo KEY >&2; echo KEY KEY; exit 3']",
        "secret_key_command = ['echo', 'KEY KEY']",
        "endpoint = 'KEY'",
        "endpoint = 'https://aKEYz.example.com/xKEYx?KEY=1'",
        "database = 'a/xKEYx.db'",
        "start = 'since xKEYx'",
        "username = 'KEY'",
        "domains = ['KEY']",
        "database = 'KEY'",
        "start = 'KEY'",
        "secret_key = 'KEY'",
        "KEY = 1",
        "fetch = 'KEY'",
        "username = 'KEY",
    ];
    let variables = [
        "JDCDN_SECRET_KEY_FILE",
        "JDCDN_ENDPOINT",
        "JDCDN_USERNAME",
        "JDCDN_DB",
        "JDCDN_CONFIG",
    ];
    let backfill = ["backfill", "--from", DAY.0, "--to", DAY.1, "-vvv"];
    let commands = [
        &backfill[..],
        &["check", "--offline"],
        &["check", "--offline", "--format", "json"],
        &["status"],
    ];
    let flags = [
        &["--db", KEY][..],
        &["--config", KEY],
        &["-d", KEY],
        &["--endpoint", KEY],
        &["--window", KEY],
        &["--format", KEY],
        &["--rate", KEY],
        &["--domains-per-request", KEY],
        &["--secret-key", KEY],
        &[KEY],
    ];
    let nothing = tempfile::tempdir().unwrap();
    // The key is known to the process, or it is not.
    for known in [Some(KEY), None] {
        let mut runs: Vec<Ended> = Vec::new();
        let sandbox = sandbox();
        let key = ("JDCDN_SECRET_KEY", known);
        for args in commands {
            for text in files {
                runs.push(misplaced(&sandbox, &line(text), &[key], args));
            }
            for name in variables {
                runs.push(misplaced(&sandbox, "", &[key, (name, Some(KEY))], args));
            }
        }
        for flag in flags {
            runs.push(misplaced(&sandbox, "", &[key], &[&backfill, flag].concat()));
        }
        for range in [["--from", KEY, "--to", "now"], ["--from", "7d", "--to", KEY]] {
            runs.push(misplaced(
                &sandbox,
                "",
                &[key],
                &[&["backfill"], &range[..]].concat(),
            ));
        }
        for ended in runs {
            let said = [&*ended.stdout, &*ended.stderr];
            assert_eq!(
                leaks(&secrets(), &said, nothing.path()),
                Vec::<String>::new(),
                "{ended:?}"
            );
        }
    }
}

#[test]
fn a_key_in_a_file_that_also_stands_elsewhere_is_not_shown() {
    // Nothing that looks like a key, so that it must be known to be covered.
    let word = "correct-horse-battery";
    let sandbox = sandbox();
    std::fs::write(sandbox.path("the.key"), format!("{word}\n")).unwrap();
    for text in ["endpoint = 'WORD'", "database = 'WORD'", "username = 'WORD'"] {
        let lines = format!("secret_key_file = 'the.key'\n{}", text.replace("WORD", word));
        for args in [&["status"][..], &["check", "--offline"]] {
            let ended = misplaced(&sandbox, &lines, &[("JDCDN_SECRET_KEY", None)], args);
            assert!(!format!("{ended:?}").contains(word), "{text}: {ended:?}");
        }
    }
}

#[test]
fn a_key_that_is_too_short_to_be_told_from_ordinary_text_is_refused() {
    let sandbox = sandbox();
    for (key, accepted) in [("x", false), ("hunter7", false), ("hunter7q", true)] {
        let run = sandbox
            .command(&["backfill", "--from", DAY.0, "--to", DAY.1])
            .env("JDCDN_SECRET_KEY", key)
            .output()
            .unwrap();
        let ended = ended(run);
        if accepted {
            assert_eq!(ended.code, Some(4), "the simulator has another key: {ended:?}");
            continue;
        }
        let told = ended.failed(2);
        let says =
            "error: JDCDN_SECRET_KEY is too short for a secret key: it must have at least 8 characters\n";
        assert!(told.ends_with(says), "{told}");
        assert_eq!(sandbox.requests(), 0);
        assert!(!sandbox.path("jdcdn-stats.db").exists());
    }
}

#[test]
fn a_key_that_cannot_be_used_is_not_shown_either() {
    let sandbox = sandbox();
    for wrong in [
        format!("{KEY} {KEY}"),
        format!("{KEY}\n{KEY}"),
        format!("\u{1b}[2J{KEY}"),
    ] {
        let run = sandbox
            .command(&["backfill", "--from", DAY.0, "--to", DAY.1, "-vvv"])
            .env("JDCDN_SECRET_KEY", wrong)
            .output()
            .unwrap();
        let ended = ended(run);
        assert_eq!(ended.code, Some(2));
        assert_keeps_secrets(&sandbox, &ended);
        assert_tame_run(&ended, &[]);
    }
    assert_eq!(sandbox.requests(), 0);
}
