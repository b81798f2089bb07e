//! Databases that cannot be written to, or that others are using, too.

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use jdcdn_stats::simulator::Settings;
use rusqlite::Connection;

use crate::oracle::{assert_equals_truth, assert_sound};
use crate::ranges::{assert_covered_is_true, covered_ranges};
use crate::sandbox::{Ended, NOW, Sandbox, at, domains, ended, skipped, wait_until};

const DB: &str = "jdcdn-stats.db";
const FROM: &str = "2026-05-01";
const TO: &str = "2026-05-11";
const RUN: [&str; 7] = ["backfill", "--from", FROM, "--to", TO, "--window", "6h"];

#[track_caller]
fn assert_complete(sandbox: &Sandbox, database: &Connection) {
    let range = (at(FROM), at(TO));
    assert_equals_truth(
        database,
        sandbox.simulator.truth(),
        &sandbox.domains,
        range,
        at(NOW),
    );
}

/// A database with the points of one earlier day.
fn sandbox_with_a_day() -> Sandbox {
    let sandbox = Sandbox::with_domains(3);
    sandbox.backfill("2026-04-30", FROM, &[]).with(0);
    sandbox.simulator.clear_log();
    sandbox
}

#[test]
fn a_full_disk_ends_a_run_that_keeps_what_it_has() {
    let sandbox = Sandbox::with_domains(3);
    let mut halfway = 0;
    // In blocks of 512 bytes: from too little for the schema to nearly enough.
    for limit in [1, 16, 100, 250, 400, 600, 1_100, 1_350, 1_600] {
        sandbox.remove_database();
        let limited = ["sh", "-c", "ulimit -f $0; exec \"$@\"", &limit.to_string()];
        let ended = ended(sandbox.command_under(&limited, &RUN).output().unwrap());
        assert_eq!(ended.code, Some(5), "{limit}: {}", ended.stderr);
        assert!(ended.stderr.contains("error: database `"), "{}", ended.stderr);

        let left = sandbox.copy_of_database();
        let covered = assert_covered_is_true(&left, sandbox.simulator.truth(), at(NOW));
        if !covered.is_empty() {
            halfway += 1;
            let help = "its storage failed or is full; free some space or check the disk, then run again";
            assert!(ended.stderr.contains(help), "{}", ended.stderr);
        }
        sandbox.run(&RUN).with(0);
        assert_complete(&sandbox, &sandbox.database());
    }
    assert!(halfway >= 2, "the limits are met too early");
}

