//! Large answers: a run's memory and the rejects it keeps stay small.

use std::fmt::Write as _;

use jdcdn_stats::simulator::{Fault, Rule};
use serde_json::Value;

use super::DAY;
use crate::sandbox::{Sandbox, at, ended};
use crate::scale::peak_memory;

/// The most memory of a run, in KiB, for any answer.
const MEMORY: u64 = 128 * 1024;
/// The most points that an answer may hold.
const POINTS: i64 = 2_000_000;

/// An answer with the day of every domain, and with `rows` more of the first.
fn answer(sandbox: &Sandbox, rows: &str) -> Vec<u8> {
    let mut good = String::new();
    for ts in (at(DAY.0)..at(DAY.1)).step_by(300) {
        let _ = write!(good, "[{ts},8,1,{{\"200\":1}}],");
    }
    let (good, mut body) = (
        good.trim_end_matches(','),
        String::from(r#"{"status":0,"data":["#),
    );
    for (place, domain) in sandbox.domains.iter().enumerate() {
        let more = if place == 0 {
            format!(",{rows}")
        } else {
            String::new()
        };
        let comma = if place == 0 { "" } else { "," };
        let _ = write!(body, r#"{comma}{{"domain":"{domain}","data":[{good}{more}]}}"#);
    }
    body.push_str("]}");
    body.into_bytes()
}

/// `count` rows, one after the other.
fn rows(count: i64, row: impl Fn(&mut String, i64)) -> String {
    let mut rows = String::new();
    for at in 0..count {
        row(&mut rows, at);
        rows.push(',');
    }
    rows.pop();
    rows
}

/// Two runs in which every answer is `body`; returns their summaries and the most memory, in KiB.
fn answered_twice(sandbox: &Sandbox, body: Vec<u8>, more: &[&str]) -> [(Value, u64); 2] {
    // The first rule that fits is followed.
    sandbox.simulator.clear_faults();
    sandbox.simulator.rule(Rule::always(Fault::Verbatim {
        http_status: 200,
        headers: Vec::new(),
        body,
    }));
    [(), ()].map(|()| {
        let args = [
            "backfill", "--from", DAY.0, "--to", DAY.1, "--force", "--format", "json", "-q",
        ];
        let mut child = sandbox.start(&[&args, more].concat());
        let peak = peak_memory(&mut child);
        let ended = ended(child.wait_with_output().unwrap());
        assert!((1..MEMORY).contains(&peak), "{peak} KiB: {ended:?}");
        println!("at most {peak} KiB");
        let summary = serde_json::from_str(&ended.stdout).unwrap_or_else(|_| panic!("{ended:?}"));
        (summary, peak)
    })
}

fn rejects(sandbox: &Sandbox) -> (i64, i64) {
    let sql = "SELECT count(*), coalesce(sum(length(raw)), 0) FROM origin_rejects";
    let counted = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?));
    sandbox.database().query_row(sql, [], counted).unwrap()
}

fn database_bytes(sandbox: &Sandbox) -> u64 {
    let size = |name: &str| std::fs::metadata(sandbox.path(name)).map_or(0, |file| file.len());
    size("jdcdn-stats.db") + size("jdcdn-stats.db-wal")
}

#[test]
fn two_million_points_that_nobody_asked_for_are_counted_and_cost_a_hundred_texts() {
    let sandbox = Sandbox::with_domains(1);
    let outside = at(DAY.0) + 100 * 86_400;
    // Room for the good ones.
    let count = POINTS - 288;
    for (rows, rejected) in [
        (
            rows(count, |rows, at| {
                let _ = write!(rows, "[{},1,0,{{}}]", outside + at);
            }),
            count,
        ),
        (rows(count, |rows, _| rows.push('1')), count),
    ] {
        sandbox.remove_database();
        for (summary, _) in answered_twice(&sandbox, answer(&sandbox, &rows), &[]) {
            assert_eq!(summary["outcome"], "partial");
            assert_eq!(summary["points"]["rejected"], rejected);
            assert_eq!(summary["points"]["received"], POINTS);
            sandbox.assert_stored(288);
            assert_eq!(rejects(&sandbox).0, 100);
            assert!(database_bytes(&sandbox) < 2 << 20, "{}", database_bytes(&sandbox));
        }
    }
}

