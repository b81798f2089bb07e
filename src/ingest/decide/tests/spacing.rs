//! 5-minute points, sums of longer steps, and points that contradict each other.

use super::*;

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
