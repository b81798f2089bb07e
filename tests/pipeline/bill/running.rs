//! A month that is not over: what is certain so far, and where it will end.

use serde_json::Value;

use super::world::{account, bill, measured, points, summed, world};
use crate::sandbox::{Sandbox, at};

const NOW: &str = "2026-06-15 12:00";

fn running(start: &str) -> Sandbox {
    let sandbox = world(account(2), start, NOW);
    sandbox.run(&["sync"]).with(0);
    sandbox
}

#[track_caller]
fn assert_near(found: &Value, expected: i64, percent: i64) {
    let found = found.as_i64().unwrap();
    assert!(
        (found - expected).abs() * 100 <= expected * percent,
        "{found} instead of {expected}"
    );
}

#[test]
fn the_95_peak_is_at_least_what_is_left_without_5_percent_of_all_slots_of_the_month() {
    let sandbox = running("2026-05-20");
    let found = bill(&sandbox, &[]);
    assert_eq!(
        (&found["month"], &found["is_running"]),
        (&Value::from("2026-06"), &Value::Bool(true))
    );
    let all = points(&sandbox, ("2026-06-01", "2026-07-01"));
    let least = |points: &super::world::Points| {
        let mut ranked: Vec<i64> = points.values().map(|point| point.0).collect();
        ranked.sort_unstable();
        ranked[ranked.len() - 1 - 432]
    };
    assert_eq!(found["account"]["bandwidth_95_least"], least(&summed(&all)));
    for domain in found["domains"].as_array().unwrap() {
        let name = domain["domain"].as_str().unwrap();
        assert_eq!(domain["bandwidth_95_least"], least(&all[name]), "{name}");
        assert_eq!(
            (&domain["complete"], &domain["can_change"]),
            (&Value::Bool(false), &Value::Bool(true))
        );
    }
    // To the end of the month, from the newest slot that was available at the end of the run.
    let to_come = 2 * (at("2026-07-01") - at("2026-06-15 11:55")) / 300;
    assert_eq!(found["account"]["slots_to_come"], to_come);
    assert_eq!(found["account"]["slots_never_asked"], 0);
    let text = sandbox.run(&["bill"]).with(0);
    let flat = text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(
        flat.contains("The month is not over. Figures can still change: 8,930 slots still to come"),
        "{text}"
    );
    assert!(text.lines().all(|line| line.len() <= 80), "{text}");
}

#[test]
fn the_forecast_comes_near_the_end_of_the_month() {
    let sandbox = running("2026-05-20");
    let found = bill(&sandbox, &[]);
    // What the month really brings: the truth, asked for long after.
    let (from, to) = (at("2026-06-01"), at("2026-07-01"));
    let mut all = std::collections::BTreeMap::new();
    for name in &sandbox.domains {
        let truth = sandbox.simulator.truth().domain(name);
        let points = (from..to).step_by(300).map(|slot| {
            let point = truth.point(slot, to + 40 * 86_400).unwrap();
            (slot, (point.bandwidth, point.pv))
        });
        all.insert(name.clone(), points.collect::<super::world::Points>());
    }
    let months = found["domains"].as_array().unwrap();
    let of_domains = months
        .iter()
        .map(|month| (month, all[month["domain"].as_str().unwrap()].clone()));
    for (month, points) in of_domains.chain([(&found["account"], summed(&all))]) {
        let end = measured(&points, 8640, 30);
        assert_near(&month["forecast_traffic_bytes"], end.traffic, 8);
        assert_near(&month["forecast_pv"], end.pv, 8);
        assert_near(&month["forecast_bandwidth_95"], end.peak_95, 8);
        let so_far = |name: &str| month[name].as_i64().unwrap();
        assert!(so_far("forecast_bandwidth_peak") >= so_far("bandwidth_peak"));
        assert!(so_far("forecast_bandwidth_95") >= so_far("bandwidth_95_least"));
    }
    let method = found["forecast_method"].as_str().unwrap();
    assert!(
        method.starts_with("Forecast: ") && method.contains("same weekday"),
        "{method}"
    );
    let text = sandbox.run(&["bill"]).with(0);
    assert!(
        text.contains("forecast (10^6)") && text.contains("Forecast: each day"),
        "{text}"
    );
}

#[test]
fn without_seven_whole_days_there_is_no_forecast() {
    let sandbox = running("2026-06-10");
    let found = bill(&sandbox, &[]);
    assert_eq!(found["account"]["forecast_bandwidth_95"], Value::Null);
    assert_eq!(found["account"]["forecast_traffic_bytes"], Value::Null);
    assert_eq!(
        found["forecast_method"],
        "Forecast: not enough whole days yet; it needs 7."
    );
    let text = sandbox.run(&["bill"]).with(0);
    assert!(text.contains("not enough whole days yet"), "{text}");
}

#[test]
fn figures_that_are_out_of_date_say_so() {
    let sandbox = running("2026-06-10");
    let database = rusqlite::Connection::open(sandbox.path("jdcdn-stats.db")).unwrap();
    let noted = "INSERT INTO rollup_due SELECT id, ?1 FROM domain";
    database.execute(noted, [at("2026-06-12")]).unwrap();
    drop(database);
    let found = bill(&sandbox, &[]);
    assert_eq!(found["stale_days"], 2);
    let text = sandbox.run(&["bill"]).with(0);
    assert!(
        text.contains("Rollups are out of date for 2 domain-days"),
        "{text}"
    );
}