#[test]
fn a_slot_that_is_told_a_million_times_takes_no_more_memory_than_one() {
    let sandbox = Sandbox::with_domains(1);
    let start = at(DAY.0);
    // Each of the 288 slots thousands of times, at 300 times and with other figures.
    let crowd = rows(500_000, |rows, place| {
        let _ = write!(rows, "[{},{place},0,{{}}]", start + place % 86_400);
    });
    for (summary, _) in answered_twice(&sandbox, answer(&sandbox, &crowd), &[]) {
        assert_eq!(summary["points"]["inserted"], 0);
        // The run asks again, and each answer is counted.
        assert!(
            summary["points"]["rejected"].as_u64().unwrap() >= 500_288,
            "{summary}"
        );
        assert!(rejects(&sandbox).0 <= 100);
    }
    sandbox.remove_database();
    let repeated = rows(1_900_000, |rows, place| {
        let _ = write!(rows, "[{},8,1,{{\"200\":1}}]", start + place % 288 * 300);
    });
    for (summary, _) in answered_twice(&sandbox, answer(&sandbox, &repeated), &[]) {
        assert_eq!(summary["outcome"], "complete");
        sandbox.assert_stored(288);
    }
}

#[test]
fn codes_names_and_numbers_without_end_spoil_their_point_alone() {
    let sandbox = Sandbox::with_domains(1);
    let ts = at(DAY.0) + 7;
    let million = rows(4_000_000, |rows, code| {
        let _ = write!(rows, "\"{code}\":1");
    });
    let escapes = "\\u0031".repeat(9_000_000);
    for (row, reason) in [
        (format!("[{ts},1,0,{{{million}}}]"), "more than 128 status codes"),
        (format!("[{ts},\"{escapes}\",0,{{}}]"), "not a number"),
        (format!("[{ts},1,0,{{\"{escapes}\":1}}]"), "too long"),
    ] {
        sandbox.remove_database();
        for (summary, _) in answered_twice(&sandbox, answer(&sandbox, &row), &[]) {
            assert_eq!(summary["points"]["rejected"], 1, "{summary}");
            sandbox.assert_stored(288);
            let (count, bytes) = rejects(&sandbox);
            assert!(count == 1 && bytes <= 64 * 1024);
            let why: String = sandbox
                .database()
                .query_row("SELECT reason FROM origin_rejects", [], |row| row.get(0))
                .unwrap();
            assert!(why.contains(reason), "{why}");
        }
    }
}

#[test]
fn four_large_answers_at_a_time_share_the_memory_of_one() {
    let sandbox = Sandbox::with_domains(4);
    let outside = at(DAY.0) + 100 * 86_400;
    let rows = rows(POINTS - 2_000, |rows, at| {
        let _ = write!(rows, "[{},1,0,{{}}]", outside + at);
    });
    sandbox.configure_fetch("domains_per_request = 1\nconcurrency = 4");
    for (summary, _) in answered_twice(&sandbox, answer(&sandbox, &rows), &[]) {
        assert_eq!(
            summary["points"]["inserted"].as_u64().unwrap()
                + summary["points"]["unchanged"].as_u64().unwrap(),
            4 * 288
        );
    }
}

#[test]
fn points_that_the_store_refuses_leave_a_hundred_texts_too() {
    let sandbox = Sandbox::with_domains(1);
    let shifted = |by: i64| {
        let rows = rows(288, |rows, slot| {
            let _ = write!(rows, "[{},8,1,{{\"200\":1}}]", at(DAY.0) + slot * 300 + by);
        });
        format!(
            r#"{{"status":0,"data":[{{"domain":"{}","data":[{rows}]}}]}}"#,
            sandbox.domains[0]
        )
        .into_bytes()
    };
    answered_twice(&sandbox, shifted(7), &[]);
    for (summary, _) in answered_twice(&sandbox, shifted(9), &[]) {
        assert_eq!(summary["points"]["rejected"], 288);
        assert_eq!(rejects(&sandbox).0, 100);
    }
}
