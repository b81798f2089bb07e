//! The pages that are written from the database and not by hand: `docs/schema.md`, Datasette's descriptions and saved
//! queries, and Superset's columns.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use jdcdn_stats::simulator::Settings;
use rusqlite::Connection;

use crate::cookbook::questions;
use crate::sandbox::Sandbox;

/// Set by `make docs` to write the files instead of comparing them.
const WRITE: &str = "JDCDN_WRITE_PAGES";
const SCHEMA: &str = "docs/schema.md";
const METADATA: &str = "deploy/bi/metadata.yaml";
const DATASETS: &str = "deploy/bi/superset/datasets/jdcdn";
/// Everything before this line is written by hand.
const WRITTEN_BELOW: &str =
    "# From here on written by `make docs`, from origin_dictionary and docs/cookbook.md.\n";

const INTRODUCTION: &str = "<!-- Written by `make docs` from origin_dictionary. To change a text, add a migration. -->

# The tables

This page lists every public relation and column. The database has the same texts: `SELECT * FROM origin_dictionary`.
Everything public is named `origin_…`. Names and types never change, and columns are only ever added, so name your columns
instead of `*` in statements that you keep.

- **Times** are Unix seconds (`ts`, `…_ts`, `…_at`), or text in UTC (`…_utc`) or in China Standard Time, UTC+8 (`…_cst`).
  Ranges include the start and exclude the end.
- **A slot** is 5 minutes of one domain. A slot without a point has no row in `origin_stats`, and is part of a row in
  `origin_gaps`.
- **Completeness:** `points` are stored, `expected_points` were asked for. `complete` is 1 when the figures of a day or a month
  are final.
- **Rollups** (`origin_monthly`, `origin_daily`, `origin_hourly`, `origin_status_daily`, and `origin_account_…` for the whole
  account) are stored. They are exact when a run ends. After a killed run, `status` says if they are out of date, and the next run updates them.
- **Dates:** compare with full dates. `TIMESTAMP` and `DATE` columns hold text, but SQLite reads a text such as `'2026'` as a
  number. `time_cst >= '2026'` is true for every row. Write `time_cst >= '2026-01-01'`.
- **Fast filters** on 5-minute points use `domain`, `ts` or both.

The vendor does not say whether the time of a point is the start or the end of its five minutes. The setting `slot_label`
decides to which hour, day and month the point belongs. With `end`, the point of 00:00 on the 1st is the last one of the month
before. The setting changes the rollups, the bill, the months of `export` and the days of `report`. It never changes `ts` and
`time_cst`. If you change it, the next run computes the rollups again and warns. `check` reports what the API does.

