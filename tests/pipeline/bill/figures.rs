//! The figures of a month that is over.

use std::collections::BTreeMap;

use jdcdn_stats::simulator::{DataFault, Rule};
use serde_json::Value;

use super::world::{USER, account, bill, may, measured, points, shown, summed, world};
use crate::sandbox::{Sandbox, at};

const MAY: (&str, &str) = ("2026-05-01", "2026-06-01");
const SLOTS: usize = 31 * 288;

/// Every bandwidth and the traffic of a month are the same figure in all units.
#[track_caller]
fn assert_units(month: &Value, prefix: &str) {
    let number = |name: String| month[&name].as_f64().unwrap_or_else(|| panic!("{name}: {month}"));
    let is = |name: String, expected: f64| {
        let found = number(name.clone());
        assert!(
            (found - expected).abs() <= expected.abs() * 1e-12,
            "{name}: {found}"
        );
    };
    for name in [
        "bandwidth_95",
        "bandwidth_peak",
        "bandwidth_fourth_peak",
        "bandwidth_daily_peak_avg",
    ] {
        let bits = number(format!("{prefix}{name}"));
        is(format!("{prefix}{name}_mbit"), bits / 1e6);
        is(format!("{prefix}{name}_mibit"), bits / 1_048_576.0);
    }
    let bytes = number(format!("{prefix}traffic_bytes"));
    is(format!("{prefix}traffic_gb"), bytes / 1e9);
    is(format!("{prefix}traffic_gib"), bytes / 1_073_741_824.0);
}

/// The rows of the CSV output, by column.
fn csv(sandbox: &Sandbox, args: &[&str]) -> Vec<BTreeMap<String, String>> {
    let text = sandbox
        .run(&[&["bill"], args, &["--format", "csv"]].concat())
        .with(0);
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let header = reader.headers().unwrap().clone();
    let rows = reader.records().map(Result::unwrap);
    rows.map(|row| {
        let cells = header.iter().zip(row.iter());
        cells
            .map(|(name, cell)| (name.to_owned(), cell.to_owned()))
            .collect()
    })
    .collect()
}

#[test]
fn a_complete_month_is_measured_as_its_points_are_in_every_unit_and_in_both_formats() {
    let sandbox = may();
    let all = points(&sandbox, MAY);
    let found = bill(&sandbox, &["2026-05"]);
    assert_eq!(shown(&found["account"]), measured(&summed(&all), SLOTS, 31));
    assert_eq!(found["account"]["domains"], 2);
    assert_eq!(found["account"]["points"], 2 * SLOTS);
    assert_units(&found["account"], "");
    let domains = found["domains"].as_array().unwrap();
    assert_eq!(domains.len(), 2);
    for domain in domains {
        let name = domain["domain"].as_str().unwrap();
        assert_eq!(shown(domain), measured(&all[name], SLOTS, 31), "{name}");
        assert_units(domain, "");
        assert_eq!(domain["completeness"], "complete");
        assert_eq!(domain["bandwidth_95_least"], domain["bandwidth_95"]);
    }
    let peaks = domains
        .iter()
        .map(|domain| domain["bandwidth_95"].as_i64().unwrap());
    assert!(peaks.is_sorted_by(|a, b| a >= b));
    assert_eq!(
        (&found["complete"], &found["can_change"]),
        (&Value::Bool(true), &Value::Bool(false))
    );
    assert_eq!(found["is_running"], false);
    assert_eq!(found["account"]["forecast_bandwidth_95"], Value::Null);

    let rows = csv(&sandbox, &["2026-05"]);
    let months = std::iter::once(&found["account"]).chain(domains);
    for (row, month) in rows.iter().zip(months) {
        assert_eq!(row["month_cst"], "2026-05");
        let is_account = month.get("domain").is_none();
        assert_eq!(row["scope"], if is_account { "account" } else { "domain" });
        for (name, value) in month.as_object().unwrap() {
            let expected = match value {
                Value::Null => String::new(),
                Value::Bool(flag) => i64::from(*flag).to_string(),
                Value::String(text) => text.clone(),
                Value::Number(number) => number.to_string(),
                other => panic!("{name}: {other}"),
            };
            // What JSON cannot hold exactly is compared as numbers.
            let is_close = |a: f64| {
                row[name]
                    .parse()
                    .is_ok_and(|b: f64| (a - b).abs() <= a.abs() * 1e-12)
            };
            assert!(
                name == "bandwidth_95_time" || row[name] == expected || value.as_f64().is_some_and(is_close),
                "{name}: {} instead of {expected}",
                row[name]
            );
        }
    }
    assert_eq!(rows.len(), 3);
}

