//! Copies for BI tools: whole, of one moment, and never in the place of anything else.

mod disturbed;
mod target;

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::Duration;

use jdcdn_stats::simulator::Settings;
use rusqlite::{Connection, OpenFlags};

use crate::ranges::{assert_covered_is_true, covered_ranges};
use crate::rollups::assert_nothing_stale;
use crate::sandbox::{NOW, Sandbox, at, domains, ended};

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

/// The files in the sandbox's directory, without the database's own and the configuration.
fn others(sandbox: &Sandbox) -> Vec<String> {
    let entries = fs::read_dir(sandbox.path("")).unwrap();
    let mut names: Vec<String> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| !name.starts_with("jdcdn-stats") && name != "copy")
        .collect();
    names.sort_unstable();
    names
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
        assert_nothing_stale(&copy);
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