[cookbook.md](cookbook.md) answers the questions that people ask, in SQL. [conclusions.md](conclusions.md#reasons-of-gaps) explains the
reasons of gaps.

";

/// An example statement for each relation.
const EXAMPLES: [(&str, &str); 21] = [
    (
        "origin_monthly",
        "SELECT domain, month_cst, bandwidth_95, traffic_bytes, complete\n\
         FROM origin_monthly WHERE month_cst = '2026-01' ORDER BY domain;",
    ),
    (
        "origin_account_monthly",
        "SELECT month_cst, bandwidth_95, traffic_bytes, complete\n\
         FROM origin_account_monthly ORDER BY month_cst;",
    ),
    (
        "origin_account_daily",
        "SELECT date_cst, bandwidth_peak, peak_ts, traffic_bytes, complete\n\
         FROM origin_account_daily WHERE date_cst >= '2026-01-01';",
    ),
    (
        "origin_account_hourly",
        "SELECT hour_cst, bandwidth_avg, pv\n\
         FROM origin_account_hourly WHERE hour_cst >= '2026-01-01 00:00:00';",
    ),
    (
        "origin_daily",
        "SELECT date_cst, bandwidth_peak, peak_ts, traffic_bytes\n\
         FROM origin_daily WHERE domain = 'www.example.com' AND date_cst >= '2026-01-01';",
    ),
    (
        "origin_hourly",
        "SELECT hour_cst, bandwidth_avg, pv\n\
         FROM origin_hourly WHERE domain = 'www.example.com' AND hour_cst >= '2026-01-01 00:00:00';",
    ),
    (
        "origin_status_daily",
        "SELECT date_cst, class, sum(requests) AS requests\n\
         FROM origin_status_daily WHERE date_cst >= '2026-01-01' GROUP BY date_cst, class;",
    ),
    (
        "origin_stats",
        "SELECT time_cst, bandwidth, pv\n\
         FROM origin_stats WHERE domain = 'www.example.com' AND ts >= strftime('%s', '2026-01-31') - 28800;",
    ),
    (
        "origin_status_codes",
        "SELECT time_cst, code, count\n\
         FROM origin_status_codes WHERE domain = 'www.example.com' AND ts >= strftime('%s', '2026-01-31') - 28800;",
    ),
    (
        "origin_status_nonzero",
        "SELECT code, sum(count) AS requests\n\
         FROM origin_status_nonzero WHERE ts >= strftime('%s', '2026-01-31') - 28800 GROUP BY code;",
    ),
    (
        "origin_codes",
        "SELECT code, class, meaning FROM origin_codes WHERE origin_error = 1 ORDER BY code;",
    ),
    (
        "origin_gaps",
        "SELECT domain, start_cst, end_cst, reason FROM origin_gaps ORDER BY domain, start_ts;",
    ),
    (
        "origin_coverage",
        "SELECT domain, min(start_cst) AS from_cst, max(end_cst) AS to_cst FROM origin_coverage GROUP BY domain;",
    ),
    (
        "origin_restatements",
        "SELECT domain, ts, bandwidth_before, bandwidth_after FROM origin_restatements WHERE age_seconds > 86400;",
    ),
    (
        "origin_rejects",
        "SELECT id, domain, ts, reason, raw FROM origin_rejects ORDER BY id DESC;",
    ),
    (
        "origin_runs",
        "SELECT id, command, outcome, started_cst, finished_cst FROM origin_runs ORDER BY id DESC LIMIT 5;",
    ),
    (
        "origin_refusals",
        "SELECT domain, start_ts, end_ts, status, times, next_at FROM origin_refusals ORDER BY domain, start_ts;",
    ),
    (
        "origin_dictionary",
        "SELECT \"column\", type, unit, meaning FROM origin_dictionary WHERE relation = 'origin_monthly';",
    ),
    (
        "origin_closings",
        "SELECT closing_id, closed_cst, note, domain, bandwidth_95, traffic_bytes, complete\n\
         FROM origin_closings WHERE month_cst = '2026-01' AND scope = 'domain' AND period = 'month' ORDER BY closing_id;",
    ),
    (
        "origin_domains",
        "SELECT domain, state, status, missing_since FROM origin_domains ORDER BY domain;",
    ),
    ("origin_settings", "SELECT name, value FROM origin_settings;"),
];

/// How Datasette sorts and groups a table. The views of 5-minute points have neither: both would read all points.
fn reading(relation: &str) -> &'static str {
    match relation {
        "origin_account_monthly" => "sort_desc: month_cst\n",
        "origin_account_daily" => "sort_desc: date_cst\n",
        "origin_account_hourly" => "sort_desc: hour_cst\n",
        "origin_monthly" => "sort_desc: month_cst\nfacets: [domain, month_cst]\n",
        "origin_daily" => "sort_desc: date_cst\nfacets: [domain]\n",
        "origin_status_daily" => "sort_desc: date_cst\nfacets: [domain, class, code]\n",
        "origin_hourly" => "facets: [domain]\n",
        "origin_codes" => "sort: code\nfacets: [class, source, origin_error]\n",
        "origin_gaps" => "sort_desc: start_ts\nfacets: [domain, reason]\n",
        "origin_coverage" => "sort_desc: end_ts\nfacets: [domain, state]\n",
        "origin_restatements" => "sort_desc: detected_at\nfacets: [domain]\n",
        "origin_rejects" => "sort_desc: id\nfacets: [domain, reason]\n",
        "origin_runs" => "sort_desc: id\nfacets: [command, outcome]\n",
        "origin_refusals" => "sort_desc: last_at\nfacets: [domain, status]\n",
        "origin_dictionary" => "facets: [relation, unit]\n",
        _ => "",
    }
}

