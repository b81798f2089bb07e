//! The metrics of a real `watch`, and what is built on them: the alerts, the dashboard, and the tables of
//! `deploy/README.md`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use jdcdn_stats::simulator::{Fault, Rule};
use serde_json::Value;

use crate::documents::markdown::Document;
use crate::monitoring::{get, metrics_of, value};
use crate::sandbox::{NOW, Sandbox, at, wait_until};
use crate::watch::{EVERY_SECOND, Watch, sandbox};

const README: &str = "deploy/README.md";
/// The labels that Prometheus adds to every series.
const ADDED: [&str; 2] = ["job", "instance"];

/// The series of a page: the values of every label, by metric and label.
type Series = BTreeMap<String, BTreeMap<String, BTreeSet<String>>>;

fn file(name: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(name)).unwrap()
}

/// A metric with its labels as a query or a page writes them: name, and label, operator and value.
type Selector = (String, Vec<(String, String, String)>);

/// The metrics of this program that `text` names.
fn selectors(text: &str) -> Vec<Selector> {
    let is_part = |char: char| char.is_ascii_alphanumeric() || char == '_' || char == ':';
    let mut found = Vec::new();
    for (at, _) in text.match_indices("jdcdn_") {
        if text[..at].ends_with(is_part) {
            continue;
        }
        let end = text[at..]
            .find(|char| !is_part(char))
            .map_or(text.len(), |length| at + length);
        let name = text[at..end].to_owned();
        let labels = text[end..]
            .strip_prefix('{')
            .map_or("", |rest| rest.split('}').next().unwrap());
        let label = |given: &str| {
            let (label, rest) = given.split_once('=')?;
            let (operator, rest) = rest.split_once('"')?;
            let value = rest.strip_suffix('"')?;
            Some((label.trim().to_owned(), operator.to_owned(), value.to_owned()))
        };
        found.push((name, labels.split(',').filter_map(label).collect()));
    }
    found
}

/// The series of a page, without its comments.
fn series(page: &str) -> Series {
    let mut all = Series::new();
    for line in page.lines().filter(|line| !line.starts_with('#')) {
        let [(name, labels)] = &selectors(line)[..] else {
            panic!("not one metric: {line}");
        };
        let known = all.entry(name.clone()).or_default();
        for (label, _, value) in labels {
            known.entry(label.clone()).or_default().insert(value.clone());
        }
    }
    all
}

/// A `watch` with metrics that has brought two domains up to date, and its page.
fn scraped() -> (Sandbox, Series) {
    let sandbox = sandbox(2);
    let mut watch = Watch::start(&sandbox, &["--metrics", "0"], &[]);
    let address = metrics_of(&mut watch);
    watch.says("up to date");
    let series = series(&get(&address, "/metrics").1);
    watch.stops();
    (sandbox, series)
}

/// Every metric that `text` names exists, with these labels and these values.
#[track_caller]
fn assert_exist(what: &str, text: &str, series: &Series) {
    let named = selectors(text);
    assert!(!named.is_empty(), "{what}");
    for (name, labels) in named {
        let Some(known) = series.get(&name) else {
            panic!("{what}: there is no {name}");
        };
        for (label, operator, given) in labels {
            // The domains of an example are others.
            if ADDED.contains(&label.as_str()) || label == "domain" {
                continue;
            }
            let Some(values) = known.get(&label) else {
                panic!("{what}: {name} has no label {label}");
            };
            assert!(
                ["", "~"].contains(&operator.as_str()),
                "{what}: {name}: {operator}"
            );
            for value in given.split('|') {
                assert!(
                    values.contains(value),
                    "{what}: {name} has no {label}={value:?}: {values:?}"
                );
            }
        }
    }
}

/// The alerts in `alerts.yml`, in its order.
fn alerts() -> Vec<String> {
    let rules = file("deploy/prometheus/alerts.yml");
    let names = rules
        .lines()
        .filter_map(|line| line.trim().strip_prefix("- alert: "));
    names.map(str::to_owned).collect()
}

