//! The commands of `docs/operations.md` run in their order, on a database that holds more than the API still serves.
//!
//! `systemctl` is a script here, which writes down what it is asked.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use rusqlite::{Connection, OpenFlags};

use super::markdown::root;
use crate::sandbox::{Ended, NOW, Sandbox, at, ended};
use crate::upgrades;

const PAGE: &str = "docs/operations.md";
const DB: &str = "jdcdn-stats.db";
/// What is stored before the page begins. The API stops serving it.
const OLD: (&str, &str) = ("2026-05-10", "2026-05-12");
const START: &str = "2026-06-12";
const NEW_MACHINE: &str = "On the new machine";

/// The commands below each heading, in their order.
fn sections() -> Vec<(String, Vec<String>)> {
    let page = fs::read_to_string(root().join(PAGE)).unwrap();
    let mut sections = vec![(String::new(), Vec::new())];
    let mut is_shell = false;
    for line in page.lines() {
        match line {
            "```sh" => is_shell = true,
            "```" => is_shell = false,
            line if is_shell => sections.last_mut().unwrap().1.push(line.to_owned()),
            line => {
                if let Some(heading) = line.strip_prefix("## ").or_else(|| line.strip_prefix("### ")) {
                    sections.push((heading.to_owned(), Vec::new()));
                }
            }
        }
    }
    sections
}

/// The machine of somebody who runs the program.
struct Machine {
    sandbox: Sandbox,
}

impl Machine {
    fn new() -> Self {
        let sandbox = Sandbox::with_domains(2);
        let key = format!("start = '{START}'\nsecret_key_file = 'secret.key'");
        sandbox.configure("jcloud_00", &key);
        fs::write(sandbox.path("secret.key"), sandbox.key()).unwrap();
        mode(&sandbox.path("secret.key"), 0o600);
        fs::create_dir(sandbox.path("bin")).unwrap();
        fs::write(
            sandbox.path("bin/systemctl"),
            "#!/bin/sh\necho \"$@\" >> \"$SYSTEMCTL_LOG\"\n",
        )
        .unwrap();
        mode(&sandbox.path("bin/systemctl"), 0o755);
        sandbox.backfill(OLD.0, OLD.1, &[]).with(0);
        let machine = Self { sandbox };
        machine.types("jdcdn-stats sync", ".").with(0);
        machine
    }

    /// Runs a command in `directory`.
    fn types(&self, command: &str, directory: &str) -> Ended {
        let program = Path::new(env!("CARGO_BIN_EXE_jdcdn-stats")).parent().unwrap();
        let bin = self.sandbox.path("bin");
        let path = [bin.as_os_str(), program.as_os_str(), OsStr::new("/usr/bin:/bin")].join(OsStr::new(":"));
        let output = Command::new("sh")
            .args(["-c", command])
            .current_dir(self.sandbox.path(directory))
            .env_clear()
            .env("PATH", path)
            .env("HOME", self.sandbox.path(""))
            .env("SYSTEMCTL_LOG", self.sandbox.path("systemctl.log"))
            .env("JDCDN_TEST_NOW", at(NOW).to_string())
            .output();
        ended(output.unwrap())
    }

    fn systemctl(&self) -> Vec<String> {
        let log = fs::read_to_string(self.sandbox.path("systemctl.log")).unwrap_or_default();
        log.lines().map(str::to_owned).collect()
    }

