use std::collections::BTreeMap;

use proptest::prelude::*;

use super::moments::{before_migration, expected, points, rejected_at, said, slots, unreadable};
use super::*;
use crate::model::{Gap, GapReason, Shape};

const NAMES: [&str; 3] = ["a.com", "b.com", "c.com"];

/// The rows of a domain, in slots.
fn table(sandbox: &Sandbox, name: &str) -> Vec<(i64, i64, String)> {
    let reader = sandbox.reader();
    let mut select = reader
        .connection()
        .prepare(
            "SELECT start_ts, end_ts, slots, reason FROM origin_gaps WHERE domain = ?1 ORDER BY start_ts",
        )
        .unwrap();
    let rows = select.query_map([name], |row| {
        let (start, end): (i64, i64) = (row.get(0)?, row.get(1)?);
        assert_eq!(row.get::<_, i64>(2)? * SLOT_SECONDS, end - start);
        Ok((
            (start - MIDNIGHT) / SLOT_SECONDS,
            (end - MIDNIGHT) / SLOT_SECONDS,
            row.get(3)?,
        ))
    });
    rows.unwrap().map(Result::unwrap).collect()
}

fn gap(start: i64, end: i64, reason: GapReason) -> (i64, i64, String) {
    (start, end, reason.as_str().to_owned())
}

#[test]
fn a_commit_notes_what_it_left_without_a_point_and_a_later_one_mends_it() {
    let mut sandbox = Sandbox::new();
    let mut first = said("a.com", slots(0, 8), &points([0, 1, 5]), 9_000);
    first.rejects = vec![unreadable("a.com", 3)];
    first.rejected_slots = rejected_at("a.com", [3]);
    sandbox.store.commit(sandbox.run, &[first]).unwrap();
    assert_eq!(
        table(&sandbox, "a.com"),
        [
            gap(2, 3, GapReason::Empty),
            gap(3, 4, GapReason::Rejected),
            gap(4, 5, GapReason::Empty),
            gap(6, 8, GapReason::Empty),
        ]
    );
    // The hole at the end goes on into the next window; those of the first become one.
    let next = said("a.com", slots(8, 10), &points([9]), 9_000);
    let again = said("a.com", slots(3, 4), &[], 9_000);
    sandbox.store.commit(sandbox.run, &[next, again]).unwrap();
    assert_eq!(
        table(&sandbox, "a.com"),
        [gap(2, 5, GapReason::Empty), gap(6, 9, GapReason::Empty)]
    );
    let whole = said("a.com", slots(0, 10), &points(0..10), 9_000);
    sandbox.store.commit(sandbox.run, &[whole]).unwrap();
    assert_eq!(table(&sandbox, "a.com"), []);
}

#[test]
fn what_was_never_asked_for_is_as_of_the_last_end_of_a_run_and_of_configured_domains_only() {
    let mut sandbox = Sandbox::new();
    for name in ["a.com", "b.com"] {
        let commit = said(name, slots(4, 6), &points([4, 5]), 9_000);
        sandbox.store.commit(sandbox.run, &[commit]).unwrap();
    }
    let mut beyond = said("a.com", slots(2, 4), &[], 9_000);
    beyond.coverage = Coverage::BeyondRetention { at: MIDNIGHT + 9_000 };
    sandbox.store.commit(sandbox.run, &[beyond]).unwrap();
    sandbox.finish(&["a.com", "c.com"], Some(0), 9);
    assert_eq!(
        table(&sandbox, "a.com"),
        [
            gap(0, 2, GapReason::NeverAsked),
            gap(2, 4, GapReason::BeyondRetention),
            gap(6, 9, GapReason::NeverAsked)
        ]
    );
    assert_eq!(table(&sandbox, "b.com"), []);
    assert_eq!(table(&sandbox, "c.com"), [gap(0, 9, GapReason::NeverAsked)]);
    // Never asked for, so not one of the domains that were.
    assert_eq!(sandbox.reader().domains().unwrap(), ["a.com", "b.com"]);

    let commit = said("a.com", slots(6, 8), &points([6]), 9_000);
    sandbox.store.commit(sandbox.run, &[commit]).unwrap();
    assert_eq!(
        table(&sandbox, "a.com")[2..],
        [gap(7, 8, GapReason::Empty), gap(8, 9, GapReason::NeverAsked)]
    );
    // Without a start, what is wanted begins where the first fetch did.
    sandbox.finish(&["b.com"], None, 9);
    assert_eq!(table(&sandbox, "a.com").len(), 2);
    assert_eq!(table(&sandbox, "b.com"), [gap(6, 9, GapReason::NeverAsked)]);
    assert_eq!(table(&sandbox, "c.com"), []);
}

#[test]
fn gaps_are_found_by_the_key() {
    let sandbox = Sandbox::new();
    let sql = "EXPLAIN QUERY PLAN SELECT * FROM origin_gaps WHERE domain = 'a.com' AND start_ts < 9";
    let plan = format!("{:?}", sandbox.rows(sql));
    let key = "PRIMARY KEY (domain_id=? AND start_ts<?)";
    assert!(plan.contains(key), "{plan}");
}

