//! A day of runs on an injected clock, with the API down in the middle.

use std::path::Path;
use std::sync::Arc;

use jdcdn_stats::cli::CliError;
use jdcdn_stats::cli::commands::sync::up_to_date;
use jdcdn_stats::cli::commands::watch::next_step::NextStep;
use jdcdn_stats::cli::commands::watch::schedule::{RunResult, Schedule};
use jdcdn_stats::clock::SharedClock;
use jdcdn_stats::config::{Config, Environment, FileConfig, Overrides};
use jdcdn_stats::ingest::{Control, Progress, Summary};
use jdcdn_stats::simulator::{Fault, Rule};

use crate::oracle::assert_equals_truth;
use crate::sandbox::{Sandbox, at};

const EVERY: i64 = 300;
const FROM: &str = "2026-06-15 00:00";
const TO: &str = "2026-06-16 00:00";
const DOWN: &str = "2026-06-15 09:02";
const UP: &str = "2026-06-15 15:41";

/// What `watch` does at a tick, in this process and on the sandbox's clock.
struct Machine<'s> {
    sandbox: &'s Sandbox,
    config: Config,
    clock: SharedClock,
    runtime: tokio::runtime::Runtime,
}

impl<'s> Machine<'s> {
    fn new(sandbox: &'s Sandbox) -> Self {
        let text = std::fs::read_to_string(sandbox.path("jdcdn-stats.toml")).unwrap();
        let file = FileConfig::parse(&sandbox.path("jdcdn-stats.toml"), &text).unwrap();
        let key = Environment::new([("JDCDN_SECRET_KEY", sandbox.key())]);
        let mut overrides = Overrides::default();
        overrides.set("database", [sandbox.path("jdcdn-stats.db")]);
        Self {
            sandbox,
            config: Config::resolve(&overrides, &key, file, at(FROM)).unwrap(),
            clock: Arc::new(sandbox.clock.clone()),
            runtime: tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap(),
        }
    }

    fn run(&self) -> Result<Summary, CliError> {
        let pull = up_to_date("watch", &self.config, None, self.clock.now()).unwrap();
        let credentials = self.config.credentials().unwrap();
        let prepared = pull.prepare(&self.config, credentials, &self.clock)?;
        let run = prepared.run(Control::new(), Arc::new(Progress::default()));
        Ok(self.runtime.block_on(run)?)
    }

    /// Keeps to the schedule until `end`, and hands every run to `visit`.
    fn watch(&self, schedule: &mut Schedule, end: i64, mut visit: impl FnMut(i64, &Summary, RunResult)) {
        while self.clock.now() < end {
            let now = self.clock.now();
            let wait = schedule.wait(now, EVERY);
            if wait > 0 {
                self.sandbox.clock.set((now + wait).min(end));
                continue;
            }
            let summary = self.run().unwrap();
            let NextStep::Continue(result) = NextStep::after(&summary, false) else {
                panic!("{summary:?}");
            };
            visit(now, &summary, result);
            schedule.ended(now, now, EVERY, result);
        }
    }
}

fn sandbox_from(start: &str) -> Sandbox {
    let sandbox = Sandbox::with_domains(2);
    sandbox.configure("jcloud_00", &format!("start = \"{start}\"\n"));
    sandbox
}

/// The range that each domain is covered for, without a hole.
fn covered(database: &Path) -> Vec<(i64, i64)> {
    let database = rusqlite::Connection::open(database).unwrap();
    let mut select = database
        .prepare(
            "SELECT min(start_ts), max(end_ts), sum(end_ts - start_ts) FROM origin_coverage GROUP BY domain",
        )
        .unwrap();
    let rows = select.query_map([], |row| {
        let (start, end, sum): (i64, i64, i64) = (row.get(0)?, row.get(1)?, row.get(2)?);
        assert_eq!(end - start, sum, "a hole");
        Ok((start, end))
    });
    rows.unwrap().map(Result::unwrap).collect()
}

