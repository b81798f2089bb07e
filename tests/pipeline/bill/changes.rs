//! What is different since a month was closed.

use std::collections::{BTreeMap, BTreeSet};

use jdcdn_stats::clock::Clock as _;
use jdcdn_stats::simulator::{DataFault, Late, Mutation, Rule};
use serde_json::Value;

use super::world::{Points, USER, account, bill, may, points, shown, world};
use crate::sandbox::{Sandbox, at};

const MAY: (&str, &str) = ("2026-05-01", "2026-06-01");
const HOUR: i64 = 3_600;

/// A point that is named: its domain, time and what became of it.
type Named = (String, i64, String);

#[track_caller]
fn changes(sandbox: &Sandbox, more: &[&str]) -> Value {
    let args = [&["bill", "2026-05", "--changes", "--format", "json"], more].concat();
    sandbox.run(&args).json(0)
}

fn domains(changes: &Value) -> impl Iterator<Item = (&str, &Value)> {
    let all = changes["domains"].as_array().unwrap().iter();
    all.map(|domain| (domain["domain"].as_str().unwrap(), domain))
}

fn days(changes: &Value) -> impl Iterator<Item = (&str, &Value)> {
    domains(changes).flat_map(|(name, domain)| {
        domain["days"]
            .as_array()
            .unwrap()
            .iter()
            .map(move |day| (name, day))
    })
}

fn named_points(changes: &Value) -> BTreeSet<Named> {
    days(changes)
        .flat_map(|(name, day)| {
            let points = day["points"].as_array().unwrap().iter();
            points.map(move |point| {
                let what = point["change"].as_str().unwrap().to_owned();
                (name.to_owned(), point["ts"].as_i64().unwrap(), what)
            })
        })
        .collect()
}

fn named_days(changes: &Value) -> BTreeSet<(String, String)> {
    days(changes)
        .map(|(name, day)| (name.to_owned(), day["date"].as_str().unwrap().to_owned()))
        .collect()
}

fn day_of(ts: i64) -> String {
    jdcdn_stats::model::civil::cst_date(ts)
}

/// A domain and the time of a point.
type PointKeys = BTreeSet<(String, i64)>;

/// Points that are stored with other figures than before, and points that are new.
fn differences(before: &BTreeMap<String, Points>, now: &BTreeMap<String, Points>) -> (PointKeys, PointKeys) {
    let (mut other, mut new) = (BTreeSet::new(), BTreeSet::new());
    for (name, points) in now {
        for (ts, point) in points {
            match before.get(name).and_then(|points| points.get(ts)) {
                None => {
                    let _ = new.insert((name.clone(), *ts));
                }
                Some(old) if old != point => {
                    let _ = other.insert((name.clone(), *ts));
                }
                Some(_) => {}
            }
        }
    }
    (other, new)
}