#[test]
fn a_database_from_before_the_table_is_looked_through_when_it_is_opened() {
    let dir = before_migration(4, |old| {
        old.execute_batch(&format!(
            "INSERT INTO domain VALUES (1, 'a.com'); INSERT INTO code_set VALUES (1, '[]');
             INSERT INTO coverage VALUES (1, {MIDNIGHT}, {MIDNIGHT} + 1500, '', '', 0, 0, 0, 'provisional');
             INSERT INTO point VALUES (1, {MIDNIGHT} + 300, 1, 1, 1), (1, {MIDNIGHT} + 601, 1, 1, 1)"
        ))
        .unwrap();
    });
    let path = dir.path().join("stats.db");
    // Nobody who only reads has to wait for that.
    let reader = Reader::open(&path).unwrap();
    let nobody = expected(&[], None, 99);
    let told = reader.noted_gaps("a.com", &nobody, slots(0, 99)).unwrap();
    assert_eq!(told.gaps.len(), 2);
    let settling = reader.settling(&["a.com".to_owned()]).unwrap();
    assert!(settling.iter().all(|stage| stage.asked_again == 0));
    drop(reader);

    let mut store = open(&path).unwrap();
    let run = store.begin_run(&new_run()).unwrap();
    let sandbox = Sandbox { dir, store, run };
    assert_eq!(
        table(&sandbox, "a.com"),
        [gap(0, 1, GapReason::Empty), gap(3, 5, GapReason::Empty)]
    );
    let reader = sandbox.reader();
    assert_eq!(reader.noted_gaps("a.com", &nobody, slots(0, 99)).unwrap(), told);
    assert_eq!(sandbox.number("SELECT points_left_out FROM origin_runs"), 0);
}

#[derive(Debug, Clone)]
struct Step {
    name: usize,
    start: i64,
    length: i64,
    kind: Kind,
    points: Vec<bool>,
    rejects: Vec<bool>,
    confirmed: Vec<bool>,
    shape: Option<(u32, u32)>,
}

#[derive(Debug, Clone, Copy)]
enum Kind {
    Fetched,
    Beyond,
    Reopened,
    Failed,
    Replayed,
    /// All texts of rejects are dropped, because there are too many.
    Tidied,
    /// All rejects are given up.
    Discarded,
    /// The end of a run, which expects the domains up to `name`.
    End,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let kind = prop_oneof![
        6 => Just(Kind::Fetched),
        1 => Just(Kind::Beyond),
        1 => Just(Kind::Reopened),
        2 => Just(Kind::Failed),
        1 => Just(Kind::Replayed),
        1 => Just(Kind::Tidied),
        1 => Just(Kind::Discarded),
        2 => Just(Kind::End)
    ];
    let marks = |share| prop::collection::vec(prop::bool::weighted(share), 24);
    let shape = prop::option::of((1_u32..3, 1_u32..3));
    let window = (0_usize..3, 0_i64..60, 1_i64..24);
    let step = (window, kind, marks(0.6), marks(0.2), marks(0.5), shape);
    let step = step.prop_map(
        |((name, start, length), kind, points, rejects, confirmed, shape)| Step {
            name,
            start,
            length,
            kind,
            points,
            rejects,
            confirmed,
            shape,
        },
    );
    prop::collection::vec(step, 1..14)
}

fn marked(step: &Step, marks: &[bool]) -> Vec<i64> {
    (step.start..step.start + step.length)
        .zip(marks)
        .filter(|(_, mark)| **mark)
        .map(|(slot, _)| slot)
        .collect()
}

fn apply(sandbox: &mut Sandbox, step: &Step) {
    let name = NAMES[step.name];
    let window = slots(step.start, step.start + step.length);
    let mut commit = said(name, window, &points(marked(step, &step.points)), 99_000);
    match step.kind {
        Kind::Fetched => {
            let rejected = marked(step, &step.rejects);
            commit.rejected_slots = rejected_at(name, rejected.iter().copied());
            commit.rejects = rejected.into_iter().map(|slot| unreadable(name, slot)).collect();
            let agreed = marked(step, &step.confirmed).into_iter();
            commit.confirmed = vec![(domain(name), agreed.map(|slot| slots(slot, slot + 1)).collect())];
            commit.shape = step.shape.map(|(domains, slots)| Shape { domains, slots });
        }
        Kind::Beyond => {
            commit.points.clear();
            commit.coverage = Coverage::BeyondRetention { at: MIDNIGHT };
        }
        Kind::Reopened | Kind::Failed => {
            commit.points.clear();
            commit.coverage = if matches!(step.kind, Kind::Failed) {
                Coverage::Failed
            } else {
                Coverage::Reopened
            };
        }
        Kind::Tidied => {
            sandbox.store.tidy(0, i64::MIN).unwrap();
            return;
        }
        Kind::Replayed => {
            let covered = sandbox.store.coverage(&domain(name), window).unwrap();
            let fetched = |slot: i64| {
                let ts = MIDNIGHT + slot * SLOT_SECONDS;
                covered
                    .iter()
                    .any(|piece| piece.age_when_fetched.is_some() && piece.span.contains(ts))
            };
            let mut taken = marked(step, &step.points);
            taken.retain(|slot| fetched(*slot));
            commit = said(name, window, &points(taken), 99_000);
            commit.coverage = Coverage::Unchanged;
        }
        Kind::Discarded => {
            sandbox.store.discard_rejects(None).unwrap();
            return;
        }
        Kind::End => {
            sandbox.finish(&NAMES[..step.name], Some(step.start), step.start + 50);
            return;
        }
    }
    sandbox.commit(commit);
}

