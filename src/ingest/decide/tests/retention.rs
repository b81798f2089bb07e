//! The end of retention: status 21.

use super::*;

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
