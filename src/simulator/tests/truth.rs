//! What the truth looks like, and how it comes about with time.

use super::super::time::POINT_SECONDS;
use super::super::traffic::{EXTRA_CODES, LISTED_CODES};
use super::super::{Truth, TruthPoint};

/// 2026-01-05 00:00 in UTC+8, a Monday.
const MONDAY: i64 = 1_767_542_400;
const DAY: i64 = 86_400;
const DOMAINS: [&str; 3] = ["www.example.com", "img.example.com", "download.example.com"];

fn final_points(domain: &str, start: i64, days: i64) -> Vec<TruthPoint> {
    let truth = Truth::new(1);
    truth
        .domain(domain)
        .points(start, start + days * DAY, i64::MAX)
        .collect()
}

#[test]
fn the_same_question_always_has_the_same_answer() {
    let slot = MONDAY + 300;
    let one = Truth::new(9).final_point("WWW.A.com", slot);
    assert_eq!(one, Truth::new(9).final_point("www.a.com", slot));
    assert_ne!(one, Truth::new(10).final_point("www.a.com", slot));
    assert_ne!(one, Truth::new(9).final_point("www.b.com", slot));
    assert_eq!(Truth::new(9).final_point("www.a.com", slot + 1), None);
}

#[test]
fn every_listed_code_is_reported_in_order_and_extra_ones_only_when_counted() {
    for domain in DOMAINS {
        for point in final_points(domain, MONDAY, 30) {
            let keys: Vec<_> = point.codes.iter().map(|(code, _)| *code).collect();
            assert!(keys.starts_with(&LISTED_CODES));
            assert!(
                point.codes[17..]
                    .iter()
                    .all(|(code, n)| EXTRA_CODES.contains(code) && *n > 0)
            );
        }
    }
}

#[test]
fn few_codes_say_as_much_with_less() {
    let few = Truth {
        few_codes: true,
        ..Truth::new(1)
    };
    let few = few.domain(DOMAINS[0]);
    for point in few.points(MONDAY, MONDAY + DAY, i64::MAX) {
        let full = Truth::new(1).final_point(DOMAINS[0], point.ts);
        assert_eq!(full.map(|full| full.pv), Some(point.pv));
        assert_eq!(point.codes.len(), 3);
    }
}

#[test]
fn codes_add_up_to_the_requests_but_for_a_rare_few() {
    let points: Vec<_> = DOMAINS.iter().flat_map(|d| final_points(d, MONDAY, 30)).collect();
    let sum = |point: &TruthPoint| point.codes.iter().map(|(_, n)| n).sum::<i64>();
    let uneven = points.iter().filter(|point| sum(point) != point.pv).count();
    assert!((1..points.len() / 1_000).contains(&uneven), "{uneven}");
    assert!(
        points
            .iter()
            .all(|p| p.bandwidth >= 0 && p.codes.iter().all(|(_, n)| *n >= 0))
    );
}

#[test]
fn evenings_are_busy_nights_are_quiet_and_weekends_differ() {
    let hour = |points: &[TruthPoint], hour: i64| -> i64 {
        let of_hour = |p: &&TruthPoint| (p.ts - MONDAY) % DAY / 3_600 == hour;
        points.iter().filter(of_hour).map(|p| p.pv).sum()
    };
    for domain in DOMAINS {
        let points = final_points(domain, MONDAY, 28);
        assert!(hour(&points, 21) > 4 * hour(&points, 3), "{domain}");
        let on = |weekday: i64| -> i64 {
            let of_day = |p: &&TruthPoint| (p.ts - MONDAY) / DAY % 7 == weekday;
            points.iter().filter(of_day).map(|p| p.pv).sum()
        };
        assert!(on(5) > on(1), "{domain}");
    }
}

