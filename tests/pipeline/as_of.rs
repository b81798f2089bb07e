//! Every view says the same number of missing slots, as of the end of the last run.

use std::collections::BTreeMap;
use std::fs;

use jdcdn_stats::simulator::{Fault, Rule};
use serde_json::{Value, json};

use crate::cookbook::questions;
use crate::gaps::with_every_reason;
use crate::sandbox::{NOW, Sandbox, at, wait_until};

/// Slots by domain and reason.
type Slots = BTreeMap<(String, String), i64>;

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

/// The slots of each domain in the output of `gaps` or `status`, without the zeros.
fn of_command(sandbox: &Sandbox, args: &[&str]) -> Slots {
    let told = sandbox.run(&[args, &["--format", "json"]].concat()).json(0);
    let mut slots = Slots::new();
    for domain in told["domains"].as_array().unwrap() {
        for (reason, count) in domain["slots"].as_object().unwrap() {
            slots.insert((text(&domain["domain"]), reason.clone()), count.as_i64().unwrap());
        }
    }
    slots.retain(|_, slots| *slots > 0);
    slots
}

/// The slots of each domain in the rows of a statement with the columns `domain`, `reason` and `slots`.
fn of_sql(sandbox: &Sandbox, sql: &str) -> Slots {
    let database = sandbox.database();
    let mut slots = Slots::new();
    let mut select = database.prepare(sql).unwrap();
    let mut rows = select.query([]).unwrap();
    while let Some(row) = rows.next().unwrap() {
        let key = (row.get("domain").unwrap(), row.get("reason").unwrap());
        *slots.entry(key).or_default() += row.get::<_, i64>("slots").unwrap();
    }
    slots
}

/// The statements of the cookbook that list gaps.
fn of_cookbook(sandbox: &Sandbox) -> Vec<String> {
    let database = sandbox.database();
    let lists = |sql: &String| {
        let statement = database.prepare(sql).unwrap();
        ["domain", "reason", "slots"]
            .iter()
            .all(|name| statement.column_index(name).is_ok())
    };
    questions()
        .into_iter()
        .map(|question| question.sql)
        .filter(lists)
        .collect()
}

/// The slots by reason in the report of one domain, or of all.
fn of_report(sandbox: &Sandbox, args: &[&str]) -> (BTreeMap<String, i64>, i64) {
    sandbox
        .run(&[&["report", "r.html", "--force"], args].concat())
        .with(0);
    let page = fs::read_to_string(sandbox.path("r.html")).unwrap();
    let (_, data) = page.split_once("id=\"data\">").unwrap();
    let data: Value = serde_json::from_str(data.split_once("</script>").unwrap().0).unwrap();
    let reasons = data["gaps"]["slots"].as_object().unwrap();
    let reasons = reasons
        .iter()
        .map(|(reason, slots)| (reason.clone(), slots.as_i64().unwrap()));
    (reasons.collect(), data["gaps"]["outside"].as_i64().unwrap())
}

fn assert_one_number(sandbox: &Sandbox) -> Slots {
    let listed = of_sql(sandbox, "SELECT domain, reason, slots FROM origin_gaps");
    assert_eq!(of_command(sandbox, &["gaps"]), listed);
    assert_eq!(of_command(sandbox, &["status"]), listed);
    let statements = of_cookbook(sandbox);
    assert!(!statements.is_empty());
    for sql in statements {
        assert_eq!(of_sql(sandbox, &sql), listed, "{sql}");
    }
    let status = sandbox.run(&["status", "--format", "json"]).json(0);
    for domain in status["domains"].as_array().unwrap() {
        let name = text(&domain["domain"]);
        let of = |reasons: &[&str]| {
            let these = listed
                .iter()
                .filter(|((of, reason), _)| *of == name && reasons.contains(&&**reason));
            json!(these.map(|(_, slots)| slots).sum::<i64>())
        };
        assert_eq!(
            domain["missing_slots"],
            of(&["never_asked", "failed", "empty", "rejected"]),
            "{name}"
        );
        assert_eq!(domain["failed_slots"], of(&["failed"]), "{name}");
        assert_eq!(
            domain["beyond_retention_slots"],
            of(&["beyond_retention"]),
            "{name}"
        );
        let points = format!("SELECT count(*) FROM origin_stats WHERE domain = '{name}'");
        let points: i64 = sandbox
            .database()
            .query_row(&points, [], |row| row.get(0))
            .unwrap();
        assert_eq!(domain["points"], points, "{name}");
        // The report shows the days that were fetched, and counts the rest.
        let (inside, outside) = of_report(sandbox, &["-d", &name]);
        let all: i64 = listed
            .iter()
            .filter(|((of, _), _)| *of == name)
            .map(|(_, slots)| slots)
            .sum();
        assert_eq!(inside.values().sum::<i64>() + outside, all, "{name}");
        for (reason, slots) in inside {
            let known = listed[&(name.clone(), reason)];
            assert!(slots <= known && (outside > 0 || slots == known), "{name}");
        }
    }
    listed
}

