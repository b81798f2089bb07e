//! The endpoint document's own example answer.

use jdcdn_stats::simulator::{Fault, Rule, Settings};
use rusqlite::Connection;

use crate::oracle::assert_sound;
use crate::sandbox::Sandbox;

/// The example of the vendor's page "Back-to-origin Statistics (origin)", to the letter.
const EXAMPLE: &str = include_str!("../fixtures/origin-example.json");

fn pairs(database: &Connection, view: &str) -> Vec<(String, i64)> {
    let mut select = database
        .prepare(&format!("SELECT code, count FROM {view} ORDER BY code"))
        .unwrap();
    select
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))
        .unwrap()
        .map(Result::unwrap)
        .collect()
}

#[test]
fn the_documented_example_is_stored_exactly() {
    let sandbox = Sandbox::new(Settings {
        domains: vec!["www.a.com".to_owned()],
        ..Settings::default()
    });
    sandbox.simulator.rule(Rule::always(Fault::Verbatim {
        http_status: 200,
        headers: vec![("Content-Type".to_owned(), "application/json".to_owned())],
        body: EXAMPLE.as_bytes().to_vec(),
    }));
    let summary = sandbox
        .backfill("2019-09-15 00:00", "2019-09-15 00:15", &["--format", "json"])
        .json(0);
    // One point alone might be the sum of an hour: a request for its slot alone has brought it again.
    let conclusions = summary["conclusions"].as_array().unwrap();
    let kinds: Vec<_> = conclusions.iter().map(|conclusion| &conclusion["kind"]).collect();
    assert_eq!(kinds, ["empty", "sparse", "empty"]);
    let database = sandbox.database();
    assert_sound(&database);

    let points: Vec<(String, i64, String, String, i64, i64)> = database
        .prepare("SELECT domain, ts, time_utc, time_cst, bandwidth, pv FROM origin_stats")
        .unwrap()
        .query_map([], |row| {
            Ok((
                row.get(0)?,
                row.get(1)?,
                row.get(2)?,
                row.get(3)?,
                row.get(4)?,
                row.get(5)?,
            ))
        })
        .unwrap()
        .map(Result::unwrap)
        .collect();
    let text = str::to_owned;
    assert_eq!(
        points,
        [(
            text("www.a.com"),
            1_568_477_100,
            text("2019-09-14 16:05:00"),
            text("2019-09-15 00:05:00"),
            0,
            1
        )]
    );
    let codes = pairs(&database, "origin_status_codes");
    let reported = [
        "0", "000", "200", "201", "204", "206", "300", "301", "302", "464", "465", "466", "512", "605",
        "612", "613", "other",
    ];
    let expected: Vec<_> = reported
        .iter()
        .map(|code| (text(code), i64::from(*code == "301")))
        .collect();
    assert_eq!(codes, expected);
    assert_eq!(pairs(&database, "origin_status_nonzero"), [(text("301"), 1)]);
}