#[test]
fn rules_dashboard_and_page_speak_of_metrics_that_a_real_process_has() {
    let (_sandbox, series) = scraped();
    for name in ["alerts.yml", "alerts.test.yml"] {
        assert_exist(name, &file(&format!("deploy/prometheus/{name}")), &series);
    }

    let dashboard: Value = serde_json::from_str(&file("deploy/prometheus/jdcdn-stats.json")).unwrap();
    let mut shown = BTreeSet::new();
    for panel in dashboard["panels"].as_array().unwrap() {
        let title = panel["title"].as_str().unwrap();
        for target in panel["targets"].as_array().unwrap() {
            let expr = target["expr"].as_str().unwrap();
            if !expr.starts_with("up{") {
                assert_exist(title, expr, &series);
            }
            let names: Vec<String> = selectors(expr).into_iter().map(|(name, _)| name).collect();
            let legend = target["legendFormat"].as_str().unwrap();
            for label in legend
                .split("{{")
                .skip(1)
                .map(|rest| rest.split("}}").next().unwrap())
            {
                let has = names.iter().any(|name| series[name].contains_key(label));
                assert!(has || ADDED.contains(&label), "{title}: {label}");
            }
            shown.extend(names);
        }
    }
    let all: BTreeSet<String> = series.keys().cloned().collect();
    assert_eq!(shown, all, "the dashboard shows every metric");

    let table = &Document::section(README, "Prometheus and Grafana").tables;
    let [_, alerts_table, metrics_table] = &table[..] else {
        panic!("{README} has the tables of the files, the alerts and the metrics");
    };
    let described: Vec<String> = alerts_table[1..]
        .iter()
        .map(|row| row[0].trim_matches('`').to_owned())
        .collect();
    assert_eq!(described, alerts(), "{README}");
    let mut documented = BTreeSet::new();
    for row in &metrics_table[1..] {
        let name = row[0].trim_matches('`');
        let (name, labels) = name.split_once('{').unwrap_or((name, "}"));
        let labels: BTreeSet<&str> = labels
            .trim_end_matches('}')
            .split(',')
            .filter(|label| !label.is_empty())
            .collect();
        let known = series
            .get(name)
            .unwrap_or_else(|| panic!("{README}: there is no {name}"));
        assert_eq!(
            labels,
            known.keys().map(String::as_str).collect(),
            "{README}: {name}"
        );
        for (label, values) in known {
            if ["domain", "version", "commit"].contains(&label.as_str()) {
                continue;
            }
            for value in values {
                assert!(
                    row[1].contains(&format!("`{value}`")),
                    "{README}: {name} has {label}={value:?}"
                );
            }
        }
        documented.insert(name.to_owned());
    }
    assert_eq!(documented, all, "{README}");
}

#[test]
fn a_query_of_a_metric_or_a_label_that_is_not_there_is_noticed() {
    let page =
        "# TYPE jdcdn_a counter\njdcdn_a_total{kind=\"x\"} 1\njdcdn_a_total{kind=\"y\"} 2\njdcdn_b 3.0\n";
    let series = series(page);
    let fails = |query: &str| std::panic::catch_unwind(|| assert_exist("test", query, &series)).is_err();
    for right in [
        "rate(jdcdn_a_total{job=\"j\", kind=\"x\"}[5m])",
        "sum(jdcdn_a_total{kind=~\"x|y\"}) > jdcdn_b",
        "jdcdn_b unless jdcdn:rule",
    ] {
        assert!(!fails(right), "{right}");
    }
    for wrong in [
        "jdcdn_a",
        "jdcdn_a_total{kind=\"z\"}",
        "jdcdn_a_total{kind=~\"x|z\"}",
        "jdcdn_b{kind=\"x\"}",
        "1 > jdcdn_c",
    ] {
        assert!(fails(wrong), "{wrong}");
    }
}