#[test]
fn status_gaps_sql_report_and_cookbook_count_the_same_slots_of_every_reason() {
    let sandbox = with_every_reason();
    let listed = assert_one_number(&sandbox);
    let reasons: Vec<&str> = listed.keys().map(|(_, reason)| &**reason).collect();
    for reason in ["never_asked", "failed", "empty", "rejected", "beyond_retention"] {
        assert!(reasons.contains(&reason), "{reason}");
    }
    // An hour later nothing has been asked for: the figures stay, and what is new is counted apart.
    sandbox.clock.set(at(NOW) + 3_600);
    assert_eq!(assert_one_number(&sandbox), listed);
    for command in ["status", "gaps"] {
        let told = sandbox.run(&[command, "--format", "json"]).json(0);
        assert!(text(&told["as_of"]).starts_with("2026-06-15T12:00:"), "{command}");
        assert_eq!(told["unfinished_run"], Value::Null, "{command}");
        let new: i64 = told["domains"]
            .as_array()
            .unwrap()
            .iter()
            .map(|domain| domain["new_slots"].as_i64().unwrap())
            .sum();
        assert_eq!(new, 4 * 12, "{command}");
        let shown = sandbox.run(&[command]).with(0);
        for sentence in [
            "As of the end of the last run at 2026-06-15 12:00 (1h ago).\n",
            "Not included: 48 slots that ",
        ] {
            assert!(shown.contains(sentence), "{shown}");
        }
    }
    // The rejects are given up after the run: that is a change of the list.
    sandbox.run(&["rejects", "discard", "--all"]).with(0);
    let given_up = assert_one_number(&sandbox);
    assert_ne!(given_up, listed);
}

#[test]
fn a_new_file_says_that_no_run_has_ended_and_hides_nothing_that_is_configured() {
    let sandbox = Sandbox::with_domains(2);
    sandbox.configure("jcloud_00", "start = \"2026-06-14\"");
    sandbox.run(&["migrate"]).with(0);
    for command in ["status", "gaps"] {
        let shown = sandbox.run(&[command]).with(0);
        assert!(shown.contains("No run has ended yet.\n"), "{shown}");
        assert!(shown.contains("Not included: 862 configured slots. "), "{shown}");
        let told = sandbox.run(&[command, "--format", "json"]).json(0);
        assert_eq!(
            (&told["as_of"], &told["domains"][1]["new_slots"]),
            (&Value::Null, &json!(431))
        );
    }
    // A domain that is configured later is new, too.
    sandbox.run(&["sync", "-d", "d000.example.com"]).with(0);
    let config = fs::read_to_string(sandbox.path("jdcdn-stats.toml")).unwrap();
    fs::write(
        sandbox.path("jdcdn-stats.toml"),
        config.replace("start = \"2026-06-14\"", "start = \"2026-06-13\""),
    )
    .unwrap();
    let told = sandbox.run(&["status", "--format", "json"]).json(0);
    let of = |place: usize, field: &str| told["domains"][place][field].as_i64().unwrap();
    assert_eq!((of(0, "missing_slots"), of(0, "new_slots")), (0, 288));
    assert_eq!((of(1, "missing_slots"), of(1, "new_slots")), (431, 288));
    assert_one_number(&sandbox);
}

