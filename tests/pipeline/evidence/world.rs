//! What the tests of evidence share: small accounts, and what a user sees of a run.

use std::collections::BTreeMap;

use jdcdn_stats::clock::Clock as _;
use jdcdn_stats::simulator::{Fault, FaultScript, LoggedRequest, Settings};
use serde_json::Value;

use crate::oracle::{assert_sound, row_of, stored};
use crate::sandbox::{Sandbox, at, domains};

pub(super) const HOUR: i64 = 3_600;
pub(super) const DAY: i64 = 86_400;

/// An account of `count` domains whose answers are quickly written and read.
pub(super) fn account(count: usize) -> Settings {
    Settings {
        domains: domains(count),
        few_codes: true,
        gzip: false,
        ..Settings::default()
    }
}

/// A world with this account, configured to begin at `start`, with these lines in `[fetch]`.
pub(super) fn world(settings: Settings, start: &str, fetch: &str) -> Sandbox {
    let sandbox = Sandbox::new(settings);
    configure(&sandbox, start, fetch, "");
    sandbox
}

/// Writes the configuration; `tables` is added at its end.
pub(super) fn configure(sandbox: &Sandbox, start: &str, fetch: &str, tables: &str) {
    sandbox.configure(&Settings::default().username, &format!("start = {start:?}\n"));
    let path = sandbox.path("jdcdn-stats.toml");
    let content = std::fs::read_to_string(&path).unwrap();
    let content = content.replace("[fetch]\n", &format!("[fetch]\n{fetch}\n"));
    std::fs::write(path, format!("{content}{tables}\n")).unwrap();
}

/// `backfill` one request after the other; returns its summary.
#[track_caller]
pub(super) fn backfill(sandbox: &Sandbox, (from, to): (&str, &str), more: &[&str], code: i32) -> Value {
    let args = [&["--format", "json", "--concurrency", "1"], more].concat();
    sandbox.backfill(from, to, &args).json(code)
}

/// `sync` with the settings of the configuration; returns its summary.
#[track_caller]
pub(super) fn sync(sandbox: &Sandbox, code: i32) -> Value {
    sandbox.run(&["sync", "--format", "json"]).json(code)
}

/// Moves both clocks on.
pub(super) fn wait(sandbox: &Sandbox, seconds: i64) {
    sandbox.clock.set(sandbox.clock.now() + seconds);
}

/// Lets `before` requests pass, and then makes the same of `times` requests.
pub(super) fn after(before: usize, times: usize, fault: Fault) -> FaultScript {
    FaultScript::new()
        .then_times(before, Fault::None)
        .then_times(times, fault)
}

/// What `work` returns, and how many requests it took.
pub(super) fn counted<T>(sandbox: &Sandbox, work: impl FnOnce() -> T) -> (T, usize) {
    let before = sandbox.requests();
    let done = work();
    (done, sandbox.requests() - before)
}

/// One row of `origin_gaps`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Gap {
    pub(super) domain: String,
    pub(super) start: i64,
    pub(super) end: i64,
    pub(super) reason: String,
    pub(super) confirmed: bool,
}

/// The rows of `origin_gaps`, in order; those of what nobody has asked for yet are left out.
pub(super) fn gaps(sandbox: &Sandbox) -> Vec<Gap> {
    let database = sandbox.database();
    let mut select = database
        .prepare(
            "SELECT domain, start_ts, end_ts, reason, confirmed FROM origin_gaps WHERE reason <> 'never_asked'
             ORDER BY domain, start_ts",
        )
        .unwrap();
    let rows = select.query_map([], |row| {
        Ok(Gap {
            domain: row.get(0)?,
            start: row.get(1)?,
            end: row.get(2)?,
            reason: row.get(3)?,
            confirmed: row.get(4)?,
        })
    });
    rows.unwrap().map(Result::unwrap).collect()
}

/// The gaps of these reasons only.
pub(super) fn gaps_of(sandbox: &Sandbox, reasons: &[&str]) -> Vec<Gap> {
    let mut gaps = gaps(sandbox);
    gaps.retain(|gap| reasons.contains(&gap.reason.as_str()));
    gaps
}

