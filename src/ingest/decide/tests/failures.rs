//! Limits, unreadable answers, and refused domains.

use super::*;

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
