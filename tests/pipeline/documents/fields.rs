//! `docs/json.md` lists the fields that the program prints, and no others.

use std::collections::BTreeSet;

use jdcdn_stats::simulator::{DataFault, Fault, Mutation, Rule, Settings};
use serde_json::Value;

use super::markdown::Document;
use crate::sandbox::{Sandbox, at};

const PAGE: &str = "docs/json.md";
const DAY: (&str, &str) = ("2026-06-14", "2026-06-15");
const BAD: &str = "d000.example.com";
const REFUSED: &str = "d001.example.com";
const LATE: &str = "d002.example.com";

/// The paths of the values in JSON, as `a.b` and `a[].b`.
#[derive(Default)]
struct Paths {
    values: BTreeSet<String>,
    nulls: BTreeSet<String>,
}

impl Paths {
    fn add(&mut self, value: &Value, path: &str) {
        match value {
            Value::Null => {
                self.nulls.insert(path.to_owned());
            }
            Value::Object(fields) => {
                for (name, value) in fields {
                    let dot = if path.is_empty() { "" } else { "." };
                    self.add(value, &format!("{path}{dot}{name}"));
                }
            }
            Value::Array(items) if !items.is_empty() => {
                for item in items {
                    self.add(item, &format!("{path}[]"));
                }
            }
            Value::Array(_) => {
                self.values.insert(format!("{path}[]"));
            }
            _ => {
                self.values.insert(path.to_owned());
            }
        }
    }

    /// All paths, without empty lists of which another output shows the items.
    fn all(&self) -> BTreeSet<&String> {
        let has_items = |path: &String| {
            self.values
                .iter()
                .any(|other| other.starts_with(&format!("{path}.")))
        };
        let values = self.values.iter().filter(|path| !has_items(path));
        values.chain(&self.nulls).collect()
    }

    /// Whether `path` is null in every output, or a field of what is null.
    fn is_null(&self, path: &str) -> bool {
        self.nulls
            .iter()
            .any(|null| path == null || path.starts_with(&format!("{null}.")))
    }
}

/// The fields of these outputs are those under `heading`.
#[track_caller]
fn assert_documented(heading: &str, outputs: &[Value]) {
    let mut printed = Paths::default();
    for output in outputs {
        printed.add(output, "");
    }
    let table = &Document::section(PAGE, heading).tables[0];
    let documented: BTreeSet<String> = table[1..]
        .iter()
        .map(|row| row[0].trim_matches('`').to_owned())
        .collect();
    let is_documented = |path: &String| {
        let fields = format!("{path}.");
        documented
            .iter()
            .any(|other| other == path || other.starts_with(&fields))
    };
    let undocumented: Vec<_> = printed
        .all()
        .into_iter()
        .filter(|path| !is_documented(path))
        .collect();
    let not_printed: Vec<_> = documented
        .iter()
        .filter(|path| !printed.values.contains(*path) && !printed.is_null(path))
        .collect();
    assert!(
        undocumented.is_empty() && not_printed.is_empty(),
        "{heading}: not in {PAGE}: {undocumented:?}; not printed: {not_printed:?}"
    );
}

fn json(sandbox: &Sandbox, args: &[&str], code: i32) -> Value {
    sandbox.run(&[args, &["--format", "json"]].concat()).json(code)
}

/// Fetches a day of three domains, of which one is refused, one has a hole and one a point that cannot be read;
/// returns the summaries.
fn fetch(sandbox: &Sandbox) -> Vec<Value> {
    let bad = DataFault::Mutate {
        domain: BAD.to_owned(),
        slot: at("2026-06-14 01:00"),
        mutation: Mutation::NegativePv,
    };
    let omitted = DataFault::Omit {
        domain: LATE.to_owned(),
        slot: at("2026-06-14 02:00"),
    };
    let fetches = [
        (REFUSED, Fault::envelope(18), 3),
        (LATE, Fault::Data(omitted), 0),
        (BAD, Fault::Data(bad), 3),
    ];
    let fetch = |(domain, fault, code)| {
        sandbox.simulator.rule(Rule::always(fault).for_domain(domain));
        let args = ["backfill", "-d", domain, "--from", DAY.0, "--to", DAY.1];
        let summary = json(sandbox, &args, code);
        sandbox.simulator.clear_faults();
        summary
    };
    fetches.map(fetch).to_vec()
}

/// The changes after a point of the month was restated.
fn changes(sandbox: &Sandbox) -> Value {
    let restated = DataFault::Mutate {
        domain: LATE.to_owned(),
        slot: at("2026-06-14 03:00"),
        mutation: Mutation::UnknownCode,
    };
    sandbox.simulator.rule(Rule::always(Fault::Data(restated)));
    let fetch = ["backfill", "-d", LATE, "--from", DAY.0, "--to", DAY.1, "--force"];
    sandbox.run(&fetch).with(0);
    sandbox.simulator.clear_faults();
    json(sandbox, &["bill", "2026-06", "--changes"], 0)
}

#[test]
fn the_page_lists_the_fields_of_every_output() {
    let sandbox = Sandbox::with_domains(3);
    sandbox.configure(&Settings::default().username, &format!("start = {:?}", DAY.0));
    let plan = ["backfill", "--from", DAY.0, "--to", DAY.1, "--dry-run"];
    assert_documented("Dry run", &[json(&sandbox, &plan, 0)]);
    assert_documented("Summary of a run", &fetch(&sandbox));
    assert_documented("Gaps", &[json(&sandbox, &["gaps"], 0)]);
    assert_documented("Rejects", &[json(&sandbox, &["rejects", "list"], 0)]);
    assert_documented("Replay", &[json(&sandbox, &["rejects", "replay", "--all"], 3)]);
    let status = ["status", "--settling", "--fail-if-gaps"];
    assert_documented("Status", &[json(&sandbox, &status, 6)]);
    assert_documented("Check", &[json(&sandbox, &["check"], 0)]);
    assert_documented("Domains", &[json(&sandbox, &["domains", "list"], 0)]);
    let bill = ["bill", "2026-06"];
    assert_documented("Bill", &[json(&sandbox, &bill, 0)]);
    sandbox.clock.set(at("2026-07-01"));
    let close = [&bill[..], &["--close", "--note", "a"]].concat();
    assert_documented("Closing", &[json(&sandbox, &close, 0)]);
    assert_documented("Changes since a closing", &[changes(&sandbox)]);
    assert_documented("Snapshot", &[json(&sandbox, &["snapshot", "copy.db"], 0)]);
    assert_documented("Restore", &[json(&sandbox, &["restore", "copy.db"], 0)]);
    let manifests = ["csv", "parquet"].map(|format| {
        sandbox.run(&["export", "--format", format, format]).with(0);
        let manifest = std::fs::read(sandbox.path(&format!("{format}/_manifest.json"))).unwrap();
        serde_json::from_slice(&manifest).unwrap()
    });
    assert_documented("Manifest of an export", &manifests);
}
