//! `discover = "warn"`: new domains are named once a day. `off`: nobody asks.

use std::path::Path;

use jdcdn_stats::simulator::{Fault, OwnDomain, OwnStatus, Rule};

use super::{DAY, NEW, add, assert_nothing_of, listings, sync, wait, world};
use crate::sandbox::ended;
use crate::watch::Watch;

/// The lines of a log that name [`NEW`].
fn lines(log: &str) -> Vec<&str> {
    log.lines().filter(|line| line.contains(NEW)).collect()
}

#[test]
fn a_new_domain_is_named_in_one_line_once_a_day_and_not_fetched() {
    let sandbox = world("warn");
    let quiet = sync(&sandbox);
    assert_eq!(lines(&quiet.stderr), Vec::<&str>::new());
    add(&sandbox, NEW);
    for _ in 0..3 {
        wait(&sandbox, DAY);
        let told = sync(&sandbox);
        let said = lines(&told.stderr);
        assert_eq!(said.len(), 1, "{}", told.stderr);
        assert!(said[0].contains("in the account, and not configured"), "{said:?}");
        told.with(0);
        for _ in 0..3 {
            wait(&sandbox, 3_600);
            let quiet = sync(&sandbox);
            assert_eq!(lines(&quiet.stderr), Vec::<&str>::new());
            quiet.with(0);
        }
    }
    assert_eq!(listings(&sandbox), 4);
    assert_nothing_of(&sandbox, NEW);
    // Who does not want it says so once.
    sandbox.run(&["domains", "forget", NEW]).with(0);
    wait(&sandbox, DAY);
    let quiet = sync(&sandbox);
    assert_eq!(lines(&quiet.stderr), Vec::<&str>::new());
}

#[test]
fn a_domain_that_the_vendor_has_not_accepted_is_not_named() {
    let sandbox = world("warn");
    let audited = OwnDomain::running(NEW).with_status(OwnStatus::Auditing);
    sandbox.simulator.change_account(|account| account.add(audited));
    let quiet = sync(&sandbox);
    assert_eq!(lines(&quiet.stderr), Vec::<&str>::new());
    quiet.with(0);
}

#[test]
fn watch_asks_once_a_day_too_and_a_restart_does_not_ask_again() {
    let sandbox = world("warn");
    add(&sandbox, NEW);
    for _ in 0..2 {
        let mut watch = Watch::start(&sandbox, &[], &[]);
        watch.says("watching");
        watch.says("up to date");
        watch.stops();
        wait(&sandbox, 300);
    }
    assert_eq!(listings(&sandbox), 1);
}

/// The command of the first line of a crontab that starts `sync`.
fn crontab(file: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
    let text = std::fs::read_to_string(path).unwrap();
    let line = text.lines().find(|line| line.starts_with("2-59/5 ")).unwrap();
    assert!(!line.contains('%'), "cron ends the command there: {line}");
    let command = &line[line.find("said=").unwrap()..];
    let program = [
        "/usr/local/bin/jdcdn-stats --config /etc/jdcdn-stats/jdcdn-stats.toml",
        "\"$HOME/.cargo/bin/jdcdn-stats\"",
    ];
    let program = program.iter().find(|program| command.contains(*program)).unwrap();
    command.replace(program, env!("CARGO_BIN_EXE_jdcdn-stats"))
}

#[test]
fn cron_mails_warnings_of_a_run_that_stored_everything_and_nothing_else() {
    for file in ["deploy/jdcdn-stats.cron", "README.md", "README.zh-CN.md"] {
        let line = crontab(file);
        let sandbox = world("warn");
        let mail = || {
            let output = sandbox.command_under(&["sh", "-c", &line], &[]).output();
            let ended = ended(output.unwrap());
            let mail = ended.stdout + &ended.stderr;
            let mail = mail.lines().filter(|line| !line.contains("JDCDN_TEST_NOW"));
            mail.map(str::to_owned).collect::<Vec<_>>()
        };
        let first = mail();
        assert!(
            first.len() == 1 && first[0].contains("made a new database"),
            "{file}: {first:?}"
        );
        wait(&sandbox, 3_600);
        assert_eq!(mail(), [""; 0], "{file}");
        add(&sandbox, NEW);
        wait(&sandbox, DAY);
        let told = mail();
        assert!(told.len() == 1 && told[0].contains(NEW), "{file}: {told:?}");
        wait(&sandbox, 3_600);
        assert_eq!(mail(), [""; 0], "{file}");
        sandbox.simulator.rule(Rule::always(Fault::http(500)));
        wait(&sandbox, 3_600);
        assert!(mail().join("\n").contains("HTTP status 500"), "{file}");
    }
}

#[test]
fn without_discovery_nobody_asks_for_the_list() {
    let sandbox = world("off");
    add(&sandbox, NEW);
    for _ in 0..2 {
        sync(&sandbox).with(0);
        wait(&sandbox, DAY);
    }
    assert_eq!(listings(&sandbox), 0);
    assert_nothing_of(&sandbox, NEW);
}
