//! `docs/cookbook.md`: every statement in it runs, answers, and answers right.
//!
//! The figures are computed a second time, from nothing but the 5-minute points, their codes and the coverage.

mod facts;
mod figures;

use std::collections::BTreeSet;

use jdcdn_stats::simulator::{DataFault, Mutation, Rule, Settings};
use serde_json::Value;

use self::facts::Facts;
use self::figures::check;
use crate::sandbox::{NOW, Sandbox, at};

const COOKBOOK: &str = include_str!("../../../docs/cookbook.md");
const DOMAIN: &str = "www.example.com";
/// The demo runs 30 hours before [`NOW`]; newer slots, and young ones that may have changed, are fetched at [`NOW`].
const DEMO: &str = "2026-06-14 06:00";
const MONTH: &str = "2026-06";
const LAST_DAY: &str = "2026-06-15";

/// A question of the cookbook.
pub(crate) struct Question {
    number: usize,
    pub(crate) title: String,
    pub(crate) sql: String,
    /// How to read the answer.
    pub(crate) reading: String,
}

impl Question {
    /// The title as a part of an address.
    pub(crate) fn slug(&self) -> String {
        let letters = |part: &str| {
            part.chars()
                .filter(char::is_ascii_alphanumeric)
                .collect::<String>()
        };
        let words: Vec<_> = self.title.split_whitespace().map(letters).collect();
        words.join("-").to_lowercase()
    }
}

/// All questions, in order.
pub(crate) fn questions() -> Vec<Question> {
    let sections = COOKBOOK.split("\n## ").skip(1);
    sections
        .map(|section| {
            let (title, rest) = section.split_once('\n').unwrap();
            let (number, title) = title.split_once(". ").unwrap();
            let (_, rest) = rest.split_once("```sql\n").unwrap();
            let (sql, reading) = rest.split_once("```\n").unwrap();
            assert!(!reading.contains("```"), "{title}: a second statement");
            Question {
                number: number.parse().unwrap(),
                title: title.to_owned(),
                sql: sql.trim_end().to_owned(),
                reading: reading.split_whitespace().collect::<Vec<_>>().join(" "),
            }
        })
        .collect()
}

/// The demo, some hours later: two more days, figures that have changed since, one point missing and one rejected.
fn demo() -> Sandbox {
    let sandbox = Sandbox::new(Settings {
        latency: std::time::Duration::ZERO,
        fault_rate: 0.0,
        ..Settings::demo()
    });
    let omit = DataFault::Omit {
        domain: DOMAIN.to_owned(),
        slot: at("2026-06-15 02:00"),
    };
    let damage = DataFault::Mutate {
        domain: "img.example.com".to_owned(),
        slot: at("2026-06-14 10:00"),
        mutation: Mutation::NegativePv,
    };
    sandbox
        .simulator
        .rule(Rule::always(omit).for_moment(at("2026-06-15 02:00")));
    sandbox
        .simulator
        .rule(Rule::always(damage).for_moment(at("2026-06-14 10:00")));
    sandbox.clock.set(at(DEMO));
    sandbox.run(&["demo", "--db", "jdcdn-stats.db", "-q"]).with(0);
    sandbox.clock.set(at(NOW));
    sandbox.backfill("2026-06-13", "now", &[]).with(3);
    sandbox
}

/// A row of an answer.
struct Row(serde_json::Map<String, Value>);

impl Row {
    fn text(&self, column: &str) -> &str {
        self.0[column].as_str().unwrap()
    }

    fn count(&self, column: &str) -> i64 {
        self.0[column].as_i64().unwrap()
    }

    /// The figure in `column` is `expected`, as far as its `places` after the point tell.
    #[track_caller]
    fn assert(&self, column: &str, expected: f64, places: i32) {
        let told = self.0[column].as_f64().unwrap();
        let half = 0.5 * 10_f64.powi(-places);
        let slack = half + expected.abs() * 1e-9;
        assert!(
            (told - expected).abs() <= slack,
            "{column}: {told} is not {expected}"
        );
    }
}

