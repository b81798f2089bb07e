//! What a refresh changes is on record; what it leaves out stays.

use jdcdn_stats::simulator::{DataFault, LoggedRequest, Rule};

use crate::changes::{recorded, visible};
use crate::oracle::{assert_equals_truth, dump};
use crate::ranges::window_of;
use crate::sandbox::{NOW, Sandbox, at};

const FROM: &str = "2026-06-14 12:00";

fn young() -> Sandbox {
    let sandbox = Sandbox::with_domains(3);
    sandbox.configure("jcloud_00", &format!("start = {FROM:?}"));
    sandbox.run(&["sync"]).with(0);
    sandbox
}

/// The moments at which each slot of each domain was answered for, from the simulator's log.
fn answers(requests: &[LoggedRequest]) -> std::collections::BTreeMap<(String, i64), Vec<i64>> {
    let mut answers = std::collections::BTreeMap::<_, Vec<i64>>::new();
    for request in requests.iter().filter(|request| request.is_answered()) {
        for domain in &request.domains {
            let (start, end) = window_of(request);
            for slot in (start..end).step_by(300) {
                let asked = answers.entry((domain.clone(), slot)).or_default();
                asked.push(request.arrived_at);
            }
        }
    }
    answers
}

#[test]
fn a_refresh_records_exactly_what_the_api_changed_since_the_slots_were_last_asked_for() {
    let sandbox = young();
    assert_eq!(recorded(&sandbox.database()), []);
    let mut updated = 0;
    for hours in [2, 13, 26] {
        sandbox.clock.set(at(NOW) + hours * 3_600);
        let summary = sandbox.run(&["sync", "--format", "json"]).json(0);
        updated += summary["points"]["updated"].as_u64().unwrap();
    }
    let mut expected = Vec::new();
    for ((domain, slot), asked) in answers(&sandbox.simulator.requests()) {
        let truth = sandbox.simulator.truth();
        let pairs = asked.windows(2);
        expected.extend(pairs.filter_map(|pair| visible(truth, &domain, slot, pair[0], pair[1])));
    }
    assert!(expected.iter().any(|change| change.age_seconds >= 86_400));
    assert_eq!(recorded(&sandbox.database()), expected);
    assert_eq!(updated, u64::try_from(expected.len()).unwrap());

    let status = sandbox.run(&["status", "--settling", "--format", "json"]).json(0);
    let stages = status["settling"].as_array().unwrap();
    let sum = |key: &str| -> u64 { stages.iter().map(|stage| stage[key].as_u64().unwrap()).sum() };
    let repeated = answers(&sandbox.simulator.requests());
    let repeated: usize = repeated.values().map(|asked| asked.len() - 1).sum();
    assert_eq!(
        (sum("changed"), sum("asked_again")),
        (updated, u64::try_from(repeated).unwrap())
    );
    let shown = sandbox.run(&["status", "--settling"]).with(0);
    assert!(shown.contains("24 to 48 h"), "{shown}");
}

#[test]
fn asking_again_for_what_has_not_changed_records_nothing() {
    let sandbox = young();
    let before = dump(&sandbox.database());
    sandbox.backfill(FROM, NOW, &["--force"]).with(0);
    assert_eq!(recorded(&sandbox.database()), []);
    assert_eq!(dump(&sandbox.database()), before);
}

#[test]
fn a_point_that_an_answer_leaves_out_stays_and_is_told() {
    let sandbox = young();
    let (domain, slot) = ("d001.example.com".to_owned(), at("2026-06-15 11:30"));
    let omit = DataFault::Omit {
        domain: domain.clone(),
        slot,
    };
    sandbox.simulator.rule(Rule::always(omit));
    sandbox.clock.set(at(NOW) + 3_600);
    let summary = sandbox.run(&["sync", "--format", "json"]).json(0);
    assert_eq!(summary["points"]["left_out"], 1);
    let left_out: i64 = sandbox
        .database()
        .query_row("SELECT sum(points_left_out) FROM origin_runs", [], |row| {
            row.get(0)
        })
        .unwrap();
    assert_eq!(left_out, 1);
    sandbox.clock.set(at(NOW) + 30 * 3_600);
    let told = sandbox.run(&["sync"]).with(0);
    assert!(
        told.contains("1 stored point missing from the new answers; kept"),
        "{told}"
    );

    // Once the API serves it again, it is as if nothing had been.
    sandbox.simulator.clear_faults();
    let until = "2026-06-16 17:55";
    sandbox.backfill(FROM, until, &["--force"]).with(0);
    let range = (at(FROM), at(until));
    let now = at(NOW) + 30 * 3_600;
    assert_equals_truth(
        &sandbox.database(),
        sandbox.simulator.truth(),
        &sandbox.domains,
        range,
        now,
    );
}
