//! The decisions of a task. A small service answers its requests, with scripted faults.

mod failures;
mod holes;
mod retention;
mod spacing;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::knowledge::PriorKnowledge;
use super::*;
use crate::api::ApiStatus;
use crate::api::{CheckedAnswer, FailureKind, OriginRequest, read_answer};
use crate::model::slot::{DAY_SECONDS, HOUR_SECONDS, SLOT_SECONDS};
use crate::model::{Domain, Refresh, Span, UnixSeconds};
use crate::store::{Commit, Coverage, Note};

/// 2026-06-15 12:00 in UTC+8.
const NOW: UnixSeconds = 1_781_496_000;
const DAY: i64 = DAY_SECONDS;

/// The points of a domain at a slot: bandwidth, if there is one.
type Truth = Box<dyn Fn(&str, UnixSeconds) -> Option<i64>>;
/// What the service does with the `n`th request before it answers.
type Lie = Box<dyn FnMut(usize, &NextRequest) -> Option<Result<String, FailureKind>>>;

struct Service {
    truth: Truth,
    lie: Lie,
    asks: Vec<NextRequest>,
}

#[derive(Debug, Default)]
struct Decided {
    stored: BTreeMap<(String, UnixSeconds), i64>,
    covered: BTreeSet<(String, UnixSeconds)>,
    marked: BTreeSet<(String, UnixSeconds)>,
    failed: BTreeSet<(String, UnixSeconds)>,
    confirmed: BTreeSet<(String, UnixSeconds)>,
    remembered: Vec<(i64, usize)>,
    conclusions: Vec<ConclusionKind>,
    errors: Vec<String>,
    reopened: bool,
}

fn slots(span: Span) -> impl Iterator<Item = UnixSeconds> {
    (0..span.slots()).map(move |at| span.start() + at * SLOT_SECONDS)
}

impl Service {
    fn honest() -> Self {
        Self {
            truth: Box::new(|_, slot| Some(slot / SLOT_SECONDS % 1_000)),
            lie: Box::new(|_, _| None),
            asks: Vec::new(),
        }
    }

    fn lying(lie: impl FnMut(usize, &NextRequest) -> Option<Result<String, FailureKind>> + 'static) -> Self {
        Self {
            lie: Box::new(lie),
            ..Self::honest()
        }
    }

    fn with(truth: impl Fn(&str, UnixSeconds) -> Option<i64> + 'static) -> Self {
        Self {
            truth: Box::new(truth),
            ..Self::honest()
        }
    }

    fn body(&self, ask: &NextRequest) -> String {
        let entries = ask.domains.iter().map(|domain| {
            let rows = rows(&self.truth, domain.as_str(), ask.sent);
            format!(r#"{{"domain":"{domain}","data":[{}]}}"#, rows.join(","))
        });
        envelope(&entries.collect::<Vec<_>>())
    }

    fn answer(&mut self, ask: &NextRequest) -> Result<CheckedAnswer, FailureKind> {
        self.asks.push(ask.clone());
        let body = match (self.lie)(self.asks.len(), ask) {
            Some(lie) => lie?,
            None => self.body(ask),
        };
        let request = OriginRequest::new(&ask.domains, ask.window)
            .unwrap()
            .asking(ask.sent);
        read_answer(&request, body.as_bytes())
    }

    fn run(&mut self, knowledge: &mut Knowledge, mut task: WindowTask) -> Decided {
        let mut decided = Decided::default();
        while let Some(ask) = task.next(knowledge, NOW) {
            decided.note(task.take_outputs());
            assert!(self.asks.len() < 3_000, "it never ends");
            match self.answer(&ask) {
                Ok(answer) => task.answered(answer, NOW, knowledge),
                Err(kind) => task.failed(&kind, knowledge, NOW),
            }
        }
        decided.note(task.take_outputs());
        decided
    }
}

fn rows(truth: &Truth, domain: &str, span: Span) -> Vec<String> {
    let point = |slot| {
        let bandwidth = truth(domain, slot)?;
        Some(format!(
            r#"[{slot},{bandwidth},{bandwidth},{{"200":{bandwidth}}}]"#
        ))
    };
    slots(span).filter_map(point).collect()
}

fn envelope(entries: &[String]) -> String {
    format!(r#"{{"status":0,"data":[{}]}}"#, entries.join(","))
}

impl Decided {
    fn note(&mut self, outputs: Vec<Output>) {
        for output in outputs {
            match output {
                Output::Commit(commit) => self.commit(&commit),
                Output::Failed(failed) => self.errors.push(failed.error),
                Output::Concluded(conclusion) => self.conclusions.push(conclusion.kind),
                Output::Reopen => self.reopened = true,
                Output::Charge | Output::LeftOut(_) => {}
            }
        }
    }

    fn commit(&mut self, commit: &Commit) {
        let all = |span: Span| -> Vec<(String, UnixSeconds)> {
            let domains = commit.domains.iter();
            domains
                .flat_map(|domain| slots(span).map(|slot| (domain.to_string(), slot)))
                .collect()
        };
        match &commit.coverage {
            Coverage::Fetched(_) => self.covered.extend(all(commit.window)),
            Coverage::BeyondRetention { .. } => self.marked.extend(all(commit.window)),
            Coverage::Failed => self.failed.extend(all(commit.window)),
            Coverage::Reopened | Coverage::Unchanged => {}
        }
        for (domain, points) in &commit.points {
            for (ts, bandwidth) in points.ts.iter().zip(&points.bandwidth) {
                let before = self.stored.insert((domain.to_string(), *ts), *bandwidth);
                assert_eq!(before, None, "{domain} at {ts} is committed twice");
            }
        }
        for (domain, spans) in &commit.confirmed {
            let of = spans
                .iter()
                .copied()
                .flat_map(slots)
                .map(|slot| (domain.to_string(), slot));
            self.confirmed.extend(of);
        }
        self.remembered
            .extend(commit.notes.iter().filter_map(|note| match note {
                Note::Refused { status, domains, .. } => Some((*status, domains.len())),
                _ => None,
            }));
    }

    /// Everything of `window` is stored as the truth has it, or covered without a point where it has none.
    #[track_caller]
    fn holds(&self, service: &Service, domains: &[Domain], window: Span) {
        for domain in domains {
            for slot in slots(window) {
                let key = (domain.to_string(), slot);
                let truth = (service.truth)(domain.as_str(), slot);
                assert_eq!(self.stored.get(&key).copied(), truth, "{key:?} {:?}", self.errors);
                assert!(self.covered.contains(&key), "{key:?}");
            }
        }
    }
}

fn domains(count: usize) -> Vec<Domain> {
    (0..count)
        .map(|at| format!("d{at:02}.com").parse().unwrap())
        .collect()
}

/// `length` seconds that end `age` seconds ago.
fn window(age: i64, length: i64) -> Span {
    Span::new(NOW - age - length, NOW - age).unwrap()
}

fn rules() -> Arc<Rules> {
    Arc::new(Rules {
        refresh: Refresh {
            available_after: 600,
            ages: vec![HOUR_SECONDS, DAY],
        },
        retention: 28 * DAY,
        range: window(0, 100 * DAY),
    })
}

fn planned(window: Span, count: usize) -> WindowTask {
    WindowTask::new(Purpose::Planned, window, domains(count), rules())
}

fn api(code: i64) -> FailureKind {
    FailureKind::Api {
        status: ApiStatus::from_code(code),
        message: String::new(),
    }
}

fn fresh() -> Knowledge {
    Knowledge::new(PriorKnowledge::default())
}