/// Each answer's columns, and how many rows there are at least.
const ANSWERS: [(&str, usize); 20] = [
    (
        "domain month_cst points expected_points mbps_95 mbps_peak mbps_fourth_peak mbps_daily_peak_avg traffic_gb",
        3,
    ),
    ("time_cst ts mbps requests", 5),
    (
        "domain month_cst points expected_points missing not_asked_for verdict",
        6,
    ),
    ("domain start_cst end_cst slots reason", 2),
    ("domain slots first_cst last_cst percent_of_asked", 1),
    (
        "domain changes points_changed oldest_hours requests_more gb_more percent_more",
        3,
    ),
    ("domain requests_5xx requests percent_5xx", 3),
    ("domain code requests percent_of_domain", 3),
    ("hour requests requests_5xx percent_5xx", 24),
    ("domain traffic_gb percent_of_account requests", 3),
    ("domain gb_this_week gb_week_before percent_more missing", 3),
    (
        "month_cst domain traffic_gb traffic_gib requests points expected_points",
        6,
    ),
    ("month_cst domain mbps_avg mbps_avg_before percent_more", 3),
    ("domain expected_points rank mbps_95 points_above", 3),
    ("hour_cst traffic_gb mbps_avg requests", 10),
    (
        "date_cst mbps_avg mbps_peak peak_at_cst traffic_gb requests points expected_points",
        32,
    ),
    ("time_cst mbps requests codes", 287),
    (
        "month_cst mbps_95_account mbps_95_sum mbps_peak_account mbps_peak_sum gb_account gb_sum",
        2,
    ),
    ("domain reason rejects first_ts last_ts last_run_cst", 1),
    (
        "id command started_cst finished_cst outcome points_inserted points_updated points_rejected \
         windows_failed requests retries",
        2,
    ),
];

#[test]
fn all_twenty_questions_are_answered_and_the_figures_are_right() {
    let sandbox = demo();
    let facts = Facts::read(&sandbox.database());
    let questions = questions();
    let numbers: Vec<_> = questions.iter().map(|question| question.number).collect();
    assert_eq!(numbers, (1..=20).collect::<Vec<_>>());
    let mut checked = 0;
    for (question, (columns, least)) in questions.iter().zip(ANSWERS) {
        println!("{}. {}", question.number, question.title);
        assert!(
            question.reading.len() > 40,
            "it is not told how to read the answer"
        );
        let domain = ["-p", "domain=www.example.com"];
        let parameters: &[&str] = if question.sql.contains(":domain") {
            &domain
        } else {
            &[]
        };
        let args = [&["query", "--format", "json", &question.sql], parameters].concat();
        let Value::Array(rows) = sandbox.run(&args).json(0) else {
            panic!("no array");
        };
        let rows: Vec<Row> = rows
            .into_iter()
            .map(|row| Row(row.as_object().unwrap().clone()))
            .collect();
        assert!(rows.len() >= least, "{} rows of {least}", rows.len());
        let expected: BTreeSet<&str> = columns.split_whitespace().collect();
        for row in &rows {
            let told: BTreeSet<&str> = row.0.keys().map(String::as_str).collect();
            assert_eq!(told, expected);
            let missing: Vec<_> = row.0.iter().filter(|(_, value)| value.is_null()).collect();
            assert!(missing.is_empty(), "{missing:?}");
        }
        checked += usize::from(check(question.number, &rows, &facts));
    }
    assert_eq!(checked, 15);
}

/// A statement that reads all points takes seconds where there are years of them.
#[test]
fn the_questions_reach_points_and_codes_by_the_key() {
    let sandbox = demo();
    let database = sandbox.database();
    for question in questions() {
        let mut explain = database
            .prepare(&["EXPLAIN QUERY PLAN ", &question.sql].concat())
            .unwrap();
        for at in 1..=explain.parameter_count() {
            explain.raw_bind_parameter(at, DOMAIN).unwrap();
        }
        let mut plan: Vec<String> = Vec::new();
        let mut steps = explain.raw_query();
        while let Some(step) = steps.next().unwrap() {
            plan.push(step.get("detail").unwrap());
        }
        let title = &question.title;
        assert!(
            !plan.iter().any(|step| step.starts_with("MATERIALIZE origin")),
            "{title}: {plan:#?}"
        );
        for (relation, alias) in [("origin_stats", "p"), ("origin_status_nonzero", "c")] {
            let search = ["SEARCH ", alias, " USING PRIMARY KEY (domain_id=? AND ts"].concat();
            assert_eq!(
                question.sql.contains(relation),
                plan.iter().any(|step| step.starts_with(&search)),
                "{title}: {plan:#?}"
            );
            let scan = ["SCAN ", alias, " "].concat();
            assert!(
                relation != "origin_stats" || !plan.iter().any(|step| step.starts_with(&scan)),
                "{title}: {plan:#?}"
            );
        }
    }
}