struct Relation {
    name: String,
    meaning: String,
    columns: Vec<Column>,
}

struct Column {
    name: String,
    kind: String,
    unit: String,
    meaning: String,
}

/// The relations in the order of the dictionary, with their columns in the order of the relation.
fn relations(database: &Connection) -> Vec<Relation> {
    let mut columns = database
        .prepare(
            "SELECT d.\"column\", d.type, d.unit, d.meaning
             FROM pragma_table_info(?1) c JOIN origin_dictionary d ON d.relation = ?1 AND d.\"column\" = c.name
             ORDER BY c.cid",
        )
        .unwrap();
    let mut relations = database
        .prepare("SELECT relation, meaning FROM origin_dictionary WHERE \"column\" = '' ORDER BY rowid")
        .unwrap();
    let relations = relations.query_map([], |row| {
        let name: String = row.get(0)?;
        let columns = columns
            .query_map([&name], |row| {
                Ok(Column {
                    name: row.get(0)?,
                    kind: row.get(1)?,
                    unit: row.get(2)?,
                    meaning: row.get(3)?,
                })
            })?
            .collect::<rusqlite::Result<_>>()?;
        Ok(Relation {
            name,
            meaning: row.get(1)?,
            columns,
        })
    });
    relations.unwrap().map(Result::unwrap).collect()
}

/// A new database.
fn fresh() -> Sandbox {
    let sandbox = Sandbox::new(Settings::default());
    sandbox.run(&["migrate"]).with(0);
    sandbox
}

fn schema(relations: &[Relation]) -> String {
    let escape = |text: &str| text.replace('*', "\\*").replace('|', "\\|");
    let mut page = INTRODUCTION.to_owned();
    page.push_str("| relation | content |\n|---|---|\n");
    for Relation { name, meaning, .. } in relations {
        let (content, _) = meaning.split_once(['.', ':', ';']).unwrap_or((meaning, ""));
        writeln!(page, "| [{name}](#{name}) | {} |", escape(content)).unwrap();
    }
    for relation in relations {
        let Relation { name, meaning, .. } = relation;
        let (_, example) = EXAMPLES.iter().find(|(of, _)| of == name).unwrap();
        write!(
            page,
            "\n## {name}\n\n{}\n\n| column | type | unit | meaning |\n|---|---|---|---|\n",
            escape(meaning)
        )
        .unwrap();
        for column in &relation.columns {
            let Column {
                name,
                kind,
                unit,
                meaning,
            } = column;
            writeln!(page, "| `{name}` | {kind} | {unit} | {} |", escape(meaning)).unwrap();
        }
        write!(page, "\n```sql\n{example}\n```\n").unwrap();
    }
    page
}

/// `text` in the quotes of JSON, which YAML reads as well.
fn quoted(text: &str) -> String {
    serde_json::to_string(text).unwrap()
}

/// The meaning of a column, with its unit.
fn described(column: &Column) -> String {
    let Column { meaning, unit, .. } = column;
    if unit.is_empty() {
        meaning.clone()
    } else {
        format!("{meaning} [{unit}]")
    }
}

fn metadata(by_hand: &str, relations: &[Relation]) -> String {
    let mut page = [by_hand, WRITTEN_BELOW, "databases:\n  jdcdn:\n    tables:\n"].concat();
    for relation in relations {
        let Relation {
            name,
            meaning,
            columns,
        } = relation;
        writeln!(page, "      {name}:\n        description: {}", quoted(meaning)).unwrap();
        for line in reading(name).lines() {
            writeln!(page, "        {line}").unwrap();
        }
        page.push_str("        columns:\n");
        for column in columns {
            writeln!(page, "          {}: {}", column.name, quoted(&described(column))).unwrap();
        }
        // The units that Datasette can scale: 18000000 bit/s are shown as 18 Mbit/s.
        let scaled = |column: &&Column| ["bit/s", "bytes"].contains(&column.unit.as_str());
        let mut units = columns.iter().filter(scaled).peekable();
        if units.peek().is_some() {
            page.push_str("        units:\n");
        }
        for column in units {
            writeln!(page, "          {}: {}", column.name, column.unit).unwrap();
        }
    }
    page.push_str("    queries:\n");
    for question in questions() {
        write!(
            page,
            "      {}:\n        title: {}\n        description: {}\n        sql: |-\n",
            question.slug(),
            quoted(&question.title),
            quoted(&question.reading)
        )
        .unwrap();
        for line in question.sql_with_parameters().trim_end_matches(';').lines() {
            writeln!(page, "          {line}").unwrap();
        }
    }
    page
}