#[test]
fn people_see_what_the_figures_are_in_both_units_within_80_columns() {
    let sandbox = may();
    let found = bill(&sandbox, &["2026-05"]);
    let text = sandbox.run(&["bill", "2026-05"]).with(0);
    assert!(text.lines().all(|line| line.len() <= 80), "{text}");
    let flat = text.split_whitespace().collect::<Vec<_>>().join(" ");
    for part in [
        "Bill of 2026-05 (China Standard Time, UTC+8), as of the end of the last run at 2026-06-15 12:00",
        "back-to-origin traffic of mainland China. This is not the invoice of the CDN: that traffic is measured at the \
         edge. The vendor's factor for billing days is not applied.",
        "The month is over, and it is complete.",
        "account: 2 domains",
        "state complete",
    ] {
        assert!(flat.contains(part), "{part}: {text}");
    }
    let months = found["domains"]
        .as_array()
        .unwrap()
        .iter()
        .chain([&found["account"]]);
    for month in months {
        for name in ["bandwidth_95", "bandwidth_peak", "bandwidth_fourth_peak"] {
            for unit in ["_mbit", "_mibit"] {
                let value = month[&format!("{name}{unit}")].as_f64().unwrap();
                let plain = text.replace(',', "");
                assert!(
                    plain.contains(&format!(" {value:.3}")),
                    "{name}{unit} {value}: {text}"
                );
            }
            assert!(flat.contains(&month[name].to_string()), "{name}: {text}");
        }
        let slot = month["bandwidth_95_time"].as_str().unwrap();
        let slot = format!("95 peak at {} {}", &slot[..10], &slot[11..16]);
        assert!(flat.contains(&slot), "{slot}: {text}");
    }
    let order: Vec<_> = found["domains"]
        .as_array()
        .unwrap()
        .iter()
        .map(|domain| text.find(domain["domain"].as_str().unwrap()).unwrap())
        .collect();
    assert!(order.is_sorted() && text.find("the account").unwrap() < order[0]);
}

#[test]
fn one_domain_is_shown_with_the_account_and_an_unknown_one_is_an_error() {
    let sandbox = may();
    let found = bill(&sandbox, &["2026-05", "-d", "d001.example.com"]);
    let names: Vec<_> = found["domains"]
        .as_array()
        .unwrap()
        .iter()
        .map(|domain| &domain["domain"])
        .collect();
    assert_eq!(names, ["d001.example.com"]);
    assert_eq!(found["account"], bill(&sandbox, &["2026-05"])["account"]);
    let error = sandbox.run(&["bill", "2026-05", "-d", "www.z.com"]).failed(1);
    assert!(error.contains("no figures of www.z.com in 2026-05"), "{error}");
}

#[test]
fn what_is_open_is_named_for_each_domain_and_added_up_for_the_account() {
    let sandbox = world(account(3), "2026-05-01", "2026-06-01 06:00");
    // A hole of one domain; a day that was never asked for of another one.
    let hole = DataFault::Omit {
        domain: "d000.example.com".to_owned(),
        slot: at("2026-05-10 12:00"),
    };
    sandbox.simulator.rule(Rule::always(hole));
    let fetch = |domain: &str, from: &str, to: &str| {
        sandbox.backfill(from, to, &["-d", domain]).with(0);
    };
    fetch("d000.example.com", "2026-05-01", "2026-06-01");
    fetch("d001.example.com", "2026-05-02", "2026-06-01");
    let found = bill(&sandbox, &["2026-05"]);
    let of = |name: &str| {
        let domains = found["domains"].as_array().unwrap();
        domains
            .iter()
            .find(|domain| domain["domain"] == name)
            .unwrap()
            .clone()
    };
    let (first, second) = (of("d000.example.com"), of("d001.example.com"));
    // After 06:00 of the day before, slots are younger than the last refresh age.
    let young = 18 * 12 - 1;
    assert_eq!(first["slots_not_settled"], young);
    assert_eq!(
        (&first["complete"], &first["can_change"]),
        (&Value::Bool(false), &Value::Bool(true))
    );
    assert_eq!(
        first["slots_unconfirmed"].as_i64().unwrap() + first["empty_slots"].as_i64().unwrap(),
        1
    );
    assert_eq!(second["slots_never_asked"], 288);
    assert_eq!(
        second["completeness"],
        format!("can change: {young} slots not settled, 288 not asked for")
    );
    // The third domain has no figures, and stands in the way all the same.
    assert_eq!(
        found["domains_without_figures"],
        serde_json::json!(["d002.example.com"])
    );
    assert_eq!(found["account"]["slots_never_asked"], 288 + SLOTS);
    assert_eq!(found["account"]["slots_not_settled"], 2 * young);
    assert_eq!(found["can_change"], true);
    let text = sandbox.run(&["bill", "2026-05"]).with(0);
    let flat = text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(
        flat.contains("The month is over. Figures can still change: 430 slots not settled"),
        "{text}"
    );
    assert!(
        flat.contains("Nothing was fetched of: d002.example.com."),
        "{text}"
    );
    assert!(text.lines().all(|line| line.len() <= 80), "{text}");
}

