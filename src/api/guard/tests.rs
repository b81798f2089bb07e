use proptest::prelude::*;

use super::*;
use crate::api::answer;

const DAY: i64 = 86_400;

fn request(names: &[&str]) -> OriginRequest {
    let domains: Vec<Domain> = names.iter().map(|name| name.parse().unwrap()).collect();
    OriginRequest::new(&domains, Span::new(0, DAY).unwrap()).unwrap()
}

fn checked(names: &[&str], entries: &[(&str, &str)]) -> Result<Answer, FailureKind> {
    let entries: Vec<String> = entries
        .iter()
        .map(|(domain, rows)| format!(r#"{{"domain":"{domain}","data":[{rows}]}}"#))
        .collect();
    let body = format!(r#"{{"status":0,"data":[{}]}}"#, entries.join(","));
    check(&request(names), answer::parse(body.as_bytes()).unwrap())
}

fn times(answer: &Answer) -> Vec<&[i64]> {
    answer
        .points
        .iter()
        .map(|(_, points)| points.ts.as_slice())
        .collect()
}

fn hourly(every: i64, times: i64) -> String {
    let rows: Vec<String> = (0..times)
        .map(|at| format!("[{},1,0,{{}}]", at * every))
        .collect();
    rows.join(",")
}

#[test]
fn domains_match_whatever_their_case_and_silence_is_an_empty_list() {
    let answer = checked(
        &["a.com", "b.com", "c.com"],
        &[
            ("B.COM", "[600,1,0,{}],[300,1,0,{}]"),
            ("c.com", ""),
            ("b.com", "[900,1,0,{}]"),
        ],
    )
    .unwrap();
    assert_eq!(times(&answer), [&[][..], &[300, 600, 900], &[]]);
    assert_eq!((answer.received, answer.rejects), (3, vec![]));
}

#[test]
fn a_domain_that_was_not_asked_for_is_rejected_once_and_whole() {
    let answer = checked(
        &["a.com"],
        &[("x.com", "[300,1,0,{}],[600,-1,0,{}]"), ("a.com", "[300,1,0,{}]")],
    )
    .unwrap();
    assert_eq!(times(&answer), [&[300][..]]);
    let raw = r#"{"domain":"x.com","data":[[300,1,0,{}],[600,-1,0,{}]]}"#;
    assert_eq!(
        answer.rejects,
        [Reject::new("x.com", None, RejectReason::DomainNotAsked, raw)]
    );
    assert_eq!(
        checked(&["a.com"], &[("not a name", "")]).unwrap().rejects.len(),
        1
    );
}

#[test]
fn a_point_outside_the_window_is_rejected_with_its_text() {
    let answer = checked(
        &["a.com"],
        &[(
            "a.com",
            "[86400,1,0,{}],[86399,1,0,{}],[0,1,0,{}],[9223372036854775807,1,0,{}]",
        )],
    )
    .unwrap();
    assert_eq!(times(&answer), [&[0, 86_399][..]]);
    let outside = RejectReason::OutsideWindow(Span::new(0, DAY).unwrap());
    assert_eq!(
        answer.rejects,
        [
            Reject::new("a.com", Some(DAY), outside.clone(), "[86400,1,0,{}]"),
            Reject::new("a.com", Some(i64::MAX), outside, "[9223372036854775807,1,0,{}]"),
        ]
    );
}

#[test]
fn repetitions_collapse_and_contradictions_are_all_rejected() {
    let answer = checked(
        &["a.com"],
        &[
            (
                "a.com",
                r#"[300,8,3,{"200":1,"206":2}],[300,8,3,{"206":2,"200":1}],[600,1,0,{}],[900,1,0,{}]"#,
            ),
            (
                "A.com",
                r#"[300,8.0,"3",{"200":1,"206":2}],[600,2,0,{}],[600,1,0,{}]"#,
            ),
        ],
    )
    .unwrap();
    assert_eq!(times(&answer), [&[300, 900][..]]);
    assert_eq!((answer.received, answer.duplicates), (7, 2));
    let conflicting = |raw| Reject::new("a.com", Some(600), RejectReason::Conflicting, raw);
    assert_eq!(
        answer.rejects,
        [
            conflicting("[600,1,0,{}]"),
            conflicting("[600,2,0,{}]"),
            conflicting("[600,1,0,{}]")
        ]
    );
}

#[test]
fn a_code_reported_as_zero_and_one_not_reported_contradict_each_other() {
    let rows = r#"[300,8,1,{"200":1}],[300,8,1,{"200":1,"206":0}]"#;
    assert_eq!(checked(&["a.com"], &[("a.com", rows)]).unwrap().rejects.len(), 2);
}

#[test]
fn two_times_in_one_slot_are_both_rejected() {
    let rows = "[300,1,0,{}],[599,1,0,{}],[600,1,0,{}],[900,1,0,{}],[901,1,0,{}],[901,2,0,{}],[900,1,0,{}]";
    let answer = checked(&["a.com"], &[("a.com", rows)]).unwrap();
    assert_eq!((times(&answer), answer.duplicates), (vec![&[600][..]], 1));
    let shares = |ts, other, raw| Reject::new("a.com", Some(ts), RejectReason::SharesSlot { other }, raw);
    assert_eq!(
        answer.rejects,
        [
            shares(300, 599, "[300,1,0,{}]"),
            shares(599, 300, "[599,1,0,{}]"),
            shares(900, 901, "[900,1,0,{}]"),
            Reject::new("a.com", Some(901), RejectReason::Conflicting, "[901,1,0,{}]"),
            Reject::new("a.com", Some(901), RejectReason::Conflicting, "[901,2,0,{}]"),
        ]
    );
}

#[test]
fn points_an_hour_or_more_apart_in_every_domain_are_another_granularity() {
    let coarse = |entries: &[(&str, &str)]| match checked(&["a.com", "b.com"], entries) {
        Err(FailureKind::Coarse { seconds }) => Some(seconds),
        Err(other) => panic!("{other:?}"),
        Ok(_) => None,
    };
    assert_eq!(coarse(&[("a.com", &hourly(3_600, 24))]), Some(3_600));
    assert_eq!(coarse(&[("a.com", "[301,1,0,{}],[14701,1,0,{}]")]), Some(14_400));
    assert_eq!(
        coarse(&[("a.com", &hourly(3_600, 24)), ("b.com", &hourly(7_200, 3))]),
        Some(3_600)
    );
    assert_eq!(
        coarse(&[("a.com", &hourly(3_600, 24)), ("b.com", "[0,1,0,{}]")]),
        Some(3_600)
    );
    assert_eq!(
        coarse(&[("a.com", &hourly(3_600, 24)), ("b.com", &hourly(300, 3))]),
        None
    );
    assert_eq!(
        coarse(&[("a.com", "[0,1,0,{}],[3600,1,0,{}],[3900,1,0,{}]")]),
        None
    );
    assert_eq!(
        coarse(&[("a.com", "[0,1,0,{}]"), ("b.com", "[3600,1,0,{}]")]),
        None
    );
    assert_eq!(coarse(&[]), None);
}

#[test]
fn a_lone_point_at_the_beginning_of_a_whole_day_is_a_daily_figure() {
    let is_coarse = |entries: &[(&str, &str)]| {
        matches!(
            checked(&["a.com", "b.com"], entries),
            Err(FailureKind::Coarse { seconds: DAY })
        )
    };
    assert!(is_coarse(&[("a.com", "[0,9,0,{}]")]));
    assert!(is_coarse(&[("a.com", "[0,9,0,{}]"), ("b.com", "[0,8,0,{}]")]));
    assert!(!is_coarse(&[("a.com", "[300,9,0,{}]")]));
    assert!(!is_coarse(&[("a.com", "[0,9,0,{}]"), ("b.com", "[300,8,0,{}]")]));
    assert!(!is_coarse(&[
        ("a.com", &hourly(300, 288)),
        ("b.com", "[0,8,0,{}]")
    ]));
    assert!(!is_coarse(&[("a.com", "")]));
}

#[test]
fn counts_that_do_not_add_up_are_kept_and_counted() {
    let largest = i64::MAX;
    let rows = format!(
        r#"[300,1,3,{{"200":1,"206":2}}],[600,1,4,{{"200":1,"206":2}}],[900,1,1,{{"200":{largest},"206":{largest}}}]"#
    );
    let answer = checked(&["a.com"], &[("a.com", &rows)]).unwrap();
    assert_eq!(
        (times(&answer), answer.odd_codes),
        (vec![&[300, 600, 900][..]], 2)
    );
}

proptest! {
    #[test]
    fn every_point_is_accounted_for_and_the_order_of_the_answer_is_irrelevant(
        rows in prop::collection::vec((-2_i64..20, prop_oneof![4 => Just(0_i64), 1 => 0_i64..300], 0_i64..2), 0..20),
        seed in any::<u64>(),
    ) {
        let mut rows: Vec<String> = rows
            .iter()
            .map(|(slot, offset, pv)| format!("[{},1,{pv},{{}}]", slot * 300 + offset))
            .collect();
        let sorted_out = |rows: &[String]| {
            let answer = checked(&["a.com"], &[("a.com", &rows.join(","))])?;
            let mut rejected: Vec<String> =
                answer.rejects.iter().map(|reject| format!("{} {}", reject.reason, reject.raw)).collect();
            rejected.sort();
            Ok::<_, FailureKind>((answer, rejected))
        };
        let first = sorted_out(&rows);
        if let Ok((answer, rejected)) = &first {
            let points = &answer.points[0].1;
            let slots: Vec<i64> = points.ts.iter().map(|ts| slot_floor(*ts)).collect();
            prop_assert!(slots.iter().zip(slots.iter().skip(1)).all(|(a, b)| a < b));
            prop_assert!(points.ts.iter().all(|ts| (0..DAY).contains(ts)));
            let total = count(points.len() + rejected.len()) + answer.duplicates;
            prop_assert_eq!(total, answer.received);
        }
        fastrand::Rng::with_seed(seed).shuffle(&mut rows);
        match (first, sorted_out(&rows)) {
            (Ok((a, a_rejected)), Ok((b, b_rejected))) => {
                prop_assert_eq!(a.points, b.points);
                prop_assert_eq!(a_rejected, b_rejected);
            }
            (a, b) => prop_assert_eq!(a.err(), b.err()),
        }
    }
}
