//! `status` says how far each domain is complete, and which months of the account are.

use jdcdn_stats::simulator::{DataFault, Mutation, Rule, Settings};
use serde_json::{Value, json};

use crate::sandbox::{NOW, Sandbox, at, domains};

fn status(sandbox: &Sandbox) -> Value {
    sandbox.run(&["status", "--format", "json"]).json(0)
}

/// From when and until when each domain is complete.
fn ranges(status: &Value) -> Vec<(Option<String>, Option<String>)> {
    let domains = status["domains"].as_array().unwrap().iter();
    let date = |time: &Value| Some(time.as_str()?.get(..10)?.to_owned());
    domains
        .map(|domain| (date(&domain["complete_from"]), date(&domain["complete_until"])))
        .collect()
}

fn range(from: &str, until: &str) -> (Option<String>, Option<String>) {
    (Some(from.to_owned()), Some(until.to_owned()))
}

#[test]
fn a_domain_is_complete_up_to_its_first_day_that_can_still_change() {
    let sandbox = Sandbox::new(Settings {
        domains: domains(2),
        retention_seconds: None,
        ..Settings::default()
    });
    // On the 3rd of May, a point of the second domain cannot be read.
    let damaged = DataFault::Mutate {
        domain: "d001.example.com".to_owned(),
        slot: at("2026-05-03 10:00"),
        mutation: Mutation::NegativePv,
    };
    sandbox.simulator.rule(Rule::always(damaged));
    sandbox.backfill("2026-03-30 12:00", "now", &[]).with(3);
    let told = status(&sandbox);
    // The last day whose every slot is a day old is the 13th.
    assert_eq!(
        ranges(&told),
        [
            range("2026-03-31", "2026-06-14"),
            range("2026-03-31", "2026-05-03")
        ]
    );
    let month = |name: &str, complete: bool, running: bool| json!({"month": name, "complete": complete, "running": running});
    assert_eq!(
        told["account_months"],
        json!([
            month("2026-03", false, false),
            month("2026-04", true, false),
            month("2026-05", false, false),
            month("2026-06", false, true)
        ])
    );
    let shown = sandbox.run(&["status"]).with(0);
    let line = "Months of the account: complete: 2026-04";
    assert!(
        shown.contains(line) && shown.contains("running: 2026-06."),
        "{shown}"
    );

    // Later, the point can be read, and the rest of the days that were asked for is settled.
    sandbox.simulator.clear_faults();
    sandbox.clock.set(at(NOW) + 3 * 86_400);
    sandbox.backfill("2026-05-01", "2026-06-15", &["--force"]).with(0);
    let told = status(&sandbox);
    assert_eq!(told["account_months"][2], month("2026-05", true, false));
    assert_eq!(
        ranges(&told),
        [
            range("2026-03-31", "2026-06-15"),
            range("2026-03-31", "2026-06-15")
        ]
    );
}

#[test]
fn without_a_complete_day_there_is_no_range_and_without_a_point_no_month() {
    let sandbox = Sandbox::with_domains(1);
    sandbox.run(&["migrate"]).with(0);
    let told = status(&sandbox);
    assert_eq!(
        (ranges(&told), &told["account_months"]),
        (vec![(None, None)], &json!([]))
    );
    sandbox.backfill("2026-06-15", "now", &[]).with(0);
    let told = status(&sandbox);
    assert_eq!(ranges(&told), [(None, None)]);
    assert_eq!(
        told["account_months"],
        json!([{"month": "2026-06", "complete": false, "running": true}])
    );
}