/// Runs on a file system of $0 KiB, makes that larger, and runs again; both databases are brought out.
const ON_A_SMALL_DISK: &str = r#"
    mkdir -p disk first second && rm -f first/* second/* && mount -t tmpfs -o size=$0k none disk || exit 99
    "$@" --db disk/jdcdn-stats.db >first.out 2>first.err
    code=$?
    cp disk/* first/ && rm -f first/*-shm
    mount -o remount,size=64m disk && "$@" --db disk/jdcdn-stats.db >second.out 2>second.err || exit 98
    cp disk/* second/ && exit $code
"#;

#[test]
fn a_disk_that_fills_up_is_used_again_once_there_is_space() {
    let sandbox = Sandbox::with_domains(3);
    let probe = ["-Urm", "mount", "-t", "tmpfs", "none", "/mnt"];
    let allowed = Command::new("unshare").args(probe).output();
    if !allowed.as_ref().is_ok_and(|output| output.status.success()) {
        return skipped("runs on a small disk", &format!("{allowed:?}"));
    }
    for kibibytes in [4, 40, 80, 160, 240, 320, 480, 640, 960] {
        let size = kibibytes.to_string();
        let wrapper = ["unshare", "-Urm", "sh", "-c", ON_A_SMALL_DISK, &size];
        let status = sandbox.command_under(&wrapper, &RUN).status().unwrap();
        let read = |name: &str| fs::read_to_string(sandbox.path(name)).unwrap();
        let (first, second) = (read("first.err"), read("second.err"));
        println!("{kibibytes} KiB: {status:?} {first}");
        assert_eq!(status.code(), Some(5), "{kibibytes} KiB: {first}{second}");
        assert!(first.contains("error: database `"), "{first}");
        if sandbox.path("first/jdcdn-stats.db").exists() {
            let left = Connection::open(sandbox.path("first/jdcdn-stats.db")).unwrap();
            assert_covered_is_true(&left, sandbox.simulator.truth(), at(NOW));
        }
        assert_complete(
            &sandbox,
            &Connection::open(sandbox.path("second/jdcdn-stats.db")).unwrap(),
        );
    }
}

/// Runs as a user who is bound by permissions, which the superuser is not.
pub(crate) fn run_as_anybody(sandbox: &Sandbox, args: &[&str]) -> Ended {
    let mut command = sandbox.command(args);
    if fs::metadata(sandbox.path("")).unwrap().uid() == 0 {
        // The build directory may be closed to others.
        let program = sandbox.path("jdcdn-stats");
        if !program.exists() {
            // Not by this process: a child of another test would hold the copy open for writing, and nobody could start it.
            let copied = Command::new("cp")
                .arg(command.get_program())
                .arg(&program)
                .status();
            assert!(copied.unwrap().success());
        }
        let mut same = Command::new(program);
        same.args(command.get_args())
            .current_dir(sandbox.path(""))
            .env_clear();
        same.envs(
            command
                .get_envs()
                .filter_map(|(name, value)| Some((name, value?))),
        );
        same.uid(65_534).gid(65_534);
        command = same;
    }
    ended(command.output().unwrap())
}

pub(crate) fn allow(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

#[test]
fn where_nothing_may_be_written_nothing_is_asked() {
    let sandbox = sandbox_with_a_day();
    let before = fs::read(sandbox.path(DB)).unwrap();
    let refused = |message: &str| {
        let stderr = run_as_anybody(&sandbox, &RUN).failed(5);
        assert!(stderr.contains(message), "{stderr}");
        assert_eq!(sandbox.requests(), 0);
        assert_eq!(fs::read(sandbox.path(DB)).unwrap(), before);
    };
    run_as_anybody(&sandbox, &["--version"]).with(0);
    for entry in fs::read_dir(sandbox.path("")).unwrap() {
        let path = entry.unwrap().path();
        allow(
            &path,
            if path.ends_with("jdcdn-stats") {
                0o555
            } else {
                0o444
            },
        );
    }
    allow(&sandbox.path(""), 0o555);
    refused("its lock file cannot be written; check the permissions and the free space of its directory");
    // Who may only read still can.
    let count = run_as_anybody(
        &sandbox,
        &[
            "query",
            "SELECT count(*) AS n FROM origin_stats",
            "--format",
            "tsv",
        ],
    );
    assert_eq!(count.with(0), format!("n\n{}\n", 3 * 288));
    assert!(
        run_as_anybody(&sandbox, &["status"])
            .with(0)
            .contains("d002.example.com")
    );

    allow(&sandbox.path(""), 0o777);
    allow(&sandbox.path("jdcdn-stats.db.lock"), 0o666);
    refused("it is read-only; give this user write permission, or use another path");
    allow(&sandbox.path(DB), 0o666);
    for beside in ["-wal", "-shm"] {
        allow(&sandbox.path(&format!("{DB}{beside}")), 0o666);
    }
    run_as_anybody(&sandbox, &RUN).with(0);
}

#[test]
fn a_reader_that_stays_does_not_hold_a_run_up() {
    let sandbox = sandbox_with_a_day();
    let reader = sandbox.database();
    let points = || -> i64 {
        reader
            .query_row("SELECT count(*) FROM origin_stats", [], |row| row.get(0))
            .unwrap()
    };
    reader.execute_batch("BEGIN").unwrap();
    assert_eq!(points(), 3 * 288);
    let summary = sandbox.run(&[&RUN[..], &["--format", "json"]].concat()).json(0);
    assert_eq!(points(), 3 * 288, "the reader's view has moved");
    let warning = summary["warnings"][0].as_str().unwrap();
    assert!(warning.contains("stay in the write-ahead log"), "{warning}");
    reader.execute_batch("COMMIT").unwrap();
    assert_eq!(points(), 3 * 11 * 288);

    let summary = sandbox.run(&[&RUN[..], &["--format", "json"]].concat()).json(0);
    assert_eq!(summary["warnings"], serde_json::json!([]));
    assert_eq!(fs::metadata(sandbox.path("jdcdn-stats.db-wal")).unwrap().len(), 0);
    assert_sound(&reader);
}

#[test]
fn another_writer_only_delays_a_run() {
    let sandbox = Sandbox::new(Settings {
        domains: domains(3),
        latency: Duration::from_millis(50),
        ..Settings::default()
    });
    sandbox.backfill("2026-04-30", FROM, &[]).with(0);
    let before = covered_ranges(&sandbox.database());
    sandbox.simulator.clear_log();

    let other = Connection::open(sandbox.path(DB)).unwrap();
    other.busy_timeout(Duration::from_secs(10)).unwrap();
    let hold = |child: &mut std::process::Child| {
        let held = covered_ranges(&sandbox.database());
        std::thread::sleep(Duration::from_secs(2));
        assert!(child.try_wait().unwrap().is_none(), "the run did not wait");
        assert_eq!(covered_ranges(&sandbox.database()), held);
        other.execute_batch("COMMIT").unwrap();
    };
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let mut child = sandbox.start(&RUN);
    hold(&mut child);
    wait_until("some windows are stored", || {
        covered_ranges(&sandbox.database()) != before
    });
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    hold(&mut child);
    ended(child.wait_with_output().unwrap()).with(0);
    assert_eq!(sandbox.requests(), 40);
    let range = (at("2026-04-30"), at(TO));
    let truth = sandbox.simulator.truth();
    assert_equals_truth(&sandbox.database(), truth, &sandbox.domains, range, at(NOW));
}
