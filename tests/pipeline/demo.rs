//! Invented figures and real ones never come into one file. Here the sandbox's simulator, whose answers are not marked,
//! stands for the API, and `simulate` for itself.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Child, Stdio};

use rusqlite::Connection;

use crate::sandbox::{Ended, Sandbox, ended};

const DAY: [&str; 4] = ["--from", "2026-06-13", "--to", "2026-06-14"];

/// `simulate` in the background, with what it prints to the environment.
struct Simulate {
    child: Child,
    variables: Vec<(String, String)>,
}

impl Simulate {
    fn begin(sandbox: &Sandbox) -> Self {
        let mut command = sandbox.command(&["simulate", "-d", "d000.example.com"]);
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let variables = lines.take(3).map(|line| {
            let line = line.unwrap();
            let (name, value) = line.strip_prefix("export ").unwrap().split_once('=').unwrap();
            (name.to_owned(), value.to_owned())
        });
        Self {
            variables: variables.collect(),
            child,
        }
    }

    /// Runs a command against it.
    fn run(&self, sandbox: &Sandbox, args: &[&str]) -> Ended {
        let mut command = sandbox.command(args);
        ended(command.envs(self.variables.clone()).output().unwrap())
    }
}

impl Drop for Simulate {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The commands of the runs in a file, and where their answers come from.
fn runs(database: &Path) -> Vec<(String, Option<String>)> {
    let database = Connection::open(database).unwrap();
    let mut select = database
        .prepare("SELECT command, source FROM origin_runs ORDER BY id")
        .unwrap();
    let rows = select
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))
        .unwrap();
    rows.map(Result::unwrap).collect()
}

fn run(command: &str, source: Option<&str>) -> (String, Option<String>) {
    (command.to_owned(), source.map(str::to_owned))
}

/// Every file below `directory` with its content.
fn contents(directory: &Path) -> Vec<(String, Vec<u8>)> {
    let entries = fs::read_dir(directory).unwrap().map(Result::unwrap);
    // Every reader may write to the index of the log (`-shm`).
    let is_index = |name: &std::ffi::OsStr| name.to_string_lossy().ends_with("-shm");
    let files = entries.filter(|entry| entry.file_type().unwrap().is_file() && !is_index(&entry.file_name()));
    let mut files: Vec<_> = files
        .map(|entry| {
            (
                entry.file_name().into_string().unwrap(),
                fs::read(entry.path()).unwrap(),
            )
        })
        .collect();
    files.sort_unstable();
    files
}

#[test]
fn the_demo_refuses_a_file_of_an_account_under_every_name_before_it_touches_it() {
    let sandbox = Sandbox::with_domains(1);
    let refused = |args: &[&str]| {
        let before = contents(&sandbox.path(""));
        let said = sandbox.run(args).failed(2);
        assert!(
            said.contains("belongs to an account") && said.contains("--db"),
            "{said}"
        );
        assert!(
            contents(&sandbox.path("")) == before,
            "the demo has changed a file"
        );
    };
    sandbox.run(&[&["backfill"], &DAY[..]].concat()).with(0);
    refused(&["demo", "--db", "jdcdn-stats.db"]);
    sandbox.run(&["snapshot", "copy.db"]).with(0);
    refused(&["demo", "--db", "copy.db"]);
    symlink("jdcdn-stats.db", sandbox.path("link.db")).unwrap();
    refused(&["demo", "--db", "link.db"]);
    fs::hard_link(sandbox.path("jdcdn-stats.db"), sandbox.path("hard.db")).unwrap();
    refused(&["demo", "--db", "hard.db"]);
    fs::remove_file(sandbox.path("hard.db")).unwrap();
    // The name that the demo takes by itself.
    sandbox
        .run(&[&["backfill", "--db", "jdcdn-demo.db"], &DAY[..]].concat())
        .with(0);
    refused(&["demo"]);
    // A run without an answer leaves a file without a figure, but it is the account's.
    let nowhere = ["--endpoint", "http://127.0.0.1:9/api/origin", "--db", "empty.db"];
    sandbox.run(&[&["backfill"], &DAY[..], &nowhere].concat()).with(3);
    refused(&["demo", "--db", "empty.db"]);
    assert_eq!(
        runs(&sandbox.path("jdcdn-stats.db")),
        [run("backfill", Some("api"))]
    );
    assert_eq!(runs(&sandbox.path("empty.db")), [run("backfill", None)]);
}

#[test]
fn the_demo_runs_again_on_its_own_file_and_its_figures_are_told_from_real_ones() {
    let sandbox = Sandbox::with_domains(1);
    for _ in 0..2 {
        sandbox.run(&["demo"]).with(0);
    }
    // Nothing was due the second time.
    let expected = [run("demo", Some("simulator")), run("demo", None)];
    assert_eq!(runs(&sandbox.path("jdcdn-demo.db")), expected);
    // Nothing that a user does to the demo's file turns it into an account's.
    sandbox.run(&["rejects", "replay", "--all", "--db", "jdcdn-demo.db"]);
    sandbox.run(&["demo"]).with(0);
}

