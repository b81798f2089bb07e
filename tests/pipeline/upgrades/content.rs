//! What an upgrade keeps, row by row, and what it computes.

use std::collections::BTreeSet;

use rusqlite::Connection;
use rusqlite::types::Value;

use super::old_file::{OldFile, newest};
use super::{COPY, DB, Table, copies_of, full_of_events, others, place, tables};
use crate::oracle::assert_sound;
use crate::rollups::assert_nothing_stale;

/// Follows from the rest: a file of an earlier schema lacks it, or may.
const COMPUTED: [&str; 12] = [
    "origin_hourly",
    "origin_daily",
    "origin_status_daily",
    "origin_monthly",
    "rollup_hour",
    "rollup_day",
    "rollup_code_day",
    "rollup_month",
    "origin_account_hourly",
    "origin_account_daily",
    "origin_account_monthly",
    "rollup_due",
];
/// What a file of an earlier schema does not hold about the service, and learns again.
const LEARNED: [&str; 7] = [
    "refetch",
    "restatement",
    "refusal",
    "service_fact",
    "hole_sampling",
    "hole_cursor",
    "reject_dropped",
];
/// The first schema that stores which ranges were requested.
const LEDGER: i32 = 2;
/// Words about the schema.
const SCHEMA: [&str; 2] = ["refinery_schema_history", "origin_dictionary"];

/// The slots without a point that are known from coverage and rejects alone, with the reason of each.
fn holes(database: &Connection) -> BTreeSet<(i64, i64, String)> {
    let mut select = database
        .prepare("SELECT domain_id, start_ts, end_ts, reason FROM gap WHERE reason NOT IN ('never_asked', 'failed')")
        .unwrap();
    let rows = select.query_map([], |row| {
        let (domain, start, end): (i64, i64, i64) = (row.get(0)?, row.get(1)?, row.get(2)?);
        let reason: String = row.get(3)?;
        Ok((start..end)
            .step_by(300)
            .map(move |slot| (domain, slot, reason.clone()))
            .collect::<Vec<_>>())
    });
    rows.unwrap().flat_map(Result::unwrap).collect()
}

/// The value that a row has which was written before there was this column.
fn default_of(database: &Connection, table: &str, column: &str) -> Value {
    let sql = format!(
        "SELECT coalesce((SELECT dflt_value FROM pragma_table_info('{table}') WHERE name = '{column}'), 'NULL')"
    );
    let default: String = database.query_row(&sql, [], |row| row.get(0)).unwrap();
    database
        .query_row(&format!("SELECT {default}"), [], |row| row.get(0))
        .unwrap()
}

#[track_caller]
fn assert_kept(name: &str, old: &Table, upgraded: &Connection, new: &Table) {
    let (columns, rows) = old;
    let kept = super::rows_of(upgraded, name, columns);
    assert_eq!(kept.len(), rows.len(), "rows of {name}");
    for (kept, row) in kept.iter().zip(rows) {
        assert_eq!(kept, row, "a row of {name}");
    }
    for (at, column) in new
        .0
        .iter()
        .enumerate()
        .filter(|(_, column)| !columns.contains(column))
    {
        let default = default_of(upgraded, name, column);
        assert!(
            new.1.iter().all(|row| row[at] == default),
            "{name}.{column} is not {default:?}"
        );
    }
}

#[track_caller]
fn assert_is_upgrade(old: &OldFile, today: &Connection, upgraded: &Connection) {
    let (expected, found) = (tables(today), tables(upgraded));
    assert!(
        expected.keys().eq(found.keys()),
        "the tables differ from those of a new file"
    );
    for (name, table) in &found {
        let of_today = &expected[name];
        assert_eq!(table.0, of_today.0, "columns of {name}");
        let rows = table.1.len();
        match old.tables.get(name) {
            _ if SCHEMA.contains(&name.as_str()) => assert_eq!(table.1, of_today.1, "rows of {name}"),
            // How many of a month's highest points are kept depends on what was read when.
            _ if name == "month_top" => assert!(rows <= of_today.1.len(), "rows of {name}"),
            // The sums of what the other tables hold: whoever verifies the file compares them.
            None if name == "table_sum" => assert_eq!(rows, 10),
            // The same codes; what they mean is new.
            Some(_) if name == "code" => assert_eq!(table.1, of_today.1, "rows of code"),
            Some(old) if !COMPUTED.contains(&name.as_str()) => assert_kept(name, old, upgraded, table),
            // An earlier schema does not tell which holes are confirmed, and which requests failed.
            _ if old.version < 8 && COMPUTED.contains(&name.as_str()) => {
                let known = |table: &Table| -> Vec<Vec<Value>> {
                    let names = ["empty_slots", "complete"];
                    let places: Vec<usize> = (0..table.0.len())
                        .filter(|at| !names.contains(&table.0[*at].as_str()))
                        .collect();
                    let rows = table.1.iter();
                    rows.map(|row| places.iter().map(|at| row[*at].clone()).collect())
                        .collect()
                };
                assert!(
                    old.version < LEDGER || known(table) == known(of_today),
                    "rows of {name}"
                );
            }
            // The requested ranges are not stored, so everything is requested again. One row is a constant, and what
            // follows from the points alone is there.
            _ if old.version < LEDGER => assert!(rows <= 1 || table.1 == of_today.1, "rows of {name}"),
            None if LEARNED.contains(&name.as_str()) => assert_eq!(rows, 0, "rows of {name}"),
            None if name == "gap" => assert_eq!(holes(upgraded), holes(today)),
            // Made anew by the upgrade, it holds what the commits of today's program left.
            _ => assert_eq!(table.1, of_today.1, "rows of {name}"),
        }
    }
    if old.version >= LEDGER {
        assert_sound(upgraded);
    }
    assert_nothing_stale(upgraded);
}

#[test]
fn a_file_of_every_earlier_schema_holds_after_the_upgrade_what_it_must() {
    let sandbox = full_of_events();
    let from = tempfile::tempdir().unwrap();
    let from = from.path().join("today.db");
    sandbox.run(&["snapshot", from.to_str().unwrap()]).with(0);
    let today = Connection::open(&from).unwrap();
    for version in 1..newest() {
        let old = OldFile::new(&from, version);
        assert!(
            old.tables["point"].1.len() > 2_000
                && !old.tables.values().any(|(columns, _)| columns.is_empty())
        );
        place(&sandbox, &old);
        let shown = sandbox.run(&["migrate"]).with(0);
        assert_is_upgrade(&old, &today, &sandbox.database());
        assert_eq!(others(&sandbox), copies_of(version), "version {version}");
        if copies_of(version).is_empty() {
            assert!(!shown.contains("before-v"), "{shown}");
        } else {
            assert!(
                shown.contains(COPY) && shown.contains("before migration 8"),
                "{shown}"
            );
            assert_eq!(tables(&Connection::open(sandbox.path(COPY)).unwrap()), old.tables);
        }
        // A second one has nothing to do.
        let before = std::fs::read(sandbox.path(DB)).unwrap();
        sandbox.run(&["migrate"]).with(0);
        assert_eq!(std::fs::read(sandbox.path(DB)).unwrap(), before);
        // And the runs go on from there.
        let ended = sandbox.run(&["sync"]);
        assert!(matches!(ended.code, Some(0 | 3)), "{ended:?}");
        if version >= LEDGER {
            assert_sound(&sandbox.database());
        }
    }
}
