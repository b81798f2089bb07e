//! Whole answers, and the confirmation of holes.

use super::*;

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
