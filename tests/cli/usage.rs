//! Help, configuration and exit codes.

use super::{Ended, Sandbox, ended};

const COUNT: [&str; 4] = [
    "query",
    "SELECT count(*) AS n FROM origin_stats",
    "--format",
    "ndjson",
];

/// What `COUNT` prints on the sandbox's database.
const COUNTED: &str = "{\"n\":3}\n";

fn with_config(toml: &str) -> Ended {
    let sandbox = Sandbox::with_database();
    sandbox.write("jdcdn-stats.toml", toml);
    sandbox.run(&COUNT)
}

#[test]
fn help_and_version_are_data_and_a_wrong_command_line_is_not() {
    let sandbox = Sandbox::new();
    assert!(
        sandbox
            .run(&["--version"])
            .succeeded()
            .starts_with("jdcdn-stats ")
    );
    assert!(
        sandbox
            .run(&["query", "-h"])
            .succeeded()
            .contains("Usage: jdcdn-stats query")
    );
    let bare = sandbox.run(&[]);
    assert_eq!((bare.code, bare.stdout.as_str()), (Some(2), ""));
    assert!(bare.stderr.contains("Commands:"));
    let unknown = sandbox.run(&["qeury"]).failed(2);
    assert!(
        unknown.contains("'qeury'") && unknown.contains("'query'"),
        "{unknown}"
    );
    let format = sandbox.run(&["query", "SELECT 1", "--format", "xml"]).failed(2);
    assert!(format.contains("'xml'") && format.contains("ndjson"), "{format}");
}

#[test]
fn completions_know_the_commands() {
    let sandbox = Sandbox::new();
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let script = sandbox.run(&["completions", shell]).succeeded();
        assert!(
            script.contains("query") && script.contains("no-progress"),
            "{shell}"
        );
    }
}

#[test]
fn bash_completes_the_words_after_the_first() {
    let sandbox = Sandbox::new();
    sandbox.write("script", &sandbox.run(&["completions", "bash"]).succeeded());
    let offered = |words: &str| {
        // What bash does after the tab key: it calls the function that the script has registered.
        let typed = format!(
            "source ./script; registered=$(complete -p jdcdn-stats); [[ $registered =~ -F\\ ([^ ]+) ]]
             COMP_WORDS=(jdcdn-stats {words}); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1))
             \"${{BASH_REMATCH[1]}}\" jdcdn-stats \"${{COMP_WORDS[-1]}}\" \"${{COMP_WORDS[-2]}}\"; echo \"${{COMPREPLY[@]}}\""
        );
        let shell = std::process::Command::new("bash")
            .args(["--norc", "-c", &typed])
            .current_dir(sandbox.path(""))
            .output()
            .unwrap();
        assert_eq!(String::from_utf8_lossy(&shell.stderr), "", "{words}");
        String::from_utf8(shell.stdout).unwrap().trim().to_owned()
    };
    assert_eq!(offered("sn"), "snapshot");
    assert_eq!(offered("rejects d"), "discard");
    assert_eq!(offered("backfill --newest"), "--newest-first");
    assert_eq!(offered("-v query --format m"), "markdown");
    assert_eq!(offered("query --format = m"), "markdown");
}

#[test]
fn a_manual_page_that_cannot_be_written_is_an_error() {
    let sandbox = Sandbox::new();
    sandbox.write("man1", "a file");
    let error = sandbox.run(&["man", "man1"]).failed(1);
    assert!(error.contains("error: cannot write `man1`: "), "{error}");
    let printed = sandbox.run(&["man", "a/new/man1"]).succeeded();
    assert!(printed.contains(" manual pages to a/new/man1"), "{printed}");
    let page = std::fs::read_to_string(sandbox.path("a/new/man1/jdcdn-stats-rejects-list.1")).unwrap();
    assert!(page.starts_with(".TH \"JDCDN-STATS-REJECTS-LIST\" 1"), "{page}");
}

#[test]
fn global_options_work_before_and_after_the_command() {
    let sandbox = Sandbox::with_database();
    std::fs::rename(sandbox.path("jdcdn-stats.db"), sandbox.path("other.db")).unwrap();
    let mut before = vec!["--db", "other.db", "-v", "--no-progress"];
    before.extend(COUNT);
    assert_eq!(sandbox.run(&before).succeeded(), COUNTED);
    let mut after = COUNT.to_vec();
    after.extend(["--db", "other.db", "-q", "--log-format", "json"]);
    assert_eq!(sandbox.run(&after).succeeded(), COUNTED);
}

