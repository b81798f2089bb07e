//! Input that makes no sense ends at once with a sentence: no request, no new file, no wait.

use std::collections::BTreeMap;
use std::net::TcpListener;

use crate::sandbox::{Ended, Sandbox, ended};

const DB: &str = "jdcdn-stats.db";

/// The files of the sandbox with their sizes, at any depth.
fn files(sandbox: &Sandbox) -> BTreeMap<String, u64> {
    fn add(directory: &std::path::Path, found: &mut BTreeMap<String, u64>) {
        for entry in std::fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                add(&path, found);
            }
            let size = if path.is_dir() {
                0
            } else {
                path.metadata().unwrap().len()
            };
            found.insert(path.display().to_string(), size);
        }
    }
    let mut found = BTreeMap::new();
    add(&sandbox.path(""), &mut found);
    found
}

/// An account of one domain, of which a day is stored, with a file, a directory and no directory `nowhere`.
fn sandbox() -> Sandbox {
    let sandbox = Sandbox::with_domains(1);
    sandbox.configure("jcloud_00", "start = '2026-06-14'");
    sandbox.backfill("2026-06-14", "2026-06-15", &[]).with(0);
    // A reader leaves the log and its index in place.
    sandbox.run(&["status"]).with(0);
    std::fs::write(sandbox.path("file"), "not of this program\n").unwrap();
    std::fs::create_dir(sandbox.path("directory")).unwrap();
    sandbox.simulator.clear_log();
    sandbox
}

/// The command ends with `code` and these words, and has neither asked nor left anything.
#[track_caller]
fn assert_refused(
    sandbox: &Sandbox,
    args: &[&str],
    run: Ended,
    code: i32,
    words: &[&str],
    before: &BTreeMap<String, u64>,
) {
    let said = run.failed(code);
    for word in words {
        assert!(said.contains(word), "{args:?}: no {word:?} in: {said}");
    }
    assert!(
        !said.contains("defect") && !said.contains("panicked"),
        "{args:?}: {said}"
    );
    assert_eq!(sandbox.requests(), 0, "{args:?}");
    assert_eq!(&files(sandbox), before, "{args:?}");
}

