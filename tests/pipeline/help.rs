//! The examples in the help run.

use std::ffi::OsStr;
use std::path::Path;
use std::process::Command;

use jdcdn_stats::simulator::Settings;

use crate::sandbox::{Sandbox, ended};

/// These run until they are stopped, or ask a person. Other tests run them.
const RUN_ELSEWHERE: [&str; 3] = ["init", "simulate", "watch"];

#[test]
fn the_examples_of_every_command_run() {
    let sandbox = Sandbox::new(Settings {
        domains: vec!["www.a.com".to_owned()],
        ..Settings::default()
    });
    // An example of `domains` forgets a domain that a listing has shown.
    sandbox.configure("jcloud_00", "start = \"2026-06-13\"\ndiscover = \"warn\"");
    sandbox.backfill("2026-06-14", "now", &[]).with(0);
    // The examples of `bill` close this month.
    sandbox.backfill("2026-05-31", "2026-06-01", &[]).with(0);
    // An example of `restore` names this copy.
    sandbox.run(&["snapshot", "stats.db.before-v8"]).with(0);
    let help = sandbox.run(&["--help"]).with(0);
    let commands = commands(&help);
    assert!(commands.contains(&"backfill"), "{help}");
    for command in commands.iter().filter(|command| !RUN_ELSEWHERE.contains(command)) {
        let long = sandbox.run(&[command, "--help"]).with(0);
        let examples: Vec<&str> = long
            .lines()
            .skip_while(|line| !line.starts_with("Example"))
            .skip(1)
            .collect();
        assert!(!examples.is_empty(), "{command}: {long}");
        for example in examples {
            types(&sandbox, &[], example);
        }
    }
}

/// The names of the commands in the help, in its order.
pub(crate) fn commands(help: &str) -> Vec<&str> {
    let lines = help.lines().skip_while(|line| *line != "Commands:").skip(1);
    let names = lines.map_while(|line| line.strip_prefix("  ")?.split_whitespace().next());
    names.filter(|name| *name != "help").collect()
}

/// Types `command` into a shell that finds the program, in the directory and the environment of the sandbox with these
/// additions. It must succeed; returns what it prints.
#[track_caller]
pub(crate) fn types(sandbox: &Sandbox, additions: &[(&str, &OsStr)], command: &str) -> String {
    let binary = sandbox.command(&[]);
    let folder = Path::new(binary.get_program()).parent().unwrap();
    let path = format!("{}:{}", folder.display(), std::env::var("PATH").unwrap());
    let output = Command::new("bash")
        .args(["-c", command])
        .current_dir(sandbox.path(""))
        .env_clear()
        .envs(binary.get_envs().filter_map(|(name, value)| Some((name, value?))))
        .envs(additions.iter().copied())
        .env("PATH", path)
        .output();
    let ended = ended(output.unwrap());
    assert_eq!(
        ended.code,
        Some(0),
        "{command}\n{}\n{}",
        ended.stdout,
        ended.stderr
    );
    ended.stdout
}
