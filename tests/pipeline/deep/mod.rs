//! `check --deep` finds what was changed or damaged, and names it; `snapshot` passes none of it.

mod flips;
mod planted;

use std::fs;
use std::path::{Path, PathBuf};

use jdcdn_stats::simulator::{DataFault, Fault, Mutation, Rule};
use rusqlite::Connection;
use serde_json::Value;

use crate::sandbox::{NOW, Sandbox, at};

const DB: &str = "jdcdn-stats.db";

/// A file in which everything occurs: several domains, two months, gaps of all kinds, a reject, restatements, a file of
/// one run that is past its refreshes. Its log is folded in.
fn filled() -> Sandbox {
    let sandbox = Sandbox::with_domains(3);
    sandbox.configure("jcloud_00", "start = \"2026-06-13\"");
    for slot in ["2026-06-01 10:00", "2026-06-01 14:00"] {
        sandbox
            .simulator
            .rule(Rule::always(Fault::Data(DataFault::Mutate {
                domain: "d001.example.com".to_owned(),
                slot: at(slot),
                mutation: Mutation::NegativeBandwidth,
            })));
    }
    sandbox.backfill("2026-05-31", "2026-06-02", &[]).with(3);
    sandbox.simulator.clear_faults();
    sandbox.run(&["sync"]);
    for hours in [2, 26] {
        sandbox.clock.set(at(NOW) + hours * 3_600);
        sandbox.run(&["sync"]);
    }
    let database = Connection::open(sandbox.path(DB)).unwrap();
    database.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)").unwrap();
    sandbox
}

/// A database with `bytes`, alone in a directory of its own.
struct Copy {
    directory: PathBuf,
}

impl Copy {
    fn new(sandbox: &Sandbox, name: &str, bytes: &[u8]) -> Self {
        let directory = sandbox.path(name);
        fs::create_dir_all(&directory).unwrap();
        for entry in fs::read_dir(&directory).unwrap() {
            fs::remove_file(entry.unwrap().path()).unwrap();
        }
        fs::write(directory.join(DB), bytes).unwrap();
        Self { directory }
    }

    fn path(&self) -> PathBuf {
        self.directory.join(DB)
    }

    /// The exit code and the report of `check --deep`.
    fn check(&self, sandbox: &Sandbox) -> (Option<i32>, Value) {
        let path = self.path();
        let args = [
            "--db",
            shown(&path),
            "check",
            "--deep",
            "--offline",
            "--format",
            "json",
        ];
        let ended = sandbox.run(&args);
        let report = serde_json::from_str(&ended.stdout);
        (
            ended.code,
            report.unwrap_or_else(|error| panic!("{error}: {ended:?}")),
        )
    }

    /// The exit code and the messages of `snapshot`, and whether it left a file.
    fn snapshot(&self, sandbox: &Sandbox) -> (Option<i32>, String, bool) {
        let (path, out) = (self.path(), self.directory.join("out.db"));
        let ended = sandbox.run(&["--db", shown(&path), "snapshot", shown(&out)]);
        let names = fs::read_dir(&self.directory).unwrap();
        let left = names.map(|name| name.unwrap().file_name()).any(|name| {
            let name = name.to_str().unwrap();
            name == "out.db" || name.starts_with(".jdcdn-snapshot")
        });
        (ended.code, ended.stderr, left)
    }
}

fn shown(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// The failed checks of a report, each with its detail.
fn failed(report: &Value) -> Vec<String> {
    let checks = report["checks"].as_array().unwrap().iter();
    checks
        .filter(|check| check["status"] == "fail")
        .map(|check| {
            format!(
                "{}: {}",
                check["name"].as_str().unwrap(),
                check["detail"].as_str().unwrap()
            )
        })
        .collect()
}