#[test]
fn restated_points_late_points_and_days_fetched_since_are_named_and_nothing_else() {
    let late = Late {
        seconds: 30 * HOUR,
        millionths: 60_000,
        together: 0,
    };
    let mut settings = account(3);
    settings.late = [late, Late::default(), Late::default()];
    let sandbox = world(settings, "2026-05-20", "2026-06-01 00:30");
    // Two days of the second domain, and all of the third, are not fetched before the closing.
    let fetch = |domain: &str, from: &str| sandbox.backfill(from, "2026-06-01", &["-d", domain]).with(0);
    fetch("d000.example.com", "2026-05-20");
    fetch("d001.example.com", "2026-05-22");
    let closed = bill(&sandbox, &["2026-05"]);
    sandbox
        .run(&["bill", "2026-05", "--close", "--note", "may"])
        .with(0);
    let before = points(&sandbox, MAY);
    assert_eq!(named_days(&changes(&sandbox, &[])), BTreeSet::new());

    for hours in [2, 26, 50, 80] {
        sandbox.clock.set(at("2026-06-01 00:30") + hours * HOUR);
        sandbox.run(&["sync"]).with(0);
    }
    let now = points(&sandbox, MAY);
    let (other, new) = differences(&before, &now);
    let late: BTreeSet<(String, i64)> = {
        let database = sandbox.database();
        let mut select = database
            .prepare("SELECT domain, ts FROM origin_restatements WHERE bandwidth_before IS NULL AND ts < ?1")
            .unwrap();
        let rows = select.query_map([at(MAY.1)], |row| Ok((row.get(0)?, row.get(1)?)));
        rows.unwrap().map(Result::unwrap).collect()
    };
    let found = changes(&sandbox, &[]);
    assert!(!other.is_empty() && !late.is_empty() && late.is_subset(&new) && late.len() < new.len());
    // Every point with other figures is named, and every late one.
    let named = named_points(&found);
    let of = |what: &str| {
        named
            .iter()
            .filter(|point| point.2 == what)
            .map(|(name, ts, _)| (name.clone(), *ts))
            .collect::<BTreeSet<_>>()
    };
    assert_eq!(of("restated"), other);
    assert_eq!(of("late"), late);
    // The days of all of these, and of what was fetched since, are named, and no others.
    let touched: BTreeSet<_> = other
        .iter()
        .chain(&new)
        .map(|(name, ts)| (name.clone(), day_of(*ts)))
        .collect();
    assert_eq!(named_days(&found), touched);
    for (name, day) in days(&found) {
        let is_of_day =
            |(domain, ts): &&(String, i64)| domain == name && day_of(*ts) == day["date"].as_str().unwrap();
        let number = |field: &str| usize::try_from(day[field].as_i64().unwrap()).unwrap();
        let arrived = new.iter().filter(is_of_day).count();
        let late = late.iter().filter(is_of_day).count();
        assert_eq!(
            (number("late"), number("fetched_points")),
            (late, arrived - late),
            "{day}"
        );
        assert_eq!(number("restated"), other.iter().filter(is_of_day).count());
        assert_eq!(number("points_now") - number("points_closed"), arrived);
        assert_eq!(day["explained"], true);
    }
    // What it did to the month.
    let today = bill(&sandbox, &["2026-05"]);
    assert_eq!(found["account"]["closed"]["pv"], closed["account"]["pv"]);
    assert_eq!(found["account"]["now"]["pv"], today["account"]["pv"]);
    for (name, domain) in domains(&found) {
        let of = |bill: &Value| {
            let domains = bill["domains"].as_array().unwrap();
            domains
                .iter()
                .find(|domain| domain["domain"] == name)
                .map(|month| shown(month).peak_95)
        };
        assert_eq!(
            domain["month"]["closed"]["bandwidth_95"].as_i64(),
            of(&closed),
            "{name}"
        );
        assert_eq!(
            domain["month"]["now"]["bandwidth_95"].as_i64(),
            of(&today),
            "{name}"
        );
    }
    assert_people_and_tables_agree(&sandbox, &found);

    // A new closing begins anew, and the first one is still there to compare with.
    sandbox.run(&["bill", "2026-05", "--close"]).with(0);
    let after = changes(&sandbox, &[]);
    assert_eq!(
        (&after["closing_id"], named_days(&after)),
        (&Value::from(2), BTreeSet::new())
    );
    assert_eq!(changes(&sandbox, &["--closing", "1"]), found);
    let text = sandbox.run(&["bill", "2026-05", "--changes"]).with(0);
    assert!(text.contains("no figure has changed since"), "{text}");
}