#[test]
fn a_process_that_starts_again_knows_the_last_success_and_what_is_late() {
    let sandbox = sandbox(2);
    sandbox.run(&["sync"]).with(0);
    let ended: i64 = sandbox
        .database()
        .query_row("SELECT finished_at FROM origin_runs", [], |row| row.get(0))
        .unwrap();
    // 2 hours later the API does not answer any more.
    sandbox.simulator.rule(Rule::always(Fault::Hang));
    sandbox.clock.set(at(NOW) + 7_320);
    let mut watch = Watch::start(&sandbox, &["--metrics", "0"], &[]);
    let address = metrics_of(&mut watch);
    wait_until("the run has begun", || sandbox.requests() > 3);
    let page = get(&address, "/metrics").1;
    let whole = |series: &str| format!("{:.0}", value(&page, series));
    assert_eq!(whole("jdcdn_last_success_timestamp_seconds"), ended.to_string());
    assert_eq!(
        whole("jdcdn_requests_total{outcome=\"failed\"}"),
        "0",
        "it may still be answered"
    );
    let run = value(&page, "jdcdn_run_started_timestamp_seconds");
    let started = value(&page, "jdcdn_started_timestamp_seconds");
    assert!(started >= 1_781_496_000.0 && run >= started, "{page}");
    // With a run every second, a slot is late after 20 minutes and 2 seconds.
    sandbox.clock.set(at(NOW) + 7_320 - 1_202);
    let plan = sandbox.run(&["sync", "--dry-run", "--format", "json"]).json(0);
    assert_eq!(whole("jdcdn_late_slots"), plan["slots"].to_string(), "{plan}");
    assert!(
        value(&page, "jdcdn_late_slots") < value(&page, "jdcdn_due_slots"),
        "{page}"
    );
    drop(watch);
}

#[test]
fn requests_count_while_a_run_lasts() {
    let sandbox = sandbox(1);
    sandbox
        .simulator
        .rule(Rule::always(Fault::Hang).when(|request| request.sequence > 2));
    let args = ["--metrics", "0", "--concurrency", "1", "--window", "6h"];
    let mut watch = Watch::start(&sandbox, &args, &[]);
    let address = metrics_of(&mut watch);
    wait_until("two answers are counted", || {
        value(
            &get(&address, "/metrics").1,
            "jdcdn_requests_total{outcome=\"ok\"}",
        ) > 1.5
    });
    let page = get(&address, "/metrics").1;
    assert!(
        value(&page, "jdcdn_run_started_timestamp_seconds") > 1.0,
        "{page}"
    );
    assert!(
        value(&page, "jdcdn_last_success_timestamp_seconds").abs() < 0.5,
        "{page}"
    );
    drop(watch);
}

#[test]
fn what_cannot_be_read_is_left_out_and_the_health_says_why() {
    let sandbox = sandbox(1);
    // Runs begin 15 seconds after the full hour. So the one after the first is almost an hour away.
    sandbox.configure("jcloud_00", &EVERY_SECOND.replace("1s", "1h"));
    sandbox.clock.set(at(NOW) + 60);
    let mut watch = Watch::start(&sandbox, &["--metrics", "0"], &[]);
    let address = metrics_of(&mut watch);
    watch.says("up to date");
    assert_eq!(
        get(&address, "/healthz"),
        ("HTTP/1.1 200 OK".to_owned(), "ok\n".to_owned())
    );
    let page = get(&address, "/metrics").1;
    assert!(value(&page, "jdcdn_disk_free_bytes") > 1.0 && value(&page, "jdcdn_database_bytes") > 1.0);

    std::fs::rename(sandbox.path("jdcdn-stats.db"), sandbox.path("moved.db")).unwrap();
    let (status, why) = get(&address, "/healthz");
    assert_eq!(status, "HTTP/1.1 503 Service Unavailable");
    assert!(
        why.starts_with("there is no database at `") && why.ends_with("`\n"),
        "{why}"
    );
    let page = get(&address, "/metrics").1;
    assert!(value(&page, "jdcdn_database_readable").abs() < 0.5, "{page}");
    for gone in [
        "jdcdn_due_slots",
        "jdcdn_late_slots",
        "jdcdn_stale_days",
        "jdcdn_gap_slots",
        "jdcdn_newest_point_age",
    ] {
        assert!(!page.lines().any(|line| line.starts_with(gone)), "{gone}: {page}");
    }

    std::fs::rename(sandbox.path("moved.db"), sandbox.path("jdcdn-stats.db")).unwrap();
    assert_eq!(get(&address, "/healthz").0, "HTTP/1.1 200 OK");
    assert_eq!(get(&address, "/health").0, "HTTP/1.1 404 Not Found");
    drop(watch);
}