type Case<'a> = (&'a [&'a str], i32, &'a [&'a str]);

/// A sandbox in which every command is refused, and its files.
struct Unchanged {
    sandbox: Sandbox,
    before: BTreeMap<String, u64>,
}

impl Unchanged {
    fn new() -> Self {
        let sandbox = sandbox();
        let before = files(&sandbox);
        Self { sandbox, before }
    }

    #[track_caller]
    fn refuses(&self, cases: &[Case<'_>]) {
        for (args, code, words) in cases {
            let run = self.sandbox.run(args);
            assert_refused(&self.sandbox, args, run, *code, words, &self.before);
        }
    }
}

#[test]
fn a_time_before_every_figure_is_refused_by_every_command_that_takes_one() {
    let here = Unchanged::new();
    for time in [
        "9999999999d",
        "99999999999d",
        "0001-01-01",
        "1999-12-31 23:59",
        "1970-01-01T00:00:00Z",
    ] {
        let words = [
            &*format!("--from: `{time}` is before 2000-01-01"),
            "no figures are that old",
        ];
        here.refuses(&[
            (&["backfill", "--from", time, "--to", "now"], 2, &words),
            (
                &["backfill", "--from", time, "--to", "now", "--dry-run"],
                2,
                &words,
            ),
            (&["sync", "--from", time], 2, &words),
            (&["sync", "--from", time, "--dry-run"], 2, &words),
            (&["gaps", "--from", time], 2, &words),
            (&["report", "new.html", "--from", time], 2, &words),
            (&["export", "--format", "csv", "new", "--from", time], 2, &words),
        ]);
        let words = [&*format!("--to: `{time}` is before 2000-01-01")];
        here.refuses(&[
            (&["backfill", "--from", "1d", "--to", time], 2, &words),
            (&["gaps", "--to", time], 2, &words),
            (&["report", "new.html", "--to", time], 2, &words),
            (&["export", "--format", "csv", "new", "--to", time], 2, &words),
        ]);
    }
    let sandbox = sandbox();
    sandbox.configure("jcloud_00", "start = '9999999999d'");
    for command in ["sync", "watch", "status"] {
        let said = sandbox.run(&[command]).failed(2);
        assert!(
            said.contains("start: `9999999999d` is before 2000-01-01"),
            "{said}"
        );
    }
}

#[test]
fn years_of_five_digits_negative_ages_and_empty_texts_are_no_times() {
    let here = Unchanged::new();
    for time in [
        "99999-01-01",
        "99999",
        "-5d",
        "-1",
        "",
        " ",
        "5",
        "d",
        "1.5d",
        "1e9d",
        "2026-02-30",
    ] {
        let words = [&*format!("--from: `{time}` is not a time")];
        here.refuses(&[
            (&["backfill", "--from", time, "--to", "now"], 2, &words),
            (&["sync", "--from", time], 2, &words),
            (&["gaps", "--from", time], 2, &words),
            (&["report", "new.html", "--from", time], 2, &words),
            (&["export", "--format", "csv", "new", "--from", time], 2, &words),
        ]);
    }
}

#[test]
fn a_range_that_ends_before_it_begins_is_refused_by_every_command_that_takes_one() {
    let here = Unchanged::new();
    let range = ["--from", "2026-05-02", "--to", "2026-05-01"];
    for command in [
        &["backfill"][..],
        &["backfill", "--dry-run"],
        &["gaps"],
        &["report", "new.html"],
        &["export", "--format", "csv", "new"],
    ] {
        let args = [command, &range].concat();
        here.refuses(&[(
            &args,
            2,
            &["the range is empty", "--to must be later than --from"],
        )]);
    }
}

#[test]
fn lengths_of_time_beyond_all_reason_name_their_bounds() {
    let here = Unchanged::new();
    for age in ["9999999999d", "0s", "-5m", ""] {
        let named = format!("--fail-if-older: `{age}`");
        here.refuses(&[(
            &["status", "--fail-if-older", age],
            2,
            &[&named, "is not a length of time"],
        )]);
    }
    let forever = "9999999999d";
    here.refuses(&[
        (
            &["bill", "2026-05", "--close", "--wait", forever],
            2,
            &["--wait: `9999999999d` is not a length of time from `0s` to `1d`"],
        ),
        (
            &["simulate", "--retention", forever],
            2,
            &["--retention: `9999999999d`", "to `3660d`"],
        ),
        (
            &["simulate", "--retention", "1s"],
            2,
            &["--retention: `1s`", "from `1d`"],
        ),
        (
            &["simulate", "--latency", forever],
            2,
            &["--latency: `9999999999d`", "to `1m`"],
        ),
        (
            &["sync", "--timeout", forever],
            2,
            &["--timeout: `9999999999d`", "to `1h`"],
        ),
        (
            &["sync", "--window", forever],
            2,
            &["--window: `9999999999d`", "up to `31d`"],
        ),
    ]);
}

#[test]
fn numbers_beyond_all_reason_name_their_bounds() {
    let here = Unchanged::new();
    for count in ["0", "65", "1e3", "99999999999999999999", ""] {
        here.refuses(&[(&["sync", "--concurrency", count], 2, &["--concurrency"])]);
    }
    for rate in ["-1", "1e999", "NaN", "inf", "0.0001"] {
        let flag = format!("--rate={rate}");
        let words = [&*format!("--rate: `{rate}` is not a number from 0.001 to 10000")];
        here.refuses(&[(&["sync", &flag], 2, &words)]);
    }
    here.refuses(&[
        (
            &["rejects", "discard", "99999999999999999999"],
            2,
            &["99999999999999999999"],
        ),
        (&["rejects", "discard", "-1"], 2, &["-1"]),
        (&["rejects", "replay", "one"], 2, &["'one'"]),
        (
            &["bill", "2026-05", "--changes", "--closing", "0"],
            1,
            &["no closing with number 0"],
        ),
        (&["bill", "99999-01"], 2, &["`99999-01` is not a month"]),
        (&["bill", "2026-13"], 2, &["`2026-13` is not a month"]),
        (&["bill", ""], 2, &["`` is not a month"]),
        (&["simulate", "--max-days", "5"], 2, &["'5'", "1, 7, 30, 31"]),
        (&["simulate", "--seed", "99999999999999999999999"], 2, &["--seed"]),
        (
            &["query", "-p", "pv", "SELECT :pv"],
            2,
            &["`pv` is not `name=value`"],
        ),
        (
            &["query", "-p", "=5", "SELECT 1"],
            2,
            &["`=5` is not `name=value`"],
        ),
        (&["query", ""], 2, &["there is no SQL to run"]),
        (&["query", " ; "], 2, &["there is no SQL to run"]),
    ]);
}

#[test]
fn a_database_where_none_can_be_is_refused_before_anything_else() {
    let here = Unchanged::new();
    let no_directory = "its directory cannot be used; create it first, or give another path";
    for (place, words) in [
        ("nowhere/a.db", &["database `nowhere/a.db`", no_directory][..]),
        ("file/a.db", &["database `file/a.db`", no_directory]),
        (".", &["is a directory"]),
        ("directory", &["is a directory"]),
        ("/dev/null", &["it is not a regular file"]),
    ] {
        for command in [
            &["backfill", "--from", "1d", "--to", "now"][..],
            &["backfill", "--from", "1d", "--to", "now", "--dry-run"],
            &["sync"],
            &["sync", "--dry-run"],
            &["migrate"],
        ] {
            here.refuses(&[(&[command, &["--db", place]].concat(), 5, words)]);
        }
        for command in [
            &["status"][..],
            &["gaps"],
            &["bill"],
            &["rejects", "list"],
            &["query", "SELECT 1"],
            &["snapshot", "new.db"],
            &["report", "new.html"],
            &["export", "--format", "csv", "new"],
        ] {
            here.refuses(&[(&[command, &["--db", place]].concat(), 5, &[])]);
        }
    }
    here.refuses(&[
        (
            &["status", "--db", ""],
            2,
            &["a value is required for '--db <FILE>'"],
        ),
        (
            &["status", "--config", ""],
            2,
            &["a value is required for '--config <FILE>'"],
        ),
        (
            &["status", "--config", "directory"],
            2,
            &["`directory`", "is a directory"],
        ),
        (
            &["status", "--config", "nowhere"],
            2,
            &["cannot read the configuration file `nowhere`"],
        ),
        (
            &["restore", "nowhere.db"],
            2,
            &["there is no file at the path of the copy"],
        ),
        (&["restore", "file"], 5, &["the copy cannot be used"]),
        (&["restore", "directory"], 5, &["the copy cannot be used"]),
        (&["restore", DB], 2, &["the copy is the database itself"]),
    ]);
}

#[test]
fn output_is_written_neither_into_a_missing_directory_nor_over_anything_else() {
    let here = Unchanged::new();
    let no_directory = "its directory cannot be used; create it first, or give another path";
    here.refuses(&[
        (
            &["snapshot", "nowhere/a.db"],
            2,
            &["cannot write the snapshot `nowhere/a.db`", no_directory],
        ),
        (
            &["snapshot", "file/a.db"],
            2,
            &["cannot write the snapshot `file/a.db`", no_directory],
        ),
        (&["snapshot", "."], 2, &["it is not a file"]),
        (&["snapshot", "directory", "--force"], 2, &["it is not a file"]),
        (&["snapshot", "file"], 2, &["it exists"]),
        (
            &["snapshot", "file", "--force"],
            2,
            &["it is not a database of jdcdn-stats"],
        ),
        (&["snapshot", DB, "--force"], 2, &["it is the database itself"]),
        (&["snapshot", ""], 2, &["a value is required"]),
        (
            &["report", "nowhere/a.html"],
            2,
            &[
                "`nowhere/a.html`: its directory does not exist",
                "create the directory first",
            ],
        ),
        (
            &["report", "file/a.html"],
            2,
            &["`file/a.html`: its directory does not exist"],
        ),
        (&["report", "."], 2, &["`.` is not a file name"]),
        (
            &["report", "directory", "--force"],
            2,
            &["`directory` is a directory"],
        ),
        (&["report", "file"], 2, &["`file` exists already"]),
        (
            &["report", "file", "--force"],
            2,
            &["`file` is not an HTML page; a report does not replace it"],
        ),
        (
            &["report", "jdcdn-stats.toml", "--force"],
            2,
            &["is not an HTML page"],
        ),
        (
            &["export", "--format", "csv", "file"],
            2,
            &["`file` cannot be a directory: a file is in the way"],
        ),
        (
            &["export", "--format", "csv", "file/sub"],
            2,
            &["`file/sub` cannot be a directory"],
        ),
        (&["export", "--format", "csv", ""], 2, &["a value is required"]),
        (
            &["export", "--format", "csv", "."],
            2,
            &["which no export created"],
        ),
    ]);
}

#[test]
fn a_port_in_use_is_named_before_a_run_begins() {
    let here = Unchanged::new();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let address = format!("127.0.0.1:{port}");
    here.refuses(&[
        (
            &["watch", "--metrics", &port],
            2,
            &["cannot serve metrics on", "use another port"],
        ),
        (&["watch", "--metrics", "99999"], 2, &["'99999'", "give a port"]),
        (&["watch", "--metrics", ""], 2, &["--metrics"]),
        (
            &["simulate", "--listen", &address],
            2,
            &["cannot listen on", "use another port"],
        ),
        (
            &["simulate", "--listen", "0.0.0.0:0"],
            2,
            &["can be reached from other machines"],
        ),
    ]);
}

#[test]
fn an_environment_that_makes_no_sense_is_named() {
    let sandbox = sandbox();
    let before = files(&sandbox);
    let args = ["sync"];
    for (name, value, code, words) in [
        ("JDCDN_DB", "nowhere/a.db", 5, "its directory cannot be used"),
        ("JDCDN_CONFIG", ".", 2, "which JDCDN_CONFIG names"),
        ("JDCDN_ENDPOINT", "nonsense", 2, "JDCDN_ENDPOINT"),
        ("JDCDN_USERNAME", " ", 2, "JDCDN_USERNAME"),
        ("JDCDN_SECRET_KEY", "two words", 2, "JDCDN_SECRET_KEY"),
    ] {
        let output = sandbox.command(&args).env(name, value).output().unwrap();
        assert_refused(&sandbox, &[name, value], ended(output), code, &[words], &before);
    }
}