/// The text for people and the CSV name the same days and points as the JSON.
#[track_caller]
fn assert_people_and_tables_agree(sandbox: &Sandbox, found: &Value) {
    let text = sandbox.run(&["bill", "2026-05", "--changes"]).with(0);
    let dates =
        |line: &str| (line.len() > 12 && line.starts_with("  2026-05-")).then(|| line[2..12].to_owned());
    let mut expected: Vec<String> = days(found)
        .map(|(_, day)| day["date"].as_str().unwrap().to_owned())
        .collect();
    let mut shown: Vec<String> = text.lines().filter_map(dates).collect();
    expected.sort();
    shown.sort();
    assert_eq!(shown, expected, "{text}");
    let named = text
        .lines()
        .filter(|line| line.contains(" restated: ") || line.contains(" came late: "))
        .count();
    assert_eq!(named, named_points(found).len(), "{text}");
    assert!(text.lines().all(|line| line.len() <= 80), "{text}");

    let csv = sandbox
        .run(&["bill", "2026-05", "--changes", "--format", "csv"])
        .with(0);
    let mut reader = csv::Reader::from_reader(csv.as_bytes());
    let header = reader.headers().unwrap().clone();
    let column = |name: &str| header.iter().position(|column| column == name).unwrap();
    let [period, domain, date, ts, change] = ["period", "domain", "date_cst", "ts", "change"].map(column);
    let (mut csv_days, mut csv_points) = (BTreeSet::new(), BTreeSet::new());
    for row in reader.records().map(Result::unwrap) {
        match &row[period] {
            "day" => {
                let _ = csv_days.insert((row[domain].to_owned(), row[date].to_owned()));
            }
            "point" => {
                let _ = csv_points.insert((
                    row[domain].to_owned(),
                    row[ts].parse().unwrap(),
                    row[change].to_owned(),
                ));
            }
            other => assert_eq!(other, "month"),
        }
    }
    assert_eq!(csv_days, named_days(found));
    assert_eq!(csv_points, named_points(found));
}

#[test]
fn a_point_that_changed_and_changed_back_is_not_different() {
    let sandbox = may();
    sandbox.run(&["bill", "2026-05", "--close"]).with(0);
    let more = DataFault::Mutate {
        domain: "d001.example.com".to_owned(),
        slot: at("2026-05-10 12:00"),
        mutation: Mutation::UnknownCode,
    };
    let fetch = || sandbox.backfill("2026-05-10", "2026-05-11", &["--force"]).with(0);
    sandbox.simulator.rule(Rule::always(more));
    fetch();
    let found = changes(&sandbox, &[]);
    assert_eq!(
        named_points(&found),
        BTreeSet::from([(
            "d001.example.com".to_owned(),
            at("2026-05-10 12:00"),
            "restated".to_owned()
        )])
    );
    let (_, day) = days(&found).next().unwrap();
    assert_eq!(day["points"][0]["codes_changed"], true);
    assert_eq!(
        day["points"][0]["bandwidth_closed"],
        day["points"][0]["bandwidth_now"]
    );

    sandbox.simulator.clear_faults();
    fetch();
    let restated: i64 = sandbox
        .database()
        .query_row("SELECT count(*) FROM origin_restatements", [], |row| row.get(0))
        .unwrap();
    assert_eq!(restated, 2);
    assert_eq!(named_days(&changes(&sandbox, &[])), BTreeSet::new());
}

#[test]
fn what_was_restated_before_the_closing_is_not_named_whatever_the_clock_says() {
    let sandbox = may();
    let change = |hour: i64| {
        let hours = [hour, hour + 1].map(|hour| format!("2026-05-10 {hour:02}:00"));
        let rule = DataFault::Mutate {
            domain: "d000.example.com".to_owned(),
            slot: at(&hours[0]),
            mutation: Mutation::UnknownCode,
        };
        sandbox.simulator.clear_faults();
        sandbox.simulator.rule(Rule::always(rule));
        sandbox.backfill(&hours[0], &hours[1], &["--force"]).with(0);
    };
    let close = || sandbox.run(&["bill", "2026-05", "--close"]).with(0);
    let named = || {
        named_points(&changes(&sandbox, &[]))
            .into_iter()
            .map(|point| point.1)
            .collect::<Vec<_>>()
    };
    // All within one second, and later with a clock that goes back.
    change(6);
    close();
    assert_eq!(named(), [0; 0]);
    change(7);
    assert_eq!(named(), [at("2026-05-10 07:00")]);
    close();
    assert_eq!(named(), [0; 0]);
    sandbox.clock.set(sandbox.clock.now() - 5 * 86_400);
    change(8);
    assert_eq!(named(), [at("2026-05-10 08:00")]);
    close();
    assert_eq!(named(), [0; 0]);
    let since_first = changes(&sandbox, &["--closing", "1"]);
    let all: Vec<i64> = named_points(&since_first)
        .into_iter()
        .map(|point| point.1)
        .collect();
    assert_eq!(all, [at("2026-05-10 07:00"), at("2026-05-10 08:00")]);
}

