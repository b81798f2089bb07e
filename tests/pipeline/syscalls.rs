//! The disk as an adversary: the process is killed at, or refused, every single call by which SQLite changes
//! the database's files. This needs `strace`, and a kernel that lets it trace.

use std::process::Command;

use jdcdn_stats::simulator::Settings;
use rusqlite::Connection;

use crate::oracle::dump;
use crate::ranges::assert_covered_is_true;
use crate::sandbox::{Ended, NOW, Sandbox, at, domains, ended, setting, skipped};

/// Six windows of one domain.
const RUN: [&str; 11] = [
    "backfill",
    "--from",
    "2026-05-01 21:00",
    "--to",
    "2026-05-02 03:00",
    "--window",
    "1h",
    "--concurrency",
    "2",
    "--format",
    "json",
];

/// The calls by which SQLite changes files. `strace` counts them thread by thread: of a first run the points
/// are those of making the database, of a later one those of the writer and of the end.
const CALLS: [&str; 4] = ["pwrite64", "fsync,fdatasync", "ftruncate", "unlink"];

/// A database before a run, and what the run makes of it.
struct World {
    sandbox: Sandbox,
    /// The content of the database file; nothing for a first run.
    before: Option<Vec<u8>>,
    points_before: i64,
    expected: String,
}

impl World {
    /// Nothing if processes cannot be traced here, which is said on standard error.
    fn new(prepared: bool) -> Option<Self> {
        if let Err(why) = can_trace() {
            skipped("kills and failures at every write, for want of strace", &why);
            return None;
        }
        let sandbox = Sandbox::new(Settings {
            domains: domains(1),
            ..Settings::default()
        });
        let mut before = None;
        let mut points_before = 0;
        if prepared {
            let summary = sandbox.backfill("2026-05-01 09:00", "2026-05-01 22:00", &["--format", "json"]);
            points_before = summary.json(0)["points"]["inserted"].as_i64().unwrap();
            before = Some(std::fs::read(sandbox.path("jdcdn-stats.db")).unwrap());
        }
        sandbox.run(&RUN).with(0);
        let expected = dump(&sandbox.database());
        Some(Self {
            sandbox,
            before,
            points_before,
            expected,
        })
    }

    /// Runs on the database as it was before, while `tampering` befalls `calls` on its files; nothing if there
    /// was no such call.
    fn run(&self, calls: &str, tampering: &str) -> Option<Ended> {
        self.sandbox.remove_database();
        if let Some(before) = &self.before {
            std::fs::write(self.sandbox.path("jdcdn-stats.db"), before).unwrap();
        }
        let trace = format!("trace={calls}");
        let inject = format!("inject={calls}:{tampering}");
        let mut strace: Vec<String> = ["strace", "-f", "-qq", "-o", "trace", "-e", &trace, "-e", &inject]
            .map(str::to_owned)
            .to_vec();
        for suffix in ["", "-wal", "-shm", "-journal"] {
            let path = self.sandbox.path(&format!("jdcdn-stats.db{suffix}"));
            strace.extend(["-P".to_owned(), path.to_str().unwrap().to_owned()]);
        }
        let strace: Vec<&str> = strace.iter().map(String::as_str).collect();
        let ended = ended(self.sandbox.command_under(&strace, &RUN).output().unwrap());
        let trace = std::fs::read_to_string(self.sandbox.path("trace")).unwrap();
        let struck = trace.contains("(INJECTED)") || trace.contains("SIGKILL");
        println!("{calls}, {tampering}: {:?} {}", ended.code, ended.stderr);
        if !struck {
            assert_eq!(ended.code, Some(0));
        }
        struck.then_some(ended)
    }

    /// Success means that all is there, a failure has a reason, and what a summary counts is in the file.
    #[track_caller]
    fn assert_tells_what_is_stored(&self, ended: &Ended, left: &Connection) {
        match ended.code {
            Some(0) => assert_eq!(dump(left), self.expected),
            Some(5) => assert!(ended.stderr.contains("error: database `"), "{}", ended.stderr),
            other => panic!("exit code {other:?}: {}", ended.stderr),
        }
        if !ended.stdout.is_empty() {
            let summary: serde_json::Value = serde_json::from_str(&ended.stdout).unwrap();
            let count = |sql| left.query_row(sql, [], |row| row.get::<_, i64>(0)).unwrap();
            let stored = count("SELECT count(*) FROM point") - self.points_before;
            assert_eq!(summary["points"]["inserted"], stored);
            let outcome = if ended.code == Some(0) {
                "complete"
            } else {
                "failed"
            };
            assert_eq!(summary["outcome"], outcome);
        }
    }

