//! Scripts: what a task asks, answered by a small service that can err, and what it decides.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::knowledge::PriorKnowledge;
use super::*;
use crate::api::ApiStatus;
use crate::api::{Answer, FailureKind, OriginRequest, read_answer};
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

    fn answer(&mut self, ask: &NextRequest) -> Result<Answer, FailureKind> {
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
                Output::Charge => {}
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

#[test]
fn an_honest_service_is_asked_once_for_a_little_more_on_both_sides() {
    let (mut service, day) = (Service::honest(), window(2 * DAY, DAY));
    let decided = service.run(&mut fresh(), planned(day, 20));
    decided.holds(&service, &domains(20), day);
    assert_eq!(service.asks.len(), 1);
    assert_eq!(service.asks[0].sent.slots(), 291);
    let newest = window(300, 300);
    let mut service = Service::honest();
    service.run(&mut fresh(), planned(newest, 1));
    assert_eq!(service.asks[0].sent.end(), NOW, "never past now");
}

#[test]
fn one_refusal_as_too_old_marks_nothing_and_the_window_is_stored() {
    for lies in 1..=3 {
        for age in [3 * DAY, 40 * DAY] {
            let mut service = Service::lying(move |nth, _| (nth <= lies).then(|| Err(api(21))));
            let day = window(age, DAY);
            let decided = service.run(&mut fresh(), planned(day, 3));
            decided.holds(&service, &domains(3), day);
            assert!(decided.marked.is_empty() && decided.remembered.is_empty());
        }
    }
}

#[test]
fn a_young_window_that_is_refused_for_good_has_failed_and_is_remembered() {
    let mut service = Service::lying(|_, _| Some(Err(api(21))));
    let day = window(3 * DAY, DAY);
    let decided = service.run(&mut fresh(), planned(day, 3));
    assert!(decided.marked.is_empty() && decided.covered.is_empty());
    assert_eq!(decided.failed.len(), 3 * 288);
    assert_eq!(decided.remembered, [(21, 3)]);
    assert!(service.asks.len() <= 4, "{}", service.asks.len());
}

#[test]
fn an_old_window_is_marked_after_refusals_of_different_cuts() {
    let edge = NOW - 30 * DAY + 4 * HOUR_SECONDS;
    let mut service = Service::lying(move |_, ask| (ask.sent.start() < edge).then(|| Err(api(21))));
    let mut knowledge = fresh();
    let around = window(30 * DAY - 8 * HOUR_SECONDS, 12 * HOUR_SECONDS);
    let decided = service.run(&mut knowledge, planned(around, 2));
    for slot in slots(around) {
        for domain in domains(2) {
            let key = (domain.to_string(), slot);
            assert_eq!(decided.marked.contains(&key), slot < edge, "{slot}");
            assert_eq!(decided.stored.contains_key(&key), slot >= edge, "{slot}");
        }
    }
    assert!(service.asks.len() <= 14, "{}", service.asks.len());
    // What is older is not asked for.
    let asked = service.asks.len();
    let older = service.run(&mut knowledge, planned(window(50 * DAY, DAY), 2));
    assert_eq!((service.asks.len(), older.marked.len()), (asked, 2 * 288));
}

#[test]
fn an_edge_that_another_task_finds_during_a_search_loses_nothing_of_the_window() {
    for found_after in 1..5 {
        let mut knowledge = fresh();
        let (old, edge) = (window(40 * DAY, DAY), NOW - 35 * DAY);
        let mut service = Service::lying(|_, _| Some(Err(api(21))));
        let (mut task, mut decided) = (planned(old, 2), Decided::default());
        while let Some(ask) = task.next(&mut knowledge, NOW) {
            let kind = service.answer(&ask).unwrap_err();
            task.failed(&kind, &mut knowledge, NOW);
            if service.asks.len() == found_after {
                knowledge.set_edge(&domains(2), edge);
            }
        }
        decided.note(task.take_outputs());
        assert_eq!(decided.marked.len(), 2 * 288, "{found_after}");
    }
}

#[test]
fn nothing_is_marked_where_something_as_old_was_served() {
    let mut knowledge = fresh();
    let mut service = Service::honest();
    service.run(&mut knowledge, planned(window(50 * DAY, DAY), 1));
    let mut service = Service::lying(|_, _| Some(Err(api(21))));
    let decided = service.run(&mut knowledge, planned(window(40 * DAY, DAY), 1));
    assert!(decided.marked.is_empty());
    assert_eq!(decided.failed.len(), 288);
    let mut lately = Knowledge::new(PriorKnowledge {
        served_age: Some(60 * DAY),
        ..PriorKnowledge::default()
    });
    let decided = service.run(&mut lately, planned(window(40 * DAY, DAY), 1));
    assert!(decided.marked.is_empty());
}

#[test]
fn a_probe_takes_the_marks_back_only_where_it_is_served() {
    let slot = window(75 * DAY, 300);
    let probe = || WindowTask::new(Purpose::Probe, slot, domains(1), rules());
    assert!(Service::honest().run(&mut fresh(), probe()).reopened);
    let mut service = Service::lying(|_, _| Some(Err(api(21))));
    let decided = service.run(&mut fresh(), probe());
    assert!(!decided.reopened && decided.failed.is_empty() && service.asks.len() == 1);
}

#[test]
fn a_cap_on_rows_costs_a_few_requests_and_no_point() {
    for cap in [300, 1_000, 5_000] {
        let mut knowledge = fresh();
        let mut asks = 0;
        for day in 0..10 {
            let day = window((2 + day) * DAY, DAY);
            let mut service = Service::honest();
            let cut: Truth = Box::new(|_, slot| Some(slot / SLOT_SECONDS % 1_000));
            service.lie = Box::new(move |_, ask| {
                let mut left = cap;
                let entries = ask.domains.iter().map(|domain| {
                    let mut rows = rows(&cut, domain.as_str(), ask.sent);
                    rows.truncate(left);
                    left -= rows.len();
                    format!(r#"{{"domain":"{domain}","data":[{}]}}"#, rows.join(","))
                });
                Some(Ok(envelope(&entries.collect::<Vec<_>>())))
            });
            let decided = service.run(&mut knowledge, planned(day, 20));
            decided.holds(&service, &domains(20), day);
            assert!(decided.errors.is_empty() && decided.confirmed.is_empty());
            asks += service.asks.len();
        }
        let least = 10 * 20 * 288 / cap;
        assert!(asks <= 2 * least + 20, "{asks} requests, {least} at least");
    }
}

#[test]
fn absent_and_empty_domains_are_confirmed_together() {
    for absent in [true, false] {
        // Once, as a lie.
        let mut service = Service::lying(move |nth, ask| {
            let truth: Truth = Box::new(|_, slot| Some(slot / SLOT_SECONDS % 1_000));
            let entry = |(at, domain): (usize, &Domain)| {
                let rows = if at % 2 == 0 {
                    rows(&truth, domain.as_str(), ask.sent)
                } else {
                    Vec::new()
                };
                (at % 2 == 0 || !absent)
                    .then(|| format!(r#"{{"domain":"{domain}","data":[{}]}}"#, rows.join(",")))
            };
            let entries: Vec<_> = ask.domains.iter().enumerate().filter_map(entry).collect();
            (nth == 1).then(|| Ok(envelope(&entries)))
        });
        let day = window(2 * DAY, DAY);
        let decided = service.run(&mut fresh(), planned(day, 10));
        decided.holds(&service, &domains(10), day);
        assert_eq!((service.asks.len(), service.asks[1].domains.len()), (2, 5));
        // For good, as the truth.
        let mut service = Service::with(|domain, slot| (domain != "d01.com").then_some(slot / 300));
        let decided = service.run(&mut fresh(), planned(day, 10));
        decided.holds(&service, &domains(10), day);
        assert_eq!((decided.confirmed.len(), service.asks.len()), (288, 2));
    }
}

#[test]
fn idle_domains_are_confirmed_one_window_in_ten() {
    let mut knowledge = fresh();
    let mut asks = 0;
    for day in 0..29 {
        let mut service = Service::with(|domain, slot| (domain < "d05.com").then_some(slot / 300));
        let decided = service.run(&mut knowledge, planned(window((2 + day) * DAY, DAY), 10));
        assert!(decided.errors.is_empty());
        asks += service.asks.len();
    }
    assert!(asks * 10 <= 29 * 13, "{asks} requests for 29 windows");
}

#[test]
fn young_holes_are_left_to_the_refresh() {
    let mut service = Service::with(|_, slot| (slot % 600 == 0).then_some(7));
    let decided = service.run(&mut fresh(), planned(window(600, 1_800), 2));
    assert_eq!((service.asks.len(), decided.confirmed.len()), (1, 0));
}

#[test]
fn one_bad_number_costs_one_slot() {
    let bad = ("d13.com".to_owned(), NOW - 3 * DAY);
    let two_days = window(2 * DAY, 2 * DAY);
    let lie = bad.clone();
    let mut service = Service::lying(move |_, ask| {
        let holds = ask.domains.iter().any(|domain| domain.as_str() == lie.0) && ask.sent.contains(lie.1);
        holds.then(|| {
            Err(FailureKind::Format {
                what: "NaN".to_owned(),
                shown: String::new(),
            })
        })
    });
    let decided = service.run(&mut fresh(), planned(two_days, 20));
    assert_eq!(decided.failed, BTreeSet::from([bad]));
    assert_eq!(decided.stored.len(), 20 * 576 - 1);
    assert!(service.asks.len() <= 60, "{}", service.asks.len());
}

#[test]
fn a_page_in_place_of_every_answer_is_given_up_soon() {
    let mut service = Service::lying(|_, _| Some(Ok("<html>log in</html>".to_owned())));
    let decided = service.run(&mut fresh(), planned(window(2 * DAY, DAY), 20));
    assert_eq!((decided.failed.len(), decided.covered.len()), (20 * 288, 0));
    assert!(service.asks.len() <= 12, "{}", service.asks.len());
}

#[test]
fn a_domain_that_spoils_every_answer_is_asked_alone_from_then_on() {
    let mut knowledge = fresh();
    let mut asks = Vec::new();
    for day in 0..5 {
        let mut service = Service::lying(|_, ask| {
            let spoiled = ask.domains.iter().any(|domain| domain.as_str() == "d07.com");
            spoiled.then(|| Ok("<html>".to_owned()))
        });
        let day = window((2 + day) * DAY, DAY);
        let decided = service.run(&mut knowledge, planned(day, 20));
        assert_eq!((decided.failed.len(), decided.stored.len()), (288, 19 * 288));
        asks.push(service.asks.len());
    }
    assert!(
        asks[0] <= 40 && asks[1..].iter().all(|asks| *asks <= 3),
        "{asks:?}"
    );
}

#[test]
fn a_null_entry_costs_nobody_else_and_twice_it_fails_its_domain() {
    for entry in [
        "null",
        "{}",
        r#"{"domain":"d03.com","data":null}"#,
        r#"{"domain":"d03.com","data":{}}"#,
        "7",
    ] {
        for always in [false, true] {
            let mut service = Service::honest();
            service.lie = Box::new(move |nth, ask| {
                let truth: Truth = Box::new(|_, slot| Some(slot / SLOT_SECONDS % 1_000));
                let entries: Vec<_> = ask
                    .domains
                    .iter()
                    .map(|domain| {
                        if domain.as_str() == "d03.com" && (nth == 1 || always) {
                            entry.to_owned()
                        } else {
                            let rows = rows(&truth, domain.as_str(), ask.sent);
                            format!(r#"{{"domain":"{domain}","data":[{}]}}"#, rows.join(","))
                        }
                    })
                    .collect();
                Some(Ok(envelope(&entries)))
            });
            let day = window(2 * DAY, DAY);
            let decided = service.run(&mut fresh(), planned(day, 20));
            let others: Vec<_> = domains(20)
                .into_iter()
                .filter(|d| d.as_str() != "d03.com")
                .collect();
            decided.holds(&service, &others, day);
            assert_eq!(decided.failed.len(), if always { 288 } else { 0 }, "{entry}");
            assert_eq!(service.asks.len(), 2, "{entry}");
        }
    }
}

#[test]
fn a_stated_span_is_learned_only_from_a_longer_request() {
    let mut knowledge = fresh();
    let mut service = Service::lying(|_, ask| (ask.sent.seconds() > DAY).then(|| Err(api(43))));
    let decided = service.run(&mut knowledge, planned(window(2 * DAY, DAY), 1));
    decided.holds(&service, &domains(1), window(2 * DAY, DAY));
    assert_eq!(service.asks.len(), 2, "padded, then without padding");
    service.asks.clear();
    service.run(&mut knowledge, planned(window(3 * DAY, DAY), 1));
    assert_eq!(service.asks.len(), 1);
    // A day at the most, said of half a day: it has failed after two halvings.
    let mut service = Service::lying(|_, _| Some(Err(api(43))));
    let decided = service.run(&mut fresh(), planned(window(2 * DAY, DAY), 1));
    assert_eq!(decided.failed.len(), 288);
    assert!(service.asks.len() <= 8, "{}", service.asks.len());
}

#[test]
fn a_foreign_domain_is_asked_alone_twice_and_remembered_unless_it_had_figures_this_week() {
    for lately in [false, true] {
        let mut service = Service::lying(|_, ask| {
            let foreign = ask.domains.iter().any(|domain| domain.as_str() == "d05.com");
            foreign.then(|| Err(api(18)))
        });
        let newest = lately.then(|| ("d05.com".parse().unwrap(), NOW - DAY));
        let mut knowledge = Knowledge::new(PriorKnowledge {
            newest_points: newest.into_iter().collect(),
            ..PriorKnowledge::default()
        });
        let decided = service.run(&mut knowledge, planned(window(2 * DAY, DAY), 20));
        assert_eq!(decided.stored.len(), 19 * 288);
        assert_eq!(decided.remembered, if lately { vec![] } else { vec![(18, 1)] });
        let alone = service
            .asks
            .iter()
            .filter(|ask| ask.domains == ["d05.com".parse().unwrap()]);
        assert_eq!(alone.count(), 2);
        assert_eq!(decided.errors.len(), 1);
    }
}

#[test]
fn sparse_points_are_stored_and_hourly_sums_never() {
    let sparse = |slot: UnixSeconds| (slot % (3 * HOUR_SECONDS) == 1_500).then_some(slot / 300 % 1_000);
    let mut service = Service::with(move |_, slot| sparse(slot));
    let day = window(2 * DAY, DAY);
    let decided = service.run(&mut fresh(), planned(day, 1));
    decided.holds(&service, &domains(1), day);
    assert_eq!(decided.conclusions.first(), Some(&ConclusionKind::Sparse));
    for length in [300, 1_800, 3_600, 7_200, DAY] {
        // The sums of whole hours, whatever the window.
        let hour = NOW - 2 * DAY;
        assert_eq!(hour % HOUR_SECONDS, 0);
        let mut service =
            Service::with(|_, slot| (slot % HOUR_SECONDS == 0).then_some(12 * slot / 300 % 1_000));
        let decided = service.run(&mut fresh(), planned(Span::new(hour, hour + length).unwrap(), 2));
        assert!(
            decided.stored.is_empty() && !decided.errors.is_empty(),
            "{length}"
        );
        assert!(decided.covered.is_empty() && service.asks.len() <= 70, "{length}");
    }
}

#[test]
fn a_window_that_comes_back_hourly_is_asked_for_in_shorter_ones() {
    let hourly = |ask: &NextRequest| {
        let sums = slots(ask.sent).filter(|slot| slot % HOUR_SECONDS == 0);
        let rows: Vec<_> = sums
            .map(|slot| format!(r#"[{slot},5000,9999,{{"200":9999}}]"#))
            .collect();
        let entries: Vec<_> = ask
            .domains
            .iter()
            .map(|domain| format!(r#"{{"domain":"{domain}","data":[{}]}}"#, rows.join(",")))
            .collect();
        envelope(&entries)
    };
    let mut service =
        Service::lying(move |_, ask| (ask.sent.seconds() > 7 * HOUR_SECONDS).then(|| Ok(hourly(ask))));
    let mut knowledge = fresh();
    let day = window(2 * DAY, DAY);
    let decided = service.run(&mut knowledge, planned(day, 2));
    decided.holds(&service, &domains(2), day);
    let asked = service.asks.len();
    assert!(asked <= 9, "{asked}");
    service.asks.clear();
    let day = window(3 * DAY, DAY);
    let decided = service.run(&mut knowledge, planned(day, 2));
    decided.holds(&service, &domains(2), day);
    assert_eq!(service.asks.len(), 4, "the length is learned");
    // Where only the padding is too much, the length is that of the window.
    let mut service = Service::lying(move |_, ask| (ask.sent.seconds() > DAY).then(|| Ok(hourly(ask))));
    let mut knowledge = fresh();
    for (age, asked) in [(2, 3), (3, 1)] {
        let day = window(age * DAY, DAY);
        let decided = service.run(&mut knowledge, planned(day, 2));
        decided.holds(&service, &domains(2), day);
        assert_eq!(service.asks.len(), asked);
        service.asks.clear();
    }
}

#[test]
fn a_conflict_is_asked_for_once_more() {
    for always in [false, true] {
        let mut service = Service::honest();
        let slot = NOW - 3 * DAY + HOUR_SECONDS;
        service.lie = Box::new(move |nth, ask| {
            let truth: Truth = Box::new(|_, slot| Some(slot / SLOT_SECONDS % 1_000));
            let mut rows = rows(&truth, "d00.com", ask.sent);
            if (nth == 1 || always) && ask.sent.contains(slot) {
                rows.push(format!(r#"[{slot},1,1,{{"200":1}}]"#));
            }
            Some(Ok(envelope(&[format!(
                r#"{{"domain":"d00.com","data":[{}]}}"#,
                rows.join(",")
            )])))
        });
        let day = window(2 * DAY, DAY);
        let decided = service.run(&mut fresh(), planned(day, 1));
        assert_eq!(decided.covered.len(), 288);
        assert_eq!(decided.stored.len(), if always { 287 } else { 288 });
        assert_eq!(service.asks.len(), 2);
    }
}
