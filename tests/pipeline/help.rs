//! The examples in the help.

use std::process::Command;

use jdcdn_stats::simulator::Settings;

use crate::sandbox::{Sandbox, ended};

/// These run until they are stopped; tests of their own start and stop them.
const RUNS_UNTIL_STOPPED: [&str; 2] = ["simulate", "watch"];

#[test]
fn the_examples_of_every_command_run() {
    let sandbox = Sandbox::new(Settings {
        domains: vec!["www.a.com".to_owned()],
        ..Settings::default()
    });
    sandbox.configure("jcloud_00", "start = \"2026-06-13\"");
    sandbox.backfill("2026-06-14", "now", &[]).with(0);
    // One that an example of `restore` names.
    sandbox.run(&["snapshot", "stats.db.before-v8"]).with(0);
    let help = sandbox.run(&["--help"]).with(0);
    let commands: Vec<&str> = help
        .lines()
        .skip_while(|line| *line != "Commands:")
        .skip(1)
        .map_while(|line| line.strip_prefix("  ")?.split_whitespace().next())
        .filter(|command| *command != "help" && !RUNS_UNTIL_STOPPED.contains(command))
        .collect();
    assert!(commands.contains(&"backfill"), "{help}");
    let binary = sandbox.command(&[]);
    let program = std::path::Path::new(binary.get_program())
        .parent()
        .unwrap()
        .display();
    let path = format!("{program}:{}", std::env::var("PATH").unwrap());
    for command in commands {
        let long = sandbox.run(&[command, "--help"]).with(0);
        let examples: Vec<&str> = long
            .lines()
            .skip_while(|line| !line.starts_with("Example"))
            .skip(1)
            .collect();
        assert!(!examples.is_empty(), "{command}: {long}");
        for example in examples {
            let mut shell = Command::new("bash");
            shell
                .args(["-c", example])
                .current_dir(sandbox.path(""))
                .env_clear();
            shell
                .envs(binary.get_envs().filter_map(|(name, value)| Some((name, value?))))
                .env("PATH", &path);
            let ended = ended(shell.output().unwrap());
            assert_eq!(
                ended.code,
                Some(0),
                "{example}\n{}\n{}",
                ended.stdout,
                ended.stderr
            );
        }
    }
}