    /// Whatever is covered is true, and the next run completes it.
    #[track_caller]
    fn assert_recovers(&self, left: &Connection) {
        assert_covered_is_true(left, self.sandbox.simulator.truth(), at(NOW));
        self.sandbox.run(&RUN).with(0);
        assert_eq!(dump(&self.sandbox.database()), self.expected);
    }
}

/// The calls by which a command changes files and directories, and how far apart the ones are that `make test` tries.
pub(crate) const CHANGES: [(&str, u64); 7] = [
    ("pwrite64", 97),
    ("write,writev", 9),
    ("fsync,fdatasync", 4),
    ("ftruncate,chmod,fchmod", 3),
    ("unlink,unlinkat,rmdir", 3),
    ("link,linkat,rename,renameat,renameat2", 2),
    ("mkdir,mkdirat", 2),
];

/// Kills the program with these arguments at the `number`th of these calls; whether there was one.
#[track_caller]
pub(crate) fn kill_at(sandbox: &Sandbox, args: &[&str], calls: &str, number: u64) -> bool {
    let (trace, inject) = (
        format!("trace={calls}"),
        format!("inject={calls}:signal=SIGKILL:when={number}"),
    );
    let strace = ["strace", "-f", "-qq", "-o", "trace", "-e", &trace, "-e", &inject];
    let ended = sandbox.command_under(&strace, args).output().unwrap();
    println!("{args:?}: number {number} of {calls}");
    let struck = std::fs::read_to_string(sandbox.path("trace"))
        .unwrap()
        .contains("SIGKILL");
    assert_eq!(ended.status.success(), !struck, "{ended:?}");
    struck
}

pub(crate) fn can_trace() -> Result<(), String> {
    let probe = [
        "-f",
        "-qq",
        "-o",
        "/dev/null",
        "-e",
        "inject=fsync:error=EIO:when=1",
        "true",
    ];
    match Command::new("strace").args(probe).output() {
        Err(error) => Err(error.to_string()),
        Ok(output) if output.status.success() => Ok(()),
        Ok(output) => Err(String::from_utf8_lossy(&output.stderr).into_owned()),
    }
}

/// A tracer that miscounts must not pass for a program that survives.
fn assert_all_found(calls: &str, points: u64) {
    assert!(
        points >= 40 || calls != "pwrite64",
        "only {points} calls of {calls} were found"
    );
}

fn kill_at_every_call(prepared: bool) {
    let Some(world) = World::new(prepared) else { return };
    for calls in CALLS {
        let mut points = 0;
        while let Some(ended) = world.run(calls, &format!("signal=SIGKILL:when={}", points + 1)) {
            assert_eq!(ended.code, None);
            world.assert_recovers(&world.sandbox.copy_of_database());
            points += 1;
        }
        assert_all_found(calls, points);
    }
}

#[test]
fn a_first_run_killed_at_any_write_loses_and_doubles_nothing() {
    kill_at_every_call(false);
}

#[test]
fn a_later_run_killed_at_any_write_loses_and_doubles_nothing() {
    kill_at_every_call(true);
}

/// Fails one call in `stride`, each once alone and once with all that follow it. For all of them:
/// `JDCDN_TEST_STRIDE=1 cargo test refused_a_write`.
fn fail_calls(prepared: bool, stride: u64) {
    let Some(world) = World::new(prepared) else { return };
    let stride = setting("JDCDN_TEST_STRIDE", stride);
    for (first, error, when) in [
        (1, "ENOSPC", "+"),
        (2, "ENOSPC", ""),
        (3, "EIO", "+"),
        (4, "EIO", ""),
    ] {
        for calls in CALLS {
            let stride = if calls == "pwrite64" { stride } else { 1 };
            let mut point = (first - 1) % stride + 1;
            while let Some(ended) = world.run(calls, &format!("error={error}:when={point}{when}")) {
                let left = world.sandbox.copy_of_database();
                world.assert_tells_what_is_stored(&ended, &left);
                world.assert_recovers(&left);
                point += stride;
            }
            assert_all_found(calls, point);
        }
    }
}

#[test]
fn a_first_run_refused_a_write_tells_what_is_stored() {
    fail_calls(false, 8);
}

#[test]
fn a_later_run_refused_a_write_tells_what_is_stored() {
    fail_calls(true, 3);
}
