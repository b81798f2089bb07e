//! A directory, a simulator and an environment of its own for every test.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use jdcdn_stats::clock::ManualClock;
use jdcdn_stats::model::moment::parse_moment;
use jdcdn_stats::simulator::{Settings, Simulator};
use rusqlite::{Connection, OpenFlags};
use secrecy::ExposeSecret as _;
use tempfile::TempDir;

use crate::oracle::{Slot, assert_slots};

/// What both clocks show when a test begins: 2026-06-15 12:00 in UTC+8.
pub(crate) const NOW: &str = "2026-06-15 12:00";

/// A test's own world.
pub(crate) struct Sandbox {
    pub(crate) simulator: Simulator,
    pub(crate) clock: ManualClock,
    pub(crate) domains: Vec<String>,
    directory: TempDir,
    key: String,
}

/// How a run of the program ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// Unix seconds of a time in UTC+8.
pub(crate) fn at(text: &str) -> i64 {
    parse_moment(text, 0).unwrap()
}

/// `count` domains, `d000.example.com` and so on.
pub(crate) fn domains(count: usize) -> Vec<String> {
    (0..count).map(|at| format!("d{at:03}.example.com")).collect()
}

impl Sandbox {
    /// A simulator with these settings, and a configuration for the account's domains with waits so short
    /// that retries cost a test nothing.
    pub(crate) fn new(settings: Settings) -> Self {
        let clock = ManualClock::new(at(NOW));
        let (domains, username) = (settings.domains.clone(), settings.username.clone());
        let key = settings.secret_key.expose_secret().to_owned();
        let simulator = Simulator::on_loopback(settings, Arc::new(clock.clone())).unwrap();
        let sandbox = Self {
            simulator,
            clock,
            domains,
            directory: tempfile::tempdir().unwrap(),
            key,
        };
        sandbox.configure(&username, "");
        sandbox
    }

    /// An account of `count` domains.
    pub(crate) fn with_domains(count: usize) -> Self {
        Self::new(Settings {
            domains: domains(count),
            ..Settings::default()
        })
    }

    /// Writes the configuration; `more` is added as it is.
    pub(crate) fn configure(&self, username: &str, more: &str) {
        self.write_configuration(username, more, "");
    }

    /// Writes the configuration with these lines in `[fetch]`.
    pub(crate) fn configure_fetch(&self, lines: &str) {
        self.write_configuration(&Settings::default().username, "", lines);
    }

    fn write_configuration(&self, username: &str, more: &str, fetch: &str) {
        let names: Vec<String> = self.domains.iter().map(|name| format!("{name:?}")).collect();
        let content = format!(
            "username = {username:?}\nendpoint = {:?}\ndomains = [{}]\n{more}\n\
             [fetch]\nrequests_per_second = 0\n{fetch}\n[retry]\nbase = \"1ms\"\ncap = \"10ms\"\n",
            self.simulator.endpoint(),
            names.join(", "),
        );
        std::fs::write(self.path("jdcdn-stats.toml"), content).unwrap();
    }