#[test]
fn while_a_run_is_at_work_and_after_a_kill_it_says_so_and_the_numbers_are_those_of_the_file() {
    let sandbox = Sandbox::with_domains(2);
    sandbox.configure("jcloud_00", "start = \"2026-06-10\"");
    sandbox.backfill("2026-06-10", "2026-06-12", &[]).with(0);
    let before = assert_one_number(&sandbox);
    // The first day is stored, the second never comes.
    sandbox
        .simulator
        .rule(Rule::always(Fault::Hang).for_moment(at("2026-06-13 12:00")));
    sandbox.clock.set(at(NOW) + 600);
    let mut run = sandbox.start(&[
        "backfill",
        "--from",
        "2026-06-12",
        "--to",
        "2026-06-14",
        "--concurrency",
        "1",
    ]);
    let sql = "SELECT count(*) FROM origin_stats WHERE ts >= ?1";
    let stored = || {
        sandbox
            .database()
            .query_row(sql, [at("2026-06-12")], |row| row.get::<_, i64>(0))
            .unwrap()
    };
    wait_until("a window is stored", || stored() == 2 * 288);
    let mut lists = Vec::new();
    for killed in [false, true] {
        let unfinished =
            json!({"id": 2, "command": "backfill", "started_cst": "2026-06-15 12:10", "killed": killed});
        let listed = assert_one_number(&sandbox);
        assert_eq!(
            listed.values().sum::<i64>(),
            before.values().sum::<i64>() - 2 * 288
        );
        lists.push(listed);
        for command in ["status", "gaps"] {
            let told = sandbox.run(&[command, "--format", "json"]).json(0);
            assert!(text(&told["as_of"]).starts_with("2026-06-15T12:00:"), "{command}");
            let mut found = told["unfinished_run"].clone();
            // The clock of the process goes on by itself.
            found["started_cst"] = text(&found["started_cst"])[..16].into();
            assert_eq!(found, unfinished);
            let shown = sandbox.run(&[command]).with(0);
            let sentence = if killed {
                ". Run 2 (`backfill`) began at 2026-06-15 12:10 and was killed."
            } else {
                ". Run 2 (`backfill`) began at 2026-06-15 12:10 and has not ended: it is at work, or it was killed."
            };
            assert!(shown.contains(sentence), "{shown}");
        }
        // Only the next run writes that the killed one was interrupted, but nobody has to wait for it.
        let outcome = if killed { "interrupted" } else { "running" };
        let told = sandbox.run(&["status", "--format", "json"]).json(0);
        assert_eq!(
            (&told["runs"][0]["id"], &told["runs"][0]["outcome"]),
            (&2.into(), &outcome.into())
        );
        let stored: String = sandbox
            .database()
            .query_row("SELECT outcome FROM origin_runs WHERE id = 2", [], |row| {
                row.get(0)
            })
            .unwrap();
        assert_eq!(stored, "running");
        let _ = run.kill();
        run.wait().unwrap();
    }
    assert_eq!(lists[0], lists[1]);
    sandbox.simulator.clear_faults();
    sandbox.run(&["sync"]).with(0);
    assert_eq!(assert_one_number(&sandbox).values().sum::<i64>(), 0);
    let told = sandbox.run(&["status", "--format", "json"]).json(0);
    assert_eq!(told["unfinished_run"], Value::Null);
}

#[test]
fn a_file_whose_points_and_gaps_do_not_add_up_is_not_shown_without_a_warning() {
    let sandbox = Sandbox::with_domains(2);
    sandbox.backfill("2026-06-10", "2026-06-11", &[]).with(0);
    assert!(!sandbox.run(&["status"]).stderr.contains("add up"));
    let database = rusqlite::Connection::open(sandbox.path("jdcdn-stats.db")).unwrap();
    let slot = at("2026-06-10");
    database
        .execute_batch(&format!(
            "INSERT INTO gap VALUES (2, {slot}, {slot} + 300, '', '', 1, 'empty', 0, NULL, NULL)"
        ))
        .unwrap();
    let ended = sandbox.run(&["status"]);
    assert!(
        ended
            .stderr
            .contains("points and gaps of `d001.example.com` do not add up to what was asked for"),
        "{}",
        ended.stderr
    );
    sandbox.run(&["check", "--deep", "--offline"]).with(5);
}