#[test]
fn a_day_with_the_api_down_in_the_middle_leaves_no_hole() {
    let sandbox = sandbox_from("2026-06-14 18:00");
    sandbox.clock.set(at(FROM));
    let machine = Machine::new(&sandbox);
    let mut schedule = Schedule::starting(at(FROM));
    machine.watch(&mut schedule, at(DOWN), |_, summary, result| {
        assert_eq!(result, RunResult::Complete, "{summary:?}");
    });
    sandbox.simulator.rule(Rule::always(Fault::ResetBeforeAnswer));
    sandbox.simulator.clear_log();
    let mut tries = Vec::new();
    machine.watch(&mut schedule, at(UP), |now, _, result| {
        assert_eq!(result, RunResult::NoAnswer);
        tries.push(now);
    });
    let pauses: Vec<i64> = tries.windows(2).map(|pair| (pair[1] - pair[0]) / 60).collect();
    assert_eq!(pauses, [5, 10, 20, 40, 60, 60, 60, 60, 60]);
    // Each try ends once it is clear that nothing is answered.
    let asked = sandbox.requests();
    assert!(asked <= tries.len() * 20, "{asked} requests");

    sandbox.simulator.clear_faults();
    let mut first = None;
    machine.watch(&mut schedule, at(TO), |now, summary, result| {
        assert_eq!(result, RunResult::Complete, "{summary:?}");
        first.get_or_insert((now, summary.totals.points_inserted));
    });
    let (back, made_up) = first.unwrap();
    assert!(back - at(UP) <= 3_600);
    assert!(made_up >= 2 * 12 * 6, "{made_up} points");
    let range = (at("2026-06-14 18:00"), at("2026-06-15 23:50"));
    assert_eq!(covered(&sandbox.path("jdcdn-stats.db")), [range; 2]);

    // After its last refresh every slot holds the API's last value.
    sandbox.clock.set(at(TO) + 2 * 86_400);
    machine.run().unwrap();
    let end = at(TO) + 2 * 86_400 - 600;
    assert_equals_truth(
        &sandbox.database(),
        sandbox.simulator.truth(),
        &sandbox.domains,
        (range.0, end + 300),
        at(TO) + 2 * 86_400,
    );
}

#[test]
fn a_clock_that_jumps_a_day_leads_to_one_run_and_no_standstill() {
    let sandbox = sandbox_from("2026-06-14 08:00");
    sandbox.clock.set(at(FROM));
    let machine = Machine::new(&sandbox);
    let mut schedule = Schedule::starting(at(FROM));
    let runs = |schedule: &mut Schedule, until: i64| {
        let mut runs = 0;
        machine.watch(schedule, until, |_, _, result| {
            assert_eq!(result, RunResult::Complete);
            runs += 1;
        });
        runs
    };
    assert_eq!(runs(&mut schedule, at("2026-06-15 00:20:00")), 5);
    // The machine sleeps for eight hours: one run, and then the grid.
    sandbox.clock.set(at("2026-06-15 08:21:00"));
    assert_eq!(runs(&mut schedule, at("2026-06-15 08:25:00")), 1);
    assert_eq!(runs(&mut schedule, at("2026-06-15 08:35:00")), 2);
    // The clock is put back by a day: the next run comes on the next tick.
    sandbox.clock.set(at("2026-06-14 08:36:00"));
    assert_eq!(runs(&mut schedule, at("2026-06-14 08:41:00")), 1);
    sandbox.clock.set(at("2026-06-15 08:41:00"));
    assert_eq!(runs(&mut schedule, at("2026-06-15 08:45:00")), 1);
    let range = (at("2026-06-14 08:00"), at("2026-06-15 08:35"));
    assert_eq!(covered(&sandbox.path("jdcdn-stats.db")), [range; 2]);
    // A clock that lost its time altogether is waited for.
    sandbox.clock.set(86_400);
    let step = NextStep::after_error(machine.run().unwrap_err());
    assert!(matches!(step, NextStep::Postpone(_)), "{step:?}");
}
