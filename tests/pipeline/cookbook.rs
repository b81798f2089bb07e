//! `docs/cookbook.md`: every statement in it runs, answers, and answers right.
//!
//! The figures are computed a second time, from nothing but the 5-minute points, their codes and the coverage.

use std::collections::{BTreeMap, BTreeSet};

use jdcdn_stats::simulator::{DataFault, Mutation, Rule, Settings};
use rusqlite::Connection;
use serde_json::Value;

use crate::sandbox::{NOW, Sandbox, at};

const COOKBOOK: &str = include_str!("../../docs/cookbook.md");
const DOMAIN: &str = "www.example.com";
/// 30 hours before [`NOW`] the demo runs; what is newer, or young enough to have changed, is fetched at [`NOW`].
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

/// A 5-minute point.
struct Point {
    domain: String,
    ts: i64,
    time_cst: String,
    bandwidth: i64,
    pv: i64,
}

/// What the answers follow from.
struct Facts {
    points: Vec<Point>,
    /// Domain, time in UTC+8, ts, code and count.
    codes: Vec<(String, String, i64, String, i64)>,
    /// Domain and slot of all that was asked for.
    asked: BTreeSet<(String, i64)>,
}

fn number(count: i64) -> f64 {
    // Below 2^53 in a demo.
    #[expect(clippy::as_conversions, clippy::cast_precision_loss, reason = "see above")]
    let number = count as f64;
    number
}

/// Bytes of points of 5 minutes.
fn bytes<'a>(points: impl Iterator<Item = &'a Point>) -> f64 {
    number(points.map(|point| point.bandwidth).sum()) * 300.0 / 8.0
}

impl Facts {
    fn read(database: &Connection) -> Self {
        let mut points = database
            .prepare("SELECT domain, ts, time_cst, bandwidth, pv FROM origin_stats")
            .unwrap();
        let points = points.query_map([], |row| {
            Ok(Point {
                domain: row.get(0)?,
                ts: row.get(1)?,
                time_cst: row.get(2)?,
                bandwidth: row.get(3)?,
                pv: row.get(4)?,
            })
        });
        let mut codes = database
            .prepare("SELECT domain, time_cst, ts, code, count FROM origin_status_codes")
            .unwrap();
        let codes = codes.query_map([], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?))
        });
        let mut asked = database
            .prepare("SELECT domain, start_ts, end_ts FROM origin_coverage")
            .unwrap();
        let asked = asked.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)));
        let asked: Vec<(String, i64, i64)> = asked.unwrap().map(Result::unwrap).collect();
        Self {
            points: points.unwrap().map(Result::unwrap).collect(),
            codes: codes.unwrap().map(Result::unwrap).collect(),
            asked: asked
                .into_iter()
                .flat_map(|(domain, start, end)| {
                    (start..end).step_by(300).map(move |slot| (domain.clone(), slot))
                })
                .collect(),
        }
    }

    /// The points of `domain`, or of every domain for `*`, whose time in UTC+8 begins with `time`.
    fn of<'a>(&'a self, domain: &'a str, time: &'a str) -> impl Iterator<Item = &'a Point> {
        self.points.iter().filter(move |point| {
            (domain == "*" || point.domain == domain) && point.time_cst.starts_with(time)
        })
    }

    /// Bandwidth of each slot, with its day.
    fn slots(&self, domain: &str, time: &str) -> BTreeMap<i64, (String, i64)> {
        let mut slots = BTreeMap::new();
        for point in self.of(domain, time) {
            let day = point.time_cst[..10].to_owned();
            slots.entry(point.ts).or_insert((day, 0)).1 += point.bandwidth;
        }
        slots
    }

    /// How many slots of `[from, to)` were asked for.
    fn expected(&self, domain: &str, (from, to): (i64, i64)) -> i64 {
        let asked = self.asked.iter().filter(|(of, _)| domain == "*" || of == domain);
        let slots: BTreeSet<i64> = asked
            .map(|(_, slot)| *slot)
            .filter(|slot| (from..to).contains(slot))
            .collect();
        slots.len().try_into().unwrap()
    }

    /// Counts of `domain` from `since` on, of codes that `is` picks.
    fn counted(&self, domain: &str, since: i64, is: impl Fn(&str) -> bool) -> i64 {
        let codes = self.codes.iter();
        codes
            .filter(|(of, _, ts, code, _)| of == domain && *ts >= since && is(code))
            .map(|(_, _, _, _, count)| count)
            .sum()
    }
}