/// What is known of each slot that was asked for: `None` where it holds a point.
#[derive(Debug, Default)]
struct Naive(BTreeMap<(usize, i64), Option<GapReason>>);

impl Naive {
    fn take(&mut self, step: &Step) {
        let [points, rejects] = [&step.points, &step.rejects].map(|marks| marked(step, marks));
        for slot in step.start..step.start + step.length {
            let key = (step.name, slot);
            let before = self.0.get(&key).copied();
            let fetched = matches!(before, Some(None | Some(GapReason::Empty | GapReason::Rejected)));
            let after = match step.kind {
                Kind::Fetched if before == Some(None) || points.contains(&slot) => Some(None),
                Kind::Fetched if rejects.contains(&slot) => Some(Some(GapReason::Rejected)),
                Kind::Fetched => Some(Some(GapReason::Empty)),
                Kind::Beyond if !fetched => Some(Some(GapReason::BeyondRetention)),
                Kind::Reopened if before == Some(Some(GapReason::BeyondRetention)) => None,
                Kind::Failed if before.is_none() => Some(Some(GapReason::Failed)),
                Kind::Replayed if fetched && points.contains(&slot) => Some(None),
                _ => before,
            };
            match after {
                Some(state) => self.0.insert(key, state),
                None => self.0.remove(&key),
            };
        }
        if matches!(step.kind, Kind::End) {
            // What failed under a clock that ran ahead is forgotten.
            self.0
                .retain(|(_, slot), state| *state != Some(GapReason::Failed) || *slot < step.start + 50);
        }
        if matches!(step.kind, Kind::Discarded) {
            for state in self
                .0
                .values_mut()
                .filter(|state| **state == Some(GapReason::Rejected))
            {
                *state = Some(GapReason::Empty);
            }
        }
    }

    /// The slots of a domain without a point.
    fn gaps(&self, name: usize) -> Vec<(i64, String)> {
        let of_domain = self.0.iter().filter(|((of, _), _)| *of == name);
        of_domain
            .filter_map(|((_, slot), state)| Some((*slot, (*state)?.as_str().to_owned())))
            .collect()
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    /// After every step, what the commits have noted equals what a walk through all points finds, and what a map
    /// of the slots says.
    #[test]
    fn the_table_equals_a_full_recomputation_after_any_sequence_of_commits(steps in steps()) {
        let mut sandbox = Sandbox::new();
        let mut naive = Naive::default();
        for step in &steps {
            apply(&mut sandbox, step);
            naive.take(step);
            let reader = sandbox.reader();
            let (nobody, wanted) = (expected(&[], None, 999), expected(&NAMES[..step.name], Some(step.start), step.start + 50));
            let ever = slots(-99, 999);
            for (at, name) in NAMES.into_iter().enumerate() {
                let (never, asked): (Vec<_>, Vec<_>) =
                    table(&sandbox, name).into_iter().partition(|gap| gap.2 == GapReason::NeverAsked.as_str());
                let found = reader.find_gaps(name, &nobody, ever).unwrap().gaps;
                let told = asked.iter().flat_map(|(start, end, reason)| (*start..*end).map(|slot| (slot, reason.clone())));
                prop_assert_eq!(told.collect::<Vec<_>>(), naive.gaps(at), "{}", name);
                prop_assert_eq!(asked, in_slots(&found), "{}", name);
                prop_assert_eq!(&reader.noted_gaps(name, &nobody, ever).unwrap().gaps, &found, "{}", name);
                if matches!(step.kind, Kind::End) {
                    for gaps in [reader.find_gaps(name, &wanted, ever), reader.noted_gaps(name, &wanted, ever)] {
                        let mut gaps = gaps.unwrap().gaps;
                        gaps.retain(|gap| gap.reason == GapReason::NeverAsked);
                        prop_assert_eq!(&never, &in_slots(&gaps), "{}", name);
                    }
                }
            }
        }
    }
}

fn in_slots(gaps: &[Gap]) -> Vec<(i64, i64, String)> {
    let slot = |ts| (ts - MIDNIGHT) / SLOT_SECONDS;
    let gaps = gaps.iter();
    gaps.map(|found| gap(slot(found.span.start()), slot(found.span.end()), found.reason))
        .collect()
}
