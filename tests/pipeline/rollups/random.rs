//! Random schedules of answers, failures, kills and settings: after every step, each row that is not noted as stale is what
//! the points and the ledger say, slot by slot.

use std::path::PathBuf;
use std::sync::Arc;

use jdcdn_stats::model::slot::{DAY_SECONDS, SLOT_SECONDS};
use jdcdn_stats::model::{CodeBook, CoverageSpan, Domain, PointColumns, RunTotals, SlotLabel, Span};
use jdcdn_stats::store::{Commit, Coverage, Expected, Holder, NewRun, Reader, Run, Store};
use proptest::prelude::*;
use rusqlite::Connection;

use super::{assert_nothing_stale, rollup_violations};
use crate::sandbox::at;

const DOMAINS: [&str; 3] = ["a.example.com", "b.example.com", "c.example.com"];
/// Three days of June and two of July.
const SLOTS: i64 = 5 * 288;

fn first() -> i64 {
    at("2026-06-28")
}

/// What an answer has in its window.
#[derive(Debug, Clone)]
enum Points {
    None,
    All,
    /// Every so many slots.
    Some(usize),
}

#[derive(Debug, Clone)]
enum Step {
    Fetched {
        domain: usize,
        window: Span,
        age: i64,
        points: Points,
        bandwidth: i64,
        /// Whether two answers agree on its holes.
        is_confirmed: bool,
        /// Whether the point of its first slot was rejected.
        rejects: bool,
        /// How long after the end of the window the answer came.
        delay: i64,
    },
    Failed(usize, Span),
    Beyond(usize, Span),
    Reopened(usize, Span),
    Expected {
        domains: usize,
        from: i64,
        until: i64,
    },
    Run {
        last_age: i64,
    },
    Discard,
    RollUp,
    Kill,
    Label(SlotLabel),
}

fn slots(first_slot: i64, slots: i64) -> Span {
    let start = first() + first_slot * SLOT_SECONDS;
    Span::new(start, start + slots * SLOT_SECONDS).unwrap()
}

/// Windows of some slots, and often of whole days.
fn window() -> impl Strategy<Value = Span> {
    let whole = (0..5_i64, 1..4_i64).prop_map(|(day, days)| slots(day * 288, days * 288));
    let any = (0..SLOTS, 1..300_i64).prop_map(|(first, count)| slots(first, count));
    let all = Just(slots(0, SLOTS));
    prop_oneof![4 => whole, 2 => any, 1 => all]
}

fn step() -> impl Strategy<Value = Step> {
    let domain = || 0..DOMAINS.len();
    let age = || prop::sample::select(vec![0, 3_600, DAY_SECONDS, DAY_SECONDS]);
    let points = prop_oneof![
        2 => Just(Points::None),
        2 => Just(Points::All),
        1 => (1..200_usize).prop_map(Points::Some),
    ];
    let flags = (any::<bool>(), prop::bool::weighted(0.1));
    let delay = prop::sample::select(vec![-SLOT_SECONDS, 0, DAY_SECONDS, DAY_SECONDS]);
    let fetched = (domain(), window(), age(), points, 0..3_i64, flags, delay);
    let fetched = fetched.prop_map(
        |(domain, window, age, points, bandwidth, (is_confirmed, rejects), delay)| Step::Fetched {
            domain,
            window,
            age,
            points,
            bandwidth,
            is_confirmed,
            rejects,
            delay,
        },
    );
    let of = |make: fn(usize, Span) -> Step| {
        (domain(), window()).prop_map(move |(domain, window)| make(domain, window))
    };
    let expected = (0..=DOMAINS.len(), -288..SLOTS, 0..SLOTS + 288);
    let expected = expected.prop_map(|(domains, from, until)| Step::Expected { domains, from, until });
    let label = prop::sample::select(vec![SlotLabel::Start, SlotLabel::End]);
    prop_oneof![
        12 => fetched,
        2 => of(Step::Failed),
        1 => of(Step::Beyond),
        1 => of(Step::Reopened),
        2 => expected,
        1 => age().prop_map(|last_age| Step::Run { last_age }),
        1 => Just(Step::Discard),
        5 => Just(Step::RollUp),
        1 => Just(Step::Kill),
        1 => label.prop_map(Step::Label),
    ]
}

struct World {
    directory: tempfile::TempDir,
    store: Option<Store>,
    run: Option<Run>,
}

impl World {
    fn new() -> Self {
        let mut world = Self {
            directory: tempfile::tempdir().unwrap(),
            store: None,
            run: None,
        };
        world.open(DAY_SECONDS);
        world
    }

    fn path(&self) -> PathBuf {
        self.directory.path().join("stats.db")
    }

