//! Copies for BI tools: whole, of one moment, and never in the place of anything else.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;
use std::process::Child;
use std::time::Duration;

use jdcdn_stats::simulator::Settings;
use rusqlite::{Connection, OpenFlags};

use crate::ranges::{assert_covered_is_true, covered_ranges};
use crate::rollups::assert_nothing_owed;
use crate::sandbox::{Ended, NOW, Sandbox, at, domains, ended, signal, wait_until};
use crate::storage::{allow, run_as_anybody};

const DB: &str = "jdcdn-stats.db";
const OUT: &str = "bi.db";

/// Opens a file as a tool does that only reads.
fn open(path: &Path) -> Connection {
    Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap()
}

/// Every public relation with all its rows, in order.
fn relations(database: &Connection) -> Vec<(String, Vec<String>)> {
    let mut names = database
        .prepare("SELECT name FROM sqlite_schema WHERE name LIKE 'origin~_%' ESCAPE '~' AND type <> 'index' ORDER BY 1")
        .unwrap();
    let names = names.query_map([], |row| row.get::<_, String>(0)).unwrap();
    names
        .map(|name| {
            let name = name.unwrap();
            let mut select = database.prepare(&format!("SELECT * FROM {name}")).unwrap();
            let columns = select.column_count();
            let text = |row: &rusqlite::Row<'_>| {
                let values = (0..columns).map(|at| format!("{:?}", row.get_ref(at).unwrap()));
                Ok(values.collect::<Vec<_>>().join("|"))
            };
            let mut rows: Vec<String> = select.query_map([], text).unwrap().map(Result::unwrap).collect();
            rows.sort_unstable();
            (name, rows)
        })
        .collect()
}

/// What is in the sandbox's directory beside what belongs to the database and its configuration.
fn others(sandbox: &Sandbox) -> Vec<String> {
    let entries = fs::read_dir(sandbox.path("")).unwrap();
    let mut names: Vec<String> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| !name.starts_with("jdcdn-stats") && name != "copy")
        .collect();
    names.sort_unstable();
    names
}

/// A hidden directory in which a copy grows has its copy begun.
fn is_copying(sandbox: &Sandbox) -> bool {
    let found = others(sandbox);
    let draft = found.iter().find(|name| name.starts_with(".jdcdn-snapshot-"));
    draft.is_some_and(|draft| {
        let copy = sandbox.path(draft).join("copy.db");
        fs::metadata(copy).is_ok_and(|copy| copy.len() > 0)
    })
}

/// A database of some megabytes, so that copying it takes a while.
fn sandbox_with_much() -> Sandbox {
    let sandbox = Sandbox::with_domains(20);
    sandbox.backfill("2026-05-01", "2026-05-13", &[]).with(0);
    sandbox
}

#[test]
fn a_snapshot_is_the_database_relation_by_relation_in_one_file() {
    let sandbox = Sandbox::with_domains(3);
    sandbox.backfill("2026-05-30", "2026-06-02", &[]).with(0);
    let live = fs::read(sandbox.path(DB)).unwrap();
    let report = sandbox.run(&["snapshot", OUT, "--format", "json"]).json(0);

    let copy = open(&sandbox.path(OUT));
    let copied = relations(&copy);
    assert_eq!(copied, relations(&sandbox.database()));
    let rows = |name: &str| copied.iter().find(|(found, _)| found == name).unwrap().1.len();
    assert_eq!(rows("origin_stats"), 3 * 3 * 288);
    assert!(rows("origin_status_codes") > rows("origin_stats") && rows("origin_runs") == 1);

    let pragma = |name| copy.pragma_query_value(None, name, |row| row.get(0)).unwrap();
    let mode: String = pragma("journal_mode");
    assert_eq!(mode, "delete");
    drop(copy);
    let found = fs::metadata(sandbox.path(OUT)).unwrap();
    assert_eq!(found.permissions().mode() & 0o7777, 0o444);
    assert_eq!(others(&sandbox), [OUT]);
    assert_eq!(
        fs::read(sandbox.path(DB)).unwrap(),
        live,
        "the database has changed"
    );
    assert_eq!(
        report,
        serde_json::json!({
            "file": sandbox.path(OUT).canonicalize().unwrap(),
            "bytes": found.len(),
            "replaced": false,
            "points": 3 * 3 * 288,
            "newest_point": "2026-06-01T23:55:00+08:00",
            "rollups": {"brought_up_to_date": false, "days": 0},
        })
    );

    let told = sandbox.run(&["snapshot", OUT, "--force"]).with(0);
    for part in [
        "in place of an earlier one",
        "points   2,592",
        "newest   2026-06-01 23:55:00 (UTC+8)",
    ] {
        assert!(told.contains(part), "{told}");
    }
}

