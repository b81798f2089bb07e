//! Which files a snapshot replaces, and where it cannot be written.

use std::fs;
use std::os::unix::fs::symlink;

use rusqlite::Connection;

use super::{DB, OUT, open, others, relations};
use crate::sandbox::{Sandbox, ended};
use crate::storage::{allow, run_as_anybody};

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
            "it is not a database of jdcdn-stats, and was not changed",
        ),
        (
            "empty",
            "it is not a database of jdcdn-stats, and was not changed",
        ),
        (
            "notes.txt",
            "it is not a database of jdcdn-stats, and was not changed",
        ),
        ("directory", "it is not a file"),
        ("link.db", "it is a symbolic link; give the path that it leads to"),
        ("live.db", "it is a database that runs write to, not a snapshot"),
        (
            "orphan.db",
            "orphan.db-wal` belongs to another database of that name; move it away",
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
    for (out, code, why) in [
        (
            "nowhere/bi.db",
            2,
            "its directory cannot be used; create it first, or give another path",
        ),
        ("/proc/bi.db", 5, "no copy can be made in its directory"),
    ] {
        let refused = sandbox.run(&["snapshot", out]).failed(code);
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
