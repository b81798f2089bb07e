//! Files of every earlier schema, brought up to date by the real binary: nothing is lost, whenever it is killed.

mod content;
mod copy;
mod kills;
mod old_file;

use std::collections::BTreeMap;
use std::fs;

use jdcdn_stats::simulator::{DataFault, Fault, Mutation, Rule, Settings};
use old_file::OldFile;
use rusqlite::Connection;
use rusqlite::types::Value;

use crate::sandbox::{NOW, Sandbox, at, domains};

const DB: &str = "jdcdn-stats.db";
/// The first migration that rewrites what a file holds.
const REWRITING: i32 = 8;
const COPY: &str = "jdcdn-stats.db.before-v8";

/// Writes to `to` what the database at `from` holds, as the version with this schema left it.
pub(crate) fn write_as_of(from: &std::path::Path, version: i32, to: &std::path::Path) {
    OldFile::new(from, version).write(to);
}

/// A table: its columns, and its rows in order.
type Table = (Vec<String>, Vec<Vec<Value>>);

/// Every table of a database by its name. When a migration was applied is left out.
fn tables(database: &Connection) -> BTreeMap<String, Table> {
    let text = |sql: &str, from: &str| -> Vec<String> {
        let mut select = database.prepare(sql).unwrap();
        let rows = select.query_map([from], |row| row.get(0)).unwrap();
        rows.map(Result::unwrap).collect()
    };
    let names = text(
        "SELECT name FROM sqlite_schema WHERE type = ?1 AND name NOT LIKE 'sqlite~_%' ESCAPE '~'",
        "table",
    );
    let read = |name: String| {
        let mut columns = text("SELECT name FROM pragma_table_info(?1)", &name);
        columns.retain(|column| column != "applied_on");
        let rows = rows_of(database, &name, &columns);
        (name, (columns, rows))
    };
    names.into_iter().map(read).collect()
}

fn rows_of(database: &Connection, table: &str, columns: &[String]) -> Vec<Vec<Value>> {
    let list = columns
        .iter()
        .map(|column| format!("\"{column}\""))
        .collect::<Vec<_>>();
    let list = list.join(", ");
    let mut select = database
        .prepare(&format!("SELECT {list} FROM {table} ORDER BY {list}"))
        .unwrap();
    let rows = select.query_map([], |row| (0..columns.len()).map(|at| row.get(at)).collect());
    rows.unwrap().map(Result::unwrap).collect()
}

/// A database of today's schema that holds something of all that there is: points that were changed and points that
/// came late, holes of each reason, rejects, and several runs.
fn full_of_events() -> Sandbox {
    let sandbox = Sandbox::new(Settings {
        domains: domains(3),
        retention_seconds: Some(5 * 86_400),
        ..Settings::default()
    });
    let (simulator, domain) = (&sandbox.simulator, |at: usize| sandbox.domains[at].clone());
    let noon = at("2026-06-14 12:00");
    let omitted = DataFault::Omit {
        domain: domain(0),
        slot: noon,
    };
    simulator.rule(Rule::always(omitted).for_domain(&domain(0)).for_moment(noon));
    let late = DataFault::Omit {
        domain: domain(0),
        slot: noon - 86_400,
    };
    let comes = at(NOW) + 20 * 3_600;
    let late = Rule::always(late)
        .for_domain(&domain(0))
        .for_moment(noon - 86_400);
    simulator.rule(late.when(move |request| request.arrived_at < comes));
    let damaged = DataFault::Mutate {
        domain: domain(1),
        slot: noon,
        mutation: Mutation::NegativePv,
    };
    simulator.rule(Rule::always(damaged).for_domain(&domain(1)).for_moment(noon));
    let broken = Fault::Http {
        status: 500,
        retry_after: None,
    };
    simulator.rule(
        Rule::always(broken)
            .for_domain(&domain(2))
            .for_moment(at("2026-06-13 06:00")),
    );
    sandbox.configure("jcloud_00", "start = \"2026-06-09\"");
    let config = fs::read_to_string(sandbox.path("jdcdn-stats.toml")).unwrap();
    let config = config.replace("[fetch]", "[fetch]\ndomains_per_request = 1\nretention = \"4d\"");
    fs::write(sandbox.path("jdcdn-stats.toml"), config).unwrap();
    for hours in [0, 2, 26, 60, 90] {
        sandbox.clock.set(at(NOW) + hours * 3_600);
        let ended = sandbox.run(&["sync"]);
        assert!(matches!(ended.code, Some(0 | 3)), "{ended:?}");
    }
    let database = sandbox.database();
    for (what, sql) in [
        (
            "changed points",
            "SELECT count(*) FROM restatement WHERE bandwidth_before IS NOT NULL",
        ),
        (
            "late points",
            "SELECT count(*) FROM restatement WHERE bandwidth_before IS NULL",
        ),
        ("confirmed holes", "SELECT count(*) FROM gap WHERE confirmed"),
        ("failed slots", "SELECT count(*) FROM gap WHERE reason = 'failed'"),
        (
            "rejected slots",
            "SELECT count(*) FROM gap WHERE reason = 'rejected'",
        ),
        (
            "slots beyond retention",
            "SELECT count(*) FROM gap WHERE reason = 'beyond_retention'",
        ),
        ("rejects", "SELECT count(*) FROM reject"),
        ("runs", "SELECT count(*) > 4 FROM run"),
        ("facts", "SELECT count(*) FROM service_fact"),
    ] {
        let found: i64 = database.query_row(sql, [], |row| row.get(0)).unwrap();
        assert!(found > 0, "there are no {what}");
    }
    sandbox
}

/// Puts an old file into the place of the database, and takes the copies of earlier upgrades away.
fn place(sandbox: &Sandbox, old: &OldFile) {
    sandbox.remove_database();
    for entry in fs::read_dir(sandbox.path("")).unwrap() {
        let entry = entry.unwrap();
        if entry.file_name().to_str().unwrap().contains(".before-v") {
            fs::remove_file(entry.path()).unwrap();
        }
    }
    old.write(&sandbox.path(DB));
}

/// The files in the sandbox's directory, without the database's own and the configuration.
fn others(sandbox: &Sandbox) -> Vec<String> {
    let entries = fs::read_dir(sandbox.path("")).unwrap();
    let mut names: Vec<String> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| {
            !["", "-wal", "-shm", "-journal", ".lock"]
                .map(|suffix| format!("{DB}{suffix}"))
                .contains(name)
                && !["jdcdn-stats.toml", "copy", "trace"].contains(&name.as_str())
        })
        .collect();
    names.sort_unstable();
    names
}

/// The copies that an upgrade from `version` leaves.
fn copies_of(version: i32) -> &'static [&'static str] {
    if version < REWRITING { &[COPY] } else { &[] }
}