    /// The account's secret key.
    pub(crate) fn key(&self) -> &str {
        &self.key
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    pub(crate) fn command(&self, args: &[&str]) -> Command {
        self.command_under(&[], args)
    }

    /// The program with `args`, started by `wrapper`: a program and its own arguments.
    pub(crate) fn command_under(&self, wrapper: &[&str], args: &[&str]) -> Command {
        let line = [wrapper, &[env!("CARGO_BIN_EXE_jdcdn-stats")], args].concat();
        let mut command = Command::new(line[0]);
        command
            .args(&line[1..])
            .current_dir(self.directory.path())
            .env_clear()
            .env("JDCDN_SECRET_KEY", &self.key)
            .env("JDCDN_TEST_NOW", at_now(&self.clock).to_string())
            .stdin(Stdio::null());
        command
    }

    pub(crate) fn run(&self, args: &[&str]) -> Ended {
        ended(self.command(args).output().unwrap())
    }

    /// `backfill` of all domains from `from` to `to`.
    pub(crate) fn backfill(&self, from: &str, to: &str, more: &[&str]) -> Ended {
        let mut args = vec!["backfill", "--from", from, "--to", to];
        args.extend_from_slice(more);
        self.run(&args)
    }

    /// The program in the background, its output kept.
    pub(crate) fn start(&self, args: &[&str]) -> Child {
        self.command(args)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap()
    }

    /// A copy of the database's files: looking at what a crash left must not repair it.
    pub(crate) fn copy_of_database(&self) -> Connection {
        let copies = self.path("copy");
        let _ = std::fs::remove_dir_all(&copies);
        std::fs::create_dir(&copies).unwrap();
        for suffix in ["", "-wal", "-journal"] {
            let name = format!("jdcdn-stats.db{suffix}");
            if let Err(error) = std::fs::copy(self.path(&name), copies.join(&name)) {
                assert_eq!(error.kind(), std::io::ErrorKind::NotFound, "{name}: {error}");
            }
        }
        Connection::open(copies.join("jdcdn-stats.db")).unwrap()
    }

    /// Deletes the database and its other files.
    pub(crate) fn remove_database(&self) {
        for suffix in ["", "-wal", "-shm", "-journal", ".lock"] {
            let _ = std::fs::remove_file(self.path(&format!("jdcdn-stats.db{suffix}")));
        }
    }

    /// The database, for reading.
    pub(crate) fn database(&self) -> Connection {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY;
        Connection::open_with_flags(self.path("jdcdn-stats.db"), flags).unwrap()
    }

    /// The database holds the truth of the account's domains in `[from, to)` when the test began. `slot` returns what
    /// is expected of a domain and slot.
    #[track_caller]
    pub(crate) fn assert_holds(&self, (from, to): (&str, &str), slot: impl Fn(&str, i64) -> Slot) {
        assert_slots(
            &self.database(),
            self.simulator.truth(),
            &self.domains,
            (at(from), at(to)),
            at(NOW),
            slot,
        );
    }

    /// As [`Sandbox::assert_holds`]: every slot of the range is stored.
    #[track_caller]
    pub(crate) fn assert_holds_all(&self, range: (&str, &str)) {
        self.assert_holds(range, |_, _| Slot::Stored);
    }

    /// This many points are stored in all.
    #[track_caller]
    pub(crate) fn assert_stored(&self, points: i64) {
        let sql = "SELECT count(*) FROM origin_stats";
        let stored: i64 = self.database().query_row(sql, [], |row| row.get(0)).unwrap();
        assert_eq!(stored, points);
    }

    /// How many requests have reached the simulator.
    pub(crate) fn requests(&self) -> usize {
        self.simulator.requests().len()
    }
}

fn at_now(clock: &ManualClock) -> i64 {
    jdcdn_stats::clock::Clock::now(clock)
}

/// A number that the environment may choose.
pub(crate) fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |given| given.parse().unwrap())
}

/// Prints that `what` was not tested. `eprintln!` would show only if the test failed.
pub(crate) fn skipped(what: &str, why: &str) {
    let _ = writeln!(std::io::stderr(), "SKIPPED {what}: {why}");
}

/// Sends a signal such as `INT` to a process that runs.
pub(crate) fn signal(child: &Child, name: &str) {
    let kill = ["-c", "kill -$0 $1", name, &child.id().to_string()];
    assert!(Command::new("sh").args(kill).status().unwrap().success());
}

/// Waits until `condition` holds, at most a minute.
#[track_caller]
pub(crate) fn wait_until(what: &str, mut condition: impl FnMut() -> bool) {
    let began = Instant::now();
    while !condition() {
        assert!(
            began.elapsed() < Duration::from_mins(1),
            "waited in vain until {what}"
        );
        std::thread::sleep(Duration::from_micros(200));
    }
}

/// How a finished process ended.
pub(crate) fn ended(output: Output) -> Ended {
    Ended {
        code: output.status.code(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

impl Ended {
    /// It ended with `code`; returns what it printed.
    #[track_caller]
    pub(crate) fn with(self, code: i32) -> String {
        assert_eq!(
            self.code,
            Some(code),
            "stdout: {}\nstderr: {}",
            self.stdout,
            self.stderr
        );
        self.stdout
    }

    /// It ended with `code` and printed nothing; returns its standard error.
    #[track_caller]
    pub(crate) fn failed(self, code: i32) -> String {
        assert_eq!(
            (self.code, self.stdout.as_str()),
            (Some(code), ""),
            "stderr: {}",
            self.stderr
        );
        self.stderr
    }

    /// It ended with `code`; returns the JSON that it printed.
    #[track_caller]
    pub(crate) fn json(self, code: i32) -> serde_json::Value {
        let stdout = self.with(code);
        serde_json::from_str(&stdout).unwrap_or_else(|error| panic!("{error}: {stdout}"))
    }
}
