//! The database's file under the program's feet: other names, other content, other logs.

mod foreign_log;
mod names;
mod new;
mod restore;

use std::time::Duration;

use jdcdn_stats::simulator::Settings;
use rusqlite::Connection;

use crate::oracle::Slot;
use crate::sandbox::{Sandbox, at, domains};

pub(super) const DB: &str = "jdcdn-stats.db";
pub(super) const FROM: &str = "2026-05-01";
pub(super) const TO: &str = "2026-05-21";
/// 20 windows, one after another.
pub(super) const RUN: [&str; 7] = ["backfill", "--from", FROM, "--to", TO, "--concurrency", "1"];

pub(super) fn sandbox(latency: Duration) -> Sandbox {
    Sandbox::new(Settings {
        domains: domains(2),
        latency,
        ..Settings::default()
    })
}

/// SQLite finds nothing wrong with the file.
#[track_caller]
pub(super) fn assert_sound(database: &Connection) {
    let found: String = database
        .query_row("PRAGMA integrity_check", [], |row| row.get(0))
        .unwrap();
    assert_eq!(found, "ok");
}

pub(super) fn count(database: &Connection, relation: &str) -> i64 {
    database
        .query_row(&format!("SELECT count(*) FROM {relation}"), [], |row| row.get(0))
        .unwrap()
}

/// The first ten days of April and those of [`RUN`] are stored, and nothing else.
#[track_caller]
pub(super) fn assert_whole(sandbox: &Sandbox) {
    let april = at("2026-04-01")..at("2026-04-11");
    let may = at(FROM)..at(TO);
    sandbox.assert_holds(("2026-04-01", TO), |_, ts| {
        if april.contains(&ts) || may.contains(&ts) {
            Slot::Stored
        } else {
            Slot::Unasked
        }
    });
}
