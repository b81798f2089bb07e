//! The questions that people ask in SQL.

use std::path::Path;

use jdcdn_stats::model::slot::DAY_SECONDS;
use jdcdn_stats::model::{Span, UnixSeconds};
use rusqlite::{Connection, OpenFlags};

use crate::Result;
use crate::fill;
use crate::meter::{Cost, measure as meter, median_cost};
use crate::results::{Cell, Section};
use crate::setup::{Setup, just_after, project};

/// 2026-11-01 in UTC+8: the cookbook asks for October.
const END: UnixSeconds = 1_793_462_400;
/// How many questions of the cookbook are measured.
const COOKBOOK: usize = 10;

/// Questions that the contract of the file promises to answer fast. `:from` is a day before the end of the data.
const CONTRACT: [(&str, &str); 6] = [
    (
        "one domain, one day, all codes with their zeros",
        "SELECT code, count FROM origin_status_codes WHERE domain = :domain AND ts >= :from",
    ),
    (
        "one domain, all time: requests by code and day",
        "SELECT date(time_cst), code, sum(count) FROM origin_status_nonzero WHERE domain = :domain GROUP BY 1, 2",
    ),
    (
        "one domain, the last 24 hours",
        "SELECT ts, bandwidth, pv FROM origin_stats WHERE domain = :domain AND ts >= :from ORDER BY ts",
    ),
    (
        "all domains, the last 7 days: requests by code",
        "SELECT code, sum(count) FROM origin_status_nonzero WHERE ts >= :from - 6 * 86400 GROUP BY code",
    ),
    (
        "all domains, the last 7 days: bandwidth by slot",
        "SELECT ts, sum(bandwidth) FROM origin_stats WHERE ts >= :from - 6 * 86400 GROUP BY ts",
    ),
    ("all domains, all months", "SELECT * FROM origin_monthly"),
];

pub(crate) fn measure(setup: &Setup) -> Result<Section> {
    let (domains, days, rounds) = setup.pick((100, 90, 5), (20, 5, 2));
    let span = Span::new(END - days * DAY_SECONDS, END).ok_or("no day")?;
    let directory = setup.scratch("queries")?;
    let file = directory.path().join("stats.db");
    let points = fill::build(&file, domains, span, just_after(span.end()))?.points;
    let cookbook = std::fs::read_to_string(project().join("docs/cookbook.md"))?;
    let mut statements: Vec<(String, String)> = Vec::new();
    statements.extend(CONTRACT.map(|(what, sql)| (what.to_owned(), sql.to_owned())));
    statements.extend(questions(&cookbook).into_iter().take(COOKBOOK));
    let mut rows = Vec::new();
    for (what, sql) in statements {
        let mut costs = Vec::new();
        let mut answered = 0;
        for _ in 0..rounds {
            let mut cost = Cost::default();
            answered = ask(&file, &sql, END - DAY_SECONDS, &mut cost)?;
            costs.push(cost);
        }
        rows.push(vec![
            Cell::Text(what),
            Cell::Count(answered as f64),
            Cell::Seconds(median_cost(&costs).wall),
            Cell::Seconds(median_cost(&costs).cpu),
        ]);
    }
    let mut section = Section::new(
        "queries",
        "Questions in SQL",
        &[
            &format!(
                "{domains} domains and {days} days, {points} points. Each statement runs on a new connection without any \
                 settings, and all of its rows are read."
            ),
            "The last ones are the first questions of the [cookbook](cookbook.md).",
        ],
    );
    section.table(&["question", "rows", "time", "CPU time"], rows);
    Ok(section)
}

/// Runs a statement and reads its rows; returns how many there are.
fn ask(file: &Path, sql: &str, from: i64, cost: &mut Cost) -> Result<usize> {
    let connection = Connection::open_with_flags(file, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    let mut statement = connection.prepare(sql)?;
    for (name, value) in [
        (":domain", &"www7.example.com" as &dyn rusqlite::ToSql),
        (":from", &from),
    ] {
        if let Some(at) = statement.parameter_index(name)? {
            statement.raw_bind_parameter(at, value)?;
        }
    }
    let columns = statement.column_count();
    meter(cost, || {
        let mut rows = statement.raw_query();
        let mut count = 0;
        while let Some(row) = rows.next()? {
            for column in 0..columns {
                std::hint::black_box(row.get_ref(column)?);
            }
            count += 1;
        }
        Ok(count)
    })?
}

/// Returns the questions of the cookbook with their statements.
fn questions(cookbook: &str) -> Vec<(String, String)> {
    let sections = cookbook.split("\n## ").skip(1);
    let read = |section: &str| {
        let (title, rest) = section.split_once('\n')?;
        let (_, rest) = rest.split_once("```sql\n")?;
        let (sql, _) = rest.split_once("```")?;
        Some((title.to_owned(), sql.to_owned()))
    };
    sections.filter_map(read).collect()
}
