//! Every slot without a point is shown, with the reason.

use jdcdn_stats::simulator::{DataFault, EntryForm, Mutation, Rule, Settings};
use serde_json::{Value, json};

use crate::sandbox::{NOW, Sandbox, at, domains};

/// The gaps that `gaps` lists, as domain, from, to and reason.
fn listed(sandbox: &Sandbox, args: &[&str]) -> Vec<(String, String, String, String)> {
    let told = sandbox
        .run(&[&["gaps", "--format", "json"], args].concat())
        .json(0);
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let domains = told.get("domains").and_then(Value::as_array).unwrap().iter();
    let gaps = domains.flat_map(|domain| {
        let gaps = domain["gaps"].as_array().unwrap().iter();
        gaps.map(|gap| {
            let minute = |key: &str| {
                text(&gap[key])
                    .chars()
                    .take(16)
                    .collect::<String>()
                    .replace('T', " ")
            };
            (
                text(&domain["domain"]),
                minute("from"),
                minute("to"),
                text(&gap["reason"]),
            )
        })
    });
    gaps.collect()
}

/// The rows of `origin_gaps` in the same form.
fn table(sandbox: &Sandbox) -> Vec<(String, String, String, String)> {
    let database = sandbox.database();
    let mut select = database
        .prepare(
            "SELECT domain, substr(start_cst, 1, 16), substr(end_cst, 1, 16), reason FROM origin_gaps
             ORDER BY domain, start_ts",
        )
        .unwrap();
    let rows = select.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)));
    rows.unwrap().map(Result::unwrap).collect()
}

fn gap(domain: &str, from: &str, to: &str, reason: &str) -> (String, String, String, String) {
    let day = |time: &str| {
        if time.len() == 10 {
            format!("{time} 00:00")
        } else {
            time.to_owned()
        }
    };
    (
        format!("{domain}.example.com"),
        day(from),
        day(to),
        reason.to_owned(),
    )
}

fn omit(domain: &str, slot: &str) -> DataFault {
    DataFault::Omit {
        domain: format!("{domain}.example.com"),
        slot: at(slot),
    }
}

/// A file with gaps of every reason, in four domains.
pub(crate) fn with_every_reason() -> Sandbox {
    let sandbox = Sandbox::new(Settings {
        domains: domains(4),
        retention_seconds: Some(10 * 86_400),
        ..Settings::default()
    });
    // Retention ends at 12:00 of the 5th. One hole inside a window, one over two, one point that is damaged.
    sandbox
        .simulator
        .rule(Rule::always(omit("d000", "2026-06-09 08:00")).for_moment(at("2026-06-09 08:00")));
    let damaged = DataFault::Mutate {
        domain: "d001.example.com".to_owned(),
        slot: at("2026-06-10 10:05"),
        mutation: Mutation::NegativePv,
    };
    sandbox
        .simulator
        .rule(Rule::always(damaged).for_moment(at("2026-06-10 10:05")));
    sandbox.simulator.rule(
        Rule::always(DataFault::AbsentDomain("d002.example.com".to_owned()))
            .for_moment(at("2026-06-11 12:00")),
    );
    let unusable = DataFault::Entry {
        domain: "d003.example.com".to_owned(),
        form: EntryForm::Null,
    };
    sandbox
        .simulator
        .rule(Rule::always(unusable).for_moment(at("2026-06-08 06:00")));
    sandbox.configure("jcloud_00", "start = \"2026-06-04\"");
    // This API keeps less than a month; a refusal counts for slots older than this.
    let config = std::fs::read_to_string(sandbox.path("jdcdn-stats.toml")).unwrap();
    let config = config.replace("[fetch]", "[fetch]\nretention = \"7d\"");
    std::fs::write(sandbox.path("jdcdn-stats.toml"), config).unwrap();
    sandbox.backfill("2026-06-04", "2026-06-12", &[]).with(3);
    sandbox
        .backfill("2026-06-13", "now", &["-d", "d003.example.com"])
        .with(0);
    sandbox
}