#[test]
fn snapshots_taken_while_a_run_writes_are_each_of_one_moment() {
    let sandbox = Sandbox::new(Settings {
        domains: domains(3),
        latency: Duration::from_millis(40),
        ..Settings::default()
    });
    sandbox.backfill("2026-04-30", "2026-05-01", &[]).with(0);
    let run = [
        "backfill",
        "--from",
        "2026-05-01",
        "--to",
        "2026-05-06",
        "--window",
        "1h",
    ];
    let mut child = sandbox.start(&run);
    let (mut amounts, mut rolled_up) = (Vec::new(), 0);
    loop {
        let is_over = child.try_wait().unwrap().is_some();
        let report = sandbox
            .run(&["snapshot", OUT, "--force", "--format", "json"])
            .json(0);
        let copy = open(&sandbox.path(OUT));
        let covered = assert_covered_is_true(&copy, sandbox.simulator.truth(), at(NOW));
        let points: i64 = copy
            .query_row("SELECT count(*) FROM origin_stats", [], |row| row.get(0))
            .unwrap();
        assert_eq!(report["points"], points);
        // The run brings its rollups up to date when it ends; a copy is not to wait for that.
        assert_nothing_owed(&copy);
        rolled_up += report["rollups"]["days"].as_u64().unwrap();
        amounts.push(points);
        if is_over {
            assert_eq!(covered, covered_ranges(&sandbox.database()));
            break;
        }
    }
    ended(child.wait_with_output().unwrap()).with(0);
    println!("{amounts:?}");
    assert!(amounts.is_sorted() && rolled_up > 0);
    assert_eq!(amounts.last(), Some(&(3 * 6 * 288)));
    amounts.dedup();
    assert!(amounts.len() >= 3, "none was taken in the middle: {amounts:?}");
}

/// Does something to a snapshot that is being copied; returns how it ended. One that was done before is taken
/// again.
fn disturb(sandbox: &Sandbox, disturb: impl Fn(&mut Child)) -> Ended {
    let had_one = sandbox.path(OUT).exists();
    for _ in 0..20 {
        let mut child = sandbox.start(&["snapshot", OUT, "--force"]);
        wait_until("the copy has begun", || {
            is_copying(sandbox) || child.try_wait().unwrap().is_some()
        });
        disturb(&mut child);
        let ended = ended(child.wait_with_output().unwrap());
        if ended.code != Some(0) {
            return ended;
        }
        if !had_one {
            fs::remove_file(sandbox.path(OUT)).unwrap();
        }
    }
    panic!("the snapshots were all too fast");
}

#[test]
fn a_signal_ends_a_snapshot_and_leaves_nothing() {
    let sandbox = sandbox_with_much();
    for (name, code) in [("INT", 130), ("TERM", 143)] {
        let ended = disturb(&sandbox, |child| signal(child, name));
        let stderr = ended.failed(code);
        assert!(
            stderr.ends_with("error: stopped; no snapshot was written\n"),
            "{stderr}"
        );
        assert_eq!(others(&sandbox), Vec::<String>::new());
    }
}

#[test]
fn what_a_killed_snapshot_leaves_is_hidden_and_removed_by_the_next() {
    let sandbox = sandbox_with_much();
    sandbox.run(&["snapshot", OUT]).with(0);
    let before = fs::read(sandbox.path(OUT)).unwrap();
    let ended = disturb(&sandbox, |child| child.kill().unwrap());
    assert_eq!(ended.code, None);
    assert_eq!(fs::read(sandbox.path(OUT)).unwrap(), before);
    let left = others(&sandbox);
    assert!(
        left.len() == 2 && left[0].starts_with(".jdcdn-snapshot-"),
        "{left:?}"
    );
    let private = fs::metadata(sandbox.path(&left[0])).unwrap();
    assert_eq!(private.permissions().mode() & 0o7777, 0o700);

    // A file of another name in the same directory: what was left is found all the same.
    sandbox.run(&["snapshot", "other.db"]).with(0);
    assert_eq!(others(&sandbox), [OUT, "other.db"]);
}