#[test]
fn a_month_without_figures_a_wrong_month_and_a_missing_file_each_have_a_sentence_and_a_code() {
    let sandbox = may();
    for (args, code, sentence) in [
        (
            &["2026-03"][..],
            1,
            "the database has no figures of the account in 2026-03",
        ),
        (&["2026-13"], 2, "`2026-13` is not a month: write it as `2026-10`"),
        (&["2026-05-01"], 2, "is not a month"),
        (&["2026-07"], 2, "2026-07 has not begun yet"),
        (&["2026-05", "--note", "x"], 2, "--close"),
        (&["2026-05", "--changes"], 1, "2026-05 has no closing"),
        (
            &["2026-05", "--changes", "--closing", "7"],
            1,
            "2026-05 has no closing with number 7",
        ),
    ] {
        let error = sandbox.run(&[&["bill"], args].concat()).failed(code);
        assert!(error.contains(sentence), "{args:?}: {error}");
    }
    sandbox.remove_database();
    let error = sandbox.run(&["bill", "2026-05"]).failed(5);
    assert!(error.contains("there is no database at"), "{error}");
    sandbox.run(&["bill", "2026-05", "--close"]).failed(5);
    assert!(!sandbox.path("jdcdn-stats.db").exists());
}

#[test]
fn with_labels_that_name_the_end_of_a_slot_the_month_begins_five_minutes_later() {
    let sandbox = world(account(1), "2026-05-01", "2026-06-15 12:00");
    sandbox.configure(USER, "start = \"2026-05-01\"\nslot_label = \"end\"");
    sandbox.backfill("2026-05-01", "2026-06-02", &[]).with(0);
    let found = bill(&sandbox, &["2026-05"]);
    let all = points(&sandbox, ("2026-05-01 00:05", "2026-06-01 00:05"));
    let shifted = all
        .values()
        .next()
        .unwrap()
        .iter()
        .map(|(ts, point)| (ts - 300, *point))
        .collect();
    let mut expected = measured(&shifted, SLOTS, 31);
    expected.ts_95 = expected.ts_95.map(|ts| ts + 300);
    assert_eq!(shown(&found["account"]), expected);
    assert_eq!(
        (&found["slot_label"], &found["complete"]),
        (&Value::from("end"), &Value::Bool(true))
    );
    let text = sandbox.run(&["bill", "2026-05"]).with(0);
    assert!(text.contains("(end of the slot)"), "{text}");
}

#[test]
fn an_account_of_many_domains_has_a_line_for_each_and_every_measure_of_the_chosen_ones() {
    let sandbox = world(account(25), "2026-05-31", "2026-06-15 12:00");
    sandbox.backfill("2026-05-31", "2026-06-01", &[]).with(0);
    let found = bill(&sandbox, &["2026-05"]);
    let text = sandbox.run(&["bill", "2026-05"]).with(0);
    assert!(text.lines().all(|line| line.len() <= 80), "{text}");
    assert_eq!(text.matches("  bit/s").count(), 1, "{text}");
    let plain = text.replace(',', "");
    let months = found["domains"].as_array().unwrap();
    assert_eq!(months.len(), 25);
    for month in months.iter().chain([&found["account"]]) {
        let name = month["domain"].as_str().unwrap_or("the account");
        let figure = |field: &str| format!("{:.1}", month[field].as_f64().unwrap());
        let expected = [
            figure("bandwidth_95_mbit"),
            figure("bandwidth_peak_mbit"),
            figure("traffic_gb"),
            "can change".to_owned(),
        ];
        let line = plain.lines().find(|line| line.starts_with(name)).unwrap();
        let rest = line[name.len()..]
            .split_whitespace()
            .collect::<Vec<_>>()
            .join(" ");
        assert_eq!(rest, expected.join(" "), "{name}");
    }
    let chosen = sandbox
        .run(&["bill", "2026-05", "-d", &sandbox.domains[24], &sandbox.domains[3]])
        .with(0);
    assert_eq!(chosen.matches("  bit/s").count(), 3, "{chosen}");
}