#[test]
fn each_reason_shows_with_its_interval_in_the_command_and_in_the_table() {
    let sandbox = with_every_reason();
    let beyond = |domain: &str| gap(domain, "2026-06-04", "2026-06-05 12:00", "beyond_retention");
    let never = |domain: &str| gap(domain, "2026-06-12", "2026-06-15 11:55", "never_asked");
    let expected = [
        beyond("d000"),
        gap("d000", "2026-06-09 08:00", "2026-06-09 08:05", "empty"),
        never("d000"),
        beyond("d001"),
        gap("d001", "2026-06-10 10:05", "2026-06-10 10:10", "rejected"),
        never("d001"),
        beyond("d002"),
        gap("d002", "2026-06-11", "2026-06-12", "empty"),
        never("d002"),
        beyond("d003"),
        gap("d003", "2026-06-08", "2026-06-09", "failed"),
        gap("d003", "2026-06-12", "2026-06-13", "never_asked"),
    ];
    assert_eq!(listed(&sandbox, &[]), expected);
    assert_eq!(table(&sandbox), expected);
    let narrow = [
        "-d",
        "d002.example.com",
        "--from",
        "2026-06-11 12:00",
        "--to",
        "2026-06-12 06:00",
    ];
    assert_eq!(
        listed(&sandbox, &narrow),
        [
            gap("d002", "2026-06-11 12:00", "2026-06-12", "empty"),
            gap("d002", "2026-06-12", "2026-06-12 06:00", "never_asked"),
        ]
    );

    let shown = sandbox.run(&["gaps"]).with(0);
    assert!(
        shown.contains("d001.example.com  2026-06-10 10:05  2026-06-10 10:10      1  rejected\n"),
        "{shown}"
    );
    let total = shown
        .lines()
        .last()
        .unwrap()
        .split_whitespace()
        .collect::<Vec<_>>();
    let never_asked = (3 * (3 * 288 + 143) + 288).to_string();
    assert_eq!(
        total,
        ["total", &never_asked, "288", "289", "1", &(4 * 432).to_string()]
    );

    // A new request without faults fills the gaps; a gap beyond retention stays.
    sandbox.simulator.clear_faults();
    sandbox.backfill("2026-06-06", "now", &["--force"]).with(0);
    let left = ["d000", "d001", "d002", "d003"].map(beyond);
    assert_eq!(listed(&sandbox, &[]), left);
    assert_eq!(table(&sandbox), left);
}

#[test]
fn a_domain_that_is_no_longer_configured_has_no_gaps_but_the_holes_in_what_was_asked_for() {
    let sandbox = Sandbox::with_domains(2);
    sandbox.configure("jcloud_00", "start = \"2026-06-14\"");
    sandbox
        .simulator
        .rule(Rule::always(omit("d001", "2026-06-14 10:00")));
    sandbox.run(&["sync"]).with(0);
    let config = std::fs::read_to_string(sandbox.path("jdcdn-stats.toml")).unwrap();
    let without = config.replace(", \"d001.example.com\"", "");
    assert_ne!(config, without);
    std::fs::write(sandbox.path("jdcdn-stats.toml"), without).unwrap();

    sandbox.clock.set(at(NOW) + 7_200);
    sandbox.run(&["sync"]).with(0);
    let hole = gap("d001", "2026-06-14 10:00", "2026-06-14 10:05", "empty");
    assert_eq!(listed(&sandbox, &[]), std::slice::from_ref(&hole));
    assert_eq!(table(&sandbox), std::slice::from_ref(&hole));
    // Named, it is one that is wanted.
    // Named, it is one that is wanted: what no run has noted is counted apart.
    let named = ["gaps", "--format", "json", "-d", "d001.example.com"];
    let named = sandbox.run(&named).json(0);
    assert_eq!(named["domains"][0]["new_slots"], 24);
    assert_eq!(listed(&sandbox, &["-d", "d001.example.com"]), [hole]);
}

#[test]
fn without_gaps_it_says_so_and_slots_that_are_not_available_yet_are_none() {
    let sandbox = Sandbox::with_domains(2);
    sandbox.configure("jcloud_00", "start = \"2026-06-14\"");
    sandbox.run(&["sync"]).with(0);
    let ended = "As of the end of the last run at 2026-06-15 12:00";
    assert_eq!(sandbox.run(&["gaps"]).with(0), format!("{ended}.\n\nno gaps\n"));
    assert_eq!(table(&sandbox), []);
    let total = &sandbox.run(&["gaps", "--format", "json"]).json(0)["total"];
    assert_eq!(
        *total,
        json!({"never_asked": 0, "failed": 0, "empty": 0, "rejected": 0, "beyond_retention": 0})
    );
    // A slot later the list is still that of the last run, and says so.
    sandbox.clock.set(at(NOW) + 300);
    assert_eq!(listed(&sandbox, &[]), []);
    assert_eq!(table(&sandbox), []);
    assert_eq!(
        sandbox.run(&["gaps"]).with(0),
        format!(
            "{ended} (5m ago).\n\nno gaps\n\nNot included: 2 slots that became available, or were configured, after \
             that. The next run asks for them.\n"
        )
    );
    sandbox
        .run(&["gaps", "--from", "2026-06-15", "--to", "2026-06-14"])
        .with(2);
}