    fn open(&mut self, last_age: i64) {
        let holder = Holder {
            command: "test".to_owned(),
            started_at: first(),
        };
        self.store = None;
        self.store = Some(Store::open(&self.path(), &holder).unwrap());
        self.begin(last_age);
    }

    fn begin(&mut self, last_age: i64) {
        let new = NewRun {
            command: "sync".to_owned(),
            started_at: first(),
            range: None,
            last_age,
        };
        self.run = Some(self.store().begin_run(&new).unwrap());
    }

    fn store(&mut self) -> &mut Store {
        self.store.as_mut().unwrap()
    }

    fn commit(&mut self, domain: usize, window: Span, coverage: Coverage, rest: impl FnOnce(&mut Commit)) {
        let mut commit = Commit {
            coverage,
            ..Commit::new(vec![name(domain)], window, window.end())
        };
        rest(&mut commit);
        let run = self.run.unwrap();
        self.store().commit(run, &[commit]).unwrap();
    }

    fn take(&mut self, step: &Step) {
        match step.clone() {
            Step::Fetched {
                domain,
                window,
                age,
                points,
                bandwidth,
                is_confirmed,
                rejects,
                delay,
            } => {
                let at = window.end() + delay;
                let coverage = Coverage::Fetched(vec![CoverageSpan::fetched(window, age, at)]);
                self.commit(domain, window, coverage, |commit| {
                    let (columns, book) = answer(window, &points, bandwidth, rejects);
                    commit.points = vec![(name(domain), columns)];
                    commit.book = Arc::new(book);
                    commit.totals = RunTotals::default();
                    if is_confirmed {
                        commit.confirmed = vec![(name(domain), vec![window])];
                    }
                    if rejects {
                        commit.rejected_slots = vec![(name(domain), vec![window.start()])];
                    }
                });
            }
            Step::Failed(domain, window) => self.commit(domain, window, Coverage::Failed, |_| ()),
            Step::Beyond(domain, window) => {
                let coverage = Coverage::BeyondRetention { at: window.end() };
                self.commit(domain, window, coverage, |_| ());
            }
            Step::Reopened(domain, window) => self.commit(domain, window, Coverage::Reopened, |_| ()),
            Step::Expected { domains, from, until } => {
                let slot = |slot| first() + slot * SLOT_SECONDS;
                let expected = Expected {
                    domains: (0..domains).map(name).collect(),
                    from: Some(slot(from)),
                    until: slot(until),
                };
                self.store().expect(&expected).unwrap();
            }
            Step::Run { last_age } => self.begin(last_age),
            Step::Discard => {
                self.store().discard_rejects(None).unwrap();
            }
            Step::RollUp => {
                self.store().roll_up(|_, _| ()).unwrap();
            }
            Step::Kill => self.open(DAY_SECONDS),
            Step::Label(label) => {
                self.store().use_slot_label(label).unwrap();
            }
        }
    }
}

fn name(domain: usize) -> Domain {
    DOMAINS[domain].parse().unwrap()
}

fn answer(window: Span, points: &Points, bandwidth: i64, skips_first: bool) -> (PointColumns, CodeBook) {
    let (mut columns, mut book) = (PointColumns::default(), CodeBook::default());
    let code = book.intern("200");
    let set = book.intern_set(&[code]);
    let step = match points {
        Points::None => return (columns, book),
        Points::All => 1,
        Points::Some(step) => *step,
    };
    let slots = (window.start()..window.end()).step_by(usize::try_from(SLOT_SECONDS).unwrap());
    for ts in slots.step_by(step).skip(usize::from(skips_first)) {
        columns.push(ts, bandwidth + ts / SLOT_SECONDS % 7, 1, set, &[(code, 1)]);
    }
    (columns, book)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn whatever_happens_no_row_that_is_not_noted_as_stale_is_wrong(steps in prop::collection::vec(step(), 1..14)) {
        let mut world = World::new();
        let database = Connection::open(world.path()).unwrap();
        for (at, step) in steps.iter().enumerate() {
            world.take(step);
            let violations = rollup_violations(&database);
            prop_assert!(violations.is_empty(), "after {at} {step:?}: {violations:#?}");
            if matches!(step, Step::RollUp) {
                assert_nothing_stale(&database);
            }
        }
        world.store().roll_up(|_, _| ()).unwrap();
        assert_nothing_stale(&database);
        prop_assert_eq!(rollup_violations(&database), Vec::<String>::new());
        let reports = Reader::open(&world.path()).unwrap().verify().unwrap();
        let damaged: Vec<_> = reports.iter().filter(|report| report.is_damaged()).collect();
        prop_assert!(damaged.is_empty(), "{damaged:#?}");
    }
}
