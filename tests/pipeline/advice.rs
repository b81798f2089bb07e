//! What a run advises helps, no line contradicts another, and the numbers of a summary add up.

use jdcdn_stats::simulator::{Fault, LoggedRequest, Rule, Settings};

use crate::sandbox::{Ended, NOW, Sandbox, at, domains, ended};

const FOREIGN: &str = "www.foreign.com";
const AGAIN: &str = "run the same command again";
const SPELLING: &str = "check the domain's spelling, and that it belongs to this account";

/// An account of one domain, configured with one that belongs to somebody else.
fn with_a_foreign_domain() -> Sandbox {
    let mut sandbox = Sandbox::with_domains(1);
    sandbox.domains.push(FOREIGN.to_owned());
    sandbox.configure("jcloud_00", "start = '2026-06-14'");
    sandbox
}

fn helps(printed: &str) -> Vec<&str> {
    printed
        .lines()
        .filter_map(|line| line.strip_prefix("help: "))
        .collect()
}

/// The numbers of the line `windows`: the sum of its parts is what was planned.
#[track_caller]
fn assert_windows_add_up(printed: &str, parts: &str) {
    let line = printed.lines().find_map(|line| line.strip_prefix("  windows   "));
    assert_eq!(line, Some(parts), "{printed}");
    let numbers = parts
        .split(|char: char| !char.is_ascii_digit())
        .filter_map(|number| number.parse::<u64>().ok());
    let numbers: Vec<u64> = numbers.collect();
    let failed_and_skipped: u64 = numbers[2..].iter().sum();
    assert_eq!(numbers[0] + failed_and_skipped, numbers[1], "{parts}");
}

#[test]
fn a_refused_domain_is_advised_on_and_nobody_is_sent_to_run_in_vain() {
    let sandbox = with_a_foreign_domain();
    let alone = sandbox.run(&[
        "backfill",
        "-d",
        FOREIGN,
        "--from",
        "2026-06-13",
        "--to",
        "2026-06-15",
    ]);
    let alone = alone.with(3);
    assert_windows_add_up(&alone, "0 of 2 fetched, 2 of refused domains");
    assert_eq!(helps(&alone), [SPELLING]);

    // The next run asks once more. After that the domain is asked for after an hour.
    sandbox.clock.set(at(NOW) + 300);
    let second = sandbox.run(&["sync"]).with(3);
    assert_eq!(helps(&second), [SPELLING], "{second}");
    sandbox.simulator.clear_log();
    sandbox.clock.set(at(NOW) + 600);
    let third = sandbox.run(&["sync"]).with(3);
    // The other domain has new slots.
    let alone = |request: &LoggedRequest| request.domains == [FOREIGN];
    assert!(!sandbox.simulator.requests().iter().any(alone));
    assert!(third.contains("not asked for again before"), "{third}");
    let at_once = format!("{SPELLING}; to ask at once, name the domain with `-d`");
    assert_eq!(helps(&third), [&at_once]);
    // The advice works, in the same command.
    let named = sandbox.run(&["sync", "-d", FOREIGN]).with(3);
    assert!(sandbox.simulator.requests().iter().any(alone));
    assert_eq!(helps(&named), [SPELLING]);
}

#[test]
fn a_run_with_other_failures_is_to_be_repeated_and_then_succeeds() {
    let sandbox = with_a_foreign_domain();
    let broken = Rule::always(Fault::http(400)).for_moment(at("2026-06-14 12:00"));
    sandbox.simulator.rule(broken);
    let range = [
        "backfill",
        "-d",
        "d000.example.com",
        "--from",
        "2026-06-13",
        "--to",
        "2026-06-15",
    ];
    let failed = sandbox.run(&range).with(3);
    assert_windows_add_up(&failed, "1 of 2 fetched, 1 failed");
    assert_eq!(
        helps(&failed),
        ["run the same command again to fetch only what is missing"]
    );
    let both = [&range[..3], &[FOREIGN], &range[3..]].concat();
    let both = sandbox.run(&both).with(3);
    assert!(helps(&both).iter().any(|help| help.starts_with(AGAIN)), "{both}");
    sandbox.simulator.clear_faults();
    sandbox.run(&range).with(0);
}

#[test]
fn windows_that_are_no_longer_served_are_named_as_such() {
    let sandbox = Sandbox::new(Settings {
        domains: domains(1),
        retention_seconds: Some(30 * 86_400),
        ..Settings::default()
    });
    let printed = sandbox.backfill("2026-04-01", "2026-06-15", &[]).with(0);
    let line = printed
        .lines()
        .find_map(|line| line.strip_prefix("  windows   "))
        .unwrap();
    assert!(line.ends_with(" no longer served"), "{line}");
    assert_windows_add_up(&printed, line);
    assert_eq!(helps(&printed), [""; 0]);
}

/// A run, or a check, with a key that the API does not take.
fn with_a_wrong_key(sandbox: &Sandbox, args: &[&str]) -> Ended {
    let key = "0123456789abcdef0123456789abcdef";
    ended(
        sandbox
            .command(args)
            .env("JDCDN_SECRET_KEY", key)
            .output()
            .unwrap(),
    )
}

#[test]
fn a_clock_that_is_right_is_not_to_be_checked() {
    let sandbox = Sandbox::with_domains(1);
    let run = with_a_wrong_key(
        &sandbox,
        &["backfill", "--from", "2026-06-01", "--to", "2026-06-02"],
    )
    .with(4);
    let helps = helps(&run);
    assert!(
        helps.iter().any(|help| help.starts_with("check the secret key")),
        "{run}"
    );
    assert!(
        run.contains("this machine's clock agrees with the API's, so the clock is not the cause"),
        "{run}"
    );
    assert!(!run.contains("shows the right date"), "{run}");
    let check = with_a_wrong_key(&sandbox, &["check"]).with(4);
    assert!(check.contains("request: check the secret key"), "{check}");
    assert!(!check.contains("shows the right date"), "{check}");
}

#[test]
fn an_api_that_answered_before_it_refused_is_waited_for_first() {
    let sandbox = Sandbox::with_domains(1);
    sandbox
        .simulator
        .rule(Rule::always(Fault::envelope(7)).when(|request| request.sequence > 5));
    let run = sandbox
        .backfill("2026-06-01", "2026-06-12", &["--concurrency", "1"])
        .with(4);
    let helps = helps(&run);
    assert!(
        helps[0]
            .starts_with("the API answered in this run before it refused: run the same command again later"),
        "{run}"
    );
    assert!(
        helps[1].starts_with("if it still refuses: check the secret key"),
        "{run}"
    );
}

/// cron mails every line that a command prints to standard error.
#[test]
fn without_progress_a_run_off_a_terminal_prints_its_summary_and_nothing_else() {
    let sandbox = Sandbox::with_domains(1);
    let errors = |more: &[&str]| {
        sandbox.remove_database();
        let run = sandbox.backfill("2026-06-01", "2026-06-03", more);
        assert!(run.stdout.contains("2 of 2 fetched"), "{run:?}");
        let others = run.stderr.lines().filter(|line| !line.contains("JDCDN_TEST_NOW"));
        others.map(str::to_owned).collect::<Vec<_>>()
    };
    assert!(!errors(&[]).is_empty(), "the line at the end");
    assert_eq!(errors(&["--no-progress"]), [""; 0]);
    assert_eq!(errors(&["-q"]), [""; 0]);
}