#[test]
fn two_snapshots_at_once_do_not_disturb_each_other() {
    let sandbox = sandbox_with_much();
    let started: Vec<Child> = (0..4)
        .map(|_| sandbox.start(&["snapshot", OUT, "--force"]))
        .collect();
    for child in started {
        ended(child.wait_with_output().unwrap()).with(0);
    }
    assert_eq!(others(&sandbox), [OUT]);
    let copy = open(&sandbox.path(OUT));
    let covered = assert_covered_is_true(&copy, sandbox.simulator.truth(), at(NOW));
    assert_eq!(covered, covered_ranges(&sandbox.database()));
}

#[test]
fn only_an_earlier_snapshot_is_ever_replaced() {
    let sandbox = Sandbox::with_domains(1);
    sandbox.backfill("2026-06-01", "2026-06-02", &[]).with(0);
    let take = |out: &str, force: &[&str]| sandbox.run(&[&["snapshot", out], force].concat());

    take(OUT, &[]).with(0);
    let before = fs::read(sandbox.path(OUT)).unwrap();
    let refused = take(OUT, &[]).failed(2);
    assert!(
        refused.contains("it exists; `--force` replaces an earlier snapshot"),
        "{refused}"
    );
    assert_eq!(fs::read(sandbox.path(OUT)).unwrap(), before);

    sandbox.backfill("2026-06-02", "2026-06-03", &[]).with(0);
    // Who has the earlier one open goes on reading it.
    let reader = open(&sandbox.path(OUT));
    let points = |database: &Connection| -> i64 {
        database
            .query_row("SELECT count(*) FROM origin_stats", [], |row| row.get(0))
            .unwrap()
    };
    assert_eq!(points(&reader), 288);
    take(OUT, &["--force"]).with(0);
    assert_eq!((points(&reader), points(&open(&sandbox.path(OUT)))), (288, 576));

    let foreign = Connection::open(sandbox.path("foreign.db")).unwrap();
    foreign.execute_batch("CREATE TABLE t (x)").unwrap();
    drop(foreign);
    fs::write(sandbox.path("empty"), "").unwrap();
    fs::write(sandbox.path("notes.txt"), "precious").unwrap();
    fs::create_dir(sandbox.path("directory")).unwrap();
    symlink(OUT, sandbox.path("link.db")).unwrap();
    // Another database that runs write to.
    let other = [
        "--db",
        "live.db",
        "backfill",
        "--from",
        "2026-06-01",
        "--to",
        "2026-06-02",
    ];
    sandbox.run(&other).with(0);
    fs::write(sandbox.path("orphan.db-wal"), "a log without a database").unwrap();
    for (out, why) in [
        (
            "foreign.db",
            "it is not a database of jdcdn-stats, and is left as it is",
        ),
        (
            "empty",
            "it is not a database of jdcdn-stats, and is left as it is",
        ),
        (
            "notes.txt",
            "it is not a database of jdcdn-stats, and is left as it is",
        ),
        ("directory", "it is not a file"),
        ("link.db", "it is a symbolic link; give the path that it leads to"),
        ("live.db", "it is a database that runs write to, not a snapshot"),
        (
            "orphan.db",
            "orphan.db-wal` is of another database of that name; move it away",
        ),
    ] {
        let content = fs::read(sandbox.path(out)).ok();
        let refused = take(out, &["--force"]).failed(2);
        assert!(refused.contains(why), "{out}: {refused}");
        assert_eq!(fs::read(sandbox.path(out)).ok(), content);
    }
    // Without its log, too.
    for suffix in ["-wal", "-shm"] {
        fs::remove_file(sandbox.path(&format!("live.db{suffix}"))).unwrap();
    }
    let refused = take("live.db", &["--force"]).failed(2);
    assert!(
        refused.contains("it is a database that runs write to"),
        "{refused}"
    );
}

#[test]
fn the_database_itself_is_never_the_snapshot() {
    let sandbox = Sandbox::with_domains(1);
    sandbox.backfill("2026-06-01", "2026-06-02", &[]).with(0);
    let before = relations(&sandbox.database());
    symlink(".", sandbox.path("here")).unwrap();
    fs::remove_file(sandbox.path("jdcdn-stats.db-shm")).unwrap();
    let absolute = sandbox.path(DB);
    for out in [
        DB,
        absolute.to_str().unwrap(),
        "here/jdcdn-stats.db",
        "jdcdn-stats.db-wal",
        "here/jdcdn-stats.db-shm",
        "jdcdn-stats.db-journal",
        "jdcdn-stats.db.lock",
    ] {
        for force in [&[][..], &["--force"]] {
            let refused = sandbox.run(&[&["snapshot", out], force].concat()).failed(2);
            assert!(
                refused.contains("it is the database itself, or belongs to it"),
                "{out}: {refused}"
            );
        }
    }
    symlink(DB, sandbox.path("soft.db")).unwrap();
    let refused = sandbox.run(&["snapshot", "soft.db", "--force"]).failed(2);
    assert!(refused.contains("it is a symbolic link"), "{refused}");
    assert_eq!(relations(&sandbox.database()), before);

    // The same where the database is given by a link.
    let refused = sandbox
        .run(&["--db", "soft.db", "snapshot", DB, "--force"])
        .failed(2);
    assert!(refused.contains("it is the database itself"), "{refused}");
}