#[test]
fn a_run_for_an_account_refuses_a_file_of_the_simulator() {
    let sandbox = Sandbox::with_domains(1);
    let simulate = Simulate::begin(&sandbox);
    let backfill = [&["backfill"], &DAY[..]].concat();
    simulate.run(&sandbox, &backfill).with(0);
    assert_eq!(
        runs(&sandbox.path("jdcdn-stats.db")),
        [run("backfill", Some("simulator"))]
    );
    let points = || {
        let database = sandbox.database();
        let sum = "SELECT count(*), total(bandwidth) FROM origin_stats";
        database
            .query_row(sum, [], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, f64>(1)?)))
            .unwrap()
    };
    let before = points();
    // An address of this machine may lead to the API, so the first answer tells.
    let again = [&backfill[..], &["--force"]].concat();
    let told = sandbox.run(&again).with(2);
    assert!(
        told.contains("help: the API answers, and the database holds invented figures of the simulator")
            && told.contains("use another database for the account (`--db`)"),
        "{told}"
    );
    assert_eq!(points(), before);
    // Another address is no simulator.
    let elsewhere = [&again[..], &["--endpoint", "https://127.1.invalid/api/origin"]].concat();
    let said = sandbox.run(&elsewhere).failed(2);
    assert!(said.contains("holds invented figures of the simulator"), "{said}");
    simulate.run(&sandbox, &again).with(0);
    assert_eq!(points(), before);
}

#[test]
fn a_run_that_meets_the_simulator_by_mistake_stores_nothing_in_the_file_of_an_account() {
    let sandbox = Sandbox::with_domains(1);
    let backfill = [&["backfill"], &DAY[..]].concat();
    sandbox.run(&backfill).with(0);
    let simulate = Simulate::begin(&sandbox);
    for more in [&["--force"][..], &["-d", "www.foreign.com"]] {
        let told = simulate.run(&sandbox, &[&backfill[..], more].concat()).with(2);
        assert!(
            told.contains("help: the simulator answers, and the database holds figures of the API, so this answer was not stored")
                && told.contains("JDCDN_ENDPOINT"),
            "{told}"
        );
    }
    sandbox.assert_holds_all(("2026-06-13", "2026-06-14"));
    let refused: i64 = sandbox
        .database()
        .query_row("SELECT count(*) FROM origin_refusals", [], |row| row.get(0))
        .unwrap();
    assert_eq!(refused, 0, "a refusal of the simulator");
    sandbox.run(&[&backfill[..], &["--force"]].concat()).with(0);
    sandbox.assert_holds_all(("2026-06-13", "2026-06-14"));
    let sources: Vec<_> = runs(&sandbox.path("jdcdn-stats.db"))
        .into_iter()
        .map(|(_, source)| source)
        .collect();
    let api = Some("api".to_owned());
    // The second and the third have stored no answer.
    assert_eq!(sources, [api.clone(), None, None, api]);
}

#[test]
fn watch_ends_where_it_meets_figures_of_the_other_kind() {
    let sandbox = Sandbox::with_domains(1);
    sandbox.configure("jcloud_00", "start = \"2026-06-15\"");
    sandbox.run(&["sync"]).with(0);
    let simulate = Simulate::begin(&sandbox);
    sandbox.clock.set(crate::sandbox::at("2026-06-15 14:00"));
    let said = simulate.run(&sandbox, &["watch"]);
    assert_eq!(said.code, Some(2), "{said:?}");
    assert!(said.stderr.contains("cannot be in one database"), "{said:?}");
}

#[test]
fn a_list_of_domains_from_the_simulator_is_not_kept_in_the_file_of_an_account() {
    let sandbox = Sandbox::with_domains(1);
    sandbox.configure("jcloud_00", "start = \"2026-06-15\"");
    sandbox.run(&["sync"]).with(0);
    sandbox.configure("jcloud_00", "start = \"2026-06-15\"\ndiscover = \"follow\"");
    let simulate = Simulate::begin(&sandbox);
    sandbox.clock.set(crate::sandbox::at("2026-06-15 14:00"));
    simulate.run(&sandbox, &["sync"]).with(2);
    let kept: i64 = sandbox
        .database()
        .query_row("SELECT count(*) FROM origin_domains", [], |row| row.get(0))
        .unwrap();
    assert_eq!(kept, 0);
    sandbox.run(&["sync"]).with(0);
}

/// A file of a version that did not note where answers come from.
fn forget_sources(database: &Path) {
    let connection = Connection::open(database).unwrap();
    connection.execute("UPDATE run SET source = NULL", []).unwrap();
}

#[test]
fn a_file_of_an_earlier_version_is_real_unless_the_demo_made_it() {
    let sandbox = Sandbox::with_domains(1);
    sandbox.run(&["demo"]).with(0);
    forget_sources(&sandbox.path("jdcdn-demo.db"));
    sandbox.run(&["demo"]).with(0);
    sandbox.run(&[&["backfill"], &DAY[..]].concat()).with(0);
    forget_sources(&sandbox.path("jdcdn-stats.db"));
    let said = sandbox.run(&["demo", "--db", "jdcdn-stats.db"]).failed(2);
    assert!(said.contains("belongs to an account"), "{said}");
    // Even when its runs are too old to be listed.
    let connection = Connection::open(sandbox.path("jdcdn-stats.db")).unwrap();
    connection.execute("DELETE FROM run", []).unwrap();
    drop(connection);
    let said = sandbox.run(&["demo", "--db", "jdcdn-stats.db"]).failed(2);
    assert!(said.contains("belongs to an account"), "{said}");
    sandbox
        .run(&[&["backfill", "--force"], &DAY[..]].concat())
        .with(0);
}

#[test]
fn a_file_that_is_no_database_is_refused_as_before() {
    let sandbox = Sandbox::with_domains(1);
    fs::write(sandbox.path("text.db"), "a text, and no database").unwrap();
    sandbox.run(&["demo", "--db", "text.db"]).with(5);
    assert_eq!(
        fs::read_to_string(sandbox.path("text.db")).unwrap(),
        "a text, and no database"
    );
}