#[test]
fn a_month_holds_a_surge_an_outage_and_zero_points() {
    let points = final_points("www.example.com", MONDAY, 30);
    let mut by_requests: Vec<i64> = points.iter().map(|p| p.pv).collect();
    by_requests.sort_unstable();
    let usual_peak = by_requests[by_requests.len() * 95 / 100];
    assert!(by_requests.last().unwrap() > &(usual_peak * 2));

    let failed = |p: &TruthPoint| -> i64 {
        let fails = |(code, _): &&(&str, i64)| code.starts_with('5') && *code != "512";
        p.codes.iter().filter(fails).map(|(_, n)| n).sum()
    };
    let outage = points
        .iter()
        .filter(|p| p.pv > 20 && failed(p) * 3 > p.pv)
        .count();
    assert!((4..40).contains(&outage), "{outage}");

    let zeros: Vec<_> = points.iter().filter(|p| p.pv == 0).collect();
    assert!(zeros.len() > 300, "{}", zeros.len());
    assert!(zeros.iter().all(|p| p.bandwidth == 0 && p.codes.len() == 17));
}

#[test]
fn a_download_domain_exceeds_32_bits() {
    let peak = final_points("download.example.com", MONDAY, 1)
        .iter()
        .map(|p| p.bandwidth)
        .max();
    assert!(peak > Some(1 << 32), "{peak:?}");
}

#[test]
fn the_newest_points_come_five_to_ten_minutes_late() {
    let truth = Truth::new(1);
    let exists = |age: i64| {
        (0..500)
            .filter(|n| {
                let slot = MONDAY + n * POINT_SECONDS;
                truth.point("www.a.com", slot, slot + age).is_some()
            })
            .count()
    };
    assert_eq!((exists(-1), exists(299), exists(600)), (0, 0, 500));
    assert!((100..400).contains(&exists(450)));
}

#[test]
fn a_share_of_points_changes_at_each_step_and_none_after_twelve_hours() {
    let truth = Truth::new(1);
    let domain = truth.domain("img.example.com");
    let slots = 2_000;
    let changed = |from: i64, to: i64| {
        (0..slots)
            .map(|n| MONDAY + n * POINT_SECONDS)
            .filter(|slot| domain.point(*slot, slot + from) != domain.point(*slot, slot + to))
            .count()
    };
    let hour = 3_600;
    assert_eq!(changed(600, hour - 1), 0);
    assert!((500..700).contains(&changed(hour - 1, hour)));
    assert_eq!(changed(hour, 4 * hour - 1), 0);
    assert!((200..400).contains(&changed(4 * hour - 1, 4 * hour)));
    assert!((80..240).contains(&changed(12 * hour - 1, 12 * hour)));
    assert_eq!(changed(12 * hour, 24 * hour), 0);
    assert_eq!(changed(12 * hour, i64::MAX / 2), 0);
}

#[test]
fn a_code_may_vanish_when_a_point_is_revised() {
    let truth = Truth::new(1);
    let domain = truth.domain("www.example.com");
    let vanished = (0..5_000).map(|n| MONDAY + n * POINT_SECONDS).any(|slot| {
        let young = domain.point(slot, slot + 600).unwrap();
        let settled = domain.point(slot, i64::MAX).unwrap();
        young
            .codes
            .iter()
            .any(|(code, _)| !settled.codes.iter().any(|(c, _)| c == code))
    });
    assert!(vanished);
}

#[test]
fn a_range_starts_on_the_grid_and_stops_where_points_end() {
    let truth = Truth::new(1);
    let domain = truth.domain("www.a.com");
    let ts: Vec<_> = domain
        .points(MONDAY + 1, MONDAY + 901, i64::MAX)
        .map(|p| p.ts)
        .collect();
    assert_eq!(ts, [MONDAY + 300, MONDAY + 600, MONDAY + 900]);
    assert_eq!(
        domain
            .points(MONDAY, i64::MAX, MONDAY + 1_200)
            .last()
            .map(|p| p.ts),
        Some(MONDAY + 600)
    );
}