/// Each answer's columns, and how many rows there are at least.
const ANSWERS: [(&str, usize); 20] = [
    (
        "domain month_cst points expected_points mbps_95 mbps_peak mbps_fourth_peak mbps_daily_peak_avg traffic_gb",
        4,
    ),
    ("time_cst ts mbps requests", 5),
    (
        "domain month_cst points expected_points missing not_asked_for verdict",
        8,
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
        8,
    ),
    ("month_cst domain mbps_avg mbps_avg_before percent_more", 4),
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

/// Computes the figures of a question anew; whether there is a way to.
fn check(number: usize, rows: &[Row], facts: &Facts) -> bool {
    match number {
        1 => rows.iter().for_each(|row| bill(row, facts)),
        2 => peaks(rows, facts),
        3 => rows.iter().for_each(|row| completeness(row, facts)),
        4 => gaps(rows, facts),
        6 => changes(rows),
        7 | 8 => errors(rows, facts),
        9 => rows.iter().for_each(|row| hour_of_day(row, facts)),
        10 | 12 => rows.iter().for_each(|row| traffic(row, facts)),
        11 => rows.iter().for_each(|row| weeks(row, facts)),
        14 => rows.iter().for_each(|row| rank(row, facts)),
        15 => busiest_hours(rows, facts),
        16 => rows.iter().for_each(|row| day(row, facts)),
        17 => last_hours(rows, facts),
        _ => return false,
    }
    true
}

fn this_month() -> (i64, i64) {
    (at("2026-06"), at("2026-07"))
}

/// Bandwidths in descending order.
fn ranking(slots: &BTreeMap<i64, (String, i64)>) -> Vec<i64> {
    let mut ranking: Vec<i64> = slots.values().map(|(_, bandwidth)| *bandwidth).collect();
    ranking.sort_unstable_by(|a, b| b.cmp(a));
    ranking
}

fn bill(row: &Row, facts: &Facts) {
    let domain = row.text("domain");
    assert_eq!(row.text("month_cst"), MONTH);
    let slots = facts.slots(domain, MONTH);
    let expected = facts.expected(domain, this_month());
    assert_eq!(row.count("expected_points"), expected);
    let ranking = ranking(&slots);
    let dropped = usize::try_from(expected / 20).unwrap();
    row.assert("mbps_95", number(ranking[dropped]) / 1e6, 1);
    row.assert("mbps_peak", number(ranking[0]) / 1e6, 1);
    row.assert("mbps_fourth_peak", number(ranking[3]) / 1e6, 1);
    let mut days: BTreeMap<&str, i64> = BTreeMap::new();
    for (day, bandwidth) in slots.values() {
        let peak = days.entry(day).or_insert(0);
        *peak = *bandwidth.max(peak);
    }
    let peaks = number(days.values().sum());
    row.assert("mbps_daily_peak_avg", peaks / number(15) / 1e6, 1);
    row.assert("traffic_gb", bytes(facts.of(domain, MONTH)) / 1e9, 1);
}

fn peaks(rows: &[Row], facts: &Facts) {
    let slots = facts.slots("*", MONTH);
    let ranking = ranking(&slots);
    for (row, bandwidth) in rows.iter().zip(ranking) {
        row.assert("mbps", number(bandwidth) / 1e6, 1);
        assert_eq!(slots[&row.count("ts")].1, bandwidth);
        assert_eq!(at(row.text("time_cst").get(..16).unwrap()), row.count("ts"));
    }
}

fn completeness(row: &Row, facts: &Facts) {
    let (domain, month) = (row.text("domain"), row.text("month_cst"));
    let range = if month == MONTH {
        this_month()
    } else {
        (at("2026-05"), at("2026-06"))
    };
    let expected = facts.expected(domain, range);
    let missing = |domain: &str| i64::from(month == MONTH && domain != "download.example.com");
    // Of the account, each slot counts that lacks the point of any domain.
    let missing = if domain == "*" {
        missing(DOMAIN) + missing("img.example.com")
    } else {
        missing(domain)
    };
    assert_eq!(
        (
            row.count("expected_points"),
            row.count("points"),
            row.count("missing")
        ),
        (expected, expected - missing, missing)
    );
    assert_eq!(row.count("not_asked_for"), (range.1 - range.0) / 300 - expected);
    let verdict = if missing > 0 {
        "has gaps"
    } else {
        "not the whole month"
    };
    assert_eq!(row.text("verdict"), verdict);
}

fn gaps(rows: &[Row], facts: &Facts) {
    let held: BTreeSet<_> = facts
        .points
        .iter()
        .map(|point| (point.domain.clone(), point.ts))
        .collect();
    let told: BTreeSet<_> = rows
        .iter()
        .map(|row| {
            assert_eq!(row.count("slots"), 1);
            let start = row.text("start_cst").get(..16).unwrap();
            (row.text("domain").to_owned(), at(start))
        })
        .collect();
    assert_eq!(told, facts.asked.difference(&held).cloned().collect());
    let reasons: Vec<_> = rows.iter().map(|row| row.text("reason")).collect();
    assert_eq!(reasons, ["rejected", "empty"]);
}

fn changes(rows: &[Row]) {
    for row in rows {
        assert!(row.count("points_changed") > 0 && row.count("changes") >= row.count("points_changed"));
        // The API changes points of up to twelve hours; the demo's youngest were asked for again 30 hours later.
        let oldest = row.0["oldest_hours"].as_f64().unwrap();
        assert!((30.0..=42.0).contains(&oldest), "{oldest}");
    }
}

fn errors(rows: &[Row], facts: &Facts) {
    let since = at("2026-06-09");
    for row in rows {
        let domain = row.text("domain");
        let all = facts.counted(domain, since, |_| true);
        let (column, percent, told) = if let Some(code) = row.0.get("code").and_then(Value::as_str) {
            assert!(code.starts_with('4') && code.len() == 3, "{code}");
            let count = facts.counted(domain, since, |is| is == code);
            ("requests", "percent_of_domain", count)
        } else {
            assert_eq!(row.count("requests"), all);
            let is_5xx = |code: &str| code.len() == 3 && code.starts_with('5');
            (
                "requests_5xx",
                "percent_5xx",
                facts.counted(domain, since, is_5xx),
            )
        };
        assert_eq!(row.count(column), told, "{domain}");
        row.assert(percent, 100.0 * number(told) / number(all), 3);
    }
}

fn hour_of_day(row: &Row, facts: &Facts) {
    let end = facts.asked.iter().map(|(_, slot)| slot + 300).max().unwrap();
    let of_hour = |code: &dyn Fn(&str) -> bool| -> i64 {
        let codes = facts.codes.iter().filter(|(domain, time, ts, name, _)| {
            domain == DOMAIN && *ts >= end - 7 * 86_400 && &time[11..13] == row.text("hour") && code(name)
        });
        codes.map(|(_, _, _, _, count)| count).sum()
    };
    let (all, failed) = (
        of_hour(&|_| true),
        of_hour(&|code| code.len() == 3 && code.starts_with('5')),
    );
    assert_eq!((row.count("requests"), row.count("requests_5xx")), (all, failed));
    row.assert("percent_5xx", 100.0 * number(failed) / number(all), 3);
}

fn traffic(row: &Row, facts: &Facts) {
    let domain = row.text("domain");
    let month = row
        .0
        .get("month_cst")
        .map_or(MONTH, |month| month.as_str().unwrap());
    let gb = bytes(facts.of(domain, month)) / 1e9;
    assert_eq!(
        row.count("requests"),
        facts.of(domain, month).map(|point| point.pv).sum::<i64>()
    );
    if row.0.contains_key("traffic_gib") {
        row.assert("traffic_gb", gb, 2);
        row.assert("traffic_gib", gb * 1e9 / 1_073_741_824.0, 2);
    } else {
        row.assert("traffic_gb", gb, 1);
        row.assert(
            "percent_of_account",
            100.0 * gb * 1e9 / bytes(facts.of("*", month)),
            2,
        );
    }
}

fn weeks(row: &Row, facts: &Facts) {
    let domain = row.text("domain");
    let week = |from: &str, to: &str| {
        let (from, to) = (at(from), at(to));
        bytes(
            facts
                .of(domain, "2026")
                .filter(move |point| (from..to).contains(&point.ts)),
        )
    };
    let (this, before) = (week("2026-06-08", "2026-06-15"), week("2026-06-01", "2026-06-08"));
    row.assert("gb_this_week", this / 1e9, 1);
    row.assert("gb_week_before", before / 1e9, 1);
    row.assert("percent_more", 100.0 * this / before - 100.0, 1);
    assert_eq!(row.count("missing"), i64::from(domain == "img.example.com"));
}

fn rank(row: &Row, facts: &Facts) {
    let domain = row.text("domain");
    let ranking = ranking(&facts.slots(domain, MONTH));
    let dropped = facts.expected(domain, this_month()) / 20;
    let line = ranking[usize::try_from(dropped).unwrap()];
    assert_eq!(row.count("rank"), dropped + 1);
    row.assert("mbps_95", number(line) / 1e6, 1);
    let above = ranking.iter().filter(|bandwidth| **bandwidth > line).count();
    assert_eq!(row.count("points_above"), i64::try_from(above).unwrap());
}

fn busiest_hours(rows: &[Row], facts: &Facts) {
    let mut hours: BTreeMap<&str, i64> = BTreeMap::new();
    for point in facts.of("*", MONTH) {
        *hours.entry(&point.time_cst[..13]).or_insert(0) += point.bandwidth;
    }
    let mut busiest: Vec<_> = hours.into_iter().map(|(hour, sum)| (sum, hour)).collect();
    busiest.sort_unstable_by(|a, b| b.cmp(a));
    for (row, (sum, hour)) in rows.iter().zip(busiest) {
        assert_eq!(row.text("hour_cst"), [hour, ":00:00"].concat());
        row.assert("traffic_gb", number(sum) * 300.0 / 8e9, 1);
        row.assert("mbps_avg", number(sum) / 12.0 / 1e6, 1);
    }
}

fn day(row: &Row, facts: &Facts) {
    let date = row.text("date_cst");
    let points: Vec<_> = facts.of(DOMAIN, date).collect();
    let count = i64::try_from(points.len()).unwrap();
    assert_eq!(row.count("points"), count);
    let expected = count + i64::from(date == LAST_DAY);
    assert_eq!(row.count("expected_points"), expected);
    let sum: i64 = points.iter().map(|point| point.bandwidth).sum();
    row.assert("mbps_avg", number(sum) / number(count) / 1e6, 2);
    let highest = points.iter().map(|point| point.bandwidth).max().unwrap();
    let peak = points.iter().find(|point| point.bandwidth == highest).unwrap();
    row.assert("mbps_peak", number(highest) / 1e6, 2);
    assert_eq!(row.text("peak_at_cst"), &peak.time_cst[11..16]);
    row.assert("traffic_gb", number(sum) * 300.0 / 8e9, 2);
}

fn last_hours(rows: &[Row], facts: &Facts) {
    // One slot of the 24 hours was left out.
    assert_eq!(rows.len(), 287);
    let since = at(rows[0].text("time_cst").get(..16).unwrap());
    let requests: i64 = rows.iter().map(|row| row.count("requests")).sum();
    let of_them = facts.of(DOMAIN, "").filter(|point| point.ts >= since);
    assert_eq!(requests, of_them.map(|point| point.pv).sum::<i64>());
    let counts = rows.iter().flat_map(|row| row.text("codes").split_whitespace());
    let counted: i64 = counts
        .map(|count| count.split_once(':').unwrap().1.parse::<i64>().unwrap())
        .sum();
    assert_eq!(counted, facts.counted(DOMAIN, since, |_| true));
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