#[test]
fn points_that_were_fetched_since_and_then_restated_count_as_fetched() {
    // The last hour of the month is fetched after the closing.
    let sandbox = world(account(1), "2026-05-31", "2026-05-31 23:00");
    sandbox.run(&["sync"]).with(0);
    sandbox.clock.set(at("2026-06-01 00:00"));
    sandbox.run(&["bill", "2026-05", "--close"]).with(0);
    let before = points(&sandbox, MAY);
    for hours in [1, 2, 14, 26] {
        sandbox.clock.set(at("2026-06-01 00:00") + hours * HOUR);
        sandbox.run(&["sync"]).with(0);
    }
    let (other, new) = differences(&before, &points(&sandbox, MAY));
    let found = changes(&sandbox, &[]);
    let named: BTreeSet<_> = named_points(&found)
        .into_iter()
        .map(|(name, ts, _)| (name, ts))
        .collect();
    assert_eq!(named, other);
    let fetched: i64 = days(&found)
        .map(|(_, day)| day["fetched_points"].as_i64().unwrap())
        .sum();
    assert_eq!(usize::try_from(fetched).unwrap(), new.len());
    let restated_anew = format!(
        "SELECT count(*) FROM origin_restatements WHERE ts >= {} AND ts < {}",
        new.first().unwrap().1,
        at(MAY.1)
    );
    let restated: i64 = sandbox
        .database()
        .query_row(&restated_anew, [], |row| row.get(0))
        .unwrap();
    assert!(restated > 0, "no new point was restated");
}

#[test]
fn with_another_slot_label_days_are_not_compared() {
    let sandbox = may();
    sandbox.run(&["bill", "2026-05", "--close"]).with(0);
    sandbox.configure(USER, "start = \"2026-05-01\"\nslot_label = \"end\"");
    sandbox.run(&["migrate"]).with(0);
    let found = changes(&sandbox, &[]);
    assert_eq!(
        (&found["comparable"], &found["domains"]),
        (&Value::Bool(false), &Value::Array(Vec::new()))
    );
    assert_eq!(
        (&found["slot_label_closed"], &found["slot_label_now"]),
        (&Value::from("start"), &Value::from("end"))
    );
    let text = sandbox.run(&["bill", "2026-05", "--changes"]).with(0);
    let flat = text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(
        flat.contains("slot_label was start when the month was closed, and is end now."),
        "{text}"
    );
}

#[test]
fn a_figure_that_another_program_changed_is_named_as_unexplained() {
    let sandbox = may();
    sandbox.run(&["bill", "2026-05", "--close"]).with(0);
    let database = rusqlite::Connection::open(sandbox.path("jdcdn-stats.db")).unwrap();
    database
        .execute_batch("UPDATE rollup_day SET pv = pv + 1 WHERE domain_id = 1 AND date_cst = '2026-05-07'")
        .unwrap();
    drop(database);
    let found = changes(&sandbox, &[]);
    let (_, day) = days(&found).next().unwrap();
    assert_eq!(
        (&day["date"], &day["explained"]),
        (&Value::from("2026-05-07"), &Value::Bool(false))
    );
    let text = sandbox.run(&["bill", "2026-05", "--changes"]).with(0);
    assert!(text.contains("no record explains this"), "{text}");
}
