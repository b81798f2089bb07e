//! Where the page is written, and what is refused.

use std::fs;

use super::{DB, OUT, writable};
use crate::sandbox::Sandbox;

#[test]
fn a_file_is_replaced_only_by_force_and_the_database_never() {
    let sandbox = Sandbox::with_domains(1);
    let missing = sandbox.run(&["report", OUT]).failed(5);
    assert!(missing.contains("there is no database at"), "{missing}");
    sandbox.backfill("2026-06-01", "2026-06-02", &[]).with(0);
    let told = sandbox.run(&["report", OUT]).with(0);
    let size = fs::metadata(sandbox.path(OUT)).unwrap().len().div_ceil(1000);
    assert_eq!(
        told,
        format!(
            "report.html: {size} KB, 1 domain, 2026-06-01 00:00 to 2026-06-02 00:00 (UTC+8), by 5 minutes\n"
        )
    );
    fs::write(sandbox.path(OUT), "<!DOCTYPE html>mine").unwrap();
    let refused = sandbox.run(&["report", OUT]).failed(2);
    assert!(
        refused.contains("error: `report.html` exists already\nhelp: add `--force` to replace it"),
        "{refused}"
    );
    assert_eq!(fs::read(sandbox.path(OUT)).unwrap(), b"<!DOCTYPE html>mine");
    sandbox.run(&["report", OUT, "--force"]).with(0);
    let before = fs::read(sandbox.path(DB)).unwrap();
    for name in [DB, "jdcdn-stats.db-wal", "jdcdn-stats.db.lock", "."] {
        let refused = sandbox.run(&["report", name, "--force"]).failed(2);
        assert!(refused.contains("; a report does not replace it"), "{refused}");
    }
    assert_eq!(fs::read(sandbox.path(DB)).unwrap(), before);
    let nowhere = sandbox.run(&["report", "nowhere/report.html"]).failed(2);
    assert!(
        nowhere.contains("cannot write the report `nowhere/report.html`: its directory does not exist"),
        "{nowhere}"
    );
    let left = fs::read_dir(sandbox.path("")).unwrap();
    assert!(
        left.map(|entry| entry.unwrap().file_name())
            .all(|name| !name.to_string_lossy().contains(".tmp"))
    );
}

#[test]
fn wrong_input_is_named_with_the_way_out() {
    let sandbox = Sandbox::with_domains(2);
    sandbox.backfill("2026-06-01", "2026-06-02", &[]).with(0);
    let unknown = sandbox.run(&["report", OUT, "-d", "www.b.com"]).failed(2);
    let message = "error: the database does not contain `www.b.com`; it contains `d000.example.com`, `d001.example.com`\n";
    assert!(unknown.contains(message), "{unknown}");
    let empty = sandbox
        .run(&["report", OUT, "--from", "2026-06-02", "--to", "2026-06-01"])
        .failed(2);
    assert!(empty.contains("the range is empty"), "{empty}");
    let beyond = sandbox.run(&["report", OUT, "--from", "2026-06-05"]).with(0);
    assert!(beyond.contains("holds nothing"), "{beyond}");
    writable(&sandbox)
        .execute_batch("DROP VIEW origin_monthly")
        .unwrap();
    let old = sandbox.run(&["report", OUT, "--force"]).failed(5);
    assert!(
        old.contains("has no rollups yet") && old.contains("jdcdn-stats migrate"),
        "{old}"
    );
}