    /// The points of `name`, by domain, with their sum.
    #[track_caller]
    fn figures(&self, name: &str) -> BTreeMap<String, (i64, i64)> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY;
        let database = Connection::open_with_flags(self.sandbox.path(name), flags).unwrap();
        let sql = "SELECT domain, count(*), sum(bandwidth) FROM origin_stats GROUP BY domain";
        let mut select = database.prepare(sql).unwrap();
        let rows = select.query_map([], |row| Ok((row.get(0)?, (row.get(1)?, row.get(2)?))));
        rows.unwrap().map(Result::unwrap).collect()
    }

    /// Changes a figure behind the back of the program.
    fn damage(&self) {
        let database = Connection::open(self.sandbox.path(DB)).unwrap();
        let changed = database.execute(
            "UPDATE point SET bandwidth = bandwidth + 1 WHERE ts % 3600 = 0",
            [],
        );
        assert!(changed.unwrap() > 0);
    }

    /// Makes a database of which the newer points are in its log only.
    fn leave_points_in_the_log(&self) {
        self.sandbox.remove_database();
        self.sandbox.backfill(OLD.0, OLD.1, &[]).with(0);
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY;
        let reader = Connection::open_with_flags(self.sandbox.path(DB), flags).unwrap();
        reader.execute_batch("BEGIN; SELECT count(*) FROM point").unwrap();
        // A reader that stays keeps them there.
        self.types("jdcdn-stats sync", ".").with(0);
        drop(reader);
        let alone = self.sandbox.path("alone.db");
        fs::copy(self.sandbox.path(DB), &alone).unwrap();
        let in_file: i64 = self.figures("alone.db").values().map(|(points, _)| points).sum();
        assert_eq!(in_file, 2 * 2 * 288, "the log holds nothing");
        fs::remove_file(alone).unwrap();
    }

    /// Makes the database one of an earlier version.
    fn grow_old(&self) {
        let today = self.sandbox.path("today.db");
        self.types("jdcdn-stats snapshot today.db", ".").with(0);
        self.sandbox.remove_database();
        upgrades::write_as_of(&today, 7, &self.sandbox.path(DB));
        fs::remove_file(today).unwrap();
    }
}

fn mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

/// The exit code that the comment behind a command names, or 0.
fn expected(command: &str) -> i32 {
    let named = command.split_once("# exit code ").map(|(_, rest)| rest);
    let number = named.and_then(|rest| rest.split(|char: char| !char.is_ascii_digit()).next());
    number.map_or(0, |number| number.parse().unwrap())
}

#[test]
fn each_step_of_the_page_works_in_its_order_and_no_figure_is_lost() {
    let machine = Machine::new();
    let whole = machine.figures(DB);
    let (old, recent) = (2 * 2 * 288, 2 * ((at("2026-06-15 11:55") - at(START)) / 300));
    assert_eq!(
        whole.values().map(|(points, _)| points).sum::<i64>(),
        old + recent
    );
    let mut commands = 0;
    for (heading, typed) in sections() {
        let directory = if heading == NEW_MACHINE { "new" } else { "." };
        match heading.as_str() {
            "Restore" => machine.damage(),
            "Upgrade" => machine.grow_old(),
            NEW_MACHINE => {
                fs::create_dir(machine.sandbox.path("new")).unwrap();
                fs::copy(
                    machine.sandbox.path("moved.tar"),
                    machine.sandbox.path("new/moved.tar"),
                )
                .unwrap();
            }
            "From a disk without the program" => machine.leave_points_in_the_log(),
            _ => {}
        }
        for command in &typed {
            let run = machine.types(command, directory);
            assert_eq!(run.code, Some(expected(command)), "{heading}: {command}\n{run:?}");
            commands += 1;
        }
        // After each section the figures are those of the beginning.
        let kept: &[&str] = match heading.as_str() {
            "Remove" => &["last.db", "backup/jdcdn-stats.db"],
            NEW_MACHINE => &["new/jdcdn-stats.db"],
            "From a disk without the program" => &["rescued.db"],
            "Back up" => &[DB, "backup/jdcdn-stats.db"],
            _ => &[DB],
        };
        for name in kept {
            assert_eq!(machine.figures(name), whole, "{heading}: {name}");
        }
    }
    assert!(commands > 30, "{commands} commands");
    let left = fs::read_dir(machine.sandbox.path("")).unwrap();
    let left = left.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let left: Vec<String> = left
        .filter(|name| name.starts_with("jdcdn-stats") || name == "secret.key")
        .collect();
    assert_eq!(left, [""; 0]);
    let asked = machine.systemctl();
    for words in [
        "stop jdcdn-stats.timer jdcdn-stats.service",
        "disable --now jdcdn-stats.timer",
    ] {
        assert!(asked.iter().any(|asked| asked == words), "{asked:?}");
    }
    // The key goes nowhere that others can read.
    for name in ["backup/secret.key", "moved.tar", "new/secret.key"] {
        let about = fs::metadata(machine.sandbox.path(name)).unwrap();
        let mode = about.permissions().mode() & 0o077;
        assert_eq!(mode, 0, "{name}");
    }
}