#[test]
fn a_disk_without_room_for_it_leaves_the_earlier_snapshot() {
    let sandbox = Sandbox::with_domains(3);
    sandbox.backfill("2026-05-01", "2026-05-11", &[]).with(0);
    sandbox.run(&["snapshot", OUT]).with(0);
    let before = fs::read(sandbox.path(OUT)).unwrap();
    // In blocks of 512 bytes; the first is enough for what readers share.
    let blocks = before.len() / 512;
    for limit in [80, blocks / 2, blocks - 1] {
        let limited = ["sh", "-c", "ulimit -f $0; exec \"$@\"", &limit.to_string()];
        let snapshot = ["snapshot", OUT, "--force"];
        let refused = ended(sandbox.command_under(&limited, &snapshot).output().unwrap()).failed(5);
        assert!(
            refused.contains(OUT) && refused.contains("its storage failed or is full"),
            "{refused}"
        );
        assert_eq!(others(&sandbox), [OUT]);
        assert_eq!(fs::read(sandbox.path(OUT)).unwrap(), before);
    }
}

#[test]
fn where_it_cannot_be_written_and_what_it_cannot_be_of_is_said() {
    let sandbox = Sandbox::with_domains(1);
    let missing = sandbox.run(&["snapshot", OUT]).failed(5);
    assert!(missing.contains("there is no database at"), "{missing}");
    sandbox.backfill("2026-06-01", "2026-06-02", &[]).with(0);
    for (out, why) in [
        (
            "nowhere/bi.db",
            "its directory cannot be used; create it first, or give another path",
        ),
        ("/proc/bi.db", "no copy can be made in its directory"),
    ] {
        let refused = sandbox.run(&["snapshot", out]).failed(5);
        assert!(refused.contains(why), "{refused}");
    }
    let newer = Connection::open(sandbox.path(DB)).unwrap();
    newer
        .execute_batch(
            "INSERT INTO refinery_schema_history VALUES (999, 'later', '2030-01-01T00:00:00Z', '1')",
        )
        .unwrap();
    drop(newer);
    let refused = sandbox.run(&["snapshot", OUT]).failed(5);
    assert!(refused.contains("use a newer jdcdn-stats"), "{refused}");
    assert_eq!(others(&sandbox), Vec::<String>::new());
}

#[test]
fn who_may_only_read_opens_the_snapshot_and_the_database_and_takes_a_snapshot() {
    let sandbox = Sandbox::with_domains(3);
    sandbox.backfill("2026-06-01", "2026-06-02", &[]).with(0);
    fs::create_dir(sandbox.path("published")).unwrap();
    fs::create_dir(sandbox.path("own")).unwrap();
    allow(&sandbox.path("own"), 0o777);
    sandbox.run(&["snapshot", "published/bi.db"]).with(0);
    run_as_anybody(&sandbox, &["--version"]).with(0);
    for entry in fs::read_dir(sandbox.path("")).unwrap() {
        let path = entry.unwrap().path();
        if path
            .file_name()
            .unwrap()
            .to_str()
            .unwrap()
            .starts_with("jdcdn-stats.")
        {
            allow(&path, 0o444);
        }
    }
    allow(&sandbox.path("published"), 0o555);
    allow(&sandbox.path(""), 0o555);

    let count = [
        "query",
        "SELECT count(*) AS n FROM origin_stats",
        "--format",
        "tsv",
    ];
    for database in [DB, "published/bi.db"] {
        let counted = run_as_anybody(&sandbox, &[&["--db", database], &count[..]].concat());
        assert_eq!(counted.with(0), format!("n\n{}\n", 3 * 288), "{database}");
    }
    let refused = run_as_anybody(&sandbox, &["snapshot", "published/other.db"]).failed(5);
    assert!(
        refused.contains("no copy can be made in its directory"),
        "{refused}"
    );
    run_as_anybody(&sandbox, &["snapshot", "own/bi.db"]).with(0);
    assert_eq!(
        relations(&open(&sandbox.path("own/bi.db"))),
        relations(&sandbox.database())
    );
}