/// The rows of `origin_refusals` as domain, status and times.
pub(super) fn refusals(sandbox: &Sandbox) -> Vec<(String, i64, i64)> {
    let database = sandbox.database();
    let mut select = database
        .prepare("SELECT domain, status, times FROM origin_refusals ORDER BY domain, start_ts")
        .unwrap();
    let rows = select.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)));
    rows.unwrap().map(Result::unwrap).collect()
}

/// The single number that `sql` gives.
pub(super) fn number(sandbox: &Sandbox, sql: &str) -> i64 {
    sandbox.database().query_row(sql, [], |row| row.get(0)).unwrap()
}

/// The conclusions of a summary of this kind.
pub(super) fn conclusions(summary: &Value, kind: &str) -> Vec<Value> {
    let all = summary["conclusions"].as_array().unwrap();
    all.iter().filter(|told| told["kind"] == kind).cloned().collect()
}

/// The file holds all conclusions of the last run's summary.
#[track_caller]
pub(super) fn assert_conclusions_are_kept(sandbox: &Sandbox, summary: &Value) {
    let kept: String = sandbox
        .database()
        .query_row(
            "SELECT conclusions FROM origin_runs ORDER BY id DESC LIMIT 1",
            [],
            |row| row.get(0),
        )
        .unwrap();
    let kept: Value = serde_json::from_str(&kept).unwrap();
    assert_eq!(kept, summary["conclusions"]);
}

/// A summary's slots add up to `asked`, and are these.
#[track_caller]
pub(super) fn assert_slot_counts(summary: &Value, empty: u64, rejected: u64, failed: u64) {
    let slots = &summary["slots"];
    let told = [&slots["empty"], &slots["rejected"], &slots["failed"]].map(|number| number.as_u64().unwrap());
    assert_eq!(told, [empty, rejected, failed], "{slots}");
}

/// All failures of a summary as one text.
pub(super) fn failures(summary: &Value) -> String {
    summary["failures"].to_string()
}

/// Every slot of `[from, to)` is stored as it was true at one of the moments `asked`, or is a gap; returns how many
/// are gaps. Nothing else is stored.
#[track_caller]
pub(super) fn assert_accounted_for(sandbox: &Sandbox, (from, to): (i64, i64), asked: &[i64]) -> usize {
    let database = sandbox.database();
    assert_sound(&database);
    let gaps = gaps(sandbox);
    let mut missing = 0;
    for name in &sandbox.domains {
        let mut rows: BTreeMap<i64, _> = stored(&database, name);
        let truth = sandbox.simulator.truth().domain(name);
        for slot in (from..to).step_by(300) {
            let is_gap = gaps
                .iter()
                .any(|gap| gap.domain == *name && (gap.start..gap.end).contains(&slot));
            let row = rows.remove(&slot);
            assert_ne!(row.is_some(), is_gap, "{name} at {slot}: {row:?}");
            missing += usize::from(is_gap);
            if let Some(row) = row {
                let is_true = |at: &i64| truth.point(slot, *at).is_some_and(|point| row_of(&point) == row);
                assert!(asked.iter().any(is_true), "{name} at {slot} was never {row:?}");
            }
        }
        assert!(
            rows.is_empty(),
            "{name} holds points outside of the range: {rows:?}"
        );
    }
    missing
}

/// As [`assert_accounted_for`], where every point that the truth has is stored.
#[track_caller]
pub(super) fn assert_whole(sandbox: &Sandbox, range: (i64, i64), asked: &[i64]) {
    let missing = assert_accounted_for(sandbox, range, asked);
    let last = asked.iter().copied().max().unwrap();
    let absent = sandbox.domains.iter().map(|name| {
        let truth = sandbox.simulator.truth().domain(name);
        let slots = (range.0..range.1).step_by(300);
        slots.filter(|slot| truth.point(*slot, last).is_none()).count()
    });
    assert_eq!(missing, absent.sum::<usize>(), "points are missing");
}

/// The end of the newest slot that is available now.
pub(super) fn horizon(sandbox: &Sandbox) -> i64 {
    let newest = sandbox.clock.now() - 600;
    newest - newest.rem_euclid(300) + 300
}

/// Whether a request asks for this moment.
pub(super) fn holds(request: &LoggedRequest, moment: i64) -> bool {
    request.start.is_some_and(|start| start <= moment) && request.end.is_some_and(|end| moment < end)
}

/// A range as moments.
pub(super) fn moments((from, to): (&str, &str)) -> (i64, i64) {
    (at(from), at(to))
}