#[test]
fn a_flag_beats_the_environment_which_beats_the_file() {
    let sandbox = Sandbox::with_database();
    std::fs::create_dir(sandbox.path("etc")).unwrap();
    std::fs::rename(sandbox.path("jdcdn-stats.db"), sandbox.path("etc/a.db")).unwrap();
    sandbox.write("etc/c.toml", "database = 'a.db'\n");
    let run = |args: &[&str], variables: &[(&str, &str)]| {
        let mut command = sandbox.command(&COUNT);
        ended(
            command
                .args(args)
                .envs(variables.iter().copied())
                .output()
                .unwrap(),
        )
    };
    assert_eq!(run(&["--config", "etc/c.toml"], &[]).succeeded(), COUNTED);
    assert_eq!(run(&[], &[("JDCDN_CONFIG", "etc/c.toml")]).succeeded(), COUNTED);
    assert_eq!(run(&[], &[("JDCDN_DB", "etc/a.db")]).succeeded(), COUNTED);
    let lost = run(&["--config", "etc/c.toml"], &[("JDCDN_DB", "lost.db")]).failed(5);
    assert!(lost.contains("`lost.db`"), "{lost}");
    assert_eq!(
        run(&["--db", "etc/a.db"], &[("JDCDN_DB", "lost.db")]).succeeded(),
        COUNTED
    );
}

#[test]
fn a_configuration_that_is_wrong_is_one_sentence_with_the_place_the_value_and_the_way_out() {
    for (toml, expected) in [
        (
            "[fetch]\nwidnow = '1d'",
            "jdcdn-stats.toml:2: unknown key `fetch.widnow`; did you mean `fetch.window`?",
        ),
        (
            "[fetch]\nconcurrency = 'four'",
            "jdcdn-stats.toml:2: fetch.concurrency: `'four'` has the wrong type: write a whole number from 1 to 64, without quotes",
        ),
        (
            "[fetch]\nwindow = '7m'",
            "jdcdn-stats.toml:2: fetch.window: `7m` is not a multiple of `5m` up to `1d`, or of `1d` up to `31d`",
        ),
        (
            "[watch]\nevery = 'often'",
            "jdcdn-stats.toml:2: watch.every: `often` is not a length of time: write whole numbers with `w`, `d`, `h`, `m`, `s` or `ms`, such as `7d`, `1h30m` or `500ms`; for a month or a year write days",
        ),
    ] {
        assert_eq!(with_config(toml).failed(2), format!("error: {expected}\n"));
    }
    let plain = with_config("endpoint = 'http://opencdn.jcloud.com/api/origin'").failed(2);
    assert!(
        plain.contains("allow_plaintext = true") && plain.contains("https://"),
        "{plain}"
    );
    let allowed = with_config("endpoint = 'http://opencdn.jcloud.com/api/origin'\nallow_plaintext = true");
    assert_eq!(allowed.succeeded(), COUNTED);
}

#[test]
fn the_key_is_neither_needed_for_a_query_nor_ever_shown() {
    let sandbox = Sandbox::with_database();
    for toml in [
        "secret_key = 'hunter2'",
        "secret_key_file = 12\nx = 'hunter2'",
        "secret_key_file = ['hunter2']",
    ] {
        sandbox.write("jdcdn-stats.toml", toml);
        let refused = sandbox.run(&COUNT).failed(2);
        assert!(!refused.contains("hunter2"), "{refused}");
    }
    sandbox.write("jdcdn-stats.toml", "secret_key_command = ['false']");
    assert_eq!(sandbox.run(&COUNT).succeeded(), COUNTED);
}

#[test]
fn a_clock_that_was_set_is_announced() {
    let sandbox = Sandbox::with_database();
    for moment in ["1568477100", "2019-09-15T00:05:00+08:00"] {
        let mut command = sandbox.command(&COUNT);
        let run = ended(command.env("JDCDN_TEST_NOW", moment).output().unwrap());
        assert_eq!((run.code, run.stdout.as_str()), (Some(0), COUNTED));
        assert!(
            run.stderr.contains("WARN")
                && run.stderr.contains("JDCDN_TEST_NOW")
                && run.stderr.contains("2019-09-15"),
            "{run:?}"
        );
    }
    let mut command = sandbox.command(&COUNT);
    let wrong = ended(command.env("JDCDN_TEST_NOW", "soon").output().unwrap()).failed(2);
    assert!(wrong.contains("JDCDN_TEST_NOW: `soon`"), "{wrong}");
}