/// The columns in Superset's form. It treats `TIMESTAMP` and `DATE` columns as times.
///
/// Superset compares a `DATE` column with a full time unless it is given the format, and then a day is not part of the
/// range that begins with it: `'2026-10-01' < '2026-10-01 00:00:00'`. A month has no day that Superset could compare, so
/// its first day is computed.
fn dataset(by_hand: &str, relation: &Relation) -> String {
    let mut page = [by_hand, WRITTEN_BELOW, "columns:\n"].concat();
    for column in &relation.columns {
        let Column { name, kind, .. } = column;
        let time = ["TIMESTAMP", "DATE"].contains(&kind.as_str());
        write!(page, "- column_name: {name}\n  type: {kind}\n  is_dttm: {time}\n").unwrap();
        if kind == "DATE" {
            page.push_str(DAY_FORMAT);
        }
        write!(
            page,
            "  groupby: true\n  filterable: true\n  description: {}\n",
            quoted(&described(column))
        )
        .unwrap();
        if name == "month_cst" {
            page.push_str(FIRST_DAY);
            page.push_str(DAY_FORMAT);
        }
    }
    page
}

const DAY_FORMAT: &str = "  python_date_format: '%Y-%m-%d'\n";

/// A column that Superset computes.
const FIRST_DAY: &str = "- column_name: month_start
  type: DATE
  is_dttm: true
  expression: month_cst || '-01'
  groupby: true
  filterable: true
  description: \"First day of the month. A time range selects the months that begin in it. [UTC+8 text]\"
";

fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

#[track_caller]
pub(crate) fn assert_is(name: &str, expected: &str) {
    if std::env::var_os(WRITE).is_some() {
        std::fs::write(file(name), expected).unwrap();
    }
    let is = std::fs::read_to_string(file(name)).unwrap_or_default();
    let differs = is
        .lines()
        .zip(expected.lines())
        .find(|(is, expected)| is != expected);
    assert!(
        is == expected,
        "{name} is out of date: run `make docs`; {differs:?}"
    );
}

#[test]
fn the_page_of_the_tables_is_what_a_fresh_database_says() {
    let sandbox = fresh();
    assert_is(SCHEMA, &schema(&relations(&sandbox.database())));
}

#[test]
fn datasette_shows_the_dictionary_and_the_cookbook() {
    let sandbox = fresh();
    let written = std::fs::read_to_string(file(METADATA)).unwrap();
    let (by_hand, _) = written.split_once(WRITTEN_BELOW).unwrap();
    assert_is(METADATA, &metadata(by_hand, &relations(&sandbox.database())));
}

#[test]
fn superset_shows_the_dictionary() {
    let sandbox = fresh();
    let relations = relations(&sandbox.database());
    let mut datasets = 0;
    for entry in std::fs::read_dir(file(DATASETS)).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let table = name.strip_suffix(".yaml").unwrap();
        let relation = relations.iter().find(|relation| relation.name == table).unwrap();
        let name = [DATASETS, "/", &name].concat();
        let written = std::fs::read_to_string(file(&name)).unwrap();
        let (by_hand, _) = written.split_once(WRITTEN_BELOW).unwrap();
        assert_is(&name, &dataset(by_hand, relation));
        datasets += 1;
    }
    assert_eq!(datasets, 6);
}

#[test]
fn the_examples_of_the_page_run() {
    let sandbox = fresh();
    for (_, sql) in EXAMPLES {
        sandbox.run(&["query", "--format", "json", sql]).json(0);
    }
}
