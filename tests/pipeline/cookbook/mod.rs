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
const MONTH_BEFORE: &str = "2026-05";
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

    /// The statement about another month, such as `2026-06`, than the one in the page.
    fn sql_of(&self, month: &str, next: &str) -> String {
        self.sql.replace("2026-10", month).replace("2026-11", next)
    }

    /// The statement with the month as a parameter. An empty one is the newest month.
    pub(crate) fn sql_with_parameters(&self) -> String {
        let month = "coalesce(nullif(:month, ''), (SELECT max(month_cst) FROM origin_account_monthly))";
        self.sql
            .replace("'2026-10'", month)
            .replace("'2026-10-01'", &format!("({month} || '-01')"))
            .replace("'2026-11-01'", &format!("date({month} || '-01', '+1 month')"))
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
    // Half of the month is fetched after it was closed.
    sandbox.run(&["bill", "2026-05", "--close"]).with(0);
    sandbox.backfill("2026-05-01", "2026-05-16", &[]).with(0);
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
const ANSWERS: [(&str, usize); 25] = [
    (
        "month_cst complete mbps_95 mibps_95 billing_point_cst mbps_peak mbps_fourth_peak mbps_daily_peak_avg \
         traffic_gb traffic_gib requests",
        1,
    ),
    (
        "domain complete mbps_95 mibps_95 billing_point_cst mbps_peak mbps_fourth_peak mbps_daily_peak_avg \
         traffic_gb traffic_gib requests",
        3,
    ),
    (
        "domain complete points empty_slots missing not_asked_for account_complete",
        3,
    ),
    (
        "domain points_changed came_late last_change_cst oldest_hours requests_more gb_more",
        3,
    ),
    (
        "domain date_cst points points_now gb gb_now requests requests_now",
        0,
    ),
    (
        "month_cst days_to_come gb_so_far gb_at_the_end requests_so_far requests_at_the_end",
        1,
    ),
    (
        "domain percent_last_day percent_week_before origin_errors_last_day",
        3,
    ),
    ("domain time_cst origin_errors requests percent", 20),
    ("hour_cst mbps_avg mbps_peak traffic_gb requests missing", 10),
    (
        "domain traffic_gb percent_of_account percent_together requests",
        3,
    ),
    (
        "domain days_compared gb_this_month gb_month_before percent_more without_point",
        3,
    ),
    ("domain from_cst to_cst", 3),
    ("time_cst ts mbps requests", 5),
    (
        "domain expected_points rank mbps_95 points_above rank_at_the_end",
        3,
    ),
    (
        "month_cst mbps_95_account mbps_95_sum mbps_peak_account mbps_peak_sum gb_account gb_sum",
        2,
    ),
    ("domain gb_this_week gb_week_before percent_more without_point", 3),
    (
        "month_cst complete traffic_gb traffic_gib requests points expected_points",
        2,
    ),
    (
        "date_cst complete mbps_avg mbps_peak peak_at_cst traffic_gb requests points expected_points",
        15,
    ),
    ("code class origin_error requests meaning source", 10),
    ("time_cst mbps requests codes", 287),
    ("domain code requests percent_of_domain", 3),
    ("hour requests origin_errors percent", 24),
    ("domain start_cst end_cst slots reason confirmed", 2),
    ("domain reason rejects first_ts last_ts last_run_cst", 1),
    (
        "id command started_cst finished_cst outcome points_inserted points_updated points_rejected \
         windows_failed requests retries",
        3,
    ),
];

/// Two of them show what the program wrote down about its own work.
const COMPUTED_AGAIN: usize = 23;

#[test]
fn every_question_is_answered_and_the_figures_are_right() {
    let sandbox = demo();
    let facts = Facts::read(&sandbox.database());
    let questions = questions();
    let numbers: Vec<_> = questions.iter().map(|question| question.number).collect();
    assert_eq!(numbers, (1..=ANSWERS.len()).collect::<Vec<_>>());
    let mut checked = 0;
    for (question, (columns, least)) in questions.iter().zip(ANSWERS) {
        println!("{}. {}", question.number, question.title);
        assert!(
            question.reading.len() > 40,
            "it is not told how to read the answer"
        );
        let rows = answer(&sandbox, &question.sql_of(MONTH, "2026-07"), &[]);
        assert!(rows.len() >= least, "{} rows of {least}", rows.len());
        let expected: BTreeSet<&str> = columns.split_whitespace().collect();
        for row in &rows {
            let told: BTreeSet<&str> = row.0.keys().map(String::as_str).collect();
            assert_eq!(told, expected);
            let missing: Vec<_> = row.0.iter().filter(|(_, value)| value.is_null()).collect();
            assert!(missing.is_empty(), "{missing:?}");
        }
        checked += usize::from(check(question.number, &rows, &facts, MONTH));
        // Datasette asks for the month instead.
        let parameters = question.sql_with_parameters();
        if parameters.contains(":month") {
            for (parameter, month) in [("", MONTH), (MONTH_BEFORE, MONTH_BEFORE)] {
                let rows = answer(&sandbox, &parameters, &["-p", &format!("month={parameter}")]);
                check(question.number, &rows, &facts, month);
            }
        }
    }
    assert_eq!(checked, COMPUTED_AGAIN);
}

fn answer(sandbox: &Sandbox, sql: &str, parameters: &[&str]) -> Vec<Row> {
    let mut args = vec!["query", "--format", "json", sql];
    args.extend_from_slice(parameters);
    if sql.contains(":domain") {
        args.extend(["-p", "domain=www.example.com"]);
    }
    let Value::Array(rows) = sandbox.run(&args).json(0) else {
        panic!("no array");
    };
    let rows = rows.into_iter().map(|row| Row(row.as_object().unwrap().clone()));
    rows.collect()
}

/// SQLite 3.35 is what people have: these came later, or need a build option.
#[test]
fn no_statement_needs_a_newer_sqlite_than_the_page_says() {
    for question in questions() {
        let sql = question.sql.to_lowercase();
        for newer in [
            "unixepoch(",
            "->",
            "right join",
            "full join",
            "is distinct",
            "format(",
            " concat(",
            "string_agg",
            "ceil",
            "floor(",
            "pow(",
            "timediff",
        ] {
            assert!(!sql.contains(newer), "{}: {newer}", question.title);
        }
    }
}

/// The warnings of the page: each filter on its left is wrong, and the one on its right is right.
#[test]
fn the_filters_that_the_page_warns_of_are_wrong_and_the_others_right() {
    let sandbox = demo();
    let database = sandbox.database();
    let count = |from: &str, filter: &str| -> i64 {
        let filter = filter.replace("2026-10", MONTH).replace("2026-11", "2026-07");
        let sql = format!("SELECT count(*) FROM {from} WHERE {filter}");
        database.query_row(&sql, [], |row| row.get(0)).unwrap()
    };
    let table = COOKBOOK
        .split("| filter | why | instead |\n|---|---|---|\n")
        .nth(1)
        .unwrap();
    let mut warned = 0;
    for line in table.lines().take_while(|line| line.starts_with('|')) {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        let (wrong, right) = (cells[1].trim_matches('`'), cells[3].trim_matches('`'));
        let column = wrong.split_whitespace().next().unwrap();
        let relation = match column {
            "month_cst" => "origin_account_monthly",
            "time_cst" => "origin_stats",
            "hour_cst" => "origin_account_hourly",
            "date_cst" => "origin_account_daily",
            other => panic!("{other}"),
        };
        assert!(right.starts_with(column), "{line}");
        let found = [wrong, right].map(|filter| count(relation, filter));
        // The month that is asked for is the last one, so its hours end with what is stored.
        let prefix = format!("substr({column}, 1, 7) = '{MONTH}'");
        let truth = match column {
            "hour_cst" => count(relation, "1"),
            _ if wrong.ends_with("'2026'") => count(relation, "substr(date_cst, 1, 4) >= '2026'"),
            _ => count(relation, &prefix),
        };
        assert_eq!(found[1], truth, "{right}");
        assert!(truth > 0);
        if !wrong.ends_with("'2026'") && column != "hour_cst" {
            assert!(found[0] < truth, "{wrong} found {} of {truth}", found[0]);
        }
        warned += 1;
    }
    assert_eq!(warned, 5);
    // The two that include too much, where there is something to include.
    let midnight = "SELECT '2026-07-01 00:00:00' < '2026-07-01T00:00:00'";
    assert!(
        database
            .query_row(midnight, [], |row| row.get::<_, bool>(0))
            .unwrap()
    );
    assert_eq!(
        count("origin_account_daily", "date_cst >= '2999'"),
        count("origin_account_daily", "1")
    );
}

/// A statement that reads all points takes seconds where there are years of them.
#[test]
fn the_questions_reach_points_and_codes_by_the_key() {
    let sandbox = demo();
    let database = sandbox.database();
    for question in questions() {
        let mut explain = database
            .prepare(&["EXPLAIN QUERY PLAN ", &question.sql_of(MONTH, "2026-07")].concat())
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
